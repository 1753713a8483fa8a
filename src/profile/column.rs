//! One column while its values go by.
//!
//! As long as its distinct values fit into its share of memory they are kept with their counts, and everything about them is exact.
//! A column with more of them goes on with a sketch: its number of distinct values is then an estimate, and only values that were
//! frequent up to that point are counted on. Nulls, minimum and maximum are exact in any case.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::{SortOptions, cast, filter, is_not_null, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::{Accumulator, EmitTo};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::budget::{Budget, Held};
use super::sketch::Sketch;

/// Most distinct values that are kept of a column: beyond, exactness costs more time than it tells.
const MOST_VALUES: usize = 1 << 20;
/// How many values are counted on when the others are let go.
const COUNTED_ON: usize = 256;
/// How many of the most frequent values are told.
const TOP: usize = 5;

/// What is known of a column.
#[derive(Debug)]
pub struct ColumnFacts {
    pub name: String,
    pub data_type: DataType,
    pub nulls: u64,
    /// Of the values that are not NULL; `None` for values within values.
    pub distinct: Option<Distinct>,
    pub min: Option<ScalarValue>,
    pub max: Option<ScalarValue>,
    /// The most frequent values with their counts, the most frequent first; none where every value is there once.
    pub top: Vec<(ScalarValue, u64)>,
    /// Whether the counts of `top` are of all rows, and no other value is as frequent.
    pub top_is_exact: bool,
    /// Shortest and longest text, in bytes.
    pub lengths: Option<(usize, usize)>,
    /// All distinct values without NULL, where they are kept.
    pub(super) values: Option<Arc<Kept>>,
}

/// A number of distinct values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distinct {
    pub count: u64,
    /// `false`: an estimate, about 1 % off.
    pub exact: bool,
}

/// Values that are kept, and the memory they take.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) array: ArrayRef,
    _held: Held,
}

impl ColumnFacts {
    /// Whether every value is there once, as far as is known for certain; `None`: it has to be looked up.
    pub(super) fn is_unique(&self, rows: u64) -> Option<bool> {
        let values = rows.saturating_sub(self.nulls);
        match self.distinct {
            Some(Distinct { count, exact: true }) => Some(values > 0 && count == values),
            Some(Distinct { count, exact: false }) if (count as f64) < values as f64 * 0.95 => Some(false),
            Some(_) => None,
            None => Some(false),
        }
    }
}

/// Takes a column's values batch by batch.
pub(super) struct ColumnBuilder {
    name: String,
    /// As the table has it.
    data_type: DataType,
    /// Of the values themselves, however they are encoded.
    values_type: DataType,
    nulls: u64,
    min: Option<MinAccumulator>,
    max: Option<MaxAccumulator>,
    lengths: Option<(usize, usize)>,
    counter: Counter,
}

enum Counter {
    /// Values within values are not counted.
    Nothing,
    Exact(Exact),
    Estimate(Estimate),
}

struct Exact {
    values: Box<dyn GroupValues>,
    counts: Vec<u64>,
    groups: Vec<usize>,
    held: Held,
    most_bytes: usize,
}

struct Estimate {
    sketch: Sketch,
    hashes: Vec<u64>,
    random: RandomState,
    counted: HashMap<u64, usize>,
    values: ArrayRef,
    counts: Vec<u64>,
}

impl ColumnBuilder {
    pub(super) fn new(field: &Field, budget: &Arc<Budget>, columns: usize) -> Result<Self> {
        let values_type = values_type(field.data_type()).clone();
        let is_plain = !values_type.is_nested() && values_type != DataType::Null;
        let has_order = is_plain && !matches!(values_type, DataType::Interval(_));
        let counter =
            if is_plain { Counter::Exact(Exact::new(&values_type, budget, columns)?) } else { Counter::Nothing };
        Ok(ColumnBuilder {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            min: if has_order { Some(MinAccumulator::try_new(&values_type)?) } else { None },
            max: if has_order { Some(MaxAccumulator::try_new(&values_type)?) } else { None },
            values_type,
            nulls: 0,
            lengths: None,
            counter,
        })
    }

