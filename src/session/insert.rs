//! INSERT INTO and INSERT OVERWRITE, with and without PARTITION.
//!
//! Which rows go in, and what they replace; `write.rs` does the rest.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::{self, Spanned, TableObject};

use super::multi_insert::SharedRows;
use super::partition_clause::{PartitionColumn, partition_spec, values_of};
use super::plan::Planned;
use super::resolve::{fold, no_table};
use super::write::Replaces;
use super::{Outcome, Session};
use crate::catalog::model::{Column, FileFormat, Relation, Table, TableKind, TableName};
use crate::error::{Error, Result};
use crate::functions;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::statement::{InsertDirectory, ParsedStatement};

impl Session {
    /// `shared`: the rows of its FROM, if others read them too.
    pub(super) async fn insert(
        &self,
        insert: &ast::Insert,
        parsed: &ParsedStatement,
        shared: Option<&SharedRows>,
    ) -> Result<Outcome> {
        let table = self.target(&insert.table, &parsed.source).await?;
        let folder = self.folder_to_write(&table).await?;
        let clause = insert.partitioned.as_deref().unwrap_or_default();
        let partition = partition_spec(clause, &table, &parsed.source)?;
        let (write, rows, replaces) = match insert.overwrite {
            false => {
                let rows = self.rows_for(insert, &table, &partition, parsed).await?;
                (self.begin_write(&folder).await?, rows, Replaces::Nothing)
            }
            true => {
                // Before the rows are planned: they may come from the table itself.
                let write = self.begin_locked_write(&folder).await?;
                match self.rows_for(insert, &table, &partition, parsed).await {
                    Ok(rows) => (write, rows, replaced(&table, &partition)),
                    Err(error) => {
                        write.abandon().await;
                        return Err(error);
                    }
                }
            }
        };
        let (rows, state) = rows;
        let rows = match shared {
            Some(shared) => shared.in_place_of_from(rows)?,
            None => rows,
        };
        let rows = self.write(&table, &folder, (rows, state), write, replaces, &parsed.source).await?;
        Ok(Outcome::Done { rows })
    }

    /// Rows into the files of a folder, in the place of all that are there. `shared`: as of [`Session::insert`].
    pub(super) async fn insert_directory(
        &self,
        insert: &InsertDirectory,
        parsed: &ParsedStatement,
        shared: Option<&SharedRows>,
    ) -> Result<Option<u64>> {
        let at = |error: Error| error.at(&parsed.source, insert.place_span);
        let folder = self.location(&insert.place).map_err(at)?.into_folder();
        if folder.is_glob() {
            return Err(at(Error::statement(format!("{folder} is a glob, and rows are written to one folder"))));
        }
        let write = self.begin_locked_write(&folder).await.map_err(at)?;
        let planned = async { self.plan_query(&insert.query, &parsed.source).await?.named_plan() };
        let (plan, state) = match planned.await {
            Ok(planned) => planned,
            Err(error) => {
                write.abandon().await;
                return Err(error);
            }
        };
        let columns = plan.schema().fields().iter().map(|field| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            comment: None,
        });
        let table = Table {
            name: TableName::new("", insert.place.as_str()),
            kind: TableKind::External,
            format: insert.format.unwrap_or(FileFormat::TextFile),
            location: folder.absolute(),
            columns: columns.collect(),
            partition_columns: None,
            options: insert.options.iter().cloned().collect(),
            properties: Default::default(),
            buckets: None,
            comment: None,
            constraints: Vec::new(),
            statistics: None,
        };
        let plan = match shared {
            Some(shared) => shared.in_place_of_from(plan)?,
            None => plan,
        };
        let replaces = if insert.overwrite { Replaces::Everything } else { Replaces::Nothing };
        self.write(&table, &folder, (plan, state), write, replaces, &parsed.source).await
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

    /// What is said of a query that gives more or fewer columns than are written; `None` if it does not.
    async fn other_count(&self, insert: &ast::Insert, table: &Table, parsed: &ParsedStatement) -> Option<Error> {
        let query = insert.source.as_ref()?;
        let given = self.plan_query(query, &parsed.source).await.ok()?.plan.schema().fields().len();
        let columns = columns_of(insert, table);
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let error = wrong_count(&table.name, &names, "", &format!("the query gives {given}"));
        (given != columns.len()).then(|| error.at(&parsed.source, query.span()))
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
            require_full_rows(insert, table, parsed)?;
            // DataFusion matches columns and types, and complains about those that do not fit.
            let planned = match self.plan(parsed).await {
                Err(error) if error.message().contains("Column count doesn't match insert query") => {
                    return Err(self.other_count(insert, table, parsed).await.unwrap_or(error));
                }
                planned => planned?,
            };
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
            let names: Vec<&str> = of_rows.iter().map(|name| name.as_str()).collect();
            return Err(wrong_count(&table.name, &names, &beside, &format!("the query gives {}", given.len())));
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

/// INSERT whose rows have more or fewer values than there are columns for them.
fn wrong_count(table: &TableName, columns: &[&str], beside: &str, given: &str) -> Error {
    let counted = if columns.len() == 1 { "1 column".to_string() } else { format!("{} columns", columns.len()) };
    Error::statement(format!("{table} takes {counted}{beside}, and {given}"))
        .help(format!("the columns are: {}", columns.join(", ")))
}

/// The columns that the rows of an INSERT are for, without PARTITION.
fn columns_of(insert: &ast::Insert, table: &Table) -> Vec<String> {
    match insert.columns.as_slice() {
        [] => all_columns(table).into_iter().map(|(name, _)| name).collect(),
        columns => columns.iter().filter_map(|name| name.0.last()?.as_ident()).map(fold).collect(),
    }
}

/// Each row of VALUES has a value for each column.
fn require_full_rows(insert: &ast::Insert, table: &Table, parsed: &ParsedStatement) -> Result<()> {
    let Some(ast::SetExpr::Values(values)) = insert.source.as_ref().map(|query| query.body.as_ref()) else {
        return Ok(());
    };
    let columns = columns_of(insert, table);
    let wrong = values.rows.iter().enumerate().find(|(_, row)| row.content.len() != columns.len());
    let Some((number, row)) = wrong else { return Ok(()) };
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let count = row.content.len();
    let given = match values.rows.len() {
        1 => format!("VALUES gives {count}"),
        _ => format!("row {} of VALUES gives {count}", number + 1),
    };
    let place = row.content.iter().map(Spanned::span).reduce(|whole, next| whole.union(&next));
    let error = wrong_count(&table.name, &names, "", &given);
    Err(match place {
        Some(place) => error.at(&parsed.source, place),
        None => error,
    })
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
        false => Replaces::Partitions(values_of(partition, table)),
    }
}
