//! What a user can say.
//!
//! Queries stay sqlparser's AST and go on to DataFusion. Everything about the catalog and the session is ours: what
//! DataFusion's own statements mean (CREATE EXTERNAL TABLE, constraints, SHOW, SET) does not fit a lake's catalog.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::format::ExplainStatementOptions;
use sqlparser::ast::{self, Ident, ObjectName};

use super::dialect::Dialect;
use super::source::{Source, Span};
use crate::catalog::model::{Buckets, FileFormat};

/// A statement with its text and place.
#[derive(Debug, Clone)]
pub struct ParsedStatement {
    pub statement: Statement,
    pub source: Arc<Source>,
    /// Where it stands in the source.
    pub span: Span,
    pub dialect: Dialect,
    /// What of the text has no effect, for the user to know.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum Statement {
    /// SELECT, VALUES, WITH …: rows come back.
    Query(Box<ast::Statement>),
    /// INSERT INTO … of any source.
    Insert(Box<ast::Statement>),
    Explain(Box<Explain>),
    Tune(Box<Tune>),
    Copy(Box<Copy>),
    CreateDatabase(CreateDatabase),
    DropDatabase(DropDatabase),
    Use(Ident),
    CreateTable(Box<CreateTable>),
    CreateView(CreateView),
    Drop(Drop),
    AlterTable(Box<AlterTable>),
    ChangeRows(Box<ChangeRows>),
    Analyze(Analyze),
    Repair(Repair),
    Truncate(Truncate),
    Load(Load),
    /// `FROM t INSERT … INSERT …`: each is an [`Statement::Insert`] or [`Statement::InsertDirectory`] with that FROM.
    Inserts(Vec<Statement>),
    InsertDirectory(Box<InsertDirectory>),
    Show(Show),
    Describe(Describe),
    Set(Set),
    Reset(String),
}

impl Statement {
    /// The word for it in `--stats`.
    pub fn kind(&self) -> &'static str {
        match self {
            Statement::Query(_) => "select",
            Statement::Insert(_) => "insert",
            Statement::Explain(_) | Statement::Tune(_) => "explain",
            Statement::Copy(_) => "copy",
            Statement::CreateDatabase(_) => "create_database",
            Statement::DropDatabase(_) => "drop_database",
            Statement::Use(_) => "use",
            Statement::CreateTable(create) if create.query.is_some() => "create_table_as",
            Statement::CreateTable(_) => "create_table",
            Statement::CreateView(_) => "create_view",
            Statement::Drop(drop) if drop.view => "drop_view",
            Statement::Drop(_) => "drop_table",
            Statement::AlterTable(_) => "alter_table",
            Statement::ChangeRows(change) if change.is_update => "update",
            Statement::ChangeRows(_) => "delete",
            Statement::Analyze(_) => "analyze_table",
            Statement::Repair(_) => "repair_table",
            Statement::Truncate(_) => "truncate_table",
            Statement::Load(_) => "load_data",
            Statement::Inserts(_) | Statement::InsertDirectory(_) => "insert",
            Statement::Show(_) => "show",
            Statement::Describe(_) => "describe",
            Statement::Set(_) => "set",
            Statement::Reset(_) => "reset",
        }
    }

    /// The query in it, if its rows come from one: that of INSERT … SELECT, CREATE TABLE … AS and CREATE VIEW too.
    pub fn query(&self) -> Option<&ast::Query> {
        match self {
            Statement::Query(ast) | Statement::Insert(ast) | Statement::Describe(Describe::Query(ast)) => {
                match ast.as_ref() {
                    ast::Statement::Query(query) => Some(query),
                    ast::Statement::Insert(insert) => insert.source.as_deref(),
                    _ => None,
                }
            }
            Statement::Copy(copy) => match &copy.source {
                CopySource::Query(query) => Some(query),
                CopySource::Table(_) => None,
            },
            Statement::CreateTable(create) => create.query.as_deref(),
            Statement::CreateView(create) => Some(&create.query),
            Statement::InsertDirectory(insert) => Some(&insert.query),
            Statement::Explain(explain) => explain.statement.query(),
            Statement::Tune(tune) => tune.statement.query(),
            _ => None,
        }
    }

    /// The query whose rows an INSERT writes.
    pub(super) fn rows_of_insert(&mut self) -> Option<&mut ast::Query> {
        match self {
            Statement::Insert(ast) => match ast.as_mut() {
                ast::Statement::Insert(insert) => insert.source.as_deref_mut(),
                _ => None,
            },
            Statement::InsertDirectory(insert) => Some(&mut insert.query),
            _ => None,
        }
    }
}

/// `EXPLAIN [ANALYZE] [VERBOSE] [FORMAT …] statement`
#[derive(Debug, Clone)]
pub struct Explain {
    pub options: ExplainStatementOptions,
    pub statement: Statement,
}

