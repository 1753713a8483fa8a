//! `reverse` of a text or an array; `array_append`, which of no array is NULL

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::{is_null, nullif};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::unicode;
use datafusion::functions_nested::{concat as nested, reverse};

use super::arrays::first_type;
use super::lists::{array_and_element, element, list_of};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::operand::convert;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new(
                "reverse",
                "reverse(text or array)",
                Takes::By(|types| match types {
                    [DataType::Null] => Some(vec![DataType::Utf8View]),
                    [list] if element(list).is_some() => Some(vec![list_of(element(list)?.data_type().clone())]),
                    [nested] if nested.is_nested() => None,
                    [_] => Some(vec![DataType::Utf8View]),
                    _ => None,
                }),
                Gives::By(first_type),
                |call| match call.gives() {
                    DataType::Utf8View => {
                        let reversed = call.delegate(&unicode::reverse(), vec![call.value(0)?])?;
                        convert(&reversed, &DataType::Utf8View)
                    }
                    _ => call.delegate(&reverse::array_reverse_udf(), vec![call.value(0)?]),
                },
            ),
            Help {
                name: "reverse",
                syntax: "reverse(text or array)",
                line: "The characters or elements from the last to the first.",
                example: "SELECT reverse('Facebook'), reverse(array(1, 2, 3))",
                gives: "koobecaF,[3, 2, 1]",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_append",
                "array_append(array, value)",
                Takes::By(array_and_element),
                Gives::By(first_type),
                append,
            ),
            Help {
                name: "array_append",
                syntax: "array_append(array, value)",
                line: "The array and one element more; NULL of no array.",
                example: "SELECT array_append(array(1, 2), 3), array_append(CAST(NULL AS ARRAY<INT>), 3)",
                gives: "[1, 2, 3],NULL",
            },
        ),
    ]
}

fn append(call: &Call) -> Result<ArrayRef> {
    let appended = call.delegate(&nested::array_append_udf(), vec![call.value(0)?, call.value(1)?])?;
    let lists = call.column(0)?;
    if lists.null_count() == 0 {
        return Ok(appended);
    }
    let missing: BooleanArray = is_null(&lists)?;
    Ok(nullif(&appended, &missing)?)
}
