//! `round`, `bround` and the cutting of numbers
//!
//! Hive rounds the digits that a double is written with: `round(2.345, 2)` is 2.35 although the binary number is a little below.
//! DataFusion and datafusion-spark round the product with a power of ten, and keep the scale of decimals, where Hive's has the places that
//! are asked for.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::convert;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Halves away from zero.
    HalfUp,
    /// Halves to the even neighbour.
    HalfEven,
    /// Towards zero.
    Down,
}

pub(super) fn entries() -> Vec<Entry> {
    const TAKES: Takes = Takes::OneOf(&[&[Kind::Number], &[Kind::Number, Kind::Number]]);
    vec![
        Entry::scalar(
            Function::new(
                "round",
                "round(number[, places])",
                TAKES,
                Gives::By(|args| gives(args, Mode::HalfUp)),
                |call| round(call, Mode::HalfUp),
            ),
            Help {
                name: "round",
                syntax: "round(number[, places])",
                line: "The number rounded to so many places, halves away from zero.",
                example: "SELECT round(2.5), round(2.345, 2), round(-1250, -2), round(CAST('1.255' AS DECIMAL(6,3)), 2)",
                gives: "3,2.35,-1300,1.26",
            },
        ),
        Entry::scalar(
            Function::new(
                "bround",
                "bround(number[, places])",
                TAKES,
                Gives::By(|args| gives(args, Mode::HalfEven)),
                |call| round(call, Mode::HalfEven),
            ),
            Help {
                name: "bround",
                syntax: "bround(number[, places])",
                line: "The number rounded to so many places, halves to the even neighbour.",
                example: "SELECT bround(2.5), bround(3.5), bround(1250, -2)",
                gives: "2,4,1200",
            },
        ),
    ]
}

/// Integers and floats stay what they are; decimals have the places that are asked for, if that is constant.
pub(crate) fn gives(args: &ReturnFieldArgs, mode: Mode) -> Result<DataType> {
    let Some(number) = args.arg_fields.first().map(|field| field.data_type()) else {
        return Ok(DataType::Null);
    };
    Ok(match number {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let places = match args.scalar_arguments.get(1) {
                None => 0,
                Some(Some(places)) => match places.cast_to(&DataType::Int64) {
                    Ok(ScalarValue::Int64(Some(places))) => places,
                    _ => i64::from(*scale),
                },
                Some(None) => i64::from(*scale),
            };
            let kept = places.clamp(0, i64::from((*scale).max(0))) as i8;
            let whole = i16::from(*precision) - i16::from(*scale);
            // Rounding may carry into one more digit.
            let carry = i16::from(mode != Mode::Down && (kept < *scale || places < 0));
            DataType::Decimal128((whole + i16::from(kept) + carry).clamp(1, 38) as u8, kept)
        }
        number if number.is_integer() || *number == DataType::Float32 => number.clone(),
        _ => DataType::Float64,
    })
}

