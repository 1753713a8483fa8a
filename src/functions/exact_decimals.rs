//! `1 / 30000.0` is 0.0000333333333333 in ansi, and the product of two quotients has room before the point
//!
//! DataFusion gives a quotient four digits more than the dividend has, and cuts the rest: 0.0000. What it multiplies has all digits behind
//! the point that both have, whether or not there is room for others: of two quotients, or for users of DECIMAL(38, 18), a product of a
//! hundred is out of range.
//!
//! | of DECIMAL(p1, s1) and DECIMAL(p2, s2) | digits behind the point | if all do not fit in 38 |
//! |---|---|---|
//! | `/` | max(16, s1 + p2 + 1), which tells apart from 0 what can be divided by p2 digits | as many as leave room for those before the point, but s1 + 4 |
//! | `*` if that has more than 20 | s1 + s2 | as many as leave that room, but 16 |
//!
//! Both are rounded. The rule for `/` is that of Hive, Spark and SQL Server, which keep 6 digits; 16 are about what PostgreSQL gives at least.
//! An integer counts with the digits of its type, a literal with its own. By zero, and out of range, is an error.
//!
//! The functions stand in a plan from the start, as their types are others than those of the operators.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::compute::kernels::arity::{try_binary, try_unary};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use sqlparser::ast::BinaryOperator;

use super::decimals::{self, Digits, Division, MAX_PRECISION};
use crate::error::Error;
use crate::sql::types;

/// A quotient has so many digits behind the point, if there is room, and a product that has more keeps so many.
const PLACES: i16 = 16;
/// DataFusion's quotient has so many digits more than the dividend: there are never fewer.
const MORE_THAN_DIVIDEND: i16 = 4;
/// A product of no more digits behind the point is left to DataFusion.
const PLACES_OF_ANY_PRODUCT: i16 = 20;

static DIVIDE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(Exact::new(Operation::Divide).into()));
static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(Exact::new(Operation::Multiply).into()));

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Divide,
    Multiply,
}

impl Operation {
    fn sign(self) -> &'static str {
        match self {
            Operation::Divide => "/",
            Operation::Multiply => "*",
        }
    }

    /// The digits of a result.
    fn digits(self, (p1, s1): Digits, (p2, s2): Digits) -> Digits {
        let (whole, wanted, kept) = match self {
            Operation::Divide => {
                (p1 - s1 + s2, (s1 + p2 + 1).max(PLACES), (s1 + MORE_THAN_DIVIDEND).min(MAX_PRECISION))
            }
            Operation::Multiply => (p1 - s1 + p2 - s2 + 1, s1 + s2, PLACES),
        };
        let scale = wanted.min(kept.max(MAX_PRECISION - whole));
        ((whole + scale).clamp(1, MAX_PRECISION), scale)
    }
}

/// Puts the functions in the operators' places.
#[derive(Debug)]
pub(super) struct Decimals;

impl ExprPlanner for Decimals {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Divide => &*DIVIDE,
            BinaryOperator::Multiply => &*MULTIPLY,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_ours = match (operand(&left), operand(&right)) {
            _ if !is_decimal(&left) && !is_decimal(&right) => false,
            (Some((p1, s1)), Some((p2, s2))) => {
                expr.op == BinaryOperator::Divide || p1 + p2 >= MAX_PRECISION && s1 + s2 > PLACES_OF_ANY_PRODUCT
            }
            _ => false,
        };
        match is_ours {
            true => {
                let arguments = vec![with_own_digits(expr.left), with_own_digits(expr.right)];
                Ok(PlannerResult::Planned(function.call(arguments)))
            }
            false => Ok(PlannerResult::Original(expr)),
        }
    }
}

/// The values of a dictionary, as partition columns are, count as themselves.
fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        other => other,
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    plain(data_type).is_decimal()
}

