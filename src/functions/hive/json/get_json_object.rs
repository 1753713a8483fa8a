//! `get_json_object`: what a path leads to in a JSON text

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use serde_json::Value;

use super::path::Path;
use super::read;
use crate::functions::columns::texts;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "get_json_object",
                syntax: "get_json_object(json, path)",
                line: "What a path such as '$.items[0].name' leads to, or NULL if the text is no JSON or has no such value.",
                example: r#"SELECT get_json_object('{"a":[{"b":"x"},{"b":"y"}]}', '$.a[1].b')"#,
                gives: "y",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            get_json_object,
        )
        .entry(),
    ]
}

fn get_json_object(call: &Call) -> Result<ArrayRef> {
    let (jsons, paths) = (call.texts(0)?, call.texts(1)?);
    let mut last_path: Option<(&str, Option<Path>)> = None;
    // Queries ask the same text for several values, but in calls of their own; texts repeat within a column, too.
    let mut last_value: Option<(&str, Option<Value>)> = None;
    texts(call.rows, |row, out| {
        let (Some(json), Some(path)) = (jsons.get(row), paths.get(row)) else { return Ok(false) };
        let (_, path) = match last_path.take() {
            Some(pair) if pair.0 == path => last_path.insert(pair),
            _ => last_path.insert((path, Path::new(path))),
        };
        let Some(path) = path else { return Ok(false) };
        let (_, value) = match last_value.take() {
            Some(pair) if pair.0 == json => last_value.insert(pair),
            _ => last_value.insert((json, read::value(json))),
        };
        Ok(value.as_ref().is_some_and(|value| path.write(value, out)))
    })
}
