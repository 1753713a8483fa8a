//! `trunc` of dates and of numbers, and `date_trunc` of timestamps
//!
//! DataFusion's `trunc` knows numbers only, and datafusion-spark's `trunc` and `date_trunc` dates only, fail on an unknown unit, and
//! need it to be constant.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use datafusion::error::Result;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, civil};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, TIMESTAMP, Takes};
use crate::functions::hive::math::rounding::{self, Mode};
use crate::functions::hive::operand::Made;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new(
                "trunc",
                "trunc(date, unit) or trunc(number[, places])",
                Takes::By(|types| match types {
                    [number] if number.is_numeric() => Some(types.to_vec()),
                    [number, places] if number.is_numeric() && (places.is_integer() || places.is_null()) => {
                        Some(types.to_vec())
                    }
                    [date, unit] if is_date(date) && (is_text(unit) || unit.is_null()) => {
                        let given =
                            |given: &DataType, null: DataType| if given.is_null() { null } else { given.clone() };
                        Some(vec![given(date, DataType::Date32), given(unit, DataType::Utf8)])
                    }
                    _ => None,
                }),
                Gives::By(|args| match args.arg_fields.first() {
                    Some(field) if field.data_type().is_numeric() => rounding::gives(args, Mode::Down),
                    _ => Ok(DataType::Date32),
                }),
                |call| {
                    if call.data_type(0).is_numeric() { rounding::round(call, Mode::Down) } else { trunc_date(call) }
                },
            ),
            Help {
                name: "trunc",
                syntax: "trunc(date, unit) or trunc(number[, places])",
                line: "The first day of a date's YEAR, Q(uarter), MM(onth) or WEEK; or a number cut after so many places.",
                example: "SELECT trunc('2024-08-17', 'MM'), trunc(DATE '2024-08-17', 'Q'), trunc(1234.567, 1), trunc(1234.567, -2)",
                gives: "2024-08-01,2024-07-01,1234.5,1200",
            },
        ),
        Entry::scalar(
            Function::new(
                "date_trunc",
                "date_trunc(unit, timestamp)",
                Takes::OneOf(&[&[Kind::Text, Kind::Date]]),
                Gives::Always(TIMESTAMP),
                date_trunc,
            ),
            Help {
                name: "date_trunc",
                syntax: "date_trunc(unit, timestamp)",
                line: "The start of the year, quarter, month, week, day, hour, minute or second that a time is in.",
                example: "SELECT date_trunc('HOUR', '2024-02-29 15:30:45'), date_trunc('week', '2024-02-29')",
                gives: "2024-02-29T15:00:00,2024-02-26T00:00:00",
            },
        ),
    ]
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_date(data_type: &DataType) -> bool {
    is_text(data_type)
        || data_type.is_null()
        || matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Micros(i64),
    Week,
    Months(i64),
}

fn unit(name: &str) -> Option<Unit> {
    const UNITS: [(&[&str], Unit); 10] = [
        (&["YEAR", "YYYY", "YY"], Unit::Months(12)),
        (&["QUARTER", "Q"], Unit::Months(3)),
        (&["MONTH", "MON", "MM"], Unit::Months(1)),
        (&["WEEK"], Unit::Week),
        (&["DAY", "DD"], Unit::Micros(DAY)),
        (&["HOUR"], Unit::Micros(HOUR)),
        (&["MINUTE"], Unit::Micros(MINUTE)),
        (&["SECOND"], Unit::Micros(SECOND)),
        (&["MILLISECOND"], Unit::Micros(1000)),
        (&["MICROSECOND"], Unit::Micros(1)),
    ];
    let known = UNITS.iter().find(|(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    Some(known.1)
}

/// Hive cuts dates to months, quarters and years; Spark to weeks, too.
fn unit_of_date(name: &str) -> Option<Unit> {
    unit(name).filter(|unit| !matches!(unit, Unit::Micros(_)))
}

fn first_day(days: i64, unit: Unit) -> i64 {
    match unit {
        Unit::Micros(_) => days,
        Unit::Week => days - (days + 3).rem_euclid(7),
        Unit::Months(months) => {
            let date = civil(days);
            calendar::days(date.year, date.month - (date.month - 1) % months, 1)
        }
    }
}

fn trunc_date(call: &Call) -> Result<ArrayRef> {
    let (dates, names) = (call.dates(0)?, call.texts(1)?);
    let mut units = Made::new(&names, unit_of_date);
    let first = |date: i32, unit: Unit| i32::try_from(first_day(date.into(), unit)).ok();
    if names.constant().is_some() {
        let unit = units.at(0).copied();
        return Ok(Arc::new(call.map::<_, Date32Type>(&dates, |date| first(date, unit?))));
    }
    let cut = (0..call.rows()).map(|row| first(dates.at(row)?, *units.at(row)?));
    Ok(Arc::new(Date32Array::from_iter(cut)))
}

fn date_trunc(call: &Call) -> Result<ArrayRef> {
    let (names, times) = (call.texts(0)?, call.times(1)?);
    let mut units = Made::new(&names, unit);
    let start = |time: i64, unit: Unit| match unit {
        Unit::Micros(length) => time.checked_sub(time.rem_euclid(length)),
        _ => first_day(time.div_euclid(DAY), unit).checked_mul(DAY),
    };
    if names.constant().is_some() {
        let unit = units.at(0).copied();
        return Ok(Arc::new(call.map::<_, TimestampMicrosecondType>(&times, |time| start(time, unit?))));
    }
    let cut = (0..call.rows()).map(|row| start(times.at(row)?, *units.at(row)?));
    Ok(Arc::new(TimestampMicrosecondArray::from_iter(cut)))
}
