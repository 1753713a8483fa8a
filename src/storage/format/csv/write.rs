//! Writes CSV files that read back as the same rows: NULL and the empty string stay apart.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::orchestration::spawn_writer_tasks_and_join;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;

use super::dialect::Dialect;
use crate::error::{Error, Result};

/// Makes the text of rows.
#[derive(Debug)]
pub(crate) struct CsvSerializer {
    dialect: Dialect,
}

impl CsvSerializer {
    pub(crate) fn new(dialect: Dialect) -> Self {
        CsvSerializer { dialect }
    }

    fn serialize_rows(&self, batch: &RecordBatch, with_header: bool) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(batch.num_rows() * batch.num_columns() * 8);
        let is_alone = batch.num_columns() == 1;
        if with_header {
            let schema = batch.schema();
            let names = schema.fields().iter().map(|field| Some(field.name().as_str()));
            self.record(&mut text, names, is_alone)?;
        }
        let options = FormatOptions::new().with_display_error(false);
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| Error::statement(format!("a column cannot be written as CSV: {error}")))?;
        // A column of type NULL and a dictionary's NULL values have no null bitmap of their own.
        let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
        let is_valid = |column: usize, row: usize| nulls[column].as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let mut values = vec![String::new(); columns.len()];
        for row in 0..batch.num_rows() {
            for (index, (value, formatter)) in values.iter_mut().zip(&columns).enumerate() {
                value.clear();
                if is_valid(index, row) {
                    write!(value, "{}", formatter.value(row))
                        .map_err(|_| Error::statement("a value cannot be written as CSV"))?;
                }
            }
            let fields = values.iter().enumerate().map(|(index, value)| is_valid(index, row).then_some(value.as_str()));
            self.record(&mut text, fields, is_alone)?;
        }
        Ok(text)
    }

    fn record<'v>(
        &self,
        text: &mut Vec<u8>,
        fields: impl Iterator<Item = Option<&'v str>>,
        is_alone: bool,
    ) -> Result<()> {
        let syntax = &self.dialect.syntax;
        let start = text.len();
        for (index, field) in fields.enumerate() {
            if index > 0 {
                text.push(syntax.delimiter);
            }
            match field {
                None => text.extend_from_slice(self.dialect.null.as_bytes()),
                Some(value) => self.value(text, value)?,
            }
        }
        if syntax.trailing_delimiter {
            text.push(syntax.delimiter);
        }
        // A line that begins like a comment would be left out by the reader.
        if let (Some(comment), Some(first), false) =
            (syntax.comment, text.get(start).copied(), is_alone && text.len() == start)
            && comment == first
        {
            return Err(Error::statement(format!(
                "a row begins with {}, which begins a comment in this file",
                char::from(comment)
            ))
            .help("write without the option \"comment\""));
        }
        text.push(b'\n');
        Ok(())
    }

    fn value(&self, text: &mut Vec<u8>, value: &str) -> Result<()> {
        let syntax = &self.dialect.syntax;
        let bytes = value.as_bytes();
        let is_special =
            |byte: &u8| *byte == syntax.delimiter || *byte == b'\n' || *byte == b'\r' || Some(*byte) == syntax.quote;
        let begins_comment = syntax.comment.is_some() && bytes.first().copied() == syntax.comment;
        let is_taken_for_mark = bytes.starts_with(b"\xEF\xBB\xBF");
        let looks_like_null = value == self.dialect.null || value.is_empty();
        match (syntax.quote, syntax.escape) {
            (Some(quote), escape) => {
                if !looks_like_null && !begins_comment && !is_taken_for_mark && !bytes.iter().any(is_special) {
                    text.extend_from_slice(bytes);
                    return Ok(());
                }
                text.push(quote);
                for byte in bytes {
                    if *byte == quote || Some(*byte) == escape {
                        text.push(escape.unwrap_or(quote));
                    }
                    text.push(*byte);
                }
                text.push(quote);
            }
            (None, Some(escape)) => {
                if value.is_empty() && self.dialect.null.is_empty() {
                    return Err(unwritable(
                        "an empty string",
                        "it would be read as NULL: set the option \"null\" to '\\N'",
                    ));
                }
                for byte in bytes {
                    if *byte == escape || is_special(byte) {
                        text.push(escape);
                    }
                    text.push(*byte);
                }
            }
            (None, None) => {
                if value == self.dialect.null {
                    return Err(unwritable(
                        &format!("the string '{value}'"),
                        "it would be read as NULL: the option \"null\" takes another text",
                    ));
                }
                if bytes.iter().any(is_special) {
                    return Err(unwritable(
                        "a string with the delimiter or a line end in it",
                        "the file has no quotes: set the option \"quote\" or \"escape\"",
                    ));
                }
                text.extend_from_slice(bytes);
            }
        }
        Ok(())
    }
}

