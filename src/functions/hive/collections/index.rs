//! `a[0]` and `m['key']` (as `hive_index`), and `element_at`
//!
//! DataFusion counts from 1, `element_at` of a map gives an array, and a key of another kind of text than the map's is an error. What is not
//! there is NULL for Hive.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, Scalar, UInt64Array, new_null_array};
use datafusion::arrow::compute::{kernels::cmp::eq, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use super::lists::{element, list_of};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::operand::convert;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            function("hive_index", "hive_index(array or map, index or key)", |call| {
                index(call, |position, _| position)
            }),
            Help {
                name: "hive_index",
                syntax: "hive_index(array or map, index or key)",
                line: "The operator []: the element at an index from 0, or of a key; NULL if there is none.",
                example: "SELECT hive_index(array(7, 8), 1), hive_index(array(7, 8), 2), hive_index(map('a', 1), 'a'), hive_index(map('a', 1), 'b')",
                gives: "8,NULL,1,NULL",
            },
        ),
        Entry::scalar(
            function("element_at", "element_at(array or map, index or key)", |call| {
                index(call, |position, length| if position < 0 { length + position } else { position - 1 })
            }),
            Help {
                name: "element_at",
                syntax: "element_at(array or map, index or key)",
                line: "The element at an index from 1, or from -1 backwards, or of a key; NULL if there is none.",
                example: "SELECT element_at(array(7, 8), 1), element_at(array(7, 8), -1), element_at(array(7, 8), 3), element_at(map('a', 1), 'a')",
                gives: "7,8,NULL,1",
            },
        ),
    ]
}

fn function(name: &'static str, syntax: &'static str, run: fn(&Call) -> Result<ArrayRef>) -> Function {
    let takes = |types: &[DataType]| match types {
        [map @ DataType::Map(..), key] => Some(vec![map.clone(), key.clone()]),
        [list, position] if !position.is_nested() => {
            Some(vec![list_of(element(list)?.data_type().clone()), position.clone()])
        }
        _ => None,
    };
    let gives = |args: &ReturnFieldArgs| {
        let collection = args.arg_fields.first().map(|field| field.data_type());
        Ok(match collection {
            Some(DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(fields) => fields.get(1).map_or(DataType::Null, |field| field.data_type().clone()),
                _ => DataType::Null,
            },
            Some(list) => element(list).map_or(DataType::Null, |field| field.data_type().clone()),
            None => DataType::Null,
        })
    };
    Function::new(name, syntax, Takes::By(takes), Gives::By(gives), run)
}

/// `from_zero` makes of a position, and the length of the array, one that counts from 0.
fn index(call: &Call, from_zero: impl Fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let column = call.column(0)?;
    if let Some(maps) = column.as_map_opt() {
        return by_key(call, maps);
    }
    let lists = call.lists(0)?;
    let positions = call.ints(1)?;
    let offsets = lists.value_offsets();
    let found: UInt64Array = (0..call.rows())
        .map(|row| {
            let position = positions.at(row)?;
            let (start, end) = (i64::from(offsets[row]), i64::from(offsets[row + 1]));
            let position = from_zero(position.clamp(-i64::from(i32::MAX), i64::from(i32::MAX)), end - start);
            let is_there = lists.is_valid(row) && position >= 0 && position < end - start;
            is_there.then(|| (start + position) as u64)
        })
        .collect();
    Ok(take(lists.values(), &found, None)?)
}

fn by_key(call: &Call, maps: &MapArray) -> Result<ArrayRef> {
    let (keys, step) = call.compact(1)?;
    let keys = convert(&keys, maps.keys().data_type())?;
    if step == 0 && keys.is_null(0) {
        return Ok(new_null_array(call.gives(), call.rows()));
    }
    let offsets = maps.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[maps.len()] as usize);
    let visible = maps.keys().slice(start, end - start);
    let is_key: BooleanArray = if keys.data_type().is_nested() {
        equal_rows(&visible, &repeated(maps, &keys, step)?)?
    } else if step == 0 {
        eq(&visible, &Scalar::new(keys))?
    } else {
        eq(&visible, &repeated(maps, &keys, step)?)?
    };
    let found: UInt64Array = (0..call.rows())
        .map(|row| {
            if maps.is_null(row) {
                return None;
            }
            let mut entries = offsets[row] as usize - start..offsets[row + 1] as usize - start;
            entries.find(|entry| is_key.is_valid(*entry) && is_key.value(*entry)).map(|entry| (entry + start) as u64)
        })
        .collect();
    Ok(take(maps.values(), &found, None)?)
}

/// The row's key beside each of the row's entries.
fn repeated(maps: &MapArray, keys: &ArrayRef, step: usize) -> Result<ArrayRef> {
    let lengths = maps.value_offsets().windows(2).map(|pair| (pair[1] - pair[0]) as usize);
    let rows = lengths.enumerate().flat_map(|(row, length)| std::iter::repeat_n((row * step) as u64, length));
    Ok(take(keys, &UInt64Array::from_iter_values(rows), None)?)
}

fn equal_rows(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanArray> {
    let converter = RowConverter::new(vec![SortField::new(left.data_type().clone())])?;
    let left = converter.convert_columns(std::slice::from_ref(left))?;
    let right = converter.convert_columns(std::slice::from_ref(right))?;
    Ok(left.iter().zip(right.iter()).map(|(left, right)| Some(left == right)).collect())
}
