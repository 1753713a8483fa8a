//! `sort_array`, `array_contains`, `array_position`, `array_remove`, `array_slice`, `flatten`, and arrays one after the other
//!
//! DataFusion sorts with NULLs last and by a call of a kernel for each row, `array_remove` removes the first only, what is not found is
//! NULL where Hive's is false or 0, and `array_slice` goes from one position to another, both counted from 1.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, ListArray,
    PrimitiveArray, downcast_primitive_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, concat, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::functions_nested::{array_has, concat as nested, position, remove};
use datafusion::logical_expr::ReturnFieldArgs;

use super::lists::{array_and_element, arrays, element, gather, list_of, visible};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::operand::is_true;

pub(super) fn first_type(args: &ReturnFieldArgs) -> Result<DataType> {
    Ok(args.arg_fields.first().map_or(DataType::Null, |field| field.data_type().clone()))
}

pub(super) fn entries() -> Vec<Entry> {
    let sortable = |types: &[DataType]| match types {
        [list] => Some(vec![list_of(element(list)?.data_type().clone())]),
        [list, DataType::Boolean | DataType::Null] => {
            Some(vec![list_of(element(list)?.data_type().clone()), DataType::Boolean])
        }
        _ => None,
    };
    vec![
        Entry::scalar(
            Function::new(
                "sort_array",
                "sort_array(array[, ascending])",
                Takes::By(sortable),
                Gives::By(first_type),
                sort,
            ),
            Help {
                name: "sort_array",
                syntax: "sort_array(array[, ascending])",
                line: "The elements in their order, NULLs first; descending, NULLs last, if the second argument is false.",
                example: "SELECT sort_array(array(3, 1, NULL, 2)), sort_array(array('b', 'a', NULL), false)",
                gives: "[NULL, 1, 2, 3],[b, a, NULL]",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_contains",
                "array_contains(array, value)",
                Takes::By(array_and_element),
                Gives::Always(DataType::Boolean),
                |call| {
                    let found = call.delegate(&array_has::array_has_udf(), vec![call.value(0)?, call.value(1)?])?;
                    let mut found: BooleanArray = found.as_boolean().clone();
                    if found.null_count() > 0 {
                        found = prep_null_mask_filter(&found);
                    }
                    Ok(Arc::new(found))
                },
            ),
            Help {
                name: "array_contains",
                syntax: "array_contains(array, value)",
                line: "Whether the value is among the elements; false if either is NULL.",
                example: "SELECT array_contains(array(1, 2), 2), array_contains(array('a', NULL), 'b'), array_contains(array(1), NULL)",
                gives: "true,false,false",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_position",
                "array_position(array, value)",
                Takes::By(array_and_element),
                Gives::Always(DataType::Int64),
                |call| {
                    let nulls = call.nulls_of_all()?;
                    let found = call.delegate(&position::array_position_udf(), vec![call.value(0)?, call.value(1)?])?;
                    let found = cast(&found, &DataType::Int64)?;
                    let found = found.as_primitive::<Int64Type>();
                    let found: Int64Array = found.iter().map(|found| Some(found.unwrap_or(0))).collect();
                    null_where(Arc::new(found), nulls)
                },
            ),
            Help {
                name: "array_position",
                syntax: "array_position(array, value)",
                line: "The position, from 1, of the first element that is the value; 0 if none is.",
                example: "SELECT array_position(array(7, 8, 8), 8), array_position(array(7), 9)",
                gives: "2,0",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_remove",
                "array_remove(array, value)",
                Takes::By(array_and_element),
                Gives::By(first_type),
                |call| {
                    let nulls = call.nulls_of_all()?;
                    let kept = call.delegate(&remove::array_remove_all_udf(), vec![call.value(0)?, call.value(1)?])?;
                    null_where(kept, nulls)
                },
            ),
            Help {
                name: "array_remove",
                syntax: "array_remove(array, value)",
                line: "The elements other than the value.",
                example: "SELECT array_remove(array(1, 2, NULL, 2), 2)",
                gives: "[1, NULL]",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_prepend",
                "array_prepend(array, value)",
                Takes::By(array_and_element),
                Gives::By(first_type),
                |call| {
                    let nulls = call.column(0)?.logical_nulls();
                    let longer = call.delegate(&nested::array_prepend_udf(), vec![call.value(1)?, call.value(0)?])?;
                    null_where(longer, nulls)
                },
            ),
            Help {
                name: "array_prepend",
                syntax: "array_prepend(array, value)",
                line: "The array with one element more before it.",
                example: "SELECT array_prepend(array(2, 3), 1), array_prepend(array('b'), NULL)",
                gives: "[1, 2, 3],[NULL, b]",
            },
        ),
        Entry::scalar(
            Function::new(
                "array_slice",
                "array_slice(array, start, length)",
                Takes::By(|types| {
                    let is_int = |data_type: &DataType| data_type.is_integer() || data_type.is_null();
                    match types {
                        [list, start, length] if is_int(start) && is_int(length) => {
                            let list = list_of(element(list)?.data_type().clone());
                            Some(vec![list, DataType::Int64, DataType::Int64])
                        }
                        _ => None,
                    }
                }),
                Gives::By(first_type),
                sliced,
            ),
            Help {
                name: "array_slice",
                syntax: "array_slice(array, start, length)",
                line: "So many elements from a position on, which counts from 0; none if the array does not have them all.",
                example: "SELECT array_slice(array(1, 2, 3, 4), 0, 2), array_slice(array(1, 2, 3, 4), 2, 2), array_slice(array(1, 2), 1, 2)",
                gives: "[1, 2],[3, 4],[]",
            },
        ),
        Entry::scalar(
            Function::new(
                "flatten",
                "flatten(array of arrays)",
                Takes::By(|types| match types {
                    [lists] => {
                        let inner = element(element(lists)?.data_type())?;
                        Some(vec![list_of(list_of(inner.data_type().clone()))])
                    }
                    _ => None,
                }),
                Gives::By(|args| {
                    let inner = args.arg_fields.first().and_then(|field| element(field.data_type()));
                    Ok(inner.map_or(DataType::Null, |field| field.data_type().clone()))
                }),
                flattened,
            ),
            Help {
                name: "flatten",
                syntax: "flatten(array of arrays)",
                line: "The elements of all the arrays as one; NULL if one of them is.",
                example: "SELECT flatten(array(array(1, 2), array(3))), flatten(array(array(1), NULL))",
                gives: "[1, 2, 3],NULL",
            },
        ),
        Entry::scalar(
            Function::new(
                "hive_array_concat",
                "hive_array_concat(array, …)",
                Takes::By(|types| if types.is_empty() { None } else { arrays(types) }),
                Gives::By(first_type),
                joined,
            ),
            Help {
                name: "hive_array_concat",
                syntax: "hive_array_concat(array, …)",
                line: "What concat means for arrays: the elements of all; NULL if any is.",
                example: "SELECT hive_array_concat(array(1, 2), array(3), array()), hive_array_concat(array(1), NULL)",
                gives: "[1, 2, 3],NULL",
            },
        ),
    ]
}