fn unwritable(what: &str, why: &str) -> Error {
    Error::statement(format!("{what} cannot be written to this CSV file")).help(why)
}

impl BatchSerializer for CsvSerializer {
    fn serialize(&self, batch: RecordBatch, initial: bool) -> DataFusionResult<Bytes> {
        Ok(Bytes::from(self.serialize_rows(&batch, initial && self.dialect.header)?))
    }
}

/// Writes the rows of a plan as CSV files.
pub(crate) struct CsvSink {
    config: FileSinkConfig,
    dialect: Dialect,
}

impl CsvSink {
    pub(crate) fn new(config: FileSinkConfig, dialect: Dialect) -> Self {
        CsvSink { config, dialect }
    }
}

impl fmt::Debug for CsvSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvSink").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl DisplayAs for CsvSink {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CsvSink(header={})", self.dialect.header)
            }
            DisplayFormatType::TreeRender => writeln!(f, "format: csv"),
        }
    }
}

#[async_trait]
impl FileSink for CsvSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux_task: SpawnedTask<DataFusionResult<()>>,
        file_stream_rx: DemuxedStreamReceiver,
        object_store: Arc<dyn ObjectStore>,
    ) -> DataFusionResult<u64> {
        let serializer = Arc::new(CsvSerializer::new(self.dialect.clone()));
        let compression = self.dialect.compression.into();
        spawn_writer_tasks_and_join(context, serializer, compression, None, object_store, demux_task, file_stream_rx)
            .await
    }
}

#[async_trait]
impl DataSink for CsvSink {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> DataFusionResult<u64> {
        FileSink::write_all(self, data, context).await
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::storage::format::csv::dialect::CsvOptions;
    use crate::storage::format::csv::records::Syntax;

    fn dialect(syntax: Syntax, null: &str) -> Dialect {
        Dialect { syntax, null: null.to_string(), ..Dialect::of_new_table(&CsvOptions::default()) }
    }

    fn text(dialect: Dialect, names: &[Option<&str>]) -> Result<String> {
        let numbers: Vec<Option<i64>> = (0..names.len() as i64).map(Some).collect();
        let batch = RecordBatch::try_from_iter([
            ("s", Arc::new(StringArray::from(names.to_vec())) as _),
            ("n", Arc::new(Int64Array::from(numbers)) as _),
        ])
        .unwrap();
        let bytes = CsvSerializer::new(dialect).serialize_rows(&batch, true)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn null_is_nothing_and_the_empty_string_is_quoted() {
        let written =
            text(dialect(Syntax::default(), ""), &[None, Some(""), Some("a,b"), Some("say \"x\""), Some("two\nlines")]);
        assert_eq!(written.unwrap(), "s,n\n,0\n\"\",1\n\"a,b\",2\n\"say \"\"x\"\"\",3\n\"two\nlines\",4\n");
    }

    #[test]
    fn a_null_without_a_type_is_a_null() {
        let nothing = Arc::new(datafusion::arrow::array::NullArray::new(1));
        let batch =
            RecordBatch::try_from_iter([("a", nothing as _), ("b", Arc::new(Int64Array::from(vec![1])) as _)]).unwrap();
        let written = CsvSerializer::new(dialect(Syntax::default(), "")).serialize_rows(&batch, false).unwrap();
        assert_eq!(written, b",1\n");
    }

    #[test]
    fn a_string_that_looks_like_null_is_quoted() {
        let written = text(dialect(Syntax::default(), "NULL"), &[None, Some("NULL"), Some("")]).unwrap();
        assert_eq!(written, "s,n\nNULL,0\n\"NULL\",1\n\"\",2\n");
    }

    #[test]
    fn hive_text_is_escaped() {
        let hive = Syntax { delimiter: 1, quote: None, escape: Some(b'\\'), ..Syntax::default() };
        let written = text(dialect(hive, "\\N"), &[None, Some("\\N"), Some("a\u{1}b"), Some("")]).unwrap();
        assert_eq!(written, "s\u{1}n\n\\N\u{1}0\n\\\\N\u{1}1\na\\\u{1}b\u{1}2\n\u{1}3\n");
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let bare = Syntax { quote: None, ..Syntax::default() };
        assert!(text(dialect(bare, ""), &[Some("")]).is_err());
        assert!(text(dialect(bare, ""), &[Some("a,b")]).is_err());
        assert!(text(dialect(bare, "\\N"), &[Some("\\N")]).is_err());
    }
}
