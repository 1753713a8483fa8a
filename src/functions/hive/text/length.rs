//! How long a text is, in characters or bytes

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::error::Result;

use crate::functions::columns::{characters, is_ascii, numbers};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "length",
                syntax: "length(text or bytes)",
                line: "How many characters a text has, or how many bytes there are.",
                example: "SELECT length('naïve'), length(1234)",
                gives: "5,4",
            },
            &[Kind::TextOrBytes],
            Gives::Integer,
            length,
        )
        .entry(),
        Function::new(
            Help {
                name: "character_length",
                syntax: "character_length(text)",
                line: "How many characters a text has.",
                example: "SELECT character_length('naïve'), char_length('')",
                gives: "5,0",
            },
            &[Kind::Text],
            Gives::Integer,
            length,
        )
        .aliases(&["char_length"])
        .entry(),
        Function::new(
            Help {
                name: "octet_length",
                syntax: "octet_length(text or bytes)",
                line: "How many bytes a text has in UTF-8.",
                example: "SELECT octet_length('naïve')",
                gives: "6",
            },
            &[Kind::TextOrBytes],
            Gives::Integer,
            octet_length,
        )
        .entry(),
    ]
}

fn length(call: &Call) -> Result<ArrayRef> {
    if call.is_bytes(0) {
        return octet_length(call);
    }
    let texts = call.texts(0)?.array;
    let as_length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let lengths = if is_ascii(&texts) {
        texts.lengths().map(|length| as_length(length as usize)).collect()
    } else {
        let characters = |text: Option<&str>| text.map_or(0, |text| characters(text, text.is_ascii()));
        texts.iter().map(|text| as_length(characters(text))).collect()
    };
    Ok(Arc::new(Int32Array::new(lengths, texts.nulls().cloned())))
}

fn octet_length(call: &Call) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    numbers::<Int32Type>(call.rows, |row| {
        Ok(bytes.get(row).map(|bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX)))
    })
}
