//! `if(c, a, b)` → `CASE WHEN c THEN a ELSE b END`, `nullif(a, b)` → `CASE WHEN a = b THEN NULL ELSE a END`
//!
//! DataFusion's functions of these names find no type for a text and a number, and its planner asks them before we do
//! (`functions/coercion`).

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::ast::{bare, folded};

pub(super) fn in_other_words(expr: &mut Expr) {
    if let Expr::Function(function) = expr
        && let Some(other) = of_function(function)
    {
        *expr = other;
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

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn calls_are_written_out() {
        for (written, becomes) in
            [("if(a, b, c)", "CASE WHEN a THEN b ELSE c END"), ("nullif(a, b)", "CASE WHEN a = b THEN NULL ELSE a END")]
        {
            assert_eq!(
                rewritten_hive(&format!("SELECT {written} AS x FROM t")),
                format!("SELECT {becomes} AS x FROM t")
            );
        }
    }
}
