//! `- INTERVAL '1 day 2 hours'` → `-(INTERVAL '1 day 2 hours')`, `INTERVAL - '1 day 2 hours'` likewise
//!
//! DataFusion puts the sign into the text, in front of its first number only: the hours would be added.

use sqlparser::ast::{Expr, Interval, UnaryOperator};

pub(super) fn sign_of_all(expr: &mut Expr) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match inner.as_ref() {
            Expr::Interval(_) => wrap(inner),
            // `--` would begin a comment in a text of it.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: innermost } if matches!(**innermost, Expr::Nested(_)) => {
                wrap(inner);
            }
            _ => {}
        },
        Expr::Interval(interval) => {
            if let Some(negative) = take_sign(interval)
                && negative
            {
                let mut inner = Box::new(std::mem::replace(expr, Expr::Tuple(Vec::new())));
                wrap(&mut inner);
                *expr = Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner };
            }
        }
        _ => {}
    }
}

fn wrap(expr: &mut Box<Expr>) {
    let inner = std::mem::replace(expr.as_mut(), Expr::Tuple(Vec::new()));
    **expr = Expr::Nested(Box::new(inner));
}

/// The signs in front of the value, taken away; `None` if there are none. `true`: they make it negative.
fn take_sign(interval: &mut Interval) -> Option<bool> {
    let mut negative = None;
    while let Expr::UnaryOp { op: op @ (UnaryOperator::Minus | UnaryOperator::Plus), expr } = interval.value.as_mut() {
        negative = Some(negative.unwrap_or(false) != (*op == UnaryOperator::Minus));
        let inner = std::mem::replace(expr.as_mut(), Expr::Tuple(Vec::new()));
        *interval.value = inner;
    }
    negative
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn the_sign_is_that_of_every_part() {
        assert_eq!(rewritten("SELECT - INTERVAL '1 day 2 hours'"), "SELECT -(INTERVAL '1 day 2 hours')");
        assert_eq!(rewritten("SELECT INTERVAL - '1 year 2 months'"), "SELECT -(INTERVAL '1 year 2 months')");
        assert_eq!(rewritten("SELECT - INTERVAL - '1' DAY"), "SELECT -(-(INTERVAL '1' DAY))");
        assert_eq!(rewritten("SELECT INTERVAL + '1' DAY"), "SELECT INTERVAL '1' DAY");
    }

    #[test]
    fn signs_elsewhere_are_left_alone() {
        unchanged("SELECT INTERVAL '-1 day', d - INTERVAL '1 day 2 hours', -(INTERVAL '1 day'), -a FROM t");
    }
}
