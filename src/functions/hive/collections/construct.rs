//! `map(key, value, …)` and `struct(a, b, …)`
//!
//! DataFusion's `map` takes two arrays, and its structs' fields begin with `c0` where Hive's begin with `col1`.

use std::collections::hash_map::{Entry as Slot, HashMap};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, UInt64Array, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::simplify::ExprSimplifyResult;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion_spark::function::array::array;

use super::lists::unified;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};

static MAP: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(Function::new("map", "map(key, value, …)", Takes::By(pairs), Gives::By(map_type), map).into())
});

/// DataFusion's SQL planner does not look `map` up, but asks planners; the first answer counts.
#[derive(Debug)]
pub(crate) struct MapCalls;

impl ExprPlanner for MapCalls {
    fn plan_make_map(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(MAP.call(args)))
    }
}

/// `map()`, which a rewrite calls by a name of its own: DataFusion lets no function choose its types without an argument. A map of texts,
/// which can be cast to any other.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::functions::hive) struct EmptyMap {
    signature: Signature,
}

impl EmptyMap {
    pub(in crate::functions::hive) fn new() -> Self {
        EmptyMap { signature: Signature::nullary(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for EmptyMap {
    fn name(&self) -> &str {
        "hive_empty_map"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(map_of(DataType::Utf8View, DataType::Utf8View))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(empty_map(args.return_type())?))
    }
}

fn empty_map(data_type: &DataType) -> Result<ScalarValue> {
    let DataType::Map(entries, _) = data_type else { return exec_err!("a map has entries") };
    let DataType::Struct(fields) = entries.data_type() else { return exec_err!("entries have fields") };
    let columns = fields.iter().map(|field| new_empty_array(field.data_type())).collect();
    let none = StructArray::try_new(fields.clone(), columns, None)?;
    let map = MapArray::try_new(Arc::clone(entries), OffsetBuffer::from_lengths([0]), none, None, false)?;
    Ok(ScalarValue::Map(Arc::new(map)))
}

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new(
                "array",
                "array(a, b, …)",
                Takes::By(|types| Some(vec![unified(types)?; types.len()])),
                Gives::By(|args| Ok(make_array(args)?.data_type().clone())),
                |call| call.delegate(&array(), (0..call.len()).map(|index| call.value(index)).collect::<Result<_>>()?),
            )
            .simplify(|args, _| {
                Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction::new_udf(array(), args))))
            }),
            Help {
                name: "array",
                syntax: "array(a, b, …)",
                line: "An array of the arguments, as text if one is text.",
                example: "SELECT array(1, 2), array(), array(1, 'a', NULL)",
                gives: "[1, 2],[],[1, a, NULL]",
            },
        ),
        Entry::scalar(
            MAP.as_ref().clone(),
            Help {
                name: "map",
                syntax: "map(key, value, …)",
                line: "A map of the keys to the values; of equal keys the last counts.",
                example: "SELECT map('a', 1, 'b', 2), map('a', 1, 'a', 2)",
                gives: "{a: 1, b: 2},{a: 2}",
            },
        ),
        Entry::scalar(
            Function::new(
                "struct",
                "struct(a, b, …)",
                Takes::By(|types| (!types.is_empty()).then(|| types.to_vec())),
                Gives::By(|args| {
                    let fields = args.arg_fields.iter().enumerate();
                    Ok(DataType::Struct(
                        fields
                            .map(|(index, field)| {
                                Field::new(format!("col{}", index + 1), field.data_type().clone(), true)
                            })
                            .collect(),
                    ))
                }),
                |call| {
                    let DataType::Struct(fields) = call.gives() else {
                        return exec_err!("struct gives {}", call.gives());
                    };
                    let columns = (0..call.len()).map(|index| call.column(index)).collect::<Result<Vec<_>>>()?;
                    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
                },
            ),
            Help {
                name: "struct",
                syntax: "struct(a, b, …)",
                line: "A struct of the fields col1, col2 and so on.",
                example: "SELECT struct(1, 'a')",
                gives: "{col1: 1, col2: a}",
            },
        ),
    ]
}

fn make_array(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let scalar_arguments = args.scalar_arguments;
    array().return_field_from_args(ReturnFieldArgs { arg_fields: args.arg_fields, scalar_arguments })
}

/// Keys of one type, and values of one.
fn pairs(types: &[DataType]) -> Option<Vec<DataType>> {
    if !types.len().is_multiple_of(2) {
        return None;
    }
    let every_other = |first: usize| types.iter().skip(first).step_by(2).cloned().collect::<Vec<_>>();
    let (key, value) = (unified(&every_other(0))?, unified(&every_other(1))?);
    Some([key, value].into_iter().cycle().take(types.len()).collect())
}

fn map_type(args: &ReturnFieldArgs) -> Result<DataType> {
    let data_type = |index: usize| args.arg_fields.get(index).map_or(DataType::Utf8, |field| field.data_type().clone());
    // Arrow has no map without types.
    let key = Some(data_type(0)).filter(|key| !key.is_null()).unwrap_or(DataType::Utf8);
    Ok(map_of(key, data_type(1)))
}

pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    let fields = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields), false)), false)
}

fn map(call: &Call) -> Result<ArrayRef> {
    let DataType::Map(entries, _) = call.gives() else {
        return exec_err!("map gives {}", call.gives());
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return exec_err!("map gives {}", call.gives());
    };
    let rows = call.rows();
    let count = call.len() / 2;
    if count == 0 {
        let empty = new_empty_array(entries.data_type()).as_struct().clone();
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
        return Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, empty, None, false)?));
    }
    let columns = |first: usize| -> Result<ArrayRef> {
        let columns = (0..count).map(|pair| call.column(2 * pair + first)).collect::<Result<Vec<_>>>()?;
        Ok(concat(&columns.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
    };
    let (keys, values) = (columns(0)?, columns(1)?);
    if keys.logical_null_count() > 0 {
        return exec_err!("a key of map() is NULL");
    }
    // Of pair `p` of row `r` both are at `p * rows + r` now.
    let mut key_positions = Vec::with_capacity(rows * count);
    let mut value_positions = Vec::with_capacity(rows * count);
    let mut lengths = Vec::with_capacity(rows);
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let encoded = converter.convert_columns(std::slice::from_ref(&keys))?;
    let mut seen = HashMap::with_capacity(count);
    for row in 0..rows {
        let first = key_positions.len();
        seen.clear();
        for pair in 0..count {
            let position = pair * rows + row;
            match seen.entry(encoded.row(position)) {
                Slot::Vacant(slot) => {
                    slot.insert(value_positions.len());
                    key_positions.push(position as u64);
                    value_positions.push(position as u64);
                }
                Slot::Occupied(slot) => value_positions[*slot.get()] = position as u64,
            }
        }
        lengths.push(key_positions.len() - first);
    }
    let keys = take(&keys, &UInt64Array::from(key_positions), None)?;
    let values = take(&values, &UInt64Array::from(value_positions), None)?;
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(entries.clone(), OffsetBuffer::from_lengths(lengths), pairs, None, false)?))
}