    pub(super) fn add(&mut self, array: &ArrayRef) -> Result<()> {
        let nulls = array.logical_null_count();
        self.nulls += nulls as u64;
        if matches!(self.counter, Counter::Nothing) {
            return Ok(());
        }
        let plain = match array.data_type() == &self.values_type {
            true => Arc::clone(array),
            false => cast(array, &self.values_type)?,
        };
        let present = match nulls {
            0 => plain,
            _ => filter(&plain, &is_not_null(&plain)?)?,
        };
        if present.is_empty() {
            return Ok(());
        }
        if let (Some(min), Some(max)) = (&mut self.min, &mut self.max) {
            min.update_batch(std::slice::from_ref(&present))?;
            max.update_batch(std::slice::from_ref(&present))?;
        }
        self.add_lengths(&present);
        match &mut self.counter {
            Counter::Nothing => {}
            Counter::Exact(exact) => {
                if !exact.add(&present)? {
                    let estimate = exact.give_up()?;
                    self.counter = Counter::Estimate(estimate);
                }
            }
            Counter::Estimate(estimate) => estimate.add(&present)?,
        }
        Ok(())
    }

    fn add_lengths(&mut self, array: &ArrayRef) {
        let mut widen = |length: usize| {
            let (shortest, longest) = self.lengths.unwrap_or((length, length));
            self.lengths = Some((shortest.min(length), longest.max(length)));
        };
        match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().iter().flatten().for_each(|text| widen(text.len())),
            DataType::LargeUtf8 => array.as_string::<i64>().iter().flatten().for_each(|text| widen(text.len())),
            DataType::Utf8View => {
                // The length is in the low half of a view.
                array.as_string_view().views().iter().for_each(|view| widen((*view & 0xffff_ffff) as usize));
            }
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Result<ColumnFacts> {
        let bound = |value: ScalarValue| if value.is_null() { None } else { Some(value) };
        let mut facts = ColumnFacts {
            name: self.name,
            data_type: self.data_type,
            nulls: self.nulls,
            distinct: None,
            min: None,
            max: None,
            top: Vec::new(),
            top_is_exact: true,
            lengths: self.lengths,
            values: None,
        };
        if let (Some(mut min), Some(mut max)) = (self.min, self.max) {
            (facts.min, facts.max) = (bound(min.evaluate()?), bound(max.evaluate()?));
        }
        match self.counter {
            Counter::Nothing => {}
            Counter::Exact(exact) => {
                let Exact { mut values, counts, mut held, .. } = exact;
                let array = emitted(values.as_mut(), &self.values_type)?;
                facts.distinct = Some(Distinct { count: array.len() as u64, exact: true });
                facts.top = top(&array, &counts)?;
                drop((values, counts));
                held.resize(array.get_array_memory_size());
                facts.values = Some(Arc::new(Kept { array, _held: held }));
            }
            Counter::Estimate(estimate) => {
                facts.distinct = Some(Distinct { count: estimate.sketch.count(), exact: false });
                facts.top_is_exact = false;
                // There were more values than can be kept, so one that is there once is not frequent.
                facts.top =
                    top(&estimate.values, &estimate.counts)?.into_iter().filter(|(_, count)| *count > 1).collect();
            }
        }
        Ok(facts)
    }
}

impl Exact {
    fn new(values_type: &DataType, budget: &Arc<Budget>, columns: usize) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![Field::new("value", values_type.clone(), true)]));
        Ok(Exact {
            values: new_group_values(schema, &GroupOrdering::None)?,
            counts: Vec::new(),
            groups: Vec::new(),
            held: budget.hold(),
            most_bytes: budget.share(columns),
        })
    }

    /// Counts the values. `false`: there are more than can be kept.
    fn add(&mut self, array: &ArrayRef) -> Result<bool> {
        self.values.intern(std::slice::from_ref(array), &mut self.groups)?;
        self.counts.resize(self.values.len(), 0);
        for group in &self.groups {
            if let Some(count) = self.counts.get_mut(*group) {
                *count += 1;
            }
        }
        let bytes = self.values.size() + self.counts.capacity() * size_of::<u64>();
        Ok(self.values.len() <= MOST_VALUES && bytes <= self.most_bytes && self.held.resize(bytes))
    }

    /// Lets most of the values go.
    fn give_up(&mut self) -> Result<Estimate> {
        let mut arrays = self.values.emit(EmitTo::All)?;
        let all = arrays.swap_remove(0);
        let random = RandomState::with_seed(0);
        let mut hashes = vec![0; all.len()];
        create_hashes([&all], &random, &mut hashes)?;
        let mut sketch = Sketch::new();
        hashes.iter().for_each(|hash| sketch.add(mixed(*hash)));
        let mut frequent: Vec<usize> = (0..self.counts.len()).collect();
        if frequent.len() > COUNTED_ON {
            frequent.select_nth_unstable_by_key(COUNTED_ON, |index| std::cmp::Reverse(self.counts[*index]));
            frequent.truncate(COUNTED_ON);
        }
        let values = take(&all, &UInt64Array::from_iter_values(frequent.iter().map(|index| *index as u64)), None)?;
        let counted = frequent.iter().enumerate().map(|(place, index)| (hashes[*index], place)).collect();
        let counts = frequent.iter().map(|index| self.counts[*index]).collect();
        self.counts = Vec::new();
        self.values.clear_shrink(0);
        self.held.resize(0);
        Ok(Estimate { sketch, hashes, random, counted, values, counts })
    }
}

