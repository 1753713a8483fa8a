//! Dates, times of day and timestamps, over their whole range.
//!
//! A 64-bit timestamp reaches far past the years that calendar libraries know. A value from a damaged file is then still
//! shown as the value that it is, and not as an error in place of the whole result.

use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, ArrowTimestampType, Date32Type, Date64Type, TimeUnit};

use super::{Encode, Style, in_quotes, unknown_time_zone};
use crate::error::Result;

const SECONDS_PER_DAY: i64 = 86_400;
const NANOSECONDS: i64 = 1_000_000_000;

struct Date32<'a>(&'a PrimitiveArray<Date32Type>);

impl Encode for Date32<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        write_date(self.0.value(row).into(), out);
    }
}

pub(super) fn date32<'a>(array: &'a PrimitiveArray<Date32Type>) -> impl Encode + 'a {
    Date32(array)
}

/// Milliseconds that should be whole days. Where they are not, the time of day is shown rather than hidden.
struct Date64<'a> {
    array: &'a PrimitiveArray<Date64Type>,
    separator: u8,
}

impl Encode for Date64<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let (seconds, nanoseconds) = split(self.array.value(row), 1_000);
        write_date(seconds.div_euclid(SECONDS_PER_DAY), out);
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        if second_of_day != 0 || nanoseconds != 0 {
            out.push(self.separator);
            write_time(second_of_day, nanoseconds, out);
        }
    }
}

pub(super) fn date64<'a>(array: &'a PrimitiveArray<Date64Type>, style: Style) -> impl Encode + 'a {
    Date64 { array, separator: separator(style) }
}

struct Time<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    per_second: i64,
}

impl<T: ArrowPrimitiveType<Native: Into<i64>>> Encode for Time<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let (seconds, nanoseconds) = split(self.array.value(row).into(), self.per_second);
        write_time(seconds, nanoseconds, out);
    }
}

/// `per_second` is how many of the type's units make a second.
pub(super) fn time<'a, T: ArrowPrimitiveType<Native: Into<i64>>>(
    array: &'a dyn Array,
    per_second: i64,
) -> impl Encode + 'a {
    Time { array: array.as_primitive::<T>(), per_second }
}

struct Timestamp<'a, T: ArrowTimestampType> {
    array: &'a PrimitiveArray<T>,
    per_second: i64,
    zone: Option<Tz>,
    style: Style,
}

impl<T: ArrowTimestampType> Encode for Timestamp<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let (seconds, nanoseconds) = split(self.array.value(row), self.per_second);
        let offset = self.zone.as_ref().map(|zone| self.offset(zone, seconds));
        let local = seconds.saturating_add(offset.unwrap_or(0));
        write_date(local.div_euclid(SECONDS_PER_DAY), out);
        out.push(separator(self.style));
        write_time(local.rem_euclid(SECONDS_PER_DAY), nanoseconds, out);
        if let Some(offset) = offset {
            write_offset(offset, self.style, out);
        }
    }
}

impl<T: ArrowTimestampType> Timestamp<'_, T> {
    /// Seconds east of Greenwich; 0 for times that the zone's rules do not reach.
    fn offset(&self, zone: &Tz, seconds: i64) -> i64 {
        let Some(utc) = DateTime::from_timestamp(seconds, 0) else { return 0 };
        let offset = i64::from(zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc());
        // RFC 3339 has no seconds in its offsets. Local mean times of the 19th century do; the instant counts more.
        if self.style.is_json() && offset % 60 != 0 { 0 } else { offset }
    }
}

pub(super) fn timestamp<'a, T: ArrowTimestampType>(
    array: &'a dyn Array,
    zone: Option<&str>,
    style: Style,
) -> Result<Box<dyn Encode + 'a>> {
    let per_second = match T::UNIT {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => NANOSECONDS,
    };
    let zone = zone.map(|name| Tz::from_str(name).map_err(|_| unknown_time_zone(name))).transpose()?;
    Ok(in_quotes(Timestamp { array: array.as_primitive::<T>(), per_second, zone, style }, style.is_json()))
}

fn separator(style: Style) -> u8 {
    if style.is_json() { b'T' } else { b' ' }
}

