//! `SELECT 1 + 1, a, a` has the columns `1 + 1`, `a` and `a`
//!
//! DataFusion names an expression after its own form of it (`Int64(1) + Int64(1)`), and refuses a list that names one
//! column twice. A user expects what they wrote. So items without a name are remembered as they were written, those that
//! occur a second time get a name of their own for the planner, and the result gets the remembered names.
//!
//! Which columns `*` stands for, and what it calls an expression (all subqueries the same), is known to the planner only. Where it says
//! that a name occurs a second time (`SELECT a, *`), [`tell_all_apart`] gives each item a name of its own, and the query is planned again.
//! Its names leave out casts (`sum(a)` is also `sum(CAST(a AS DOUBLE))`), so these are put into a call that has one.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Value, VisitorMut,
};

use super::ast::{call, string};
use crate::functions::told_apart::ToldApart;
use crate::sql::visit::visit_mut;

/// The names that a query's result is to have, item by item of its SELECT list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutputNames {
    /// `None`: a wildcard, which stands for any number of columns.
    items: Vec<Option<String>>,
    /// The names that only the planner sees, and what they stand for.
    planned: HashMap<String, Given>,
}

/// A name as the user knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    name: String,
    /// Written behind AS, and not taken from the expression.
    is_alias: bool,
}

impl OutputNames {
    /// The names of all columns of a result: those of a wildcard are as they are.
    pub(crate) fn of_result(&self, schema: &Schema) -> Vec<String> {
        let shown = |name: &String| self.planned.get(name).map_or(name, |given| &given.name).clone();
        let mut names: Vec<String> = schema.fields().iter().map(|field| shown(field.name())).collect();
        let columns = names.len();
        let is_wildcard = |item: &Option<String>| item.is_none();
        let first = self.items.iter().position(is_wildcard).unwrap_or(self.items.len());
        let after_last = self.items.iter().rposition(is_wildcard).map_or(self.items.len(), |last| last + 1);
        let behind = self.items.len() - after_last;
        if first + behind > columns || (first == self.items.len() && first != columns) {
            return names;
        }
        let known = self.items.iter().take(first).enumerate();
        let known =
            known.chain(self.items.iter().skip(after_last).enumerate().map(|(at, item)| (columns - behind + at, item)));
        for (position, item) in known {
            if let (Some(name), Some(item)) = (names.get_mut(position), item) {
                name.clone_from(item);
            }
        }
        names
    }
}

/// Remembers the names of a query's items, and makes them distinct for the planner.
pub(crate) fn remember_names(query: &mut Query) -> OutputNames {
    match selects(&mut query.body).into_iter().next() {
        Some(select) => names_of(select, Apart::FromEachOther),
        None => OutputNames::default(),
    }
}

/// The same for a query of which the planner has found that it gives a name twice; `None` where there is nothing to name.
pub(crate) fn tell_all_apart(query: &mut Query) -> Option<OutputNames> {
    let named: Vec<_> = selects(&mut query.body).into_iter().map(|select| names_of(select, Apart::FromAll)).collect();
    let has_casts = name_casts(query);
    if !has_casts && named.iter().all(|names| names.planned.is_empty()) {
        return None;
    }
    let first = named.into_iter().next()?;
    // In ORDER BY a name that the SELECT list gives means that item.
    if let Some(OrderBy { kind: OrderByKind::Expressions(sorted), .. }) = &mut query.order_by {
        for by in sorted {
            let Expr::Identifier(name) = &mut by.expr else { continue };
            if let Some((planned, _)) =
                first.planned.iter().find(|(_, given)| given.is_alias && given.name == folded(name))
            {
                *name = Ident::with_quote_and_span('"', name.span, planned);
            }
        }
    }
    Some(first)
}

/// Puts each cast into a call whose name tells it from what is cast, and names the items of all but the first part of each UNION; false
/// if there is neither.
pub(crate) fn name_casts(query: &mut Query) -> bool {
    let mut found = false;
    let _ = visit_mut(query, &mut CastNamer { found: &mut found });
    found
}

/// The names of these are not those of the result.
fn name_later_parts(body: &mut SetExpr) -> bool {
    let SetExpr::SetOperation { left, right, .. } = body else { return false };
    let mut found = name_later_parts(left);
    for select in selects(right) {
        found |= !names_of(select, Apart::FromEachOther).planned.is_empty();
    }
    found
}

/// The SELECTs that a query is made of. The first one names the result.
fn selects(body: &mut SetExpr) -> Vec<&mut Select> {
    match body {
        SetExpr::Select(select) => vec![select],
        SetExpr::Query(query) => selects(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            let mut found = selects(left);
            found.extend(selects(right));
            found
        }
        _ => Vec::new(),
    }
}

/// What the names of items have to differ from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    FromEachOther,
    /// Also from the columns of a `*`, and from what the planner calls others.
    FromAll,
}

fn names_of(select: &mut Select, apart: Apart) -> OutputNames {
    let mut taken: HashSet<String> = HashSet::new();
    let mut names = OutputNames::default();
    for item in &mut select.projection {
        let (name, is_alias) = match item {
            SelectItem::UnnamedExpr(expr) => (written_name(expr), false),
            SelectItem::ExprWithAlias { alias, .. } => (folded(alias), true),
            _ => {
                names.items.push(None);
                continue;
            }
        };
        // DataFusion takes a cast's name from what is cast.
        let planned = match item {
            SelectItem::UnnamedExpr(expr) => written_name(&without_casts(expr)),
            _ => name.clone(),
        };
        if !taken.insert(planned) || apart == Apart::FromAll {
            // A name that no one can write by mistake; the result shows the remembered one.
            let unique =
                (2_usize..).map(|number| format!("{name}:{number}")).find(|unique| taken.insert(unique.clone()));
            if let Some(unique) = unique {
                let expr = match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
                    _ => continue,
                };
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', &unique) };
                names.planned.insert(unique, Given { name: name.clone(), is_alias });
            }
        }
        names.items.push(Some(name));
    }
    names
}

