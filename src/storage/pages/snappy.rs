//! Pages that are compressed with Snappy, which is what most writers do if nobody says otherwise.
//!
//! A compressed page is a row of elements: bytes as they are ("literal"), or bytes that came before, so far back ("copy"). In pages of
//! numbers an element makes some four bytes, and the time goes into finding where the next one begins. So a literal and the copy behind
//! it are taken from one word, 8 or 16 bytes are written whatever an element's length is, and lengths are looked up. That takes four
//! fifths of the time that the crate `snap` does.
//!
//! The format is described in *Snappy compressed format description* of Google's library.

use bytes::BytesMut;
use parquet::errors::{ParquetError, Result};

/// Bytes that [`Decompression::take_quickly`] may look at or write, from where it begins.
const QUICK_INPUT: usize = 160;
const QUICK_OUTPUT: usize = 160;
/// Literals with this in their length's place, and above, have their length in the bytes that follow.
const LONG_LITERAL: usize = 60;
/// The most bytes that three bytes of input, which no element has less of for more, can become.
const MOST_OF_THREE: usize = 64;

/// Fills `output` with what `compressed` was made of.
pub(super) fn decompress(compressed: &[u8], output: &mut BytesMut) -> Result<()> {
    let (len, elements) = length(compressed).ok_or_else(broken)?;
    // More cannot come of it, and no room is made for it.
    if len / MOST_OF_THREE > elements.len() {
        return Err(broken());
    }
    output.resize(len, 0);
    let mut decompression = Decompression { input: elements, at: 0, output, filled: 0 };
    decompression.take_all().ok_or_else(broken)
}

fn broken() -> ParquetError {
    ParquetError::General("a page that should be compressed with Snappy, and is not".to_string())
}

/// The length of what was compressed, and the bytes behind it.
fn length(compressed: &[u8]) -> Option<(usize, &[u8])> {
    let mut len = 0;
    for (place, byte) in compressed.iter().enumerate().take(5) {
        len |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((len, &compressed[place + 1..]));
        }
    }
    None
}

/// What the tag of a copy says, by the tag.
#[derive(Clone, Copy)]
struct Copy {
    /// 1 to 64; 0 if the offset has four bytes, or if it is no copy.
    len: u8,
    /// The offset's bits above its byte.
    high: u16,
    /// Those of the four bytes behind the tag that are the offset.
    mask: u16,
}

static COPIES: [Copy; 256] = {
    let mut copies = [Copy { len: 0, high: 0, mask: 0 }; 256];
    let mut tag = 0;
    while tag < copies.len() {
        let above = (tag >> 2) as u8;
        match tag & 3 {
            1 => copies[tag] = Copy { len: (above & 7) + 4, high: (above as u16 >> 3) << 8, mask: 0xff },
            2 => copies[tag] = Copy { len: above + 1, high: 0, mask: 0xffff },
            _ => {}
        }
        tag += 1;
    }
    copies
};

struct Decompression<'a> {
    input: &'a [u8],
    /// Where the next element begins.
    at: usize,
    output: &'a mut [u8],
    filled: usize,
}

