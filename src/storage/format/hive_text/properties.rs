//! The properties of a table that say how its text is written.

use crate::error::{Error, Result};
use crate::storage::format::hive_values::ValueRules;
use crate::storage::format::hive_values::time::TimestampPattern;
use crate::storage::format::options::Options;

/// What is between two fields of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldDelimiter {
    Byte(u8),
    /// Two bytes or more.
    Text(Box<[u8]>),
}

/// The bytes of characters beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// Each byte is the character of its number.
    Latin1,
}

/// How the text of a table is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextSyntax {
    pub(super) field: FieldDelimiter,
    /// The delimiters by level: of fields, of items, of a map's keys and values, and those of what is nested deeper.
    pub(super) separators: Vec<u8>,
    /// Makes the next byte a plain one.
    pub(super) escape: Option<u8>,
    pub(super) null: Box<[u8]>,
    /// Whether the last column has all that is left of its line.
    pub(super) last_takes_rest: bool,
    pub(super) encoding: Encoding,
    pub(super) rules: ValueRules,
}

impl TextSyntax {
    /// | property | |
    /// |---|---|
    /// | `field.delim` | one byte, `\001` when not given; a number from 0 to 127 is the byte of that number |
    /// | `collection.delim`, `colelction.delim` | between items of lists, maps and structs; `\002` |
    /// | `mapkey.delim` | between the key and the value of a map; `\003` |
    /// | `escape.delim` | makes the next byte a plain one; none when not given |
    /// | `serialization.null.format` | the text that means NULL; `\N` |
    /// | `serialization.format` | stands for `field.delim` when that is not given |
    /// | `serialization.last.column.takes.rest` | `true`: delimiters in the last column are part of it |
    /// | `serialization.encoding` | `UTF-8` or `ISO-8859-1` |
    /// | `timestamp.formats` | patterns with commas between |
    /// | `hive.lazysimple.extended_boolean_literal` | `true`: `t`, `f`, `1` and `0` are booleans |
    /// | `hive.serialization.extend.nesting.levels` | `true`: types may nest deeper than seven levels |
    /// | `multi.delim` | `true` for MultiDelimitSerDe: `field.delim` has several characters |
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self> {
        let is_multi = options.boolean(&["multi.delim"])?.unwrap_or(false);
        let given = options.text(&["field.delim", "serialization.format"]);
        let first = byte_of(given, 1);
        let field = match given.map(unescaped) {
            Some(text) if is_multi && text.len() > 1 => FieldDelimiter::Text(text.into()),
            Some(text) if is_multi && text.len() == 1 => FieldDelimiter::Byte(text[0]),
            _ => FieldDelimiter::Byte(first),
        };
        let collection = byte_of(options.text(&["collection.delim", "colelction.delim"]), 2);
        let map_key = byte_of(options.text(&["mapkey.delim"]), 3);
        let mut separators = vec![first, collection, map_key];
        // Control characters that texts are not likely to have: no tab, no line end, no escape.
        separators.extend(4..=8);
        let extended =
            ["hive.serialization.extend.nesting.levels", "hive.serialization.extend.additional.nesting.levels"];
        if options.boolean(&extended)?.unwrap_or(false) {
            separators.push(11);
            separators.extend((14..=26).chain(28..=31).chain(128..=255));
        }
        let encoding = match options.text(&["serialization.encoding"]) {
            None => Encoding::Utf8,
            Some(name) => match name.trim().to_ascii_uppercase().as_str() {
                "" | "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Encoding::Utf8,
                "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "LATIN1" => Encoding::Latin1,
                _ => return Err(options.wrong("serialization.encoding", name, "UTF-8 or ISO-8859-1")),
            },
        };
        let mut timestamps = Vec::new();
        for pattern in options.text(&["timestamp.formats"]).into_iter().flat_map(|text| text.split(',')) {
            match TimestampPattern::parse(pattern.trim()) {
                Some(pattern) => timestamps.push(pattern),
                None => {
                    return Err(Error::statement(format!(
                        "timestamp.formats has the pattern '{pattern}', which is not known"
                    ))
                    .help("there are y, M, d, H, m, s, S, texts in single quotes, and millis"));
                }
            }
        }
        let letters = ["hive.lazysimple.extended_boolean_literal"];
        Ok(TextSyntax {
            field,
            separators,
            escape: options.text(&["escape.delim"]).map(|text| byte_of(Some(text), b'\\')),
            null: options.text(&["serialization.null.format"]).unwrap_or("\\N").as_bytes().into(),
            last_takes_rest: options.boolean(&["serialization.last.column.takes.rest"])?.unwrap_or(false),
            encoding,
            rules: ValueRules { boolean_letters: options.boolean(&letters)?.unwrap_or(false), timestamps },
        })
    }
}

