//! File formats: which one a file has, and how each is read and written.

mod arrow;
mod avro;
mod csv;
mod hive_text;
mod hive_values;
mod json;
mod json_serde;
mod lines;
mod open_csv;
mod options;
mod orc;
mod parquet;
mod regex;
pub(crate) mod serde_names;
mod text;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt as _;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::cache::StorageCaches;
use super::errors::{self, format_name, store_error};
use super::footers::RowFacts;
use super::location::Location;
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};

/// What a format needs to look into files.
#[derive(Clone)]
pub(crate) struct Reading<'a> {
    pub(crate) state: &'a dyn Session,
    pub(crate) caches: &'a StorageCaches,
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) location: &'a Location,
}

impl Reading<'_> {
    pub(crate) fn shown(&self, file: &ObjectMeta) -> String {
        self.location.show(&file.location)
    }

    /// How many files are looked into at the same time.
    pub(crate) fn concurrency(&self) -> usize {
        self.state.config_options().execution.meta_fetch_concurrency.get()
    }
}

/// One format with the options of one table.
#[async_trait]
pub(crate) trait TableFormat: Debug + Send + Sync {
    fn kind(&self) -> FileFormat;

    /// Tells apart ways of reading that find different schemas in one file.
    fn fingerprint(&self) -> String;

    /// The schema of the columns that all files together have.
    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef>;

    /// The schema of a file as the reader yields it, before it is made to fit the table's. `None` when the reader yields
    /// the table's columns itself.
    async fn physical_schema(&self, _reading: &Reading<'_>, _file: &ObjectMeta) -> Result<Option<SchemaRef>> {
        Ok(None)
    }

    /// What the file tells about its rows without reading them, in the columns of `schema`, the file's own.
    async fn statistics(
        &self,
        _reading: &Reading<'_>,
        _file: &ObjectMeta,
        _schema: &SchemaRef,
    ) -> Result<Option<Statistics>> {
        Ok(None)
    }

    /// What the file leaves no doubt about, in the columns of `schema`, the file's own.
    async fn row_facts(
        &self,
        _reading: &Reading<'_>,
        _file: &ObjectMeta,
        _schema: &SchemaRef,
    ) -> Result<Option<RowFacts>> {
        Ok(None)
    }

    /// How many distinct values the columns of `schema`, the file's own, are thought to have in a table of `rows` rows.
    async fn distinct_values(
        &self,
        _reading: &Reading<'_>,
        _file: &ObjectMeta,
        _schema: &SchemaRef,
        _rows: u64,
    ) -> Result<Vec<Option<u64>>> {
        Ok(Vec::new())
    }

    /// The reader for a scan of `files`.
    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>>;

    /// How the files are compressed as a whole.
    fn compression(&self) -> FileCompressionType {
        FileCompressionType::UNCOMPRESSED
    }

    /// The extension of written files, without a leading dot.
    fn extension(&self) -> String;

    /// The same for files that many others are written beside, where it makes them hold fewer rows in memory.
    fn beside_others(&self) -> Option<Arc<dyn TableFormat>> {
        None
    }

