//! `SELECT 1 + 1, a, a` has the columns `1 + 1`, `a` and `a`
//!
//! DataFusion names an expression after its own form of it (`Int64(1) + Int64(1)`), and refuses a list that names one
//! column twice. A user expects what they wrote. So items without a name are remembered as they were written, those that
//! occur a second time get a name of their own for the planner, and the result gets the remembered names.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, SetExpr, VisitorMut};

use crate::sql::visit::visit_mut;

/// The names that a query's result is to have, item by item of its SELECT list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutputNames {
    /// `None`: a wildcard, which stands for any number of columns.
    items: Vec<Option<String>>,
}

impl OutputNames {
    /// The names of all columns of a result: those of a wildcard are as they are.
    pub(crate) fn of_result(&self, schema: &Schema) -> Vec<String> {
        let mut names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
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
    match first_select(&mut query.body) {
        Some(select) => names_of(select),
        None => OutputNames::default(),
    }
}

/// The SELECT that names the result: of a UNION the first.
fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first_select(&mut query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

fn names_of(select: &mut Select) -> OutputNames {
    let mut taken: HashSet<String> = HashSet::new();
    let mut items = Vec::with_capacity(select.projection.len());
    for item in &mut select.projection {
        let name = match item {
            SelectItem::UnnamedExpr(expr) => written_name(expr),
            SelectItem::ExprWithAlias { alias, .. } => folded(alias),
            _ => {
                items.push(None);
                continue;
            }
        };
        // DataFusion takes a cast's name from what is cast.
        let planned = match item {
            SelectItem::UnnamedExpr(expr) => written_name(&without_casts(expr)),
            _ => name.clone(),
        };
        if !taken.insert(planned) {
            // A name that no one can write by mistake; the result shows the remembered one.
            let unique =
                (2_usize..).map(|number| format!("{name}:{number}")).find(|unique| taken.insert(unique.clone()));
            if let Some(unique) = unique {
                let expr = match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
                    _ => continue,
                };
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
            }
        }
        items.push(Some(name));
    }
    OutputNames { items }
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

    #[test]
    fn a_union_is_named_by_its_first_part() {
        let (_, names) = remember("SELECT 1 UNION ALL SELECT 2 AS b");
        assert_eq!(result(&names, &["Int64(1)"]), ["1"]);
    }
}
