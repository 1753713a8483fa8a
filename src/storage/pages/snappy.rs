//! Pages that are compressed with Snappy, which is what most writers do if nobody says otherwise.
//!
//! A compressed page is a row of elements: bytes as they are ("literal"), or bytes that came before, so far back ("copy"). In pages of
//! numbers an element makes some four bytes, and the time goes into waiting for where the next one begins. So a literal and the copy
//! behind it are taken from one word, 8 or 16 bytes are written whatever an element's length is, lengths are looked up, and two pages are
//! decompressed at once: while one waits, the other goes on. Of the time that the crate `snap` takes, that is seven tenths, and less than
//! nine tenths with one page.
//!
//! The format is described in *Snappy compressed format description* of Google's library.

use std::ops::Range;

use bytes::BytesMut;
use parquet::errors::{ParquetError, Result};

/// What a step of a [`Cursor`] takes at most: a literal of 60 bytes and a copy, with their tags.
const MOST_TAKEN: usize = 64;
/// What it looks at, from where it begins: more than a literal has is copied.
const LOOKED_AT: usize = 80;
/// What it writes at most: a literal of 60 bytes, and 64 for a copy.
const MOST_WRITTEN: usize = 128;
/// Fewer steps are not worth counting them.
const FEW_STEPS: usize = 4;
/// Literals with this in their length's place, and above, have their length in the bytes that follow.
const LONG_LITERAL: usize = 60;
/// The most bytes that an element that has not as many itself can become.
const LONGEST_COPY: usize = 64;

/// Puts what `compressed` was made of at the beginning of `output`, which becomes longer if that is needed. Gives its length.
pub(super) fn decompress(compressed: &[u8], output: &mut BytesMut) -> Result<usize> {
    Decompression::new(compressed, output).and_then(Decompression::finish).ok_or_else(broken)
}

/// The same for two pages at once.
pub(super) fn decompress_both(pages: [&[u8]; 2], outputs: [&mut BytesMut; 2]) -> Result<[usize; 2]> {
    let both = || {
        let [one, other] = outputs;
        let mut both = [Decompression::new(pages[0], one)?, Decompression::new(pages[1], other)?];
        take_many(&mut both)?;
        let [one, other] = both;
        Some([one.finish()?, other.finish()?])
    };
    both().ok_or_else(broken)
}

