//! What Spark writes of a table into its properties.
//!
//! A metastore knows names in lower case and Hive's SerDes alone. Spark keeps its own schema, as JSON in parts, beside that of
//! the metastore; and of a table that was made with `USING csv`, what the metastore says of columns, format and location is a
//! placeholder.

use std::collections::BTreeMap;

use serde_json::Value;

use super::table::Layout;
use super::types::{in_lower_case, of_spark};
use super::wire;
use crate::catalog::model::{Column, FileFormat};
use crate::error::{Error, Result};

/// The prefix of Spark's properties.
const PREFIX: &str = "spark.sql.sources.";

/// What a table was made with by USING, in lower case; `None` for a table of Hive's kind.
pub(super) fn provider(table: &wire::Table) -> Option<String> {
    let provider = table.parameters.get(&format!("{PREFIX}provider"))?.to_lowercase();
    (provider != "hive").then_some(provider)
}

/// Whether the partitions are those that the metastore lists, and not those whose folders are there.
pub(super) fn has_partitions_in_metastore(table: &wire::Table) -> bool {
    provider(table).is_none()
        || table.parameters.get("spark.sql.partitionProvider").is_some_and(|kept| kept.eq_ignore_ascii_case("catalog"))
}

/// A table that was made with USING.
pub(super) fn layout(table: &wire::Table, provider: &str) -> Result<Layout> {
    let format = format(provider)?;
    let Some(all) = schema(table)? else {
        return Err(Error::statement("Spark made it with USING and left no schema in its properties"));
    };
    let partitions = partition_names(table);
    let mut partition_columns = Vec::new();
    for name in &partitions {
        match all.iter().find(|column| column.name.eq_ignore_ascii_case(name)) {
            Some(column) => partition_columns.push(column.clone()),
            None => return Err(Error::statement(format!("its schema lacks the partition column \"{name}\""))),
        }
    }
    let columns: Vec<Column> = all
        .into_iter()
        .filter(|column| !partition_columns.iter().any(|partition| partition.name == column.name))
        .collect();
    // The folder that the metastore names need not be there.
    let path = table.storage.serde.parameters.get("path").or(table.storage.location.as_ref());
    let location = path.cloned().ok_or_else(|| Error::statement("the metastore has no location for it"))?;
    let options = options(format, &table.storage.serde.parameters)?;
    Ok(Layout { format, options, location, columns, partition_columns })
}

/// The short name, or that of the class.
fn format(provider: &str) -> Result<FileFormat> {
    let class = provider.rsplit('.').next().unwrap_or(provider);
    match class {
        "parquet" | "parquetfileformat" | "parquetdatasourcev2" => Ok(FileFormat::Parquet),
        "orc" | "orcfileformat" | "orcdatasourcev2" => Ok(FileFormat::Orc),
        "csv" | "csvfileformat" | "csvdatasourcev2" => Ok(FileFormat::Csv),
        "json" | "jsonfileformat" | "jsondatasourcev2" => Ok(FileFormat::Json),
        "avro" | "avrofileformat" | "avrodatasourcev2" => Ok(FileFormat::Avro),
        // Each line is one value, whatever is in it.
        "text" | "textfileformat" | "textdatasourcev2" => Ok(FileFormat::Regex),
        _ => Err(Error::statement(format!("Spark made it with USING {provider}, which is not read"))
            .help("parquet, orc, csv, json, avro and text are read")),
    }
}

/// Options that say nothing about rows that are there already, or that have one meaning here.
const OF_NO_MATTER: &[&str] = &[
    "path",
    "serialization.format",
    "compression",
    "codec",
    "inferschema",
    "mergeschema",
    "mode",
    "prefersdate",
    "preferdate",
    "samplingratio",
    "quoteall",
    "escapequotes",
    "multiline",
    "maxcolumns",
    "maxcharspercolumn",
    "enforceschema",
    "dropfieldifallnull",
    "ignorenullfields",
];

/// How a reader here is told what OPTIONS of Spark say.
fn options(format: FileFormat, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    let mut set = |key: &str, value: &str| options.insert(key.to_string(), value.to_string());
    match format {
        FileFormat::Csv => {
            for (key, value) in [("header", "false"), ("delimiter", ","), ("escape", "\\"), ("ragged", "true")] {
                set(key, value);
            }
        }
        FileFormat::Regex => {
            set("input.regex", "(.*)");
        }
        FileFormat::Json => {}
        // They say all themselves.
        _ => return Ok(options),
    }
    for (key, value) in given {
        let lower = key.to_lowercase();
        match (format, lower.as_str()) {
            (_, known) if OF_NO_MATTER.contains(&known) || known.starts_with("spark.sql.") => {}
            (FileFormat::Csv, "header" | "quote" | "escape" | "comment") => {
                set(&lower, value);
            }
            (FileFormat::Csv, "sep" | "delimiter") => {
                set("delimiter", value);
            }
            (FileFormat::Csv, "nullvalue") => {
                set("null", value);
            }
            (_, "encoding" | "charset") if matches!(value.to_lowercase().as_str(), "utf-8" | "utf8") => {}
            (_, "linesep") if matches!(value.as_str(), "\n" | "\r\n") => {}
            _ => {
                return Err(Error::statement(format!(
                    "Spark made it with the option {key} = '{value}', which is not known here"
                )));
            }
        }
    }
    Ok(options)
}

