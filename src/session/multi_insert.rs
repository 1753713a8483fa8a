//! `FROM t INSERT … SELECT … INSERT … SELECT …`: what stands in FROM is read once
//!
//! Its rows, with the columns that some SELECT reads, go to a file in the folder for temporary files; each INSERT then reads that one. Where
//! the parts have nothing in common after all (a table function in a SELECT list adds to its FROM), each reads for itself.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, exec_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::spill_file::SpillFile;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use sqlparser::ast::{self, SelectItem, SetExpr, WildcardAdditionalOptions};

use super::plan::Planned;
use super::{Outcome, Session};
use crate::error::Result;
use crate::error::datafusion::in_statement;
use crate::sql::statement::{ParsedStatement, Statement};

/// The name of the table that stands for FROM. No one can write it.
const SHARED: &str = " shared";

impl Session {
    /// One after the other; the rows of all are counted.
    pub(super) async fn inserts(&self, inserts: &[Statement], parsed: &ParsedStatement) -> Result<Outcome> {
        let shared = match inserts.len() {
            0 | 1 => None,
            _ => self.shared_rows(inserts, parsed).await?,
        };
        let mut total = 0;
        for statement in inserts {
            let one = ParsedStatement { statement: statement.clone(), ..parsed.clone() };
            let written = match statement {
                Statement::InsertDirectory(insert) => {
                    Box::pin(self.insert_directory(insert, &one, shared.as_ref())).await?
                }
                Statement::Insert(insert) => match insert.as_ref() {
                    ast::Statement::Insert(insert) => {
                        match Box::pin(self.insert(insert, &one, shared.as_ref())).await? {
                            Outcome::Done { rows } => rows,
                            Outcome::Rows(_) => None,
                        }
                    }
                    _ => None,
                },
                _ => None,
            };
            total += written.unwrap_or_default();
        }
        Ok(Outcome::Done { rows: Some(total) })
    }

    /// The rows of FROM, if all parts have the same.
    async fn shared_rows(&self, inserts: &[Statement], parsed: &ParsedStatement) -> Result<Option<SharedRows>> {
        let Some(query) = common_from(inserts) else { return Ok(None) };
        let Planned { plan: LogicalPlan::Projection(all), state, .. } = self.plan_query(&query, &parsed.source).await?
        else {
            return Ok(None);
        };
        let from = Arc::unwrap_or_clone(all.input);
        let mut read = HashSet::new();
        for statement in inserts {
            let Some(source) = statement.query() else { return Ok(None) };
            let plan = self.plan_query(source, &parsed.source).await?.plan;
            if !columns_above(&plan, &from, &mut read)? {
                return Ok(None);
            }
        }
        let schema = Arc::clone(from.schema());
        let mut columns: Vec<Column> = schema.columns().into_iter().filter(|column| read.contains(column)).collect();
        if columns.is_empty() {
            // How many rows there are is known by some column only.
            columns.extend(schema.columns().into_iter().take(1));
        }
        let named = columns.iter().enumerate();
        let named = named.map(|(index, column)| Expr::Column(column.clone()).alias(format!("c{index}")));
        let narrow = LogicalPlanBuilder::from(from.clone()).project(named.collect::<Vec<_>>())?.build()?;
        let file = state.runtime_env().disk_manager.create_tmp_file("the rows of FROM")?;
        let mut execution = self.start(Planned { plan: narrow, state, names: Vec::new() }).await?;
        let rows_schema = execution.schema();
        write(&mut execution.stream, &rows_schema, file.as_ref())
            .await
            .map_err(|error| in_statement(&error, &parsed.source))?;
        Ok(Some(SharedRows { from, columns, rows: Arc::new(Rows { schema: rows_schema, file }) }))
    }
}

