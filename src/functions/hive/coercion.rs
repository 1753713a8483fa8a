//! Texts, numbers and dates beside each other: `'10' > 9`, `'3' + 4`, `dt >= '2024-01-01'`, `CASE WHEN c THEN 1 ELSE 'x' END`
//!
//! Compared, a text and a number are DOUBLEs, and a text beside a date, a timestamp or a boolean becomes one; a text that is none is NULL. As
//! results, whatever is beside a text becomes text. A number and a date have nothing in common: that is an error, as it is in Hive.
//!
//! `+`, `-` and `*` of decimals whose result would have more than 38 digits are functions of ours: Hive gives up places behind the point then.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::binary::comparison_coercion;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF, lit};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::BinaryOperator;

use super::math::decimals;
use super::{boolean, cast, cast_to};
use crate::functions::coercion::{Meeting, Rules, compare, doubles};
use crate::sql::dialect::Dialect;

/// What casts a text that is compared with a boolean.
static SPELLED_BOOLEAN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(boolean::spelled().into()));

const TEXT: DataType = DataType::Utf8View;
const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[derive(Debug)]
pub(in crate::functions) struct Hive;

impl Rules for Hive {
    fn dialect(&self) -> Dialect {
        Dialect::Hive
    }

    fn compared(&self, left: &DataType, right: &DataType) -> Meeting {
        use DataType as T;
        match (plain(left), plain(right)) {
            (a, b) if a == b || a.is_null() || b.is_null() => Meeting::Unsaid,
            (text, other) | (other, text) if is_text(text) => match other {
                other if other.is_numeric() => Meeting::In(T::Float64),
                T::Date32 | T::Timestamp(..) | T::Boolean => Meeting::In(other.clone()),
                _ => Meeting::Unsaid,
            },
            (T::Boolean, number) | (number, T::Boolean) if number.is_numeric() => Meeting::In(number.clone()),
            (T::Timestamp(..), number) | (number, T::Timestamp(..)) if number.is_numeric() => Meeting::In(T::Float64),
            (T::Date32, T::Boolean) | (T::Boolean, T::Date32) => Meeting::Never,
            (T::Date32, number) | (number, T::Date32) if number.is_numeric() => Meeting::Never,
            (left, right) => doubles(left, right),
        }
    }

    fn either(&self, left: &DataType, right: &DataType) -> Meeting {
        use DataType as T;
        let is_time = |data_type: &DataType| matches!(data_type, T::Date32 | T::Timestamp(..));
        match (plain(left), plain(right)) {
            (a, b) if a == b || a.is_null() || b.is_null() || is_text(a) && is_text(b) => Meeting::Unsaid,
            (text, other) | (other, text) if is_text(text) => match other {
                other if other.is_numeric() || *other == T::Boolean || is_time(other) => Meeting::In(TEXT),
                other if other.is_nested() => Meeting::Never,
                _ => Meeting::Unsaid,
            },
            (time, other) | (other, time)
                if is_time(time) && (other.is_numeric() || *other == T::Boolean || other.is_nested()) =>
            {
                Meeting::Never
            }
            (T::Boolean, other) | (other, T::Boolean) if other.is_numeric() || other.is_nested() => Meeting::Never,
            (number, other) | (other, number) if number.is_numeric() && other.is_nested() => Meeting::Never,
            (T::Date32, T::Timestamp(..)) | (T::Timestamp(..), T::Date32) => Meeting::In(TIMESTAMP),
            (T::List(left), T::List(right)) => match self.either(left.data_type(), right.data_type()) {
                Meeting::In(item) => Meeting::In(DataType::List(Arc::new(Field::new_list_field(item, true)))),
                other => other,
            },
            (T::Struct(left), T::Struct(right)) if left.len() == right.len() => self.either_struct(left, right),
            (a, b) if a.is_decimal() || b.is_decimal() => match doubles(a, b) {
                Meeting::Unsaid => decimals::either(a, b).map_or(Meeting::Unsaid, Meeting::In),
                said => said,
            },
            _ => Meeting::Unsaid,
        }
    }

    fn to_compare(&self, value: Expr, from: &DataType, to: &DataType) -> Expr {
        match (from, to) {
            (from, DataType::Boolean) if is_text(from) => SPELLED_BOOLEAN.call(vec![value]),
            _ => self.to_result(value, from, to),
        }
    }

    fn to_result(&self, value: Expr, from: &DataType, to: &DataType) -> Expr {
        match from == to || from.is_null() {
            true => value,
            false => cast_to(value, to),
        }
    }

    fn operation(&self, operation: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let BinaryExpr { left, op, right } = operation;
        match op {
            Operator::Plus | Operator::Minus | Operator::Multiply => self.arithmetic(*left, op, *right, schema),
            Operator::StringConcat => {
                let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
                let changed = cast::is_ours(&left_type, &TEXT) || cast::is_ours(&right_type, &TEXT);
                if !changed {
                    return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
                }
                let as_text = |value: Expr, from: &DataType| match is_text(from) {
                    true => value,
                    false => self.to_result(value, from, &TEXT),
                };
                let (left, right) = (as_text(*left, &left_type), as_text(*right, &right_type));
                Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(left.into(), op, right.into()))))
            }
            _ => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
        }
    }

    fn casts_arguments(&self) -> bool {
        true
    }

    fn argument_cast(&self, from: &DataType, to: &DataType) -> bool {
        cast::is_ours(from, to)
    }

    fn is_like_text(&self, from: &DataType) -> bool {
        from.is_numeric() || matches!(from, DataType::Boolean | DataType::Date32 | DataType::Timestamp(..))
    }
}

