//! `hash`: the 32-bit hash by which Hive puts rows into buckets
//!
//! It is Java's: `31 * h + hash(value)` over the arguments, the items of an array and the fields of a struct; NULL is 0. Spark's function of
//! this name is another one.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit,
    TimestampNanosecondType,
};
use datafusion::common::exec_err;
use datafusion::error::Result;

use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "hash",
                syntax: "hash(value, …)",
                line: "Hive's hash of values, a whole number of 32 bits.",
                example: "SELECT hash('Hive'), hash(1, 'a'), hash(NULL)",
                gives: "2249616,128,0",
            },
            &[Kind::Any],
            Gives::Integer,
            hash,
        )
        .rest(Kind::Any)
        .entry(),
    ]
}

fn hash(call: &Call) -> Result<ArrayRef> {
    let mut result = vec![0i32; call.rows];
    for index in 0..call.count() {
        let (array, is_constant) = call.array(index)?;
        let hashes = hashes(&array)?;
        for (row, result) in result.iter_mut().enumerate() {
            let hash = hashes[if is_constant { 0 } else { row }];
            *result = result.wrapping_mul(31).wrapping_add(hash);
        }
    }
    Ok(Arc::new(Int32Array::from(result)))
}

fn hashes(array: &ArrayRef) -> Result<Vec<i32>> {
    Ok(match array.data_type() {
        DataType::Null => vec![0; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(|value| i32::from(value == Some(true))).collect(),
        // Of what fits into 32 bits the hash is the value itself if it is declared so; a negative bigint has another.
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            of_values::<Int64Type>(array, &DataType::Int64, |value| value as i32)?
        }
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => of_values::<Int64Type>(array, &DataType::Int64, fold)?,
        DataType::Float16 | DataType::Float32 => {
            of_values::<Float32Type>(array, &DataType::Float32, |value| match value.is_nan() {
                true => 0x7FC0_0000,
                false => value.to_bits() as i32,
            })?
        }
        DataType::Float64 => of_values::<Float64Type>(array, &DataType::Float64, |value| match value.is_nan() {
            true => fold(0x7FF8_0000_0000_0000),
            false => fold(value.to_bits() as i64),
        })?,
        DataType::Date32 | DataType::Date64 => of_values::<Date32Type>(array, &DataType::Date32, |days| days)?,
        DataType::Timestamp(..) => {
            of_values::<TimestampNanosecondType>(array, &DataType::Timestamp(TimeUnit::Nanosecond, None), |nanos| {
                let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
                fold((seconds << 30) | rest)
            })?
        }
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            let scale = *scale;
            of_values::<Decimal128Type>(array, &DataType::Decimal128(38, scale), |value| of_decimal(value, scale))?
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(array, &DataType::Utf8View)?;
            texts.as_string_view().iter().map(|text| text.map_or(0, |text| of_bytes(0, text.as_bytes()))).collect()
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes = cast(array, &DataType::BinaryView)?;
            bytes.as_binary_view().iter().map(|bytes| bytes.map_or(0, |bytes| of_bytes(1, bytes))).collect()
        }
        DataType::Dictionary(_, values) => hashes(&cast(array, values)?)?,
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let items = hashes(lists.values())?;
            of_ranges(array, lists.value_offsets(), |range| {
                items[range].iter().fold(0i32, |hash, item| hash.wrapping_mul(31).wrapping_add(*item))
            })
        }
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::ListView(item) => {
            hashes(&cast(array, &DataType::List(Arc::clone(item)))?)?
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let (keys, values) = (hashes(maps.keys())?, hashes(maps.values())?);
            of_ranges(array, maps.value_offsets(), |range| {
                let pairs = keys[range.clone()].iter().zip(&values[range]);
                pairs.fold(0i32, |hash, (key, value)| hash.wrapping_add(key ^ value))
            })
        }
        DataType::Struct(_) => {
            let mut result = vec![0i32; array.len()];
            for column in array.as_struct().columns() {
                for (result, hash) in result.iter_mut().zip(hashes(column)?) {
                    *result = result.wrapping_mul(31).wrapping_add(hash);
                }
            }
            let valid = result.into_iter().enumerate();
            valid.map(|(row, hash)| if array.is_null(row) { 0 } else { hash }).collect()
        }
        other => return exec_err!("hash has no value for {other}"),
    })
}

fn of_values<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    data_type: &DataType,
    hash: impl Fn(T::Native) -> i32,
) -> Result<Vec<i32>> {
    let array = cast(array, data_type)?;
    let array: &PrimitiveArray<T> = array.as_primitive();
    Ok(array.iter().map(|value| value.map_or(0, &hash)).collect())
}

fn of_ranges(array: &ArrayRef, offsets: &[i32], hash: impl Fn(std::ops::Range<usize>) -> i32) -> Vec<i32> {
    let ranges = offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
    ranges.enumerate().map(|(row, range)| if array.is_null(row) { 0 } else { hash(range) }).collect()
}

fn fold(value: i64) -> i32 {
    ((value as u64 >> 32) as i64 ^ value) as i32
}

fn of_bytes(start: i32, bytes: &[u8]) -> i32 {
    bytes.iter().fold(start, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(*byte as i8)))
}

/// As of a `BigDecimal` without zeros at its end.
fn of_decimal(mut value: i128, scale: i8) -> i32 {
    let mut scale = i32::from(scale);
    if value == 0 {
        return 0;
    }
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    let magnitude = value.unsigned_abs();
    let words = (0..4).rev().map(|index| (magnitude >> (32 * index)) as u32);
    let hash = words.fold(0i32, |hash, word| hash.wrapping_mul(31).wrapping_add(word as i32));
    let hash = if value < 0 { hash.wrapping_neg() } else { hash };
    hash.wrapping_mul(31).wrapping_add(scale)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn values_hash_as_in_java() {
        let of = |array: ArrayRef| hashes(&array).unwrap();
        assert_eq!(of(Arc::new(Int64Array::from(vec![Some(5), Some(-1), Some(1 << 32), None]))), [5, 0, 1, 0]);
        assert_eq!(of(Arc::new(Int32Array::from(vec![-1]))), [-1]);
        assert_eq!(of(Arc::new(Float64Array::from(vec![1.0, 0.0]))), [1_072_693_248, 0]);
        // `new BigDecimal("1.5").hashCode()`
        assert_eq!(of_decimal(150, 2), 31 * 15 + 1);
        assert_eq!(of_decimal(-15, 1), 31 * -15 + 1);
        assert_eq!(of_bytes(0, b"Hive"), 2_249_616);
    }

    #[test]
    fn a_sliced_list_hashes_its_own_items() {
        use datafusion::arrow::array::ListArray;
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(9)]),
            Some(vec![Some(1), Some(2)]),
            None,
        ]);
        let sliced: ArrayRef = Arc::new(lists.slice(1, 2));
        assert_eq!(hashes(&sliced).unwrap(), [33, 0]);
    }
}
