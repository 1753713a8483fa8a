//! `to_date` and `to_timestamp` with PostgreSQL's templates
//!
//! Calls with one argument, and those whose formats have a `%`, are DataFusion's.

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampNanosecondType};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::functions::datetime;

use super::time_reader::Reader;
use crate::functions::columns::numbers;
use crate::functions::define::{Call, Function, Gives, Kind, cast_to};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "to_date",
                syntax: "to_date(text[, template])",
                line: "The date in a text, of which a template such as 'DD Mon YYYY' says how it is written.",
                example: "SELECT to_date('05 Dec 2000', 'DD Mon YYYY'), to_date('2014-01-17')",
                gives: "2000-12-05,2014-01-17",
            },
            &[Kind::Any],
            Gives::Of(|_| Ok(DataType::Date32)),
            to_date,
        )
        .rest(Kind::Text)
        .entry(),
        Function::new(
            Help {
                name: "to_timestamp",
                syntax: "to_timestamp(text[, template]) or to_timestamp(seconds)",
                line: "The time in a text, of which a template says how it is written, or so many seconds after 1970.",
                example: "SELECT to_timestamp('05 Dec 2000 01:30 PM', 'DD Mon YYYY HH12:MI AM'), to_timestamp(1)",
                gives: "2000-12-05T13:30:00,1970-01-01T00:00:01",
            },
            &[Kind::Any],
            Gives::Of(|_| Ok(NANOSECONDS)),
            to_timestamp,
        )
        .rest(Kind::Text)
        .entry(),
    ]
}

const NANOSECONDS: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// Whether a call is for DataFusion's function: the template is not one of PostgreSQL's, or it is not a text that is read.
fn is_datafusions(call: &Call) -> Result<bool> {
    if call.count() != 2 || !call.data_type(0).is_string() {
        return Ok(true);
    }
    let templates = call.texts(1)?;
    Ok((0..templates.array.len())
        .any(|index| templates.array.is_valid(index) && templates.array.value(index).contains('%')))
}

fn to_date(call: &Call) -> Result<ArrayRef> {
    if is_datafusions(call)? {
        return call.by(&datetime::to_date(), &DataType::Date32);
    }
    let mut reader = Reader::default();
    let (texts, templates) = (call.texts(0)?, call.texts(1)?);
    numbers::<Date32Type>(call.rows, |row| {
        let (Some(text), Some(template)) = (texts.get(row), templates.get(row)) else { return Ok(None) };
        let date = reader.read(text, template)?.date();
        Ok(Some(date.signed_duration_since(NaiveDate::default()).num_days() as i32))
    })
}

fn to_timestamp(call: &Call) -> Result<ArrayRef> {
    if is_datafusions(call)? {
        let times = call.by(&datetime::to_timestamp(&call.config), &NANOSECONDS)?;
        return cast_to(&times, &NANOSECONDS);
    }
    let mut reader = Reader::default();
    let (texts, templates) = (call.texts(0)?, call.texts(1)?);
    numbers::<TimestampNanosecondType>(call.rows, |row| {
        let (Some(text), Some(template)) = (texts.get(row), templates.get(row)) else { return Ok(None) };
        match reader.read(text, template)?.and_utc().timestamp_nanos_opt() {
            Some(time) => Ok(Some(time)),
            None => exec_err!("to_timestamp: '{text}' is out of the range of timestamps"),
        }
    })
}
