//! Small numbers as Parquet packs them: runs of one number, and groups of eight numbers of a few bits each.
//!
//! Codes of a dictionary and definition levels are written so ("RLE/bit-packing hybrid" of the format's *Encodings*).

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};

use super::bits::{Bits, Filling, WORD, word_of};
use super::unpack::{GROUP, unpack_groups};
use super::values::ends_early;

/// Runs of one number are often as short as this, and are written at once then.
const SHORT: usize = 16;
/// Groups of single bits that are in a word behind a run of one number and their header, and what both have at most.
const GROUPS_OF_PAIR: usize = 5;
const MOST_OF_PAIR: usize = 63 + GROUPS_OF_PAIR * GROUP;

/// Reads numbers of `width` bits, at most 32.
#[derive(Debug)]
pub(super) struct Hybrid {
    data: Bytes,
    /// Where the next run begins.
    at: usize,
    width: usize,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Same {
        number: u32,
        left: usize,
    },
    /// From the byte `start` on, `end` numbers, of which the one at `next` comes next.
    Packed {
        start: usize,
        next: usize,
        end: usize,
    },
}

impl Run {
    fn is_at_end(&self) -> bool {
        match self {
            Run::Same { left, .. } => *left == 0,
            Run::Packed { next, end, .. } => next >= end,
        }
    }
}

impl Hybrid {
    pub(super) fn new(data: Bytes, width: u8) -> Result<Self> {
        if width > 32 {
            return Err(ParquetError::General(format!("numbers of {width} bits, where 32 are the most")));
        }
        // Numbers without bits are all 0, and there may be no run that says so.
        let left = if width == 0 { usize::MAX } else { 0 };
        Ok(Hybrid { data, at: 0, width: usize::from(width), run: Run::Same { number: 0, left } })
    }

    /// Fills `numbers` with the next ones. Gives the greatest of them, 0 if there are none.
    pub(super) fn read(&mut self, numbers: &mut [u32]) -> Result<u32> {
        self.read_parts(numbers, |_, _| ())
    }

    /// The same, and adds to `bits` which of them have a 1 in `passing`: a run is asked once.
    pub(super) fn read_passing(&mut self, numbers: &mut [u32], passing: &[u8], bits: &mut Bits) -> Result<u32> {
        let passes = |number: u32| passing.get(number as usize).copied().unwrap_or_default();
        let mut at = bits.len();
        // Few pass, mostly.
        bits.push_run(false, numbers.len());
        self.read_parts(numbers, |part, numbers| {
            match part {
                Part::Same { number, count } => {
                    if passes(number) == 1 {
                        bits.set_run(at, count);
                    }
                }
                Part::Packed { .. } => {
                    for (place, some) in numbers.chunks(WORD).enumerate() {
                        let word = word_of(some, passes);
                        if word != 0 {
                            bits.set(at + place * WORD, word);
                        }
                    }
                }
            }
            at += numbers.len();
        })
    }

    #[inline(always)]
    fn read_parts(&mut self, numbers: &mut [u32], mut each: impl FnMut(Part, &[u32])) -> Result<u32> {
        let (mut at, mut greatest) = (0, 0);
        self.for_each_part(numbers.len(), |hybrid, part| {
            let (rest, count) = (&mut numbers[at..], part.count());
            at += count;
            let greatest_of_part = match part {
                Part::Same { number, .. } => {
                    match rest.first_chunk_mut::<SHORT>() {
                        // A short run: what is too much is written again by the next part.
                        Some(more) if count <= SHORT => *more = [number; SHORT],
                        _ => rest[..count].fill(number),
                    }
                    number
                }
                Part::Packed { start, next, .. } => hybrid.unpack(start, next, &mut rest[..count]),
            };
            greatest = greatest_of_part.max(greatest);
            each(part, &rest[..count]);
        })?;
        Ok(greatest)
    }

    /// Of the next `count` numbers those at `places`, which go up and are below `count`, into `numbers`, which is as long. The others are
    /// passed over. Gives the greatest, 0 if there are none.
    pub(super) fn read_at(&mut self, places: &[u32], count: usize, numbers: &mut [u32]) -> Result<u32> {
        let (mut before, mut greatest) = (0, 0);
        for (place, number) in places.iter().zip(numbers) {
            let place = *place as usize;
            self.skip(place - before)?;
            *number = self.next()?;
            greatest = greatest.max(*number);
            before = place + 1;
        }
        self.skip(count - before)?;
        Ok(greatest)
    }

