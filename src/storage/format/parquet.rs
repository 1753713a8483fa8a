//! Parquet: columns with their types and statistics in a footer.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef, TimeUnit};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::config::{ConfigField, TableParquetOptions};
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, CachedParquetMetaData, Int96Coercer, transform_binary_to_string,
    transform_schema_to_view,
};
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use parquet::DecodeResult;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use super::options::Options;
use super::{Reading, TableFormat, schemas_of, stated_schema};
use crate::catalog::model::FileFormat;
use crate::error::Result;
use crate::storage::cache::FooterCache;
use crate::storage::distinct;
use crate::storage::errors::{from_datafusion, read_error};
use crate::storage::footers::{self, RowFacts};
use crate::storage::schema;

/// The length of the footer and the magic letters, which a file ends with.
const FOOTER_END: u64 = 8;

/// How much of a local file's end is read at first.
const LOCAL_FOOTER: usize = 32 * 1024;

/// Rows of a row group in files that are written beside others, unless the table says how many. A row group is in memory until it is
/// whole.
const ROWS_BESIDE_OTHERS: usize = 128 * 1024;

/// Bytes of a column's dictionary in such files. Beyond that, so small a row group gains nothing from one, which is dear to make: each
/// value is looked up.
const DICTIONARY_BESIDE_OTHERS: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Parquet {
    options: TableParquetOptions,
    row_group_size_is_given: bool,
}

impl Parquet {
    /// Options: `compression` (`zstd(1)`, `snappy`, `gzip(6)`, `lz4`, `brotli(4)`, `none`) and `row_group_size` for
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
                "zstd" if level.is_empty() => "zstd(1)".to_string(),
                "gzip" if level.is_empty() => "gzip(6)".to_string(),
                "brotli" if level.is_empty() => "brotli(4)".to_string(),
                "zstd" | "gzip" | "brotli" if level_is_number => codec.clone(),
                "snappy" => "snappy".to_string(),
                _ => {
                    return Err(options.wrong("compression", text, "zstd(1), snappy, gzip(6), lz4, brotli(4) or none"));
                }
            };
            table.set("compression", &value).map_err(from_datafusion)?;
        }
        let row_group_size = options.number::<NonZeroUsize>(&["row_group_size", "max_row_group_size"])?;
        if let Some(rows) = row_group_size {
            table.set("max_row_group_size", &rows.to_string()).map_err(from_datafusion)?;
        }
        if let Some(as_string) = options.boolean(&["binary_as_string"])? {
            table.global.binary_as_string = as_string;
        }
        options.finish()?;
        Ok(Parquet { options: table, row_group_size_is_given: row_group_size.is_some() })
    }

    async fn footer(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
    ) -> datafusion::error::Result<Arc<ParquetMetaData>> {
        let footers = footer_cache(reading, std::slice::from_ref(file));
        if let Some(cached) = footers.get(&file.location).filter(|cached| cached.is_valid_for(file))
            && let Some(footer) = cached.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()
        {
            return Ok(Arc::clone(footer.parquet_metadata()));
        }
        // One request is dear in a bucket, and a large read is on the disk.
        let hint = if reading.location.is_local() {
            LOCAL_FOOTER
        } else {
            self.options.global.metadata_size_hint.unwrap_or_default()
        };
        let footer = Arc::new(read_footer(reading.store.as_ref(), file, hint as u64).await?);
        let entry = CachedParquetMetaData::new(Arc::clone(&footer));
        footers.put(&file.location, CachedFileMetadataEntry::new(file.clone(), Arc::new(entry)));
        Ok(footer)
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

    fn failed(reading: &Reading<'_>, file: &ObjectMeta, error: DataFusionError) -> crate::error::Error {
        let scheme = reading.location.store_scheme();
        from_datafusion(read_error(error, FileFormat::Parquet, &reading.shown(file), scheme))
    }
}

/// Reads the footer. The length that it says it has is checked first, for the parser trusts it.
async fn read_footer(
    store: &dyn ObjectStore,
    file: &ObjectMeta,
    hint: u64,
) -> datafusion::error::Result<ParquetMetaData> {
    let broken = |why: &str| DataFusionError::from(ParquetError::General(why.to_string()));
    if file.size < 2 * FOOTER_END {
        return Err(broken("the file is too short"));
    }
    let start = file.size - hint.clamp(FOOTER_END, file.size);
    let bytes = store.get_range(&file.location, start..file.size).await?;
    let (_, end) = bytes.split_last_chunk::<8>().ok_or_else(|| broken("the file is too short"))?;
    let [a, b, c, d, magic @ ..] = *end;
    if magic != *b"PAR1" && magic != *b"PARE" {
        return Err(broken("Invalid Parquet file. Corrupt footer"));
    }
    if u64::from(u32::from_le_bytes([a, b, c, d])) + FOOTER_END > file.size {
        return Err(broken("the footer is longer than the file"));
    }
    let mut decoder = ParquetMetaDataPushDecoder::try_new(file.size)?.with_page_index_policy(PageIndexPolicy::Skip);
    decoder.push_range(start..file.size, bytes)?;
    loop {
        match decoder.try_decode()? {
            DecodeResult::Data(footer) => return Ok(footer),
            DecodeResult::NeedsData(ranges) => {
                let bytes = store.get_ranges(&file.location, &ranges).await?;
                decoder.push_ranges(ranges, bytes)?;
            }
            DecodeResult::Finished => return Err(broken("the footer ends early")),
        }
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
        let read = async {
            let failed = |error| Self::failed(reading, file, error);
            let footer = self.footer(reading, file).await.map_err(failed)?;
            Ok(self.arrow_schema(&footer).map_err(failed)?.fields().clone())
        };
        stated_schema(self, reading, file, read).await
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

    async fn row_facts(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
        schema: &SchemaRef,
    ) -> Result<Option<RowFacts>> {
        let footer = self.footer(reading, file).await.map_err(|error| Self::failed(reading, file, error))?;
        Ok(Some(footers::of_parquet(&footer, schema)))
    }

    async fn distinct_values(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
        schema: &SchemaRef,
        rows: u64,
    ) -> Result<Vec<Option<u64>>> {
        let footer = self.footer(reading, file).await.map_err(|error| Self::failed(reading, file, error))?;
        Ok(distinct::of_parquet(reading.store.as_ref(), file, &footer, schema, rows).await)
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

    fn beside_others(&self) -> Option<Arc<dyn TableFormat>> {
        if self.row_group_size_is_given {
            return None;
        }
        let mut options = self.options.clone();
        let (rows, dictionary) =
            (&mut options.global.max_row_group_size, &mut options.global.dictionary_page_size_limit);
        *rows = ROWS_BESIDE_OTHERS.min(*rows);
        *dictionary = DICTIONARY_BESIDE_OTHERS.min(*dictionary);
        // A task for each column of each file, with rows that wait for it: the files keep all threads busy as it is.
        options.global.allow_single_file_parallelism = false;
        Some(Arc::new(Parquet { options, row_group_size_is_given: false }))
    }

    async fn writer(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let format = ParquetFormat::default().with_options(self.options.clone());
        format.create_writer_physical_plan(input, state, sink, order).await.map_err(from_datafusion)
    }
}
