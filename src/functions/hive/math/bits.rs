//! `shiftleft`, `shiftright` and `shiftrightunsigned`
//!
//! datafusion-spark's take no BIGINT for the number of places, which every integer in SQL text is.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};

fn function(name: &'static str, syntax: &'static str, run: fn(&Call) -> Result<ArrayRef>) -> Function {
    let gives = |args: &ReturnFieldArgs| {
        Ok(match args.arg_fields.first().map(|field| field.data_type()) {
            Some(DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16) => {
                DataType::Int32
            }
            _ => DataType::Int64,
        })
    };
    Function::new(name, syntax, Takes::OneOf(&[&[Kind::Number, Kind::Number]]), Gives::By(gives), run)
}

/// As in Java, only the lowest five or six bits of the number of places count.
fn shift(call: &Call, narrow: impl Fn(i32, u32) -> i32, wide: impl Fn(i64, u32) -> i64) -> Result<ArrayRef> {
    let (values, places) = (call.ints(0)?, call.ints(1)?);
    if *call.gives() == DataType::Int32 {
        return Ok(Arc::new(
            call.map2::<_, _, Int32Type>(&values, &places, |value, places| Some(narrow(value as i32, places as u32))),
        ));
    }
    Ok(Arc::new(call.map2::<_, _, Int64Type>(&values, &places, |value, places| Some(wide(value, places as u32)))))
}

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            function("shiftleft", "shiftleft(number, places)", |call| {
                shift(call, i32::wrapping_shl, i64::wrapping_shl)
            }),
            Help {
                name: "shiftleft",
                syntax: "shiftleft(number, places)",
                line: "The bits moved to the left.",
                example: "SELECT shiftleft(1, 4), shiftleft(1, 33)",
                gives: "16,2",
            },
        ),
        Entry::scalar(
            function("shiftright", "shiftright(number, places)", |call| {
                shift(call, i32::wrapping_shr, i64::wrapping_shr)
            }),
            Help {
                name: "shiftright",
                syntax: "shiftright(number, places)",
                line: "The bits moved to the right, with those of the sign after them.",
                example: "SELECT shiftright(-16, 2)",
                gives: "-4",
            },
        ),
        Entry::scalar(
            function("shiftrightunsigned", "shiftrightunsigned(number, places)", |call| {
                shift(
                    call,
                    |value, places| (value as u32).wrapping_shr(places) as i32,
                    |value, places| (value as u64).wrapping_shr(places) as i64,
                )
            }),
            Help {
                name: "shiftrightunsigned",
                syntax: "shiftrightunsigned(number, places)",
                line: "The bits moved to the right, with zeros after them.",
                example: "SELECT shiftrightunsigned(-1, 28)",
                gives: "15",
            },
        ),
    ]
}
