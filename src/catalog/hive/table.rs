//! A metastore's table as a table or view of ours.
//!
//! What a table is stands in several places that may contradict each other. Of a table that Spark made with USING, only the
//! properties count (see [`spark`]); of others, the storage descriptor. A table that would be read wrongly (one
//! with deltas, one of a format on top of files) is an error that says so, and never rows.

use std::collections::BTreeMap;

use super::types;
use super::wire::{self, FieldSchema, StorageDescriptor};
use super::{spark, views};
use crate::catalog::model::{Column, FileFormat, Relation, Table, TableKind, TableName};
use crate::error::{Error, Result};
use crate::storage::{HiveNames, HiveStorage};

/// The table or view, called by the name that it has here.
pub(super) fn relation(name: TableName, table: &wire::Table) -> Result<Relation> {
    let found = match is_view(&table.kind) {
        true => views::view(name.clone(), table).map(Relation::View),
        false => files(name.clone(), table).map(Relation::Table),
    };
    found.map_err(|error| error.context(format!("table {name}")))
}

pub(super) fn is_view(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("VIRTUAL_VIEW")
}

fn files(name: TableName, table: &wire::Table) -> Result<Table> {
    require_plain_files(table)?;
    let layout = match spark::provider(table) {
        Some(provider) => spark::layout(table, &provider)?,
        None => hive_layout(table)?,
    };
    let Layout { format, options, location, columns, partition_columns } = layout;
    if columns.is_empty() {
        return Err(Error::statement("the metastore has no columns for it"));
    }
    Ok(Table {
        name,
        // Whoever owns the files, it is not Ostrich.
        kind: TableKind::External,
        format,
        location: folder(&location),
        columns,
        partition_columns: Some(partition_columns),
        options,
        properties: properties(&table.parameters),
        buckets: None,
        comment: comment(&table.parameters),
        constraints: Vec::new(),
        statistics: None,
    })
}

/// What the files of a table are.
#[derive(Debug)]
pub(super) struct Layout {
    pub format: FileFormat,
    pub options: BTreeMap<String, String>,
    pub location: String,
    pub columns: Vec<Column>,
    pub partition_columns: Vec<Column>,
}

/// By the storage descriptor; names of columns as Spark spells them, where it made the table.
fn hive_layout(table: &wire::Table) -> Result<Layout> {
    let storage = &table.storage;
    let Storage { format, options } = storage_of(storage, &table.parameters)?;
    let mut columns = self::columns(&storage.columns)?;
    let mut partition_columns = self::columns(&table.partition_keys)?;
    spark::spell(table, &mut columns, &mut partition_columns);
    if format == FileFormat::OpenCsv {
        // It knows texts alone, whatever the columns were declared as.
        columns.iter_mut().for_each(|column| column.data_type = datafusion::arrow::datatypes::DataType::Utf8View);
    }
    let location = storage.location.clone().ok_or_else(|| Error::statement("the metastore has no location for it"))?;
    Ok(Layout { format, options, location, columns, partition_columns })
}

/// How files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub format: FileFormat,
    pub options: BTreeMap<String, String>,
}

/// The format and options of a table or of one of its partitions. `parameters` are the table's.
pub(super) fn storage_of(storage: &StorageDescriptor, parameters: &BTreeMap<String, String>) -> Result<Storage> {
    let names = HiveNames {
        stored_as: None,
        serde: some(&storage.serde.library),
        input_format: some(&storage.input_format),
        output_format: some(&storage.output_format),
    };
    let Some(HiveStorage { format, options: implied }) = HiveStorage::of(names)? else {
        return Err(Error::statement("the metastore has neither SerDe nor input format for it"));
    };
    let mut options: BTreeMap<String, String> =
        implied.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let known = options_of(format);
    // Hive takes those of its SerDe; what it does not know there means nothing.
    for (key, value) in parameters.iter().chain(&storage.serde.parameters) {
        let key = key.to_lowercase();
        if known.contains(&key.as_str()) {
            options.insert(key, value.clone());
        }
    }
    // It stands in every table, and means `field.delim` where that is missing.
    if options.contains_key("field.delim") || options.get("serialization.format").is_some_and(|text| text == "1") {
        options.remove("serialization.format");
    }
    Ok(Storage { format, options })
}

