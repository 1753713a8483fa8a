//! JSON: one object a line, or one array of objects.

mod array;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::json::reader::infer_json_schema_from_iterator;
use datafusion::catalog::Session;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::config::JsonOptions as SinkOptions;
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt as _;
use object_store::ObjectMeta;
use serde_json::Value;

use self::array::ArrayUnwrapper;
use self::source::JsonTable;
pub(crate) use self::source::JsonTableSource;
use super::csv::{ColumnType, extension_of};
use super::options::Options;
use super::text::start_of;
use super::{Reading, TableFormat, split_compression};
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::storage::errors::{damaged, from_datafusion, read_error};
use crate::storage::schema;

/// How much of a table's files is looked at for the columns, all files together.
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// How much of each file is looked at, at least.
const SAMPLE_OF_FILE: usize = 64 * 1024;

/// How many values of a file are looked at, at most.
const SAMPLE_VALUES: usize = 20_480;

/// How values follow each other in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Lines,
    Array,
}

impl Layout {
    /// The layout that the first character tells.
    fn of(start: &[u8]) -> Self {
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
        if text.first() == Some(&b'[') { Layout::Array } else { Layout::Lines }
    }
}

#[derive(Debug)]
pub(crate) struct Json {
    layout: Option<Layout>,
    compression: CompressionTypeVariant,
}

impl Json {
    /// Options: `format` is `lines`, `array` or `auto` (the default: as the first character tells, file by file);
    /// `compression` is `gzip`, `bzip2`, `xz`, `zstd` or `none`, by the file's extension when not given.
    pub(crate) fn new(given: &BTreeMap<String, String>, files: &[&str]) -> Result<Self> {
        let mut options = Options::new("JSON", given);
        let layout = match options.text(&["format"]) {
            None => None,
            Some(text) => match text.trim().to_ascii_lowercase().as_str() {
                "auto" => None,
                "lines" | "newline_delimited" => Some(Layout::Lines),
                "array" => Some(Layout::Array),
                _ => return Err(options.wrong("format", text, "lines, array or auto")),
            },
        };
        let given_compression = options.compression()?;
        options.finish()?;
        let of_name = |name: &str| split_compression(&name.to_ascii_lowercase()).1;
        let compression = given_compression
            .or_else(|| files.first().map(|name| of_name(name)))
            .unwrap_or(CompressionTypeVariant::UNCOMPRESSED);
        if given_compression.is_none()
            && let Some(other) = files.iter().find(|name| of_name(name) != compression)
        {
            return Err(Error::statement(format!("{other} is compressed in another way than the files before it"))
                .help("choose those of one kind by a glob such as '*.json.gz'"));
        }
        Ok(Json { layout, compression })
    }

    async fn columns_of(&self, reading: &Reading<'_>, file: &ObjectMeta, bytes: usize) -> Result<SchemaRef> {
        let known =
            reading.caches.schemas(reading.location.store().as_str(), &format!("{} {bytes}", self.fingerprint()));
        if let Some(schema) = known.get(file) {
            return Ok(schema);
        }
        let (start, is_whole) = start_of(reading.store, file, self.compression, bytes).await.map_err(|error| {
            let scheme = reading.location.store_scheme();
            from_datafusion(read_error(error, FileFormat::Json, &reading.shown(file), scheme))
        })?;
        let layout = self.layout.unwrap_or_else(|| Layout::of(&start));
        let schema = infer_columns(layout, start, is_whole)
            .map_err(|why| damaged(FileFormat::Json, &reading.shown(file), &why))?;
        Ok(known.put(file, Arc::new(schema)))
    }
}