struct CastNamer<'a> {
    found: &'a mut bool,
}

impl VisitorMut for CastNamer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        *self.found |= name_later_parts(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { data_type, .. } = expr {
            let (to, span) = (data_type.to_string(), expr.span());
            let cast = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = call(ToldApart::NAME, vec![cast, string(to, span)], span);
            *self.found = true;
        }
        ControlFlow::Continue(())
    }
}

fn without_casts(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = visit_mut(&mut expr, &mut CastRemover);
    expr
}

struct CastRemover;

impl VisitorMut for CastRemover {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr: inner, .. } = expr {
            *expr = inner.as_ref().clone();
        }
        ControlFlow::Continue(())
    }
}

/// A column's own name, else the expression's text.
fn written_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => folded(name),
        Expr::CompoundIdentifier(parts) => parts.last().map_or_else(|| expr.to_string(), folded),
        _ => expr.to_string(),
    }
}

fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};
    use sqlparser::ast::Statement;
    use sqlparser::parser::Parser;

    use super::*;
    use crate::sql::dialect::Dialect;

    fn remember(sql: &str) -> (String, OutputNames) {
        let mut statements = Parser::parse_sql(Dialect::Ansi.tokens(), sql).unwrap();
        let Some(Statement::Query(query)) = statements.first_mut() else { panic!("{sql} is a query") };
        let names = remember_names(query);
        (query.to_string(), names)
    }

    fn result(names: &OutputNames, columns: &[&str]) -> Vec<String> {
        let fields: Vec<Field> = columns.iter().map(|name| Field::new(*name, DataType::Int32, true)).collect();
        names.of_result(&Schema::new(fields))
    }

    #[test]
    fn expressions_are_named_as_they_were_written() {
        let (sql, names) = remember("SELECT 1 + 1, t.A, count(*) AS n FROM t");
        assert_eq!(sql, "SELECT 1 + 1, t.A, count(*) AS n FROM t");
        assert_eq!(result(&names, &["Int64(1) + Int64(1)", "a", "n"]), ["1 + 1", "a", "n"]);
    }

    #[test]
    fn a_column_may_be_named_twice() {
        let (sql, names) = remember("SELECT a, a, 1, 1 FROM t");
        assert_eq!(sql, "SELECT a, a AS \"a:2\", 1, 1 AS \"1:2\" FROM t");
        assert_eq!(result(&names, &["a", "a:2", "Int64(1)", "1:2"]), ["a", "a", "1", "1"]);
    }

    #[test]
    fn casts_of_one_expression_are_told_apart() {
        let (sql, names) = remember("SELECT CAST(a AS INT), CAST(a AS TEXT) FROM t");
        assert_eq!(sql, "SELECT CAST(a AS INT), CAST(a AS TEXT) AS \"CAST(a AS TEXT):2\" FROM t");
        assert_eq!(result(&names, &["a", "x"]), ["CAST(a AS INT)", "CAST(a AS TEXT)"]);
    }

    #[test]
    fn what_stands_around_a_wildcard_is_found_from_both_ends() {
        let (_, names) = remember("SELECT a + 1, *, b + 1 FROM t");
        assert_eq!(result(&names, &["x", "p", "q", "y"]), ["a + 1", "p", "q", "b + 1"]);
        assert_eq!(result(&names, &["x"]), ["x"], "fewer columns than items");
    }

    fn tell_apart(sql: &str) -> Option<(String, OutputNames)> {
        let mut statements = Parser::parse_sql(Dialect::Ansi.tokens(), sql).unwrap();
        let Some(Statement::Query(query)) = statements.first_mut() else { panic!("{sql} is a query") };
        let names = tell_all_apart(query)?;
        Some((query.to_string(), names))
    }

    #[test]
    fn what_a_wildcard_gives_too_is_told_apart_from_it() {
        let (sql, names) = tell_apart("SELECT t.*, a, u.*, x AS b FROM t, u ORDER BY a, b, c").unwrap();
        assert_eq!(sql, "SELECT t.*, a AS \"a:2\", u.*, x AS \"b:2\" FROM t, u ORDER BY a, \"b:2\", c");
        assert_eq!(result(&names, &["a", "a:2", "c", "b:2"]), ["a", "a", "c", "b"]);
        let (sql, _) = tell_apart("SELECT * FROM t UNION ALL SELECT *, a FROM u").unwrap();
        assert_eq!(sql, "SELECT * FROM t UNION ALL SELECT *, a AS \"a:2\" FROM u");
        let (sql, _) = tell_apart("SELECT (SELECT 1), (SELECT 2)").unwrap();
        assert_eq!(sql, "SELECT (SELECT 1) AS \"(SELECT 1):2\", (SELECT 2) AS \"(SELECT 2):2\"");
        assert_eq!(tell_apart("SELECT * FROM t"), None);
    }

    #[test]
    fn a_union_is_named_by_its_first_part() {
        let (_, names) = remember("SELECT 1 UNION ALL SELECT 2 AS b");
        assert_eq!(result(&names, &["Int64(1)"]), ["1"]);
    }
}