    #[inline(always)]
    fn next(&mut self) -> Result<u32> {
        loop {
            match self.next_part(1)? {
                None => {}
                Some(Part::Same { number, .. }) => return Ok(number),
                Some(Part::Packed { start, next, .. }) => {
                    let bit = next * self.width;
                    return Ok(((self.load(start + bit / 8) >> (bit % 8)) & ((1 << self.width) - 1)) as u32);
                }
            }
        }
    }

    /// Adds the next `count` numbers, which are of one bit.
    pub(super) fn read_bits(&mut self, count: usize, bits: &mut Bits) -> Result<()> {
        let mut bits = bits.filling();
        let mut left = count;
        while left > 0 {
            left -= match self.read_bits_of_pairs(left, &mut bits) {
                0 => self.read_bits_of_run(left, &mut bits)?,
                some => some,
            };
        }
        Ok(())
    }

    /// Where a row now and then has no value, a run of one number and one of few groups come in turn, and each takes so few bytes that both
    /// are in one word. Which of them comes need not be found out, so the next word can be looked at before this one is understood.
    /// Reads `most` numbers at most, and gives how many there were.
    #[inline(always)]
    fn read_bits_of_pairs(&mut self, most: usize, bits: &mut Filling) -> usize {
        let (data, mut at, mut read) = (&self.data[..], self.at, 0);
        if !self.run.is_at_end() {
            return read;
        }
        while read + MOST_OF_PAIR <= most
            && let Some(word) = data.get(at..).and_then(|rest| rest.first_chunk())
        {
            let word = u64::from_le_bytes(*word);
            let (same, packed) = (word as u8, (word >> 16) as u8);
            let (count, groups) = (usize::from(same >> 1), usize::from(packed >> 1));
            let is_pair = same & 0x81 == 0 && packed & 1 == 1;
            if !is_pair || groups > GROUPS_OF_PAIR {
                break;
            }
            bits.push_word((word >> 8 & 1).wrapping_neg(), count);
            bits.push_word(word >> 24, groups * GROUP);
            at += 3 + groups;
            read += count + groups * GROUP;
        }
        self.at = at;
        read
    }

