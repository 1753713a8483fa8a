//! An array that has an item for sure: `[NULL]` in the place of an empty array and of NULL
//!
//! So `unnest()` keeps each row: what LEFT JOIN LATERAL and LATERAL VIEW OUTER are for.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, GenericListArray, OffsetSizeTrait, UInt64Builder, new_null_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

static OUTER_ITEMS: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(OuterItems { signature: Signature::any(1, Volatility::Immutable) })));

/// The array, or `[NULL]` if it has no item.
pub fn outer_items(array: Expr) -> Expr {
    OUTER_ITEMS.call(vec![array])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OuterItems {
    signature: Signature,
}

impl ScalarUDFImpl for OuterItems {
    fn name(&self) -> &str {
        "ostrich_outer_items"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [argument] => Ok(returned(argument)),
            _ => exec_err!("one array is needed"),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let argument = arguments.arg_fields.first().map_or(&DataType::Null, |field| field.data_type());
        Ok(Arc::new(Field::new(self.name(), returned(argument), false)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [array] = ColumnarValue::values_to_arrays(&arguments.args)?
            .try_into()
            .map_err(|_| datafusion::error::DataFusionError::Execution("one array is needed".to_string()))?;
        let array = match array.data_type() {
            DataType::Null => new_null_array(&returned(&DataType::Null), rows),
            DataType::List(_) | DataType::LargeList(_) => array,
            other => {
                let to = returned(other);
                cast(&array, &to)?
            }
        };
        Ok(ColumnarValue::Array(match array.data_type() {
            DataType::LargeList(_) => Arc::new(filled(array.as_list::<i64>())?),
            _ => Arc::new(filled(array.as_list::<i32>())?),
        }))
    }
}

/// Lists of other kinds are made plain ones, with items that may be NULL.
fn returned(argument: &DataType) -> DataType {
    let nullable = |item: &FieldRef| Arc::new(item.as_ref().clone().with_nullable(true));
    match argument {
        DataType::LargeList(item) => DataType::LargeList(nullable(item)),
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::ListView(item) => {
            DataType::List(nullable(item))
        }
        _ => DataType::List(Arc::new(Field::new_list_field(DataType::Null, true))),
    }
}

fn filled<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Result<GenericListArray<O>> {
    let item = match list.data_type() {
        DataType::List(item) | DataType::LargeList(item) => Arc::new(item.as_ref().clone().with_nullable(true)),
        other => return exec_err!("{other} is no array"),
    };
    let values = list.values();
    let empty = |row: usize| list.is_null(row) || list.value_length(row) == O::zero();
    if list.null_count() == 0 && !(0..list.len()).any(empty) {
        return Ok(GenericListArray::try_new(item, list.offsets().clone(), Arc::clone(values), None)?);
    }
    let mut indices = UInt64Builder::with_capacity(values.len() + list.len());
    let mut lengths = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        if empty(row) {
            indices.append_null();
            lengths.push(1);
            continue;
        }
        let (start, length) = (list.value_offsets()[row].as_usize(), list.value_length(row).as_usize());
        for index in start..start + length {
            indices.append_value(index as u64);
        }
        lengths.push(length);
    }
    let items = take(values.as_ref(), &indices.finish(), None)?;
    Ok(GenericListArray::try_new(item, OffsetBuffer::from_lengths(lengths), items, None)?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::ListArray;
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn empty_and_null_become_one_null() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            Some(vec![]),
            None,
            Some(vec![Some(2)]),
        ]);
        let expected = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            Some(vec![None]),
            Some(vec![None]),
            Some(vec![Some(2)]),
        ]);
        let filled_list = filled(&list).unwrap();
        assert_eq!(filled_list, expected);
        assert_eq!(filled(&list.slice(1, 2)).unwrap(), expected.slice(1, 2));
        assert_eq!(filled(&list.slice(3, 1)).unwrap(), expected.slice(3, 1));
        assert_eq!(filled(&list.slice(0, 0)).unwrap().len(), 0);
    }
}
