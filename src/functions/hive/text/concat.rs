//! `concat` and `concat_ws`, which take what is not text, too, and write it as Hive does
//!
//! DataFusion's `concat` leaves NULLs out, Hive's is NULL if one of its arguments is.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use crate::functions::columns::{Texts, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::text_writer::written_texts;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "concat",
                syntax: "concat(text, …)",
                line: "The texts after one another, or NULL if one of them is NULL.",
                example: "SELECT concat('a', 1, 'b'), concat('a', NULL)",
                gives: "a1b,NULL",
            },
            &[Kind::Text],
            Gives::Text,
            concat,
        )
        .rest(Kind::Text)
        .entry(),
        Function::new(
            Help {
                name: "concat_ws",
                syntax: "concat_ws(separator, text or array of text, …)",
                line: "The texts that are not NULL, and those of arrays, with a separator between them.",
                example: "SELECT concat_ws('-', 'a', NULL, make_array('b', 'c'))",
                gives: "a-b-c",
            },
            &[Kind::Text],
            Gives::Text,
            concat_ws,
        )
        .rest(Kind::TextOrTexts)
        .entry(),
    ]
}

fn concat(call: &Call) -> Result<ArrayRef> {
    let arguments = call.texts_from(0)?;
    let nulls = arguments.iter().map(|argument| argument.nulls(call.rows)).collect::<Vec<_>>();
    let nulls = NullBuffer::union_many(nulls.iter().map(Option::as_ref));
    let bytes = arguments.iter().map(|argument| argument.bytes(call.rows)).fold(0, usize::saturating_add);
    written_texts(call.rows, bytes, nulls, |row, text| {
        arguments.iter().for_each(|argument| text.push_str(argument.value(row)));
        Ok(())
    })
}

enum Argument {
    Text(Texts),
    /// The lists, whether they are one for all rows, and their values.
    List(ArrayRef, bool, StringArray),
}

fn concat_ws(call: &Call) -> Result<ArrayRef> {
    let separators = call.texts(0)?;
    let mut arguments = Vec::with_capacity(call.count());
    for index in 1..call.count() {
        let (array, is_constant) = call.array(index)?;
        arguments.push(match array.data_type() {
            DataType::List(_) => {
                let values = array.as_list::<i32>().values().as_string::<i32>().clone();
                Argument::List(array, is_constant, values)
            }
            _ => Argument::Text(Texts::new(&array, is_constant)?),
        });
    }
    texts(call.rows, |row, text| {
        let Some(separator) = separators.get(row) else { return Ok(false) };
        let mut is_first = true;
        let mut push = |part: &str| {
            if !std::mem::take(&mut is_first) {
                text.push_str(separator);
            }
            text.push_str(part);
        };
        for argument in &arguments {
            match argument {
                Argument::Text(texts) => texts.get(row).into_iter().for_each(&mut push),
                Argument::List(array, is_constant, values) => {
                    let (lists, row) = (array.as_list::<i32>(), if *is_constant { 0 } else { row });
                    if lists.is_valid(row) {
                        let offsets = lists.value_offsets();
                        for index in offsets[row] as usize..offsets[row + 1] as usize {
                            if values.is_valid(index) {
                                push(values.value(index));
                            }
                        }
                    }
                }
            }
        }
        Ok(true)
    })
}
