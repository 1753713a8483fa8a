//! `s RLIKE 'p'`, `s REGEXP 'p'` → `s ~ 'p'`
//!
//! They mean the same; DataFusion knows the operator only.

use sqlparser::ast::{BinaryOperator, Expr};

pub(super) fn to_operator(expr: &mut Expr) {
    let Expr::RLike { negated, expr: value, pattern, .. } = expr else { return };
    let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    *expr = Expr::BinaryOp { left: value.clone(), op, right: pattern.clone() };
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn rlike_is_an_operator() {
        assert_eq!(
            rewritten("SELECT s RLIKE 'x', s REGEXP p, s NOT RLIKE 'x' FROM t"),
            "SELECT s ~ 'x', s ~ p, s !~ 'x' FROM t"
        );
        unchanged("SELECT s ~ 'x', s !~* 'x' FROM t");
    }
}