/// The one byte that a property stands for: that of a number, or the first character.
fn byte_of(text: Option<&str>, default: u8) -> u8 {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return default };
    if let Ok(number) = text.parse::<i8>() {
        return number as u8;
    }
    match unescaped(text).as_slice() {
        [byte] => *byte,
        // Hive takes the low half of a character's number.
        _ => text.chars().next().map_or(default, |first| u32::from(first) as u8),
    }
}

/// The bytes of a text that may be one character spelled out: `\t`, `\001`, `\x01` or `\u0001`.
fn unescaped(text: &str) -> Vec<u8> {
    let spelled = match text.as_bytes() {
        [b'\\', b't'] => Some(b'\t'),
        [b'\\', b'n'] => Some(b'\n'),
        [b'\\', b'r'] => Some(b'\r'),
        [b'\\', b'0'] => Some(0),
        [b'\\', b'\\'] => Some(b'\\'),
        [b'\\', b'x' | b'u', ..] => text.get(2..).and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        [b'\\', _, _, _] => text.get(1..).and_then(|digits| u8::from_str_radix(digits, 8).ok()),
        _ => None,
    };
    spelled.map_or_else(|| text.as_bytes().to_vec(), |byte| vec![byte])
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(in super::super) fn syntax(pairs: &[(&str, &str)]) -> TextSyntax {
        let given: BTreeMap<String, String> =
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        TextSyntax::parse(&mut Options::new("TEXTFILE", &given)).unwrap()
    }

    #[test]
    fn delimiters_are_bytes_numbers_or_spelled_out() {
        let field = |text: &str| syntax(&[("field.delim", text)]).field;
        for (text, byte) in [
            (",", b','),
            ("44", b','),
            ("9", b'\t'),
            ("\\t", b'\t'),
            ("\t", b'\t'),
            ("\\001", 1),
            ("\u{1}", 1),
            ("\\u0001", 1),
            ("||", b'|'),
            ("\u{fe}", 0xFE),
            ("", 1),
        ] {
            assert_eq!(field(text), FieldDelimiter::Byte(byte), "{text:?}");
        }
        assert_eq!(syntax(&[("serialization.format", "9")]).field, FieldDelimiter::Byte(b'\t'));
        let multi = syntax(&[("field.delim", "||"), ("multi.delim", "true")]);
        assert_eq!(multi.field, FieldDelimiter::Text(b"||".as_slice().into()));
    }

    #[test]
    fn levels_have_the_delimiters_of_hive() {
        assert_eq!(syntax(&[]).separators, [1, 2, 3, 4, 5, 6, 7, 8]);
        let given = syntax(&[("field.delim", ","), ("colelction.delim", "|"), ("mapkey.delim", ":")]);
        assert_eq!(given.separators, [b',', b'|', b':', 4, 5, 6, 7, 8]);
        assert_eq!(syntax(&[("hive.serialization.extend.nesting.levels", "true")]).separators.len(), 154);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (key, value) in [("serialization.encoding", "EBCDIC"), ("timestamp.formats", "yyyy E")] {
            let given = BTreeMap::from([(key.to_string(), value.to_string())]);
            assert!(TextSyntax::parse(&mut Options::new("TEXTFILE", &given)).unwrap_err().message().contains(key));
        }
    }
}
