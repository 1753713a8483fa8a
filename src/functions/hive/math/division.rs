//! What `div`, `/`, `%` and `pmod` mean: by zero they are NULL, and `/` of integers has a fraction
//!
//! DataFusion fails on a division by zero, divides integers without rest, and cuts the digits of a decimal's quotient where Hive rounds
//! them. An operator rewrite calls the functions `hive_div`, `hive_divide` and `hive_mod`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use super::decimals::fitted;
use crate::functions::decimals::{
    Division, MAX_PRECISION, of_decimal as decimal, of_number as as_decimal, widened as wide,
};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::convert;

const NUMBERS: Takes = Takes::OneOf(&[&[Kind::Number, Kind::Number]]);

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new("hive_div", "hive_div(a, b)", NUMBERS, Gives::Always(DataType::Int64), integer_quotient),
            Help {
                name: "hive_div",
                syntax: "hive_div(a, b)",
                line: "The operator div: the quotient without its fraction; NULL by zero.",
                example: "SELECT hive_div(7, 2), hive_div(-7, 2), hive_div(7, 0)",
                gives: "3,-3,NULL",
            },
        ),
        Entry::scalar(
            Function::new("hive_divide", "hive_divide(a, b)", NUMBERS, Gives::By(quotient_type), quotient),
            Help {
                name: "hive_divide",
                syntax: "hive_divide(a, b)",
                line: "The operator /: a double, or a decimal of decimals; NULL by zero.",
                example: "SELECT hive_divide(7, 2), hive_divide(7, 0), hive_divide(CAST(1 AS DECIMAL(3,1)), CAST(3 AS DECIMAL(3,1)))",
                gives: "3.5,NULL,0.333333",
            },
        ),
        Entry::scalar(
            Function::new("hive_mod", "hive_mod(a, b)", NUMBERS, Gives::By(|args| rest_type(args, i16::min)), |call| {
                rest(call, false)
            }),
            Help {
                name: "hive_mod",
                syntax: "hive_mod(a, b)",
                line: "The operator %: the rest of a division, with the sign of the first number; NULL by zero.",
                example: "SELECT hive_mod(-7, 3), hive_mod(7.5, 2), hive_mod(7, 0)",
                gives: "-1,1.5,NULL",
            },
        ),
        Entry::scalar(
            Function::new("pmod", "pmod(a, b)", NUMBERS, Gives::By(|args| rest_type(args, i16::max)), |call| {
                rest(call, true)
            }),
            Help {
                name: "pmod",
                syntax: "pmod(a, b)",
                line: "The rest of a division, with the sign of the second number; NULL by zero.",
                example: "SELECT pmod(-7, 3), pmod(-7.5, 2), pmod(7, 0)",
                gives: "2,0.5,NULL",
            },
        ),
    ]
}

/// In what numbers two operands are divided.
enum Common {
    Ints,
    /// With the precision and scale of each.
    Decimals((i16, i16), (i16, i16)),
    Doubles,
}

fn common(left: &DataType, right: &DataType) -> Common {
    if decimal(left).is_none() && decimal(right).is_none() {
        let is_int = |data_type: &DataType| data_type.is_integer() || *data_type == DataType::Boolean;
        return if is_int(left) && is_int(right) { Common::Ints } else { Common::Doubles };
    }
    match (as_decimal(left), as_decimal(right)) {
        (Some(left), Some(right)) => Common::Decimals(left, right),
        _ => Common::Doubles,
    }
}

/// The types of both operands.
fn operands(args: &ReturnFieldArgs) -> (DataType, DataType) {
    let operand = |index: usize| args.arg_fields.get(index).map_or(DataType::Null, |field| field.data_type().clone());
    (operand(0), operand(1))
}

fn quotient_type(args: &ReturnFieldArgs) -> Result<DataType> {
    let (left, right) = operands(args);
    let Common::Decimals((p1, s1), (p2, s2)) = common(&left, &right) else {
        return Ok(DataType::Float64);
    };
    let scale = (s1 + p2 + 1).max(6);
    let (precision, scale) = fitted((p1 - s1 + s2 + scale, scale));
    Ok(DataType::Decimal128(precision as u8, scale as i8))
}

/// `whole_digits` says which operand limits the digits before the point: a rest is less than both, but with the sign of the divisor it may
/// be as great as that.
fn rest_type(args: &ReturnFieldArgs, whole_digits: fn(i16, i16) -> i16) -> Result<DataType> {
    let (left, right) = operands(args);
    Ok(match common(&left, &right) {
        Common::Doubles => DataType::Float64,
        Common::Decimals((p1, s1), (p2, s2)) => {
            let scale = s1.max(s2);
            let precision = (whole_digits(p1 - s1, p2 - s2) + scale).clamp(1, MAX_PRECISION);
            DataType::Decimal128(precision as u8, scale as i8)
        }
        Common::Ints => {
            let fields = args.arg_fields.iter().map(|field| field.data_type());
            let width = fields.map(|data_type| data_type.primitive_width().unwrap_or(1)).max();
            match width {
                Some(1) => DataType::Int8,
                Some(2) => DataType::Int16,
                Some(4) => DataType::Int32,
                _ => DataType::Int64,
            }
        }
    })
}

