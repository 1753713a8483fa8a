//! `ostrich explain --verify`: a query's rows with pruning and without, compared as multisets.
//!
//! The rows of both runs are counted by a hash of 128 bits, which takes a few bytes a distinct row however wide rows are. Only if counts
//! differ, both are run once more, and the rows behind those hashes are kept. Sums of floating-point numbers may differ in their last digits
//! when they are added up in another order: that is no difference.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Serialize;

/// Rows that are shown at most.
pub const SHOWN: usize = 5;
/// Rows that are kept at most to compare them number by number.
const KEPT: usize = 100_000;
/// By how much sums may differ, as a part of them.
const TOLERANCE: f64 = 1e-9;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Rows with pruning, and without.
    pub pruned: u64,
    pub unpruned: u64,
    /// Rows that do not occur equally often, at most [`SHOWN`] of them; empty: there is no difference.
    pub differing: Vec<Difference>,
}

/// A row, and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub row: String,
    pub pruned: u64,
    pub unpruned: u64,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.differing.is_empty() && self.pruned == self.unpruned
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Pruned,
    Unpruned,
}

/// The multisets of both sides, as far as they differ.
#[derive(Debug, Default)]
pub struct Counts {
    pruned: u64,
    unpruned: u64,
    /// Occurrences with pruning, less those without.
    by_hash: HashMap<u128, i64>,
}

impl Counts {
    pub fn add(&mut self, side: Side, batch: &RecordBatch) -> Result<(), ArrowError> {
        let step = match side {
            Side::Pruned => {
                self.pruned += batch.num_rows() as u64;
                1
            }
            Side::Unpruned => {
                self.unpruned += batch.num_rows() as u64;
                -1
            }
        };
        for hash in hashes(batch)? {
            let count = self.by_hash.entry(hash).or_insert(0);
            *count += step;
            if *count == 0 {
                self.by_hash.remove(&hash);
            }
        }
        Ok(())
    }

    /// Whether every row occurs equally often on both sides.
    pub fn are_equal(&self) -> bool {
        self.by_hash.is_empty()
    }

    pub fn rows(&self, side: Side) -> u64 {
        match side {
            Side::Pruned => self.pruned,
            Side::Unpruned => self.unpruned,
        }
    }

    /// Keeps those rows of a second run that did not occur equally often in the first.
    pub fn rows_that_differ(&self, side: Side, batch: &RecordBatch, kept: &mut Kept) -> Result<(), ArrowError> {
        let wanted: Vec<usize> = hashes(batch)?
            .into_iter()
            .enumerate()
            .filter(|(_, hash)| self.by_hash.contains_key(hash))
            .map(|(row, _)| row)
            .collect();
        kept.add(side, batch, &wanted)
    }

    pub fn comparison(self, kept: Kept) -> Comparison {
        let differing = if self.are_equal() { Vec::new() } else { kept.differing() };
        Comparison { pruned: self.pruned, unpruned: self.unpruned, differing }
    }
}

fn hashes(batch: &RecordBatch) -> Result<Vec<u128>, ArrowError> {
    if batch.num_columns() == 0 {
        return Ok(vec![0; batch.num_rows()]);
    }
    let fields: Vec<SortField> =
        batch.columns().iter().map(|column| SortField::new(column.data_type().clone())).collect();
    if RowConverter::supports_fields(&fields) {
        let rows = RowConverter::new(fields)?.convert_columns(batch.columns())?;
        return Ok(rows.iter().map(|row| hash(row.as_ref())).collect());
    }
    // Maps have no order and so no bytes to compare by: their texts have.
    let formatters = formatters(batch)?;
    let text = |row| {
        let values = formatters.iter().map(|formatter| formatter.value(row).try_to_string());
        Ok(hash(values.collect::<Result<Vec<_>, _>>()?.join("\u{1}").as_bytes()))
    };
    (0..batch.num_rows()).map(text).collect()
}

fn formatters(batch: &RecordBatch) -> Result<Vec<ArrayFormatter<'_>>, ArrowError> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("NULL");
    batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &OPTIONS)).collect()
}

