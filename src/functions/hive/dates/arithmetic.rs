//! `add_months`, `date_add`, `date_sub`, `datediff`, `months_between`, `last_day`, `next_day`
//!
//! datafusion-spark's take neither text nor BIGINT, `add_months` does not keep the end of a month (Hive: February 29th and a month is
//! March 31st), and `months_between` is missing.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Float64Array, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int32Type};
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use super::calendar::{self, Civil, DAY, SECOND, civil};
use super::pattern::Pattern;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::{Made, is_true};

const DATE_AND_NUMBER: Takes = Takes::OneOf(&[&[Kind::Date, Kind::Number]]);

pub(super) fn entries() -> Vec<Entry> {
    let date = || Gives::Always(DataType::Date32);
    vec![
        Entry::scalar(
            Function::new(
                "add_months",
                "add_months(date, months[, pattern])",
                Takes::OneOf(&[&[Kind::Date, Kind::Number], &[Kind::Date, Kind::Number, Kind::Text]]),
                Gives::By(|args: &ReturnFieldArgs| {
                    Ok(if args.arg_fields.len() == 3 { DataType::Utf8 } else { DataType::Date32 })
                }),
                add_months,
            ),
            Help {
                name: "add_months",
                syntax: "add_months(date, months[, pattern])",
                line: "The date so many months later; the last day of a month if the date is one.",
                example: "SELECT add_months('2024-01-31', 1), add_months('2024-02-29', 1), add_months('2024-01-15', -1, 'yyyyMM')",
                gives: "2024-02-29,2024-03-31,202312",
            },
        ),
        Entry::scalar(
            Function::new("date_add", "date_add(date, days)", DATE_AND_NUMBER, date(), |call| move_days(call, 1))
                .aliases(&["dateadd"]),
            Help {
                name: "date_add",
                syntax: "date_add(date, days)",
                line: "The date so many days later.",
                example: "SELECT date_add('2024-02-28', 2), date_add('no date', 2)",
                gives: "2024-03-01,NULL",
            },
        ),
        Entry::scalar(
            Function::new("date_sub", "date_sub(date, days)", DATE_AND_NUMBER, date(), |call| move_days(call, -1)),
            Help {
                name: "date_sub",
                syntax: "date_sub(date, days)",
                line: "The date so many days earlier.",
                example: "SELECT date_sub('2024-03-01', 1)",
                gives: "2024-02-29",
            },
        ),
        Entry::scalar(
            Function::new(
                "datediff",
                "datediff(end, start)",
                Takes::OneOf(&[&[Kind::Date, Kind::Date]]),
                Gives::Always(DataType::Int32),
                |call| {
                    let (end, start) = (call.dates(0)?, call.dates(1)?);
                    Ok(Arc::new(call.map2::<_, _, Int32Type>(&end, &start, |end, start| Some(end.wrapping_sub(start)))))
                },
            )
            .aliases(&["date_diff"]),
            Help {
                name: "datediff",
                syntax: "datediff(end, start)",
                line: "The number of days from start to end; times of day do not count.",
                example: "SELECT datediff('2024-03-01 00:01:00', '2024-02-28 23:59:00')",
                gives: "2",
            },
        ),
        Entry::scalar(
            Function::new(
                "months_between",
                "months_between(end, start[, rounded])",
                Takes::OneOf(&[&[Kind::Date, Kind::Date], &[Kind::Date, Kind::Date, Kind::Boolean]]),
                Gives::Always(DataType::Float64),
                months_between,
            ),
            Help {
                name: "months_between",
                syntax: "months_between(end, start[, rounded])",
                line: "The number of months from start to end, a month's part being in 31sts, rounded to 8 places.",
                example: "SELECT months_between('1997-02-28 10:30:00', '1996-10-30'), months_between('2024-02-29', '2024-01-31')",
                gives: "3.94959677,1.0",
            },
        ),
        Entry::scalar(
            Function::new("last_day", "last_day(date)", Takes::OneOf(&[&[Kind::Date]]), date(), |call| {
                let dates = call.dates(0)?;
                Ok(Arc::new(call.map::<_, Date32Type>(&dates, |days| {
                    let date = civil(days.into());
                    let day = calendar::days_in_month(date.year, date.month);
                    i32::try_from(Civil { day, ..date }.days()).ok()
                })))
            }),
            Help {
                name: "last_day",
                syntax: "last_day(date)",
                line: "The last day of the date's month.",
                example: "SELECT last_day('2024-02-03 10:00:00')",
                gives: "2024-02-29",
            },
        ),
        Entry::scalar(
            Function::new(
                "next_day",
                "next_day(date, weekday)",
                Takes::OneOf(&[&[Kind::Date, Kind::Text]]),
                date(),
                next_day,
            ),
            Help {
                name: "next_day",
                syntax: "next_day(date, weekday)",
                line: "The first date after the given one that is a Monday, TU, FRI or the like.",
                example: "SELECT next_day('2024-02-29', 'TU'), next_day('2024-02-29', 'Noday')",
                gives: "2024-03-05,NULL",
            },
        ),
    ]
}