/// Both operands as decimals of their own scales, and how to step through them.
fn decimals(call: &Call, index: usize, scale: i16) -> Result<(Decimal128Array, usize)> {
    let (values, step) = call.compact(index)?;
    let values = convert(&values, &DataType::Decimal128(MAX_PRECISION as u8, scale as i8))?;
    Ok((values.as_primitive::<Decimal128Type>().clone(), step))
}

/// A decimal for each row of which both operands are not NULL.
fn by_decimals(call: &Call, (s1, s2): (i16, i16), f: impl Fn(i128, i128) -> Option<i128>) -> Result<Decimal128Array> {
    let ((left, left_step), (right, right_step)) = (decimals(call, 0, s1)?, decimals(call, 1, s2)?);
    Ok((0..call.rows())
        .map(|row| {
            let (l, r) = (row * left_step, row * right_step);
            (left.is_valid(l) && right.is_valid(r)).then(|| f(left.value(l), right.value(r))).flatten()
        })
        .collect())
}

fn integer_quotient(call: &Call) -> Result<ArrayRef> {
    match common(&call.data_type(0), &call.data_type(1)) {
        Common::Ints => Ok(Arc::new(
            call.map2::<_, _, Int64Type>(&call.ints(0)?, &call.ints(1)?, |a, b| (b != 0).then(|| a.wrapping_div(b))),
        )),
        Common::Doubles => {
            Ok(Arc::new(call.map2::<_, _, Int64Type>(&call.floats(0)?, &call.floats(1)?, |a, b| {
                (b != 0.0).then(|| (a / b) as i64)
            })))
        }
        Common::Decimals((_, s1), (_, s2)) => {
            let scale = s1.max(s2);
            let quotients = by_decimals(call, (s1, s2), |a, b| {
                let (a, b) = (wide(a, scale - s1)?, wide(b, scale - s2)?);
                a.checked_div(b)?.to_i128()
            })?;
            Ok(Arc::new(quotients.unary_opt::<_, Int64Type>(|quotient| i64::try_from(quotient).ok())))
        }
    }
}

fn quotient(call: &Call) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = call.gives() else {
        let (dividends, divisors) = (call.floats(0)?, call.floats(1)?);
        if let (None, Some(Some(divisor))) = (dividends.constant(), divisors.constant())
            && divisor != 0.0
        {
            return Ok(Arc::new(dividends.values.unary::<_, Float64Type>(|dividend| dividend / divisor)));
        }
        return Ok(Arc::new(
            call.map2::<_, _, Float64Type>(&call.floats(0)?, &call.floats(1)?, |a, b| (b != 0.0).then(|| a / b)),
        ));
    };
    let scale_of = |index| as_decimal(&call.data_type(index)).map_or(0, |(_, scale)| scale);
    let (s1, s2) = (scale_of(0), scale_of(1));
    let shift = i16::from(*scale) - s1 + s2;
    let end = 10_i128.pow(u32::from(*precision).min(38));
    let division = Division::to_more_digits(shift);
    let quotients = by_decimals(call, (s1, s2), |a, b| {
        division.quotient(a, b).filter(|quotient| quotient.unsigned_abs() < end.unsigned_abs())
    })?;
    Ok(Arc::new(quotients.with_data_type(call.gives().clone())))
}

fn rest(call: &Call, takes_sign_of_divisor: bool) -> Result<ArrayRef> {
    match common(&call.data_type(0), &call.data_type(1)) {
        Common::Ints => {
            let rests = call.map2::<_, _, Int64Type>(&call.ints(0)?, &call.ints(1)?, |a, b| {
                let rest = a.checked_rem(b).or((b != 0).then_some(0))?;
                if takes_sign_of_divisor { rest.wrapping_add(b).checked_rem(b).or(Some(0)) } else { Some(rest) }
            });
            convert(&(Arc::new(rests) as ArrayRef), call.gives())
        }
        Common::Doubles => Ok(Arc::new(call.map2::<_, _, Float64Type>(&call.floats(0)?, &call.floats(1)?, |a, b| {
            let rest = (b != 0.0).then(|| a % b)?;
            Some(if takes_sign_of_divisor { (rest + b) % b } else { rest })
        }))),
        Common::Decimals((_, s1), (_, s2)) => {
            let scale = s1.max(s2);
            let rests = by_decimals(call, (s1, s2), |a, b| {
                let (a, b) = (wide(a, scale - s1)?, wide(b, scale - s2)?);
                let rest = a.checked_rem(b)?;
                let rest = if takes_sign_of_divisor { rest.checked_add(b)?.checked_rem(b)? } else { rest };
                rest.to_i128()
            })?;
            Ok(Arc::new(rests.with_data_type(call.gives().clone())))
        }
    }
}