/// Where in `compressed` the page is, if it is one literal: codes of a few bits hardly repeat.
pub(super) fn as_it_was(compressed: &[u8]) -> Option<Range<usize>> {
    let (len, input) = length(compressed)?;
    let (tag, rest) = input.split_first().filter(|(tag, _)| **tag & 3 == 0)?;
    let above = usize::from(tag >> 2);
    let (literal, len_of_literal) = if above < LONG_LITERAL {
        (rest, above + 1)
    } else {
        let (bytes, literal) = rest.split_at_checked(above - LONG_LITERAL + 1)?;
        (literal, number(bytes).checked_add(1)?)
    };
    (literal.len() == len && len_of_literal == len).then(|| compressed.len() - len..compressed.len())
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

impl<'a> Decompression<'a> {
    /// `None`: the page is broken, as with the other methods.
    fn new(compressed: &'a [u8], output: &'a mut BytesMut) -> Option<Self> {
        let (len, input) = length(compressed)?;
        // More cannot come of it, and no room is made for it.
        if len / LONGEST_COPY > input.len() {
            return None;
        }
        if len > output.capacity() {
            // What is in it is not copied. The next page may be a little longer.
            *output = BytesMut::zeroed(len + len / 8);
        } else if len > output.len() {
            output.resize(len, 0);
        }
        Some(Decompression { input, at: 0, output: &mut output[..len], filled: 0 })
    }

    fn finish(self) -> Option<usize> {
        let mut page = [self];
        take_many(&mut page)?;
        let [mut page] = page;
        while page.at < page.input.len() {
            page.take_next()?;
        }
        (page.filled == page.output.len()).then_some(page.filled)
    }

    /// How many steps a cursor can go, whatever comes.
    fn steps(&self) -> usize {
        let input = (self.input.len() - self.at).saturating_sub(LOOKED_AT) / MOST_TAKEN;
        let output = (self.output.len() - self.filled) / MOST_WRITTEN;
        input.min(output)
    }

    fn cursor(&mut self) -> Cursor {
        let start = self.output.as_mut_ptr();
        // SAFETY: both places are in their slices, or at the end of them.
        unsafe { Cursor { input: self.input.as_ptr().add(self.at), output: start.add(self.filled), start } }
    }

    /// Goes on where the cursor is.
    fn move_to(&mut self, cursor: &Cursor) {
        self.at = cursor.input.addr() - self.input.as_ptr().addr();
        self.filled = cursor.output.addr() - cursor.start.addr();
    }

    /// Takes one element of any kind, and writes no more than it has.
    fn take_next(&mut self) -> Option<()> {
        let Some((tag, rest)) = self.input.get(self.at..)?.split_first() else { return Some(()) };
        let above = usize::from(tag >> 2);
        let (bytes, len, is_literal) = match tag & 3 {
            0 if above < LONG_LITERAL => (0, above + 1, true),
            0 => {
                let bytes = above - LONG_LITERAL + 1;
                (bytes, number(rest.get(..bytes)?).checked_add(1)?, true)
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
            let offset = high + behind;
            let from = self.filled.checked_sub(offset).filter(|_| offset > 0)?;
            let bytes = self.output.get_mut(from..self.filled + len)?;
            // What is copied may begin with what is being written.
            for place in 0..len {
                bytes[offset + place] = bytes[place];
            }
        }
        self.filled += len;
        Some(())
    }
}

/// At most four bytes, the lowest first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Goes on as long as there is room for steps in all pages.
fn take_many<const N: usize>(pages: &mut [Decompression; N]) -> Option<()> {
    loop {
        let steps = pages.iter().map(Decompression::steps).min()?;
        if steps < FEW_STEPS {
            return Some(());
        }
        let mut cursors = pages.each_mut().map(Decompression::cursor);
        let mut go_on = [true; N];
        // Plain loops: the profile `release` leaves calls of iterators' methods here, which take as long as the rest.
        for _ in 0..steps {
            let mut all_go_on = true;
            for page in 0..N {
                // SAFETY: there is room for so many steps, and none is taken after one that did not go on.
                go_on[page] = unsafe { cursors[page].step() };
                all_go_on &= go_on[page];
            }
            if !all_go_on {
                break;
            }
        }
        for ((page, cursor), goes_on) in pages.iter_mut().zip(&cursors).zip(go_on) {
            page.move_to(cursor);
            if !goes_on {
                page.take_next()?;
            }
        }
    }
}

/// A place in a page, from which steps are taken without looking at where its bytes end.
struct Cursor {
    input: *const u8,
    output: *mut u8,
    /// Of the output.
    start: *mut u8,
}

impl Cursor {
    /// Takes a literal, a copy, or a literal and the copy behind it. Gives `false` at an element that is not one of the usual ones, or
    /// that is broken: it comes next then.
    ///
    /// # Safety
    ///
    /// [`LOOKED_AT`] bytes can be read from `input` on, and [`MOST_WRITTEN`] written from `output` on. Those from `start` to `output` are
    /// of the same slice.
    #[inline(always)]
    unsafe fn step(&mut self) -> bool {
        // SAFETY: the longest step reads a literal's tag, 60 bytes and a copy's three, or 64 bytes behind a literal's tag. It writes
        // 64 bytes behind the 60 of a literal. A copy reads from behind `start`, and what it reads before it is written is in the room for it.
        unsafe {
            let word = self.input.cast::<u64>().read_unaligned().to_le();
            let mut tag = word as u8;
            if tag & 3 == 0 {
                let len = usize::from(tag >> 2) + 1;
                if len <= 6 {
                    // The literal and the tag behind it are in the word.
                    self.output.cast::<u64>().write_unaligned((word >> 8).to_le());
                    tag = (word >> (8 * (len + 1))) as u8;
                } else if len <= LONG_LITERAL {
                    copy::<16>(self.input.add(1), self.output, len);
                    tag = self.input.add(1 + len).read();
                } else {
                    return false;
                }
                self.input = self.input.add(1 + len);
                self.output = self.output.add(len);
                if tag & 3 == 0 {
                    return true;
                }
            }
            let copied = COPIES[usize::from(tag)];
            let behind = self.input.add(1).cast::<u16>().read_unaligned().to_le();
            let (len, offset) = (usize::from(copied.len), usize::from(copied.high + (behind & copied.mask)));
            if len == 0 || offset > self.output.addr() - self.start.addr() {
                return false;
            }
            let from = self.output.sub(offset);
            if offset >= 16 {
                copy::<16>(from, self.output, len);
            } else if offset >= 8 {
                copy::<8>(from, self.output, len);
            } else if offset > 0 {
                copy::<1>(from, self.output, len);
            } else {
                return false;
            }
            self.input = self.input.add(1 + usize::from(tag & 3));
            self.output = self.output.add(len);
            true
        }
    }
}

/// Copies `len` bytes, at most 64, or some more: a step after the other.
///
/// # Safety
///
/// 64 bytes can be read and written, and `from` is at least a step before `to` if they are of the same slice.
#[inline(always)]
unsafe fn copy<const STEP: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller sees to it.
    let copy_step = |step: usize| unsafe {
        let bytes = from.add(step).cast::<[u8; STEP]>().read();
        to.add(step).cast::<[u8; STEP]>().write(bytes);
    };
    copy_step(0);
    if len > STEP && STEP == 16 {
        copy_step(16);
        copy_step(32);
        copy_step(48);
        return;
    }
    let mut step = STEP;
    while step < len {
        copy_step(step);
        step += STEP;
    }
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
        decompress(compressed, &mut output).ok().map(|len| output[..len].to_vec())
    }

    fn both_decompressed(pages: [&[u8]; 2]) -> Option<[Vec<u8>; 2]> {
        let (mut one, mut other) = (BytesMut::from(&b"of the page before"[..]), BytesMut::new());
        let lens = decompress_both(pages, [&mut one, &mut other]).ok()?;
        Some([one[..lens[0]].to_vec(), other[..lens[1]].to_vec()])
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
        fn what_was_compressed_comes_back(page in page(), other in page()) {
            prop_assert_eq!(decompressed(&compressed(&page)), Some(page.clone()));
            if let Some(range) = as_it_was(&compressed(&page)) {
                prop_assert_eq!(&compressed(&page)[range], &page);
            }
            prop_assert_eq!(both_decompressed([&compressed(&page), &compressed(&other)]), Some([page, other]));
        }

        /// What the reference takes is taken, and what it does not take is an error.
        #[test]
        fn broken_pages_are_broken_for_both(
            page in page(),
            other in page(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = compressed(&page);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            // A length that is far too great is refused at once, and the reference need not make room for it.
            if length(&bytes).is_none_or(|(len, _)| len < 1 << 20) {
                let expected = snap::raw::Decoder::new().decompress_vec(&bytes).ok();
                prop_assert_eq!(decompressed(&bytes), expected.clone());
                let with_other = both_decompressed([&compressed(&other), &bytes]);
                prop_assert_eq!(with_other, expected.map(|expected| [other, expected]));
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            decompressed(&bytes);
            both_decompressed([&bytes, &bytes]);
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
    fn a_literal_need_not_be_decompressed() {
        // Multiples of one number repeat bytes, however large it is.
        let mixed = |n: u64| {
            let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56
        };
        let noise: Vec<u8> = (1..=60_000).map(|n| mixed(n) as u8).collect();
        for len in [1, 60, 61, 256, 257, 60_000] {
            let page = compressed(&noise[..len]);
            let literal = as_it_was(&page).map(|range| &page[range]);
            assert!(literal == Some(&noise[..len]), "{len}");
        }
        // A page that is longer than what it is compressed to.
        assert_eq!(as_it_was(&compressed(&[0; 100])), None);
        // A copy that has five bytes and makes five.
        let two = [8, 2 << 2, b'a', b'b', b'c', 4 << 2 | 3, 3, 0, 0, 0];
        assert_eq!(decompressed(&two).as_deref(), Some(&b"abcabcab"[..]));
        assert_eq!(as_it_was(&two), None);
    }

    #[test]
    fn a_length_that_cannot_be_is_no_reason_to_make_room() {
        assert_eq!(decompressed(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]), None);
    }
}