fn some(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// The properties that the readers of Hive's formats know.
fn options_of(format: FileFormat) -> &'static [&'static str] {
    match format {
        FileFormat::TextFile => &[
            "field.delim",
            "serialization.format",
            "collection.delim",
            "colelction.delim",
            "mapkey.delim",
            "escape.delim",
            "line.delim",
            "serialization.null.format",
            "serialization.last.column.takes.rest",
            "serialization.encoding",
            "timestamp.formats",
            "hive.lazysimple.extended_boolean_literal",
            "hive.serialization.extend.nesting.levels",
            "hive.serialization.extend.additional.nesting.levels",
            "skip.header.line.count",
            "skip.footer.line.count",
        ],
        FileFormat::JsonFile => &[
            "ignore.malformed.json",
            "json.binary.format",
            "timestamp.formats",
            "skip.header.line.count",
            "skip.footer.line.count",
        ],
        FileFormat::Regex => {
            &["input.regex", "input.regex.case.insensitive", "skip.header.line.count", "skip.footer.line.count"]
        }
        FileFormat::OpenCsv => {
            &["separatorchar", "quotechar", "escapechar", "skip.header.line.count", "skip.footer.line.count"]
        }
        FileFormat::Parquet
        | FileFormat::Orc
        | FileFormat::Avro
        | FileFormat::Csv
        | FileFormat::Json
        | FileFormat::Arrow => &[],
    }
}

/// Refuses what is more, or something else, than the files in its folder.
fn require_plain_files(table: &wire::Table) -> Result<()> {
    let property = |key: &str| {
        let found = table.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    };
    if property("transactional").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Error::statement("it is transactional, and the deltas of Hive's ACID tables are not read")
            .help("in Hive, CREATE TABLE … STORED AS PARQUET TBLPROPERTIES ('transactional' = 'false') AS SELECT … makes a copy"));
    }
    if let Some(kind) = property("table_type").filter(|kind| !kind.is_empty()) {
        return Err(Error::statement(format!("it is a table of {}, which is not read", titled(kind))));
    }
    if let Some(handler) = property("storage_handler").filter(|handler| !handler.is_empty()) {
        return Err(Error::statement(format!("its rows come from {handler}, and not from files")));
    }
    if table.kind.eq_ignore_ascii_case("INDEX_TABLE") {
        return Err(Error::statement("it is an index of Hive's"));
    }
    Ok(())
}

/// `ICEBERG` as a name.
fn titled(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default()
}

pub(super) fn columns(fields: &[FieldSchema]) -> Result<Vec<Column>> {
    fields
        .iter()
        .map(|field| {
            let data_type =
                types::of_hive(&field.type_name).map_err(|error| error.context(format!("column {}", field.name)))?;
            let comment = field.comment.clone().filter(|comment| !comment.is_empty());
            Ok(Column { name: field.name.clone(), data_type, comment })
        })
        .collect()
}

/// A place as ours, with the slash that folders end with. Hadoop's texts for files are no URLs: `%` in them is a percent sign.
pub(super) fn folder(location: &str) -> String {
    let place = match location.strip_prefix("file:") {
        Some(path) => format!("/{}", path.trim_start_matches('/')),
        None => location.to_string(),
    };
    if place.ends_with('/') { place } else { place + "/" }
}

pub(super) fn comment(parameters: &BTreeMap<String, String>) -> Option<String> {
    parameters.get("comment").cloned().filter(|comment| !comment.is_empty())
}

