//! What the functions on arrays share: types that are made one, and lists that are built by positions in others

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt64Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::binary::{type_union_coercion, type_union_resolution};

use crate::functions::hive::call::Call;

pub(crate) fn list_of(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(data_type, true)))
}

/// The field of the elements. NULL is an array without any.
pub(crate) fn element(data_type: &DataType) -> Option<FieldRef> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => Some(field.clone()),
        DataType::Null => Some(Arc::new(Field::new_list_field(DataType::Null, true))),
        _ => None,
    }
}

/// A type for values of all these: text if some are text.
pub(crate) fn unified(types: &[DataType]) -> Option<DataType> {
    let mut types: Vec<DataType> = types.iter().filter(|data_type| !data_type.is_null()).cloned().collect();
    types.dedup();
    match types.as_slice() {
        [] => Some(DataType::Null),
        [one] => Some(one.clone()),
        [first, rest @ ..] => rest
            .iter()
            .try_fold(first.clone(), |common, next| type_union_coercion(&common, next))
            .or_else(|| type_union_resolution(&types)),
    }
}

/// An array, and an element of it: both of one type.
pub(crate) fn array_and_element(types: &[DataType]) -> Option<Vec<DataType>> {
    let [array, value] = types else {
        return None;
    };
    let common = unified(&[element(array)?.data_type().clone(), value.clone()])?;
    Some(vec![list_of(common.clone()), common])
}

/// Arrays of one type.
pub(crate) fn arrays(types: &[DataType]) -> Option<Vec<DataType>> {
    let elements: Option<Vec<DataType>> = types.iter().map(|list| Some(element(list)?.data_type().clone())).collect();
    let common = unified(&elements?)?;
    Some(vec![list_of(common); types.len()])
}

impl Call<'_> {
    /// A list for each row; coercion has made one of the argument.
    pub(crate) fn lists(&self, index: usize) -> Result<ListArray> {
        let column = self.column(index)?;
        match column.as_list_opt::<i32>() {
            Some(lists) => Ok(lists.clone()),
            None => Err(exec_datafusion_err!("argument {} is no array but {}", index + 1, column.data_type())),
        }
    }
}

/// The elements that the rows have, without those before the first and after the last, and where the first of them was.
pub(crate) fn visible(lists: &ListArray) -> (ArrayRef, usize) {
    let offsets = lists.value_offsets();
    let (start, end) = match (offsets.first(), offsets.last()) {
        (Some(start), Some(end)) => (*start as usize, *end as usize),
        _ => (0, 0),
    };
    (lists.values().slice(start, end - start), start)
}

/// Lists of elements of `values`, by their positions.
pub(crate) fn gather(
    field: FieldRef,
    lengths: impl IntoIterator<Item = usize>,
    values: &ArrayRef,
    positions: Vec<u64>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let elements = take(values, &UInt64Array::from(positions), None)?;
    if i32::try_from(elements.len()).is_err() {
        return Err(exec_datafusion_err!("the arrays of one batch have more than {} elements", i32::MAX));
    }
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), elements, nulls)?))
}
