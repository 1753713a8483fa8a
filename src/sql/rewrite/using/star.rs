//! `*` → the keys of the joins, then each table's other columns.

use sqlparser::ast::{
    ExceptSelectItem, ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::columns::{Columns, Key, Part, Table};
use crate::sql::rewrite::Refusal;
use crate::sql::rewrite::ast::{bare, same_name};

pub(super) fn expand_star(projection: &mut Vec<SelectItem>, columns: &Columns) -> Result<(), Refusal> {
    let mut items = Vec::new();
    for item in std::mem::take(projection) {
        match item {
            SelectItem::Wildcard(options) => expand(&options, columns, &mut items)?,
            other => items.push(other),
        }
    }
    *projection = items;
    Ok(())
}

fn expand(options: &WildcardAdditionalOptions, columns: &Columns, items: &mut Vec<SelectItem>) -> Result<(), Refusal> {
    let span = options.wildcard_token.0.span;
    let refuse = |reason: &str| {
        Err(Refusal::new(format!("* cannot be written out here: {reason}"), span)
            .help("name the columns, or write JOIN … ON"))
    };
    let Some(left_out) = left_out(options) else {
        return refuse("behind USING and NATURAL it takes EXCLUDE only");
    };
    for part in &columns.parts {
        match part {
            Part::Key(key) if left_out.iter().any(|name| same_name(name, &key.name)) => {}
            Part::Key(Key { value, name }) => items.push(match value.as_ref() {
                Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(value.as_ref().clone()),
                _ => SelectItem::ExprWithAlias { expr: value.as_ref().clone(), alias: name.clone() },
            }),
            Part::Table(table) => {
                let Some(name) = &table.name else { return refuse("a table in FROM has no name") };
                let is_key = |name: &&Ident| columns.keys().any(|key| same_name(&key.name, name));
                let others: Vec<&Ident> = left_out.iter().filter(|name| !is_key(name)).collect();
                let Some(others) = of_table(&others, table) else {
                    return refuse("which table the columns behind EXCLUDE are from is not known");
                };
                let without = table.without.iter().chain(others);
                items.extend(all_of(table, name, without.cloned().collect()));
            }
        }
    }
    Ok(())
}

/// Those of the names that are columns of the table; `None` if that is not known.
fn of_table<'a>(names: &[&'a Ident], table: &Table) -> Option<Vec<&'a Ident>> {
    if names.is_empty() {
        return Some(Vec::new());
    }
    let columns = table.columns.as_ref()?;
    let has = |name: &&&Ident| columns.iter().any(|column| same_name(column, name));
    Some(names.iter().filter(has).copied().collect())
}

/// `name.* EXCLUDE (without)`, unless nothing is left.
fn all_of(table: &Table, name: &ObjectName, without: Vec<Ident>) -> Option<SelectItem> {
    let goes = |column: &Ident| without.iter().any(|name| same_name(name, column));
    if table.columns.as_ref().is_some_and(|columns| columns.iter().all(goes)) {
        return None;
    }
    let opt_exclude = match without.is_empty() {
        true => None,
        false => {
            let names = without.into_iter().map(|name| ObjectName(vec![ObjectNamePart::Identifier(name)]));
            Some(ExcludeSelectItem::Multiple(names.collect()))
        }
    };
    let options = WildcardAdditionalOptions { opt_exclude, ..WildcardAdditionalOptions::default() };
    Some(SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name.clone()), options))
}

/// The names behind EXCLUDE or EXCEPT; `None` if other words stand behind `*`, or other names than columns'.
fn left_out(options: &WildcardAdditionalOptions) -> Option<Vec<Ident>> {
    let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, opt_alias, .. } =
        options;
    if opt_ilike.is_some() || opt_replace.is_some() || opt_rename.is_some() || opt_alias.is_some() {
        return None;
    }
    let mut names = match opt_exclude {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![bare(name)?.clone()],
        Some(ExcludeSelectItem::Multiple(names)) => {
            names.iter().map(|name| bare(name).cloned()).collect::<Option<Vec<_>>>()?
        }
    };
    if let Some(ExceptSelectItem { first_element, additional_elements }) = opt_except {
        names.push(first_element.clone());
        names.extend(additional_elements.iter().cloned());
    }
    Some(names)
}
