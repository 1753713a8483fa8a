//! `lpad`, `rpad`, `trim` and their kin

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::functions::string;

use crate::functions::columns::{Texts, characters, is_ascii, offset_of, texts, within_a_batch};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::text_writer::written_texts;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "lpad",
                syntax: "lpad(text, length[, with])",
                line: "Fills a text on the left up to a length, or cuts it; NULL if it is to be filled with ''.",
                example: "SELECT lpad('hi', 5, 'ab'), lpad('hi', 1, '?')",
                gives: "abahi,h",
            },
            &[Kind::Text, Kind::Integer],
            Gives::Text,
            |call| pad(call, true),
        )
        .optional(&[Kind::Text])
        .entry(),
        Function::new(
            Help {
                name: "rpad",
                syntax: "rpad(text, length[, with])",
                line: "Fills a text on the right up to a length, or cuts it; NULL if it is to be filled with ''.",
                example: "SELECT rpad('hi', 5, 'ab'), rpad('hi', 1, '?')",
                gives: "hiaba,h",
            },
            &[Kind::Text, Kind::Integer],
            Gives::Text,
            |call| pad(call, false),
        )
        .optional(&[Kind::Text])
        .entry(),
        Function::over(
            Help {
                name: "btrim",
                syntax: "trim(text[, characters])",
                line: "Without the spaces (or other characters) at both ends.",
                example: "SELECT concat('<', trim('  a b '), '>'), trim(12)",
                gives: "<a b>,12",
            },
            &[Kind::Text],
            Gives::Text,
            string::btrim(),
        )
        .optional(&[Kind::Text])
        .aliases(&["trim"])
        .entry(),
        Function::over(
            Help {
                name: "ltrim",
                syntax: "ltrim(text[, characters])",
                line: "Without the spaces (or other characters) at the beginning.",
                example: "SELECT concat('<', ltrim('  a '), '>')",
                gives: "<a >",
            },
            &[Kind::Text],
            Gives::Text,
            string::ltrim(),
        )
        .optional(&[Kind::Text])
        .entry(),
        Function::over(
            Help {
                name: "rtrim",
                syntax: "rtrim(text[, characters])",
                line: "Without the spaces (or other characters) at the end.",
                example: "SELECT concat('<', rtrim(' a  '), '>')",
                gives: "< a>",
            },
            &[Kind::Text],
            Gives::Text,
            string::rtrim(),
        )
        .optional(&[Kind::Text])
        .entry(),
    ]
}

/// Longer runs of a filling are not kept.
const MOST_KEPT: usize = 4096;

fn pad(call: &Call, is_left: bool) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let lengths = call.integers(1)?;
    let fillings = call.optional_texts(2)?;
    if let (Some(Some(length)), Some(Some(filling))) =
        (lengths.constant(), fillings.as_ref().map_or(Some(Some(" ")), Texts::constant))
        && let Some(padding) = Padding::new(length, filling)
    {
        return padding.pad(&values, call.rows, is_left);
    }
    let mut filler = Filler::default();
    texts(call.rows, |row, text| {
        let filling = fillings.as_ref().map_or(Some(" "), |fillings| fillings.get(row));
        let (Some(value), Some(length), Some(filling)) = (values.get(row), lengths.get(row), filling) else {
            return Ok(false);
        };
        if filling.is_empty() {
            return Ok(false);
        }
        let length = usize::try_from(length).unwrap_or(0);
        let is_ascii = value.is_ascii();
        let own = characters(value, is_ascii);
        if own >= length {
            text.push_str(&value[..offset_of(value, length, is_ascii)]);
            return Ok(true);
        }
        within_a_batch(value.len(), length - own)?;
        if !is_left {
            text.push_str(value);
        }
        filler.fill(text, filling, length - own);
        if is_left {
            text.push_str(value);
        }
        Ok(true)
    })
}

/// What all texts of a batch are filled up with, where that is the same and short enough to be kept.
struct Padding {
    length: usize,
    /// The filling again and again, `length` characters.
    run: String,
    /// Where each of these characters begins, if some have several bytes.
    starts: Vec<usize>,
}

impl Padding {
    fn new(length: i64, filling: &str) -> Option<Self> {
        let length = usize::try_from(length).unwrap_or(0);
        if length > MOST_KEPT || filling.is_empty() {
            return None;
        }
        let run: String = filling.chars().cycle().take(length).collect();
        let starts = if run.is_ascii() { vec![] } else { run.char_indices().map(|(start, _)| start).collect() };
        Some(Padding { length, run, starts })
    }

    /// The first so many characters of the filling.
    #[inline]
    fn part(&self, count: usize) -> &str {
        let end =
            if self.starts.is_empty() { count } else { self.starts.get(count).copied().unwrap_or(self.run.len()) };
        &self.run[..end]
    }

    fn pad(&self, values: &Texts, rows: usize, is_left: bool) -> Result<ArrayRef> {
        let all_ascii = is_ascii(&values.array);
        let bytes = rows.saturating_mul(self.length);
        written_texts(rows, bytes, values.nulls(rows), |row, text| {
            let value = values.value(row);
            let value_is_ascii = all_ascii || value.is_ascii();
            let own = characters(value, value_is_ascii);
            if own >= self.length {
                text.push_str(&value[..offset_of(value, self.length, value_is_ascii)]);
                return Ok(());
            }
            let padding = self.part(self.length - own);
            let (first, second) = if is_left { (padding, value) } else { (value, padding) };
            text.push_str(first);
            text.push_str(second);
            Ok(())
        })
    }
}

/// What texts are filled with, kept from one row to the next.
#[derive(Default)]
struct Filler {
    filling: String,
    /// The filling many times, if it is ASCII.
    run: String,
}

impl Filler {
    /// Adds so many characters of a text that is repeated.
    fn fill(&mut self, text: &mut String, filling: &str, count: usize) {
        if self.filling != filling {
            filling.clone_into(&mut self.filling);
            self.run = if filling.is_ascii() { filling.repeat(MOST_KEPT / filling.len() + 1) } else { String::new() };
        }
        if let Some(run) = self.run.get(..count).filter(|_| count <= MOST_KEPT) {
            text.push_str(run);
            return;
        }
        let is_ascii = filling.is_ascii();
        let length = characters(filling, is_ascii);
        for _ in 0..count / length {
            text.push_str(filling);
        }
        text.push_str(&filling[..offset_of(filling, count % length, is_ascii)]);
    }
}
