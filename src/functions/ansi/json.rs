//! Values in texts that hold JSON

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::plan_err;
use datafusion::error::Result;
use serde_json::Value;

use crate::functions::columns::{booleans, numbers, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "json_extract_path_text",
                syntax: "json_extract_path_text(json, path or key, …)",
                line: "What a path such as '$.a.b[0]', or keys after one another, lead to; NULL if there is nothing.",
                example: r#"SELECT json_extract_path_text('{"a":{"b":[1,2]}}', '$.a.b[1]'), json_extract_path_text('{"a":{"b":"x"}}', 'a', 'b')"#,
                gives: "2,x",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            extract_path,
        )
        .rest(Kind::Text)
        .entry(),
        Function::new(
            Help {
                name: "json_array_get",
                syntax: "json_array_get(json, number)",
                line: "An item of an array, counted from 0, or from the end if the number is negative.",
                example: "SELECT json_array_get('[100, 200, 300]', 0), json_array_get('[100, 200, 300]', -2)",
                gives: "100,200",
            },
            &[Kind::Text, Kind::Integer],
            Gives::Text,
            array_get,
        )
        .entry(),
        Function::new(
            Help {
                name: "json_array_contains",
                syntax: "json_array_contains(json, value)",
                line: "Whether an array has a text, number or boolean among its items.",
                example: r#"SELECT json_array_contains('[100, "a"]', 100), json_array_contains('[100, "a"]', 'b')"#,
                gives: "true,false",
            },
            &[Kind::Text, Kind::Any],
            Gives::Of(|given| match given.get(1) {
                Some(kind) if kind.is_string() || kind.is_numeric() || kind.is_null() || *kind == DataType::Boolean => {
                    Ok(DataType::Boolean)
                }
                _ => plan_err!("json_array_contains takes a text, a number or a boolean to look for"),
            }),
            array_contains,
        )
        .entry(),
        Function::new(
            Help {
                name: "json_array_length",
                syntax: "json_array_length(json)",
                line: "How many items an array has.",
                example: "SELECT json_array_length('[100, 200, 300]'), json_array_length('{}')",
                gives: "3,NULL",
            },
            &[Kind::Text],
            Gives::Long,
            |call| {
                let jsons = call.texts(0)?;
                numbers::<Int64Type>(call.rows, |row| Ok(jsons.get(row).and_then(array).map(|array| array.len() as i64)))
            },
        )
        .entry(),
    ]
}

fn array(json: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(json) {
        Ok(Value::Array(array)) => Some(array),
        _ => None,
    }
}

/// A text as it is, other values as JSON; nothing of null.
fn write(value: Option<&Value>, out: &mut String) -> bool {
    match value {
        None | Some(Value::Null) => return false,
        Some(Value::String(text)) => out.push_str(text),
        Some(value) => out.push_str(&value.to_string()),
    }
    true
}

fn extract_path(call: &Call) -> Result<ArrayRef> {
    let jsons = call.texts(0)?;
    let keys = call.texts_from(1)?;
    texts(call.rows, |row, out| {
        let Some(json) = jsons.get(row) else { return Ok(false) };
        let Ok(value) = serde_json::from_str::<Value>(json) else { return Ok(false) };
        let mut found = Some(&value);
        for key in &keys {
            let Some(key) = key.get(row) else { return Ok(false) };
            found = found.and_then(|value| match key.strip_prefix('$') {
                Some(path) => follow(value, path),
                None => step(value, key),
            });
        }
        Ok(write(found, out))
    })
}

/// A key of an object, or the number of an item.
fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(key),
        Value::Array(array) => item(array, key.parse().ok()?),
        _ => None,
    }
}

fn item(array: &[Value], number: i64) -> Option<&Value> {
    let back = usize::try_from(number.unsigned_abs()).ok()?;
    match number {
        0.. => array.get(back),
        _ => array.get(array.len().checked_sub(back)?),
    }
}

/// `.a['b'][0]`
fn follow<'a>(mut value: &'a Value, mut path: &str) -> Option<&'a Value> {
    while !path.is_empty() {
        let key;
        if let Some(after) = path.strip_prefix('.') {
            (key, path) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
        } else if let Some(quoted) = path.strip_prefix("['") {
            (key, path) = quoted.split_once("']")?;
        } else {
            (key, path) = path.strip_prefix('[')?.split_once(']')?;
        }
        value = step(value, key)?;
    }
    Some(value)
}

fn array_get(call: &Call) -> Result<ArrayRef> {
    let (jsons, wanted) = (call.texts(0)?, call.integers(1)?);
    texts(call.rows, |row, out| {
        let (Some(json), Some(number)) = (jsons.get(row), wanted.get(row)) else { return Ok(false) };
        let array = array(json);
        Ok(write(array.as_deref().and_then(|array| item(array, number)), out))
    })
}

/// Whether a row's array has the value that is sought in that row; `None` without one.
type Contains = Box<dyn Fn(&[Value], usize) -> Option<bool>>;

fn array_contains(call: &Call) -> Result<ArrayRef> {
    let jsons = call.texts(0)?;
    let sought_type = call.data_type(1);
    let contains: Contains = if sought_type.is_numeric() {
        let sought = call.doubles(1)?;
        Box::new(move |array, row| sought.get(row).map(|sought| array.iter().any(|item| item.as_f64() == Some(sought))))
    } else if sought_type == DataType::Boolean {
        let sought = call.booleans(1)?;
        Box::new(move |array, row| {
            sought.get(row).map(|sought| array.iter().any(|item| item.as_bool() == Some(sought)))
        })
    } else {
        let sought = call.texts(1)?;
        Box::new(move |array, row| sought.get(row).map(|sought| array.iter().any(|item| item.as_str() == Some(sought))))
    };
    booleans(call.rows, |row| Ok(jsons.get(row).and_then(array).and_then(|array| contains(&array, row))))
}