impl Estimate {
    fn add(&mut self, array: &ArrayRef) -> Result<()> {
        self.hashes.clear();
        self.hashes.resize(array.len(), 0);
        create_hashes([array], &self.random, &mut self.hashes)?;
        for hash in &self.hashes {
            self.sketch.add(mixed(*hash));
            if let Some(place) = self.counted.get(hash) {
                self.counts[*place] += 1;
            }
        }
        Ok(())
    }
}

/// The hash of a single value is made for tables; a sketch needs all its bits to be as good as random.
pub(super) fn mixed(hash: u64) -> u64 {
    let mut x = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// All values of a set, in their type.
fn emitted(values: &mut dyn GroupValues, values_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(datafusion::arrow::array::new_empty_array(values_type));
    }
    let mut arrays = values.emit(EmitTo::All)?;
    let array = arrays.swap_remove(0);
    if array.data_type() == values_type { Ok(array) } else { Ok(cast(&array, values_type)?) }
}

/// The most frequent values; of equally frequent ones the smallest.
fn top(values: &ArrayRef, counts: &[u64]) -> Result<Vec<(ScalarValue, u64)>> {
    let every_value_once = counts.iter().all(|count| *count == 1);
    if counts.is_empty() || (every_value_once && counts.len() > TOP) {
        return Ok(Vec::new());
    }
    let mut sorted = counts.to_vec();
    let least = match sorted.len() > TOP {
        true => *sorted.select_nth_unstable_by_key(TOP - 1, |count| std::cmp::Reverse(*count)).1,
        false => 1,
    };
    let chosen = |wanted: &dyn Fn(u64) -> bool| {
        let indices = counts.iter().enumerate().filter(|(_, count)| wanted(**count)).map(|(index, _)| index as u64);
        UInt64Array::from_iter_values(indices)
    };
    let mut found: Vec<(ScalarValue, u64)> = Vec::new();
    for indices in [chosen(&|count| count > least), chosen(&|count| count == least)] {
        let of_these = take(values, &indices, None)?;
        let order = sort_to_indices(&of_these, Some(SortOptions::default()), Some(TOP))?;
        for place in order.values() {
            let place = *place as usize;
            found.push((ScalarValue::try_from_array(&of_these, place)?, counts[indices.value(place) as usize]));
        }
    }
    found.truncate(TOP);
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(found)
}

