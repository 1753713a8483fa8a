//! Values of a column chunk: those of its dictionary, and those that stand in its pages as they are.

mod numbers;
mod texts;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as FileTimeUnit, Type as PhysicalType};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;

use bytes::Bytes;

use super::bits::Bits;
use numbers::{Decimal32, Decimal64, Float32, Float64, Int32, Int64, Numbers, WideDecimal};
use texts::Texts;

/// The rows that an array is made of, as places among the values that a batch has.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// They go up. `None`: all values, in their order.
    pub(super) places: Option<Vec<u32>>,
    /// Rows that have no value. They have some place nevertheless.
    pub(super) nulls: Option<NullBuffer>,
}

/// Reads and keeps the values of one column.
pub(super) trait Values: Send {
    /// Begins a column chunk with a dictionary of so many values.
    fn begin(&mut self, dictionary: &Page, count: usize) -> Result<()>;

    /// The dictionary's values, by their codes.
    fn dictionary(&self) -> Result<ArrayRef>;

    /// Forgets the values that were pushed.
    fn clear(&mut self);

    /// Adds values of the dictionary. The codes are in it.
    fn push_coded(&mut self, codes: &[u32]);

    /// Adds the next `count` values of a page.
    fn push_plain(&mut self, page: &mut Page, count: usize) -> Result<()>;

    /// Adds those at `places`, which go up, of the next `count` values of a page.
    fn push_plain_at(&mut self, page: &mut Page, places: &[u32], count: usize) -> Result<()>;

    fn skip_plain(&self, page: &mut Page, count: usize) -> Result<()>;

    /// Values of the dictionary by their codes.
    fn coded(&self, codes: &[u32], places: Places) -> Result<ArrayRef>;

    /// Values that were pushed.
    fn pushed(&self, places: Places) -> Result<ArrayRef>;
}

/// A page's values, one behind the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    data: Bytes,
    /// Where the next value begins.
    at: usize,
    /// Whether all of it is, if somebody has looked.
    is_utf8: Option<bool>,
}

impl Page {
    pub(super) fn new(data: Bytes) -> Self {
        Page { data, at: 0, is_utf8: None }
    }

    /// The next bytes.
    fn take(&mut self, count: usize) -> Result<Bytes> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.data.len()).ok_or_else(ends_early)?;
        let bytes = self.data.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }
}

pub(super) fn ends_early() -> ParquetError {
    ParquetError::EOF("a page ends before its last value".to_string())
}

/// A reader of a column's values as `data_type`; `None` if there is none.
pub(super) fn reader_of(column: &ColumnDescriptor, data_type: &DataType) -> Option<Box<dyn Values>> {
    use DataType::{BinaryView, Date32, Decimal128, Timestamp, Utf8View};
    Some(match (column.physical_type(), data_type) {
        (PhysicalType::INT32, DataType::Int32 | Date32) => Box::new(Numbers::new(Int32, data_type)),
        (PhysicalType::INT64, DataType::Int64) => Box::new(Numbers::new(Int64, data_type)),
        (PhysicalType::INT64, Timestamp(unit, _)) if unit_of(column) == Some(*unit) => {
            Box::new(Numbers::new(Int64, data_type))
        }
        (PhysicalType::INT32, Decimal128(..)) => Box::new(Numbers::new(Decimal32, data_type)),
        (PhysicalType::INT64, Decimal128(..)) => Box::new(Numbers::new(Decimal64, data_type)),
        (PhysicalType::FIXED_LEN_BYTE_ARRAY, Decimal128(..)) => {
            let width = usize::try_from(column.type_length()).ok().filter(|width| (1..=16).contains(width))?;
            Box::new(Numbers::new(WideDecimal { width }, data_type))
        }
        (PhysicalType::FLOAT, DataType::Float32) => Box::new(Numbers::new(Float32, data_type)),
        (PhysicalType::DOUBLE, DataType::Float64) => Box::new(Numbers::new(Float64, data_type)),
        (PhysicalType::BYTE_ARRAY, Utf8View | BinaryView) => Box::new(Texts::new(data_type == &Utf8View)),
        _ => return None,
    })
}

/// In what a column counts time.
fn unit_of(column: &ColumnDescriptor) -> Option<TimeUnit> {
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => Some(match timestamp.unit {
            FileTimeUnit::MILLIS => TimeUnit::Millisecond,
            FileTimeUnit::MICROS => TimeUnit::Microsecond,
            FileTimeUnit::NANOS => TimeUnit::Nanosecond,
        }),
        Some(_) => None,
        None => match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => Some(TimeUnit::Millisecond),
            ConvertedType::TIMESTAMP_MICROS => Some(TimeUnit::Microsecond),
            _ => None,
        },
    }
}

/// The places of the values of the `rows` that are wanted, of rows of which those in `valid` have one; `None`: all have.
pub(super) fn places_of(rows: &Bits, valid: Option<&Bits>, values: usize) -> Places {
    let wanted = rows.count();
    let Some(valid) = valid.filter(|_| values < rows.len()) else {
        let places = (wanted < rows.len()).then(|| rows.places().map(|place| place as u32).collect());
        return Places { places, nulls: None };
    };
    let mut places = Vec::with_capacity(wanted);
    let mut nulls = Bits::default();
    let mut filling = nulls.filling();
    // A NULL behind the last value has the place of that, so that there is one.
    let last = values.saturating_sub(1) as u32;
    let mut before = 0_u32;
    let words = rows.words().iter().zip(valid.words());
    for (word, (rows_of_word, valid_of_word)) in words.enumerate() {
        let in_word = (rows.len() - word * 64).min(64);
        if *rows_of_word == u64::MAX >> (64 - in_word) {
            let mut place = before;
            places.extend((0..in_word).map(|bit| {
                let at = place.min(last);
                place += (valid_of_word >> bit & 1) as u32;
                at
            }));
            filling.push_word(*valid_of_word, in_word);
        } else {
            let mut left = *rows_of_word;
            while left != 0 {
                let bit = left.trailing_zeros();
                let earlier = valid_of_word & ((1_u64 << bit) - 1);
                places.push((before + earlier.count_ones()).min(last));
                filling.push_word(valid_of_word >> bit & 1, 1);
                left &= left - 1;
            }
        }
        before += valid_of_word.count_ones();
    }
    drop(filling);
    Places {
        places: Some(places),
        nulls: Some(NullBuffer::new(nulls.to_buffer())).filter(|nulls| nulls.null_count() > 0),
    }
}
