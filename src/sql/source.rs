//! A text of SQL and places in it.
//!
//! Errors name the file, line and column that the user has open in an editor, so every token keeps its place in the
//! whole file, not in its statement.

use std::ops::Range;
use std::sync::Arc;

pub use sqlparser::tokenizer::{Location, Span};

/// A named text: a query file, standard input, a `-e` argument, a line of the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    lines: LineIndex,
}

impl Source {
    /// `name` is what error messages show in front of line and column: a path as the user wrote it, or a word for
    /// texts without one. A byte order mark at the start is not part of the text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let mut text: String = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let lines = LineIndex::new(&text);
        Arc::new(Source { name: name.into(), text, lines })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line `number` (from 1) without its line end; `None` past the end.
    pub fn line(&self, number: u64) -> Option<&str> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let start = *self.lines.starts.get(index)?;
        let end = self.lines.starts.get(index + 1).copied().unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// The place of a byte offset.
    pub fn location(&self, offset: usize) -> Location {
        self.lines.location(&self.text, offset)
    }

    /// The byte offset of a place; past the end of its line or text, the end of the text.
    pub fn offset(&self, location: Location) -> usize {
        self.lines.offset(&self.text, location)
    }

    /// The place of a range of bytes.
    pub fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.location(range.start), self.location(range.end))
    }
}

/// Where the lines of a text begin: turns line and column (both from 1, columns in characters) into byte offsets and back.
///
/// A generated statement may be one line of a million characters, and each of its tokens has a place. So characters are not counted
/// from the beginning of the line, but from the beginning of a block of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
    /// So many characters begin before each block.
    characters: Vec<usize>,
}

/// Bytes in a block.
const BLOCK: usize = 256;

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let blocks = text.as_bytes().chunks(BLOCK);
        let characters = blocks.scan(0, |before, block| {
            let here = *before;
            *before += count_characters(block);
            Some(here)
        });
        LineIndex { starts, characters: characters.collect() }
    }

    /// The byte offset of a place; past the end of its line or text, the end of the text.
    pub(crate) fn offset(&self, text: &str, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(&start) = self.starts.get(line) else { return text.len() };
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let wanted = self.characters_before(text, start).saturating_add(column);
        let block = self.characters.partition_point(|&before| before <= wanted).saturating_sub(1);
        let missing = wanted - self.characters.get(block).copied().unwrap_or_default();
        let from = block * BLOCK;
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        let mut beginnings = rest.iter().enumerate().filter(|(_, byte)| begins_character(**byte));
        beginnings.nth(missing).map_or(text.len(), |(at, _)| from + at)
    }

    pub(crate) fn location(&self, text: &str, offset: usize) -> Location {
        let line = self.starts.partition_point(|&start| start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let column = self.characters_before(text, offset) - self.characters_before(text, start);
        Location::new(line as u64 + 1, column as u64 + 1)
    }

    /// So many characters begin before a byte.
    fn characters_before(&self, text: &str, offset: usize) -> usize {
        let offset = offset.min(text.len());
        let block = (offset / BLOCK).min(self.characters.len().saturating_sub(1));
        let before = self.characters.get(block).copied().unwrap_or_default();
        before + text.as_bytes().get(block * BLOCK..offset).map_or(0, count_characters)
    }
}

fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| begins_character(**byte)).count()
}

/// In UTF-8 the bytes of a character behind its first one are told by their two upper bits.
fn begins_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_offsets_agree_with_multibyte_text() {
        let text = "select 'é',\r\n  x\nfrom t";
        let source = Source::new("a.sql", text);
        for (offset, _) in text.char_indices() {
            let location = source.location(offset);
            assert_eq!(source.lines.offset(text, location), offset, "at {location:?}");
        }
        assert_eq!(source.line(1), Some("select 'é',"));
        assert_eq!(source.line(3), Some("from t"));
        assert_eq!(source.line(4), None);
        assert_eq!(source.line(0), None);
    }

    #[test]
    fn places_in_long_lines_are_counted_in_characters() {
        let text = format!("{}\n{}", "é1".repeat(400), "x".repeat(3 * BLOCK) + "ü" + &"y".repeat(BLOCK));
        let index = LineIndex::new(&text);
        let mut place = Location::new(1, 1);
        for (offset, character) in text.char_indices() {
            assert_eq!(index.location(&text, offset), place, "at {offset}");
            assert_eq!(index.offset(&text, place), offset, "at {place:?}");
            place = match character {
                '\n' => Location::new(place.line + 1, 1),
                _ => Location::new(place.line, place.column + 1),
            };
        }
        assert_eq!(index.offset(&text, Location::new(2, 5000)), text.len());
        assert_eq!(index.location(&text, text.len() + 9), place);
        assert_eq!(LineIndex::new("").location("", 0), Location::new(1, 1));
        assert_eq!(LineIndex::new("").offset("", Location::new(1, 1)), 0);
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        let source = Source::new("a.sql", "\u{feff}select 1");
        assert_eq!(source.text(), "select 1");
        assert_eq!(source.location(0), Location::new(1, 1));
    }
}
