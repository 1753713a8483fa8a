//! What the catalog knows about a database, a table, a view and a constraint.

use std::collections::BTreeMap;
use std::fmt;

use datafusion::arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// The database that is there from the start and cannot be dropped.
pub const DEFAULT_DATABASE: &str = "default";

/// A table or view in its database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
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

/// What a name in FROM can stand for.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    Table(Table),
    View(View),
}

impl Relation {
    pub fn name(&self) -> &TableName {
        match self {
            Relation::Table(table) => &table.name,
            Relation::View(view) => &view.name,
        }
    }
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
    /// Columns whose values come from folder names, outermost first; `None`: found from the folder names at the time of use.
    pub partition_columns: Option<Vec<Column>>,
    /// How the files are to be read, as given in OPTIONS: `header`, `delimiter`, `null`, … with lower-case keys.
    pub options: BTreeMap<String, String>,
    /// TBLPROPERTIES.
    pub properties: BTreeMap<String, String>,
    pub comment: Option<String>,
    pub constraints: Vec<Constraint>,
    pub statistics: Option<TableStatistics>,
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

/// A declared fact about a table's rows. What the optimizer may do with it depends on [`Constraint::rely`] and on evidence.
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

/// What is known of a table's size and columns, from ANALYZE or from reading the files once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableStatistics {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub columns: BTreeMap<String, ColumnStatistics>,
}

/// Minimum and maximum are texts that a CAST to the column's type reads back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ColumnStatistics {
    pub nulls: Option<u64>,
    pub distinct: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
}