pub(crate) fn round(call: &Call, mode: Mode) -> Result<ArrayRef> {
    let places = if call.len() > 1 { call.ints(1)? } else { call.zero() };
    let places = |row: usize| places.at(row);
    match call.gives() {
        DataType::Decimal128(precision, target) => {
            let (numbers, step) = call.compact(0)?;
            let scale = match numbers.data_type() {
                DataType::Decimal32(_, scale)
                | DataType::Decimal64(_, scale)
                | DataType::Decimal128(_, scale)
                | DataType::Decimal256(_, scale) => *scale,
                _ => 0,
            };
            let numbers = convert(&numbers, &DataType::Decimal128(38, scale))?;
            let numbers = numbers.as_primitive::<Decimal128Type>();
            let end = 10_i128.pow(u32::from(*precision).min(38));
            if let (Some(places), true) = (places(0), call.len() == 1 || call.is_constant(1)) {
                let round = Decimal::new(scale, *target, places, mode);
                let rounded = (0..call.rows()).map(|row| {
                    let value = numbers.is_valid(row * step).then(|| numbers.value(row * step))?;
                    round.round(value).filter(|value| value.abs() < end)
                });
                return Ok(Arc::new(rounded.collect::<Decimal128Array>().with_data_type(call.gives().clone())));
            }
            let rounded: Decimal128Array = (0..call.rows())
                .map(|row| {
                    let value = numbers.is_valid(row * step).then(|| numbers.value(row * step))?;
                    round_decimal(value, scale, *target, places(row)?, mode).filter(|value| value.abs() < end)
                })
                .collect();
            Ok(Arc::new(rounded.with_data_type(call.gives().clone())))
        }
        DataType::Float32 => {
            let numbers = call.column(0)?;
            let numbers = numbers.as_primitive::<Float32Type>();
            let rounded: Float32Array = (0..call.rows())
                .map(|row| {
                    let value = numbers.is_valid(row).then(|| numbers.value(row))?;
                    Some(round_float(value.into(), places(row)?, mode) as f32)
                })
                .collect();
            Ok(Arc::new(rounded))
        }
        DataType::Float64 => {
            let numbers = call.floats(0)?;
            let rounded: Float64Array = match places(0).filter(|_| call.len() == 1 || call.is_constant(1)) {
                Some(places) => {
                    let rounding = FloatRounding::new(places, mode);
                    call.map_all::<_, Float64Type>(&numbers, |value| rounding.round(value))
                }
                None => (0..call.rows()).map(|row| Some(round_float(numbers.at(row)?, places(row)?, mode))).collect(),
            };
            Ok(Arc::new(rounded))
        }
        _ => {
            let numbers = call.ints(0)?;
            let rounded: Int64Array = match places(0).filter(|_| call.len() == 1 || call.is_constant(1)) {
                Some(places) if places >= 0 => call.map::<_, Int64Type>(&numbers, Some),
                _ => (0..call.rows())
                    .map(|row| {
                        let rounded = round_decimal(numbers.at(row)?.into(), 0, 0, places(row)?.min(0), mode)?;
                        // Beyond the end Java's integers go on from the other.
                        Some(rounded as i64)
                    })
                    .collect(),
            };
            // Narrow ones, too.
            Ok(match call.gives() {
                DataType::Int8 => Arc::new(rounded.unary::<_, Int8Type>(|value| value as i8)),
                DataType::Int16 => Arc::new(rounded.unary::<_, Int16Type>(|value| value as i16)),
                DataType::Int32 => Arc::new(rounded.unary::<_, Int32Type>(|value| value as i32)),
                other => convert(&(Arc::new(rounded) as ArrayRef), other)?,
            })
        }
    }
}

/// A quotient of integers, rounded.
fn divide(value: i128, by: i128, mode: Mode) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    let half = by - rest.abs();
    let goes_away = match mode {
        Mode::Down => false,
        Mode::HalfUp => rest.abs() >= half,
        Mode::HalfEven => rest.abs() > half || (rest.abs() == half && quotient % 2 != 0),
    };
    if goes_away { quotient + value.signum() } else { quotient }
}

/// From a scale to one that is not greater, with only so many places other than zero.
struct Decimal {
    /// By what to divide; `None` if nothing is left then.
    by: Option<i128>,
    /// By what to multiply after that; `None` if the result is beyond the range unless it is zero.
    times: Option<i128>,
    mode: Mode,
}

impl Decimal {
    fn new(scale: i8, target: i8, places: i64, mode: Mode) -> Self {
        let power = |exponent: i64| u32::try_from(exponent).ok().and_then(|exponent| 10_i128.checked_pow(exponent));
        let places = places.clamp(-300, i64::from(scale));
        Decimal { by: power(i64::from(scale) - places), times: power(i64::from(target) - places), mode }
    }

    fn round(&self, value: i128) -> Option<i128> {
        match self.by.map_or(0, |by| divide(value, by, self.mode)) {
            0 => Some(0),
            rounded => rounded.checked_mul(self.times?),
        }
    }
}

fn round_decimal(value: i128, scale: i8, target: i8, places: i64, mode: Mode) -> Option<i128> {
    Decimal::new(scale, target, places, mode).round(value)
}

pub(crate) fn round_float(value: f64, places: i64, mode: Mode) -> f64 {
    FloatRounding::new(places, mode).round(value)
}

/// How doubles are rounded to so many places.
struct FloatRounding {
    places: i64,
    mode: Mode,
    /// Of ten, by so many places; `None`: the quick way is not for these.
    power: Option<f64>,
}

impl FloatRounding {
    fn new(places: i64, mode: Mode) -> Self {
        let power = (-15..=15).contains(&places).then(|| 10_f64.powi(places.unsigned_abs() as i32));
        FloatRounding { places, mode, power }
    }

    #[inline]
    fn round(&self, value: f64) -> f64 {
        let rounded = match self.power.and_then(|power| self.quickly(value.abs(), power)) {
            Some(rounded) => rounded.copysign(value),
            None => self.by_digits(value),
        };
        // Decimal digits know no negative zero; this makes one a zero.
        rounded + 0.0
    }

