//! `split` and `str_to_map`, whose separators are regular expressions

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, MapBuilder, MapFieldNames, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use super::pattern::{Pattern, Patterns};
use crate::functions::columns::{TextsBuilder, within_a_batch};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "split",
                syntax: "split(text, pattern)",
                line: "The parts of a text between the matches of a regular expression, empty ones too.",
                example: "SELECT array_to_string(split('one1two2three', '[0-9]'), ' ')",
                gives: "one two three",
            },
            &[Kind::Text, Kind::Text],
            Gives::Texts,
            split,
        )
        .entry(),
        Function::new(
            Help {
                name: "str_to_map",
                syntax: "str_to_map(text[, between pairs[, between key and value]])",
                line: "A map of the pairs in a text, separated by ',' and ':' if nothing else is said.",
                example: "SELECT str_to_map('a:1,b:2')['b']",
                gives: "2",
            },
            &[Kind::Text],
            Gives::Of(|_| Ok(map_type())),
            to_map,
        )
        .optional(&[Kind::Text, Kind::Text])
        .entry(),
    ]
}

fn split(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call.texts(1)?)?;
    let mut lists = TextsBuilder::new(call.rows);
    let mut parts = Vec::new();
    for row in 0..call.rows {
        let (Some(text), Some(pattern)) = (texts.get(row), patterns.get(row)?) else {
            lists.end_row(false);
            continue;
        };
        pattern.split(text, None, &mut parts);
        for part in &parts {
            lists.push(Some(part))?;
        }
        lists.end_row(true);
    }
    Ok(lists.finish())
}

fn map_type() -> DataType {
    let entry = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

fn to_map(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut between_pairs = call.optional_texts(1)?.map(Patterns::new).transpose()?;
    let mut within_pairs = call.optional_texts(2)?.map(Patterns::new).transpose()?;
    let (comma, colon) = (Pattern::new(",")?, Pattern::new(":")?);
    let names = MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    let (mut pairs, mut pair_parts) = (Vec::new(), Vec::new());
    let mut entries: Vec<(&str, Option<&str>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut bytes = 0;
    for row in 0..call.rows {
        let between_pairs = match &mut between_pairs {
            Some(patterns) => patterns.get(row)?,
            None => Some(&comma),
        };
        let within_pairs = match &mut within_pairs {
            Some(patterns) => patterns.get(row)?,
            None => Some(&colon),
        };
        let (Some(text), Some(between_pairs), Some(within_pairs)) = (texts.get(row), between_pairs, within_pairs)
        else {
            maps.append(false)?;
            continue;
        };
        between_pairs.split(text, None, &mut pairs);
        // As Java's `split` without a limit: empty parts at the end do not count.
        while pairs.len() > 1 && pairs.last().is_some_and(|last| last.is_empty()) {
            pairs.pop();
        }
        entries.clear();
        places.clear();
        for pair in &pairs {
            within_pairs.split(pair, Some(2), &mut pair_parts);
            let (key, value) = (pair_parts[0], pair_parts.get(1).copied());
            // The last one of a key counts, at the place of the first.
            let place = *places.entry(key).or_insert(entries.len());
            match entries.get_mut(place) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
        }
        for (key, value) in &entries {
            bytes = within_a_batch(bytes, key.len() + value.map_or(0, str::len) + 1)?;
            maps.keys().append_value(key);
            maps.values().append_option(*value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}
