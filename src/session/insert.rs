//! INSERT INTO and INSERT OVERWRITE, with and without PARTITION.
//!
//! The rows go to hidden files first; when all are written, the files take their places and those of the rows that are overwritten go,
//! at once for every reader (`storage/commit`). On an object store, where nothing can be moved, rows are appended file by file, and
//! overwriting is refused.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::scalar::ScalarValue;
use percent_encoding::percent_decode_str;
use sqlparser::ast::{self, BinaryOperator, Ident, Spanned, TableObject, Value};

use super::multi_insert::SharedRows;
use super::plan::Planned;
use super::resolve::{fold, no_table};
use super::{Outcome, Session};
use crate::catalog::model::{Column, FileFormat, Relation, Table, TableKind, TableName};
use crate::error::{Error, Result};
use crate::functions;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::statement::{InsertDirectory, ParsedStatement};
use crate::storage::commit::{Staging, WriteLock};
use crate::storage::location::Location;
use crate::storage::partitions::{NULL_PARTITION, key_and_value};

/// What the rows of a write replace.
#[derive(Debug, Clone)]
pub(super) enum Replaces {
    Nothing,
    Everything,
    /// The partitions that have the values, whether new rows come or not.
    Partitions(Vec<(String, Option<String>)>),
    /// The partitions into which rows come.
    Touched,
    /// The files in these folders.
    Folders(HashSet<String>),
    /// These files.
    Files(HashSet<String>),
}

/// A partition column in `PARTITION (…)`, with its value if it has one.
pub(super) struct PartitionColumn {
    pub name: String,
    pub value: Option<ScalarValue>,
}

impl PartitionColumn {
    /// The value as a folder's name has it; `None` for NULL and without one.
    pub(super) fn text(&self) -> Option<String> {
        self.value.as_ref().filter(|value| !value.is_null()).map(ToString::to_string)
    }
}

impl Session {
    /// `shared`: the rows of its FROM, if others read them too.
    pub(super) async fn insert(
        &self,
        insert: &ast::Insert,
        parsed: &ParsedStatement,
        shared: Option<&SharedRows>,
    ) -> Result<Outcome> {
        let table = self.target(&insert.table, &parsed.source).await?;
        let location = Location::parse(&table.location, &self.base)?;
        let Some(root) = location.local_root() else {
            if insert.overwrite || insert.partitioned.is_some() {
                return Err(Error::statement(format!(
                    "{} is on an object store, where rows can only be appended",
                    table.name
                ))
                .help("CREATE TABLE … AS writes to a new place"));
            }
            return self.run_planned(parsed).await;
        };
        if !location.is_folder() {
            // The error of the writer says why.
            return self.run_planned(parsed).await;
        }
        let partition = partition_columns(insert, &table, &parsed.source)?;
        // Before the rows are read: they may come from the table itself.
        let lock = if insert.overwrite { Some(self.write_lock(&root).await?) } else { None };
        let (rows, state) = self.rows_for(insert, &table, &partition, parsed).await?;
        let rows = match shared {
            Some(shared) => shared.in_place_of_from(rows)?,
            None => rows,
        };
        let replaces = match insert.overwrite {
            false => Replaces::Nothing,
            true => replaced(&table, &partition),
        };
        let rows = self.write(&table, rows, state, lock, replaces, &parsed.source).await?;
        Ok(Outcome::Done { rows })
    }

