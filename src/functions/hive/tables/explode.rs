//! `posexplode` and `explode` of maps: the rows as an array of structs
//!
//! UNNEST knows arrays only, and has no positions. The entries of a map are kept where they are.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::collections::lists::{element, list_of};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Function::new(
                "hive_posexplode",
                "hive_posexplode(array or map)",
                Takes::By(|types| match types {
                    [map @ DataType::Map(..)] => Some(vec![map.clone()]),
                    [list] => Some(vec![list_of(element(list)?.data_type().clone())]),
                    _ => None,
                }),
                Gives::By(|args| rows_type(args, true)),
                |call| exploded(call, true),
            ),
            Help {
                name: "hive_posexplode",
                syntax: "hive_posexplode(array or map)",
                line: "The rows of posexplode: each element with its position from 0.",
                example: "SELECT hive_posexplode(array('a', NULL)), hive_posexplode(map('k', 1))",
                gives: "[{pos: 0, col: a}, {pos: 1, col: NULL}],[{pos: 0, key: k, value: 1}]",
            },
        ),
        Entry::scalar(
            Function::new(
                "hive_explode_map",
                "hive_explode_map(map)",
                Takes::By(|types| match types {
                    [DataType::Map(..)] => Some(types.to_vec()),
                    _ => None,
                }),
                Gives::By(|args| rows_type(args, false)),
                |call| exploded(call, false),
            ),
            Help {
                name: "hive_explode_map",
                syntax: "hive_explode_map(map)",
                line: "The rows of explode of a map: each key with its value.",
                example: "SELECT hive_explode_map(map('a', 1, 'b', 2))",
                gives: "[{key: a, value: 1}, {key: b, value: 2}]",
            },
        ),
    ]
}

fn rows_type(args: &ReturnFieldArgs, with_position: bool) -> Result<DataType> {
    let mut fields = vec![];
    if with_position {
        fields.push(Field::new("pos", DataType::Int32, false));
    }
    match args.arg_fields.first().map(|field| field.data_type()) {
        Some(DataType::Map(entries, _)) => {
            if let DataType::Struct(pair) = entries.data_type() {
                let renamed = pair.iter().zip(["key", "value"]);
                fields.extend(renamed.map(|(field, name)| field.as_ref().clone().with_name(name)));
            }
        }
        Some(list) => {
            let data_type = element(list).map_or(DataType::Null, |field| field.data_type().clone());
            fields.push(Field::new("col", data_type, true));
        }
        None => {}
    }
    Ok(list_of(DataType::Struct(Fields::from(fields))))
}

fn exploded(call: &Call, with_position: bool) -> Result<ArrayRef> {
    let DataType::List(field) = call.gives() else {
        return exec_err!("the rows are {}", call.gives());
    };
    let DataType::Struct(fields) = field.data_type() else {
        return exec_err!("the rows are {}", call.gives());
    };
    let column = call.column(0)?;
    let (offsets, columns) = match (column.as_map_opt(), column.as_list_opt::<i32>()) {
        (Some(maps), _) => (maps.offsets(), vec![maps.keys().clone(), maps.values().clone()]),
        (_, Some(lists)) => (lists.offsets(), vec![lists.values().clone()]),
        _ => return exec_err!("{} has no rows", column.data_type()),
    };
    // Only the elements that the rows have.
    let (start, end) = match (offsets.first(), offsets.last()) {
        (Some(start), Some(end)) => (*start as usize, *end as usize),
        _ => (0, 0),
    };
    let mut columns: Vec<ArrayRef> = columns.into_iter().map(|column| column.slice(start, end - start)).collect();
    if with_position {
        let positions = offsets.lengths().flat_map(|length| 0..length as i32);
        columns.insert(0, Arc::new(Int32Array::from_iter_values(positions)));
    }
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(offsets.lengths());
    Ok(Arc::new(ListArray::try_new(field.clone(), offsets, Arc::new(rows), column.nulls().cloned())?))
}
