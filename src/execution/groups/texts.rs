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

const RECENT: usize = 1024;
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
    numbers: Vec<(u128, u32)>,
    /// What views of long texts point into, for as long as they are here.
    buffers: Vec<Buffer>,
}

impl Recent {
    fn new() -> Self {
        Recent { numbers: vec![(NO_VIEW, NULL); RECENT], buffers: Vec::new() }
    }

    /// Forgets the views of other buffers.
    fn look_into(&mut self, buffers: &[Buffer]) {
        let is_same = self.buffers.len() == buffers.len() && self.buffers.iter().zip(buffers).all(|(a, b)| a.ptr_eq(b));
        if !is_same {
            self.numbers.fill((NO_VIEW, NULL));
            self.buffers = buffers.to_vec();
        }
    }

    fn place(view: u128) -> usize {
        let mixed = mixed(view as u64, (view >> 64) as u64);
        (mixed >> 32) as usize % RECENT
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
        for (row, view) in column.views().iter().enumerate() {
            let number = if column.is_null(row) {
                NULL
            } else {
                let place = Recent::place(*view);
                match self.recent.numbers[place] {
                    (recent, number) if recent == *view => number,
                    _ => {
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

    pub(super) fn size(&self) -> usize {
        self.texts.allocated_size() + self.places.size() + RECENT * size_of::<(u128, u32)>()
    }

    /// The texts by their numbers, which are free again. Memory for as many is kept if `again`.
    pub(super) fn take(&mut self, again: bool) -> ArrayRef {
        self.places.clear(again);
        self.recent = Recent::new();
        Arc::new(self.texts.finish())
    }
}