/// The digits of an operand; `None` of one that is no number, or wider than those here.
fn operand(data_type: &DataType) -> Option<Digits> {
    match plain(data_type) {
        DataType::Boolean | DataType::Null | DataType::Decimal256(..) => None,
        number => decimals::of_number(number).filter(|(_, scale)| *scale >= 0),
    }
}

/// A whole number that is written out, as a decimal of as many digits.
fn with_own_digits(expr: Expr) -> Expr {
    match &expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => {
            let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as u8 + 1;
            Expr::Literal(ScalarValue::Decimal128(Some((*value).into()), digits, 0), metadata.clone())
        }
        _ => expr,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    operation: Operation,
    signature: Signature,
}

impl Exact {
    fn new(operation: Operation) -> Self {
        Exact { operation, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        self.operation.sign()
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [left, right] => Ok(format!("{} {} {}", left.schema_name(), self.name(), right.schema_name())),
            _ => plan_err!("{} takes two numbers", self.name()),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// When the types of a query are settled, an operand may turn out to be a DOUBLE.
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [left, right] => Ok(match operand(left).zip(operand(right)) {
                Some((left, right)) => decimals::data_type(self.operation.digits(left, right)),
                None => DataType::Float64,
            }),
            _ => plan_err!("{} takes two numbers", self.name()),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return exec_err!("{} takes two numbers", self.name()) };
        let gives = args.return_field.data_type();
        let DataType::Decimal128(..) = gives else { return self.of_doubles(left, right) };
        let digits = |value: &ColumnarValue| operand(&value.data_type()).unwrap_or((MAX_PRECISION, 0));
        let (left_digits, right_digits) = (digits(left), digits(right));
        let work = Work::new(self.operation, left_digits.1, right_digits.1, gives);
        let (left, right) = (
            left.cast_to(&decimals::data_type(left_digits), None)?,
            right.cast_to(&decimals::data_type(right_digits), None)?,
        );
        match (left, right) {
            (ColumnarValue::Array(left), ColumnarValue::Array(right)) => {
                let computed: PrimitiveArray<Decimal128Type> =
                    try_binary(decimals_of(&left)?, decimals_of(&right)?, |a, b| work.result(a, b))?;
                Ok(ColumnarValue::Array(work.in_type(computed)))
            }
            (ColumnarValue::Array(left), ColumnarValue::Scalar(ScalarValue::Decimal128(Some(b), ..))) => {
                Ok(ColumnarValue::Array(work.in_type(try_unary(decimals_of(&left)?, |a| work.result(a, b))?)))
            }
            (ColumnarValue::Scalar(ScalarValue::Decimal128(Some(a), ..)), ColumnarValue::Array(right)) => {
                Ok(ColumnarValue::Array(work.in_type(try_unary(decimals_of(&right)?, |b| work.result(a, b))?)))
            }
            (
                ColumnarValue::Scalar(ScalarValue::Decimal128(Some(a), ..)),
                ColumnarValue::Scalar(ScalarValue::Decimal128(Some(b), ..)),
            ) => {
                Ok(ColumnarValue::Scalar(ScalarValue::Decimal128(Some(work.result(a, b)?), work.precision, work.scale)))
            }
            // One is NULL.
            _ => Ok(ColumnarValue::Scalar(ScalarValue::try_from(gives)?)),
        }
    }
}

impl Exact {
    fn of_doubles(&self, left: &ColumnarValue, right: &ColumnarValue) -> Result<ColumnarValue> {
        let both_constant = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let as_double = |value: &ColumnarValue| value.cast_to(&DataType::Float64, None);
        let arrays = ColumnarValue::values_to_arrays(&[as_double(left)?, as_double(right)?])?;
        let [left, right] = arrays.as_slice() else { return exec_err!("{} takes two numbers", self.name()) };
        let computed = match self.operation {
            Operation::Divide => numeric::div(left, right)?,
            Operation::Multiply => numeric::mul(left, right)?,
        };
        Ok(match both_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?),
            false => ColumnarValue::Array(computed),
        })
    }
}

