//! `greatest` and `least`: NULL if any argument is, where DataFusion's leave NULLs out

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::core;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarUDF};

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};

pub(super) fn entries() -> Vec<Entry> {
    let common = |types: &[DataType]| {
        if types.len() < 2 {
            return None;
        }
        // A DOUBLE among decimals makes DOUBLEs of all; DataFusion makes it a decimal.
        let has_doubles = types.iter().any(DataType::is_floating);
        if has_doubles && types.iter().all(|data_type| data_type.is_numeric() || data_type.is_null()) {
            return Some(vec![DataType::Float64; types.len()]);
        }
        core::greatest().coerce_types(types).ok()
    };
    let first =
        |args: &ReturnFieldArgs| Ok(args.arg_fields.first().map_or(DataType::Null, |field| field.data_type().clone()));
    vec![
        Entry::scalar(
            Function::new("greatest", "greatest(a, b, …)", Takes::By(common), Gives::By(first), |call| {
                of_all(call, &core::greatest())
            }),
            Help {
                name: "greatest",
                syntax: "greatest(a, b, …)",
                line: "The greatest argument; NULL if any is.",
                example: "SELECT greatest(1, 3, 2), greatest('a', 'b'), greatest(1, NULL)",
                gives: "3,b,NULL",
            },
        ),
        Entry::scalar(
            Function::new("least", "least(a, b, …)", Takes::By(common), Gives::By(first), |call| {
                of_all(call, &core::least())
            }),
            Help {
                name: "least",
                syntax: "least(a, b, …)",
                line: "The least argument; NULL if any is.",
                example: "SELECT least(3, 1, 2), least(1.5, 2), least(NULL, 1)",
                gives: "1,1.5,NULL",
            },
        ),
    ]
}

fn of_all(call: &Call, function: &ScalarUDF) -> Result<ArrayRef> {
    let mut nulls: Option<NullBuffer> = None;
    let mut values = Vec::with_capacity(call.len());
    for index in 0..call.len() {
        let value = call.value(index)?;
        match &value {
            ColumnarValue::Scalar(constant) if constant.is_null() => {
                return Ok(new_null_array(call.gives(), call.rows()));
            }
            ColumnarValue::Scalar(_) => {}
            ColumnarValue::Array(column) => {
                nulls = NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref());
            }
        }
        values.push(value);
    }
    let result = call.delegate(function, values)?;
    match nulls {
        Some(nulls) => Ok(nullif(&result, &BooleanArray::new(!nulls.inner(), None))?),
        None => Ok(result),
    }
}
