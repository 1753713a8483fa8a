//! Numbers for the texts of a column.

use std::hash::BuildHasher as _;
use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::builder::GenericByteViewBuilder;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::ByteViewType;
use datafusion::common::hash_utils::RandomState;
use datafusion::error::Result;

use super::table::{Places, STEP, may_be};
use crate::execution::mixing::mixed;

/// What a NULL has for a number. Texts are counted from 1.
pub(super) const NULL: u32 = 0;

/// Bytes of a text that is in its view.
const INLINE: u32 = 12;
/// Views that are kept, as long as they are enough.
const RECENT: usize = 1 << 10;
/// With more, looking them up would take as long as finding their texts.
const MOST_RECENT: usize = 1 << 17;
/// So many are looked up before it is asked whether that is of use.
const ENOUGH_ASKED: usize = 1 << 16;
/// No view: it is as long as none can be.
const NO_VIEW: u128 = u128::MAX;

/// The texts seen so far, each with a number.
pub(super) struct TextNumbers<T: ByteViewType> {
    texts: GenericByteViewBuilder<T>,
    places: Places,
    hasher: RandomState,
    recent: Recent,
    /// Of some rows.
    hashes: Vec<u64>,
    found: Vec<u64>,
    matches: Vec<bool>,
}

/// Views that were looked up last, with their texts' numbers. Most columns of text repeat a few of them, and need not be hashed then.
#[derive(Debug)]
struct Recent {
    /// As many as a power of two.
    numbers: Vec<(u128, u32)>,
    /// What views of long texts point into, for as long as they are here.
    buffers: Vec<Buffer>,
    /// Views that were looked up, and those of them in whose place another one was, since there were as many places.
    lookups: usize,
    conflicts: usize,
    /// Views that were looked up since it was last asked whether that is of use, and those of them that were not here.
    asked: usize,
    missed: usize,
    is_of_use: bool,
}

impl Recent {
    fn new() -> Self {
        Recent {
            numbers: vec![(NO_VIEW, NULL); RECENT],
            buffers: Vec::new(),
            lookups: 0,
            conflicts: 0,
            asked: 0,
            missed: 0,
            is_of_use: true,
        }
    }

    /// Forgets the views of other buffers.
    fn look_into(&mut self, buffers: &[Buffer]) {
        let is_same = self.buffers.len() == buffers.len() && self.buffers.iter().zip(buffers).all(|(a, b)| a.ptr_eq(b));
        if !is_same {
            self.forget(RECENT);
            self.buffers = buffers.to_vec();
        }
    }

    fn forget(&mut self, places: usize) {
        self.numbers.clear();
        self.numbers.shrink_to(places);
        self.numbers.resize(places, (NO_VIEW, NULL));
        (self.lookups, self.conflicts) = (0, 0);
    }

    /// Makes more room if so many of the views that were looked up had to give way to others.
    fn make_room(&mut self) {
        if self.lookups > self.numbers.len() {
            if self.conflicts * 4 > self.lookups && self.numbers.len() < MOST_RECENT {
                self.forget(self.numbers.len() * 4);
            }
            (self.lookups, self.conflicts) = (0, 0);
        }
    }

    /// Gives up where most views are not here, although there is all room, or they point into other buffers each time.
    fn count(&mut self, asked: usize, missed: usize) {
        self.asked += asked;
        self.missed += missed;
        if self.asked < ENOUGH_ASKED {
            return;
        }
        let cannot_grow = self.numbers.len() == RECENT || self.numbers.len() >= MOST_RECENT;
        if cannot_grow && self.missed > self.asked / 4 * 3 {
            *self = Recent { numbers: Vec::new(), is_of_use: false, ..Recent::new() };
        }
        (self.asked, self.missed) = (0, 0);
    }

    fn place(&self, view: u128) -> usize {
        let mixed = mixed(view as u64, (view >> 64) as u64);
        (mixed >> 32) as usize & (self.numbers.len() - 1)
    }
}

