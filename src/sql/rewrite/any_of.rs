//! `a = ANY ([1, NULL])` → `a IN (1, NULL)`, `a = ANY (xs)` → `NOT (a <> ALL(xs))`
//!
//! DataFusion asks whether the array has the value: a NULL among others would make it false, not NULL, and NOT would make it
//! true. Of `<> ALL` it knows NULLs.

use sqlparser::ast::{Array, BinaryOperator, Expr, UnaryOperator};

pub(super) fn to_list(expr: &mut Expr) {
    let Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } = expr else { return };
    if let Some(list) = elements(right) {
        *expr = Expr::InList { expr: left.clone(), list, negated: false };
    } else if !is_query(right) {
        let none = Expr::AllOp { left: left.clone(), compare_op: BinaryOperator::NotEq, right: right.clone() };
        *expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(none))) };
    }
}

fn is_query(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_query(inner),
        Expr::Subquery(_) => true,
        _ => false,
    }
}

fn elements(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Nested(inner) => elements(inner),
        Expr::Array(Array { elem, .. }) if !elem.is_empty() => Some(elem.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn an_array_that_is_written_out_is_a_list() {
        assert_eq!(
            rewritten("SELECT a = ANY (ARRAY[1, b]), a = SOME ([NULL]) FROM t"),
            "SELECT a IN (1, b), a IN (NULL) FROM t"
        );
    }

    #[test]
    fn other_comparisons_are_left_alone() {
        unchanged("SELECT a > ANY([1]), a <> ALL([1, 2]) FROM t");
    }

    #[test]
    fn an_array_that_is_computed_is_asked_for_all_others() {
        assert_eq!(rewritten("SELECT 1 FROM t WHERE a = ANY (xs)"), "SELECT 1 FROM t WHERE NOT (a <> ALL(xs))");
    }
}
