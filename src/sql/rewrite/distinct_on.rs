//! `(SELECT DISTINCT ON (a) … ORDER BY a, b) ORDER BY c` → `SELECT * FROM (SELECT DISTINCT ON (a) … ORDER BY a, b) ORDER BY c`
//!
//! DataFusion keeps the order in which DISTINCT ON chooses its rows in the same place as the order of the result: a second
//! ORDER BY would replace the first, and other rows would be chosen.

use std::collections::HashSet;

use sqlparser::ast::{Distinct, Expr, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value};

use super::ast::{all_columns, no_rows, select_of};

pub(super) fn choose_before_sorting(query: &mut Query) {
    if query.order_by.is_none() || !matches!(query.body.as_ref(), SetExpr::Query(inner) if chooses(inner)) {
        return;
    }
    if let SetExpr::Query(subquery) = std::mem::replace(query.body.as_mut(), no_rows()) {
        let chosen = TableFactor::Derived { lateral: false, subquery, alias: None, sample: None };
        *query.body = SetExpr::Select(Box::new(select_of(vec![all_columns()], Some(chosen))));
    }
}

/// `ORDER BY a, a, b` → `ORDER BY a, b`: DataFusion's choice of rows panics over a key that comes again, also by its position.
pub(super) fn sort_once(select: &Select, order_by: Option<&mut OrderBy>) {
    if let (Some(Distinct::On(_)), Some(OrderBy { kind: OrderByKind::Expressions(keys), .. })) =
        (&select.distinct, order_by)
    {
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(at_position(select, &key.expr).unwrap_or(&key.expr).to_string()));
    }
}

/// The item of the SELECT list for which a number in ORDER BY stands.
fn at_position<'a>(select: &'a Select, key: &Expr) -> Option<&'a Expr> {
    let Expr::Value(value) = key else { return None };
    let Value::Number(position, _) = &value.value else { return None };
    match select.projection.get(position.parse::<usize>().ok()?.checked_sub(1)?)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// Whether the last step of a query is DISTINCT ON. LIMIT behind it keeps the two orders apart.
fn chooses(query: &Query) -> bool {
    query.limit_clause.is_none()
        && query.fetch.is_none()
        && match query.body.as_ref() {
            SetExpr::Select(select) => matches!(select.distinct, Some(Distinct::On(_))),
            SetExpr::Query(inner) => chooses(inner),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn a_second_order_is_kept_apart_from_the_choice() {
        assert_eq!(
            rewritten("(SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b) ORDER BY a, b DESC"),
            "SELECT * FROM (SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b) ORDER BY a, b DESC"
        );
        assert_eq!(
            rewritten("SELECT 1 FROM (((SELECT DISTINCT ON (a) a FROM t)) ORDER BY a LIMIT 1) x"),
            "SELECT 1 FROM (SELECT * FROM ((SELECT DISTINCT ON (a) a FROM t)) ORDER BY a LIMIT 1) x"
        );
    }

    #[test]
    fn a_key_that_comes_again_goes() {
        assert_eq!(
            rewritten("SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, a DESC, b"),
            "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b"
        );
        assert_eq!(
            rewritten("SELECT DISTINCT ON (a) a, b + 1 AS c FROM t ORDER BY a, 1 DESC, b, 2"),
            "SELECT DISTINCT ON (a) a, b + 1 AS c FROM t ORDER BY a, b, 2"
        );
        unchanged("SELECT a FROM t ORDER BY a, a");
    }

    #[test]
    fn one_order_and_other_queries_are_left_alone() {
        unchanged("SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b");
        unchanged("(SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b LIMIT 1) ORDER BY b");
        unchanged("(SELECT DISTINCT a, b FROM t ORDER BY a) ORDER BY b");
        unchanged("(SELECT DISTINCT ON (a) a FROM t) UNION ALL (SELECT DISTINCT ON (a) a FROM u) ORDER BY a");
    }
}