impl<T: ByteViewType> TextNumbers<T> {
    pub(super) fn new() -> Self {
        TextNumbers {
            texts: GenericByteViewBuilder::new(),
            places: Places::default(),
            hasher: RandomState::with_seed(0),
            recent: Recent::new(),
            hashes: Vec::new(),
            found: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// The numbers of a column's rows.
    pub(super) fn number(&mut self, column: &ArrayRef, numbers: &mut Vec<u32>) -> Result<()> {
        let views = if *column.data_type() == T::DATA_TYPE { Arc::clone(column) } else { cast(column, &T::DATA_TYPE)? };
        let column: &GenericByteViewArray<T> = views.as_byte_view();
        numbers.clear();
        if self.recent.is_of_use {
            self.number_by_views(column, numbers);
        } else {
            self.number_by_texts(column, numbers);
        }
        Ok(())
    }

    fn number_by_views(&mut self, column: &GenericByteViewArray<T>, numbers: &mut Vec<u32>) {
        self.recent.look_into(column.data_buffers());
        self.recent.make_room();
        self.recent.lookups += column.len();
        let mut missed = 0;
        for (row, view) in column.views().iter().enumerate() {
            let number = if column.is_null(row) {
                NULL
            } else {
                let place = self.recent.place(*view);
                match self.recent.numbers[place] {
                    (recent, number) if recent == *view => number,
                    (recent, _) => {
                        missed += 1;
                        self.recent.conflicts += usize::from(recent != NO_VIEW);
                        let text = column.value(row);
                        self.places.make_room(1);
                        let number = self.find_or_add(self.hash(*view, text), text);
                        self.recent.numbers[place] = (*view, number);
                        number
                    }
                }
            };
            numbers.push(number);
        }
        self.recent.count(column.len(), missed);
    }

    /// Looks up many texts together, whose places do not wait for one another then.
    fn number_by_texts(&mut self, column: &GenericByteViewArray<T>, numbers: &mut Vec<u32>) {
        for first in (0..column.len()).step_by(STEP) {
            let rows = first..column.len().min(first + STEP);
            self.places.make_room(rows.len());
            self.hashes.clear();
            for row in rows.clone() {
                self.hashes.push(self.hash(column.views()[row], column.value(row)));
            }
            self.places.first_of(&self.hashes, &mut self.found);
            self.matches.clear();
            for (at, row) in rows.clone().enumerate() {
                let is_it = |index| self.texts.get_value(index) == AsRef::<[u8]>::as_ref(column.value(row));
                self.matches.push(may_be(self.found[at], self.hashes[at]).is_some_and(is_it));
            }
            for (at, row) in rows.enumerate() {
                numbers.push(if column.is_null(row) {
                    NULL
                } else if self.matches[at] {
                    self.found[at] as u32
                } else {
                    self.find_or_add(self.hashes[at], column.value(row))
                });
            }
        }
    }

    fn hash(&self, view: u128, text: &T::Native) -> u64 {
        // The text itself is in a short one's view.
        if view as u32 <= INLINE {
            return mixed(view as u64, (view >> 64) as u64);
        }
        self.hasher.hash_one(AsRef::<[u8]>::as_ref(text))
    }

    /// There has to be room for one more.
    fn find_or_add(&mut self, hash: u64, text: &T::Native) -> u32 {
        let bytes: &[u8] = text.as_ref();
        let texts = &mut self.texts;
        let found = self.places.find_or_add(hash, |index| texts.get_value(index) == bytes);
        if found.is_new {
            texts.append_value(text);
        }
        found.index as u32 + 1
    }

    /// The texts by their numbers, which they keep.
    pub(super) fn texts(&self) -> ArrayRef {
        Arc::new(self.texts.finish_cloned())
    }

    pub(super) fn size(&self) -> usize {
        self.texts.allocated_size() + self.places.size() + self.recent.numbers.capacity() * size_of::<(u128, u32)>()
    }

    /// The texts by their numbers, which are free again. Memory for as many is kept if `again`.
    pub(super) fn take(&mut self, again: bool) -> ArrayRef {
        self.places.clear(again);
        self.recent = Recent::new();
        Arc::new(self.texts.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use datafusion::arrow::array::StringViewArray;
    use datafusion::arrow::datatypes::StringViewType;

    use super::*;

    #[test]
    fn texts_have_one_number_however_they_are_looked_up() {
        let mut texts = TextNumbers::<StringViewType>::new();
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut numbers = Vec::new();
        // Few texts, then ever new ones, then those of before: short ones, long ones, and none.
        for batch in 0..60usize {
            let text = |row: usize| match (batch, row % 7) {
                (_, 0) => None,
                (..5, _) => Some(format!("{}", row % 100)),
                (5..50, 1..4) => Some(format!("{}", batch * 4096 + row)),
                (5..50, _) => Some(format!("a text that does not fit into its view: {}", batch * 4096 + row)),
                _ => Some(format!("{}", (batch - 40) * 4096 + row % 1000)),
            };
            let column: Vec<Option<String>> = (0..4096).map(text).collect();
            let array: ArrayRef = Arc::new(StringViewArray::from_iter(column.iter().map(Option::as_deref)));
            assert_eq!(texts.recent.is_of_use, batch < 32, "batch {batch}");
            texts.number(&array, &mut numbers).unwrap();
            for (text, number) in column.iter().zip(&numbers) {
                let next = known.len() as u32 + 1;
                let expected = text.as_ref().map_or(NULL, |text| *known.entry(text.clone()).or_insert(next));
                assert_eq!(*number, expected, "batch {batch}, {text:?}");
            }
        }
        let all = texts.texts();
        let all = all.as_string_view();
        assert_eq!(all.len(), known.len());
        assert!(known.iter().all(|(text, number)| all.value(*number as usize - 1) == text));
    }

    /// The table keeps the upper half of a hash: of those with the same, the texts tell.
    #[test]
    fn texts_with_the_same_half_of_a_hash_are_told_apart() {
        let all: Vec<String> = (0..300_000).map(|text| format!("a text of more than twelve bytes: {text}")).collect();
        let of = |texts: &[&String]| Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef;
        let numbers = TextNumbers::<StringViewType>::new();
        let half = |text: &&String| numbers.hash(u128::from(text.len() as u64), text.as_str()) >> 32;
        let mut by_half: HashMap<u64, Vec<&String>> = HashMap::new();
        all.iter().for_each(|text| by_half.entry(half(&text)).or_default().push(text));
        let pairs: Vec<&String> = by_half.into_values().filter(|texts| texts.len() > 1).flatten().collect();
        assert!(pairs.len() >= 8, "{}", pairs.len());
        for by_views in [true, false] {
            let mut texts = TextNumbers::<StringViewType>::new();
            texts.recent.is_of_use = by_views;
            let expected: Vec<u32> = (1..=pairs.len() as u32).collect();
            for _ in 0..2 {
                let mut found = Vec::new();
                texts.number(&of(&pairs), &mut found).unwrap();
                assert_eq!(found, expected, "{by_views}");
            }
        }
    }
}
