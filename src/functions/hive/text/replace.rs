//! `replace`, `translate` and `substring_index`

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::error::Result;
use datafusion::functions::unicode;

use crate::functions::columns::texts;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::search::Searcher;
use crate::functions::text_writer::{AsciiMap, TextWriter, written_texts};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "replace",
                syntax: "replace(text, part[, with])",
                line: "Replaces each occurrence of a part, or removes it.",
                example: "SELECT replace('ABCabc', 'abc', 'DEF'), replace('abab', 'b')",
                gives: "ABCDEF,aa",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            replace,
        )
        .optional(&[Kind::Text])
        .entry(),
        Function::new(
            Help {
                name: "translate",
                syntax: "translate(text, from, to)",
                line: "Each character of one text becomes the one at its place in another, or goes if there is none.",
                example: "SELECT translate('AaBbCc', 'abc', '12')",
                gives: "A1B2C",
            },
            &[Kind::Text, Kind::Text, Kind::Text],
            Gives::Text,
            translate,
        )
        .entry(),
        Function::over(
            Help {
                name: "substr_index",
                syntax: "substring_index(text, separator, count)",
                line: "What stands before so many separators, or with a negative count after so many from the end.",
                example: "SELECT substring_index('www.apache.org', '.', 2), substring_index('www.apache.org', '.', -1)",
                gives: "www.apache,org",
            },
            &[Kind::Text, Kind::Text, Kind::Integer],
            Gives::Text,
            unicode::substr_index(),
        )
        .aliases(&["substring_index"])
        .entry(),
    ]
}

fn replace(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let sought = call.texts(1)?;
    let replacements = call.optional_texts(2)?;
    let mut searcher = Searcher::default();
    texts(call.rows, |row, text| {
        let replacement = replacements.as_ref().map_or(Some(""), |replacements| replacements.get(row));
        let (Some(value), Some(part), Some(replacement)) = (values.get(row), sought.get(row), replacement) else {
            return Ok(false);
        };
        if part.is_empty() {
            text.push_str(value);
            return Ok(true);
        }
        let mut rest = value;
        while let Some(found) = searcher.find(rest, part) {
            text.push_str(&rest[..found]);
            text.push_str(replacement);
            rest = &rest[found + part.len()..];
        }
        text.push_str(rest);
        Ok(true)
    })
}

/// What characters become; `None` for those that go.
struct Table {
    ascii: [Option<char>; 128],
    others: HashMap<char, Option<char>>,
    /// The same for ASCII, unless some of it becomes another character.
    map: Option<AsciiMap>,
}

impl Table {
    fn new(from: &str, to: &str) -> Self {
        let mut others = HashMap::new();
        let mut targets = to.chars();
        for source in from.chars() {
            // The first of two that are the same counts.
            let target = targets.next();
            others.entry(source).or_insert(target);
        }
        let ascii: [Option<char>; 128] = std::array::from_fn(|code| {
            let c = char::from(code as u8);
            others.remove(&c).unwrap_or(Some(c))
        });
        let map = AsciiMap::new(&ascii);
        Table { ascii, others, map }
    }

    /// What all texts become by, if their other characters stay.
    fn map(&self) -> Option<&AsciiMap> {
        self.map.as_ref().filter(|_| self.others.is_empty())
    }

    fn get(&self, c: char) -> Option<char> {
        match self.ascii.get(c as usize) {
            Some(target) => *target,
            None => self.others.get(&c).copied().unwrap_or(Some(c)),
        }
    }

    fn write(&self, value: &str, text: &mut TextWriter) {
        match &self.map {
            Some(map) if self.others.is_empty() || value.is_ascii() => text.push_mapped(value, map),
            _ => text.push_chars(value.chars().filter_map(|c| self.get(c))),
        }
    }
}

fn translate(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let (sources, targets) = (call.texts(1)?, call.texts(2)?);
    if let (Some(Some(from)), Some(Some(to))) = (sources.constant(), targets.constant()) {
        let table = Table::new(from, to);
        let changed = table.map().and_then(|map| map.apply(&values.array));
        if let Some(changed) = changed.filter(|changed| changed.len() == call.rows) {
            return Ok(Arc::new(changed));
        }
        return written_texts(call.rows, values.bytes(call.rows), values.nulls(call.rows), |row, text| {
            table.write(values.value(row), text);
            Ok(())
        });
    }
    let nulls = [&values, &sources, &targets].map(|texts| texts.nulls(call.rows));
    let nulls = NullBuffer::union_many(nulls.iter().map(Option::as_ref));
    let mut last: Option<(&str, &str, Table)> = None;
    written_texts(call.rows, values.bytes(call.rows), nulls, |row, text| {
        let (from, to) = (sources.value(row), targets.value(row));
        if !last.as_ref().is_some_and(|last| last.0 == from && last.1 == to) {
            last = None;
        }
        let (_, _, table) = last.get_or_insert_with(|| (from, to, Table::new(from, to)));
        table.write(values.value(row), text);
        Ok(())
    })
}
