//! Arrow IPC: the file format where the bytes become a file, the stream format where another program reads along.
//!
//! The file format ends in an index of its batches, so a reader of a pipe could not begin before the end.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};

use super::sink::{Sink, write_error};
use super::{Destination, RowWriter, Summary, storable};
use crate::error::{Error, Result};

pub(super) struct ArrowWriter {
    destination: Destination,
    /// Until the schema is known.
    sink: Option<Sink>,
    open: Option<(Encoder, SchemaRef)>,
}

enum Encoder {
    File(FileWriter<Sink>),
    Stream(StreamWriter<Sink>),
}

impl ArrowWriter {
    pub(super) fn new(destination: Destination, sink: Sink) -> Self {
        ArrowWriter { destination, sink: Some(sink), open: None }
    }
}

impl RowWriter for ArrowWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let Some(sink) = self.sink.take() else { return Ok(()) };
        let stored = storable::schema(schema);
        let encoder = match self.destination {
            Destination::File => FileWriter::try_new(sink, &stored).map(Encoder::File),
            Destination::Pipe | Destination::Terminal => StreamWriter::try_new(sink, &stored).map(Encoder::Stream),
        };
        self.open = Some((encoder.map_err(failure)?, stored));
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((encoder, stored)) = &mut self.open else { return Ok(()) };
        let batch = storable::batch(batch, stored)?;
        match encoder {
            Encoder::File(writer) => writer.write(&batch),
            // Whoever reads the stream works on a batch as soon as it is there.
            Encoder::Stream(writer) => writer.write(&batch).and_then(|()| writer.flush()),
        }
        .map_err(failure)
    }

    fn finish(&mut self, _: &Summary) -> Result<()> {
        match self.open.take() {
            Some((Encoder::File(writer), _)) => writer.into_inner().map_err(failure)?.flush_all(),
            Some((Encoder::Stream(writer), _)) => writer.into_inner().map_err(failure)?.flush_all(),
            None => Ok(()),
        }
    }

    fn wants_more(&self) -> bool {
        self.open.as_ref().is_none_or(|(encoder, _)| match encoder {
            Encoder::File(writer) => writer.get_ref().is_open(),
            Encoder::Stream(writer) => writer.get_ref().is_open(),
        })
    }
}

fn failure(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, cause) => write_error(cause),
        other => write_error(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::ipc::reader::{FileReader, StreamReader};

    use super::super::testing::{no_columns, numbers, options, text, tricky, written};
    use super::super::{Format, OutputOptions};
    use super::*;

    fn to(destination: Destination) -> OutputOptions {
        OutputOptions { destination, ..options(Format::Arrow) }
    }

    /// Two batches whose dictionaries differ.
    fn batches() -> [RecordBatch; 2] {
        [tricky(), tricky().slice(1, 1)]
    }

    fn assert_same(schema: &SchemaRef, back: &[RecordBatch]) {
        assert_eq!(schema.field(2).name(), "text_1");
        let back = concat_batches(schema, back).expect("one schema");
        let csv = options(Format::Csv);
        assert_eq!(text(&csv, &[back]).replace("text_1", "text"), text(&csv, &batches()));
    }

    #[test]
    fn a_file_can_be_read_in_any_order() {
        let bytes = written(&to(Destination::File), &batches());
        let reader = FileReader::try_new(Cursor::new(bytes), None).expect("an Arrow file");
        let schema = reader.schema();
        assert_same(&schema, &reader.map(|batch| batch.expect("rows")).collect::<Vec<_>>());
    }

    #[test]
    fn a_pipe_gets_a_stream() {
        let bytes = written(&to(Destination::Pipe), &batches());
        let reader = StreamReader::try_new(Cursor::new(bytes), None).expect("an Arrow stream");
        let schema = reader.schema();
        assert_same(&schema, &reader.map(|batch| batch.expect("rows")).collect::<Vec<_>>());
    }

    #[test]
    fn a_result_without_rows_or_columns_is_still_a_file() {
        for empty in [numbers(0, 0), no_columns(0), no_columns(3)] {
            let bytes = written(&to(Destination::File), std::slice::from_ref(&empty));
            let reader = FileReader::try_new(Cursor::new(bytes), None).expect("an Arrow file");
            let rows: usize = reader.map(|batch| batch.expect("rows").num_rows()).sum();
            assert_eq!(rows, empty.num_rows());
        }
    }
}