impl Call<'_> {
    /// The rows in which no argument is NULL.
    fn nulls_of_all(&self) -> Result<Option<NullBuffer>> {
        let mut nulls = None;
        for index in 0..self.len() {
            nulls = NullBuffer::union(nulls.as_ref(), self.column(index)?.logical_nulls().as_ref());
        }
        Ok(nulls)
    }
}

fn null_where(array: ArrayRef, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    match nulls {
        Some(nulls) => Ok(nullif(&array, &BooleanArray::new(!nulls.inner(), None))?),
        None => Ok(array),
    }
}

fn sort(call: &Call) -> Result<ArrayRef> {
    let lists = call.lists(0)?;
    let flags = if call.len() > 1 { Some(call.column(1)?) } else { None };
    let (values, start) = visible(&lists);
    let field = match lists.data_type() {
        DataType::List(field) => field.clone(),
        _ => return Ok(Arc::new(lists)),
    };
    if field.data_type().is_null() {
        return Ok(Arc::new(lists));
    }
    let nulls = NullBuffer::union(lists.nulls(), flags.as_ref().and_then(|flags| flags.nulls()));
    let ranges = || lists.value_offsets().windows(2).map(|pair| pair[0] as usize - start..pair[1] as usize - start);
    let is_ascending = |row: usize| flags.as_ref().is_none_or(|flags| is_true(flags, row));
    let all = values.as_ref();
    downcast_primitive_array!(
        all => {
            if all.null_count() == 0 {
                let mut sorted = all.values().to_vec();
                for (row, range) in ranges().enumerate() {
                    let Some(elements) = sorted.get_mut(range) else {
                        continue;
                    };
                    elements.sort_unstable_by(|a, b| a.compare(*b));
                    if !is_ascending(row) {
                        elements.reverse();
                    }
                }
                let sorted = primitive(all, sorted);
                let offsets = OffsetBuffer::from_lengths(lists.offsets().lengths());
                return Ok(Arc::new(ListArray::try_new(field, offsets, sorted, nulls)?));
            }
        },
        _ => {}
    );
    // Ascending with NULLs first; the opposite of that is descending with NULLs last.
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let encoded = converter.convert_columns(std::slice::from_ref(&values))?;
    let mut positions: Vec<u64> = (0..values.len() as u64).collect();
    for (row, range) in ranges().enumerate() {
        let Some(elements) = positions.get_mut(range) else {
            continue;
        };
        elements.sort_unstable_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
        if !is_ascending(row) {
            elements.reverse();
        }
    }
    gather(field, lists.offsets().lengths(), &values, positions, nulls)
}

