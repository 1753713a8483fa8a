//! The types of columns that are written as text.

use datafusion::arrow::compute::kernels::cast_utils::{Parser as _, string_to_datetime};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit};

/// What the texts of one column have been so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnType {
    seen: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    /// An integer that BIGINT is too small for.
    HugeInteger,
    Float,
    Date,
    /// Whether it has a zone, and whether it has more than microseconds.
    Timestamp {
        zone: bool,
        nanos: bool,
    },
    Text,
}

impl ColumnType {
    /// Takes account of a value that is not NULL.
    pub(crate) fn see(&mut self, text: &str) {
        if self.seen == Some(Kind::Text) {
            return;
        }
        let kind = kind_of(text);
        self.seen = Some(match self.seen {
            None => kind,
            Some(seen) => common(seen, kind),
        });
    }

    /// The narrowest type for all values; `Null` if there were none.
    pub(crate) fn finish(&self) -> DataType {
        match self.seen {
            None => DataType::Null,
            Some(Kind::Boolean) => DataType::Boolean,
            Some(Kind::Integer) => DataType::Int64,
            Some(Kind::HugeInteger) => DataType::Decimal128(38, 0),
            Some(Kind::Float) => DataType::Float64,
            Some(Kind::Date) => DataType::Date32,
            Some(Kind::Timestamp { zone, nanos }) => {
                let unit = if nanos { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
                DataType::Timestamp(unit, zone.then(|| "UTC".into()))
            }
            Some(Kind::Text) => DataType::Utf8View,
        }
    }
}

fn common(a: Kind, b: Kind) -> Kind {
    use Kind::{Date, Float, HugeInteger, Integer, Text, Timestamp};

    match (a, b) {
        _ if a == b => a,
        (Integer, HugeInteger) | (HugeInteger, Integer) => HugeInteger,
        (Integer | HugeInteger | Float, Integer | HugeInteger | Float) => Float,
        (Date, other @ Timestamp { zone: false, .. }) | (other @ Timestamp { zone: false, .. }, Date) => other,
        (Timestamp { zone: zone_a, nanos: nanos_a }, Timestamp { zone: zone_b, nanos: nanos_b })
            if zone_a == zone_b =>
        {
            Timestamp { zone: zone_a, nanos: nanos_a || nanos_b }
        }
        _ => Text,
    }
}

fn kind_of(text: &str) -> Kind {
    // Blanks around a number are no part of it; around a text they are.
    let trimmed = text.trim_matches(' ');
    let Some(first) = trimmed.bytes().next() else { return Kind::Text };
    match first {
        b'0'..=b'9' | b'-' | b'+' | b'.' => number_or_time(trimmed),
        b't' | b'T' | b'f' | b'F' if trimmed.eq_ignore_ascii_case("true") || trimmed.eq_ignore_ascii_case("false") => {
            Kind::Boolean
        }
        b'n' | b'N' if trimmed.eq_ignore_ascii_case("nan") => Kind::Float,
        b'i' | b'I' if trimmed.eq_ignore_ascii_case("inf") || trimmed.eq_ignore_ascii_case("infinity") => Kind::Float,
        _ => Kind::Text,
    }
}

fn number_or_time(text: &str) -> Kind {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<i64>() {
            Ok(_) => Kind::Integer,
            Err(_) if digits.trim_start_matches('0').len() <= 38 => Kind::HugeInteger,
            Err(_) => Kind::Text,
        };
    }
    if is_float(digits) || digits.eq_ignore_ascii_case("inf") || digits.eq_ignore_ascii_case("infinity") {
        return Kind::Float;
    }
    let bytes = text.as_bytes();
    let starts_like_date = bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().chain(&bytes[5..7]).chain(&bytes[8..10]).all(u8::is_ascii_digit);
    if !starts_like_date {
        return Kind::Text;
    }
    if bytes.len() == 10 {
        return if Date32Type::parse(text).is_some() { Kind::Date } else { Kind::Text };
    }
    timestamp(text)
}

/// Digits with a point or an exponent: no hexadecimal, no thousands.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_right = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction) && exponent_is_right
}

fn timestamp(text: &str) -> Kind {
    let (_, time) = text.split_at(10);
    if !time.starts_with(['T', 't', ' ']) || string_to_datetime(&chrono::Utc, text).is_err() {
        return Kind::Text;
    }
    let time = &time[1..];
    let zone = time.ends_with(['Z', 'z']) || time.contains(['+', '-']) || time.bytes().any(|b| b.is_ascii_alphabetic());
    let fraction = time.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    Kind::Timestamp { zone, nanos: fraction > 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(texts: &[&str]) -> DataType {
        let mut column = ColumnType::default();
        texts.iter().for_each(|text| column.see(text));
        column.finish()
    }

    #[test]
    fn types_of_columns() {
        use DataType::*;
        let micros = |zone: Option<&str>| Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        for (texts, expected) in [
            (vec![], Null),
            (vec!["1", "-20", " 3 "], Int64),
            (vec!["1", "2.5"], Float64),
            (vec!["1e3", ".5", "NaN", "-inf"], Float64),
            (vec!["1", "12345678901234567890"], Decimal128(38, 0)),
            (vec!["true", "FALSE"], Boolean),
            (vec!["true", "1"], Utf8View),
            (vec!["2026-01-31"], Date32),
            (vec!["2026-02-31"], Utf8View),
            (vec!["2026-01-31", "2026-01-31 10:00:00"], micros(None)),
            (vec!["2026-01-31T10:00:00.123456"], micros(None)),
            (vec!["2026-01-31T10:00:00.123456789"], Timestamp(TimeUnit::Nanosecond, None)),
            (vec!["2026-01-31T10:00:00Z", "2026-01-31 10:00:00+09:00"], micros(Some("UTC"))),
            (vec!["2026-01-31T10:00:00Z", "2026-01-31 10:00:00"], Utf8View),
            (vec!["1", "x"], Utf8View),
            (vec!["1,000"], Utf8View),
            (vec!["0x10"], Utf8View),
            (vec!["-"], Utf8View),
            (vec!["1.2.3"], Utf8View),
            (vec!["12:30"], Utf8View),
            (vec![""], Utf8View),
        ] {
            assert_eq!(infer(&texts), expected, "{texts:?}");
        }
    }
}
