//! `x BETWEEN 1 AND 'b'` → `(x >= 1 AND x <= 'b')`, `x IN (1, 'b')` → `(x = 1 OR x = 'b')`, `CASE x WHEN 1 …` → `CASE WHEN x = 1 …`,
//! `coalesce(a, b, c)` → `nvl(a, nvl(b, c))`, `if(c, a, b)` → `CASE WHEN c THEN a ELSE b END`
//!
//! What a text and a number have in common is decided where two of them meet (`functions/hive/operators.rs`), and there is no such place in
//! these. Only of columns and literals, which cost nothing to compute twice; and of short lists.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, UnaryOperator,
};

use super::super::ast::{bare, call, folded, joined};

/// Longer lists stay lists.
const LONGEST_LIST: usize = 20;

pub(super) fn one_by_one(expr: &mut Expr) {
    match expr {
        Expr::Between { expr: value, negated, low, high } if is_cheap(value) => {
            let least = compare(value, BinaryOperator::GtEq, low);
            let greatest = compare(value, BinaryOperator::LtEq, high);
            let negated = *negated;
            let both = Expr::BinaryOp { left: Box::new(least), op: BinaryOperator::And, right: Box::new(greatest) };
            *expr = unless(negated, both);
        }
        Expr::InList { expr: value, list, negated } if is_cheap(value) && list.len() <= LONGEST_LIST => {
            let each = list.iter().map(|item| compare(value, BinaryOperator::Eq, item)).collect();
            let negated = *negated;
            if let Some(any) = joined(each, BinaryOperator::Or) {
                *expr = unless(negated, any);
            }
        }
        Expr::Case { operand, conditions, .. } if operand.as_ref().is_some_and(|operand| is_cheap(operand)) => {
            let Some(value) = operand.take() else { return };
            for when in conditions {
                when.condition = compare(&value, BinaryOperator::Eq, &when.condition);
            }
        }
        Expr::Function(function) => {
            if let Some(other) = of_function(function) {
                *expr = other;
            }
        }
        _ => {}
    }
}

fn of_function(function: &Function) -> Option<Expr> {
    let name = folded(bare(&function.name)?);
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments: Vec<Expr> = list
        .args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    match (name.as_str(), arguments.as_slice()) {
        ("coalesce", [_, _, ..]) => {
            let mut rest = arguments.into_iter().rev();
            let last = rest.next()?;
            Some(rest.fold(last, |rest, value| {
                let span = value.span();
                call("nvl", vec![value, rest], span)
            }))
        }
        ("if", [condition, yes, no]) => Some(case(condition.clone(), yes.clone(), Some(no.clone()))),
        ("nullif", [value, other]) => {
            let null = Expr::Value(sqlparser::ast::Value::Null.with_empty_span());
            Some(case(compare(value, BinaryOperator::Eq, other), null, Some(value.clone())))
        }
        _ => None,
    }
}

fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

fn compare(left: &Expr, op: BinaryOperator, right: &Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left.clone()), op, right: Box::new(right.clone()) }
}

fn unless(negated: bool, expr: Expr) -> Expr {
    let nested = Box::new(Expr::Nested(Box::new(expr)));
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: nested } } else { *nested }
}

fn is_cheap(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => true,
        Expr::Nested(inner) => is_cheap(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn comparisons_are_written_out() {
        for (written, becomes) in [
            ("a BETWEEN 1 AND 'b'", "(a >= 1 AND a <= 'b')"),
            ("a NOT BETWEEN 1 AND 2", "NOT (a >= 1 AND a <= 2)"),
            ("a IN (1, 'b')", "(a = 1 OR a = 'b')"),
            ("a NOT IN (1)", "NOT (a = 1)"),
            ("f(a) IN (1, 2)", "f(a) IN (1, 2)"),
            ("CASE a WHEN 1 THEN 'x' ELSE 'y' END", "CASE WHEN a = 1 THEN 'x' ELSE 'y' END"),
            ("coalesce(a, b, c)", "nvl(a, nvl(b, c))"),
            ("if(a, b, c)", "CASE WHEN a THEN b ELSE c END"),
            ("nullif(a, b)", "CASE WHEN a = b THEN NULL ELSE a END"),
        ] {
            assert_eq!(
                rewritten_hive(&format!("SELECT {written} AS x FROM t")),
                format!("SELECT {becomes} AS x FROM t")
            );
        }
    }
}
