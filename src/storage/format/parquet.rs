//! Parquet: columns with their types and statistics in a footer.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::config::{ConfigField, TableParquetOptions};
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, Int96Coercer, transform_binary_to_string, transform_schema_to_view,
};
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectMeta;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;

use super::options::Options;
use super::{Reading, TableFormat, schemas_of};
use crate::catalog::model::FileFormat;
use crate::error::Result;
use crate::storage::cache::FooterCache;
use crate::storage::errors::{empty_file, from_datafusion, read_error};
use crate::storage::schema;

#[derive(Debug)]
pub(crate) struct Parquet {
    options: TableParquetOptions,
}

impl Parquet {
    /// Options: `compression` (`zstd(3)`, `snappy`, `gzip(6)`, `lz4`, `brotli(4)`, `none`) and `row_group_size` for
    /// written files; `binary_as_string` for files of writers that did not mark their strings as such.
    pub(crate) fn new(given: &BTreeMap<String, String>, state: &dyn Session) -> Result<Self> {
        let mut table = state.default_table_options().parquet;
        let mut options = Options::new("Parquet", given);
        if let Some(text) = options.text(&["compression", "codec"]) {
            let codec = text.trim().to_ascii_lowercase();
            let (name, level) = codec.split_once('(').unwrap_or((&codec, ""));
            let level_is_number = level.is_empty() || level.trim_end_matches(')').parse::<u32>().is_ok();
            let value = match name {
                "none" | "uncompressed" => "uncompressed".to_string(),
                "lz4" | "lz4_raw" => "lz4_raw".to_string(),
                "zstd" if level.is_empty() => "zstd(3)".to_string(),
                "gzip" if level.is_empty() => "gzip(6)".to_string(),
                "brotli" if level.is_empty() => "brotli(4)".to_string(),
                "zstd" | "gzip" | "brotli" if level_is_number => codec.clone(),
                "snappy" => "snappy".to_string(),
                _ => {
                    return Err(options.wrong("compression", text, "zstd(3), snappy, gzip(6), lz4, brotli(4) or none"));
                }
            };
            table.set("compression", &value).map_err(from_datafusion)?;
        }
        if let Some(rows) = options.number::<std::num::NonZeroUsize>(&["row_group_size", "max_row_group_size"])? {
            table.set("max_row_group_size", &rows.to_string()).map_err(from_datafusion)?;
        }
        if let Some(as_string) = options.boolean(&["binary_as_string"])? {
            table.global.binary_as_string = as_string;
        }
        options.finish()?;
        Ok(Parquet { options: table })
    }

    async fn footer(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
    ) -> datafusion::error::Result<Arc<ParquetMetaData>> {
        DFParquetMetadata::new(reading.store.as_ref(), file)
            .with_metadata_size_hint(self.options.global.metadata_size_hint)
            .with_file_metadata_cache(Some(footer_cache(reading, std::slice::from_ref(file))))
            .fetch_metadata()
            .await
    }

    /// The columns as the reader yields them.
    fn arrow_schema(&self, footer: &ParquetMetaData) -> datafusion::error::Result<Schema> {
        let file = footer.file_metadata();
        let global = &self.options.global;
        let mut schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        let unit = match global.coerce_int96.as_deref() {
            Some("ns") => Some(TimeUnit::Nanosecond),
            Some("us") => Some(TimeUnit::Microsecond),
            Some("ms") => Some(TimeUnit::Millisecond),
            Some("s") => Some(TimeUnit::Second),
            _ => None,
        };
        if let Some(unit) = unit {
            let zone = global.coerce_int96_tz.as_deref().map(Arc::from);
            let coerced = Int96Coercer::new(file.schema_descr(), &schema, &unit).with_timezone(zone).coerce();
            schema = coerced.unwrap_or(schema);
        }
        if global.binary_as_string {
            schema = transform_binary_to_string(&schema);
        }
        if global.schema_force_view_types {
            schema = transform_schema_to_view(&schema);
        }
        Ok(schema)
    }

    fn failed(
        reading: &Reading<'_>,
        file: &ObjectMeta,
        error: datafusion::error::DataFusionError,
    ) -> crate::error::Error {
        let scheme = reading.location.store_scheme();
        from_datafusion(read_error(error, FileFormat::Parquet, &reading.shown(file), scheme))
    }
}

fn footer_cache(reading: &Reading<'_>, files: &[ObjectMeta]) -> Arc<FileMetadataCache> {
    let inner = reading.state.runtime_env().cache_manager.get_file_metadata_cache();
    Arc::new(FooterCache::new(inner, reading.location.store().as_str(), files))
}

#[async_trait]
impl TableFormat for Parquet {
    fn kind(&self) -> FileFormat {
        FileFormat::Parquet
    }

    fn fingerprint(&self) -> String {
        let global = &self.options.global;
        format!(
            "parquet views={} strings={} int96={:?}{:?}",
            global.schema_force_view_types, global.binary_as_string, global.coerce_int96, global.coerce_int96_tz
        )
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        // Any file may bring a column of its own, so every footer counts. They are read once in the life of a session.
        let schemas = schemas_of(self, reading, files).await?;
        schema::merge(&schemas, |file| reading.shown(&files[file]))
    }

    async fn physical_schema(&self, reading: &Reading<'_>, file: &ObjectMeta) -> Result<Option<SchemaRef>> {
        let known = reading.caches.schemas(reading.location.store().as_str(), &self.fingerprint());
        if let Some(schema) = known.get(file) {
            return Ok(Some(schema));
        }
        if file.size == 0 {
            return Err(empty_file(FileFormat::Parquet, &reading.shown(file)));
        }
        let failed = |error| Self::failed(reading, file, error);
        let footer = self.footer(reading, file).await.map_err(failed)?;
        let schema = self.arrow_schema(&footer).map_err(failed)?;
        // Notes that writers leave with schema and fields differ from file to file and say nothing about the rows.
        let fields: Vec<Field> =
            schema.fields().iter().map(|field| field.as_ref().clone().with_metadata(Default::default())).collect();
        Ok(Some(known.put(file, Arc::new(Schema::new(fields)))))
    }

    async fn statistics(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
        schema: &SchemaRef,
    ) -> Result<Option<Statistics>> {
        let failed = |error| Self::failed(reading, file, error);
        let metadata = self.footer(reading, file).await.map_err(failed)?;
        DFParquetMetadata::statistics_from_parquet_metadata(&metadata, schema).map(Some).map_err(failed)
    }

    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        let footers = footer_cache(reading, files);
        let readers = CachedParquetFileReaderFactory::new(Arc::clone(reading.store), footers);
        let mut source = ParquetSource::new(schema)
            .with_table_parquet_options(self.options.clone())
            .with_parquet_file_reader_factory(Arc::new(readers));
        if let Some(hint) = self.options.global.metadata_size_hint {
            source = source.with_metadata_size_hint(hint);
        }
        Ok(Arc::new(source))
    }

    fn extension(&self) -> String {
        "parquet".to_string()
    }

    async fn writer(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let format = ParquetFormat::default().with_options(self.options.clone());
        format.create_writer_physical_plan(input, state, sink, None).await.map_err(from_datafusion)
    }
}
