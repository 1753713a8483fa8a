//! Parts of texts and places in them

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::error::Result;
use memchr::memmem;

use crate::functions::columns::{characters, numbers, offset_of, parts, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::search::Searcher;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "split_part",
                syntax: "split_part(text, separator, number)",
                line: "The part of that number between separators, from the end if it is negative; NULL if there are fewer.",
                example: "SELECT split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), split_part('a,b,c', ',', 4)",
                gives: "b,c,NULL",
            },
            &[Kind::Text, Kind::Text, Kind::Integer],
            Gives::Text,
            split_part,
        )
        .entry(),
        Function::new(
            Help {
                name: "strposb",
                syntax: "strposb(text, part)",
                line: "The byte at which a part first begins in a text, counted from 1, or 0.",
                example: "SELECT strposb('äb', 'b'), strpos('äb', 'b')",
                gives: "3,2",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            strposb,
        )
        .entry(),
        Function::new(
            Help {
                name: "locate",
                syntax: "locate(text, part[, start])",
                line: "Where a part first begins in a text, from a position on, counted from 1, or 0.",
                example: "SELECT locate('highbye', 'h'), locate('highbye', 'h', 2)",
                gives: "1,4",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            locate,
        )
        .optional(&[Kind::Integer])
        .entry(),
        Function::new(
            Help {
                name: "quote_ident",
                syntax: "quote_ident(text)",
                line: "A text as a name in SQL, in double quotes if it needs them.",
                example: "SELECT quote_ident('orders'), quote_ident('My table'), quote_ident('select')",
                gives: r#"orders,"My table","select""#,
            },
            &[Kind::Text],
            Gives::Text,
            quote_ident,
        )
        .entry(),
        Function::new(
            Help {
                name: "to_bin",
                syntax: "to_bin(number)",
                line: "A whole number in binary digits.",
                example: "SELECT to_bin(22), to_bin(0)",
                gives: "10110,0",
            },
            &[Kind::Integer],
            Gives::Text,
            to_bin,
        )
        .entry(),
    ]
}

fn split_part(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let (separators, wanted) = (call.texts(1)?, call.integers(2)?);
    parts(&values, call.rows, |row| {
        let (Some(text), Some(separator), Some(number)) = (values.get(row), separators.get(row), wanted.get(row))
        else {
            return Ok(None);
        };
        Ok(part(text, separator, number))
    })
}

fn part(text: &str, separator: &str, number: i64) -> Option<(usize, usize)> {
    let index = usize::try_from(number.unsigned_abs()).ok()?.checked_sub(1)?;
    if separator.is_empty() {
        return (index == 0).then_some((0, text.len()));
    }
    let bytes = text.as_bytes();
    match (separator.as_bytes(), number > 0) {
        ([byte], true) => nth_part(text, separator, index, memchr::memchr_iter(*byte, bytes)),
        ([byte], false) => nth_part_from_end(text, separator, index, memchr::memchr_iter(*byte, bytes).rev()),
        (separator_bytes, true) => nth_part(text, separator, index, memmem::find_iter(bytes, separator_bytes)),
        (separator_bytes, false) => {
            nth_part_from_end(text, separator, index, memmem::rfind_iter(bytes, separator_bytes))
        }
    }
}

/// Between separators of which the places are given.
fn nth_part(
    text: &str,
    separator: &str,
    index: usize,
    mut separators: impl Iterator<Item = usize>,
) -> Option<(usize, usize)> {
    let start = match index {
        0 => 0,
        index => separators.nth(index - 1)? + separator.len(),
    };
    Some((start, separators.next().unwrap_or(text.len())))
}

fn nth_part_from_end(
    text: &str,
    separator: &str,
    index: usize,
    mut separators: impl Iterator<Item = usize>,
) -> Option<(usize, usize)> {
    let end = match index {
        0 => text.len(),
        index => separators.nth(index - 1)?,
    };
    Some((separators.next().map_or(0, |start| start + separator.len()), end))
}

