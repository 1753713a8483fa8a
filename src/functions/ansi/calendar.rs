//! Tajo's arithmetic with dates: `add_days`, `add_months`, `utc_usec_to`

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use crate::functions::columns::numbers;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let gives = Gives::Of(|given| match given.first() {
        Some(first) if is_time(first) => Ok(MICROSECONDS),
        _ => plan_err!("a date or a timestamp is wanted first"),
    });
    vec![
        Function::new(
            Help {
                name: "add_days",
                syntax: "add_days(date or timestamp, days)",
                line: "So many days later, or earlier if they are negative, as a timestamp.",
                example: "SELECT add_days(DATE '2013-12-30', 5)",
                gives: "2014-01-04T00:00:00",
            },
            &[Kind::Any, Kind::Integer],
            gives,
            |call| {
                added(call, |time, days| {
                    let count = Days::new(days.unsigned_abs());
                    if days < 0 { time.checked_sub_days(count) } else { time.checked_add_days(count) }
                })
            },
        )
        .entry(),
        Function::new(
            Help {
                name: "add_months",
                syntax: "add_months(date or timestamp, months)",
                line: "So many months later, or earlier if they are negative, as a timestamp; on the last day if the month is shorter.",
                example: "SELECT add_months(DATE '2013-12-17', 2), add_months(DATE '2024-01-31', 1)",
                gives: "2014-02-17T00:00:00,2024-02-29T00:00:00",
            },
            &[Kind::Any, Kind::Integer],
            gives,
            |call| {
                added(call, |time, months| {
                    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
                    if months < 0 { time.checked_sub_months(count) } else { time.checked_add_months(count) }
                })
            },
        )
        .entry(),
        Function::new(
            Help {
                name: "utc_usec_to",
                syntax: "utc_usec_to('hour' | 'day' | 'week' | 'month' | 'year', microseconds[, day of week])",
                line: "The microseconds since 1970 cut to a unit of time; of a week, its Sunday (0) or another day.",
                example: "SELECT utc_usec_to('day', 1274259481071200), utc_usec_to('week', 1207929480000000, 2)",
                gives: "1274227200000000,1207612800000000",
            },
            &[Kind::Text, Kind::Integer],
            Gives::Long,
            utc_usec_to,
        )
        .optional(&[Kind::Integer])
        .entry(),
    ]
}

pub(super) const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Null | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// Dates and timestamps as the local time that they show.
pub(super) fn as_microseconds(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Timestamp(_, Some(zone)) => {
            let zone: Tz = zone.parse()?;
            let instants = cast(array, &MICROSECONDS)?;
            let locals = instants.as_primitive::<TimestampMicrosecondType>().iter().map(|instant| {
                let time = time_of(instant?)?;
                let offset = zone.offset_from_utc_datetime(&time).fix().local_minus_utc();
                instant?.checked_add(i64::from(offset) * 1_000_000)
            });
            Ok(Arc::new(locals.collect::<TimestampMicrosecondArray>()))
        }
        _ => Ok(cast(array, &MICROSECONDS)?),
    }
}

pub(super) fn time_of(microseconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(microseconds).map(|time| time.naive_utc())
}

fn added(call: &Call, add: impl Fn(NaiveDateTime, i64) -> Option<NaiveDateTime>) -> Result<ArrayRef> {
    let (array, is_constant) = call.array(0)?;
    let times = as_microseconds(&array)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let counts = call.integers(1)?;
    numbers::<TimestampMicrosecondType>(call.rows, |row| {
        let index = if is_constant { 0 } else { row };
        let (true, Some(count)) = (times.is_valid(index), counts.get(row)) else { return Ok(None) };
        match time_of(times.value(index)).and_then(|time| add(time, count)) {
            Some(time) => Ok(Some(time.and_utc().timestamp_micros())),
            None => exec_err!("{}: the result is out of the range of timestamps", call.name),
        }
    })
}

fn utc_usec_to(call: &Call) -> Result<ArrayRef> {
    let (units, times) = (call.texts(0)?, call.integers(1)?);
    let days = call.optional_integers(2)?;
    numbers::<Int64Type>(call.rows, |row| {
        let day = days.as_ref().map_or(Some(0), |days| days.get(row));
        let (Some(unit), Some(time), Some(day)) = (units.get(row), times.get(row), day) else { return Ok(None) };
        const HOUR: i64 = 3_600_000_000;
        let multiple_of = |length: i64| time.checked_sub(time.rem_euclid(length));
        let date = || time_of(time).map(|time| time.date());
        let of = |date: Option<NaiveDate>| Some(date?.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros());
        let cut = if unit.eq_ignore_ascii_case("hour") {
            multiple_of(HOUR)
        } else if unit.eq_ignore_ascii_case("day") {
            multiple_of(24 * HOUR)
        } else if unit.eq_ignore_ascii_case("month") {
            of(date().and_then(|date| date.with_day(1)))
        } else if unit.eq_ignore_ascii_case("year") {
            of(date().and_then(|date| NaiveDate::from_ymd_opt(date.year(), 1, 1)))
        } else if unit.eq_ignore_ascii_case("week") {
            let Ok(day @ 0..=6) = u64::try_from(day) else {
                return exec_err!("utc_usec_to: the day of a week is 0 (Sunday) to 6");
            };
            of(date().and_then(|date| {
                let sunday = date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_sunday())))?;
                sunday.checked_add_days(Days::new(day))
            }))
        } else {
            return exec_err!("utc_usec_to cuts to 'hour', 'day', 'week', 'month' or 'year', not to '{unit}'");
        };
        match cut {
            Some(cut) => Ok(Some(cut)),
            None => exec_err!("utc_usec_to: {time} is out of the range of timestamps"),
        }
    })
}
