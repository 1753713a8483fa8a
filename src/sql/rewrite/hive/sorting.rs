//! `SORT BY a` → `ORDER BY a`, `CLUSTER BY a` → `ORDER BY a`, `DISTRIBUTE BY a` → nothing
//!
//! They say how rows are spread over reducers and sorted in each. There is one place where the rows go here, and rows that are sorted as
//! a whole are sorted in each of its parts.

use sqlparser::ast::{OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select, SetExpr, Spanned};

use super::super::Refusal;

pub(super) fn to_order_by(query: &mut Query) -> Result<(), Refusal> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let clustered = std::mem::take(&mut select.cluster_by);
    let keys = match sort_keys(select) {
        sorted if !sorted.is_empty() => sorted,
        _ => clustered.into_iter().map(ascending).collect(),
    };
    if keys.is_empty() {
        return Ok(());
    }
    if query.order_by.is_some() {
        let span = keys.first().map_or_else(|| query.span(), |key| key.expr.span());
        return Err(Refusal::new("ORDER BY sorts all rows; SORT BY or CLUSTER BY beside it means nothing", span));
    }
    query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
    Ok(())
}

fn sort_keys(select: &mut Select) -> Vec<OrderByExpr> {
    select.distribute_by.clear();
    std::mem::take(&mut select.sort_by)
}

fn ascending(expr: sqlparser::ast::Expr) -> OrderByExpr {
    OrderByExpr { expr, options: OrderByOptions { asc: None, nulls_first: None }, with_fill: None }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn rows_are_sorted_as_a_whole() {
        for clause in ["SORT BY a", "CLUSTER BY a", "DISTRIBUTE BY b SORT BY a"] {
            assert_eq!(rewritten_hive(&format!("SELECT a FROM t {clause}")), "SELECT a FROM t ORDER BY a");
        }
        assert_eq!(rewritten_hive("SELECT a FROM t DISTRIBUTE BY a"), "SELECT a FROM t");
        refused_hive(
            "SELECT a FROM t SORT BY ▸a ORDER BY a",
            "ORDER BY sorts all rows; SORT BY or CLUSTER BY beside it means nothing",
        );
    }
}
