//! What the catalog knows about a database, a table, a view and a constraint.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::CATALOG;
use crate::error::{Error, Result};
use crate::names::nearest;

/// The database that is there from the start and cannot be dropped.
pub const DEFAULT_DATABASE: &str = "default";

/// A database of a catalog as it is called everywhere: `sales` in our own, `hive.sales` in the one that is called `hive`.
pub fn in_catalog(catalog: &str, database: &str) -> String {
    if catalog == CATALOG { database.to_string() } else { format!("{catalog}.{database}") }
}

/// The catalog and, in it, the database of such a name. (Databases of our own have no dot in their names.)
pub fn split_database(database: &str) -> (&str, &str) {
    database.split_once('.').unwrap_or((CATALOG, database))
}

/// The database that a name without a catalog means where `current` is the current one: one beside it.
pub fn beside(current: &str, database: &str) -> String {
    in_catalog(split_database(current).0, database)
}

/// A table or view in its database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// With its catalog in front if that is not our own: see [`in_catalog`].
    pub database: String,
    pub name: String,
}

impl TableName {
    pub fn new(database: impl Into<String>, name: impl Into<String>) -> Self {
        TableName { database: database.into(), name: name.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub comment: Option<String>,
    /// Where managed tables of this database lie; `None`: under the catalog's warehouse.
    pub location: Option<String>,
}

impl Database {
    /// A database with a name and nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Database { name: name.into(), comment: None, location: None }
    }
}

/// What a name in FROM can stand for.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    Table(Table),
    View(View),
}

impl From<Table> for Relation {
    fn from(table: Table) -> Self {
        Relation::Table(table)
    }
}

impl From<View> for Relation {
    fn from(view: View) -> Self {
        Relation::View(view)
    }
}

impl Relation {
    pub fn name(&self) -> &TableName {
        match self {
            Relation::Table(table) => &table.name,
            Relation::View(view) => &view.name,
        }
    }

    /// `table` or `view`, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Relation::Table(_) => "table",
            Relation::View(_) => "view",
        }
    }

    pub fn comment(&self) -> Option<&str> {
        match self {
            Relation::Table(table) => table.comment.as_deref(),
            Relation::View(view) => view.comment.as_deref(),
        }
    }
}

/// A table or view in the list of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationEntry {
    pub name: String,
    pub is_view: bool,
}

impl From<&Relation> for RelationEntry {
    fn from(relation: &Relation) -> Self {
        RelationEntry { name: relation.name().name.clone(), is_view: matches!(relation, Relation::View(_)) }
    }
}

/// A partition of a table whose catalog lists its partitions, in whatever folders they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Of the partition columns, in their order, as folders' names would have them; `None` is NULL.
    pub values: Vec<Option<String>>,
    /// URL or absolute path of a folder.
    pub location: String,
    /// Why its files cannot be read as the table's, if they cannot.
    pub unreadable: Option<String>,
}

/// Who owns the files of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// Ostrich: DROP TABLE deletes the files.
    Managed,
    /// Somebody else: DROP TABLE leaves the files alone.
    External,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    Parquet,
    Csv,
    Json,
    Avro,
    Arrow,
    Orc,
    /// Delimited text by Hive's rules, which differ from those of CSV.
    TextFile,
    /// JSON by Hive's rules: what does not fit a column is NULL.
    JsonFile,
    /// Lines that a regular expression takes apart.
    Regex,
    /// CSV as Hive's OpenCSVSerde reads it: line by line, all columns text.
    OpenCsv,
}

impl FileFormat {
    pub const ALL: [FileFormat; 10] = [
        FileFormat::Parquet,
        FileFormat::Csv,
        FileFormat::Json,
        FileFormat::Avro,
        FileFormat::Arrow,
        FileFormat::Orc,
        FileFormat::TextFile,
        FileFormat::JsonFile,
        FileFormat::Regex,
        FileFormat::OpenCsv,
    ];

    /// Whether rows are read by parsing text.
    pub fn is_text(self) -> bool {
        match self {
            FileFormat::Csv
            | FileFormat::Json
            | FileFormat::TextFile
            | FileFormat::JsonFile
            | FileFormat::Regex
            | FileFormat::OpenCsv => true,
            FileFormat::Parquet | FileFormat::Avro | FileFormat::Arrow | FileFormat::Orc => false,
        }
    }

    /// The word behind STORED AS.
    pub fn name(self) -> &'static str {
        match self {
            FileFormat::Parquet => "PARQUET",
            FileFormat::Csv => "CSV",
            FileFormat::Json => "JSON",
            FileFormat::Avro => "AVRO",
            FileFormat::Arrow => "ARROW",
            FileFormat::Orc => "ORC",
            FileFormat::TextFile => "TEXTFILE",
            FileFormat::JsonFile => "JSONFILE",
            FileFormat::Regex => "REGEX",
            FileFormat::OpenCsv => "OPENCSV",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FileFormat {
    type Err = Error;

    /// Reads the word behind STORED AS, in any case.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let names = Self::ALL.map(FileFormat::name);
            let error = Error::statement(format!("unknown file format \"{text}\""));
            match nearest(text, names) {
                Some(meant) => error.help(format!("did you mean {meant}?")),
                None => error.help(format!("the formats are {}", names.join(", "))),
            }
        })
    }
}

