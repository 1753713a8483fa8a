//! Bits of rows: which have a value, and which are still wanted.

use datafusion::arrow::array::{Array as _, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer};

/// Places of a word.
pub(super) const WORD: usize = u64::BITS as usize;

/// A bit a row, the first in the lowest place of the first word. Places after the last row are 0.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(super) fn ones(len: usize) -> Self {
        let mut bits = Bits::default();
        bits.push_run(true, len);
        bits
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn count(&self) -> usize {
        ones(&self.words)
    }

    /// To add more.
    pub(super) fn filling(&mut self) -> Filling<'_> {
        let used = self.len % WORD;
        let mut words = std::mem::take(&mut self.words);
        let word = if used > 0 { words.pop().unwrap_or_default() } else { 0 };
        Filling { bits: self, words, word, used }
    }

    pub(super) fn push_run(&mut self, bit: bool, count: usize) {
        self.filling().push_run(bit, count);
    }

    /// Makes ones of those from a place on at which `word` has one. They have to be there.
    pub(super) fn set(&mut self, place: usize, word: u64) {
        let (at, shift) = (place / WORD, place % WORD);
        self.words[at] |= word << shift;
        // In two steps: there may be nothing left of it.
        let rest = word >> (WORD - 1 - shift) >> 1;
        if rest != 0 {
            self.words[at + 1] |= rest;
        }
    }

    /// Makes ones of so many from a place on.
    pub(super) fn set_run(&mut self, place: usize, count: usize) {
        for start in (0..count).step_by(WORD) {
            self.set(place + start, u64::MAX >> (WORD - (count - start).min(WORD)));
        }
    }

    /// 64 bits from a place on; those behind the last one are 0.
    pub(super) fn word_at(&self, place: usize) -> u64 {
        let (word, shift) = (place / WORD, place % WORD);
        let at = |word: usize| self.words.get(word).copied().unwrap_or_default();
        match shift {
            0 => at(word),
            shift => at(word) >> shift | at(word + 1) << (WORD - shift),
        }
    }

    /// The bits of the places at which `among` has a 1, one behind the other.
    pub(super) fn compressed(&self, among: &Bits) -> Bits {
        if self == among {
            return Bits::ones(self.count());
        }
        let mut compressed = Bits::default();
        let mut filling = compressed.filling();
        for (word, among) in self.words.iter().zip(&among.words) {
            let mut left = *among;
            while left != 0 {
                filling.push_word(word >> left.trailing_zeros(), 1);
                left &= left - 1;
            }
        }
        drop(filling);
        compressed
    }

    /// Takes away rows word by word: those that have a 0 in what `keep` says of a word.
    pub(super) fn keep_words(&mut self, mut keep: impl FnMut(u64) -> u64) {
        for word in &mut self.words {
            *word &= keep(*word);
        }
    }

    /// Takes away those at which `among` has a 1, and `keep`, which has a bit for each of these, a 0.
    pub(super) fn keep_compressed(&mut self, among: &Bits, keep: &Bits) {
        let mut next = 0;
        for (word, among) in self.words.iter_mut().zip(&among.words) {
            let mut left = *among;
            while left != 0 {
                if keep.words[next / WORD] >> (next % WORD) & 1 == 0 {
                    *word &= !(left & left.wrapping_neg());
                }
                next += 1;
                left &= left - 1;
            }
        }
    }

    /// Takes away those of the rows that are there of which `keep`, which has a bit for each of them, is not true.
    pub(super) fn keep_among(&mut self, keep: &BooleanBuffer) {
        let mut next = 0;
        for word in &mut self.words {
            let mut bits = word_at(keep, next);
            next += word.count_ones() as usize;
            if *word == u64::MAX {
                *word = bits;
                continue;
            }
            let mut left = *word;
            while left != 0 {
                let lowest = left & left.wrapping_neg();
                if bits & 1 == 0 {
                    *word &= !lowest;
                }
                bits >>= 1;
                left &= left - 1;
            }
        }
    }

    /// The places of the ones, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(place * WORD + bit)
            })
        })
    }

    pub(super) fn to_buffer(&self) -> BooleanBuffer {
        BooleanBuffer::new(Buffer::from_vec(self.words.clone()), 0, self.len)
    }
}

/// Bits to which many more are added: the word that is not full is at hand. They are there when this is gone.
pub(super) struct Filling<'a> {
    bits: &'a mut Bits,
    /// Those that are full.
    words: Vec<u64>,
    word: u64,
    /// Places of the word that are taken, fewer than all.
    used: usize,
}

impl Filling<'_> {
    /// Adds the lowest `count` places of a word, of which there are at most 64.
    #[inline(always)]
    pub(super) fn push_word(&mut self, word: u64, count: usize) {
        if count == 0 {
            return;
        }
        let word = word & (u64::MAX >> (WORD - count));
        self.word |= word << self.used;
        let end = self.used + count;
        if end >= WORD {
            self.words.push(self.word);
            // In two steps: there may be nothing left of it.
            self.word = word >> (WORD - 1 - self.used) >> 1;
        }
        self.used = end % WORD;
    }

    #[inline(always)]
    pub(super) fn push_run(&mut self, bit: bool, count: usize) {
        let word = if bit { u64::MAX } else { 0 };
        let mut left = count;
        while left > 0 {
            let some = left.min(WORD);
            self.push_word(word, some);
            left -= some;
        }
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.bits.len = self.words.len() * WORD + self.used;
        if self.used > 0 {
            self.words.push(self.word);
        }
        self.bits.words = std::mem::take(&mut self.words);
    }
}