    /// A plan that writes the rows of `input` as files, in the order that they are required to have.
    async fn writer(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>>;
}

/// The format with a table's options. `files` may be looked into for what the options leave open.
pub(crate) async fn open(
    kind: FileFormat,
    options: &BTreeMap<String, String>,
    reading: &Reading<'_>,
    files: &[ObjectMeta],
    declared: Option<&SchemaRef>,
) -> Result<Arc<dyn TableFormat>> {
    Ok(match kind {
        FileFormat::Parquet => Arc::new(parquet::Parquet::new(options, reading.state)?),
        FileFormat::Csv => Arc::new(csv::Csv::open(options, reading, files, declared).await?),
        FileFormat::Json => {
            let with_text = files.iter().filter(|file| file.size > 0);
            let names: Vec<&str> = with_text.filter_map(|file| file.location.filename()).collect();
            Arc::new(json::Json::new(options, &names)?)
        }
        FileFormat::Avro => Arc::new(avro::Avro::new(options)?),
        FileFormat::Arrow => Arc::new(arrow::ArrowIpc::new(options)?),
        FileFormat::Orc => Arc::new(orc::Orc::new(options)?),
        FileFormat::TextFile | FileFormat::JsonFile | FileFormat::Regex | FileFormat::OpenCsv => {
            Arc::new(of_lines(kind, options, declared.map(AsRef::as_ref))?)
        }
    })
}

/// One of Hive's formats of lines.
fn of_lines(
    kind: FileFormat,
    options: &BTreeMap<String, String>,
    declared: Option<&Schema>,
) -> Result<lines::LineTable> {
    let (format, extension): (Arc<dyn lines::RowFormat>, &str) = match kind {
        FileFormat::JsonFile => (Arc::new(json_serde::JsonSerde::new(options)?), "json"),
        FileFormat::Regex => (Arc::new(regex::RegexSerde::new(options)?), "txt"),
        FileFormat::OpenCsv => (Arc::new(open_csv::OpenCsv::new(options)?), "csv"),
        _ => (Arc::new(hive_text::HiveText::new(options)?), "txt"),
    };
    lines::LineTable::new(kind, format, extension, declared)
}

/// The format for new files. `name` is that of the one file to be written; empty for files in a folder.
pub(crate) fn for_output(
    kind: FileFormat,
    options: &BTreeMap<String, String>,
    state: &dyn Session,
    name: &str,
) -> Result<Arc<dyn TableFormat>> {
    Ok(match kind {
        FileFormat::Parquet => Arc::new(parquet::Parquet::new(options, state)?),
        FileFormat::Csv => Arc::new(csv::Csv::for_output(options, name)?),
        FileFormat::Json => Arc::new(json::Json::new(options, &[name])?),
        FileFormat::Avro => Arc::new(avro::Avro::new(options)?),
        FileFormat::Arrow => Arc::new(arrow::ArrowIpc::new(options)?),
        FileFormat::Orc => Arc::new(orc::Orc::new(options)?),
        FileFormat::TextFile | FileFormat::JsonFile | FileFormat::Regex | FileFormat::OpenCsv => {
            Arc::new(of_lines(kind, options, None)?)
        }
    })
}

/// DataFusion's own reader for the same rows, if this is a reader of ours.
pub(crate) fn plain_reader(source: &Arc<dyn FileSource>) -> Arc<dyn FileSource> {
    if let Some(json) = source.downcast_ref::<json::JsonTableSource>() {
        return json.plain();
    }
    if let Some(arrow) = source.downcast_ref::<arrow::ArrowTableSource>() {
        return arrow.plain();
    }
    Arc::clone(source)
}

/// Format and compression that a file's name tells by its extensions.
pub(crate) fn of_name(name: &str) -> Option<(FileFormat, CompressionTypeVariant)> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let (stem, compression) = split_compression(&name);
    let (_, extension) = stem.rsplit_once('.')?;
    let format = match extension {
        "csv" | "tsv" | "tbl" | "txt" => FileFormat::Csv,
        "json" | "jsonl" | "ndjson" => FileFormat::Json,
        // These compress inside; one that is compressed as a whole cannot be read from its end.
        _ if compression != CompressionTypeVariant::UNCOMPRESSED => return None,
        "parquet" | "parq" | "pq" => FileFormat::Parquet,
        "avro" => FileFormat::Avro,
        "arrow" | "ipc" | "feather" | "arrows" => FileFormat::Arrow,
        "orc" => FileFormat::Orc,
        _ => return None,
    };
    Some((format, compression))
}

/// Splits off the extension of a compressed file.
pub(crate) fn split_compression(name: &str) -> (&str, CompressionTypeVariant) {
    for (extension, compression) in [
        (".gz", CompressionTypeVariant::GZIP),
        (".bz2", CompressionTypeVariant::BZIP2),
        (".xz", CompressionTypeVariant::XZ),
        (".zst", CompressionTypeVariant::ZSTD),
    ] {
        if let Some(stem) = name.strip_suffix(extension) {
            return (stem, compression);
        }
    }
    (name, CompressionTypeVariant::UNCOMPRESSED)
}

