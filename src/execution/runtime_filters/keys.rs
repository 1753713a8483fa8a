//! Keys as 64-bit numbers: the same on both sides of a join for keys that it takes for equal.

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::error::Result;

/// What the numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The keys themselves: integers or dates.
    Integers,
    /// As the join hashes them, from another start.
    Hashes,
}

const HASHES: RandomState = RandomState::with_seed(0);

impl Kind {
    pub(super) fn of(key_type: &DataType) -> Kind {
        use DataType::{Date32, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32};
        match key_type {
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | Date32 => Kind::Integers,
            _ => Kind::Hashes,
        }
    }

    /// Writes the number of each row of a column of keys into `numbers`. Gives the rows that have a key.
    pub(super) fn numbers(self, column: &ArrayRef, numbers: &mut Vec<u64>) -> Result<Option<NullBuffer>> {
        numbers.clear();
        match self {
            Kind::Integers => integers(column, numbers),
            Kind::Hashes => {
                numbers.resize(column.len(), 0);
                create_hashes([column], &HASHES, numbers)?;
            }
        }
        Ok(column.logical_nulls())
    }
}

fn integers(column: &ArrayRef, numbers: &mut Vec<u64>) {
    match column.data_type() {
        DataType::Int8 => widened::<Int8Type>(column, numbers),
        DataType::Int16 => widened::<Int16Type>(column, numbers),
        DataType::Int32 => widened::<Int32Type>(column, numbers),
        DataType::Date32 => widened::<Date32Type>(column, numbers),
        DataType::UInt8 => widened::<UInt8Type>(column, numbers),
        DataType::UInt16 => widened::<UInt16Type>(column, numbers),
        DataType::UInt32 => widened::<UInt32Type>(column, numbers),
        _ => widened::<Int64Type>(column, numbers),
    }
}

fn widened<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef, numbers: &mut Vec<u64>) {
    numbers.extend(column.as_primitive::<T>().values().iter().map(|value| Into::<i64>::into(*value) as u64));
}