impl Decompression<'_> {
    /// `None`: the input is broken.
    fn take_all(&mut self) -> Option<()> {
        while self.at < self.input.len() {
            while self.at + QUICK_INPUT <= self.input.len()
                && self.filled + QUICK_OUTPUT <= self.output.len()
                && self.take_quickly().is_some()
            {}
            self.take_next()?;
        }
        (self.filled == self.output.len()).then_some(())
    }

    /// Takes a literal, a copy, or a literal and the copy behind it. `None`: the element that comes next is not one of the usual ones, or
    /// it is broken.
    #[inline(always)]
    fn take_quickly(&mut self) -> Option<()> {
        let word = u64::from_le_bytes(*chunk_at::<8>(self.input, self.at)?);
        let mut tag = word as u8;
        if tag & 3 == 0 {
            let len = usize::from(tag >> 2) + 1;
            if len <= 6 {
                // The literal and the tag behind it are in the word.
                *chunk_at_mut(self.output, self.filled)? = (word >> 8).to_le_bytes();
                tag = (word >> (8 * (len + 1))) as u8;
            } else {
                if len > LONG_LITERAL {
                    return None;
                }
                let bytes = chunk_at::<64>(self.input, self.at + 1)?;
                let room = chunk_at_mut::<64>(self.output, self.filled)?;
                if len <= 16 {
                    room[..16].copy_from_slice(&bytes[..16]);
                } else {
                    *room = *bytes;
                }
                tag = *self.input.get(self.at + 1 + len)?;
            }
            self.at += 1 + len;
            self.filled += len;
            if tag & 3 == 0 {
                return Some(());
            }
        }
        let copy = COPIES[usize::from(tag)];
        if copy.len == 0 {
            return None;
        }
        let behind = u16::from_le_bytes(*chunk_at::<2>(self.input, self.at + 1)?);
        let (len, offset) = (usize::from(copy.len), usize::from(copy.high + (behind & copy.mask)));
        // If there are not as many bytes, this is behind all of them.
        let from = self.filled.wrapping_sub(offset);
        if offset >= 16 {
            self.copy_steps::<16>(from, len)?;
        } else if offset >= 8 {
            self.copy_steps::<8>(from, len)?;
        } else {
            self.copy_bytes(offset, len)?;
        }
        self.at += 1 + usize::from(tag & 3);
        self.filled += len;
        Some(())
    }

    /// Copies `len` bytes or some more from a place that is at least `STEP` bytes back.
    #[inline(always)]
    fn copy_steps<const STEP: usize>(&mut self, from: usize, len: usize) -> Option<()> {
        let bytes = *chunk_at::<STEP>(self.output, from)?;
        *chunk_at_mut(self.output, self.filled)? = bytes;
        for step in (STEP..len).step_by(STEP) {
            let bytes = *chunk_at::<STEP>(self.output, from + step)?;
            *chunk_at_mut(self.output, self.filled + step)? = bytes;
        }
        Some(())
    }

    /// Copies from any distance: what is copied may begin with what is being written.
    fn copy_bytes(&mut self, offset: usize, len: usize) -> Option<()> {
        let from = self.filled.checked_sub(offset).filter(|_| offset > 0)?;
        let bytes = self.output.get_mut(from..self.filled + len)?;
        for place in 0..len {
            bytes[offset + place] = bytes[place];
        }
        Some(())
    }

    /// Takes one element of any kind, and writes no more than it has. `None`: it is broken.
    fn take_next(&mut self) -> Option<()> {
        let Some((tag, rest)) = self.input.get(self.at..)?.split_first() else { return Some(()) };
        let above = usize::from(tag >> 2);
        let (bytes, len, is_literal) = match tag & 3 {
            0 if above < LONG_LITERAL => (0, above + 1, true),
            0 => {
                let bytes = above - LONG_LITERAL + 1;
                (bytes, number(rest.get(..bytes)?) + 1, true)
            }
            1 => (1, (above & 7) + 4, false),
            2 => (2, above + 1, false),
            _ => (4, above + 1, false),
        };
        let behind = number(rest.get(..bytes)?);
        self.at += 1 + bytes;
        if is_literal {
            let room = self.output.get_mut(self.filled..self.filled.checked_add(len)?)?;
            room.copy_from_slice(rest.get(bytes..bytes.checked_add(len)?)?);
            self.at += len;
        } else {
            let high = if tag & 3 == 1 { above >> 3 << 8 } else { 0 };
            self.copy_bytes(high + behind, len)?;
        }
        self.filled += len;
        Some(())
    }
}

fn chunk_at<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

fn chunk_at_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// At most four bytes, the lowest first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a writer does it.
    fn compressed(bytes: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(bytes).unwrap()
    }

    fn decompressed(compressed: &[u8]) -> Option<Vec<u8>> {
        let mut output = BytesMut::from(&b"of the page before"[..]);
        decompress(compressed, &mut output).ok().map(|()| output.to_vec())
    }

    /// Numbers one behind the other, runs of bytes, and text: short and long literals and copies from near and far.
    fn page() -> impl Strategy<Value = Vec<u8>> {
        let numbers = (1_i64..1 << 40, prop::collection::vec(any::<i64>(), 0..2_000))
            .prop_map(|(most, numbers)| numbers.iter().flat_map(|number| (number % most).to_le_bytes()).collect());
        let run =
            (prop::collection::vec(any::<u8>(), 1..20), 0_usize..400).prop_map(|(part, times)| part.repeat(times));
        let noise = prop::collection::vec(any::<u8>(), 0..5_000);
        let words = prop::collection::vec("(furiously|even|deposits|are|quickly|[a-z]{1,4}) ", 0..500)
            .prop_map(|words| words.concat().into_bytes());
        prop::collection::vec(prop_oneof![numbers, run, noise, words], 0..6)
            .prop_map(|parts: Vec<Vec<u8>>| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_was_compressed_comes_back(page in page()) {
            prop_assert_eq!(decompressed(&compressed(&page)), Some(page));
        }

        /// What the reference takes is taken, and what it does not take is an error.
        #[test]
        fn broken_pages_are_broken_for_both(page in page(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in any::<prop::sample::Index>(), is_cut: bool) {
            let mut bytes = compressed(&page);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            // What would be longer than this is not for the reference.
            if length(&bytes).is_none_or(|(len, _)| len < 1 << 20) {
                prop_assert_eq!(decompressed(&bytes), snap::raw::Decoder::new().decompress_vec(&bytes).ok());
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            decompressed(&bytes);
        }
    }

    /// Offsets of four bytes are never written by the reference, and lengths of three and four bytes only for large pages.
    #[test]
    fn elements_that_are_seldom_written() {
        let literal = b"0123456789";
        let mut elements = vec![14, 63 << 2, 9, 0, 0, 0];
        elements.extend(literal);
        elements.extend([3 << 2 | 3, 10, 0, 0, 0]);
        assert_eq!(decompressed(&elements).as_deref(), Some(&b"01234567890123"[..]));
        // A literal that is longer than all there is, and one that says that it is nearly endless.
        assert_eq!(decompressed(&[14, 63 << 2, 13, 0, 0, 0, 1]), None);
        assert_eq!(decompressed(&[14, 63 << 2, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }

    #[test]
    fn a_length_that_cannot_be_is_no_reason_to_make_room() {
        assert_eq!(decompressed(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]), None);
    }
}
