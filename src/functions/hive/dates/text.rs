//! Text that spells a date or a timestamp: `2024-02-29`, `2024-2-9 7:05`, `2024-02-29T07:05:00.123456+02:00`
//!
//! What is none is NULL: `2023-02-29` as much as `tomorrow`.

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use super::zones::Zone;

/// The date that a text begins with, where nothing or a time of day follows.
pub(crate) fn date(text: &str) -> Option<i32> {
    let (days, rest) = leading_date(text.trim())?;
    (rest.is_empty() || rest.starts_with([' ', 'T'])).then_some(())?;
    i32::try_from(days).ok()
}

/// Microseconds since 1970 in UTC.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let (days, rest) = leading_date(text.trim())?;
    let midnight = days.checked_mul(DAY)?;
    if rest.is_empty() {
        return Some(midnight);
    }
    let (time, rest) = leading_time(rest.strip_prefix([' ', 'T'])?)?;
    let local = midnight.checked_add(time)?;
    match rest.trim_start() {
        "" => Some(local),
        zone => Zone::parse(zone)?.to_utc(local),
    }
}

/// Microseconds since midnight; of a timestamp's text too.
pub(crate) fn time_of_day(text: &str) -> Option<i64> {
    match leading_time(text.trim()) {
        Some((time, "")) => Some(time),
        _ => Some(timestamp(text)?.rem_euclid(DAY)),
    }
}

fn leading_date(text: &str) -> Option<(i64, &str)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (year, rest) = number(rest, 4, 7)?;
    let year = if negative { -year } else { year };
    let Some(rest) = rest.strip_prefix('-') else {
        return rest.is_empty().then(|| (calendar::days(year, 1, 1), rest));
    };
    let (month, rest) = number(rest, 1, 2)?;
    let Some(rest) = rest.strip_prefix('-') else {
        return rest.is_empty().then(|| calendar::checked_days(year, month, 1)).flatten().map(|days| (days, rest));
    };
    let (day, rest) = number(rest, 1, 2)?;
    Some((calendar::checked_days(year, month, day)?, rest))
}

fn leading_time(text: &str) -> Option<(i64, &str)> {
    let (hour, rest) = number(text, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 1, 2)?,
        None => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let whole = hour * HOUR + minute * MINUTE + second * SECOND;
    let Some(fraction) = rest.strip_prefix('.') else {
        return Some((whole, rest));
    };
    let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = fraction.split_at_checked(length)?;
    // Nanoseconds are cut off.
    let micros = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    Some((whole + micros, rest))
}

/// The number that a text begins with, if it has so many digits, and what follows.
pub(super) fn number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length < least || length > most {
        return None;
    }
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_date_and_what_is_none() {
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date(" 1970-1-2 "), Some(1));
        assert_eq!(date("1970-01-02 25:00"), Some(1));
        assert_eq!(date("1970-01-02T10:00:00Z"), Some(1));
        assert_eq!(date("1970"), Some(0));
        assert_eq!(date("1970-02"), Some(31));
        assert_eq!(date("12345-01-01"), Some(3_789_391));
        assert_eq!(date("0000-01-01"), Some(-719_528));
        for none in
            ["", "x", "197-01-01", "1970-13-01", "1970-02-30", "1970-01-02x", "1970/01/02", "１９７０-01-01", "é"]
        {
            assert_eq!(date(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_a_timestamp_and_what_is_none() {
        assert_eq!(timestamp("1970-01-01 00:00:01"), Some(SECOND));
        assert_eq!(timestamp("1970-01-01 0:1"), Some(MINUTE));
        assert_eq!(timestamp("1970-01-01 00:00:00.1"), Some(100_000));
        assert_eq!(timestamp("1969-12-31 23:59:59.999999999"), Some(-1));
        assert_eq!(timestamp("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(timestamp("1970-01-01 00:00:00 UTC"), Some(0));
        for none in
            ["1970-01-01 24:00:00", "1970-01-01 00:00:60", "1970-01-01 10", "1970-01-01 10:00 x", "9999999-01-01"]
        {
            assert_eq!(timestamp(none), None, "{none}");
        }
        assert_eq!(time_of_day("12:58:59"), Some(12 * HOUR + 58 * MINUTE + 59 * SECOND));
    }
}