/// Hive's days are INTs: BIGINTs and text count if they fit.
fn move_days(call: &Call, sign: i64) -> Result<ArrayRef> {
    let (dates, days) = (call.dates(0)?, call.ints(1)?);
    let moved = call.map2::<_, _, Date32Type>(&dates, &days, |date, days| {
        i32::try_from(i64::from(date).checked_add(days.checked_mul(sign)?)?).ok()
    });
    Ok(Arc::new(moved))
}

fn later(date: i32, months: i64) -> Option<i32> {
    let date = civil(date.into());
    let mut moved = calendar::add_months(date, i32::try_from(months).ok()?.into());
    if date.is_last_of_month() {
        moved.day = calendar::days_in_month(moved.year, moved.month);
    }
    i32::try_from(moved.days()).ok()
}

fn add_months(call: &Call) -> Result<ArrayRef> {
    if call.len() == 2 {
        let (dates, months) = (call.dates(0)?, call.ints(1)?);
        return Ok(Arc::new(call.map2::<_, _, Date32Type>(&dates, &months, later)));
    }
    // With a pattern the time of day is kept.
    let (times, months, patterns) = (call.times(0)?, call.ints(1)?, call.texts(2)?);
    let mut made = Made::new(&patterns, Pattern::parse);
    let mut built = StringBuilder::with_capacity(call.rows(), call.rows() * 10);
    let mut text = String::new();
    for row in 0..call.rows() {
        let moved = || -> Option<i64> {
            let time = times.at(row)?;
            let date = later(calendar::date_of_time(time)?, months.at(row)?)?;
            i64::from(date).checked_mul(DAY)?.checked_add(time.rem_euclid(DAY))
        };
        match (moved(), made.at(row)) {
            (Some(time), Some(pattern)) => {
                text.clear();
                pattern.write(&mut text, time);
                built.append_value(&text);
            }
            _ => built.append_null(),
        }
    }
    Ok(Arc::new(built.finish()))
}

fn months_between(call: &Call) -> Result<ArrayRef> {
    let (ends, starts) = (call.times(0)?, call.times(1)?);
    let unrounded = if call.len() == 3 { Some(call.column(2)?) } else { None };
    let months: Float64Array = (0..call.rows())
        .map(|row| {
            let (end, start) = (ends.at(row)?, starts.at(row)?);
            let rounds = match &unrounded {
                None => true,
                Some(flags) if flags.is_null(row) => return None,
                Some(flags) => is_true(flags, row),
            };
            let months = months_apart(end, start);
            Some(if rounds { (months * 1e8).round() / 1e8 } else { months })
        })
        .collect();
    Ok(Arc::new(months))
}

fn months_apart(end: i64, start: i64) -> f64 {
    let (end_date, start_date) = (civil(end.div_euclid(DAY)), civil(start.div_euclid(DAY)));
    let months = (end_date.year - start_date.year) * 12 + end_date.month - start_date.month;
    if end_date.day == start_date.day || (end_date.is_last_of_month() && start_date.is_last_of_month()) {
        return months as f64;
    }
    let seconds = |date: Civil, time: i64| date.day * 86_400 + time.rem_euclid(DAY) / SECOND;
    months as f64 + (seconds(end_date, end) - seconds(start_date, start)) as f64 / (31.0 * 86_400.0)
}

fn next_day(call: &Call) -> Result<ArrayRef> {
    let (dates, names) = (call.dates(0)?, call.texts(1)?);
    let mut weekdays = Made::new(&names, weekday);
    if names.constant().is_some() {
        let Some(weekday) = weekdays.at(0).copied() else {
            return Ok(Arc::new(Date32Array::new_null(call.rows())));
        };
        return Ok(Arc::new(call.map::<_, Date32Type>(&dates, |date| next(date, weekday))));
    }
    let found: Date32Array = (0..call.rows()).map(|row| next(dates.at(row)?, *weekdays.at(row)?)).collect();
    Ok(Arc::new(found))
}

fn next(date: i32, weekday: i64) -> Option<i32> {
    let days = i64::from(date) + 1;
    i32::try_from(days + (weekday - calendar::weekday(days)).rem_euclid(7)).ok()
}

/// From 0 for Sunday.
fn weekday(name: &str) -> Option<i64> {
    const NAMES: [[&str; 3]; 7] = [
        ["SU", "SUN", "SUNDAY"],
        ["MO", "MON", "MONDAY"],
        ["TU", "TUE", "TUESDAY"],
        ["WE", "WED", "WEDNESDAY"],
        ["TH", "THU", "THURSDAY"],
        ["FR", "FRI", "FRIDAY"],
        ["SA", "SAT", "SATURDAY"],
    ];
    let name = name.trim();
    let index = NAMES.iter().position(|names| names.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    i64::try_from(index).ok()
}
