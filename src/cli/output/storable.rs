//! Batches as a file of typed columns can hold them.
//!
//! Query results have two habits that files do not bear. Columns may share a name, and then readers refuse the file or
//! take the wrong one. And partition columns are dictionaries, with another dictionary in every batch: an Arrow file may
//! have only one, and a reader of Parquet would be told to expect as few values as one batch had. So the names are made
//! to differ, and dictionaries and runs become plain columns.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};

use super::names;
use crate::error::{Error, Result};

/// The schema that is stored for results of `schema`.
pub(super) fn schema(schema: &Schema) -> SchemaRef {
    let unique = names::unique(schema.fields().iter().map(|field| field.name().as_str()));
    let fields = schema.fields().iter().zip(unique);
    let fields = fields.map(|(field, name)| plain_field(field).as_ref().clone().with_name(name));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The same rows with the schema that [`schema`] gave.
pub(super) fn batch(batch: &RecordBatch, stored: &SchemaRef) -> Result<RecordBatch> {
    let options = CastOptions { safe: false, ..Default::default() };
    let columns = batch.columns().iter().zip(stored.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(Arc::clone(column))
        } else {
            cast_with_options(column, field.data_type(), &options)
        }
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .collect::<Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(stored), columns, &rows))
        .map_err(|error| Error::statement(format!("cannot store these rows: {error}")))
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(plain_type(field.data_type())))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::ListView(item) => DataType::ListView(plain_field(item)),
        DataType::LargeListView(item) => DataType::LargeListView(plain_field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(plain_field(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}
