//! Columns of texts whose parts are written where they stay
//!
//! A text that is made elsewhere for each row would be copied, and looked at again for whether it is UTF-8. Here the parts of all rows go
//! into one buffer; all that can be added is text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray, make_view};
use datafusion::arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use datafusion::error::Result;

use super::columns::{INLINE, is_dense, within_a_batch};

/// Adds parts to the text of the present row.
pub struct TextWriter {
    views: Vec<u128>,
    /// The texts that are too long for their views, and behind them the present row's; UTF-8.
    bytes: Vec<u8>,
    /// Where the present row's begins.
    start: usize,
}

impl TextWriter {
    /// For so many rows, and about so many bytes.
    pub fn new(rows: usize, bytes: usize) -> Self {
        /// More than this is not taken before anything is written.
        const MOST_AT_FIRST: usize = 16 * 1024 * 1024;
        TextWriter { views: Vec::with_capacity(rows), bytes: Vec::with_capacity(bytes.min(MOST_AT_FIRST)), start: 0 }
    }

    #[inline]
    pub fn push_str(&mut self, part: &str) {
        self.bytes.extend_from_slice(part.as_bytes());
    }

    pub fn push_chars(&mut self, chars: impl Iterator<Item = char>) {
        for c in chars {
            self.push_str(c.encode_utf8(&mut [0; 4]));
        }
    }

    /// Adds a text as the map changes it.
    #[inline]
    pub fn push_mapped(&mut self, part: &str, map: &AsciiMap) {
        if !map.drops {
            return self.bytes.extend(part.bytes().map(|byte| map.of(byte)));
        }
        let start = self.bytes.len();
        self.bytes.resize(start + part.len(), 0);
        let mut end = start;
        for byte in part.bytes() {
            let target = map.of(byte);
            self.bytes[end] = target;
            end += usize::from(target != AsciiMap::DROPPED);
        }
        self.bytes.truncate(end);
    }

    /// Ends the present row. One without parts is empty.
    #[inline]
    pub fn end_row(&mut self) -> Result<()> {
        let text = self.bytes.get(self.start..).unwrap_or_default();
        if text.len() <= INLINE {
            self.views.push(make_view(text, 0, 0));
            self.bytes.truncate(self.start);
        } else {
            within_a_batch(self.bytes.len(), 0)?;
            self.views.push(make_view(text, 0, self.start as u32));
            self.start = self.bytes.len();
        }
        Ok(())
    }

    /// The column, NULL where `nulls` says so.
    pub fn finish(self, nulls: Option<NullBuffer>) -> ArrayRef {
        let buffers = if self.bytes.is_empty() { vec![] } else { vec![Buffer::from_vec(self.bytes)] };
        Arc::new(valid_texts(self.views, buffers, nulls))
    }
}

/// A column of views that are known to be right: each is of a text that lies where it says.
fn valid_texts(views: Vec<u128>, buffers: Vec<Buffer>, nulls: Option<NullBuffer>) -> StringViewArray {
    let views = ScalarBuffer::from(views);
    if cfg!(debug_assertions) {
        return StringViewArray::new(views, buffers, nulls);
    }
    // SAFETY: the views above and below are made of what is in the buffers, and that is UTF-8: `TextWriter` adds whole texts only, and an
    // `AsciiMap` leaves the bytes of longer characters alone. To look at all texts again would take as long as to write them.
    unsafe { StringViewArray::new_unchecked(views, buffers, nulls) }
}

/// Makes a column of texts that is NULL where `nulls` says so; `row` writes the others, which have about so many bytes.
pub fn written_texts(
    rows: usize,
    bytes: usize,
    nulls: Option<NullBuffer>,
    mut row: impl FnMut(usize, &mut TextWriter) -> Result<()>,
) -> Result<ArrayRef> {
    let mut writer = TextWriter::new(rows, bytes);
    for index in 0..rows {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(index)) {
            row(index, &mut writer)?;
        }
        writer.end_row()?;
    }
    Ok(writer.finish(nulls))
}

