//! CSV and other delimited text.
//!
//! An empty field is NULL and `""` is an empty string, here as in PostgreSQL's COPY. Columns of files with a header are
//! found by their names, so files of one table may have them in another order, or lack some.

mod columns;
mod decoder;
mod dialect;
mod header;
mod infer;
mod records;
#[cfg(test)]
mod round_trip;
mod source;
mod splits;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt as _;
use object_store::ObjectMeta;

use self::dialect::{CsvOptions, Dialect, after_lines};
pub(crate) use self::infer::ColumnType;
use self::records::{Splitter, Step, after_byte_order_mark};
use self::source::{CsvTable, CsvTableSource};
use self::write::CsvSink;
use super::text::start_of;
use super::{Reading, TableFormat, split_compression};
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::sql::types::display_name;
use crate::storage::errors::{from_datafusion, read_error};
use crate::storage::schema;

/// How much of a table's files is looked at for the columns' types, all files together.
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// How much of each file is looked at, at least.
const SAMPLE_OF_FILE: usize = 64 * 1024;

/// How many records of a file are looked at, at most.
const SAMPLE_RECORDS: usize = 20_480;

/// How many files are looked at when no header can bring further columns.
const SAMPLE_FILES: usize = 32;

#[derive(Debug)]
pub(crate) struct Csv {
    dialect: Dialect,
    declared: bool,
}

impl Csv {
    /// Reads the options, and the start of the first file for what they leave open.
    pub(crate) async fn open(
        given: &BTreeMap<String, String>,
        reading: &Reading<'_>,
        files: &[ObjectMeta],
        declared: Option<&SchemaRef>,
    ) -> Result<Self> {
        let options = CsvOptions::parse(given)?;
        if let Some(field) =
            declared.iter().flat_map(|schema| schema.fields()).find(|f| !columns::can_hold(f.data_type()))
        {
            return Err(Error::statement(format!(
                "column \"{}\" is {}, which CSV files cannot hold",
                field.name(),
                display_name(field.data_type())
            )));
        }
        let dialect = match files.iter().find(|file| file.size > 0) {
            None => Dialect::of_new_table(&options),
            Some(file) => {
                let name = file.location.filename().unwrap_or_default();
                let compression = options.compression_of(name);
                let (start, is_whole) = start_of(reading.store, file, compression, SAMPLE_OF_FILE)
                    .await
                    .map_err(|error| failed(reading, file, error))?;
                Dialect::sniff(&options, name, &start, is_whole, declared.map(AsRef::as_ref))
            }
        };
        if let Some(other) = files.iter().find(|file| {
            let compression = options.compression_of(file.location.filename().unwrap_or_default());
            file.size > 0 && compression != dialect.compression
        }) {
            return Err(Error::statement(format!(
                "{} is compressed in another way than the files before it",
                reading.shown(other)
            ))
            .help("choose those of one kind by a glob such as '*.csv.gz'"));
        }
        Ok(Csv { dialect, declared: declared.is_some() })
    }

    /// For new files. `name` is that of the one file to be written; empty for files in a folder.
    pub(crate) fn for_output(given: &BTreeMap<String, String>, name: &str) -> Result<Self> {
        let options = CsvOptions::parse(given)?;
        let mut dialect = Dialect::of_new_table(&options);
        dialect.compression = options.compression_of(name);
        if !options.has_delimiter() && split_compression(&name.to_ascii_lowercase()).0.ends_with(".tsv") {
            dialect.syntax.delimiter = b'\t';
        }
        Ok(Csv { dialect, declared: true })
    }

    /// The columns of one file, with the types that its first records have; `Null` for a column without values.
    async fn columns_of(&self, reading: &Reading<'_>, file: &ObjectMeta, bytes: usize) -> Result<SchemaRef> {
        let known =
            reading.caches.schemas(reading.location.store().as_str(), &format!("{} {bytes}", self.fingerprint()));
        if let Some(schema) = known.get(file) {
            return Ok(schema);
        }
        let (start, is_whole) = start_of(reading.store, file, self.dialect.compression, bytes)
            .await
            .map_err(|error| failed(reading, file, error))?;
        let schema = infer_columns(&self.dialect, &start, is_whole).map_err(|why| {
            Error::storage(format!("{} cannot be read as CSV: {why}", reading.shown(file))).help("convert it to UTF-8")
        })?;
        Ok(known.put(file, Arc::new(schema)))
    }
}

fn failed(reading: &Reading<'_>, file: &ObjectMeta, error: datafusion::error::DataFusionError) -> Error {
    let scheme = reading.location.store_scheme();
    from_datafusion(read_error(error, FileFormat::Csv, &reading.shown(file), scheme))
}

