//! Keys that lie close together, checked with one bit each.
//!
//! Most keys are whole numbers counted up from somewhere. Between the least and the greatest that the files' footers name there
//! is then about one number for each row, and a bit for each number tells whether it was met: 60 million keys take 8 MB and one
//! look each, where a hash table takes gigabytes. A key of several columns is one number too, in mixed radix:
//! `(a - min a) * size b + (b - min b)`.
//!
//! The footers are only believed as far as the memory goes. A value outside their bounds shows as such, and the check is made
//! in another way.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use crate::error::Result;
use crate::storage::ColumnFacts;

/// 512 MB.
const MOST_BITS: u64 = 1 << 32;

/// With fewer keys among the numbers than this, others are quicker.
const MOST_BITS_A_ROW: u64 = 512;

/// The code of a key with a NULL in it, and of one that lies outside.
const NULL: u64 = u64::MAX;
const OUTSIDE: u64 = u64::MAX - 1;

/// Whether values of a type are whole numbers that fit.
pub(super) fn is_whole(data_type: &DataType) -> bool {
    match data_type {
        DataType::UInt64 => false,
        DataType::Date32 => true,
        other => other.is_integer(),
    }
}

/// Whether equal numbers of the two types are equal values.
pub(super) fn are_whole_alike(one: &DataType, other: &DataType) -> bool {
    is_whole(one) && is_whole(other) && (one.is_integer() == other.is_integer())
}

/// Numbers for all keys between bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    /// The least value of each column, and how many there are from it to the greatest.
    columns: Vec<(i64, u64)>,
    bits: u64,
}

impl Space {
    /// The space between the bounds of columns; `None` if they are not known, or lie too far apart for `rows` keys.
    pub(super) fn between(columns: &[&ColumnFacts], rows: u64) -> Option<Self> {
        let bounds = columns.iter().map(|column| {
            let (min, max) = (column.min.as_ref()?, column.max.as_ref()?);
            if !is_whole(&min.data_type()) || !is_whole(&max.data_type()) {
                return None;
            }
            let whole = |value: &datafusion::common::ScalarValue| -> Option<i64> {
                let array = cast(&value.to_array().ok()?, &DataType::Int64).ok()?;
                array.as_primitive_opt::<Int64Type>()?.iter().next()?
            };
            Some((whole(min)?, whole(max)?))
        });
        Space::of(&bounds.collect::<Option<Vec<_>>>()?, rows)
    }

    fn of(bounds: &[(i64, i64)], rows: u64) -> Option<Self> {
        let most = MOST_BITS.min(rows.saturating_mul(MOST_BITS_A_ROW).max(1 << 20));
        let mut columns = Vec::with_capacity(bounds.len());
        let mut bits: u64 = 1;
        for (min, max) in bounds {
            let size = u64::try_from(i128::from(*max) - i128::from(*min) + 1).ok()?;
            bits = bits.checked_mul(size).filter(|bits| *bits <= most)?;
            columns.push((*min, size));
        }
        Some(Space { columns, bits })
    }

    /// The number of each row's key. The columns of `batch` are those of the key.
    fn codes(&self, batch: &RecordBatch, codes: &mut Vec<u64>) -> Result<()> {
        codes.clear();
        codes.resize(batch.num_rows(), 0);
        let mut nulls: Vec<ArrayRef> = Vec::new();
        for (column, (min, size)) in batch.columns().iter().zip(&self.columns) {
            let whole = cast(column, &DataType::Int64).map_err(datafusion::error::DataFusionError::from)?;
            let values = whole.as_primitive::<Int64Type>().values();
            for (code, value) in codes.iter_mut().zip(values) {
                // What lies below the least wraps round to far above the greatest.
                let offset = value.wrapping_sub(*min).cast_unsigned();
                *code = if *code != OUTSIDE && offset < *size { *code * *size + offset } else { OUTSIDE };
            }
            if whole.null_count() > 0 {
                nulls.push(whole);
            }
        }
        for column in nulls {
            for (row, code) in codes.iter_mut().enumerate() {
                if column.is_null(row) {
                    *code = NULL;
                }
            }
        }
        Ok(())
    }
}

/// A set of keys.
#[derive(Debug)]
pub(super) struct DenseSet {
    space: Space,
    words: Vec<u64>,
    codes: Vec<u64>,
    _memory: MemoryReservation,
}

/// What adding keys to a set showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// None of them was there.
    New,
    /// At least one was there already.
    Repeated,
    /// At least one is none of the space.
    Outside,
}

impl DenseSet {
    /// An empty set; `None` if there is no memory for it.
    pub(super) fn new(space: Space, pool: &Arc<dyn MemoryPool>) -> Option<Self> {
        let words = usize::try_from(space.bits.div_ceil(64)).ok()?;
        let memory = MemoryConsumer::new("constraint check").register(pool);
        memory.try_grow(words * size_of::<u64>()).ok()?;
        Some(DenseSet { space, words: vec![0; words], codes: Vec::new(), _memory: memory })
    }