/// What characters of ASCII become: others of ASCII, or nothing. All other characters stay.
pub struct AsciiMap {
    targets: [u8; 256],
    drops: bool,
}

impl AsciiMap {
    /// No byte of UTF-8.
    const DROPPED: u8 = 0xFF;

    /// By the targets of all characters of ASCII; `None` drops one. There is no map if one becomes another character than of ASCII.
    pub fn new(targets: &[Option<char>; 128]) -> Option<Self> {
        let mut map = AsciiMap { targets: [0; 256], drops: targets.contains(&None) };
        for (byte, place) in (0..=u8::MAX).zip(&mut map.targets) {
            *place = match targets.get(usize::from(byte)) {
                Some(Some(target)) if target.is_ascii() => *target as u8,
                Some(Some(_)) => return None,
                Some(None) => AsciiMap::DROPPED,
                None => byte,
            };
        }
        Some(map)
    }

    #[inline]
    fn of(&self, byte: u8) -> u8 {
        self.targets[usize::from(byte)]
    }

    /// All texts of a column at once, by changing the buffers that they share: columns often have the same few texts in all rows. `None` if
    /// texts get shorter, or if the buffers hold much else.
    pub fn apply(&self, texts: &StringViewArray) -> Option<StringViewArray> {
        if self.drops || !is_dense(texts) {
            return None;
        }
        let buffers = texts.data_buffers().iter();
        let buffers = buffers.map(|buffer| buffer.iter().map(|byte| self.of(*byte)).collect::<Vec<u8>>().into());
        let views = texts.views().iter().map(|view| {
            let length = *view as u32 as usize;
            // A short text is in its view, of a longer one the first four bytes are.
            let within = if length <= INLINE { length } else { 4 };
            let mut view = view.to_le_bytes();
            view.iter_mut().skip(4).take(within).for_each(|byte| *byte = self.of(*byte));
            u128::from_le_bytes(view)
        });
        Some(valid_texts(views.collect(), buffers.collect(), texts.nulls().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;

    use super::*;

    #[test]
    fn short_and_long_rows_stand_side_by_side() {
        let rows = ["", "twelve bytes", "thirteen byte", "ä", "a text that is too long for its view", ""];
        let nulls = NullBuffer::from(vec![true, true, true, true, true, false]);
        let column = written_texts(rows.len(), 0, Some(nulls), |row, text| {
            rows[row].split_inclusive(' ').for_each(|part| text.push_str(part));
            Ok(())
        });
        let column = column.unwrap();
        column.to_data().validate_full().unwrap();
        let expected = rows[..5].iter().map(|text| Some(*text)).chain([None]);
        assert!(column.as_string_view().iter().eq(expected));
    }

    #[test]
    fn a_map_is_of_ascii_only() {
        let mut targets: [Option<char>; 128] = std::array::from_fn(|code| Some(char::from(code as u8)));
        assert!(AsciiMap::new(&targets).is_some());
        targets[usize::from(b'a')] = Some('ä');
        assert!(AsciiMap::new(&targets).is_none());
    }

    #[test]
    fn buffers_that_hold_much_else_are_left_alone() {
        let mut targets: [Option<char>; 128] = std::array::from_fn(|code| Some(char::from(code as u8)));
        targets[usize::from(b't')] = Some('T');
        let map = AsciiMap::new(&targets).unwrap();
        let texts = StringViewArray::from(vec!["short", "thirteen byte", "a text that is too long for its view"]);
        let changed = map.apply(&texts).unwrap();
        assert!(changed.iter().flatten().eq(["shorT", "ThirTeen byTe", "a TexT ThaT is Too long for iTs view"]));
        assert!(map.apply(&texts.slice(0, 2)).is_none());
        targets[usize::from(b'x')] = None;
        assert!(AsciiMap::new(&targets).unwrap().apply(&texts).is_none());
    }
}