/// `EXPLAIN TUNE [ANALYZE] [FORMAT TEXT | JSON] statement`, `EXPLAIN RULES statement`
#[derive(Debug, Clone)]
pub struct Tune {
    pub form: TuneForm,
    pub statement: Statement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TuneForm {
    /// What it needs and what it costs. `analyze`: it is run for that.
    Report { analyze: bool, json: bool },
    /// What each optimizer rule changed.
    Rules,
}

/// `COPY t | (query) TO 'place' [STORED AS format] [PARTITIONED BY (…)] [OPTIONS (…)]`
#[derive(Debug, Clone)]
pub struct Copy {
    pub source: CopySource,
    pub target: String,
    pub target_span: Span,
    pub format: Option<FileFormat>,
    pub partitioned_by: Vec<Ident>,
    pub options: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub enum CopySource {
    Table(ObjectName),
    Query(Box<ast::Query>),
}

#[derive(Debug, Clone)]
pub struct CreateDatabase {
    pub name: Ident,
    pub if_not_exists: bool,
    pub comment: Option<String>,
    pub location: Option<String>,
}

#[derive(Debug, Clone)]
pub struct DropDatabase {
    pub name: Ident,
    pub if_exists: bool,
    pub cascade: bool,
}

#[derive(Debug, Clone)]
pub struct CreateTable {
    pub name: ObjectName,
    /// Of this session alone.
    pub temporary: bool,
    pub external: bool,
    pub or_replace: bool,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDefinition>,
    /// Names alone, for the columns of `query`.
    pub names: Vec<Ident>,
    pub constraints: Vec<ConstraintDefinition>,
    pub comment: Option<String>,
    /// Partition columns; a type is left out where the column is declared above or the query gives it.
    pub partitioned_by: Vec<PartitionColumn>,
    pub format: Option<FileFormat>,
    pub location: Option<(String, Span)>,
    pub options: Vec<(String, String)>,
    pub properties: Vec<(String, String)>,
    pub buckets: Option<Buckets>,
    pub query: Option<Box<ast::Query>>,
    /// The table whose columns, partitions and format it takes.
    pub like: Option<ObjectName>,
}

#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    pub name: Ident,
    pub data_type: ast::DataType,
    pub comment: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PartitionColumn {
    pub name: Ident,
    pub data_type: Option<ast::DataType>,
    pub comment: Option<String>,
}

/// `[CONSTRAINT name] PRIMARY KEY (…) | UNIQUE (…) | FOREIGN KEY (…) REFERENCES t (…) | NOT NULL (…)` with its words on trust.
#[derive(Debug, Clone)]
pub struct ConstraintDefinition {
    pub name: Option<Ident>,
    pub kind: ConstraintDefinitionKind,
    pub enabled: bool,
    pub validate: bool,
    pub rely: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ConstraintDefinitionKind {
    PrimaryKey(Vec<Ident>),
    Unique(Vec<Ident>),
    /// Without a list behind the table: its primary key.
    ForeignKey {
        columns: Vec<Ident>,
        references: ObjectName,
        referenced_columns: Vec<Ident>,
    },
    NotNull(Vec<Ident>),
}

#[derive(Debug, Clone)]
pub struct CreateView {
    pub name: ObjectName,
    /// Of this session alone.
    pub temporary: bool,
    pub or_replace: bool,
    pub if_not_exists: bool,
    pub columns: Vec<Ident>,
    pub comment: Option<String>,
    pub query: Box<ast::Query>,
    /// The query as it was written, with its variables filled in.
    pub sql: String,
}

/// `DROP TABLE | VIEW [IF EXISTS] a, b`
#[derive(Debug, Clone)]
pub struct Drop {
    pub view: bool,
    pub if_exists: bool,
    pub names: Vec<ObjectName>,
}

#[derive(Debug, Clone)]
pub struct AlterTable {
    pub name: ObjectName,
    pub if_exists: bool,
    pub action: AlterAction,
}

/// `DELETE FROM t [AS a] [WHERE …]`, `UPDATE t [AS a] SET b = …, … [WHERE …]`
#[derive(Debug, Clone)]
pub struct ChangeRows {
    pub table: ObjectName,
    pub is_update: bool,
    /// The columns that SET assigns to.
    pub columns: Vec<Ident>,
    /// The numbers of the rows concerned, and their new values, from a table of another name
    /// ([`TARGET`](super::parser::change_rows::TARGET)).
    pub rows: Box<ast::Query>,
}

/// `ANALYZE TABLE t [PARTITION (…)] COMPUTE STATISTICS …`
#[derive(Debug, Clone)]
pub struct Analyze {
    pub table: ObjectName,
    pub partition: Vec<ast::Expr>,
    pub what: Analyzed,
}

/// What is to be known of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Analyzed {
    /// How many files and bytes: no file is looked into.
    Files,
    Rows,
    /// Rows, and these columns.
    Columns(Vec<Ident>),
    AllColumns,
}

/// `MSCK REPAIR TABLE t`: the partitions of a table are what its folders say whenever it is read, so that there is nothing to repair; the
/// table is looked at.
#[derive(Debug, Clone)]
pub struct Repair {
    pub table: ObjectName,
}

/// `TRUNCATE TABLE t [PARTITION (…)]`
#[derive(Debug, Clone)]
pub struct Truncate {
    pub table: ObjectName,
    pub partition: Vec<ast::Expr>,
}

/// `LOAD DATA [LOCAL] INPATH 'place' [OVERWRITE] INTO TABLE t [PARTITION (…)]`
#[derive(Debug, Clone)]
pub struct Load {
    pub place: String,
    pub place_span: Span,
    /// LOCAL: the files stay where they are, too.
    pub copies: bool,
    pub overwrite: bool,
    pub table: ObjectName,
    pub partition: Vec<ast::Expr>,
}

/// `INSERT OVERWRITE DIRECTORY 'place' [ROW FORMAT …] [STORED AS …] SELECT …`
#[derive(Debug, Clone)]
pub struct InsertDirectory {
    pub place: String,
    pub place_span: Span,
    /// Whether the files that are there go.
    pub overwrite: bool,
    pub format: Option<FileFormat>,
    pub options: Vec<(String, String)>,
    pub query: Box<ast::Query>,
}

#[derive(Debug, Clone)]
pub enum AlterAction {
    Rename(ObjectName),
    SetProperties(Vec<(String, String)>),
    UnsetProperties {
        names: Vec<String>,
        if_exists: bool,
    },
    AddColumns {
        columns: Vec<ColumnDefinition>,
        if_not_exists: bool,
    },
    AddConstraint(ConstraintDefinition),
    DropConstraint {
        name: Ident,
        if_exists: bool,
    },
    /// `VALIDATE CONSTRAINT name`: checks it on the data.
    ValidateConstraint(Ident),
    AddPartitions {
        partitions: Vec<NewPartition>,
        if_not_exists: bool,
    },
    DropPartitions {
        partitions: Vec<Vec<ast::Expr>>,
        if_exists: bool,
    },
    /// `PARTITION (…) RENAME TO PARTITION (…)`
    RenamePartition {
        from: Vec<ast::Expr>,
        to: Vec<ast::Expr>,
    },
    /// `EXCHANGE PARTITION (…) WITH TABLE u`: its files come from there.
    ExchangePartition {
        partition: Vec<ast::Expr>,
        with: ObjectName,
    },
    /// `[PARTITION (…)] SET LOCATION 'place'`
    SetLocation {
        partition: Vec<ast::Expr>,
        place: String,
        place_span: Span,
    },
    /// Another word for MSCK REPAIR TABLE.
    RecoverPartitions,
    ChangeColumn(ChangeColumn),
    ReplaceColumns(Vec<ColumnDefinition>),
    DropColumn {
        name: Ident,
        if_exists: bool,
    },
}

/// A partition to be made, with the place that was given for it.
#[derive(Debug, Clone)]
pub struct NewPartition {
    pub values: Vec<ast::Expr>,
    pub place: Option<(String, Span)>,
}

/// `CHANGE a b TYPE [COMMENT '…'] [FIRST | AFTER c]`, `RENAME COLUMN a TO b`, `ALTER COLUMN a TYPE …`. What is `None` stays.
#[derive(Debug, Clone)]
pub struct ChangeColumn {
    pub name: Ident,
    pub new_name: Option<Ident>,
    pub data_type: Option<ast::DataType>,
    pub comment: Option<String>,
    pub place: Option<ColumnPlace>,
}

#[derive(Debug, Clone)]
pub enum ColumnPlace {
    First,
    After(Ident),
}

#[derive(Debug, Clone)]
pub enum Show {
    Catalogs {
        like: Option<String>,
    },
    Databases {
        catalog: Option<Ident>,
        like: Option<String>,
    },
    Tables {
        database: Option<Ident>,
        like: Option<String>,
    },
    Views {
        database: Option<Ident>,
        like: Option<String>,
    },
    Columns {
        table: ObjectName,
        like: Option<String>,
    },
    CreateTable(ObjectName),
    Partitions {
        table: ObjectName,
        partition: Vec<ast::Expr>,
    },
    Functions {
        like: Option<String>,
    },
    /// All settings, or those whose names begin so.
    Settings {
        prefix: Option<String>,
    },
    Variables,
}

#[derive(Debug, Clone)]
pub enum Describe {
    Table(ObjectName),
    /// `DESCRIBE t column`
    Column(ObjectName, Ident),
    /// `DESCRIBE FORMATTED | EXTENDED t [column] [PARTITION (…)]`: all that is known, as Hive lays it out.
    Formatted {
        table: ObjectName,
        column: Option<Ident>,
        partition: Vec<ast::Expr>,
    },
    Query(Box<ast::Statement>),
}

/// `SET name = value`
#[derive(Debug, Clone)]
pub struct Set {
    pub name: String,
    pub value: String,
    pub name_span: Span,
}

/// Tokens of a statement with their places in the source, and the bytes of the expanded text that each covers.
#[derive(Debug)]
pub(crate) struct StatementText {
    pub text: String,
    pub ranges: Vec<Range<usize>>,
}
