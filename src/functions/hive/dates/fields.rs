//! `year`, `month`, `day` and the rest, of text too
//!
//! DataFusion has them by `date_part` alone, datafusion-spark only the hours, minutes and seconds of what is a timestamp already.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::error::Result;
use datafusion::functions::datetime::date_part;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::lit;
use datafusion::logical_expr::simplify::ExprSimplifyResult;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, civil};
use super::text;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};
use crate::functions::hive::operand::{texts_of, to_times};

fn field(name: &'static str, syntax: &'static str, run: fn(&Call) -> Result<ArrayRef>) -> Function {
    Function::new(name, syntax, Takes::OneOf(&[&[Kind::Date]]), Gives::Always(DataType::Int32), run)
}

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            // DataFusion knows which dates are of a year, and skips files by it.
            field("year", "year(date)", |call| of_date(call, |days| civil(days).year)).simplify(
                |args, info| match args.as_slice() {
                    [arg]
                        if matches!(arg.get_type(info.schema())?, DataType::Date32 | DataType::Timestamp(_, None)) =>
                    {
                        Ok(ExprSimplifyResult::Simplified(date_part().call(vec![lit("year"), arg.clone()])))
                    }
                    _ => Ok(ExprSimplifyResult::Original(args)),
                },
            ),
            Help {
                name: "year",
                syntax: "year(date)",
                line: "The year of a date or timestamp.",
                example: "SELECT year('2024-02-29'), year(DATE '1969-12-31'), year('x')",
                gives: "2024,1969,NULL",
            },
        ),
        Entry::scalar(
            field("quarter", "quarter(date)", |call| of_date(call, |days| (civil(days).month - 1) / 3 + 1)),
            Help {
                name: "quarter",
                syntax: "quarter(date)",
                line: "The quarter of the year, from 1.",
                example: "SELECT quarter('2024-04-01')",
                gives: "2",
            },
        ),
        Entry::scalar(
            field("month", "month(date)", |call| of_date(call, |days| civil(days).month)),
            Help {
                name: "month",
                syntax: "month(date)",
                line: "The month, from 1.",
                example: "SELECT month('2024-02-29 10:00:00')",
                gives: "2",
            },
        ),
        Entry::scalar(
            field("day", "day(date)", |call| of_date(call, |days| civil(days).day)).aliases(&["dayofmonth"]),
            Help {
                name: "day",
                syntax: "day(date)",
                line: "The day of the month, from 1; dayofmonth is the same.",
                example: "SELECT day('2024-02-29'), dayofmonth('2024-02-29')",
                gives: "29,29",
            },
        ),
        Entry::scalar(
            field("dayofweek", "dayofweek(date)", |call| of_date(call, |days| calendar::weekday(days) + 1)),
            Help {
                name: "dayofweek",
                syntax: "dayofweek(date)",
                line: "The day of the week, from 1 for Sunday.",
                example: "SELECT dayofweek('2024-02-29')",
                gives: "5",
            },
        ),
        Entry::scalar(
            field("dayofyear", "dayofyear(date)", |call| of_date(call, calendar::day_of_year)),
            Help {
                name: "dayofyear",
                syntax: "dayofyear(date)",
                line: "The day of the year, from 1.",
                example: "SELECT dayofyear('2024-12-31')",
                gives: "366",
            },
        ),
        Entry::scalar(
            field("weekofyear", "weekofyear(date)", |call| of_date(call, calendar::iso_week)),
            Help {
                name: "weekofyear",
                syntax: "weekofyear(date)",
                line: "The number of the week, which begins on Monday; the first has four days or more in the year.",
                example: "SELECT weekofyear('2021-01-03')",
                gives: "53",
            },
        ),
        Entry::scalar(
            field("hour", "hour(timestamp)", |call| of_time(call, |time| time / HOUR)),
            Help {
                name: "hour",
                syntax: "hour(timestamp)",
                line: "The hour of the day, from 0.",
                example: "SELECT hour('2024-02-29 15:30:45'), hour('15:30:45')",
                gives: "15,15",
            },
        ),
        Entry::scalar(
            field("minute", "minute(timestamp)", |call| of_time(call, |time| time % HOUR / MINUTE)),
            Help {
                name: "minute",
                syntax: "minute(timestamp)",
                line: "The minute of the hour, from 0.",
                example: "SELECT minute('2024-02-29 15:30:45')",
                gives: "30",
            },
        ),
        Entry::scalar(
            field("second", "second(timestamp)", |call| of_time(call, |time| time % MINUTE / SECOND)),
            Help {
                name: "second",
                syntax: "second(timestamp)",
                line: "The whole second of the minute, from 0.",
                example: "SELECT second('2024-02-29 15:30:45.9')",
                gives: "45",
            },
        ),
    ]
}

fn of_date(call: &Call, of: impl Fn(i64) -> i64) -> Result<ArrayRef> {
    let dates = call.dates(0)?;
    // Every field of every date fits: years are below six millions.
    Ok(Arc::new(call.map::<_, Int32Type>(&dates, |days| Some(of(days.into()) as i32))))
}

/// Of the microseconds since midnight.
fn of_time(call: &Call, of: impl Fn(i64) -> i64) -> Result<ArrayRef> {
    let column = call.column(0)?;
    let fields: Int32Array = match texts_of(&column) {
        Some(texts) => (0..column.len()).map(|row| Some(of(text::time_of_day(texts.at(row)?)?) as i32)).collect(),
        None => to_times(&column)?.unary(|time| of(time.rem_euclid(DAY)) as i32),
    };
    Ok(Arc::new(fields))
}
