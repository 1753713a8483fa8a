//! `a OR b OR c OR …` of thousands → the same as a balanced tree
//!
//! The parser makes a chain of it, as deep as it is long. What walks it later, down to freeing it, would run out of stack. Chains of other
//! operators cannot be balanced (`a - b - c`, a sum of decimals whose precision grows from left to right), and planning takes
//! time by the square of their length: there is a limit.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Spanned, VisitMut, VisitorMut};

use super::Refusal;
use super::ast::joined;
use crate::sql::visit::visit_mut;

/// Shorter chains are left as they are written.
const LONG: usize = 200;

/// Longer chains are refused, if they cannot be balanced.
const LIMIT: usize = 2_000;

/// Comes first: the rules walk a statement several times.
pub(super) fn balance_all(part: &mut impl VisitMut) -> Result<(), Refusal> {
    match visit_mut(part, &mut Balancer) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refusal) => Err(refusal),
    }
}

struct Balancer;

impl VisitorMut for Balancer {
    type Break = Refusal;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        balance(expr);
        match one_too_many(expr) {
            None => ControlFlow::Continue(()),
            Some(term) => ControlFlow::Break(
                Refusal::new(format!("this chain of operators has more than {LIMIT} terms"), term.span())
                    .help("group the terms in parentheses, some hundred each"),
            ),
        }
    }
}

/// The first term beyond the limit, counted from the left.
fn one_too_many(expr: &Expr) -> Option<&Expr> {
    let mut depth = std::iter::successors(Some(expr), |expr| match expr {
        Expr::BinaryOp { left, .. } => Some(left.as_ref()),
        _ => None,
    });
    let above = depth.clone().count().checked_sub(LIMIT + 1)?;
    match depth.nth(above)? {
        Expr::BinaryOp { right, .. } => Some(right),
        _ => None,
    }
}

fn balance(expr: &mut Expr) {
    let Expr::BinaryOp { op, .. } = expr else { return };
    if !matches!(op, BinaryOperator::And | BinaryOperator::Or) {
        return;
    }
    let operator = op.clone();
    if !is_long(expr, &operator) {
        return;
    }
    let mut terms = Vec::new();
    let mut rest = std::mem::replace(expr, Expr::Tuple(Vec::new()));
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == operator => {
                terms.push(*right);
                rest = *left;
            }
            first => {
                terms.push(first);
                break;
            }
        }
    }
    terms.reverse();
    if let Some(balanced) = joined(terms, operator) {
        *expr = balanced;
    }
}

fn is_long(mut expr: &Expr, operator: &BinaryOperator) -> bool {
    for _ in 0..LONG {
        match expr {
            Expr::BinaryOp { left, op, .. } if op == operator => expr = left,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::Ident;

    use super::*;
    use crate::sql::rewrite::testing::{refused, rewritten};

    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::BinaryOp { left, right, .. } => 1 + depth(left).max(depth(right)),
            _ => 0,
        }
    }

    fn chain(operator: BinaryOperator, length: usize) -> Expr {
        let name = |number: usize| Expr::Identifier(Ident::new(format!("c{number}")));
        (1..length).fold(name(0), |left, number| Expr::BinaryOp {
            left: Box::new(left),
            op: operator.clone(),
            right: Box::new(name(number)),
        })
    }

    #[test]
    fn long_chains_become_shallow_and_keep_their_order() {
        for operator in [BinaryOperator::And, BinaryOperator::Or] {
            let mut expr = chain(operator, 1000);
            let written = expr.to_string();
            balance(&mut expr);
            assert_eq!(depth(&expr), 10);
            assert_eq!(expr.to_string(), written);
        }
    }

    #[test]
    fn short_chains_and_other_operators_are_left_alone() {
        for mut expr in [chain(BinaryOperator::Or, 100), chain(BinaryOperator::Plus, 1000)] {
            let before = depth(&expr);
            balance(&mut expr);
            assert_eq!(depth(&expr), before);
        }
    }

    #[test]
    fn a_filter_of_very_many_terms_is_read() {
        let filter = vec!["a = 1"; 50_000].join(" OR ");
        assert!(rewritten(&format!("SELECT a FROM t WHERE {filter}")).ends_with("OR a = 1"));
    }

    #[test]
    fn chains_that_cannot_be_balanced_have_a_limit() {
        let at_limit = format!("SELECT {}1 FROM t", "1 + ".repeat(LIMIT - 1));
        assert_eq!(rewritten(&at_limit), at_limit);
        refused(
            &format!("SELECT {}▸2 + 3 FROM t", "1 - ".repeat(LIMIT)),
            "this chain of operators has more than 2000 terms",
        );
    }
}
