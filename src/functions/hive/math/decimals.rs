//! `+`, `-` and `*` of decimals that would need more than 38 digits
//!
//! DECIMAL(38, 10) * DECIMAL(38, 10) has 20 places in DataFusion, and no room before the point. Hive gives up places behind the point, but
//! keeps six of them, rounds, and what does not fit is NULL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion::error::Result;
use datafusion::logical_expr::{Operator, ReturnFieldArgs, ScalarUDF};

use crate::functions::decimals::{
    Digits, MAX_PRECISION, data_type as decimal, of_number as as_decimal, rounded as round, widened,
};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::convert;

/// So many places behind the point stay where there are too many digits.
const KEPT_PLACES: i16 = 6;
const NUMBERS: Takes = Takes::OneOf(&[&[Kind::Number, Kind::Number]]);

type TypeOf = fn(&ReturnFieldArgs) -> Result<DataType>;
type Run = fn(&Call) -> Result<ArrayRef>;

static ADD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| wide("hive_add", Operator::Plus));
static SUBTRACT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| wide("hive_subtract", Operator::Minus));
static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| wide("hive_multiply", Operator::Multiply));

/// The function that does an operation on these types, if DataFusion's does not have Hive's digits.
pub(in crate::functions::hive) fn operation(
    op: Operator,
    left: &DataType,
    right: &DataType,
) -> Option<&'static Arc<ScalarUDF>> {
    if !left.is_decimal() && !right.is_decimal() || left.is_null() || right.is_null() {
        return None;
    }
    let (precision, _) = exact(op, as_decimal(left)?, as_decimal(right)?)?;
    if precision <= MAX_PRECISION {
        return None;
    }
    match op {
        Operator::Plus => Some(&ADD),
        Operator::Minus => Some(&SUBTRACT),
        Operator::Multiply => Some(&MULTIPLY),
        _ => None,
    }
}

/// The decimal for values of two types, digits before the point first; `None` where DataFusion's is the same.
pub(in crate::functions::hive) fn either(left: &DataType, right: &DataType) -> Option<DataType> {
    let ((p1, s1), (p2, s2)) = (as_decimal(left)?, as_decimal(right)?);
    let (whole, scale) = ((p1 - s1).max(p2 - s2), s1.max(s2));
    (whole + scale > MAX_PRECISION).then(|| decimal((MAX_PRECISION, scale.min(MAX_PRECISION - whole))))
}

/// The digits of a result that has all of them.
fn exact(op: Operator, (p1, s1): Digits, (p2, s2): Digits) -> Option<Digits> {
    match op {
        Operator::Plus | Operator::Minus => {
            let scale = s1.max(s2);
            Some(((p1 - s1).max(p2 - s2) + scale + 1, scale))
        }
        Operator::Multiply => Some((p1 + p2 + 1, s1 + s2)),
        _ => None,
    }
}

/// The digits for which there is room.
pub(super) fn fitted((precision, scale): Digits) -> Digits {
    if precision <= MAX_PRECISION {
        return (precision.max(1), scale);
    }
    let whole = precision - scale;
    (MAX_PRECISION, (MAX_PRECISION - whole).max(scale.min(KEPT_PLACES)))
}

fn wide(name: &'static str, op: Operator) -> Arc<ScalarUDF> {
    let (gives, run): (TypeOf, Run) = match op {
        Operator::Plus => (|args| gives(args, Operator::Plus), |call| sum(call, i256::checked_add)),
        Operator::Minus => (|args| gives(args, Operator::Minus), |call| sum(call, i256::checked_sub)),
        _ => (|args| gives(args, Operator::Multiply), product),
    };
    Arc::new(Function::new(name, "of two decimals", NUMBERS, Gives::By(gives), run).into())
}

fn gives(args: &ReturnFieldArgs, op: Operator) -> Result<DataType> {
    let digits = |index: usize| args.arg_fields.get(index).and_then(|field| as_decimal(field.data_type()));
    let exact = digits(0).zip(digits(1)).and_then(|(left, right)| exact(op, left, right));
    Ok(exact.map_or(DataType::Float64, |digits| decimal(fitted(digits))))
}

/// Both operands, and their scales.
fn operands(call: &Call) -> Result<[(Decimal128Array, usize, i16); 2]> {
    let operand = |index: usize| -> Result<(Decimal128Array, usize, i16)> {
        let (values, step) = call.compact(index)?;
        let scale = as_decimal(values.data_type()).map_or(0, |(_, scale)| scale);
        let values = convert(&values, &decimal((MAX_PRECISION, scale)))?;
        Ok((values.as_primitive::<Decimal128Type>().clone(), step, scale))
    };
    Ok([operand(0)?, operand(1)?])
}

/// `exact_scale`: how many places the results of `f` have.
fn rounded(
    call: &Call,
    [left, right]: &[(Decimal128Array, usize, i16); 2],
    exact_scale: i16,
    f: impl Fn(i128, i128) -> Option<i256>,
) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = call.gives() else {
        return datafusion::common::exec_err!("a decimal is expected, not {}", call.gives());
    };
    let places = u8::try_from(exact_scale - i16::from(*scale)).unwrap_or(0);
    let values = (0..call.rows()).map(|row| {
        let (l, r) = (row * left.1, row * right.1);
        let value = (left.0.is_valid(l) && right.0.is_valid(r)).then(|| f(left.0.value(l), right.0.value(r)))??;
        let value = round(value, places)?.to_i128()?;
        (value.unsigned_abs() < 10_u128.pow(u32::from(*precision))).then_some(value)
    });
    Ok(Arc::new(values.collect::<Decimal128Array>().with_data_type(call.gives().clone())))
}

fn sum(call: &Call, f: fn(i256, i256) -> Option<i256>) -> Result<ArrayRef> {
    let operands = operands(call)?;
    let (s1, s2) = (operands[0].2, operands[1].2);
    let scale = s1.max(s2);
    rounded(call, &operands, scale, |a, b| f(widened(a, scale - s1)?, widened(b, scale - s2)?))
}

fn product(call: &Call) -> Result<ArrayRef> {
    let operands = operands(call)?;
    let scale = operands[0].2 + operands[1].2;
    rounded(call, &operands, scale, |a, b| i256::from_i128(a).checked_mul(i256::from_i128(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_behind_the_point_are_given_up_first() {
        let of = |op, left, right| fitted(exact(op, left, right).unwrap());
        assert_eq!(of(Operator::Multiply, (38, 10), (38, 10)), (38, 6));
        assert_eq!(of(Operator::Multiply, (20, 10), (20, 10)), (38, 17));
        assert_eq!(of(Operator::Plus, (38, 0), (38, 20)), (38, 6));
        assert_eq!(of(Operator::Plus, (10, 2), (5, 4)), (13, 4));
    }

    #[test]
    fn a_type_for_two() {
        let (wide, places) = (DataType::Decimal128(38, 0), DataType::Decimal128(38, 20));
        assert_eq!(either(&wide, &places), Some(DataType::Decimal128(38, 0)));
        assert_eq!(either(&DataType::Decimal128(10, 2), &DataType::Int32), None);
    }
}