/// What somebody has said of the table; not what Hive and Spark note for themselves.
pub(super) fn properties(parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    const NOTES: &[&str] = &[
        "comment",
        "external",
        "transient_lastddltime",
        "last_modified_by",
        "last_modified_time",
        "numfiles",
        "numrows",
        "numpartitions",
        "numfileserasurecoded",
        "rawdatasize",
        "totalsize",
        "column_stats_accurate",
        "stats_generated_via_stats_task",
        "bucketing_version",
        "presto_query_id",
        "presto_version",
        "trino_query_id",
        "trino_version",
    ];
    let is_note = |key: &str| {
        let key = key.to_lowercase();
        NOTES.contains(&key.as_str()) || key.starts_with("spark.sql.") || key.starts_with("view.")
    };
    let said = parameters.iter().filter(|(key, _)| !is_note(key));
    said.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{field, table, text_map};
    use super::*;

    fn name() -> TableName {
        TableName::new("hive.sales", "t")
    }

    fn read(table: &wire::Table) -> Table {
        match relation(name(), table).unwrap() {
            Relation::Table(table) => table,
            Relation::View(view) => panic!("{view:?}"),
        }
    }

    fn refusal(table: &wire::Table) -> String {
        relation(name(), table).unwrap_err().to_string()
    }

    #[test]
    fn a_table_of_text_has_its_delimiters() {
        let mut text =
            table("org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe");
        text.storage.serde.parameters = text_map(&[
            ("field.delim", "|"),
            ("serialization.format", "|"),
            ("colelction.delim", ","),
            ("unknown", "x"),
        ]);
        text.parameters = text_map(&[
            ("comment", "what it is"),
            ("skip.header.line.count", "1"),
            ("owner", "me"),
            ("numRows", "7"),
            ("spark.sql.create.version", "4"),
        ]);
        text.partition_keys = vec![field("dt", "date")];
        let read = read(&text);
        assert_eq!((read.format, read.kind), (FileFormat::TextFile, TableKind::External));
        assert_eq!(
            read.options,
            text_map(&[("field.delim", "|"), ("colelction.delim", ","), ("skip.header.line.count", "1")])
        );
        assert_eq!(read.properties, text_map(&[("owner", "me"), ("skip.header.line.count", "1")]));
        assert_eq!(read.comment.as_deref(), Some("what it is"));
        assert_eq!(read.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id", "name"]);
        assert_eq!(read.partition_columns.unwrap()[0].name, "dt");
        assert_eq!(read.location, "/lake/t/");
    }

    #[test]
    fn formats_that_say_all_themselves_have_no_options() {
        let mut parquet = table(
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        );
        parquet.storage.serde.parameters = text_map(&[("serialization.format", "1"), ("path", "/else")]);
        let read = read(&parquet);
        assert_eq!((read.format, read.options.len(), read.location.as_str()), (FileFormat::Parquet, 0, "/lake/t/"));
        assert_eq!(read.partition_columns, Some(Vec::new()));
    }

    #[test]
    fn what_would_be_read_wrongly_is_refused() {
        let parquet = || {
            table(
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            )
        };
        for (key, value, expected) in [
            ("transactional", "TRUE", "table hive.sales.t: it is transactional"),
            ("table_type", "ICEBERG", "it is a table of Iceberg"),
            (
                "storage_handler",
                "org.apache.hadoop.hive.hbase.HBaseStorageHandler",
                "come from org.apache.hadoop.hive.hbase",
            ),
            ("spark.sql.sources.provider", "delta", "USING delta"),
        ] {
            let mut table = parquet();
            table.parameters = text_map(&[(key, value)]);
            assert!(refusal(&table).contains(expected), "{}", refusal(&table));
        }
        let mut xml = parquet();
        xml.storage.serde.library = Some("com.example.XmlSerDe".into());
        assert!(refusal(&xml).contains("com.example.XmlSerDe"));
        let mut union = parquet();
        union.storage.columns.push(field("u", "uniontype<int,string>"));
        assert!(refusal(&union).contains("column u: the type uniontype<int,string> is not known"));
        let mut nowhere = parquet();
        nowhere.storage.location = None;
        assert!(refusal(&nowhere).contains("no location"));
        let mut bare = parquet();
        bare.storage.columns.clear();
        assert!(refusal(&bare).contains("no columns"));
    }

    #[test]
    fn places_are_those_of_hadoop() {
        assert_eq!(folder("file:/lake/a%20b"), "/lake/a%20b/");
        assert_eq!(folder("file:///lake/a/"), "/lake/a/");
        assert_eq!(folder("s3a://bucket/a"), "s3a://bucket/a/");
        assert_eq!(folder("/lake/a"), "/lake/a/");
    }
}