/// Files that often lie beside data and are no data: their extension or, without one, their name.
const NO_DATA: [&str; 16] = [
    "md", "rst", "html", "pdf", "log", "sql", "hql", "py", "sh", "yaml", "yml", "toml", "crc", "lock", "readme",
    "license",
];

fn is_bystander(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let extension = lower.rsplit('.').next().unwrap_or(&lower);
    NO_DATA.contains(&extension)
}

/// Finds the one format of a location's files by their names and, where these say nothing, by their first bytes.
///
/// Returns the files that have it: pages such as `README.md` that lie in a folder of data are left out.
pub(crate) async fn detect(reading: &Reading<'_>, files: Vec<ObjectMeta>) -> Result<(FileFormat, Vec<ObjectMeta>)> {
    let mut format: Option<(FileFormat, usize)> = None;
    let mut data = Vec::with_capacity(files.len());
    let is_alone = files.len() == 1;
    for file in files {
        let name = file.location.filename().unwrap_or_default();
        let of_file = match of_name(name) {
            Some((of_file, _)) => of_file,
            None if !is_alone && is_bystander(name) => continue,
            None => match sniff(reading, &file).await? {
                Some(of_file) => of_file,
                None if file.size == 0 && !is_alone => continue,
                None => {
                    return Err(Error::statement(format!("the format of {} is not known", reading.shown(&file)))
                        .help("known extensions are .parquet, .csv, .tsv, .tbl, .txt, .json, .jsonl, .ndjson, .avro, .arrow, .orc")
                        .help("name the format in CREATE EXTERNAL TABLE … STORED AS, or choose files by a glob such as '*.csv'"));
                }
            },
        };
        match format {
            None => format = Some((of_file, data.len())),
            Some((known, _)) if known == of_file => {}
            Some((known, first)) => {
                let first: &ObjectMeta = &data[first];
                return Err(Error::statement(format!(
                    "the files have different formats: {} is {} and {} is {}",
                    reading.shown(first),
                    format_name(known),
                    reading.shown(&file),
                    format_name(of_file)
                ))
                .help("choose those of one format by a glob such as '*.parquet'"));
            }
        }
        data.push(file);
    }
    match format {
        Some((format, _)) => Ok((format, data)),
        None => Err(Error::storage(format!("there are no data files in {}", reading.location)).help(
            "known extensions are .parquet, .csv, .tsv, .tbl, .txt, .json, .jsonl, .ndjson, .avro, .arrow, .orc",
        )),
    }
}

/// The files that a table of a known format has: all, but not pages that lie beside files with the format's extension. A
/// file with the extension of another format among those is an error.
pub(crate) fn of_kind(reading: &Reading<'_>, kind: FileFormat, files: Vec<ObjectMeta>) -> Result<Vec<ObjectMeta>> {
    // Hive takes every file of a table for what the table says, whatever it is called.
    if matches!(kind, FileFormat::TextFile | FileFormat::JsonFile | FileFormat::Regex | FileFormat::OpenCsv) {
        return Ok(files);
    }
    let by_name = |file: &ObjectMeta| of_name(file.location.filename().unwrap_or_default()).map(|(format, _)| format);
    if !files.iter().any(|file| by_name(file) == Some(kind)) {
        return Ok(files);
    }
    if let Some((other, format)) =
        files.iter().find_map(|file| Some((file, by_name(file)?)).filter(|(_, f)| *f != kind))
    {
        return Err(Error::statement(format!(
            "the table's files are {}, and {} is {} by its name",
            format_name(kind),
            reading.shown(other),
            format_name(format)
        ))
        .help("choose those of one format by a glob such as '*.parquet'"));
    }
    let is_data =
        |file: &ObjectMeta| by_name(file).is_some() || !is_bystander(file.location.filename().unwrap_or_default());
    Ok(files.into_iter().filter(is_data).collect())
}