fn decimals_of(array: &ArrayRef) -> Result<&PrimitiveArray<Decimal128Type>> {
    match array.as_primitive_opt::<Decimal128Type>() {
        Some(decimals) => Ok(decimals),
        None => exec_err!("a decimal is expected, not {}", array.data_type()),
    }
}

/// What is done for each row.
struct Work {
    operation: Operation,
    precision: u8,
    scale: i8,
    /// The first number that has too many digits.
    end: u128,
    division: Division,
    /// The digits of a product that have no place.
    dropped: u8,
    scales: (i16, i16),
}

impl Work {
    fn new(operation: Operation, left_scale: i16, right_scale: i16, gives: &DataType) -> Self {
        let (precision, scale) = match gives {
            DataType::Decimal128(precision, scale) => (*precision, *scale),
            _ => (MAX_PRECISION as u8, 0),
        };
        Work {
            operation,
            precision,
            scale,
            end: 10_u128.pow(u32::from(precision)),
            division: Division::to_more_digits(i16::from(scale) - left_scale + right_scale),
            dropped: u8::try_from(left_scale + right_scale - i16::from(scale)).unwrap_or(0),
            scales: (left_scale, right_scale),
        }
    }

    fn result(&self, a: i128, b: i128) -> Result<i128, ArrowError> {
        let computed = match self.operation {
            Operation::Divide if b == 0 => return Err(ArrowError::DivideByZero),
            Operation::Divide => self.division.quotient(a, b),
            Operation::Multiply => decimals::product(a, b, self.dropped),
        };
        computed.filter(|value| value.unsigned_abs() < self.end).ok_or_else(|| self.out_of_range(a, b))
    }

    fn out_of_range(&self, a: i128, b: i128) -> ArrowError {
        let number = |value, scale| Decimal128Type::format_decimal(value, MAX_PRECISION as u8, scale as i8);
        let (a, b) = (number(a, self.scales.0), number(b, self.scales.1));
        let name = types::to_sql(&DataType::Decimal128(self.precision, self.scale));
        let error = Error::statement(format!("{a} {} {b} is out of range for {name}", self.operation.sign())).help(
            "compute with fewer digits behind the point: CAST(… AS DECIMAL(38, 4)); or with doubles: CAST(… AS DOUBLE)",
        );
        ArrowError::ExternalError(Box::new(error))
    }

    fn in_type(&self, values: PrimitiveArray<Decimal128Type>) -> ArrayRef {
        Arc::new(values.with_data_type(DataType::Decimal128(self.precision, self.scale)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_the_digits_before_the_point() {
        let quotient = |left, right| Operation::Divide.digits(left, right);
        assert_eq!(quotient((1, 0), (6, 1)), (18, 16));
        assert_eq!(quotient((15, 2), (15, 2)), (33, 18));
        assert_eq!(quotient((25, 2), (25, 2)), (38, 13));
        let product = |left, right| Operation::Multiply.digits(left, right);
        assert_eq!(product((33, 18), (33, 18)), (38, 16));
        assert_eq!(product((35, 32), (17, 16)), (38, 33));
    }

    #[test]
    fn a_quotient_has_no_fewer_digits_than_datafusions() {
        assert_eq!(Operation::Divide.digits((38, 6), (38, 4)), (38, 10));
        assert_eq!(Operation::Divide.digits((38, 36), (38, 36)), (38, 38));
    }

    #[test]
    fn literals_have_their_own_digits() {
        let digits = |value: i64| match with_own_digits(datafusion::logical_expr::lit(value)) {
            Expr::Literal(ScalarValue::Decimal128(Some(_), digits, 0), _) => digits,
            other => panic!("{other}"),
        };
        assert_eq!((digits(0), digits(9), digits(-10), digits(i64::MIN)), (1, 1, 2, 19));
    }
}