impl Hive {
    /// Field by field, under the names of the first.
    fn either_struct(&self, left: &Fields, right: &Fields) -> Meeting {
        let mut fields = Vec::with_capacity(left.len());
        let mut said = false;
        for (left, right) in left.iter().zip(right) {
            fields.push(match self.either(left.data_type(), right.data_type()) {
                Meeting::Never => return Meeting::Never,
                Meeting::Unsaid => left.as_ref().clone(),
                Meeting::In(to) => {
                    said = true;
                    Field::new(left.name(), to, true)
                }
            });
        }
        if said { Meeting::In(DataType::Struct(fields.into())) } else { Meeting::Unsaid }
    }

    fn arithmetic(&self, left: Expr, op: Operator, right: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
        let is_interval = |data_type: &DataType| matches!(data_type, DataType::Interval(_));
        let of = |left: Expr, right: Expr| Expr::BinaryExpr(BinaryExpr::new(left.into(), op, right.into()));
        // A text with a date or a time in it: what comes of it is text again.
        if is_text(&left_type) && is_interval(&right_type) {
            let sum = of(cast_to(left, &TIMESTAMP), right);
            return Ok(Transformed::yes(cast_to(sum, &TEXT)));
        }
        if is_interval(&left_type) && is_text(&right_type) && op == Operator::Plus {
            let sum = of(left, cast_to(right, &TIMESTAMP));
            return Ok(Transformed::yes(cast_to(sum, &TEXT)));
        }
        let becomes_double = |data_type: &DataType, other: &DataType| {
            is_text(data_type) && (other.is_numeric() || is_text(other) || other.is_null())
        };
        if becomes_double(&left_type, &right_type) || becomes_double(&right_type, &left_type) {
            let double = DataType::Float64;
            let sum = of(self.to_result(left, &left_type, &double), self.to_result(right, &right_type, &double));
            return Ok(Transformed::yes(sum));
        }
        match decimals::operation(op, &left_type, &right_type) {
            Some(function) => Ok(Transformed::yes(function.call(vec![left, right]))),
            None => Ok(Transformed::no(of(left, right))),
        }
    }
}

/// The same while a query is planned: DataFusion's planner already asks for the types of operations.
#[derive(Debug)]
pub(super) struct MixedTypes;

impl ExprPlanner for MixedTypes {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship => {
                let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
                    return Ok(PlannerResult::Original(expr));
                };
                // Only what would be refused here: the types of UNION and CASE are not settled yet.
                if comparison_coercion(&left, &right).is_some() {
                    return Ok(PlannerResult::Original(expr));
                }
                let (left, right) = compare(&Hive, expr.left, expr.right, schema)?.data;
                return Ok(PlannerResult::Original(RawBinaryExpr { op: expr.op, left, right }));
            }
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let expr = with_int_literals(expr);
        if expr.left.get_type(schema).is_err() || expr.right.get_type(schema).is_err() {
            return Ok(PlannerResult::Original(expr));
        }
        let RawBinaryExpr { op: written, left, right } = expr;
        let settled = Hive.arithmetic(left, op, right, schema)?;
        match settled.data {
            // The planners that follow have to see it as an operation: they know of dates.
            Expr::BinaryExpr(BinaryExpr { left, op: same, right }) if same == op => {
                Ok(PlannerResult::Original(RawBinaryExpr { op: written, left: *left, right: *right }))
            }
            other => Ok(PlannerResult::Planned(other)),
        }
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

/// The type of the values of a dictionary, as partition columns are.
fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        other => other,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_date_have_nothing_in_common() {
        for number in [DataType::Int32, DataType::Float64, DataType::Decimal128(4, 2)] {
            assert_eq!(Hive.compared(&number, &DataType::Date32), Meeting::Never);
            assert_eq!(Hive.either(&DataType::Date32, &number), Meeting::Never);
        }
    }

    #[test]
    fn beside_a_text() {
        assert_eq!(Hive.compared(&TEXT, &DataType::Int32), Meeting::In(DataType::Float64));
        assert_eq!(Hive.compared(&DataType::Date32, &TEXT), Meeting::In(DataType::Date32));
        assert_eq!(Hive.either(&TEXT, &DataType::Int32), Meeting::In(TEXT));
        assert_eq!(Hive.either(&DataType::Date32, &TEXT), Meeting::In(TEXT));
        assert_eq!(Hive.either(&DataType::Utf8, &TEXT), Meeting::Unsaid);
    }

    #[test]
    fn items_and_fields_meet_as_values_do() {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        assert_eq!(Hive.either(&list(DataType::Int32), &list(TEXT)), Meeting::In(list(TEXT)));
        let structs = |item| DataType::Struct(vec![Field::new("a", item, true)].into());
        assert_eq!(Hive.either(&structs(TEXT), &structs(DataType::Date32)), Meeting::In(structs(TEXT)));
        assert_eq!(Hive.either(&structs(DataType::Int32), &structs(DataType::Date32)), Meeting::Never);
    }
}