/// Two hashes of 64 bits side by side.
fn hash(bytes: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(bytes);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// Rows by their texts, the floating-point numbers in them apart.
#[derive(Debug, Default)]
pub struct Kept {
    rows: usize,
    /// `None` in the place of a floating-point number.
    by_text: BTreeMap<Vec<Option<String>>, [Vec<Numbers>; 2]>,
    is_full: bool,
}

/// The floating-point numbers of a row; what is none or NULL is no number here.
type Numbers = Vec<Option<f64>>;

impl Kept {
    fn add(&mut self, side: Side, batch: &RecordBatch, wanted: &[usize]) -> Result<(), ArrowError> {
        let formatters = formatters(batch)?;
        let numbers = floats(&batch.schema(), batch);
        for row in wanted {
            if self.rows >= KEPT {
                self.is_full = true;
                return Ok(());
            }
            self.rows += 1;
            let mut texts = Vec::with_capacity(formatters.len());
            let mut values = Vec::new();
            for ((formatter, column), numbers) in formatters.iter().zip(batch.columns()).zip(&numbers) {
                match numbers {
                    Some(numbers) => {
                        values.push(numbers.get(*row).copied().flatten());
                        texts.push(None);
                    }
                    None => {
                        let text = formatter.value(*row).try_to_string()?;
                        let is_text = column.data_type().is_string() && !column.is_null(*row);
                        texts.push(Some(if is_text { format!("'{}'", text.replace('\'', "''")) } else { text }));
                    }
                }
            }
            let sides = self.by_text.entry(texts).or_default();
            let [pruned, unpruned] = sides;
            match side {
                Side::Pruned => pruned.push(values),
                Side::Unpruned => unpruned.push(values),
            }
        }
        Ok(())
    }

    fn differing(self) -> Vec<Difference> {
        let mut differing = Vec::new();
        for (texts, [mut pruned, mut unpruned]) in self.by_text {
            pruned.sort_by(order);
            unpruned.sort_by(order);
            let same = pruned.len() == unpruned.len() && pruned.iter().zip(&unpruned).all(|(a, b)| are_close(a, b));
            if same && !self.is_full {
                continue;
            }
            differing.extend(counted(&texts, &pruned, &unpruned));
            if differing.len() >= SHOWN {
                break;
            }
        }
        differing.truncate(SHOWN);
        differing
    }
}

/// The rows of one text that are on one side more often.
fn counted(texts: &[Option<String>], pruned: &[Numbers], unpruned: &[Numbers]) -> Vec<Difference> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for numbers in pruned {
        counts.entry(shown(texts, numbers)).or_default().0 += 1;
    }
    for numbers in unpruned {
        counts.entry(shown(texts, numbers)).or_default().1 += 1;
    }
    counts
        .into_iter()
        .filter(|(_, (pruned, unpruned))| pruned != unpruned)
        .map(|(row, (pruned, unpruned))| Difference { row, pruned, unpruned })
        .collect()
}

/// `(1, 2.5, 'a', NULL)`
fn shown(texts: &[Option<String>], numbers: &Numbers) -> String {
    let mut numbers = numbers.iter();
    let mut number =
        || numbers.next().copied().flatten().map_or_else(|| "NULL".to_string(), |number| number.to_string());
    let values: Vec<String> = texts.iter().map(|text| text.clone().unwrap_or_else(&mut number)).collect();
    format!("({})", values.join(", "))
}

/// For each column its numbers, if it is one of floating-point numbers.
fn floats(schema: &SchemaRef, batch: &RecordBatch) -> Vec<Option<Numbers>> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{Float16Type, Float32Type, Float64Type};
    let columns = schema.fields().iter().zip(batch.columns());
    columns
        .map(|(field, column)| match field.data_type() {
            DataType::Float16 => Some(column.as_primitive::<Float16Type>().iter().map(|v| v.map(f64::from)).collect()),
            DataType::Float32 => Some(column.as_primitive::<Float32Type>().iter().map(|v| v.map(f64::from)).collect()),
            DataType::Float64 => Some(column.as_primitive::<Float64Type>().iter().collect()),
            _ => None,
        })
        .collect()
}