/// The type of the values themselves, however they are encoded.
pub(super) fn values_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values_type(values),
        DataType::RunEndEncoded(_, values) => values_type(values.data_type()),
        other => other,
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// What a scan would tell of a column of whole numbers from 1 on, `distinct` of them.
    pub(in crate::profile) fn numbers(name: &str, distinct: u64) -> ColumnFacts {
        ColumnFacts {
            name: name.to_string(),
            data_type: DataType::Int64,
            nulls: 0,
            distinct: Some(Distinct { count: distinct, exact: true }),
            min: Some(ScalarValue::Int64(Some(1))),
            max: Some(ScalarValue::Int64(i64::try_from(distinct).ok())),
            top: Vec::new(),
            top_is_exact: true,
            lengths: None,
            values: None,
        }
    }

    /// The same of a column of texts.
    pub(in crate::profile) fn texts(name: &str, distinct: u64, lengths: (usize, usize)) -> ColumnFacts {
        ColumnFacts {
            data_type: DataType::Utf8View,
            min: None,
            max: None,
            lengths: Some(lengths),
            ..numbers(name, distinct)
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{DictionaryArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int32Type;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};

    use super::*;

    fn facts(arrays: &[ArrayRef], memory: usize) -> ColumnFacts {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(memory));
        let budget = Budget::new(&pool);
        let field = Field::new("c", arrays[0].data_type().clone(), true);
        let mut builder = ColumnBuilder::new(&field, &budget, 1).unwrap();
        for array in arrays {
            builder.add(array).unwrap();
        }
        let facts = builder.finish().unwrap();
        if facts.values.is_none() {
            assert_eq!(pool.reserved(), 0, "what is not kept holds no memory");
        }
        facts
    }

    fn tops(facts: &ColumnFacts) -> Vec<(String, u64)> {
        facts.top.iter().map(|(value, count)| (value.to_string(), *count)).collect()
    }

    #[test]
    fn values_are_counted_over_batches() {
        let one: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
        let two: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), Some("longer"), None, Some("a")]));
        let facts = facts(&[one, two], 1 << 20);
        assert_eq!((facts.nulls, facts.distinct), (2, Some(Distinct { count: 3, exact: true })));
        assert_eq!((facts.min.unwrap().to_string(), facts.max.unwrap().to_string()), ("a".into(), "longer".into()));
        assert_eq!(facts.lengths, Some((1, 6)));
        assert_eq!(facts.values.unwrap().array.len(), 3);
    }

    #[test]
    fn the_most_frequent_values_go_first_and_of_equals_the_smallest() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![9, 8, 7, 6, 5, 4, 3, 9, 9, 8]));
        assert_eq!(
            tops(&facts(&[array], 1 << 20)),
            [("9".into(), 3), ("8".into(), 2), ("3".into(), 1), ("4".into(), 1), ("5".into(), 1)]
        );
        let once: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        assert_eq!(tops(&facts(&[once], 1 << 20)), []);
    }

    #[test]
    fn what_does_not_fit_is_estimated() {
        let batches: Vec<ArrayRef> = (0..50_i64)
            .map(|batch| {
                let values = (0..2_000).map(|row| if row % 4 == 0 { 7 } else { batch * 2_000 + row });
                Arc::new(Int64Array::from_iter_values(values)) as ArrayRef
            })
            .collect();
        let exact = facts(&batches, 1 << 30);
        let about = facts(&batches, 1 << 20);
        let (Some(exact_count), Some(estimate)) = (exact.distinct, about.distinct) else { panic!("both are counted") };
        assert!(exact_count.exact && !estimate.exact);
        let off = (estimate.count as f64 / exact_count.count as f64 - 1.0).abs();
        assert!(off < 0.03, "{estimate:?} for {exact_count:?}");
        assert_eq!((&about.min, &about.max, about.nulls), (&exact.min, &exact.max, exact.nulls));
        assert_eq!(tops(&about)[0], ("7".into(), 25_001), "counted on");
    }

    #[test]
    fn encodings_make_no_difference() {
        let array: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("y"), Some("x")].into_iter().collect();
        let facts = facts(&[Arc::new(array) as ArrayRef], 1 << 20);
        assert_eq!((facts.nulls, facts.distinct.unwrap().count), (1, 2));
        assert_eq!(tops(&facts)[0], ("x".into(), 2));
    }
}
