//! `SELECT *, INPUT__FILE__NAME FROM t` → `SELECT * EXCLUDE (input__file__name), input__file__name FROM
//! (SELECT *, input_file_name() AS input__file__name FROM t) t`
//!
//! The file of a row is known where it is read only, so the column is made there. How far into a file a row stands is known nowhere.

use std::collections::HashSet;

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned,
    TableAlias, TableFactor,
};
use sqlparser::tokenizer::Span;

use super::super::Refusal;
use super::super::ast::{all_columns, call, each_expr, folded, query_of, select_of};

const FILE: &str = "input__file__name";

pub(super) fn refuse_unknown(expr: &Expr) -> Result<(), Refusal> {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    match name {
        Some(name) if is(name, "block__offset__inside__file") || is(name, "row__offset__inside__block") => {
            let what = name.value.to_uppercase();
            Err(Refusal::new(format!("{what} is not known: readers here do not count bytes"), name.span)
                .help("INPUT__FILE__NAME tells the file; row_number() OVER (…) numbers rows"))
        }
        _ => Ok(()),
    }
}

pub(super) fn of_files(select: &mut Select) {
    let Some(tables) = asked_of(select) else { return };
    let mut made = HashSet::new();
    for from in &mut select.from {
        let factors = std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation));
        for factor in factors {
            if let Some(name) = with_file(factor, &tables) {
                made.insert(name);
            }
        }
    }
    if made.is_empty() {
        return;
    }
    let without = || Some(ExcludeSelectItem::Single(ObjectName::from(vec![Ident::new(FILE)])));
    for item in &mut select.projection {
        match item {
            SelectItem::Wildcard(options) if options.opt_exclude.is_none() => options.opt_exclude = without(),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options) => {
                let table = table.0.last().and_then(|part| part.as_ident()).map(folded);
                if options.opt_exclude.is_none() && table.is_some_and(|table| made.contains(&table)) {
                    options.opt_exclude = without();
                }
            }
            _ => {}
        }
    }
}

/// The tables whose files are asked for; an empty set means any. `None`: no one asks.
fn asked_of(select: &mut Select) -> Option<HashSet<String>> {
    let mut tables = HashSet::new();
    let (mut asked, mut of_any) = (false, false);
    let _ = each_expr(select, |expr| {
        match expr {
            Expr::Identifier(name) if is(name, FILE) => (asked, of_any) = (true, true),
            Expr::CompoundIdentifier(names) => {
                if let [.., table, name] = names.as_slice()
                    && is(name, FILE)
                {
                    asked = true;
                    tables.insert(folded(table));
                }
            }
            _ => {}
        }
        Ok::<(), ()>(())
    });
    if of_any {
        tables.clear();
    }
    asked.then_some(tables)
}

/// Adds the column to a table that is asked for it; gives the table's name.
fn with_file(factor: &mut TableFactor, tables: &HashSet<String>) -> Option<String> {
    let TableFactor::Table { name, alias, args: None, .. } = factor else { return None };
    let visible = match alias.as_ref() {
        Some(alias) => alias.name.clone(),
        None => name.0.last()?.as_ident()?.clone(),
    };
    if !tables.is_empty() && !tables.contains(&folded(&visible)) {
        return None;
    }
    let span = name.span();
    let alias = alias.take().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: visible.clone(),
        columns: Vec::new(),
        at: None,
    });
    let nothing = TableFactor::TableFunction { expr: Expr::Tuple(Vec::new()), alias: None };
    let table = std::mem::replace(factor, nothing);
    let file = SelectItem::ExprWithAlias { expr: call("input_file_name", Vec::new(), span), alias: Ident::new(FILE) };
    let select = select_of(vec![all_columns(), file], Some(table));
    *factor = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query_of(SetExpr::Select(Box::new(select)))),
        alias: Some(alias),
        sample: None,
    };
    Some(folded(&visible))
}

fn is(name: &Ident, what: &str) -> bool {
    name.span != Span::empty() && name.quote_style.is_none() && name.value.eq_ignore_ascii_case(what)
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn the_file_of_a_row_is_a_column_of_its_table() {
        for (query, becomes) in [
            (
                "SELECT INPUT__FILE__NAME, a FROM t",
                "SELECT INPUT__FILE__NAME, a FROM (SELECT *, input_file_name() AS input__file__name FROM t) AS t",
            ),
            (
                "SELECT * FROM t x JOIN u ON x.a = u.a WHERE x.input__file__name LIKE 'b'",
                "SELECT * EXCLUDE input__file__name FROM (SELECT *, input_file_name() AS input__file__name FROM t) x \
                 JOIN u ON x.a = u.a WHERE x.input__file__name LIKE 'b'",
            ),
        ] {
            assert_eq!(rewritten_hive(query), becomes);
        }
        assert_eq!(rewritten_hive("SELECT a FROM t"), "SELECT a FROM t");
    }

    #[test]
    fn the_place_within_a_file_is_not_known() {
        refused_hive(
            "SELECT ▸BLOCK__OFFSET__INSIDE__FILE FROM t",
            "BLOCK__OFFSET__INSIDE__FILE is not known: readers here do not count bytes",
        );
    }
}
