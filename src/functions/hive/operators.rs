//! Texts beside numbers and dates: `'10' > 9`, `'3' + 4`, `dt >= '2024-01-01'`, `true = 1`
//!
//! DataFusion converts the text to the other side's type and fails if it cannot; or the number to text, and compares as texts. Hive makes
//! both DOUBLE for numbers, and the text a date or a timestamp beside one; a text that is none is NULL.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::BinaryOperator;

#[derive(Debug)]
pub(super) struct MixedTypes;

impl ExprPlanner for MixedTypes {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let compares = match expr.op {
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => true,
            BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply => false,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let expr = if compares { expr } else { with_int_literals(expr) };
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let RawBinaryExpr { op, left: left_expr, right: right_expr } = expr;
        let common = |text: &DataType, other: &DataType| common_type(text, other, compares);
        let (left_expr, right_expr) = match (common(&left, &right), common(&right, &left)) {
            (Some(to), _) | (None, Some(to)) => (as_type(left_expr, &left, &to), as_type(right_expr, &right, &to)),
            (None, None) if !compares && is_text(&left) && is_text(&right) => {
                (as_type(left_expr, &left, &DataType::Float64), as_type(right_expr, &right, &DataType::Float64))
            }
            (None, None) => (left_expr, right_expr),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left: left_expr, right: right_expr }))
    }
}

/// A whole number is an INT if there is room for it, and INTs give an INT; DataFusion takes it for a BIGINT.
fn with_int_literals(expr: RawBinaryExpr) -> RawBinaryExpr {
    let as_int = |expr: Expr| match &expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), None) => match i32::try_from(*value) {
            Ok(value) => lit(value),
            Err(_) => expr,
        },
        _ => expr,
    };
    RawBinaryExpr { left: as_int(expr.left), right: as_int(expr.right), op: expr.op }
}

/// The type in which a text and another value meet.
fn common_type(text: &DataType, other: &DataType, compares: bool) -> Option<DataType> {
    if *text == DataType::Boolean && other.is_numeric() && compares {
        return Some(other.clone());
    }
    if !is_text(text) {
        return None;
    }
    if other.is_numeric() {
        return Some(DataType::Float64);
    }
    match other {
        DataType::Date32 | DataType::Timestamp(..) | DataType::Boolean if compares => Some(other.clone()),
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn as_type(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    match from == to {
        true => expr,
        false => super::cast_to(expr, to),
    }
}