    /// Those of the run at hand, or the next one, `most` of them at most. Gives how many there were.
    fn read_bits_of_run(&mut self, most: usize, bits: &mut Filling) -> Result<usize> {
        let Some(part) = self.next_part(most)? else { return Ok(0) };
        match part {
            Part::Same { number, count } => bits.push_run(number == 1, count),
            Part::Packed { start, next, count } => {
                let (mut next, mut left) = (next, count);
                while left > 0 {
                    // The word begins with the byte in which the next bit is.
                    let some = left.min(WORD - next % 8);
                    bits.push_word(self.load(start + next / 8) >> (next % 8), some);
                    next += some;
                    left -= some;
                }
            }
        }
        Ok(part.count())
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            left -= match self.skip_short_runs(left) {
                0 => self.next_part(left)?.map_or(0, |part| part.count()),
                some => some,
            };
        }
        Ok(())
    }

    /// Passes over whole runs of which nothing but their length is of interest. Passes over `most` numbers at most, and gives how many there
    /// were.
    #[inline(always)]
    fn skip_short_runs(&mut self, most: usize) -> usize {
        let (data, mut at, mut skipped) = (&self.data[..], self.at, 0);
        if !self.run.is_at_end() {
            return skipped;
        }
        let bytes_of_number = self.width.div_ceil(8);
        while let Some(header) = data.get(at) {
            let (is_packed, count) = (header & 1 == 1, usize::from(header >> 1));
            let (bytes, count) = if is_packed { (count * self.width, count * GROUP) } else { (bytes_of_number, count) };
            let end = at + 1 + bytes;
            if *header >= 0x80 || count > most - skipped || end > data.len() {
                break;
            }
            at = end;
            skipped += count;
        }
        self.at = at;
        skipped
    }

    #[inline(always)]
    fn for_each_part(&mut self, count: usize, mut each: impl FnMut(&Self, Part)) -> Result<()> {
        let mut wanted = count;
        while wanted > 0 {
            if let Some(part) = self.next_part(wanted)? {
                wanted -= part.count();
                each(self, part);
            }
        }
        Ok(())
    }

    /// At most so many of the run at hand. `None`: it was at its end, and the next one is at hand now.
    #[inline(always)]
    fn next_part(&mut self, most: usize) -> Result<Option<Part>> {
        Ok(Some(match &mut self.run {
            Run::Same { number, left } if *left > 0 => {
                let count = most.min(*left);
                *left -= count;
                Part::Same { number: *number, count }
            }
            Run::Packed { start, next, end } if *next < *end => {
                let count = most.min(*end - *next);
                let part = Part::Packed { start: *start, next: *next, count };
                *next += count;
                part
            }
            _ => {
                self.next_run()?;
                return Ok(None);
            }
        }))
    }

    /// Often a run has no more than some ten numbers, so this has to be quick, too.
    #[inline(always)]
    fn next_run(&mut self) -> Result<()> {
        // Where there are enough bytes for a short run, its header and its number are read at once.
        if let Some(bytes) = self.data.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*bytes);
            let (is_short, count) = (word & 0x80 == 0, (word as u8 >> 1) as usize);
            if is_short && word & 1 == 0 {
                let bytes = self.width.div_ceil(8);
                let number = word >> 8 & ((1 << (8 * bytes)) - 1);
                self.at += 1 + bytes;
                self.run = Run::Same { number: number as u32, left: count };
                return Ok(());
            }
            let start = self.at + 1;
            if is_short && count * self.width <= self.data.len() - start {
                self.at = start + count * self.width;
                self.run = Run::Packed { start, next: 0, end: count * GROUP };
                return Ok(());
            }
        }
        self.next_run_of_any_length()
    }

    fn next_run_of_any_length(&mut self) -> Result<()> {
        let header = self.varint()?;
        let count = usize::try_from(header >> 1).map_err(|_| too_long())?;
        let start = self.at;
        let rest = self.data.len() - start;
        if header & 1 == 0 {
            let bytes = self.width.div_ceil(8);
            if bytes > rest {
                return Err(ends_early());
            }
            let number = self.load(start) & ((1 << (8 * bytes)) - 1);
            self.at += bytes;
            self.run = Run::Same { number: number as u32, left: count };
        } else {
            let bytes = count.checked_mul(self.width).ok_or_else(too_long)?;
            // The last group of a page may be cut off behind its last number.
            let (there, end) = if bytes <= rest { (bytes, count * GROUP) } else { (rest, rest * 8 / self.width) };
            self.at += there;
            self.run = Run::Packed { start, next: 0, end };
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let (mut number, mut shift) = (0, 0);
        while shift < u64::BITS {
            let byte = *self.data.get(self.at).ok_or_else(ends_early)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
        }
        Err(too_long())
    }

    /// Fills `numbers` from the packed ones at `next` on, of those that begin with the byte `start`. Gives the greatest.
    fn unpack(&self, start: usize, next: usize, numbers: &mut [u32]) -> u32 {
        let mask = (1_u64 << self.width) - 1;
        let mut greatest = 0;
        let mut one_by_one = |place: usize, numbers: &mut [u32]| {
            for (place, number) in (place..).zip(numbers) {
                let bit = place * self.width;
                *number = ((self.load(start + bit / 8) >> (bit % 8)) & mask) as u32;
                greatest = greatest.max(*number);
            }
        };
        let before = (next.next_multiple_of(GROUP) - next).min(numbers.len());
        let (first, rest) = numbers.split_at_mut(before);
        let packed = self.data.get(start + (next + before) * self.width / 8..).unwrap_or_default();
        let (middle, last) = rest.split_at_mut((rest.len() / GROUP).min(packed.len() / self.width) * GROUP);
        one_by_one(next, first);
        one_by_one(next + before + middle.len(), last);
        greatest.max(unpack_groups(self.width, packed, middle))
    }

    /// Eight bytes as a number; those behind the last one are 0.
    fn load(&self, at: usize) -> u64 {
        let rest = self.data.get(at..).unwrap_or_default();
        rest.first_chunk().map_or_else(
            || {
                let mut padded = [0; 8];
                padded[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(padded)
            },
            |word| u64::from_le_bytes(*word),
        )
    }
}

#[derive(Clone, Copy)]
enum Part {
    Same { number: u32, count: usize },
    Packed { start: usize, next: usize, count: usize },
}

impl Part {
    fn count(&self) -> usize {
        match self {
            Part::Same { count, .. } | Part::Packed { count, .. } => *count,
        }
    }
}

fn too_long() -> ParquetError {
    ParquetError::General("a run of values that is longer than any page".to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs as a writer could write them: a number many times, or groups of numbers.
    #[derive(Debug, Clone)]
    enum Written {
        Same(u32, usize),
        Groups(Vec<[u32; GROUP]>),
    }

    fn written(width: u8) -> impl Strategy<Value = Vec<Written>> {
        let number = 0..=u32::MAX.checked_shr(32 - u32::from(width)).unwrap_or(0);
        let groups = prop::collection::vec(prop::array::uniform8(number.clone()), 0..20);
        prop::collection::vec(
            prop_oneof![
                (number, 0_usize..300).prop_map(|(number, count)| Written::Same(number, count)),
                groups.prop_map(Written::Groups),
            ],
            1..8,
        )
    }

    fn varint(mut number: usize, bytes: &mut Vec<u8>) {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }

    /// The bytes, and the numbers in them.
    fn packed(runs: &[Written], width: u8) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        for run in runs {
            match run {
                Written::Same(number, count) => {
                    varint(count << 1, &mut bytes);
                    bytes.extend(&number.to_le_bytes()[..usize::from(width).div_ceil(8)]);
                    numbers.extend(vec![*number; *count]);
                }
                Written::Groups(groups) => {
                    varint(groups.len() << 1 | 1, &mut bytes);
                    for group in groups {
                        let mut bits = Bits::default();
                        group
                            .iter()
                            .for_each(|number| bits.filling().push_word(u64::from(*number), usize::from(width)));
                        let words: Vec<u8> = bits.words().iter().flat_map(|word| word.to_le_bytes()).collect();
                        bytes.extend(&words[..usize::from(width)]);
                        numbers.extend(group);
                    }
                }
            }
        }
        (bytes, numbers)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            (width, runs) in (0_u8..=32).prop_flat_map(|width| (Just(width), written(width))),
            steps in prop::collection::vec((0..4, 0_usize..70, any::<u64>()), 0..60),
        ) {
            let (bytes, numbers) = packed(&runs, width);
            let mut hybrid = Hybrid::new(bytes.into(), width).unwrap();
            let mut at = 0;
            let mut passing = Bits::default();
            let mut expected = Vec::new();
            for (step, count, some) in steps {
                let count = count.min(numbers.len() - at);
                let next = &numbers[at..at + count];
                let mut read = vec![0; count];
                match step {
                    0 => hybrid.skip(count).unwrap(),
                    1 => {
                        let places: Vec<u32> = (0..count as u32).filter(|place| some >> (place % 64) & 1 == 1).collect();
                        let greatest = hybrid.read_at(&places, count, &mut read[..places.len()]).unwrap();
                        let wanted: Vec<u32> = places.iter().map(|place| next[*place as usize]).collect();
                        prop_assert_eq!(greatest, wanted.iter().copied().max().unwrap_or(0));
                        prop_assert_eq!(&read[..places.len()], wanted);
                    }
                    2 => {
                        let table: Vec<u8> = (0..8).map(|bit| (some >> bit & 1) as u8).collect();
                        hybrid.read_passing(&mut read, &table, &mut passing).unwrap();
                        prop_assert_eq!(&read, next);
                        expected.extend(next.iter().map(|number| table.get(*number as usize) == Some(&1)));
                        prop_assert_eq!(&passing.to_buffer().iter().collect::<Vec<_>>(), &expected);
                    }
                    _ => {
                        let greatest = hybrid.read(&mut read).unwrap();
                        prop_assert_eq!(greatest, read.iter().copied().max().unwrap_or(0));
                        prop_assert_eq!(&read, next);
                    }
                }
                at += count;
            }
            let mut rest = vec![0; numbers.len() - at];
            hybrid.read(&mut rest).unwrap();
            prop_assert_eq!(&rest, &numbers[at..]);
            prop_assert!(width == 0 || hybrid.read(&mut [0]).is_err());
        }

        #[test]
        fn levels_are_bits(runs in written(1), first in 0_usize..100) {
            let (bytes, numbers) = packed(&runs, 1);
            let mut hybrid = Hybrid::new(bytes.into(), 1).unwrap();
            let first = first.min(numbers.len());
            let mut bits = Bits::default();
            hybrid.read_bits(first, &mut bits).unwrap();
            hybrid.read_bits(numbers.len() - first, &mut bits).unwrap();
            let expected: Vec<bool> = numbers.iter().map(|number| *number == 1).collect();
            prop_assert_eq!(bits.to_buffer().iter().collect::<Vec<_>>(), expected);
        }

        /// Whatever the bytes are, there are numbers or an error.
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..40), width in 0_u8..=255, count in 0_usize..500) {
            if let Ok(mut hybrid) = Hybrid::new(bytes.into(), width) {
                let _ = hybrid.read(&mut vec![0; count]);
                let _ = hybrid.read_passing(&mut vec![0; count], &[1], &mut Bits::default());
                let _ = hybrid.read_at(&[count as u32 / 2], count, &mut [0]);
                let _ = hybrid.skip(count);
                let _ = hybrid.read_bits(count, &mut Bits::default());
            }
        }
    }
}
