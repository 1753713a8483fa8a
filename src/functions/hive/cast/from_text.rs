//! Texts to numbers, dates, timestamps and booleans.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringViewArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::error::Result;

use super::{MICROSECONDS, safely};

pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let texts = safely(array, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    Ok(match to {
        DataType::Int8 => whole::<Int8Type>(texts),
        DataType::Int16 => whole::<Int16Type>(texts),
        DataType::Int32 => whole::<Int32Type>(texts),
        DataType::Int64 => whole::<Int64Type>(texts),
        DataType::UInt8 => whole::<UInt8Type>(texts),
        DataType::UInt16 => whole::<UInt16Type>(texts),
        DataType::UInt32 => whole::<UInt32Type>(texts),
        DataType::UInt64 => whole::<UInt64Type>(texts),
        DataType::Boolean => Arc::new(texts.iter().map(|text| text.and_then(boolean)).collect::<BooleanArray>()),
        DataType::Date32 => converted::<Date32Type>(texts, |text| Some(Date32Type::from_naive_date(date(text)?))),
        DataType::Timestamp(..) => {
            let stamps = converted::<TimestampMicrosecondType>(texts, |text| {
                Some(timestamp(text)?.and_utc().timestamp_micros())
            });
            debug_assert_eq!(*stamps.data_type(), MICROSECONDS);
            return safely(&stamps, to);
        }
        to if to.is_floating() => {
            let doubles = converted::<Float64Type>(texts, double);
            return safely(&doubles, to);
        }
        // Decimals: Arrow rounds to the scale and gives NULL for what does not fit.
        to => {
            let trimmed: StringViewArray = texts
                .iter()
                .map(|text| text.map(|text| without_exponent(text.trim()).unwrap_or(Cow::Borrowed(text.trim()))))
                .collect();
            return safely(&(Arc::new(trimmed) as ArrayRef), to);
        }
    })
}

fn converted<T: ArrowPrimitiveType>(texts: &StringViewArray, convert: impl Fn(&str) -> Option<T::Native>) -> ArrayRef {
    Arc::new(texts.iter().map(|text| convert(text?.trim())).collect::<PrimitiveArray<T>>())
}

fn whole<T: ArrowPrimitiveType>(texts: &StringViewArray) -> ArrayRef
where
    T::Native: FromStr + TryFrom<u64>,
{
    let numbers = texts.iter().map(|text| {
        let text = text?;
        match digits(text.as_bytes()) {
            Some(number) => T::Native::try_from(number).ok(),
            None => whole_number::<T>(text.trim()),
        }
    });
    Arc::new(numbers.collect::<PrimitiveArray<T>>())
}

/// The number that is written with digits and nothing else, which most are.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

fn whole_number<T: ArrowPrimitiveType>(text: &str) -> Option<T::Native>
where
    T::Native: FromStr,
{
    let text = text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(text);
    match text.split_once('.') {
        None => text.parse().ok(),
        Some((whole, fraction)) => {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let is_number = digits(fraction) && (!fraction.is_empty() || !whole.is_empty());
            match whole {
                _ if !is_number => None,
                "" | "-" => "0".parse().ok().filter(|_| !fraction.is_empty()),
                whole => whole.parse().ok(),
            }
        }
    }
}

fn double(text: &str) -> Option<f64> {
    // Java's suffixes for doubles and floats.
    let number =
        text.strip_suffix(['d', 'D', 'f', 'F']).filter(|rest| rest.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    number.unwrap_or(text).parse().ok()
}

/// `1.5e2` as `150`, for Arrow reads decimals without an exponent.
fn without_exponent(text: &str) -> Option<Cow<'_, str>> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= 76)?;
    let (sign, mantissa) = match mantissa.strip_prefix(['-', '+']) {
        Some(rest) => (&mantissa[..1], rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let length = i32::try_from(digits.len()).ok()?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    Some(Cow::Owned(match point {
        point if point <= 0 => format!("{sign}0.{}{digits}", zeros(-point)),
        point if point >= length => format!("{sign}{digits}{}", zeros(point - length)),
        point => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
            format!("{sign}{whole}.{fraction}")
        }
    }))
}

fn boolean(text: &str) -> Option<bool> {
    let is_false = ["", "false", "no", "off", "0"].iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    Some(!is_false)
}

/// `2024-1-5`, with or without a time behind it, which does not count; `2024-1` and `2024` are the first days.
fn date(text: &str) -> Option<NaiveDate> {
    // As most are written.
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes()
        && let (Some(year), Some(month), Some(day)) = (digits(&[y1, y2, y3, y4]), digits(&[m1, m2]), digits(&[d1, d2]))
    {
        return NaiveDate::from_ymd_opt(
            i32::try_from(year).ok()?,
            u32::try_from(month).ok()?,
            u32::try_from(day).ok()?,
        );
    }
    let date = text.split([' ', 'T']).next().unwrap_or_default();
    let mut parts = date.split('-');
    let year = parts.next().filter(|year| (4..=5).contains(&year.len()))?;
    let mut part = || match parts.next() {
        None => Some(1),
        Some(digits) if (1..=2).contains(&digits.len()) => number(digits),
        Some(_) => None,
    };
    let (month, day) = (part()?, part()?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, month, day)
}

/// A date, and `10:20:30.123456` behind it; seconds, minutes and all of the time may be left out, and `Z` may stand at the end.
fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let day = date(text)?;
    let Some((_, time)) = text.split_once([' ', 'T']) else { return Some(day.and_time(NaiveTime::MIN)) };
    let time = time.trim();
    let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
    if time.is_empty() {
        return Some(day.and_time(NaiveTime::MIN));
    }
    let mut parts = time.split(':');
    let hour = two_digits(parts.next()?)?;
    let minute = parts.next().map_or(Some(0), two_digits)?;
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (two_digits(seconds)?, 0),
            Some((seconds, fraction)) => (two_digits(seconds)?, microseconds(fraction)?),
        },
    };
    if parts.next().is_some() {
        return None;
    }
    day.and_hms_micro_opt(hour, minute, second, micros)
}

fn two_digits(digits: &str) -> Option<u32> {
    if (1..=2).contains(&digits.len()) { number(digits) } else { None }
}

fn microseconds(fraction: &str) -> Option<u32> {
    let digits = fraction.get(..fraction.len().min(6))?;
    let rest_is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits.is_empty() { 0 } else { number(digits)? };
    let scale = 10_u32.checked_pow(u32::try_from(6 - digits.len()).ok()?)?;
    rest_is_number.then_some(value * scale)
}

/// Digits without a sign.
fn number(digits: &str) -> Option<u32> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