/// Names and types of the columns, from a file's first bytes. `Err` says why they are no text.
fn infer_columns(dialect: &Dialect, start: &[u8], is_whole: bool) -> Result<Schema, &'static str> {
    let text = after_byte_order_mark(start)?;
    let mut rest = after_lines(&start[text], dialect.skip);
    let mut splitter = Splitter::new(dialect.syntax);
    let mut names: Option<Vec<String>> = None;
    let mut types: Vec<ColumnType> = Vec::new();
    let mut records = 0;
    while records < SAMPLE_RECORDS {
        let taken = match splitter.step(rest, is_whole) {
            Ok(Step::Record(taken)) => taken,
            Ok(Step::Blank(taken) | Step::Comment(taken)) => {
                rest = &rest[taken..];
                continue;
            }
            // What is wrong is said with its line when the file is read.
            Ok(Step::Incomplete | Step::End) | Err(_) => break,
        };
        match &names {
            None if dialect.header => names = Some(header::names(&mut splitter, rest)),
            _ => {
                let names = names.get_or_insert_with(|| (0..splitter.fields()).map(header::unnamed).collect());
                types.resize_with(names.len(), ColumnType::default);
                for (index, column) in types.iter_mut().enumerate() {
                    let Some(field) = splitter.field(rest, index) else { continue };
                    let is_null =
                        if field.quoted { false } else { field.raw == dialect.null.as_bytes() || field.raw.is_empty() };
                    if !is_null {
                        column.see(&String::from_utf8_lossy(field.bytes));
                    }
                }
                records += 1;
            }
        }
        rest = &rest[taken..];
    }
    let names = names.unwrap_or_default();
    types.resize_with(names.len(), ColumnType::default);
    let fields = names.into_iter().zip(types).map(|(name, column)| Field::new(name, column.finish(), true));
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

#[async_trait]
impl TableFormat for Csv {
    fn kind(&self) -> FileFormat {
        FileFormat::Csv
    }

    fn fingerprint(&self) -> String {
        self.dialect.fingerprint()
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        let mut with_text: Vec<&ObjectMeta> = files.iter().filter(|file| file.size > 0).collect();
        if with_text.is_empty() {
            let shown = files.first().map_or_else(|| reading.location.to_string(), |file| reading.shown(file));
            return Err(Error::storage(format!("{shown} is empty: it has no columns"))
                .help("declare the columns with CREATE EXTERNAL TABLE"));
        }
        // A header may bring columns of its own, so each is read.
        if !self.dialect.header {
            with_text.truncate(SAMPLE_FILES);
        }
        let bytes = (SAMPLE_BYTES / with_text.len()).max(SAMPLE_OF_FILE);
        let files = &with_text;
        let schemas: Vec<Result<SchemaRef>> = futures::stream::iter(0..files.len())
            .map(|index| async move { self.columns_of(reading, files[index], bytes).await })
            .buffered(reading.concurrency())
            .collect()
            .await;
        let schemas = schemas.into_iter().collect::<Result<Vec<_>>>()?;
        // Everything in a text file can be read as text.
        let widen = |a: &DataType, b: &DataType| Some(schema::widen(a, b).unwrap_or(DataType::Utf8View));
        let merged = schema::merge_with(&schemas, |file| reading.shown(files[file]), widen)?;
        let fields = merged.fields().iter().map(|field| match field.data_type() {
            DataType::Null => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
            _ => Arc::clone(field),
        });
        let schema = Schema::new(fields.collect::<Vec<_>>());
        if schema.fields().is_empty() {
            return Err(Error::storage(format!("{} holds no records", reading.shown(files[0])))
                .help("declare the columns with CREATE EXTERNAL TABLE"));
        }
        Ok(Arc::new(schema))
    }

    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        _files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        let table = CsvTable {
            dialect: self.dialect.clone(),
            declared: self.declared,
            in_folder_names: schema.table_partition_cols().iter().map(|field| field.name().clone()).collect(),
            location: Arc::new(reading.location.clone()),
        };
        Ok(Arc::new(CsvTableSource::new(schema, table)))
    }

    fn compression(&self) -> FileCompressionType {
        self.dialect.compression.into()
    }

    fn extension(&self) -> String {
        let extension = match self.dialect.syntax.delimiter {
            b'\t' => "tsv",
            _ => "csv",
        };
        format!("{extension}{}", extension_of(self.dialect.compression))
    }

    async fn writer(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let nested = sink.output_schema.fields().iter().find(|field| field.data_type().is_nested());
        if let Some(field) = nested {
            return Err(Error::statement(format!(
                "column \"{}\" is {}, which CSV files cannot hold",
                field.name(),
                display_name(field.data_type())
            ))
            .help("write Parquet or JSON, or make it text with CAST"));
        }
        if self.dialect.skip > 0 {
            return Err(Error::statement("files with the option \"skip\" are read, not written"));
        }
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(CsvSink::new(sink, self.dialect.clone())), order)))
    }
}

/// The extension that a compressed file has besides its own.
pub(crate) fn extension_of(compression: CompressionTypeVariant) -> &'static str {
    match compression {
        CompressionTypeVariant::GZIP => ".gz",
        CompressionTypeVariant::BZIP2 => ".bz2",
        CompressionTypeVariant::XZ => ".xz",
        CompressionTypeVariant::ZSTD => ".zst",
        CompressionTypeVariant::UNCOMPRESSED => "",
    }
}