/// Whole seconds, rounded down, and the nanoseconds on top of them.
fn split(value: i64, per_second: i64) -> (i64, i64) {
    (value.div_euclid(per_second), value.rem_euclid(per_second) * (NANOSECONDS / per_second))
}

/// Appends `2026-01-31`; years outside 0000 to 9999 get a sign, as ISO 8601 and arrow's parser have it.
fn write_date(days_since_epoch: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days_since_epoch);
    match year {
        0..=9999 => {
            write_two(year / 100, out);
            write_two(year % 100, out);
        }
        _ => {
            out.push(if year < 0 { b'-' } else { b'+' });
            let digits = year.unsigned_abs();
            let padding = [1_000, 100, 10].iter().filter(|&&power| digits < power).count();
            out.extend(std::iter::repeat_n(b'0', padding));
            out.extend_from_slice(itoa::Buffer::new().format(digits).as_bytes());
        }
    }
    out.push(b'-');
    write_two(month, out);
    out.push(b'-');
    write_two(day, out);
}

/// Year, month and day in the proleptic Gregorian calendar, with a year 0.
fn civil(days_since_epoch: i64) -> (i64, i64, i64) {
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    /// The calendar repeats after 400 years.
    const CYCLE: i64 = 146_097;
    const CENTURY: i64 = 36_524;
    const FOUR_YEARS: i64 = 1_461;

    // Years are taken to begin in March: then the leap day is the last of its year, and no month's start depends on it.
    let days = days_since_epoch + EPOCH;
    let day_of_cycle = days.rem_euclid(CYCLE);
    let leap_days_passed = day_of_cycle / (FOUR_YEARS - 1) - day_of_cycle / CENTURY + day_of_cycle / (CYCLE - 1);
    let year_of_cycle = (day_of_cycle - leap_days_passed) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // From March on, each five months have 153 days.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let year_from_march = days.div_euclid(CYCLE) * 400 + year_of_cycle;
    if month_from_march < 10 {
        (year_from_march, month_from_march + 3, day)
    } else {
        (year_from_march + 1, month_from_march - 9, day)
    }
}

/// Appends `12:34:56` and, where there is one, the fraction without its trailing zeros.
pub(super) fn write_time(second_of_day: i64, nanoseconds: i64, out: &mut Vec<u8>) {
    write_two(second_of_day / 3_600, out);
    out.push(b':');
    write_two(second_of_day / 60 % 60, out);
    out.push(b':');
    write_two(second_of_day % 60, out);
    write_fraction(nanoseconds, out);
}

fn write_fraction(nanoseconds: i64, out: &mut Vec<u8>) {
    if nanoseconds == 0 {
        return;
    }
    out.push(b'.');
    let mut rest = nanoseconds;
    let mut place = NANOSECONDS / 10;
    while rest > 0 && place > 0 {
        out.push(digit(rest / place));
        rest %= place;
        place /= 10;
    }
}

/// Appends `+09`, `-03:30` or, in JSON, `+09:00` and `Z`.
fn write_offset(offset: i64, style: Style, out: &mut Vec<u8>) {
    if style.is_json() && offset == 0 {
        return out.push(b'Z');
    }
    out.push(if offset < 0 { b'-' } else { b'+' });
    let size = offset.abs();
    let (minutes, seconds) = (size / 60 % 60, size % 60);
    write_two(size / 3_600, out);
    if style.is_json() || minutes != 0 || seconds != 0 {
        out.push(b':');
        write_two(minutes, out);
    }
    if seconds != 0 {
        out.push(b':');
        write_two(seconds, out);
    }
}

