//! `current_date` and `current_timestamp`, which are DATE and TIMESTAMP in UTC
//!
//! DataFusion's `now` has a zone or nanoseconds, and compares with Hive's timestamps by a cast of the column.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::ExprSimplifyResult;

use super::calendar::date_of_time;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Function, Gives, TIMESTAMP, Takes};

fn date(now: DateTime<Utc>) -> Option<i32> {
    date_of_time(now.timestamp_micros())
}

pub(super) fn entries() -> Vec<Entry> {
    const NOTHING: Takes = Takes::OneOf(&[&[]]);
    vec![
        Entry::scalar(
            Function::new("current_date", "current_date()", NOTHING, Gives::Always(DataType::Date32), |call| {
                let today = Date32Array::from_iter(std::iter::repeat_n(date(Utc::now()), call.rows()));
                Ok(Arc::new(today) as ArrayRef)
            })
            .stable()
            .simplify(|args, info| match info.query_execution_start_time() {
                Some(now) => Ok(ExprSimplifyResult::Simplified(Expr::Literal(ScalarValue::Date32(date(now)), None))),
                None => Ok(ExprSimplifyResult::Original(args)),
            }),
            Help {
                name: "current_date",
                syntax: "current_date()",
                line: "The date at the start of the query, in UTC.",
                example: "SELECT current_date() = to_date(current_timestamp())",
                gives: "true",
            },
        ),
        Entry::scalar(
            Function::new("current_timestamp", "current_timestamp()", NOTHING, Gives::Always(TIMESTAMP), |call| {
                let now = TimestampMicrosecondArray::from_value(Utc::now().timestamp_micros(), call.rows());
                Ok(Arc::new(now) as ArrayRef)
            })
            .stable()
            .simplify(|args, info| match info.query_execution_start_time() {
                Some(now) => {
                    let now = ScalarValue::TimestampMicrosecond(Some(now.timestamp_micros()), None);
                    Ok(ExprSimplifyResult::Simplified(Expr::Literal(now, None)))
                }
                None => Ok(ExprSimplifyResult::Original(args)),
            }),
            Help {
                name: "current_timestamp",
                syntax: "current_timestamp()",
                line: "The time at the start of the query, in UTC.",
                example: "SELECT current_timestamp() > TIMESTAMP '2024-01-01 00:00:00'",
                gives: "true",
            },
        ),
    ]
}