/// Columns of a table of Hive's kind, as Spark spells them; unless Hive has changed them since, which counts.
pub(super) fn spell(table: &wire::Table, columns: &mut [Column], partitions: &mut [Column]) {
    // Its schema is beside the point for a table that is not Spark's.
    let Ok(Some(spelt)) = schema(table) else { return };
    let is_same = |(one, other): (&Column, &Column)| {
        one.name.eq_ignore_ascii_case(&other.name) && in_lower_case(&one.data_type) == in_lower_case(&other.data_type)
    };
    let count = columns.len() + partitions.len();
    if spelt.len() != count || !columns.iter().chain(partitions.iter()).zip(&spelt).all(is_same) {
        return;
    }
    for (column, spelt) in columns.iter_mut().chain(partitions).zip(spelt) {
        column.name = spelt.name;
        column.data_type = spelt.data_type;
    }
}

/// The names of a view's columns as Spark spells them, if they are still those that the metastore has.
pub(super) fn spelt_names(table: &wire::Table) -> Option<Vec<String>> {
    let names = schema(table).ok().flatten()?.into_iter().map(|column| column.name);
    let names: Vec<String> = names.collect();
    let own = &table.storage.columns;
    let is_same = |(one, other): (&String, &wire::FieldSchema)| one.eq_ignore_ascii_case(&other.name);
    (names.len() == own.len() && names.iter().zip(own).all(is_same)).then_some(names)
}

/// The schema in the properties, partition columns last: in one, or in as many as another says. `None` if there is none.
fn schema(table: &wire::Table) -> Result<Option<Vec<Column>>> {
    let Some(text) = text_in_parts(&table.parameters, "schema")? else { return Ok(None) };
    let damaged = |why: &str| Error::statement(format!("Spark's schema in its properties cannot be read: {why}"));
    let json: Value = serde_json::from_str(&text).map_err(|error| damaged(&error.to_string()))?;
    let fields = json.get("fields").and_then(Value::as_array).ok_or_else(|| damaged("it has no fields"))?;
    let columns = fields.iter().map(|field| {
        let name = field.get("name").and_then(Value::as_str).ok_or_else(|| damaged("a field has no name"))?;
        let data_type = field.get("type").ok_or_else(|| damaged("a field has no type"))?;
        let data_type = of_spark(data_type).map_err(|error| error.context(format!("column {name}")))?;
        let comment = field.get("metadata").and_then(|metadata| metadata.get("comment")).and_then(Value::as_str);
        Ok(Column { name: name.to_string(), data_type, comment: comment.map(str::to_string) })
    });
    columns.collect::<Result<Vec<_>>>().map(Some)
}

/// A value that is too long for one property: `name`, or `name.numParts` and `name.part.0`, `name.part.1`, …
fn text_in_parts(parameters: &BTreeMap<String, String>, name: &str) -> Result<Option<String>> {
    if let Some(whole) = parameters.get(&format!("{PREFIX}{name}")) {
        return Ok(Some(whole.clone()));
    }
    let Some(parts) = parameters.get(&format!("{PREFIX}{name}.numParts")) else { return Ok(None) };
    let parts: usize =
        parts.parse().map_err(|_| Error::statement(format!("Spark's {name} is in \"{parts}\" parts")))?;
    let mut whole = String::new();
    for number in 0..parts {
        match parameters.get(&format!("{PREFIX}{name}.part.{number}")) {
            Some(part) => whole.push_str(part),
            None => return Err(Error::statement(format!("part {number} of Spark's {name} is missing"))),
        }
    }
    Ok(Some(whole))
}