/// A table over files.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: TableName,
    pub kind: TableKind,
    pub format: FileFormat,
    /// URL or absolute path of a file, a folder (with a trailing `/`) or a glob.
    pub location: String,
    /// Columns stored in the files, in their declared order; empty: whatever the files have at the time of use.
    pub columns: Vec<Column>,
    /// Columns whose values come from folder names, outermost first; `None`: found from the folder names at the time
    /// of use.
    pub partition_columns: Option<Vec<Column>>,
    /// How the files are to be read, as given in OPTIONS: `header`, `delimiter`, `null`, … with lower-case keys.
    pub options: BTreeMap<String, String>,
    /// TBLPROPERTIES.
    pub properties: BTreeMap<String, String>,
    /// CLUSTERED BY: said of the files by whoever declared the table.
    pub buckets: Option<Buckets>,
    pub comment: Option<String>,
    pub constraints: Vec<Constraint>,
    pub statistics: Option<TableStatistics>,
}

impl Table {
    /// A table over somebody's files of which nothing but the place is declared.
    pub fn external(name: TableName, format: FileFormat, location: String) -> Self {
        Table {
            name,
            kind: TableKind::External,
            format,
            location,
            columns: Vec::new(),
            partition_columns: None,
            options: BTreeMap::new(),
            properties: BTreeMap::new(),
            buckets: None,
            comment: None,
            constraints: Vec::new(),
            statistics: None,
        }
    }
}

/// How another program divides the rows of each partition among files. Files that are written here are not divided so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets {
    /// Rows that are equal in these are in the same bucket.
    pub columns: Vec<String>,
    pub sorted_by: Vec<BucketSort>,
    pub count: u64,
}

/// What the rows of a bucket are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSort {
    pub column: String,
    pub descending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub comment: Option<String>,
}

/// A stored query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub name: TableName,
    /// The query's text as the user wrote it.
    pub sql: String,
    /// Names given in `CREATE VIEW v (a, b)`; empty: those of the query.
    pub columns: Vec<String>,
    /// The database that was current when the view was made: unqualified names in `sql` mean that one.
    pub database: String,
    /// The dialect that `sql` is written in.
    pub dialect: String,
    pub comment: Option<String>,
}

/// A declared fact about a table's rows. What the optimizer may do with it depends on [`Constraint::rely`] and on
/// evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    pub name: String,
    pub kind: ConstraintKind,
    /// ENABLE (true) or DISABLE: whether future writes are meant to keep it.
    pub enabled: bool,
    /// VALIDATE: checked on the data when it is declared.
    pub validate: bool,
    /// RELY: the optimizer may use it on the user's word alone.
    pub rely: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConstraintKind {
    PrimaryKey { columns: Vec<String> },
    Unique { columns: Vec<String> },
    ForeignKey { columns: Vec<String>, references: TableName, referenced_columns: Vec<String> },
    NotNull { columns: Vec<String> },
}

impl ConstraintKind {
    /// The columns of the table itself, in their declared order.
    pub fn columns(&self) -> &[String] {
        match self {
            ConstraintKind::PrimaryKey { columns }
            | ConstraintKind::Unique { columns }
            | ConstraintKind::ForeignKey { columns, .. }
            | ConstraintKind::NotNull { columns } => columns,
        }
    }

    /// The words that declare it.
    pub fn keywords(&self) -> &'static str {
        match self {
            ConstraintKind::PrimaryKey { .. } => "PRIMARY KEY",
            ConstraintKind::Unique { .. } => "UNIQUE",
            ConstraintKind::ForeignKey { .. } => "FOREIGN KEY",
            ConstraintKind::NotNull { .. } => "NOT NULL",
        }
    }
}

/// What is known of a table's size and columns, from ANALYZE or from another catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableStatistics {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub files: Option<u64>,
    pub columns: BTreeMap<String, ColumnStatistics>,
    /// What they were taken from; `None`: another catalog gave them, which does not say.
    pub basis: Option<Box<StatisticsBasis>>,
}

/// What statistics were taken from. Of other files they say nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsBasis {
    /// That of the list of files.
    pub digest: String,
    /// How the files were read.
    pub subject: String,
    /// To the microsecond.
    pub analyzed_at: DateTime<Utc>,
}

/// Minimum and maximum are texts that a CAST to the column's type reads back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnStatistics {
    pub nulls: Option<u64>,
    /// About how many different values there are.
    pub distinct: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
    /// The type that the column had, as SQL text. In another type they say nothing.
    pub data_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_other_catalogs_have_its_name_in_front() {
        assert_eq!(
            (in_catalog("ostrich", "sales"), in_catalog("hive", "sales")),
            ("sales".into(), "hive.sales".into())
        );
        assert_eq!(split_database("sales"), ("ostrich", "sales"));
        assert_eq!(split_database("hive.sales"), ("hive", "sales"));
        assert_eq!(
            (beside("default", "sales"), beside("hive.default", "sales")),
            ("sales".into(), "hive.sales".into())
        );
    }
}
