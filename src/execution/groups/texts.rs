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

use super::table::Places;
use crate::execution::mixing::mixed;

/// What a NULL has for a number. Texts are counted from 1.
pub(super) const NULL: u32 = 0;

/// Views that are kept, as long as they are enough.
const RECENT: usize = 1 << 10;
/// With more, looking them up would take as long as finding their texts.
const MOST_RECENT: usize = 1 << 17;
/// No view: it is as long as none can be.
const NO_VIEW: u128 = u128::MAX;

/// The texts seen so far, each with a number.
pub(super) struct TextNumbers<T: ByteViewType> {
    texts: GenericByteViewBuilder<T>,
    places: Places,
    hasher: RandomState,
    recent: Recent,
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
}

impl Recent {
    fn new() -> Self {
        Recent { numbers: vec![(NO_VIEW, NULL); RECENT], buffers: Vec::new(), lookups: 0, conflicts: 0 }
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
        }
    }

    /// The numbers of a column's rows.
    pub(super) fn number(&mut self, column: &ArrayRef, numbers: &mut Vec<u32>) -> Result<()> {
        let views = if *column.data_type() == T::DATA_TYPE { Arc::clone(column) } else { cast(column, &T::DATA_TYPE)? };
        let column: &GenericByteViewArray<T> = views.as_byte_view();
        numbers.clear();
        self.recent.look_into(column.data_buffers());
        self.recent.make_room();
        self.recent.lookups += column.len();
        for (row, view) in column.views().iter().enumerate() {
            let number = if column.is_null(row) {
                NULL
            } else {
                let place = self.recent.place(*view);
                match self.recent.numbers[place] {
                    (recent, number) if recent == *view => number,
                    (recent, _) => {
                        self.recent.conflicts += usize::from(recent != NO_VIEW);
                        let number = self.find_or_add(column.value(row));
                        self.recent.numbers[place] = (*view, number);
                        number
                    }
                }
            };
            numbers.push(number);
        }
        Ok(())
    }

    fn find_or_add(&mut self, text: &T::Native) -> u32 {
        let bytes: &[u8] = text.as_ref();
        let hash = self.hasher.hash_one(bytes);
        self.places.make_room(1);
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
