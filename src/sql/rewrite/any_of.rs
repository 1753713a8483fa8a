//! `a = ANY ([1, NULL])` → `a IN (1, NULL)`
//!
//! DataFusion asks whether the array has the value: a NULL among others would make it false, not NULL, and NOT would make it
//! true.

use sqlparser::ast::{Array, BinaryOperator, Expr};

pub(super) fn to_list(expr: &mut Expr) {
    let Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } = expr else { return };
    if let Some(list) = elements(right) {
        *expr = Expr::InList { expr: left.clone(), list, negated: false };
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
        unchanged("SELECT a > ANY([1]), a <> ALL([1, 2]), a = ANY(xs) FROM t");
    }
}
