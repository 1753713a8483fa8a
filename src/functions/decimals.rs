//! Decimals as whole numbers with a scale: how many digits a type has, and how digits that have no room are rounded away
//!
//! The operators of both dialects compute with these. What they make of a division by zero, and of a number that has too many digits, is
//! theirs to say: here it is `None`.

use datafusion::arrow::datatypes::{DataType, i256};

/// So many digits has the widest decimal.
pub(super) const MAX_PRECISION: i16 = 38;

/// Precision and scale: all digits, and those behind the point.
pub(super) type Digits = (i16, i16);

pub(super) fn of_decimal(data_type: &DataType) -> Option<Digits> {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((i16::from(*precision).min(MAX_PRECISION), i16::from(*scale))),
        _ => None,
    }
}

/// The digits of a decimal, and those of the decimal that an integer is beside one.
pub(super) fn of_number(data_type: &DataType) -> Option<Digits> {
    match data_type {
        DataType::Int8 | DataType::Boolean | DataType::Null => Some((3, 0)),
        DataType::UInt8 | DataType::Int16 => Some((5, 0)),
        DataType::UInt16 | DataType::Int32 => Some((10, 0)),
        DataType::UInt32 | DataType::Int64 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        other => of_decimal(other),
    }
}

pub(super) fn data_type((precision, scale): Digits) -> DataType {
    DataType::Decimal128(precision as u8, scale as i8)
}

/// Divides whole numbers to some more digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    shift: i16,
    /// `10^shift`, where that is a factor and fits.
    power: Option<i128>,
}

impl Division {
    pub(super) fn to_more_digits(shift: i16) -> Self {
        Division { shift, power: u32::try_from(shift).ok().and_then(|shift| 10_i128.checked_pow(shift)) }
    }

    /// `a * 10^shift / b`, rounded; `None` by zero and beyond the range.
    pub(super) fn quotient(self, a: i128, b: i128) -> Option<i128> {
        match self.power.and_then(|power| a.checked_mul(power)) {
            Some(a) => half_up(a, b),
            None => wide_quotient(a, b, self.shift),
        }
    }
}

fn half_up(a: i128, b: i128) -> Option<i128> {
    // The processor divides by 64 bits; more is a loop.
    let quotient = match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) if b != -1 => a.checked_div(b)?.into(),
        _ => a.checked_div(b)?,
    };
    let rest = (a - quotient * b).unsigned_abs();
    if rest < b.unsigned_abs() - rest {
        return Some(quotient);
    }
    quotient.checked_add(if (a < 0) == (b < 0) { 1 } else { -1 })
}

/// `value * 10^exponent`.
pub(super) fn widened(value: i128, exponent: i16) -> Option<i256> {
    i256::from_i128(value).checked_mul(power(exponent)?)
}

fn power(exponent: i16) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::try_from(exponent).ok()?)
}

fn wide_quotient(a: i128, b: i128, shift: i16) -> Option<i128> {
    let (a_wide, b_wide) = (widened(a, shift.max(0))?, widened(b, (-shift).max(0))?);
    let (quotient, rest) = (a_wide.checked_div(b_wide)?, a_wide.checked_rem(b_wide)?.wrapping_abs());
    let quotient = quotient.to_i128()?;
    if rest < b_wide.wrapping_abs().wrapping_sub(rest) {
        return Some(quotient);
    }
    quotient.checked_add(if (a < 0) == (b < 0) { 1 } else { -1 })
}

/// `a * b` without the last places, rounded; `None` beyond the range.
pub(super) fn product(a: i128, b: i128, places: u8) -> Option<i128> {
    let unit = 10_i128.checked_pow(u32::from(places));
    match a.checked_mul(b).zip(unit) {
        Some((product, unit)) => half_up(product, unit),
        None => rounded(i256::from_i128(a).checked_mul(i256::from_i128(b))?, places)?.to_i128(),
    }
}

/// Without the last places, halves away from zero.
pub(super) fn rounded(value: i256, places: u8) -> Option<i256> {
    if places == 0 {
        return Some(value);
    }
    let unit = power(i16::from(places))?;
    let (quotient, rest) = (value.checked_div(unit)?, value.checked_rem(unit)?.wrapping_abs());
    match rest >= unit.wrapping_sub(rest) {
        true if value < i256::ZERO => quotient.checked_sub(i256::ONE),
        true => quotient.checked_add(i256::ONE),
        false => Some(quotient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let round = |value, places| rounded(i256::from_i128(value), places).unwrap().to_i128().unwrap();
        assert_eq!((round(125, 1), round(-125, 1), round(124, 1), round(1249, 2), round(7, 0)), (13, -13, 12, 12, 7));
        let quotient = |a, b, shift| Division::to_more_digits(shift).quotient(a, b).unwrap();
        assert_eq!((quotient(1, 2, 0), quotient(-1, 2, 0), quotient(1, -2, 0), quotient(4, 3, 0)), (1, -1, -1, 1));
        assert_eq!((quotient(2, 3, 4), quotient(-2, 3, 4), quotient(150, 1, -2)), (6667, -6667, 2));
        assert_eq!((product(5, 5, 1), product(-5, 5, 1), product(3, 4, 0)), (Some(3), Some(-3), Some(12)));
    }

    #[test]
    fn more_than_128_bits_are_no_limit_on_the_way() {
        let most = 10_i128.pow(37);
        assert_eq!(Division::to_more_digits(10).quotient(most, most), Some(10_i128.pow(10)));
        assert_eq!(product(most, 3, 37), Some(3));
        assert_eq!(product(most, most, 0), None);
        assert_eq!(Division::to_more_digits(0).quotient(i128::MIN, -1), None);
        assert_eq!(Division::to_more_digits(0).quotient(i64::MIN.into(), -1), Some(-i128::from(i64::MIN)));
        assert_eq!(Division::to_more_digits(3).quotient(1, 0), None);
    }
}