    /// Rows into the files of a folder, in the place of all that are there.
    pub(super) async fn insert_directory(
        &self,
        insert: &InsertDirectory,
        parsed: &ParsedStatement,
    ) -> Result<Option<u64>> {
        let at = |error: Error| error.at(&parsed.source, insert.place_span);
        let location = self.location(&insert.place).map_err(at)?.into_folder();
        let Some(root) = location.local_root() else {
            return Err(at(Error::statement("INSERT OVERWRITE DIRECTORY writes to this machine's disk")
                .help("COPY (SELECT …) TO 's3://…' writes to an object store")));
        };
        let lock = self.write_lock(&root).await?;
        let planned = self.plan_query(&insert.query, &parsed.source).await?;
        let (plan, state) = planned.named_plan()?;
        let columns = plan.schema().fields().iter().map(|field| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            comment: None,
        });
        let table = Table {
            name: TableName::new("", insert.place.as_str()),
            kind: TableKind::External,
            format: insert.format.unwrap_or(FileFormat::TextFile),
            location: location.absolute(),
            columns: columns.collect(),
            partition_columns: None,
            options: insert.options.iter().cloned().collect(),
            properties: Default::default(),
            buckets: None,
            comment: None,
            constraints: Vec::new(),
            statistics: None,
        };
        let replaces = if insert.overwrite { Replaces::Everything } else { Replaces::Nothing };
        self.write(&table, plan, state, Some(lock), replaces, &parsed.source).await
    }

    pub(super) async fn write_lock(&self, root: &Path) -> Result<WriteLock> {
        WriteLock::wait(root, self.own_settings().lock_timeout()).await
    }

    /// Writes rows that have the table's columns into new files, and makes them part of the table.
    pub(super) async fn write(
        &self,
        table: &Table,
        rows: LogicalPlan,
        state: SessionState,
        lock: Option<WriteLock>,
        replaces: Replaces,
        source: &Arc<Source>,
    ) -> Result<Option<u64>> {
        let location = Location::parse(&table.location, &self.base)?;
        let Some(root) = location.local_root() else {
            return Err(Error::statement(format!("{} is not on this machine's disk", table.name)));
        };
        let staging = Staging::begin(&root)?;
        let folder = staging.folder();
        let mut staged = table.clone();
        staged.location = format!("{}/", folder.display());
        let open = self.tables.open(&self.context.state(), &staged).await?;
        // What the parts of a UNION have in common, for one, is not yet settled in the plan, and the sink takes batches as they come.
        let typed = rows.schema().columns().into_iter().zip(all_columns(table)).map(|(column, (name, data_type))| {
            Expr::Cast(Cast::new(Box::new(Expr::Column(column)), data_type)).alias(name)
        });
        let typed: Vec<Expr> = typed.collect();
        let rows = LogicalPlanBuilder::from(rows).project(typed)?.build()?;
        let plan = LogicalPlanBuilder::insert_into(
            rows,
            table.name.name.as_str(),
            provider_as_source(Arc::new(open)),
            InsertOp::Append,
        )?
        .build()?;
        let mut execution = self.start(Planned { plan, state, names: Vec::new() }).await?;
        let count = super::copy::count_written(&mut execution.stream, source).await?;
        drop(execution);
        let lock = match lock {
            Some(lock) => lock,
            None => self.write_lock(&root).await?,
        };
        let replaced = self.replaced_files(&location, &replaces, &staging.files()?).await?;
        staging.commit(&lock, replaced)?;
        Ok(count)
    }

    /// The files that a write replaces, below the table's folder. The caller has the table's lock.
    pub(super) async fn replaced_files(
        &self,
        location: &Location,
        replaces: &Replaces,
        added: &[String],
    ) -> Result<Vec<String>> {
        if matches!(replaces, Replaces::Nothing) {
            return Ok(Vec::new());
        }
        let store = self.context.state().runtime_env().object_store(location.store())?;
        let found = crate::storage::listing::list(&store, location).await?;
        let touched: HashSet<_> = added.iter().map(|file| partition_of(file)).collect();
        let goes = |file: &str| match replaces {
            Replaces::Nothing => false,
            Replaces::Everything => true,
            Replaces::Touched => touched.contains(&partition_of(file)),
            Replaces::Files(files) => files.contains(file),
            Replaces::Folders(folders) => is_in_one_of(file, folders),
            Replaces::Partitions(wanted) => {
                let has = partition_of(file);
                wanted.iter().all(|value| has.contains(value))
            }
        };
        let files = found.files.iter().filter_map(|file| location.below(&file.location));
        Ok(files.filter(|file| goes(file)).map(str::to_string).collect())
    }

    pub(super) async fn target(&self, table: &TableObject, source: &Arc<Source>) -> Result<Table> {
        let TableObject::TableName(name) = table else {
            return Err(Error::statement("rows are inserted into a table").help("INSERT INTO t SELECT …"));
        };
        self.table_to_change(name, source).await
    }

    /// A table of the catalog that a statement changes.
    pub(super) async fn table_to_change(&self, name: &ast::ObjectName, source: &Arc<Source>) -> Result<Table> {
        self.require_own(&self.table_name(name)?).map_err(|error| error.at(source, name.span()))?;
        self.table_to_read(name, source).await
    }

    /// A table that a statement names, and no view.
    pub(super) async fn table_to_read(&self, name: &ast::ObjectName, source: &Arc<Source>) -> Result<Table> {
        let at = |error: Error| error.at(source, name.span());
        let found = self.table_name(name)?;
        match self.metastore.relation(&found).await? {
            Some(Relation::Table(table)) => Ok(table),
            Some(Relation::View(_)) => {
                Err(at(Error::statement(format!("{found} is a view, which has no rows of its own"))))
            }
            None => Err(at(no_table(self.metastore.as_ref(), &found).await)),
        }
    }

    /// The rows to be written: the table's columns in the table's order and types.
    async fn rows_for(
        &self,
        insert: &ast::Insert,
        table: &Table,
        partition: &[PartitionColumn],
        parsed: &ParsedStatement,
    ) -> Result<(LogicalPlan, SessionState)> {
        if parsed.dialect == Dialect::Ansi && insert.partitioned.is_none() {
            // DataFusion matches columns and types, and complains about those that do not fit.
            let planned = self.plan(parsed).await?;
            let LogicalPlan::Dml(dml) = planned.plan else {
                return Err(Error::statement("this is no INSERT"));
            };
            return Ok((Arc::unwrap_or_clone(dml.input), planned.state));
        }
        let Some(source) = &insert.source else { return Err(Error::statement("INSERT needs VALUES or a query")) };
        let Planned { plan, state, .. } = self.plan_query(source, &parsed.source).await?;
        let named: Vec<String> = match insert.columns.as_slice() {
            [] => insert.after_columns.iter().map(fold).collect(),
            columns => columns.iter().filter_map(|name| name.0.last()?.as_ident()).map(fold).collect(),
        };
        let columns = all_columns(table);
        if let Some(unknown) = named.iter().find(|name| !columns.iter().any(|(column, _)| column == *name)) {
            return Err(Error::statement(format!("no column \"{unknown}\" in {}", table.name)));
        }
        let is_static = |name: &str| partition.iter().any(|column| column.name == name && column.value.is_some());
        let of_rows: Vec<&String> = match named.is_empty() {
            true => columns.iter().map(|(name, _)| name).filter(|name| !is_static(name)).collect(),
            false => {
                let dynamic = partition.iter().filter(|column| column.value.is_none()).map(|column| &column.name);
                named.iter().chain(dynamic.filter(|name| !named.contains(name))).collect()
            }
        };
        let given = plan.schema().columns();
        if given.len() != of_rows.len() {
            let fixed = partition.iter().filter(|column| column.value.is_some()).count();
            let beside = if fixed > 0 { format!(" beside the {fixed} of PARTITION") } else { String::new() };
            return Err(Error::statement(format!(
                "{} takes {} columns{beside}, and the query gives {}",
                table.name,
                of_rows.len(),
                given.len()
            ))
            .help(format!(
                "the columns are: {}",
                of_rows.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
            )));
        }
        let value = |name: &String, data_type: &DataType| -> Expr {
            let fixed = partition.iter().find(|column| column.name == *name).and_then(|column| column.value.clone());
            let value = match (fixed, of_rows.iter().position(|column| *column == name)) {
                (Some(value), _) => lit(value),
                (None, Some(position)) => Expr::Column(given[position].clone()),
                (None, None) => lit(ScalarValue::Null),
            };
            // Always: what type a column has is settled only when the plan is analyzed.
            functions::cast(parsed.dialect, value, data_type).alias(name.as_str())
        };
        let projected: Vec<Expr> = columns.iter().map(|(name, data_type)| value(name, data_type)).collect();
        let projected = LogicalPlanBuilder::from(plan).project(projected)?.build()?;
        Ok((projected, state))
    }
}