/// The ones in words, counted with the processor's own instruction where it has one: not all that this program runs on do.
pub(super) fn ones(words: &[u64]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        #[target_feature(enable = "popcnt")]
        fn counted(words: &[u64]) -> usize {
            words.iter().map(|word| word.count_ones() as usize).sum()
        }
        // SAFETY: the processor has the instruction.
        return unsafe { counted(words) };
    }
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// A bit for each of the numbers, of which there are at most 64: what `passes` says of it.
#[inline(always)]
pub(super) fn word_of(numbers: &[u32], passes: impl Fn(u32) -> u8) -> u64 {
    let mut word = 0;
    for (bit, number) in numbers.iter().enumerate() {
        word |= u64::from(passes(*number)) << bit;
    }
    word
}

/// 64 bits from a place on; those behind the last one are 0.
fn word_at(bits: &BooleanBuffer, place: usize) -> u64 {
    let left = bits.len().saturating_sub(place).min(WORD);
    if left == 0 {
        return 0;
    }
    let first = bits.offset() + place;
    let mut bytes = [0; 16];
    let there = bits.values().get(first / 8..).unwrap_or_default();
    let some = there.len().min(9);
    bytes[..some].copy_from_slice(&there[..some]);
    (u128::from_le_bytes(bytes) >> (first % 8)) as u64 & (u64::MAX >> (WORD - left))
}

/// The rows that are true, of which NULL is none.
pub(super) fn true_rows(values: &BooleanArray) -> BooleanBuffer {
    match values.nulls() {
        Some(nulls) => values.values() & nulls.inner(),
        None => values.values().clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bits: &[bool]) -> Bits {
        let mut made = Bits::default();
        bits.iter().for_each(|bit| made.push_run(*bit, 1));
        made
    }

    proptest! {
        #[test]
        fn words_and_runs_are_put_together(
            parts in prop::collection::vec((any::<bool>(), any::<u64>(), 0_usize..=64, 0_usize..200), 0..20),
        ) {
            let (mut bits, mut expected) = (Bits::default(), Vec::new());
            for (bit, word, places, run) in parts {
                bits.filling().push_word(word, places);
                expected.extend((0..places).map(|place| word >> place & 1 == 1));
                bits.push_run(bit, run);
                expected.extend(vec![bit; run]);
            }
            prop_assert_eq!(bits.to_buffer().iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(bits.count(), expected.iter().filter(|bit| **bit).count());
            let places: Vec<usize> = (0..expected.len()).filter(|place| expected[*place]).collect();
            prop_assert_eq!(bits.places().collect::<Vec<_>>(), places);
        }

        #[test]
        fn some_are_put_together_and_apart(rows in prop::collection::vec((any::<bool>(), any::<bool>()), 0..300), place in 0_usize..310) {
            let bits = of(&rows.iter().map(|row| row.0).collect::<Vec<_>>());
            let among = of(&rows.iter().map(|row| row.1).collect::<Vec<_>>());
            let compressed = of(&rows.iter().filter(|row| row.1).map(|row| row.0).collect::<Vec<_>>());
            prop_assert_eq!(bits.compressed(&among), compressed.clone());
            let mut kept = Bits::ones(rows.len());
            kept.keep_compressed(&among, &compressed);
            prop_assert_eq!(kept, of(&rows.iter().map(|row| row.0 || !row.1).collect::<Vec<_>>()));
            let word = (place..place + 64).filter(|at| rows.get(*at).is_some_and(|row| row.0)).map(|at| 1 << (at - place)).sum::<u64>();
            prop_assert_eq!(bits.word_at(place), word);
        }

        #[test]
        fn ones_are_set(len in 0_usize..300, runs in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..200), 0..5)) {
            let (mut bits, mut expected) = (Bits::default(), vec![false; len]);
            bits.push_run(false, len);
            for (start, count) in runs.into_iter().filter(|_| len > 0) {
                let start = start.index(len);
                let count = count.min(len - start);
                bits.set_run(start, count);
                expected[start..start + count].fill(true);
            }
            prop_assert_eq!(bits, of(&expected));
        }

        #[test]
        fn of_the_rows_that_are_there_some_are_kept(
            // Of some, most words have all rows.
            rows in prop::sample::select(vec![0.5, 0.999]).prop_flat_map(|often| {
                prop::collection::vec((prop::bool::weighted(often), any::<bool>()), 0..300)
            }),
        ) {
            let mut bits = of(&rows.iter().map(|row| row.0).collect::<Vec<_>>());
            let among = [true; 3].into_iter().chain(rows.iter().filter(|row| row.0).map(|row| row.1));
            let among: BooleanBuffer = among.collect();
            bits.keep_among(&among.slice(3, among.len() - 3));
            prop_assert_eq!(bits, of(&rows.iter().map(|row| row.0 && row.1).collect::<Vec<_>>()));
        }
    }
}