/// `SELECT * FROM …` of what all parts have in FROM.
fn common_from(inserts: &[Statement]) -> Option<ast::Query> {
    let mut common: Option<&ast::Query> = None;
    for statement in inserts {
        let source = statement.query()?;
        match common {
            None => common = Some(source),
            Some(first) if select(first)?.from == select(source)?.from && first.with == source.with => {}
            Some(_) => return None,
        }
    }
    let mut query = common?.clone();
    query.order_by = None;
    query.limit_clause = None;
    query.fetch = None;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    **select = ast::Select {
        projection: vec![all],
        selection: None,
        distinct: None,
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        having: None,
        qualify: None,
        named_window: Vec::new(),
        ..select.as_ref().clone()
    };
    Some(query)
}

fn select(query: &ast::Query) -> Option<&ast::Select> {
    match query.body.as_ref() {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

/// Adds the columns of `from` that the plan reads above it; whether it is there.
fn columns_above(plan: &LogicalPlan, from: &LogicalPlan, read: &mut HashSet<Column>) -> Result<bool> {
    let schema = from.schema();
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if node == from {
            found = true;
            return Ok(TreeNodeRecursion::Jump);
        }
        for expr in node.expressions() {
            expr.apply(|part| {
                if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part
                    && schema.has_column(column)
                {
                    let (relation, field) = schema.qualified_field(schema.index_of_column(column)?);
                    read.insert(Column::new(relation.cloned(), field.name()));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// What FROM gave.
pub(super) struct SharedRows {
    from: LogicalPlan,
    /// Those that are in the file, in its order.
    columns: Vec<Column>,
    rows: Arc<Rows>,
}

impl SharedRows {
    /// The plan with these rows in the place of FROM.
    pub(super) fn in_place_of_from(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(plan
            .transform_down_with_subqueries(|node| {
                if node != self.from {
                    return Ok(Transformed::no(node));
                }
                Ok(Transformed::new(self.scan(self.from.schema())?, true, TreeNodeRecursion::Jump))
            })?
            .data)
    }

    /// The columns of FROM under their names; those that nobody reads are NULL.
    fn scan(&self, schema: &DFSchema) -> datafusion::error::Result<LogicalPlan> {
        let table = StreamingTable::try_new(Arc::clone(&self.rows.schema), vec![Arc::clone(&self.rows) as _])?;
        let scan = LogicalPlanBuilder::scan(SHARED, provider_as_source(Arc::new(table)), None)?.build()?;
        let exprs = schema.iter().map(|(relation, field)| {
            let column = Column::new(relation.cloned(), field.name());
            let value = match self.columns.iter().position(|read| *read == column) {
                Some(index) => Expr::Column(Column::new(Some(SHARED), format!("c{index}"))),
                None => lit(ScalarValue::try_from(field.data_type())?),
            };
            Ok(value.alias_qualified(relation.cloned(), field.name()))
        });
        let exprs = exprs.collect::<datafusion::error::Result<Vec<_>>>()?;
        Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(scan))?))
    }
}

/// A file of batches, which goes when nobody reads it any more.
struct Rows {
    schema: SchemaRef,
    file: Arc<dyn SpillFile>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

async fn write(
    rows: &mut SendableRecordBatchStream,
    schema: &Schema,
    file: &dyn SpillFile,
) -> datafusion::error::Result<()> {
    let mut spill = file.open_writer()?;
    let mut writer = StreamWriter::try_new(&mut spill, schema)?;
    while let Some(batch) = rows.next().await {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    drop(writer);
    spill.finish()
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches: Box<dyn Iterator<Item = datafusion::error::Result<RecordBatch>> + Send> = match self.reader() {
            Ok(reader) => Box::new(reader.map(|batch| Ok(batch?))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(batches)))
    }
}

impl Rows {
    fn reader(&self) -> datafusion::error::Result<StreamReader<BufReader<File>>> {
        let path = self.file.path().ok_or_else(|| exec_datafusion_err!("the rows of FROM are in no file"))?;
        let file = File::open(path).map_err(DataFusionError::IoError)?;
        Ok(StreamReader::try_new(BufReader::new(file), None)?)
    }
}
