//! A Parquet file, compressed with zstd.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, IntervalUnit, Schema, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::sink::{Sink, write_error};
use super::{RowWriter, Summary, storable};
use crate::error::{Error, Result};

/// A row group is kept in memory, encoded, until it is written.
const ROW_GROUP_BYTES: usize = 128 * 1024 * 1024;

pub(super) struct ParquetWriter {
    /// Until the schema is known.
    sink: Option<Sink>,
    open: Option<(ArrowWriter<Sink>, SchemaRef)>,
}

impl ParquetWriter {
    pub(super) fn new(sink: Sink) -> Self {
        ParquetWriter { sink: Some(sink), open: None }
    }
}

impl RowWriter for ParquetWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let stored = storable::schema(schema);
        check(&stored)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        if let Some(sink) = self.sink.take() {
            let writer = ArrowWriter::try_new(sink, stored.clone(), Some(properties)).map_err(failure)?;
            self.open = Some((writer, stored));
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((writer, stored)) = &mut self.open else { return Ok(()) };
        writer.write(&storable::batch(batch, stored)?).map_err(failure)
    }

    fn finish(&mut self, _: &Summary) -> Result<()> {
        match self.open.take() {
            Some((writer, _)) => writer.into_inner().map_err(failure)?.flush_all(),
            None => Ok(()),
        }
    }

    fn wants_more(&self) -> bool {
        self.open.as_ref().is_none_or(|(writer, _)| writer.inner().is_open())
    }
}

/// Names the column that cannot be stored, and does so before the query runs: the writer itself notices intervals only at
/// the first row, and panics on a union.
fn check(schema: &Schema) -> Result<()> {
    if schema.fields().is_empty() {
        return Err(Error::statement("a result without columns cannot be stored as Parquet"));
    }
    match schema.fields().iter().find(|field| !is_storable(field.data_type())) {
        Some(field) => {
            let (name, data_type) = (field.name(), field.data_type());
            Err(Error::statement(format!("column \"{name}\" has type {data_type}, which Parquet cannot store"))
                .help(format!("cast it: CAST(\"{name}\" AS VARCHAR)")))
        }
        None => Ok(()),
    }
}

fn is_storable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(_, _) | DataType::Interval(IntervalUnit::MonthDayNano) => false,
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| is_storable(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is_storable(item.data_type()),
        _ => true,
    }
}

fn failure(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => write_error(cause),
        other => write_error(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::{Field, UnionFields, UnionMode};
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::super::testing::{Memory, no_columns, numbers, options, text, tricky, written};
    use super::super::{Destination, Format, OutputOptions, writer};
    use super::*;
    use crate::error::ErrorKind;

    fn read(bytes: Vec<u8>) -> RecordBatch {
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).expect("Parquet");
        let schema = builder.schema().clone();
        let batches: Vec<_> = builder.build().expect("a reader").map(|batch| batch.expect("rows")).collect();
        concat_batches(&schema, &batches).expect("one schema")
    }

    #[test]
    fn rows_come_back_under_names_that_differ() {
        let back = read(written(&options(Format::Parquet), &[tricky(), tricky()]));
        assert_eq!(back.num_rows(), 8);
        assert_eq!(back.schema().field(2).name(), "text_1");
        assert_eq!(back.schema().field(2).data_type().to_string(), "Utf8");
        let (csv, expected) = (options(Format::Csv), text(&options(Format::Csv), &[tricky(), tricky()]));
        assert_eq!(text(&csv, &[back]).replace("text_1", "text"), expected);
    }

    #[test]
    fn pages_are_compressed_with_zstd() {
        let bytes = written(&options(Format::Parquet), &[numbers(0, 10)]);
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).expect("Parquet");
        assert!(matches!(builder.metadata().row_group(0).column(0).compression(), Compression::ZSTD(_)));
    }

    #[test]
    fn no_rows_are_a_file_with_columns() {
        let back = read(written(&options(Format::Parquet), &[numbers(0, 0)]));
        assert_eq!((back.num_rows(), back.num_columns()), (0, 1));
    }

    #[test]
    fn rows_without_columns_are_refused_rather_than_lost() {
        let mut writer = writer(&options(Format::Parquet), Box::new(Memory::default())).expect("a writer");
        let error = writer.begin(&no_columns(3).schema()).expect_err("no columns");
        assert_eq!(error.message(), "a result without columns cannot be stored as Parquet");
    }

    #[test]
    fn a_type_that_parquet_lacks_is_named_with_its_column() {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        let union = DataType::Union(UnionFields::empty(), UnionMode::Dense);
        for data_type in [interval.clone(), DataType::new_list(interval, true), DataType::new_list(union, true)] {
            let schema = Arc::new(Schema::new(vec![Field::new("wait", data_type, true)]));
            let mut writer = writer(&options(Format::Parquet), Box::new(Memory::default())).expect("a writer");
            let error = writer.begin(&schema).expect_err("no such type");
            assert!(error.message().starts_with("column \"wait\" has type "), "{error}");
            assert_eq!(error.help_lines(), ["cast it: CAST(\"wait\" AS VARCHAR)"]);
        }
    }

    #[test]
    fn a_terminal_does_not_get_binary() {
        let options = OutputOptions { format: Format::Parquet, ..OutputOptions::new(Destination::Terminal) };
        let error = writer(&options, Box::new(Memory::default())).err().expect("a terminal");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.message(), "parquet is a binary format and would garble the terminal");
    }
}
