//! A hash table of keys of a few words.

use std::iter::repeat_n;

use crate::execution::mixing::hash;

/// Rows whose places are looked up together.
pub(super) const STEP: usize = 512;
const LEAST_BITS: u32 = 10;

/// More would need more places than the half of a hash that is kept can tell apart.
pub(super) const MOST: usize = (1 << 32) / 8 * 5;

/// Where things are that were added one after the other: an open hash table with linear probing.
///
/// A place has a thing's number, counted from 1, in its lower half, and the upper half of its hash. A hash's first bits say where the search
/// begins, so a table grows by being read from its start to its end.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<u64>,
    /// Of a hash, as many as are needed for a place.
    bits: u32,
    len: usize,
}

pub(super) struct Found {
    pub(super) index: usize,
    pub(super) is_new: bool,
}

impl Places {
    fn first(&self, hash: u64) -> usize {
        (hash >> (u64::BITS - self.bits)) as usize
    }

    /// Of 8 places at most 5 are taken, after `more` things were added.
    pub(super) fn make_room(&mut self, more: usize) {
        let needed = (self.len + more).div_ceil(5) * 8;
        if needed <= self.places.len() {
            return;
        }
        self.bits = needed.next_power_of_two().ilog2().max(LEAST_BITS);
        // Written, not only asked for: a page that is read before it is written is mapped twice, and all threads wait for that.
        let places = repeat_n(0, 1 << self.bits).collect();
        let old = std::mem::replace(&mut self.places, places);
        for place in old.into_iter().filter(|place| *place != 0) {
            let mut at = self.first(place);
            while self.places[at] != 0 {
                at = (at + 1) & (self.places.len() - 1);
            }
            self.places[at] = place;
        }
    }

    /// The number of the thing with this hash for which `is_it`, or a new one. There has to be room.
    #[inline]
    pub(super) fn find_or_add(&mut self, hash: u64, mut is_it: impl FnMut(usize) -> bool) -> Found {
        let mut at = self.first(hash);
        loop {
            let place = self.places[at];
            if place == 0 {
                self.len += 1;
                self.places[at] = hash >> 32 << 32 | self.len as u64;
                return Found { index: self.len - 1, is_new: true };
            }
            if let Some(index) = may_be(place, hash)
                && is_it(index)
            {
                return Found { index, is_new: false };
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    /// Replaces `found` by what is where the search for each hash begins. Reads of many do not wait for one another.
    pub(super) fn first_of(&self, hashes: &[u64], found: &mut Vec<u64>) {
        found.clear();
        found.extend(hashes.iter().map(|hash| self.places[self.first(*hash)]));
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn size(&self) -> usize {
        self.places.len() * size_of::<u64>()
    }

    /// Forgets all. Memory for as much is kept if `again`.
    pub(super) fn clear(&mut self, again: bool) {
        if again {
            self.places.fill(0);
            self.len = 0;
        } else {
            *self = Places::default();
        }
    }
}

/// The number of the thing in a place, if its hash may be this one.
pub(super) fn may_be(place: u64, hash: u64) -> Option<usize> {
    (place != 0 && place >> 32 == hash >> 32).then(|| index(place))
}

/// What is in a place; of one where nothing is, no index of anything.
fn index(place: u64) -> usize {
    (place as u32).wrapping_sub(1) as usize
}

/// Keys, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    places: Places,
    keys: Vec<[u64; N]>,
    hashes: Vec<u64>,
    found: Vec<u64>,
    matches: Vec<bool>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new() -> Self {
        Table { places: Places::default(), keys: Vec::new(), hashes: vec![], found: vec![], matches: vec![] }
    }

    /// Adds the number of each key to `groups`.
    ///
    /// A large table is not in the cache. So the places of many keys are read before the first of them is compared: those reads do not wait
    /// for one another. (Chen and others, *Improving Hash Join Performance through Prefetching*, ICDE 2004.)
    pub(super) fn intern(&mut self, keys: &[[u64; N]], groups: &mut Vec<usize>) {
        for keys in keys.chunks(STEP) {
            self.places.make_room(keys.len());
            self.hashes.clear();
            self.hashes.extend(keys.iter().map(hash));
            self.places.first_of(&self.hashes, &mut self.found);
            self.matches.clear();
            let is_match = |(place, key): (&u64, &[u64; N])| self.keys.get(index(*place)) == Some(key);
            self.matches.extend(self.found.iter().zip(keys).map(is_match));
            for (row, key) in keys.iter().enumerate() {
                let group =
                    if self.matches[row] { index(self.found[row]) } else { self.find_or_add(self.hashes[row], key) };
                groups.push(group);
            }
        }
    }

    fn find_or_add(&mut self, hash: u64, key: &[u64; N]) -> usize {
        let keys = &mut self.keys;
        let found = self.places.find_or_add(hash, |index| keys[index] == *key);
        if found.is_new {
            keys.push(*key);
        }
        found.index
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn size(&self) -> usize {
        self.places.size() + self.keys.capacity() * size_of::<[u64; N]>()
    }

    /// The keys by their numbers, which are free again. Memory for as many is kept if `again`.
    pub(super) fn take(&mut self, again: bool) -> Vec<[u64; N]> {
        self.places.clear(again);
        let room = if again { self.keys.len() } else { 0 };
        std::mem::replace(&mut self.keys, Vec::with_capacity(room))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::execution::mixing::mixed;

    #[test]
    fn keys_are_numbered_as_they_come() {
        let mut table = Table::<2>::new();
        let mut known: HashMap<[u64; 2], usize> = HashMap::new();
        // Many in few, many at once, and none at all: 0 is a key like others.
        for (round, different) in [1, 7, 1000, 100_000, 3].into_iter().enumerate() {
            let keys: Vec<[u64; 2]> = (0..20_000u64).map(|n| [mixed(n, round as u64) % different, n % 3]).collect();
            let mut groups = Vec::new();
            table.intern(&keys, &mut groups);
            for (key, group) in keys.iter().zip(&groups) {
                let next = known.len();
                assert_eq!(*group, *known.entry(*key).or_insert(next));
            }
            assert_eq!(table.len(), known.len());
        }
        let mut keys: Vec<_> = known.into_iter().collect();
        keys.sort_by_key(|(_, group)| *group);
        assert_eq!(table.take(true), keys.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        assert_eq!(table.len(), 0);
        let mut groups = Vec::new();
        table.intern(&[[5, 5], [0, 0], [5, 5]], &mut groups);
        assert_eq!(groups, [0, 1, 0]);
    }
}
