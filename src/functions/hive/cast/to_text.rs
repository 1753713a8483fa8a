//! Numbers and timestamps as Java writes them.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Float32Type, TimestampMicrosecondType};
use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::error::Result;

use super::{MICROSECONDS, safely};

pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let mut texts = StringViewBuilder::with_capacity(array.len());
    let mut text = String::new();
    match array.data_type() {
        DataType::Timestamp(..) => {
            let stamps = safely(array, &MICROSECONDS)?;
            for stamp in stamps.as_primitive::<TimestampMicrosecondType>() {
                text.clear();
                match stamp.and_then(timestamp_us_to_datetime) {
                    Some(stamp) => {
                        let _ = write!(text, "{}", stamp.format("%Y-%m-%d %H:%M:%S%.6f"));
                        let digits = text.trim_end_matches('0').trim_end_matches('.').len();
                        // The zeros of a whole second are no fraction.
                        text.truncate(digits.max("0000-00-00 00:00:00".len()));
                        texts.append_value(&text);
                    }
                    None => texts.append_null(),
                }
            }
        }
        DataType::Boolean => {
            for value in array.as_boolean() {
                texts.append_option(value.map(|value| if value { "TRUE" } else { "FALSE" }));
            }
        }
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            for value in floats {
                append(&mut texts, &mut text, value.map(|value| (f64::from(value), ryu(value))));
            }
        }
        _ => {
            let doubles = safely(array, &DataType::Float64)?;
            for value in doubles.as_primitive::<datafusion::arrow::datatypes::Float64Type>() {
                append(&mut texts, &mut text, value.map(|value| (value, ryu(value))));
            }
        }
    }
    safely(&(Arc::new(texts.finish()) as ArrayRef), to)
}

fn append(texts: &mut StringViewBuilder, text: &mut String, value: Option<(f64, String)>) {
    text.clear();
    match value {
        Some((value, shortest)) => {
            java(value, &shortest, text);
            texts.append_value(&*text);
        }
        None => texts.append_null(),
    }
}

fn ryu(value: impl ryu::Float) -> String {
    ryu::Buffer::new().format(value).to_string()
}

/// As `Double.toString` writes it: plain from 0.001 to ten million, else with an exponent and one digit before the point.
pub(crate) fn java(value: f64, shortest: &str, text: &mut String) {
    if value.is_nan() {
        return text.push_str("NaN");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = match shortest.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => (shortest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The digits, and where the point is: after the first `point` of them.
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.trim_matches('0');
    text.push_str(sign);
    if significant.is_empty() {
        return text.push_str("0.0");
    }
    let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    let point = length(whole) + exponent - i32::try_from(leading).unwrap_or(0);
    match point {
        // 0.001 and more.
        -2..=0 => {
            text.push_str("0.");
            (point..0).for_each(|_| text.push('0'));
            text.push_str(significant);
        }
        1..=7 => {
            let point = usize::try_from(point).unwrap_or(0);
            let (whole, fraction) = significant.split_at(point.min(significant.len()));
            text.push_str(whole);
            (whole.len()..point).for_each(|_| text.push('0'));
            text.push('.');
            text.push_str(if fraction.is_empty() { "0" } else { fraction });
        }
        _ => {
            let (first, rest) = significant.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            let _ = write!(text, "{first}.{rest}E{}", point - 1);
        }
    }
}
