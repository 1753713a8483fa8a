//! `conv`: numbers in other bases, as unsigned or (to a negative base) signed 64-bit integers

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray, StringBuilder, new_null_array};
use datafusion::arrow::buffer::{Buffer, OffsetBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use crate::functions::columns::within_a_batch;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};

pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::scalar(
        Function::new(
            "conv",
            "conv(number, from_base, to_base)",
            Takes::OneOf(&[&[Kind::Text, Kind::Number, Kind::Number]]),
            Gives::Always(DataType::Utf8),
            conv,
        ),
        Help {
            name: "conv",
            syntax: "conv(number, from_base, to_base)",
            line: "A number in another base from 2 to 36; signed if that is negative, else modulo 2^64.",
            example: "SELECT conv('100', 2, 10), conv(-10, 16, -10), conv(-1, 10, 16), conv('z', 10, 2), conv(1, 99, 2)",
            gives: "4,-16,FFFFFFFFFFFFFFFF,0,NULL",
        },
    )]
}

fn conv(call: &Call) -> Result<ArrayRef> {
    let (from, to) = (call.ints(1)?, call.ints(2)?);
    // Decimal integers need not be written and read.
    if call.data_type(0).is_integer() && from.constant() == Some(Some(10)) {
        let numbers = call.ints(0)?;
        if let (None, Some(to)) = (numbers.constant(), to.constant()) {
            return in_base(&numbers.values, to);
        }
        return row_by_row(call, |row| {
            let (number, to) = (numbers.at(row)?, to.at(row)?);
            is_base(to).then(|| (signed(number.unsigned_abs(), number < 0, to), to))
        });
    }
    let numbers = call.texts(0)?;
    row_by_row(call, |row| {
        let (from, to) = (u64::try_from(from.at(row)?).ok()?, to.at(row)?);
        Some((convert(numbers.at(row)?.trim(), from, to)?, to))
    })
}

/// Columns of numbers are written one after the other, and looked at once for whether they are text.
fn in_base(numbers: &Int64Array, base: Option<i64>) -> Result<ArrayRef> {
    let Some(base) = base.filter(|base| is_base(*base)) else {
        return Ok(new_null_array(&DataType::Utf8, numbers.len()));
    };
    let mut ends = Vec::with_capacity(numbers.len() + 1);
    ends.push(0);
    let mut texts = Vec::with_capacity(numbers.len() * 8);
    let mut digits = [0; 65];
    for number in numbers.values() {
        let (value, negative) = signed(number.unsigned_abs(), *number < 0, base);
        texts.extend_from_slice(write(&mut digits, negative, value, base.unsigned_abs()));
        ends.push(within_a_batch(texts.len(), 0)? as i32);
    }
    let ends = OffsetBuffer::new(ends.into());
    Ok(Arc::new(StringArray::try_new(ends, Buffer::from_vec(texts), numbers.nulls().cloned())?))
}

/// A row's number, whether it has a minus, and the base to write it in.
fn row_by_row(call: &Call, row: impl Fn(usize) -> Option<((u64, bool), i64)>) -> Result<ArrayRef> {
    let mut built = StringBuilder::with_capacity(call.rows(), call.rows() * 8);
    let mut digits = [0; 65];
    for number in (0..call.rows()).map(row) {
        let written = number.map(|((value, negative), base)| write(&mut digits, negative, value, base.unsigned_abs()));
        built.append_option(written.map(|digits| std::str::from_utf8(digits).unwrap_or_default()));
    }
    Ok(Arc::new(built.finish()))
}

fn is_base(base: i64) -> bool {
    BASES.contains(&base.unsigned_abs())
}

const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASES: std::ops::RangeInclusive<u64> = 2..=36;