/// The table's columns, those of partitions last.
pub(super) fn all_columns(table: &Table) -> Vec<(String, DataType)> {
    let partitions = table.partition_columns.iter().flatten();
    table.columns.iter().chain(partitions).map(|column| (column.name.clone(), column.data_type.clone())).collect()
}

/// What INSERT OVERWRITE replaces: the partitions with the values that are written out; where a value comes from the rows, those that get rows.
fn replaced(table: &Table, partition: &[PartitionColumn]) -> Replaces {
    if table.partition_columns.as_ref().is_none_or(Vec::is_empty) {
        return Replaces::Everything;
    }
    match partition.is_empty() || partition.iter().any(|column| column.value.is_none()) {
        true => Replaces::Touched,
        false => Replaces::Partitions(partition.iter().map(|column| (column.name.clone(), column.text())).collect()),
    }
}

/// The names and values in a file's folders, with `None` for NULL.
pub(super) fn partition_of(file: &str) -> Vec<(String, Option<String>)> {
    let folders = file.rsplit_once('/').map_or("", |(folders, _)| folders);
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    folders
        .split('/')
        .filter_map(key_and_value)
        .map(|(key, value)| (decode(key), Some(value).filter(|value| *value != NULL_PARTITION).map(decode)))
        .collect()
}

