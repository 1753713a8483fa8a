//! A DOUBLE beside a DECIMAL is compared as DOUBLE
//!
//! DataFusion makes both DECIMAL(30, 15): `1e-20 > 0.0` is false then, and a number of more than fifteen digits before the point, or
//! NaN, is an error. PostgreSQL, DuckDB, Hive and Spark make both DOUBLE.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use sqlparser::ast::BinaryOperator;

#[derive(Debug)]
pub struct FloatsAndDecimals;

impl ExprPlanner for FloatsAndDecimals {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let compares = matches!(
            expr.op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        if !compares {
            return Ok(PlannerResult::Original(expr));
        }
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let RawBinaryExpr { op, left: left_expr, right: right_expr } = expr;
        let (left_expr, right_expr) = if left.is_floating() && right.is_decimal() {
            (left_expr, as_double(right_expr))
        } else if left.is_decimal() && right.is_floating() {
            (as_double(left_expr), right_expr)
        } else {
            (left_expr, right_expr)
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left: left_expr, right: right_expr }))
    }
}

fn as_double(expr: Expr) -> Expr {
    match &expr {
        // A constant at once, so that files are still pruned by it; and from its digits, which is exact.
        Expr::Literal(value, None) => match value.to_string().parse::<f64>() {
            Ok(number) => lit(number),
            Err(_) => cast(expr),
        },
        _ => cast(expr),
    }
}

fn cast(expr: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), DataType::Float64))
}

#[cfg(test)]
mod tests {
    use datafusion::scalar::ScalarValue;

    use super::*;

    #[test]
    fn constants_keep_their_digits() {
        assert_eq!(as_double(lit(ScalarValue::Decimal128(Some(125), 4, 2))), lit(1.25));
        assert_eq!(as_double(lit(ScalarValue::Decimal128(Some(-1), 2, 1))), lit(-0.1));
    }
}
