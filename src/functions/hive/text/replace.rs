//! `replace`, `translate` and `substring_index`

use std::collections::HashMap;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::functions::unicode;

use crate::functions::columns::texts;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::search::Searcher;

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
    ascii: [Option<Option<char>>; 128],
    others: HashMap<char, Option<char>>,
    /// The same for ASCII as bytes, if all that comes out is ASCII, too; `GONE` for those that go.
    bytes: Option<[u8; 128]>,
}

const GONE: u8 = 0xFF;

impl Table {
    fn new(from: &str, to: &str) -> Self {
        let mut table = Table { ascii: [None; 128], others: HashMap::new(), bytes: None };
        let mut targets = to.chars();
        for source in from.chars() {
            let target = targets.next();
            // The first of two that are the same counts.
            match table.ascii.get_mut(source as usize) {
                Some(place) => {
                    place.get_or_insert(target);
                }
                None => {
                    table.others.entry(source).or_insert(target);
                }
            }
        }
        let mut bytes = [GONE; 128];
        let is_ascii = table.ascii.iter().flatten().flatten().all(char::is_ascii);
        for (place, byte) in table.ascii.iter().zip(0u8..).filter(|_| is_ascii) {
            bytes[usize::from(byte)] = match place {
                None => byte,
                Some(None) => GONE,
                Some(Some(target)) => *target as u8,
            };
        }
        table.bytes = is_ascii.then_some(bytes);
        table
    }

    fn get(&self, c: char) -> Option<char> {
        let found = match self.ascii.get(c as usize) {
            Some(place) => *place,
            None => self.others.get(&c).copied(),
        };
        found.unwrap_or(Some(c))
    }
}

fn translate(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let (sources, targets) = (call.texts(1)?, call.texts(2)?);
    let constant = match (sources.constant(), targets.constant()) {
        (Some(Some(from)), Some(Some(to))) => Some(Table::new(from, to)),
        _ => None,
    };
    let mut last: Option<(&str, &str, Table)> = None;
    let mut bytes = Vec::new();
    texts(call.rows, |row, text| {
        let Some(value) = values.get(row) else { return Ok(false) };
        let table = match &constant {
            Some(table) => table,
            None => {
                let (Some(from), Some(to)) = (sources.get(row), targets.get(row)) else { return Ok(false) };
                if !last.as_ref().is_some_and(|last| last.0 == from && last.1 == to) {
                    last = None;
                }
                &last.get_or_insert_with(|| (from, to, Table::new(from, to))).2
            }
        };
        match &table.bytes {
            Some(table) if value.is_ascii() => {
                bytes.resize(value.len(), 0);
                let mut length = 0;
                for byte in value.bytes() {
                    let target = table[usize::from(byte & 0x7F)];
                    bytes[length] = target;
                    length += usize::from(target != GONE);
                }
                bytes.truncate(length);
                text.push_str(std::str::from_utf8(&bytes).unwrap_or_default());
            }
            _ => text.extend(value.chars().filter_map(|c| table.get(c))),
        }
        Ok(true)
    })
}