/// Whether a file lies in one of the folders, or in a folder therein.
fn is_in_one_of(file: &str, folders: &HashSet<String>) -> bool {
    let mut folder = file;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if folders.contains(above) {
            return true;
        }
        folder = above;
    }
    false
}

/// `PARTITION (dt = '2024-01-01', country)`
fn partition_columns(insert: &ast::Insert, table: &Table, source: &Arc<Source>) -> Result<Vec<PartitionColumn>> {
    partition_spec(insert.partitioned.as_deref().unwrap_or_default(), table, source)
}

/// The columns of a PARTITION clause, checked against the table, in the table's types.
pub(super) fn partition_spec(
    clause: &[ast::Expr],
    table: &Table,
    source: &Arc<Source>,
) -> Result<Vec<PartitionColumn>> {
    let mut columns: Vec<PartitionColumn> = Vec::new();
    for expr in clause {
        let (name, value) = match expr {
            ast::Expr::Identifier(name) => (name, None),
            ast::Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match left.as_ref() {
                ast::Expr::Identifier(name) => (name, Some(literal(right, source)?)),
                other => return Err(no_spec(other, source)),
            },
            other => return Err(no_spec(other, source)),
        };
        let column = partition_column(name, table, source)?;
        let value = match value {
            None => None,
            Some(value) => Some(value.cast_to(&column.1).map_err(|_| {
                Error::statement(format!("{value} is no {} for the partition column {}", column.1, column.0))
                    .at(source, name.span)
            })?),
        };
        if columns.iter().any(|earlier| earlier.name == column.0) {
            return Err(Error::statement(format!("PARTITION names {} twice", column.0)).at(source, name.span));
        }
        if value.is_some() && columns.iter().any(|earlier| earlier.value.is_none()) {
            return Err(Error::statement("partition columns with a value come before those without")
                .at(source, name.span)
                .help("the values of the others come from the last columns of the rows"));
        }
        columns.push(PartitionColumn { name: column.0, value });
    }
    Ok(columns)
}

pub(super) fn partition_column(name: &Ident, table: &Table, source: &Arc<Source>) -> Result<(String, DataType)> {
    let folded = name.value.to_lowercase();
    let known = table.partition_columns.as_deref().unwrap_or_default();
    match known.iter().find(|column| column.name.to_lowercase() == folded) {
        Some(column) => Ok((column.name.clone(), column.data_type.clone())),
        None => {
            let error = Error::statement(format!("{} has no partition column \"{}\"", table.name, name.value))
                .at(source, name.span);
            let names: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
            Err(match names.as_slice() {
                [] => error.help("it is not partitioned"),
                names => error.help(format!("its partition columns are: {}", names.join(", "))),
            })
        }
    }
}

fn no_spec(expr: &ast::Expr, source: &Arc<Source>) -> Error {
    Error::statement(format!("PARTITION takes columns and their values, not {expr}"))
        .at(source, expr.span())
        .help("PARTITION (dt = '2024-01-01', country)")
}

/// A value that is written out.
pub(super) fn literal(expr: &ast::Expr, source: &Arc<Source>) -> Result<ScalarValue> {
    let value = match expr {
        ast::Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(match text.parse::<i64>() {
                Ok(number) => ScalarValue::from(number),
                Err(_) => ScalarValue::from(text.as_str()),
            }),
            Value::SingleQuotedString(text) => Some(ScalarValue::from(text.as_str())),
            Value::Boolean(value) => Some(ScalarValue::from(*value)),
            Value::Null => Some(ScalarValue::Utf8(None)),
            _ => None,
        },
        ast::Expr::TypedString(typed) => match &typed.value.value {
            Value::SingleQuotedString(text) => Some(ScalarValue::from(text.as_str())),
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: inner } => match literal(inner, source)? {
            ScalarValue::Int64(Some(number)) => number.checked_neg().map(ScalarValue::from),
            _ => None,
        },
        _ => None,
    };
    value.ok_or_else(|| {
        Error::statement(format!("the value of a partition is a literal, not {expr}"))
            .at(source, expr.span())
            .help("leave the value out, and select it as the last column")
    })
}