/// The format that a file's first bytes tell, if any.
async fn sniff(reading: &Reading<'_>, file: &ObjectMeta) -> Result<Option<FileFormat>> {
    let start = first_bytes(reading, file, 8).await?;
    Ok(match start.as_slice() {
        [b'P', b'A', b'R', b'1', ..] => Some(FileFormat::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(FileFormat::Arrow),
        [b'O', b'b', b'j', 1, ..] => Some(FileFormat::Avro),
        [b'O', b'R', b'C', ..] => Some(FileFormat::Orc),
        _ => None,
    })
}

/// The first bytes of a file as they are stored; fewer if the file is shorter.
pub(crate) async fn first_bytes(reading: &Reading<'_>, file: &ObjectMeta, count: u64) -> Result<Vec<u8>> {
    let end = count.min(file.size);
    if end == 0 {
        return Ok(Vec::new());
    }
    let options = GetOptions { range: Some(GetRange::Bounded(0..end)), ..Default::default() };
    let failed =
        |error: object_store::Error| store_error(&error, &reading.shown(file), reading.location.store_scheme());
    let result = reading.store.get_opts(&file.location, options).await.map_err(failed)?;
    Ok(result.bytes().await.map_err(failed)?.to_vec())
}

/// The schema of a file that states its own, from the cache or from `read`. What writers note beside fields differs from file to file
/// and says nothing about the rows: it is left out.
pub(crate) async fn stated_schema(
    format: &impl TableFormat,
    reading: &Reading<'_>,
    file: &ObjectMeta,
    read: impl Future<Output = Result<Fields>>,
) -> Result<Option<SchemaRef>> {
    let known = reading.caches.schemas(reading.location.store().as_str(), &format.fingerprint());
    if let Some(schema) = known.get(file) {
        return Ok(Some(schema));
    }
    if file.size == 0 {
        return Err(errors::empty_file(format.kind(), &reading.shown(file)));
    }
    let fields = read.await?;
    let fields = fields.iter().map(|field| field.as_ref().clone().with_metadata(Default::default()));
    Ok(Some(known.put(file, Arc::new(Schema::new(fields.collect::<Vec<Field>>())))))
}

/// The schemas of all files, read where they are not known already.
pub(crate) async fn schemas_of(
    format: &(impl TableFormat + ?Sized),
    reading: &Reading<'_>,
    files: &[ObjectMeta],
) -> Result<Vec<SchemaRef>> {
    let schemas = futures::stream::iter(0..files.len())
        .map(|index| async move {
            let file = &files[index];
            match format.physical_schema(reading, file).await? {
                Some(schema) => Ok(schema),
                None => Err(errors::damaged(format.kind(), &reading.shown(file), "it has no schema")),
            }
        })
        .buffered(reading.concurrency());
    let schemas: Vec<Result<SchemaRef>> = schemas.collect().await;
    schemas.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_format_and_compression() {
        use CompressionTypeVariant::*;
        for (name, expected) in [
            ("a.parquet", Some((FileFormat::Parquet, UNCOMPRESSED))),
            ("dir.x/A.PARQ", Some((FileFormat::Parquet, UNCOMPRESSED))),
            ("a.csv.gz", Some((FileFormat::Csv, GZIP))),
            ("a.tbl", Some((FileFormat::Csv, UNCOMPRESSED))),
            ("a.ndjson.zst", Some((FileFormat::Json, ZSTD))),
            ("a.feather", Some((FileFormat::Arrow, UNCOMPRESSED))),
            ("a.avro", Some((FileFormat::Avro, UNCOMPRESSED))),
            ("a.parquet.gz", None),
            ("parquet", None),
            ("a.gz", None),
            ("part-00001", None),
        ] {
            assert_eq!(of_name(name), expected, "{name}");
        }
    }

    #[test]
    fn pages_beside_data_are_known() {
        assert!(is_bystander("README.md") && is_bystander("LICENSE") && is_bystander("x.sql"));
        assert!(!is_bystander("part-00001") && !is_bystander("a.csv"));
    }
}