/// The number, and whether it is written with a minus.
fn convert(number: &str, from: u64, to: i64) -> Option<(u64, bool)> {
    if !BASES.contains(&from) || !is_base(to) || number.is_empty() {
        return None;
    }
    let (digits, is_negative) = match number.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (number, false),
    };
    let mut value: u64 = 0;
    // The first that is no digit ends the number.
    for digit in digits.chars().map_while(|c| c.to_digit(from as u32)) {
        match value.checked_mul(from).and_then(|value| value.checked_add(digit.into())) {
            Some(next) => value = next,
            // Too great a number stops at the greatest.
            None => {
                value = u64::MAX;
                break;
            }
        }
    }
    Some(signed(value, is_negative, to))
}

/// What of a number is written in a base, and whether a minus is.
fn signed(value: u64, is_negative: bool, to: i64) -> (u64, bool) {
    let is_huge = value > i64::MAX as u64;
    if to > 0 {
        let value = match (is_negative, is_huge) {
            (true, true) => u64::MAX,
            (true, false) => value.wrapping_neg(),
            (false, _) => value,
        };
        return (value, false);
    }
    if is_huge { (value.wrapping_neg(), true) } else { (value, is_negative) }
}

fn write(digits: &mut [u8; 65], negative: bool, value: u64, base: u64) -> &[u8] {
    // The bases that are most asked for need no division, which takes far longer than all else.
    let mut start = match base {
        16 => write_by(digits, value, |value| (value >> 4, value & 15)),
        2 => write_by(digits, value, |value| (value >> 1, value & 1)),
        10 => write_by(digits, value, |value| (value / 10, value % 10)),
        _ => write_by(digits, value, |value| (value / base, value % base)),
    };
    if negative && start > 0 {
        start -= 1;
        digits[start] = b'-';
    }
    &digits[start..]
}

/// Writes digits from the end, and gives where they begin; `divided` gives what is left of a number, and its last digit.
#[inline]
fn write_by(digits: &mut [u8; 65], mut value: u64, divided: impl Fn(u64) -> (u64, u64)) -> usize {
    let mut start = digits.len();
    loop {
        let (rest, digit) = divided(value);
        start -= 1;
        digits[start] = DIGITS.get(digit as usize).copied().unwrap_or(b'0');
        value = rest;
        if value == 0 || start == 0 {
            return start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(number: &str, from: u64, to: i64) -> Option<String> {
        let (value, negative) = convert(number, from, to)?;
        Some(String::from_utf8(write(&mut [0; 65], negative, value, to.unsigned_abs()).to_vec()).unwrap())
    }

    #[test]
    fn numbers_beyond_64_bits_and_texts_that_are_none() {
        let greatest = "1".repeat(64);
        assert_eq!(conv(&greatest, 2, 10).as_deref(), Some("18446744073709551615"));
        assert_eq!(conv(&"F".repeat(80), 16, 2), Some(greatest));
        assert_eq!(conv("-9223372036854775808", 10, -2), Some(format!("-1{}", "0".repeat(63))));
        assert_eq!(conv("18446744073709551615", 10, -10).as_deref(), Some("-1"));
        assert_eq!(conv("12é", 10, 10).as_deref(), Some("12"));
        assert_eq!(conv("-", 10, -10).as_deref(), Some("-0"));
        assert_eq!(conv("", 10, 10), None);
        assert_eq!(conv("1", 10, i64::MIN), None);
    }

    #[test]
    fn numbers_are_written_in_any_base() {
        let written =
            |negative, value, base| String::from_utf8(write(&mut [0; 65], negative, value, base).to_vec()).unwrap();
        for value in [0, 1, 15, 16, 255, 1_000_003, u64::MAX] {
            for base in BASES {
                let written = written(false, value, base);
                assert_eq!(u64::from_str_radix(&written, base as u32), Ok(value), "{written} in base {base}");
            }
            assert_eq!(written(false, value, 16), format!("{value:X}"));
            assert_eq!(written(true, value, 2), format!("-{value:b}"));
        }
    }
}
