//! `to_char` with PostgreSQL's templates, for dates, times and numbers
//!
//! A format with a `%` is one of DataFusion's, and is taken as such for dates and times.

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::calendar::{MICROSECONDS, as_microseconds, is_time, time_of};
use super::number_template::NumberTemplate;
use super::time_template::Template;
use crate::functions::columns::{Doubles, Texts, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "to_char",
                syntax: "to_char(date, timestamp or number, template)",
                line: "A date such as 'YYYY-MM-DD HH24:MI:SS' says, or a number such as '9990.00'.",
                example: "SELECT to_char(DATE '2014-01-17', 'FMDay, DDth Mon YYYY'), to_char(-12.5, 'FM9990.00')",
                gives: "Friday, 17th Jan 2014,-12.50",
            },
            &[Kind::Any, Kind::Text],
            Gives::Of(|given| match given.first() {
                Some(first) if is_time(first) || first.is_numeric() || is_time_of_day(first) => Ok(DataType::Utf8View),
                Some(first) => plan_err!("to_char takes a date, a time, a timestamp or a number, not {first}"),
                None => plan_err!("to_char takes a value and a template"),
            }),
            to_char,
        )
        .entry(),
    ]
}

fn is_time_of_day(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time32(_) | DataType::Time64(_))
}

fn to_char(call: &Call) -> Result<ArrayRef> {
    match call.data_type(0) {
        data_type if data_type.is_numeric() => of_numbers(call),
        _ => of_times(call),
    }
}

fn of_times(call: &Call) -> Result<ArrayRef> {
    let (array, is_constant) = call.array(0)?;
    let (locals, zone) = match array.data_type() {
        DataType::Timestamp(_, zone) => (as_microseconds(&array)?, zone.clone()),
        // As of the first day.
        DataType::Time32(_) | DataType::Time64(_) => {
            let microseconds = cast(&array, &DataType::Time64(TimeUnit::Microsecond))?;
            (cast(&cast(&microseconds, &DataType::Int64)?, &MICROSECONDS)?, None)
        }
        _ => (as_microseconds(&array)?, None),
    };
    let locals = locals.as_primitive::<TimestampMicrosecondType>();
    // What the zone adds to the time at Greenwich.
    let instants = match &zone {
        Some(_) => {
            let instants = cast(&array, &MICROSECONDS)?;
            Some(instants.as_primitive::<TimestampMicrosecondType>().clone())
        }
        None => None,
    };
    let templates = call.texts(1)?;
    let mut last: Option<(&str, Template)> = None;
    texts(call.rows, |row, out| {
        let index = if is_constant { 0 } else { row };
        let (true, Some(template)) = (locals.is_valid(index), templates.get(row)) else { return Ok(false) };
        let local = locals.value(index);
        let Some(time) = time_of(local) else {
            return exec_err!("to_char: a timestamp is out of the range of the calendar");
        };
        if template.contains('%') {
            return match write!(out, "{}", time.format(template)) {
                Ok(()) => Ok(true),
                Err(_) => exec_err!("to_char: '{template}' is no format"),
            };
        }
        let (_, parsed) = match last.take() {
            Some(pair) if pair.0 == template => last.insert(pair),
            _ => last.insert((template, Template::new(template))),
        };
        let zone = zone.as_deref().zip(instants.as_ref());
        let zone = zone.map(|(zone, instants)| (zone, local.saturating_sub(instants.value(index)) / 1_000_000));
        parsed.write(&time, zone, out);
        Ok(true)
    })
}

enum Numbers {
    Double(Doubles),
    Exact(Texts),
}

fn of_numbers(call: &Call) -> Result<ArrayRef> {
    let (array, is_constant) = call.array(0)?;
    let values = match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Numbers::Double(call.doubles(0)?),
        _ => Numbers::Exact(Texts::new(&array, is_constant)?),
    };
    let templates = call.texts(1)?;
    let mut last: Option<(&str, NumberTemplate)> = None;
    texts(call.rows, |row, out| {
        let Some(template) = templates.get(row) else { return Ok(false) };
        let (_, parsed) = match last.take() {
            Some(pair) if pair.0 == template => last.insert(pair),
            _ => last.insert((template, NumberTemplate::new(template)?)),
        };
        match &values {
            Numbers::Double(values) => values.get(row).map(|value| parsed.write_double(value, out)),
            Numbers::Exact(values) => values.get(row).map(|value| parsed.write_exact(value, out)),
        }
        .map_or(Ok(false), |()| Ok(true))
    })
}
