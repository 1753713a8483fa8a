//! `SELECT a, b … ORDER BY ALL DESC` → `ORDER BY 1 DESC, 2 DESC`
//!
//! The parser takes ALL for a column, and DataFusion looks for one of that name.

use sqlparser::ast::{Expr, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Spanned};

use super::Refusal;
use super::ast::{is_word, number};

pub(super) fn to_positions(query: &mut Query) -> Result<(), Refusal> {
    let Some(order_by) = &mut query.order_by else { return Ok(()) };
    let OrderByKind::Expressions(keys) = &mut order_by.kind else { return Ok(()) };
    let [key] = keys.as_slice() else { return Ok(()) };
    if !matches!(&key.expr, Expr::Identifier(name) if is_word(name, "all")) {
        return Ok(());
    }
    let span = key.expr.span();
    let Some(columns) = column_count(&query.body) else {
        return Err(Refusal::new("ORDER BY ALL needs the columns by name in the SELECT list", span)
            .help("name them there, or write ORDER BY 1, 2, …"));
    };
    let options = key.options;
    *keys =
        (1..=columns).map(|position| OrderByExpr { expr: number(position, span), options, with_fill: None }).collect();
    Ok(())
}

/// How many columns come out, if that can be told without knowing the tables.
fn column_count(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => select.projection.iter().all(is_one_column).then_some(select.projection.len()),
        SetExpr::SetOperation { left, .. } => column_count(left),
        SetExpr::Query(query) => column_count(&query.body),
        SetExpr::Values(values) => values.rows.first().map(|row| row.content.len()),
        _ => None,
    }
}

fn is_one_column(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            // unnest() of a struct gives a column for each of its fields.
            !matches!(expr, Expr::Function(function) if function.name.to_string().to_lowercase().starts_with("unnest"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn all_means_every_column_from_left_to_right() {
        assert_eq!(rewritten("SELECT a, b AS c FROM t ORDER BY ALL"), "SELECT a, b AS c FROM t ORDER BY 1, 2");
        assert_eq!(
            rewritten("SELECT a, b FROM t UNION SELECT 1, 2 ORDER BY ALL DESC NULLS LAST LIMIT 3"),
            "SELECT a, b FROM t UNION SELECT 1, 2 ORDER BY 1 DESC NULLS LAST, 2 DESC NULLS LAST LIMIT 3"
        );
        assert_eq!(rewritten("VALUES (1, 2) ORDER BY ALL"), "VALUES (1, 2) ORDER BY 1, 2");
    }

    #[test]
    fn columns_that_are_not_named_cannot_be_counted() {
        refused("SELECT * FROM t ORDER BY ▸ALL", "ORDER BY ALL needs the columns by name in the SELECT list");
        refused("SELECT unnest(x) FROM t ORDER BY ▸all", "ORDER BY ALL needs the columns by name in the SELECT list");
    }

    #[test]
    fn a_quoted_name_is_a_column() {
        unchanged("SELECT a FROM t ORDER BY \"all\"");
        unchanged("SELECT a FROM t ORDER BY a, b");
    }
}
