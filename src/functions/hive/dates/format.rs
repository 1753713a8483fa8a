//! `date_format`, `from_unixtime`, `unix_timestamp`, `to_date`: dates from and to text
//!
//! DataFusion's patterns are those of `strftime`, and its casts fail on text that is no date.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::ExprSimplifyResult;

use super::calendar::{self, SECOND};
use super::pattern::Pattern;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::{Made, Operand, texts_of};

const DEFAULT: &str = "yyyy-MM-dd HH:mm:ss";

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new(
                "date_format",
                "date_format(date, pattern)",
                Takes::OneOf(&[&[Kind::Date, Kind::Text]]),
                Gives::Always(DataType::Utf8),
                |call| written(call, &call.times(0)?, Some),
            ),
            Help {
                name: "date_format",
                syntax: "date_format(date, pattern)",
                line: "A date or timestamp as text in one of Java's patterns.",
                example: "SELECT date_format('2024-02-29 15:30:45', 'dd.MM.yy h:mm a'), date_format(DATE '2024-02-29', 'EEEE')",
                gives: "29.02.24 3:30 PM,Thursday",
            },
        ),
        Entry::scalar(
            Function::new(
                "from_unixtime",
                "from_unixtime(seconds[, pattern])",
                Takes::OneOf(&[&[Kind::Number], &[Kind::Number, Kind::Text]]),
                Gives::Always(DataType::Utf8),
                |call| written(call, &call.ints(0)?, |seconds: i64| seconds.checked_mul(SECOND)),
            ),
            Help {
                name: "from_unixtime",
                syntax: "from_unixtime(seconds[, pattern])",
                line: "A number of seconds since 1970 as text, by default in the pattern yyyy-MM-dd HH:mm:ss.",
                example: "SELECT from_unixtime(0), from_unixtime(-1, 'yyyyMMdd')",
                gives: "1970-01-01 00:00:00,19691231",
            },
        ),
        Entry::scalar(
            Function::new(
                "unix_timestamp",
                "unix_timestamp([date[, pattern]])",
                Takes::OneOf(&[&[], &[Kind::Date], &[Kind::Date, Kind::Text]]),
                Gives::Always(DataType::Int64),
                unix_timestamp,
            )
            .stable()
            .simplify(|args, info| {
                let now = info.query_execution_start_time();
                match now {
                    Some(now) if args.is_empty() => Ok(ExprSimplifyResult::Simplified(Expr::Literal(
                        ScalarValue::Int64(Some(now.timestamp())),
                        None,
                    ))),
                    _ => Ok(ExprSimplifyResult::Original(args)),
                }
            }),
            Help {
                name: "unix_timestamp",
                syntax: "unix_timestamp([date[, pattern]])",
                line: "Seconds since 1970: of now, of a date or timestamp, or of text in a pattern.",
                example: "SELECT unix_timestamp('2009-03-20 11:30:01'), unix_timestamp('20090320', 'yyyyMMdd'), unix_timestamp('x')",
                gives: "1237548601,1237507200,NULL",
            },
        ),
        Entry::scalar(
            Function::new(
                "to_unix_timestamp",
                "to_unix_timestamp(date[, pattern])",
                Takes::OneOf(&[&[Kind::Date], &[Kind::Date, Kind::Text]]),
                Gives::Always(DataType::Int64),
                unix_timestamp,
            ),
            Help {
                name: "to_unix_timestamp",
                syntax: "to_unix_timestamp(date[, pattern])",
                line: "Seconds since 1970 of a date or timestamp, or of text in a pattern.",
                example: "SELECT to_unix_timestamp(DATE '1970-01-02')",
                gives: "86400",
            },
        ),
        Entry::scalar(
            Function::new(
                "to_date",
                "to_date(date[, pattern])",
                Takes::OneOf(&[&[Kind::Date], &[Kind::Date, Kind::Text]]),
                Gives::Always(DataType::Date32),
                to_date,
            ),
            Help {
                name: "to_date",
                syntax: "to_date(date[, pattern])",
                line: "The date of a timestamp, or of text in a pattern.",
                example: "SELECT to_date('2024-02-29 15:30:45'), to_date('29/02/2024', 'dd/MM/yyyy'), to_date('2023-02-29')",
                gives: "2024-02-29,2024-02-29,NULL",
            },
        ),
    ]
}

/// The first argument in the pattern of the second, or in the default one.
fn written<T: datafusion::arrow::datatypes::ArrowPrimitiveType>(
    call: &Call,
    values: &Operand<T>,
    time: impl Fn(T::Native) -> Option<i64>,
) -> Result<ArrayRef> {
    let mut built = StringBuilder::with_capacity(call.rows(), call.rows() * 16);
    let mut text = String::new();
    let default = Pattern::parse(DEFAULT);
    let patterns = if call.len() > 1 { Some(call.texts(1)?) } else { None };
    let mut made = patterns.as_ref().map(|patterns| Made::new(patterns, Pattern::parse));
    for row in 0..call.rows() {
        let pattern = match &mut made {
            Some(made) => made.at(row),
            None => default.as_ref(),
        };
        match (values.at(row).and_then(&time), pattern) {
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

fn unix_timestamp(call: &Call) -> Result<ArrayRef> {
    if call.len() == 0 {
        let now = chrono::Utc::now().timestamp();
        return Ok(Arc::new(Int64Array::from_value(now, call.rows())));
    }
    match read(call)? {
        Some(times) => Ok(Arc::new(times.unary_opt::<_, Int64Type>(|time| Some(time.div_euclid(SECOND))))),
        // Dates and timestamps need no pattern.
        None => Ok(Arc::new(call.map::<_, Int64Type>(&call.times(0)?, |time| Some(time.div_euclid(SECOND))))),
    }
}

fn to_date(call: &Call) -> Result<ArrayRef> {
    let dates: Date32Array = match read(call)? {
        Some(times) if call.len() > 1 => times.unary_opt(calendar::date_of_time),
        _ => call.map::<_, Date32Type>(&call.dates(0)?, Some),
    };
    Ok(Arc::new(dates))
}

/// Text by the pattern, in microseconds; `None` if the first argument is no text.
fn read(call: &Call) -> Result<Option<Int64Array>> {
    let column = call.column(0)?;
    let Some(texts) = texts_of(&column) else {
        return Ok(None);
    };
    let default = Pattern::parse(DEFAULT);
    let patterns = if call.len() > 1 { Some(call.texts(1)?) } else { None };
    let mut made = patterns.as_ref().map(|patterns| Made::new(patterns, Pattern::parse));
    let mut read_row = |row: usize| {
        let pattern = match &mut made {
            Some(made) => made.at(row),
            None => default.as_ref(),
        };
        pattern?.read(texts.at(row)?)
    };
    Ok(Some((0..call.rows()).map(&mut read_row).collect()))
}
