//! `FROM t, unnest(t.items) AS u (x)` → `FROM t, LATERAL (SELECT unnest(t.items) AS x) AS u`
//!
//! DataFusion unfolds arrays in FROM that are constants only. Those that read columns are written as a lateral query, which
//! the optimizer computes row by row (`optimizer/lateral_unnest.rs`).

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, Spanned, TableAlias, TableFactor, Visitor};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{call, query_of, select_of};
use crate::sql::visit::visit;

pub(super) fn of_columns(factor: &mut TableFactor) -> Result<(), Refusal> {
    let TableFactor::UNNEST { alias, array_exprs, .. } = factor else { return Ok(()) };
    if !array_exprs.iter().any(reads_columns) {
        return Ok(());
    }
    let names = names(alias.as_ref(), array_exprs)?;
    let items = std::mem::take(array_exprs)
        .into_iter()
        .zip(names)
        .map(|(array, alias)| {
            let span = array.span();
            SelectItem::ExprWithAlias { expr: call("unnest", vec![array], span), alias }
        })
        .collect();
    let alias = alias.take().map(|alias| TableAlias { columns: Vec::new(), ..alias });
    *factor = lateral(items, alias);
    Ok(())
}

/// `LATERAL (SELECT items) AS alias`
pub(super) fn lateral(items: Vec<SelectItem>, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Derived {
        lateral: true,
        subquery: Box::new(query_of(SetExpr::Select(Box::new(select_of(items, None))))),
        alias,
        sample: None,
    }
}

/// What the columns are called: as the alias says; without a list behind it, one column has the alias's own name, as in PostgreSQL.
fn names(alias: Option<&TableAlias>, arrays: &[Expr]) -> Result<Vec<Ident>, Refusal> {
    let given: Vec<Ident> = alias.iter().flat_map(|alias| &alias.columns).map(|column| column.name.clone()).collect();
    if let Some(extra) = given.get(arrays.len()) {
        let columns = if arrays.len() == 1 { "one column" } else { "fewer columns" };
        return Err(Refusal::new(format!("unnest() gives {columns}, so that \"{extra}\" names none"), extra.span));
    }
    let rest = match (alias, arrays) {
        (Some(alias), [_]) if given.is_empty() => vec![alias.name.clone()],
        _ => (given.len()..arrays.len())
            .map(|index| match index {
                0 => Ident::new("unnest"),
                _ => Ident::new(format!("unnest_{}", index + 1)),
            })
            .collect(),
    };
    Ok(given.into_iter().chain(rest).collect())
}

fn reads_columns(expr: &Expr) -> bool {
    visit(expr, &mut Columns).is_break()
}

struct Columns;

impl Visitor for Columns {
    type Break = Span;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        match expr {
            Expr::Identifier(name) => ControlFlow::Break(name.span),
            Expr::CompoundIdentifier(_) => ControlFlow::Break(Span::empty()),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn arrays_of_columns_are_lateral_queries() {
        for (from, becomes) in [
            ("t, unnest(t.items) AS u (x)", "t, LATERAL (SELECT unnest(t.items) AS x) AS u"),
            ("t, unnest(items) x", "t, LATERAL (SELECT unnest(items) AS x) x"),
            ("t CROSS JOIN unnest(items)", "t CROSS JOIN LATERAL (SELECT unnest(items) AS unnest)"),
            (
                "t LEFT JOIN unnest(a, b) AS u (x) ON true",
                "t LEFT JOIN LATERAL (SELECT unnest(a) AS x, unnest(b) AS unnest_2) AS u ON true",
            ),
        ] {
            assert_eq!(rewritten(&format!("SELECT x FROM {from}")), format!("SELECT x FROM {becomes}"));
        }
    }

    #[test]
    fn constant_arrays_are_left_as_they_are() {
        unchanged("SELECT x FROM UNNEST([1, 2]) AS u (x)");
        unchanged("SELECT x FROM UNNEST(range(1, 3)) AS u (x)");
    }

    #[test]
    fn names_without_a_column_are_refused() {
        refused("SELECT x FROM t, unnest(t.a) AS u (x, ▸y)", "unnest() gives one column, so that \"y\" names none");
    }
}
