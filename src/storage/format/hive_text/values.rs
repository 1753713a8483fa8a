//! From the text of a field to a value in a column, lists, maps and structs among them.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr;

use super::properties::TextSyntax;
use super::split::{Parts, key_and_value, unescape};
use crate::storage::format::hive_values::decimal::decimal;
use crate::storage::format::hive_values::number::{boolean, float, integer};
use crate::storage::format::hive_values::{Column, base64, time};

/// Maps with more entries than this are looked through for equal keys by hash.
const FEW_ENTRIES: usize = 16;

impl TextSyntax {
    /// Adds the value of a field's text. `level` is that of the delimiter between its items.
    pub(super) fn push(&self, column: &mut Column, text: &[u8], level: usize, scratch: &mut Vec<u8>) {
        if text == self.null.as_ref() {
            column.push_null();
            return;
        }
        match column {
            Column::Utf8View(_) | Column::Utf8(_) | Column::LargeUtf8(_) => match self.escape {
                Some(escape) if memchr(escape, text).is_some() => {
                    unescape(text, escape, scratch);
                    column.push_string(scratch);
                }
                _ => column.push_string(text),
            },
            Column::List(list) => {
                if !text.is_empty() {
                    for item in Parts::new(text, self.separator(level), self.escape) {
                        self.push(&mut list.item, item, level + 1, scratch);
                    }
                }
                list.end(true);
            }
            Column::Struct(of) => {
                let mut parts = Parts::new(text, self.separator(level), self.escape);
                for column in &mut of.columns {
                    match parts.next() {
                        Some(part) => self.push(column, part, level + 1, scratch),
                        None => column.push_null(),
                    }
                }
                of.end(true);
            }
            Column::Map(map) => {
                let entries = self.entries(&map.key, text, level);
                for (key, value) in entries {
                    self.push(&mut map.key, key, level + 2, scratch);
                    match value {
                        Some(value) => self.push(&mut map.value, value, level + 2, scratch),
                        None => map.value.push_null(),
                    }
                }
                map.end(true);
            }
            _ => column.push_text(text, &self.rules),
        }
    }

    /// Tables whose types nest deeper than there are delimiters are refused when they are opened.
    fn separator(&self, level: usize) -> u8 {
        self.separators.get(level).copied().unwrap_or_default()
    }

    /// The entries of a map that count: those whose key is a value, and of equal keys the first.
    fn entries<'t>(&self, keys: &Column, text: &'t [u8], level: usize) -> Vec<(&'t [u8], Option<&'t [u8]>)> {
        if text.is_empty() {
            return Vec::new();
        }
        let (between, after_key) = (self.separator(level), self.separator(level + 1));
        let all = Parts::new(text, between, self.escape).map(|entry| key_and_value(entry, after_key, self.escape));
        let mut found: Vec<(&[u8], Option<&[u8]>)> = Vec::new();
        let mut seen: Vec<Key<'t>> = Vec::new();
        let mut many: HashSet<Key<'t>> = HashSet::new();
        for (key, value) in all {
            let Some(known) = self.key(keys, key) else { continue };
            let is_new = if seen.len() < FEW_ENTRIES {
                !seen.contains(&known)
            } else {
                if many.is_empty() {
                    many.extend(seen.iter().cloned());
                }
                many.insert(known.clone())
            };
            if is_new {
                if seen.len() < FEW_ENTRIES {
                    seen.push(known);
                }
                found.push((key, value));
            }
        }
        found
    }

    /// What a key is, to find those that are equal; `None` for NULL.
    fn key<'t>(&self, keys: &Column, text: &'t [u8]) -> Option<Key<'t>> {
        if text == self.null.as_ref() {
            return None;
        }
        match keys {
            Column::Boolean(_) => boolean(text, self.rules.boolean_letters).map(|value| Key::Number(value.into())),
            Column::Int8(_) => integer::<i8>(text).map(|value| Key::Number(value.into())),
            Column::Int16(_) => integer::<i16>(text).map(|value| Key::Number(value.into())),
            Column::Int32(_) => integer::<i32>(text).map(|value| Key::Number(value.into())),
            Column::Int64(_) => integer::<i64>(text).map(|value| Key::Number(value.into())),
            Column::Float32(_) => float::<f32>(text).map(|value| Key::Bits(value.to_bits().into())),
            Column::Float64(_) => float::<f64>(text).map(|value| Key::Bits(value.to_bits())),
            Column::Decimal { precision, scale, .. } => decimal(text, *precision, *scale).map(Key::Number),
            Column::Date(_) => time::date(text).map(|value| Key::Number(value.into())),
            Column::Timestamp { .. } => self.rules.timestamp(text).map(|value| Key::Number(value.into())),
            Column::Binary(_) | Column::LargeBinary(_) | Column::BinaryView(_) => Some(Key::Text(base64::decode(text))),
            Column::Utf8(_) | Column::LargeUtf8(_) | Column::Utf8View(_) => Some(Key::Text(match self.escape {
                Some(escape) if memchr(escape, text).is_some() => {
                    let mut plain = Vec::new();
                    unescape(text, escape, &mut plain);
                    Cow::Owned(plain)
                }
                _ => Cow::Borrowed(text),
            })),
            Column::Null(_) | Column::List(_) | Column::Map(_) | Column::Struct(_) => None,
        }
    }
}

/// A map's key, as far as it matters which are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key<'t> {
    Number(i128),
    Bits(u64),
    Text(Cow<'t, [u8]>),
}