/// Two digits, or more where the number has more: a time of day that is past its day is shown as it is.
fn write_two(number: i64, out: &mut Vec<u8>) {
    match number {
        0..=99 => out.extend_from_slice(&[digit(number / 10), digit(number % 10)]),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

fn digit(value: i64) -> u8 {
    b'0' + (value % 10).unsigned_abs() as u8
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use datafusion::arrow::array::{
        Date32Array, Date64Array, Time32SecondArray, Time64NanosecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray, TimestampSecondArray,
    };
    use proptest::prelude::*;

    use super::super::tests::one;
    use super::*;

    #[test]
    fn dates_outside_of_four_digits_have_a_sign() {
        let date = |days| one(&Date32Array::from(vec![days]), Style::Text);
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(2_932_896), "9999-12-31");
        assert_eq!(date(2_932_897), "+10000-01-01");
        assert_eq!(date(-719_528), "0000-01-01");
        assert_eq!(date(-719_529), "-0001-12-31");
        assert_eq!(date(i32::MAX), "+5881580-07-11");
    }

    #[test]
    fn a_date_in_milliseconds_shows_a_time_only_if_it_has_one() {
        let date = |value, style| one(&Date64Array::from(vec![value]), style);
        assert_eq!(date(86_400_000, Style::Text), "1970-01-02");
        assert_eq!(date(86_400_001, Style::Text), "1970-01-02 00:00:00.001");
        assert_eq!(date(-1, Style::Json), "\"1969-12-31T23:59:59.999\"");
    }

    #[test]
    fn times_drop_the_zeros_at_the_end_of_the_fraction() {
        assert_eq!(one(&Time32SecondArray::from(vec![3_661]), Style::Text), "01:01:01");
        assert_eq!(one(&Time64NanosecondArray::from(vec![50_000_000]), Style::Text), "00:00:00.05");
        assert_eq!(one(&Time64NanosecondArray::from(vec![1]), Style::Text), "00:00:00.000000001");
    }

    #[test]
    fn timestamps_before_the_epoch_round_down() {
        let array = TimestampMillisecondArray::from(vec![-1]);
        assert_eq!(one(&array, Style::Text), "1969-12-31 23:59:59.999");
        assert_eq!(one(&array, Style::Json), "\"1969-12-31T23:59:59.999\"");
    }

    #[test]
    fn zones_show_local_time_with_its_offset() {
        let at =
            |seconds, zone: &str, style| one(&TimestampSecondArray::from(vec![seconds]).with_timezone(zone), style);
        assert_eq!(at(1_767_270_896, "UTC", Style::Text), "2026-01-01 12:34:56+00");
        assert_eq!(at(1_767_270_896, "UTC", Style::Json), "\"2026-01-01T12:34:56Z\"");
        assert_eq!(at(1_767_270_896, "+05:30", Style::Text), "2026-01-01 18:04:56+05:30");
        assert_eq!(at(1_767_270_896, "-09:00", Style::Json), "\"2026-01-01T03:34:56-09:00\"");
        assert_eq!(at(1_767_270_896, "Europe/Berlin", Style::Text), "2026-01-01 13:34:56+01");
        assert_eq!(at(1_782_909_296, "Europe/Berlin", Style::Text), "2026-07-01 14:34:56+02");
    }

    #[test]
    fn an_offset_with_seconds_does_not_move_the_instant_in_json() {
        let array = TimestampSecondArray::from(vec![-3_000_000_000]).with_timezone("Europe/Berlin");
        assert_eq!(one(&array, Style::Text), "1874-12-07 19:33:28+00:53:28");
        assert_eq!(one(&array, Style::Json), "\"1874-12-07T18:40:00Z\"");
    }

    #[test]
    fn timestamps_past_every_calendar_are_still_shown() {
        let array = TimestampSecondArray::from(vec![i64::MAX]).with_timezone("Asia/Seoul");
        assert_eq!(one(&array, Style::Text), "+292277026596-12-04 15:30:07+00");
        assert_eq!(one(&TimestampSecondArray::from(vec![i64::MIN]), Style::Text), "-292277022657-01-27 08:29:52");
        assert_eq!(one(&TimestampNanosecondArray::from(vec![i64::MAX]), Style::Text), "2262-04-11 23:47:16.854775807");
    }

    proptest! {
        #[test]
        fn dates_are_what_chrono_says(days in -700_000_i32..2_900_000) {
            let date = NaiveDate::from_epoch_days(days).expect("a year that chrono knows");
            prop_assert_eq!(one(&Date32Array::from(vec![days]), Style::Text), date.to_string());
        }

        #[test]
        fn timestamps_are_what_chrono_says(value in -60_000_000_000_000_i64..250_000_000_000_000) {
            let expected = DateTime::from_timestamp_millis(value).expect("in range").naive_utc();
            let text = one(&TimestampMillisecondArray::from(vec![value]), Style::Text);
            let read = chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").expect("a timestamp");
            prop_assert_eq!(read, expected);
        }
    }
}