/// The partition columns by their order.
fn partition_names(table: &wire::Table) -> Vec<String> {
    let name = |number: usize| table.parameters.get(&format!("{PREFIX}schema.partCol.{number}"));
    (0..).map_while(name).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{field, table, text_map};
    use super::*;
    use crate::sql::types::to_sql;

    const SCHEMA: &str = r#"{"type":"struct","fields":[
        {"name":"eventId","type":"long","nullable":true,"metadata":{"comment":"counted"}},
        {"name":"Kind","type":"string","nullable":true,"metadata":{}},
        {"name":"Day","type":"date","nullable":true,"metadata":{}}]}"#;

    /// Made with USING, as Spark leaves it for formats that Hive cannot read: with one column that means nothing.
    fn using(provider: &str, more: &[(&str, &str)]) -> wire::Table {
        let mut made = table(
            "org.apache.hadoop.mapred.SequenceFileInputFormat",
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        );
        made.storage.columns = vec![field("col", "array<string>")];
        made.storage.location = Some("file:/lake/t-__PLACEHOLDER__".into());
        made.storage.serde.parameters = text_map(&[("path", "file:/lake/t"), ("serialization.format", "1")]);
        made.parameters = text_map(&[("spark.sql.sources.provider", provider), ("spark.sql.sources.schema", SCHEMA)]);
        made.parameters.extend(text_map(more));
        made
    }

    #[test]
    fn columns_partitions_and_place_are_in_the_properties() {
        let made = using(
            "parquet",
            &[("spark.sql.sources.schema.numPartCols", "1"), ("spark.sql.sources.schema.partCol.0", "Day")],
        );
        let layout = layout(&made, "parquet").unwrap();
        assert_eq!((layout.format, layout.location.as_str()), (FileFormat::Parquet, "file:/lake/t"));
        let shown = |columns: &[Column]| {
            columns.iter().map(|column| format!("{} {}", column.name, to_sql(&column.data_type))).collect::<Vec<_>>()
        };
        assert_eq!(shown(&layout.columns), ["eventId BIGINT", "Kind VARCHAR"]);
        assert_eq!(shown(&layout.partition_columns), ["Day DATE"]);
        assert_eq!(layout.columns[0].comment.as_deref(), Some("counted"));
        assert!(!has_partitions_in_metastore(&made));
        let listed = using("parquet", &[("spark.sql.partitionProvider", "catalog")]);
        assert!(has_partitions_in_metastore(&listed));
    }

    #[test]
    fn a_long_schema_is_in_parts() {
        let (one, two) = SCHEMA.split_at(100);
        let mut made = using(
            "orc",
            &[
                ("spark.sql.sources.schema.numParts", "2"),
                ("spark.sql.sources.schema.part.0", one),
                ("spark.sql.sources.schema.part.1", two),
            ],
        );
        made.parameters.remove("spark.sql.sources.schema");
        assert_eq!(layout(&made, "orc").unwrap().columns.len(), 3);
        made.parameters.remove("spark.sql.sources.schema.part.1");
        assert!(layout(&made, "orc").unwrap_err().message().contains("part 1 of Spark's schema is missing"));
    }

    #[test]
    fn csv_is_written_by_the_rules_of_spark() {
        let mut made = using("csv", &[]);
        made.storage.serde.parameters.extend(text_map(&[("sep", ";"), ("Header", "true"), ("nullValue", "NA")]));
        let options = layout(&made, "csv").unwrap().options;
        let expected = [("delimiter", ";"), ("escape", "\\"), ("header", "true"), ("null", "NA"), ("ragged", "true")];
        assert_eq!(options, text_map(&expected));
        made.storage.serde.parameters.insert("dateFormat".into(), "dd.MM.yyyy".into());
        let error = layout(&made, "csv").unwrap_err();
        assert!(error.message().contains("the option dateFormat = 'dd.MM.yyyy'"), "{error}");
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(format("org.apache.spark.sql.execution.datasources.json.jsonfileformat").unwrap(), FileFormat::Json);
        assert!(format("delta").unwrap_err().message().contains("USING delta"));
    }

    #[test]
    fn spark_spells_the_columns_of_hive_tables_until_hive_changes_them() {
        let mut made = using("parquet", &[]);
        made.parameters.remove("spark.sql.sources.provider");
        let columns = |names: &[(&str, &str)]| {
            let fields: Vec<_> = names.iter().map(|(name, data_type)| field(name, data_type)).collect();
            super::super::table::columns(&fields).unwrap()
        };
        let (mut own, mut partitions) =
            (columns(&[("eventid", "bigint"), ("kind", "string")]), columns(&[("day", "date")]));
        spell(&made, &mut own, &mut partitions);
        assert_eq!(
            (own[0].name.as_str(), own[1].name.as_str(), partitions[0].name.as_str()),
            ("eventId", "Kind", "Day")
        );
        let mut changed = columns(&[("eventid", "string"), ("kind", "string")]);
        spell(&made, &mut changed, &mut partitions);
        assert_eq!(changed[0].name, "eventid");
    }
}