/// The columns of the values that a file begins with; `Null` for a column without values.
fn infer_columns(layout: Layout, start: Vec<u8>, is_whole: bool) -> Result<Schema, String> {
    let skipped = if start.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let mut text = start;
    text.drain(..skipped);
    if layout == Layout::Array {
        let mut unwrapper = ArrayUnwrapper::default();
        unwrapper.unwrap(&mut text)?;
        if is_whole {
            unwrapper.finish()?;
        }
    }
    let mut values: Vec<Value> = Vec::new();
    for value in serde_json::Deserializer::from_slice(&text).into_iter::<Value>().take(SAMPLE_VALUES) {
        match value {
            Ok(value @ Value::Object(_)) => values.push(value),
            Ok(other) => {
                return Err(format!("a row is an object such as {{\"a\": 1}}, not {}", shortened(&other.to_string())));
            }
            Err(error) if error.is_eof() && !is_whole => break,
            // The values before it tell the columns; the reader says where it is.
            Err(_) if !values.is_empty() => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    let inferred = infer_json_schema_from_iterator(values.iter().map(Ok)).map_err(|error| error.to_string())?;
    let fields = inferred.fields().iter().map(|field| match field.data_type() {
        // Texts that are all dates or all times are those.
        DataType::Utf8 => {
            let mut column = ColumnType::default();
            let texts = values.iter().map(|value| value.get(field.name()));
            for value in texts.flatten().filter(|value| !value.is_null()) {
                column.see(value.as_str().unwrap_or("text"));
            }
            let data_type = match column.finish() {
                date @ (DataType::Date32 | DataType::Timestamp(_, _)) => date,
                _ => DataType::Utf8View,
            };
            Field::new(field.name(), data_type, true)
        }
        other => Field::new(field.name(), other.clone(), true),
    });
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Columns without values are text, at every depth.
fn null_is_text(data_type: &DataType, text: &DataType) -> DataType {
    let within = |field: &FieldRef| {
        Arc::new(field.as_ref().clone().with_data_type(null_is_text(field.data_type(), &DataType::Utf8)))
    };
    match data_type {
        DataType::Null => text.clone(),
        DataType::List(item) => DataType::List(within(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(within).collect()),
        other => other.clone(),
    }
}

#[async_trait]
impl TableFormat for Json {
    fn kind(&self) -> FileFormat {
        FileFormat::Json
    }

    fn fingerprint(&self) -> String {
        format!("{self:?}")
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        let files: Vec<&ObjectMeta> = files.iter().filter(|file| file.size > 0).collect();
        if files.is_empty() {
            return Err(Error::storage(format!("{} is empty: it has no columns", reading.location))
                .help("declare the columns with CREATE EXTERNAL TABLE"));
        }
        let bytes = (SAMPLE_BYTES / files.len()).max(SAMPLE_OF_FILE);
        let files = &files;
        let schemas: Vec<Result<SchemaRef>> = futures::stream::iter(0..files.len())
            .map(|index| async move { self.columns_of(reading, files[index], bytes).await })
            .buffered(reading.concurrency())
            .collect()
            .await;
        let schemas = schemas.into_iter().collect::<Result<Vec<_>>>()?;
        // The reader makes text of single values of any kind.
        let widen = |a: &DataType, b: &DataType| {
            schema::widen(a, b).or_else(|| (!a.is_nested() && !b.is_nested()).then_some(DataType::Utf8View))
        };
        let merged = schema::merge_with(&schemas, |file| reading.shown(files[file]), widen)?;
        let fields = merged.fields().iter().map(|field| {
            field
                .as_ref()
                .clone()
                .with_data_type(null_is_text(field.data_type(), &DataType::Utf8View))
                .with_nullable(true)
        });
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        _files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        let table = JsonTable {
            compression: self.compression,
            layout: self.layout,
            location: Arc::new(reading.location.clone()),
        };
        Ok(Arc::new(JsonTableSource::new(schema, table)))
    }

    fn compression(&self) -> FileCompressionType {
        self.compression.into()
    }

    fn extension(&self) -> String {
        format!("json{}", extension_of(self.compression))
    }

    async fn writer(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.layout == Some(Layout::Array) {
            return Err(Error::statement("JSON is written as one object a line, not as an array")
                .help("leave out the option \"format\""));
        }
        let options = SinkOptions { compression: self.compression, ..Default::default() };
        let format = JsonFormat::default().with_options(options);
        format.create_writer_physical_plan(input, state, sink, order).await.map_err(from_datafusion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(text: &str) -> Result<Vec<String>, String> {
        let schema = infer_columns(Layout::of(text.as_bytes()), text.as_bytes().to_vec(), true)?;
        Ok(schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect())
    }

    #[test]
    fn layouts_are_told_by_the_first_character() {
        assert_eq!(Layout::of(b" \n[{}]"), Layout::Array);
        assert_eq!(Layout::of(b"\xEF\xBB\xBF[{}]"), Layout::Array);
        assert_eq!(Layout::of(b"{}"), Layout::Lines);
    }

    #[test]
    fn columns_and_types() {
        let expected = vec!["a Float64", "b Utf8View", "d Date32", "n Null"];
        assert_eq!(
            infer("{\"a\":1,\"b\":\"x\",\"d\":\"2026-01-31\",\"n\":null}\n{\"a\":1.5,\"b\":\"7\"}").unwrap(),
            expected
        );
        assert_eq!(infer("[{\"a\":1.5,\"b\":\"x\",\"d\":\"2026-01-31\"},\n{\"n\":null}]").unwrap(), expected);
        assert_eq!(infer("{\"a\":1}{\"a\":\"x\"}").unwrap(), ["a Utf8View"]);
    }

    #[test]
    fn rows_have_to_be_objects() {
        assert!(infer("[1,2]").unwrap_err().contains("not 1"));
        assert!(infer("nonsense").is_err());
        assert!(infer("[{\"a\":1}").is_err());
    }

    #[test]
    fn a_cut_value_at_the_end_of_the_sample_does_not_matter() {
        let schema = infer_columns(Layout::Lines, b"{\"a\":1}\n{\"a\":".to_vec(), false).unwrap();
        assert_eq!(schema.fields().len(), 1);
    }
}
