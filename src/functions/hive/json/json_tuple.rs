//! `json_tuple`: several members of an object at once
//!
//! datafusion-spark's takes a text with a control character for no JSON.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewBuilder, StructArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::exec_err;
use datafusion::error::Result;
use serde_json::Value;

use super::read;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "json_tuple",
                syntax: "json_tuple(json, key, …)",
                line: "The values of keys of an object, as fields c0, c1, … of a struct; LATERAL VIEW makes columns of them.",
                example: r#"SELECT get_field(json_tuple('{"a":1, "b":"x"}', 'b', 'c', 'a'), 'c0')"#,
                gives: "x",
            },
            &[Kind::Text, Kind::Text],
            Gives::Of(|given| {
                let fields = (1..given.len()).map(|index| Field::new(format!("c{}", index - 1), DataType::Utf8View, true));
                Ok(DataType::Struct(fields.collect()))
            }),
            json_tuple,
        )
        .rest(Kind::Text)
        .entry(),
    ]
}

fn json_tuple(call: &Call) -> Result<ArrayRef> {
    let jsons = call.texts(0)?;
    let keys = call.texts_from(1)?;
    let mut columns: Vec<StringViewBuilder> =
        keys.iter().map(|_| StringViewBuilder::with_capacity(call.rows)).collect();
    let mut last: Option<(&str, Option<Value>)> = None;
    for row in 0..call.rows {
        let object = match jsons.get(row) {
            None => None,
            Some(json) => {
                let (_, value) = match last.take() {
                    Some(pair) if pair.0 == json => last.insert(pair),
                    _ => last.insert((json, read::value(json))),
                };
                value.as_ref().and_then(Value::as_object)
            }
        };
        for (keys, column) in keys.iter().zip(&mut columns) {
            match object.zip(keys.get(row)).and_then(|(object, key)| object.get(key)) {
                None | Some(Value::Null) => column.append_null(),
                Some(Value::String(text)) => column.append_value(text),
                Some(other) => column.append_value(other.to_string()),
            }
        }
    }
    let arrays: Vec<ArrayRef> = columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
    let fields = (0..arrays.len()).map(|index| Field::new(format!("c{index}"), DataType::Utf8View, true));
    match arrays.is_empty() {
        true => exec_err!("json_tuple needs a key"),
        false => Ok(Arc::new(StructArray::try_new(fields.collect(), arrays, None)?)),
    }
}