fn strposb(call: &Call) -> Result<ArrayRef> {
    let (values, sought) = (call.texts(0)?, call.texts(1)?);
    let mut searcher = Searcher::default();
    numbers::<Int32Type>(call.rows, |row| {
        let (Some(text), Some(part)) = (values.get(row), sought.get(row)) else { return Ok(None) };
        let found = if part.is_empty() { Some(0) } else { searcher.find(text, part) };
        Ok(Some(found.map_or(0, |found| i32::try_from(found + 1).unwrap_or(i32::MAX))))
    })
}

fn locate(call: &Call) -> Result<ArrayRef> {
    let (values, sought) = (call.texts(0)?, call.texts(1)?);
    let starts = call.optional_integers(2)?;
    let mut searcher = Searcher::default();
    numbers::<Int32Type>(call.rows, |row| {
        let start = starts.as_ref().map_or(Some(1), |starts| starts.get(row));
        let (Some(text), Some(part), Some(start)) = (values.get(row), sought.get(row), start) else { return Ok(None) };
        // 0 is the beginning as well.
        let Ok(start) = usize::try_from(start) else { return Ok(Some(0)) };
        let is_ascii = text.is_ascii();
        let before = start.saturating_sub(1);
        if before > characters(text, is_ascii) {
            return Ok(Some(0));
        }
        let offset = offset_of(text, before, is_ascii);
        let found = if part.is_empty() { Some(0) } else { searcher.find(&text[offset..], part) };
        let position = found.map_or(0, |found| characters(&text[..offset + found], is_ascii) + 1);
        Ok(Some(i32::try_from(position).unwrap_or(i32::MAX)))
    })
}

fn quote_ident(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    texts(call.rows, |row, out| {
        let Some(name) = values.get(row) else { return Ok(false) };
        if is_plain_name(name) {
            out.push_str(name);
            return Ok(true);
        }
        out.push('"');
        for c in name.chars() {
            if c == '"' {
                out.push('"');
            }
            out.push(c);
        }
        out.push('"');
        Ok(true)
    })
}

fn is_plain_name(name: &str) -> bool {
    use sqlparser::keywords::{ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};

    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !begins || !bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return false;
    }
    let keyword =
        ALL_KEYWORDS.binary_search(&name.to_ascii_uppercase().as_str()).map(|index| ALL_KEYWORDS_INDEX[index]);
    match keyword {
        Ok(keyword) => !RESERVED_FOR_COLUMN_ALIAS.contains(&keyword) && !RESERVED_FOR_TABLE_ALIAS.contains(&keyword),
        Err(_) => true,
    }
}

fn to_bin(call: &Call) -> Result<ArrayRef> {
    use std::fmt::Write;

    let values = call.integers(0)?;
    texts(call.rows, |row, out| {
        let Some(value) = values.get(row) else { return Ok(false) };
        // Negative numbers of 32 bits are written with as many, as Java does.
        let _ = match i32::try_from(value) {
            Ok(value) => write!(out, "{value:b}"),
            Err(_) => write!(out, "{value:b}"),
        };
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::part;

    fn of<'a>(text: &'a str, separator: &str, number: i64) -> Option<&'a str> {
        part(text, separator, number).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn parts_are_counted_from_both_ends() {
        assert_eq!(of("a||b||", "||", 1), Some("a"));
        assert_eq!(of("a||b||", "||", 3), Some(""));
        assert_eq!(of("a||b||", "||", 4), None);
        assert_eq!(of("a||b||", "||", -2), Some("b"));
        assert_eq!(of("a||b||", "||", -3), Some("a"));
        assert_eq!(of("a||b||", "||", -4), None);
        assert_eq!(of("ab", "", 1), Some("ab"));
        assert_eq!(of("ab", "", -1), Some("ab"));
        assert_eq!(of("ab", "", 2), None);
        assert_eq!(of("ab", ",", 0), None);
        assert_eq!(of("äöü", "ö", 2), Some("ü"));
        assert_eq!(of("ab", ",", i64::MIN), None);
    }
}