    /// Adds the keys of a batch; those with a NULL are left out.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<Added> {
        self.space.codes(batch, &mut self.codes)?;
        let (mut repeated, mut outside) = (0, false);
        for code in &self.codes {
            let Some(word) = usize::try_from(code / 64).ok().and_then(|at| self.words.get_mut(at)) else {
                outside |= *code == OUTSIDE;
                continue;
            };
            let bit = 1 << (code % 64);
            repeated |= *word & bit;
            *word |= bit;
        }
        Ok(match (outside, repeated) {
            (true, _) => Added::Outside,
            (false, 0) => Added::New,
            (false, _) => Added::Repeated,
        })
    }

    /// Whether all keys of a batch are in the set, but for those with a NULL.
    pub(super) fn has_all(&mut self, batch: &RecordBatch) -> Result<bool> {
        self.space.codes(batch, &mut self.codes)?;
        Ok(self.codes.iter().all(|code| *code == NULL || self.has(*code)))
    }

    /// Whether some key of a batch is in the set.
    pub(super) fn has_some(&mut self, batch: &RecordBatch) -> Result<bool> {
        self.space.codes(batch, &mut self.codes)?;
        Ok(self.codes.iter().any(|code| self.has(*code)))
    }

    fn has(&self, code: u64) -> bool {
        let word = usize::try_from(code / 64).ok().and_then(|at| self.words.get(at));
        word.is_some_and(|word| word & (1 << (code % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Date32Array, Int32Array, Int64Array};
    use datafusion::common::ScalarValue;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};

    use super::*;

    fn unbounded() -> Arc<dyn MemoryPool> {
        Arc::new(UnboundedMemoryPool::default())
    }

    fn set(bounds: &[(i64, i64)]) -> DenseSet {
        DenseSet::new(Space::of(bounds, 100).unwrap(), &unbounded()).unwrap()
    }

    fn keys(values: Vec<Option<i64>>) -> RecordBatch {
        RecordBatch::try_from_iter([("k", Arc::new(Int64Array::from(values)) as ArrayRef)]).unwrap()
    }

    fn some(values: &[i64]) -> RecordBatch {
        keys(values.iter().copied().map(Some).collect())
    }

    #[test]
    fn a_key_that_comes_again_is_noticed_within_and_between_batches() {
        let mut set = set(&[(-5, 300)]);
        assert_eq!(set.add(&some(&[-5, 300, 7])).unwrap(), Added::New);
        assert_eq!(set.add(&some(&[8, 9, 8])).unwrap(), Added::Repeated);
        assert_eq!(set.add(&some(&[300])).unwrap(), Added::Repeated);
        assert_eq!(set.add(&some(&[10])).unwrap(), Added::New);
    }

    #[test]
    fn nulls_are_no_keys() {
        let mut set = set(&[(0, 10)]);
        assert_eq!(set.add(&keys(vec![None, None, Some(1)])).unwrap(), Added::New);
        assert!(set.has_all(&keys(vec![None, Some(1)])).unwrap());
        assert!(!set.has_some(&keys(vec![None, Some(0)])).unwrap());
    }

    #[test]
    fn what_the_footers_did_not_announce_is_outside() {
        for value in [-1, 11, i64::MIN, i64::MAX] {
            assert_eq!(set(&[(0, 10)]).add(&some(&[3, value])).unwrap(), Added::Outside, "{value}");
            let mut set = set(&[(0, 10)]);
            set.add(&some(&[0, 10])).unwrap();
            assert!(!set.has_all(&some(&[value])).unwrap() && !set.has_some(&some(&[value])).unwrap(), "{value}");
        }
    }

    #[test]
    fn keys_of_several_columns_are_told_apart() {
        let batch = |a: Vec<i32>, b: Vec<Option<i32>>| {
            let (a, b): (ArrayRef, ArrayRef) = (Arc::new(Int32Array::from(a)), Arc::new(Date32Array::from(b)));
            RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
        };
        let mut set = set(&[(1, 3), (10, 12)]);
        let all = batch(vec![1, 1, 1, 2, 2, 2, 3, 3, 3], [10, 11, 12].repeat(3).into_iter().map(Some).collect());
        assert_eq!(set.add(&all).unwrap(), Added::New);
        assert_eq!(set.add(&batch(vec![2], vec![Some(11)])).unwrap(), Added::Repeated);
        // Not the number of (2, 10), which it would have if only the sum counted.
        assert_eq!(set.add(&batch(vec![1], vec![Some(13)])).unwrap(), Added::Outside);
        assert_eq!(set.add(&batch(vec![4], vec![None])).unwrap(), Added::New);
    }

    #[test]
    fn bounds_that_lie_too_far_apart_make_no_space() {
        assert!(Space::of(&[(i64::MIN, i64::MAX)], u64::MAX).is_none());
        assert!(Space::of(&[(0, 1 << 33)], u64::MAX).is_none());
        assert!(Space::of(&[(0, 1 << 20), (0, 1 << 20)], u64::MAX).is_none());
        assert!(Space::of(&[(0, 1 << 30)], 10).is_none(), "ten keys are not worth a billion bits");
        assert!(Space::of(&[(0, 1 << 30)], 10_000_000).is_some());
        let bounds = |min, max| ColumnFacts { nulls: None, min: Some(min), max: Some(max) };
        let texts = bounds(ScalarValue::from("a"), ScalarValue::from("b"));
        assert!(Space::between(&[&texts], 10).is_none());
        assert!(Space::between(&[&ColumnFacts::default()], 10).is_none());
        let numbers = bounds(ScalarValue::from(3_i16), ScalarValue::from(9_i16));
        assert_eq!(Space::between(&[&numbers], 10).unwrap().bits, 7);
    }

    #[test]
    fn without_memory_there_is_no_set() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1000));
        assert!(DenseSet::new(Space::of(&[(0, 100_000)], 100).unwrap(), &pool).is_none());
        assert!(DenseSet::new(Space::of(&[(0, 1000)], 100).unwrap(), &pool).is_some());
        assert_eq!(pool.reserved(), 0, "what was taken is given back");
    }
}
