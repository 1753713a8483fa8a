//! `PARTITION (dt = '2024-01-01', country)`: which columns, and which of their values are written out.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use percent_encoding::percent_decode_str;
use sqlparser::ast::{self, BinaryOperator, Ident, Spanned, Value};

use crate::catalog::model::Table;
use crate::error::{Error, Result};
use crate::sql::source::Source;
use crate::storage::folder_value;
use crate::storage::partitions::{NULL_PARTITION, folder_name, key_and_value};

/// A partition column in a clause.
pub(super) struct PartitionColumn {
    pub name: String,
    /// In the column's type; NULL is a value. `None` if the clause gives none.
    pub value: Option<ScalarValue>,
}

/// `dt=2024-01-01/country=KR`; columns without a value are left out.
pub(super) fn folder_of(partition: &[PartitionColumn]) -> Result<String> {
    let folder = |column: &PartitionColumn| {
        let value = column.value.as_ref()?;
        Some(folder_value(value).map(|text| folder_name(&column.name, &text)))
    };
    Ok(partition.iter().filter_map(folder).collect::<Result<Vec<_>>>()?.join("/"))
}

/// The names and values in the names of folders; `None` stands for NULL.
pub(super) fn partition_of(folders: &str) -> Vec<(String, Option<String>)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let folders = folders.split('/').filter_map(key_and_value);
    folders.map(|(key, value)| (decode(key), (value != NULL_PARTITION).then(|| decode(value)))).collect()
}

/// The values that are written out, by the place of the column among the table's partition columns.
pub(super) fn values_of(partition: &[PartitionColumn], table: &Table) -> Vec<(usize, ScalarValue)> {
    let columns = table.partition_columns.as_deref().unwrap_or_default();
    let place = |name: &str| columns.iter().position(|column| column.name == name);
    partition.iter().filter_map(|column| Some((place(&column.name)?, column.value.clone()?))).collect()
}

/// The columns of a PARTITION clause, checked against the table, in the table's types.
pub(super) fn partition_spec(
    clause: &[ast::Expr],
    table: &Table,
    source: &Arc<Source>,
) -> Result<Vec<PartitionColumn>> {
    let mut columns: Vec<PartitionColumn> = Vec::new();
    for expr in clause {
        let (name, value) = match expr {
            ast::Expr::Identifier(name) => (name, None),
            ast::Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match left.as_ref() {
                ast::Expr::Identifier(name) => (name, Some(literal(right, source)?)),
                other => return Err(no_spec(other, source)),
            },
            other => return Err(no_spec(other, source)),
        };
        let column = partition_column(name, table, source)?;
        let value = match value {
            None => None,
            Some(value) => Some(value.cast_to(&column.1).map_err(|_| {
                Error::statement(format!("{value} is no {} for the partition column {}", column.1, column.0))
                    .at(source, name.span)
            })?),
        };
        if columns.iter().any(|earlier| earlier.name == column.0) {
            return Err(Error::statement(format!("PARTITION names {} twice", column.0)).at(source, name.span));
        }
        if value.is_some() && columns.iter().any(|earlier| earlier.value.is_none()) {
            return Err(Error::statement("partition columns with a value come before those without")
                .at(source, name.span)
                .help("the values of the others come from the last columns of the rows"));
        }
        columns.push(PartitionColumn { name: column.0, value });
    }
    Ok(columns)
}

pub(super) fn partition_column(name: &Ident, table: &Table, source: &Arc<Source>) -> Result<(String, DataType)> {
    let folded = name.value.to_lowercase();
    let known = table.partition_columns.as_deref().unwrap_or_default();
    match known.iter().find(|column| column.name.to_lowercase() == folded) {
        Some(column) => Ok((column.name.clone(), column.data_type.clone())),
        None => {
            let error = Error::statement(format!("{} has no partition column \"{}\"", table.name, name.value))
                .at(source, name.span);
            let names: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
            Err(match names.as_slice() {
                [] => error.help("it is not partitioned"),
                names => error.help(format!("its partition columns are: {}", names.join(", "))),
            })
        }
    }
}

fn no_spec(expr: &ast::Expr, source: &Arc<Source>) -> Error {
    Error::statement(format!("PARTITION takes columns and their values, not {expr}"))
        .at(source, expr.span())
        .help("PARTITION (dt = '2024-01-01', country)")
}

/// A value that is written out.
pub(super) fn literal(expr: &ast::Expr, source: &Arc<Source>) -> Result<ScalarValue> {
    let value = match expr {
        ast::Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(match text.parse::<i64>() {
                Ok(number) => ScalarValue::from(number),
                Err(_) => ScalarValue::from(text.as_str()),
            }),
            Value::SingleQuotedString(text) => Some(ScalarValue::from(text.as_str())),
            Value::Boolean(value) => Some(ScalarValue::from(*value)),
            Value::Null => Some(ScalarValue::Utf8(None)),
            _ => None,
        },
        ast::Expr::TypedString(typed) => match &typed.value.value {
            Value::SingleQuotedString(text) => Some(ScalarValue::from(text.as_str())),
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: inner } => match literal(inner, source)? {
            ScalarValue::Int64(Some(number)) => number.checked_neg().map(ScalarValue::from),
            _ => None,
        },
        _ => None,
    };
    value.ok_or_else(|| {
        Error::statement(format!("the value of a partition is a literal, not {expr}"))
            .at(source, expr.span())
            .help("leave the value out, and select it as the last column")
    })
}