fn primitive<T: ArrowPrimitiveType>(like: &PrimitiveArray<T>, values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None).with_data_type(like.data_type().clone()))
}

fn flattened(call: &Call) -> Result<ArrayRef> {
    let lists = call.lists(0)?;
    let Some(inner) = lists.values().as_list_opt::<i32>() else {
        return Ok(new_null_array(call.gives(), call.rows()));
    };
    let mut positions = vec![];
    let mut lengths = Vec::with_capacity(lists.len());
    let mut is_valid = Vec::with_capacity(lists.len());
    for (row, pair) in lists.value_offsets().windows(2).enumerate() {
        let range = pair[0] as usize..pair[1] as usize;
        is_valid.push(lists.is_valid(row) && range.clone().all(|list| inner.is_valid(list)));
        let first = positions.len();
        if is_valid.last() == Some(&true) {
            for list in range {
                positions.extend(inner.value_offsets()[list] as u64..inner.value_offsets()[list + 1] as u64);
            }
        }
        lengths.push(positions.len() - first);
    }
    match call.gives() {
        DataType::List(field) => gather(field.clone(), lengths, inner.values(), positions, Some(is_valid.into())),
        _ => Ok(new_null_array(call.gives(), call.rows())),
    }
}

/// A start or a length below 0 ends a query in Hive, too. An array without elements has none to count.
fn sliced(call: &Call) -> Result<ArrayRef> {
    let (lists, starts, counts) = (call.lists(0)?, call.ints(1)?, call.ints(2)?);
    let DataType::List(field) = call.gives() else {
        return Ok(new_null_array(call.gives(), call.rows()));
    };
    let mut positions = vec![];
    let mut lengths = Vec::with_capacity(lists.len());
    let mut is_valid = Vec::with_capacity(lists.len());
    for (row, pair) in lists.value_offsets().windows(2).enumerate() {
        let first = positions.len();
        let slice = starts.at(row).zip(counts.at(row)).filter(|_| lists.is_valid(row));
        is_valid.push(slice.is_some());
        if let Some((start, count)) = slice.filter(|_| pair[0] < pair[1]) {
            if start < 0 || count < 0 {
                return exec_err!(
                    "array_slice(array, {start}, {count}): start and length are 0 or more; slice(array, -2, 2) counts from the end"
                );
            }
            let from = i64::from(pair[0]).saturating_add(start);
            let to = from.saturating_add(count);
            if to <= i64::from(pair[1]) {
                positions.extend(from as u64..to as u64);
            }
        }
        lengths.push(positions.len() - first);
    }
    gather(field.clone(), lengths, lists.values(), positions, Some(is_valid.into()))
}

fn joined(call: &Call) -> Result<ArrayRef> {
    let lists = (0..call.len()).map(|index| call.lists(index)).collect::<Result<Vec<ListArray>>>()?;
    let values = concat(&lists.iter().map(|list| list.values().as_ref()).collect::<Vec<_>>())?;
    let mut starts = vec![];
    let mut start = 0;
    for list in &lists {
        starts.push(start as i64);
        start += list.values().len();
    }
    let nulls = call.nulls_of_all()?;
    let mut positions = vec![];
    let mut lengths = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let first = positions.len();
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            for (list, start) in lists.iter().zip(&starts) {
                let offsets = list.value_offsets();
                positions.extend((i64::from(offsets[row])..i64::from(offsets[row + 1])).map(|at| (at + start) as u64));
            }
        }
        lengths.push(positions.len() - first);
    }
    match call.gives() {
        DataType::List(field) => gather(field.clone(), lengths, &values, positions, nulls),
        _ => Ok(new_null_array(call.gives(), call.rows())),
    }
}
