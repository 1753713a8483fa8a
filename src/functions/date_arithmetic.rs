//! `DATE '2024-02-28' + INTERVAL '1 hour'` is one o'clock
//!
//! DataFusion keeps the type of a date to which an interval is added, and so loses hours, minutes and seconds in silence.
//! Where the interval has a part below a day, or is not a constant, the date is made a timestamp first, as in PostgreSQL.
//! An interval of whole days and months keeps the date a date: comparisons with date columns then still prune files.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use sqlparser::ast::BinaryOperator;

#[derive(Debug)]
pub struct DateArithmetic;

impl ExprPlanner for DateArithmetic {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let is_date = |expr: &Expr| matches!(expr.get_type(schema), Ok(DataType::Date32 | DataType::Date64));
        let is_interval = |expr: &Expr| matches!(expr.get_type(schema), Ok(DataType::Interval(_)));
        let RawBinaryExpr { left, right, .. } = &expr;
        let (left, right) = if is_date(left) && is_interval(right) && reaches_below_a_day(right) {
            (to_timestamp(left), right.clone())
        } else if op == Operator::Plus && is_interval(left) && is_date(right) && reaches_below_a_day(left) {
            (left.clone(), to_timestamp(right))
        } else {
            return Ok(PlannerResult::Original(expr));
        };
        Ok(PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))))
    }
}

/// Whether an interval may have hours or less. Only of constants it is known that they do not.
fn reaches_below_a_day(interval: &Expr) -> bool {
    match interval {
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => false,
        Expr::Literal(ScalarValue::IntervalDayTime(value), _) => value.is_some_and(|value| value.milliseconds != 0),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(value), _) => value.is_some_and(|value| value.nanoseconds != 0),
        Expr::Negative(inner) => reaches_below_a_day(inner),
        // Its first arguments are years, months, weeks and days.
        Expr::ScalarFunction(call) if call.name() == "make_interval" => call.args.len() > 4,
        _ => true,
    }
}

fn to_timestamp(date: &Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(date.clone()), DataType::Timestamp(TimeUnit::Microsecond, None)))
}
