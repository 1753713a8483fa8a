//! Is a key one of those that were found? In a few bits a key, so that it stays in the cache.

use datafusion::arrow::buffer::BooleanBuffer;

use super::keys::Kind;
use crate::execution::mixing::hash;

/// Bits of a Bloom filter a key: some 0.5 % of other keys are taken for one of these.
const BITS_A_KEY: usize = 16;
/// Bits that fit into a core's fastest cache, whatever the keys.
const FEW_BITS: u64 = 1 << 16;

/// A set of keys. What it says no to is not in it.
#[derive(Debug)]
pub(super) enum Membership {
    /// A bit for each number from the first key on: exact.
    Range { first: u64, bits: Vec<u64> },
    /// A Bloom filter in which all bits of a key lie in one word (Putze and others, *Cache-, Hash- and Space-Efficient Bloom Filters*,
    /// WEA 2007).
    Bloom { words: Vec<u64> },
}

impl Membership {
    /// Of the keys of all `parts`.
    pub(super) fn of(kind: Kind, parts: &[&[u64]]) -> Self {
        let keys = || parts.iter().copied().flatten().copied();
        let count: usize = parts.iter().map(|part| part.len()).sum();
        let bloom_bits = (count * BITS_A_KEY).max(64);
        if kind == Kind::Integers
            && let Some((first, last)) = range(keys)
        {
            let wide = last.wrapping_sub(first);
            if wide < FEW_BITS.max(bloom_bits as u64) {
                let mut bits = vec![0; wide as usize / 64 + 1];
                for key in keys() {
                    let place = key.wrapping_sub(first);
                    bits[place as usize / 64] |= 1 << (place % 64);
                }
                return Membership::Range { first, bits };
            }
        }
        let mut words = vec![0; bloom_bits.div_ceil(64)];
        for key in keys() {
            let (place, bits) = place(key, words.len());
            words[place] |= bits;
        }
        Membership::Bloom { words }
    }

    /// Which of the keys may be in the set.
    pub(super) fn keep(&self, keys: &[u64]) -> BooleanBuffer {
        match self {
            Membership::Range { first, bits } => BooleanBuffer::collect_bool(keys.len(), |row| {
                let place = keys[row].wrapping_sub(*first);
                let word = usize::try_from(place / 64).ok().and_then(|word| bits.get(word));
                word.is_some_and(|word| word >> (place % 64) & 1 == 1)
            }),
            Membership::Bloom { words } => BooleanBuffer::collect_bool(keys.len(), |row| {
                let (place, bits) = place(keys[row], words.len());
                words[place] & bits == bits
            }),
        }
    }

    /// Of a range, how many numbers it has, rounded up to whole words.
    pub(super) fn range_bits(&self) -> Option<usize> {
        match self {
            Membership::Range { bits, .. } => Some(bits.len() * 64),
            Membership::Bloom { .. } => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Membership::Range { bits: words, .. } | Membership::Bloom { words } => words.len() * size_of::<u64>(),
        }
    }
}

/// The smallest and the largest of the keys, by their sign.
fn range<I: Iterator<Item = u64>>(keys: impl Fn() -> I) -> Option<(u64, u64)> {
    let first = keys().map(|key| key as i64).min()?;
    let last = keys().map(|key| key as i64).max()?;
    Some((first as u64, last as u64))
}

/// The word of a key, of so many, and its four bits in it.
#[inline(always)]
fn place(key: u64, words: usize) -> (usize, u64) {
    let mixed = hash(&[key]);
    // Lemire's way to a number below `words`, of the upper half.
    let place = ((mixed >> 32) * words as u64) >> 32;
    let bit = |from: u32| 1_u64 << ((mixed >> from) & 63);
    (place as usize, bit(0) | bit(6) | bit(12) | bit(18))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No key that is in the set is dropped, and a range drops all others.
        #[test]
        fn what_is_in_it_is_kept(
            keys in prop::collection::vec(prop_oneof![any::<i64>(), -100_i64..100, Just(i64::MIN), Just(i64::MAX)], 0..300),
            others in prop::collection::vec(prop_oneof![any::<i64>(), -200_i64..200], 0..300),
            kind in prop::sample::select(vec![Kind::Integers, Kind::Hashes]),
        ) {
            let words = |numbers: &[i64]| numbers.iter().map(|number| *number as u64).collect::<Vec<_>>();
            let set = Membership::of(kind, &[&words(&keys)]);
            prop_assert_eq!(set.keep(&words(&keys)).count_set_bits(), keys.len());
            if set.range_bits().is_some() {
                let kept: Vec<bool> = set.keep(&words(&others)).iter().collect();
                let expected: Vec<bool> = others.iter().map(|other| keys.contains(other)).collect();
                prop_assert_eq!(kept, expected);
            }
        }
    }

    #[test]
    fn few_others_are_kept() {
        let of = |step: u64, from: u64| (0..100_000).map(|key| from + key * step).collect::<Vec<u64>>();
        for step in [1000, 1 << 20, 4_294_967_296] {
            let set = Membership::of(Kind::Integers, &[&of(step, 0)]);
            assert_eq!(set.range_bits(), None);
            assert_eq!(set.bytes(), 200_000);
            let kept = set.keep(&of(step, 7)).count_set_bits();
            assert!(kept < 1_000, "{kept} of 100,000 other keys are kept, {step} apart");
        }
    }

    #[test]
    fn numbers_close_together_are_a_bitmap() {
        let keys: Vec<u64> = (0..10_000).map(|key| key * 10).collect();
        assert_eq!(Membership::of(Kind::Integers, &[&keys]).range_bits(), Some(100_032));
        assert_eq!(Membership::of(Kind::Hashes, &[&keys]).range_bits(), None);
        assert!(Membership::of(Kind::Integers, &[]).keep(&keys).iter().all(|kept| !kept));
    }
}