fn order(a: &Numbers, b: &Numbers) -> std::cmp::Ordering {
    let number = |value: &Option<f64>| value.unwrap_or(f64::INFINITY);
    let compared = a.iter().zip(b).map(|(a, b)| a.is_none().cmp(&b.is_none()).then(number(a).total_cmp(&number(b))));
    compared.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

fn are_close(a: &Numbers, b: &Numbers) -> bool {
    a.iter().zip(b).all(|pair| match pair {
        (None, None) => true,
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};

    use super::*;

    fn rows(keys: &[i64], names: &[Option<&str>], sums: &[f64]) -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("k", Arc::new(Int64Array::from(keys.to_vec()))),
            ("n", Arc::new(StringArray::from(names.to_vec()))),
            ("s", Arc::new(Float64Array::from(sums.to_vec()))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn compare(pruned: &[RecordBatch], unpruned: &[RecordBatch]) -> Comparison {
        let mut counts = Counts::default();
        let mut kept = Kept::default();
        let sides = [(Side::Pruned, pruned), (Side::Unpruned, unpruned)];
        for (side, batches) in sides {
            batches.iter().for_each(|batch| counts.add(side, batch).unwrap());
        }
        for (side, batches) in sides {
            batches.iter().for_each(|batch| counts.rows_that_differ(side, batch, &mut kept).unwrap());
        }
        counts.comparison(kept)
    }

    #[test]
    fn the_order_of_rows_and_batches_does_not_matter() {
        let one = rows(&[1, 2, 2], &[Some("a"), None, None], &[0.5, 1.0, 1.0]);
        let other = [rows(&[2], &[None], &[1.0]), rows(&[2, 1], &[None, Some("a")], &[1.0, 0.5])];
        assert!(compare(&[one], &other).is_same());
    }

    #[test]
    fn a_row_too_often_is_a_difference() {
        let one = rows(&[1, 2, 2], &[Some("a"), Some(""), Some("")], &[0.5, 1.0, 1.0]);
        let other = rows(&[1, 2], &[Some("a"), Some("")], &[0.5, 1.0]);
        let comparison = compare(&[one], &[other]);
        assert!(!comparison.is_same());
        assert_eq!((comparison.pruned, comparison.unpruned), (3, 2));
        let [difference] = comparison.differing.as_slice() else { panic!("{comparison:?}") };
        assert_eq!((difference.pruned, difference.unpruned), (2, 1));
        assert_eq!(difference.row, "(2, '', 1)");
    }

    #[test]
    fn null_is_not_an_empty_text() {
        let (null, empty) = (rows(&[1], &[None], &[1.0]), rows(&[1], &[Some("")], &[1.0]));
        assert_eq!(compare(&[null], &[empty]).differing.len(), 2);
    }

    #[test]
    fn sums_may_differ_in_their_last_digits_only() {
        let sum = |value: f64| rows(&[7], &[Some("x")], &[value]);
        assert!(compare(&[sum(0.1 + 0.2)], &[sum(0.3)]).is_same());
        assert!(!compare(&[sum(0.3)], &[sum(0.3001)]).is_same());
        assert!(compare(&[sum(f64::NAN)], &[sum(f64::NAN)]).is_same());
    }

    #[test]
    fn a_few_rows_are_shown_of_many() {
        let keys: Vec<i64> = (0..100).collect();
        let one = rows(&keys, &vec![None; 100], &vec![0.0; 100]);
        let comparison = compare(&[one], &[]);
        assert_eq!((comparison.pruned, comparison.unpruned, comparison.differing.len()), (100, 0, SHOWN));
    }

    #[test]
    fn rows_without_columns_are_counted() {
        use datafusion::arrow::array::RecordBatchOptions;
        use datafusion::arrow::datatypes::Schema;
        let of = |rows| {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
        };
        assert!(compare(&[of(3)], &[of(1), of(2)]).is_same());
        assert!(!compare(&[of(3)], &[of(2)]).is_same());
    }
}