    /// By arithmetic, where that gives what the digits would give.
    #[inline]
    fn quickly(&self, value: f64, power: f64) -> Option<f64> {
        let moved = if self.places >= 0 { value * power } else { value / power };
        // Nor is this true of NaN.
        let fits = moved < 1e15;
        if !fits {
            return None;
        }
        // By way of an integer, which is quicker than trunc().
        let whole = moved as i64 as f64;
        let fraction = moved - whole;
        // Where no digit is near a border, the binary number is on the same side of it as the digits.
        let border = match self.mode {
            Mode::Down => fraction.min(1.0 - fraction),
            _ => (fraction - 0.5).abs(),
        };
        let goes_up = if border > moved * 4e-15 {
            self.mode != Mode::Down && fraction > 0.5
        } else if self.mode != Mode::Down && self.places >= 0 && moved < 1e14 {
            // The number halfway has at most 15 digits, which are those of the double that is the nearest to it.
            let halfway = (whole * 10.0 + 5.0) / (power * 10.0);
            let away = self.mode == Mode::HalfUp || whole as i64 % 2 != 0;
            value > halfway || (value == halfway && away)
        } else {
            return None;
        };
        let rounded = if goes_up { whole + 1.0 } else { whole };
        Some(if self.places >= 0 { rounded / power } else { rounded * power })
    }

    #[cold]
    fn by_digits(&self, value: f64) -> f64 {
        match self.places {
            _ if !value.is_finite() => value,
            341.. => value,
            ..-340 => 0.0,
            places => round_digits(value, places, self.mode).unwrap_or(value),
        }
    }
}

/// By the shortest digits that tell the number from its neighbours, as Java writes them.
fn round_digits(value: f64, places: i64, mode: Mode) -> Option<f64> {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i64::try_from(fraction.len()).ok()? - exponent.parse::<i64>().ok()?;
    let dropped = scale - places;
    if dropped <= 0 {
        return Some(value);
    }
    let rounded = match u32::try_from(dropped).ok().and_then(|dropped| 10_i128.checked_pow(dropped)) {
        Some(by) => divide(mantissa, by, mode),
        None => 0,
    };
    Some(format!("{rounded}e{}", -places).parse::<f64>().ok()?.copysign(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_rounded_and_not_binary_fractions() {
        for (value, places, expected) in [
            (2.345, 2, 2.35),
            (1.005, 2, 1.01),
            (-1.005, 2, -1.01),
            (0.285, 2, 0.29),
            (1.45, 1, 1.5),
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (1250.0, -2, 1300.0),
            (5e22, -22, 5e22),
            (4e22, -23, 0.0),
            (1e300, -2, 1e300),
            (1e-300, 5, 0.0),
            (0.1 + 0.2, 17, 0.30000000000000004),
            (9007199254740993.0, 0, 9007199254740992.0),
        ] {
            assert_eq!(round_float(value, places, Mode::HalfUp), expected, "{value} {places}");
        }
        assert_eq!(round_float(2.5, 0, Mode::HalfEven), 2.0);
        assert_eq!(round_float(0.125, 2, Mode::HalfEven), 0.12);
        assert_eq!(round_float(0.29, 2, Mode::Down), 0.29);
        assert_eq!(round_float(-1234.567, -2, Mode::Down), -1200.0);
        assert!(round_float(f64::NAN, 2, Mode::HalfUp).is_nan());
        assert!(round_float(-0.3, 0, Mode::HalfUp).is_sign_positive());
        assert!(round_float(-1e-300, 5, Mode::HalfUp).is_sign_positive());
        assert_eq!(round_float(f64::MIN, -400, Mode::HalfUp), 0.0);
    }

    #[test]
    fn the_quick_way_gives_what_the_digits_give() {
        for number in 0..20_000_i32 {
            for value in
                [f64::from(number) * 0.37, f64::from(number) / 8.0, f64::from(number) * -0.005, f64::from(number) / 1e4]
            {
                for places in 0..4 {
                    for mode in [Mode::HalfUp, Mode::HalfEven, Mode::Down] {
                        let by_digits = round_digits(value, places, mode).unwrap();
                        assert_eq!(round_float(value, places, mode), by_digits, "{value} {places} {mode:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn decimals_at_the_end_of_their_range() {
        assert_eq!(round_decimal(i128::MAX, 0, 0, -100, Mode::HalfUp), Some(0));
        assert_eq!(round_decimal(i128::MIN + 1, 38, 0, 0, Mode::HalfUp), Some(-2));
        assert_eq!(round_decimal(i128::MAX, 0, 0, -1, Mode::HalfUp), None);
    }
}
