//! `stack(n, a, b, …)`: values as so many rows

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StructArray, UInt64Array, new_null_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::collections::lists::{list_of, unified};
use crate::functions::hive::operand::{convert, to_ints};

pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::scalar(
        Function::new(
            "hive_stack",
            "hive_stack(rows, a, b, …)",
            Takes::By(|types| match types {
                [rows, values @ ..] if rows.is_integer() && !values.is_empty() => Some(types.to_vec()),
                _ => None,
            }),
            Gives::By(rows_type),
            stack,
        ),
        Help {
            name: "hive_stack",
            syntax: "hive_stack(rows, a, b, …)",
            line: "The rows of stack: the values, so many rows of them, with NULLs where they end.",
            example: "SELECT hive_stack(2, 'a', 1, 'b', 2), hive_stack(2, 1, 2, 3)",
            gives: "[{col0: a, col1: 1}, {col0: b, col1: 2}],[{col0: 1, col1: 2}, {col0: 3, col1: NULL}]",
        },
    )]
}

fn rows_type(args: &ReturnFieldArgs) -> Result<DataType> {
    let rows = match args.scalar_arguments.first() {
        Some(Some(rows)) => to_ints(&rows.to_array()?)?.iter().next().flatten(),
        _ => None,
    };
    let Some(rows) = rows.and_then(|rows| usize::try_from(rows).ok()).filter(|rows| *rows > 0) else {
        return plan_err!("the number of rows of stack must be a constant above 0");
    };
    let types: Vec<DataType> = args.arg_fields.iter().skip(1).map(|field| field.data_type().clone()).collect();
    let width = types.len().div_ceil(rows);
    let mut fields = vec![];
    for column in 0..width {
        let of_column: Vec<DataType> = types.iter().skip(column).step_by(width).cloned().collect();
        match unified(&of_column) {
            Some(data_type) => fields.push(Field::new(format!("col{column}"), data_type, true)),
            None => {
                let names: Vec<String> = of_column.iter().map(ToString::to_string).collect();
                return plan_err!("column {column} of stack has {}", names.join(", "));
            }
        }
    }
    Ok(list_of(DataType::Struct(fields.into())))
}

fn stack(call: &Call) -> Result<ArrayRef> {
    let DataType::List(field) = call.gives() else {
        return exec_err!("the rows are {}", call.gives());
    };
    let DataType::Struct(fields) = field.data_type() else {
        return exec_err!("the rows are {}", call.gives());
    };
    let Some(height) = call.ints(0)?.at(0).and_then(|rows| usize::try_from(rows).ok()) else {
        return exec_err!("the number of rows of stack must be a constant above 0");
    };
    let (width, rows) = (fields.len(), call.rows());
    // Cells one under the other are at `cell * rows + row`, and wanted row by row.
    let order: UInt64Array =
        (0..rows).flat_map(|row| (0..height).map(move |cell| (cell * rows + row) as u64)).map(Some).collect();
    let mut columns = Vec::with_capacity(width);
    for (index, field) in fields.iter().enumerate() {
        let cells = (0..height).map(|cell| match 1 + cell * width + index {
            argument if argument < call.len() => convert(&call.column(argument)?, field.data_type()),
            _ => Ok(new_null_array(field.data_type(), rows)),
        });
        let cells = cells.collect::<Result<Vec<ArrayRef>>>()?;
        let cells = concat(&cells.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        columns.push(take(&cells, &order, None)?);
    }
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(height, rows));
    Ok(Arc::new(ListArray::try_new(field.clone(), offsets, Arc::new(structs), None)?))
}
