//! From a statement to a logical plan, and on to rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::{CopyToSource, ExplainStatement, Statement as PlannedStatement};
use futures::StreamExt;
use sqlparser::ast;

use super::call_places::CallPlaces;
use super::resolve::StatementTables;
use super::{Outcome, Rows, Session};
use crate::error::datafusion::{in_statement, is_column_twice, is_negation};
use crate::error::{Error, Result};
use crate::execution::planning;
use crate::functions;
use crate::optimizer::{count_equal_rows, eliminate_dependent_joins, move_subqueries_below_groups};
use crate::sql::dialect::Dialect;
use crate::sql::rewrite;
use crate::sql::source::Source;
use crate::sql::statement::{ParsedStatement, Statement};

/// A statement that is ready to run.
pub(super) struct Planned {
    pub plan: LogicalPlan,
    pub state: SessionState,
    /// What the columns of the result are called.
    pub names: Vec<String>,
}

impl Planned {
    /// The plan with its columns called by the names that the user wrote: for tables and views made of it.
    ///
    /// # Errors
    ///
    /// If two columns have one name.
    pub(super) fn named_plan(self) -> Result<(LogicalPlan, SessionState)> {
        let columns = self.plan.schema().columns();
        if columns.iter().map(|column| &column.name).eq(&self.names) {
            return Ok((self.plan, self.state));
        }
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = self.names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::statement(format!("the query gives two columns \"{twice}\""))
                .help("give one of them another name with AS"));
        }
        let named = columns.into_iter().zip(self.names).map(|(column, name)| Expr::Column(column).alias(name));
        let plan = LogicalPlanBuilder::from(self.plan).project(named)?.build()?;
        Ok((plan, self.state))
    }
}

impl Session {
    /// Plans and starts a query, INSERT, EXPLAIN or COPY.
    pub(super) async fn run_planned(&self, parsed: &ParsedStatement) -> Result<Outcome> {
        let start = Instant::now();
        let planned = self.plan(parsed).await?;
        let to_logical = start.elapsed();
        let writes = matches!(planned.plan, LogicalPlan::Dml(_) | LogicalPlan::Copy(_));
        let names = planned.names.clone();
        let mut execution = self.start(planned).await?;
        if writes {
            let rows = super::copy::count_written(&mut execution.stream, &parsed.source).await?;
            return Ok(Outcome::Done { rows });
        }
        Ok(Outcome::Rows(Rows {
            planning: to_logical + execution.planning,
            stream: renamed(execution.stream, &names),
            plan: Some(execution.plan),
            notes: execution.notes,
            dropped: if execution.as_written { Vec::new() } else { self.trace.removed_joins() },
        }))
    }

    /// Resolves names and types.
    pub(super) async fn plan(&self, parsed: &ParsedStatement) -> Result<Planned> {
        let tables = self.tables_to_scan(parsed.dialect);
        self.plan_statement(&parsed.statement, &tables, &parsed.source).await
    }

    async fn plan_statement(
        &self,
        statement: &Statement,
        tables: &StatementTables,
        source: &Arc<Source>,
    ) -> Result<Planned> {
        match statement {
            Statement::Query(ast) | Statement::Insert(ast) => {
                plan_ast(PlannedStatement::Statement(ast.clone()), tables, source).await
            }
            Statement::Copy(copy) => self.plan_copy(copy, tables, source).await,
            Statement::Explain(explain) => {
                let inner = match &explain.statement {
                    Statement::Query(ast) | Statement::Insert(ast) => PlannedStatement::Statement(ast.clone()),
                    Statement::Copy(copy) => self.copy_statement(copy)?,
                    _ => return Err(Error::statement("this statement has no plan to explain")),
                };
                let explain = ExplainStatement { options: explain.options.clone(), statement: Box::new(inner) };
                plan_ast(PlannedStatement::Explain(explain), tables, source).await
            }
            _ => Err(Error::statement("this statement has no plan")),
        }
    }

    /// The plan of a query over this session's tables.
    pub(super) async fn plan_query(&self, query: &ast::Query, source: &Arc<Source>) -> Result<Planned> {
        let tables = self.tables_to_scan(self.dialect());
        let statement = ast::Statement::Query(Box::new(query.clone()));
        plan_ast(PlannedStatement::Statement(Box::new(statement)), &tables, source).await
    }
}

/// The same rows under other names.
fn renamed(stream: SendableRecordBatchStream, names: &[String]) -> SendableRecordBatchStream {
    let schema = stream.schema();
    if schema.fields().len() != names.len() || schema.fields().iter().map(|field| field.name()).eq(names) {
        return stream;
    }
    let fields: Vec<Field> =
        schema.fields().iter().zip(names).map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let given = Arc::clone(&schema);
    let batches = stream.map(move |batch| {
        let batch = batch?;
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&given), batch.columns().to_vec(), &rows)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Resolves the tables first, so that an unknown one is named with its place and column names can be matched without regard to case,
/// then lets DataFusion plan.
pub(super) async fn plan_ast(
    mut statement: PlannedStatement,
    tables: &StatementTables,
    source: &Arc<Source>,
) -> Result<Planned> {
    let state = tables.state();
    if let Some(numbers) = tables.numbers() {
        super::numbered::number(numbers, &mut statement, tables, source);
    }
    let references = state.resolve_table_references(&statement).map_err(|error| in_statement(&error, source))?;
    let columns = tables.open_all(&references, &statement, source).await?;
    rewrite::fold_column_case(&mut statement, &columns);
    if tables.dialect() == Dialect::Hive {
        name_columns(&mut statement, tables, source).await?;
    }
    write_out_joins(&mut statement, tables, source).await?;
    match tables.dialect() {
        Dialect::Ansi => rewrite::resolve_where_aliases(&mut statement, &columns),
        Dialect::Hive => super::patterns::check(&statement, source)?,
    }
    let is_explain = matches!(statement, PlannedStatement::Explain(_));
    let as_written = query_within(&mut statement).is_some().then(|| statement.clone());
    let mut names = query_of(&mut statement).map(rewrite::remember_names).unwrap_or_default();
    let planned = match to_logical(statement, tables, source).await {
        Err(Unplanned::ColumnTwice(error)) => {
            let apart = as_written.and_then(|mut statement| {
                match (query_of(&mut statement), is_explain) {
                    (Some(query), _) => names = rewrite::tell_all_apart(query)?,
                    (None, true) => drop(rewrite::tell_all_apart(query_within(&mut statement)?)?),
                    // The names are those of what is written.
                    (None, false) => rewrite::name_casts(query_within(&mut statement)?).then_some(())?,
                }
                Some(statement)
            });
            let Some(apart) = apart else { return Err(error) };
            // That was not the reason if it does not help.
            to_logical(apart, tables, source).await.map_err(|_| Unplanned::Otherwise(error))
        }
        planned => planned,
    };
    let (plan, state) = planned?;
    let names = names.of_result(plan.schema().as_arrow());
    let plan = tables.with_foreign_keys(plan).await?;
    Ok(Planned { plan, state, names })
}

/// Gives the columns of table functions those names that depend on what they are called with.
async fn name_columns(statement: &mut PlannedStatement, tables: &StatementTables, source: &Arc<Source>) -> Result<()> {
    while let Some(query) = rewrite::hive::own_names::next_question(statement) {
        let state = tables.state();
        let query = PlannedStatement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
        // What is wrong within the argument is said where the statement itself is planned.
        let plan = planning::aside(async move { statement_to_plan(&state, query).await }).await.ok();
        let given = plan.and_then(|plan| plan.schema().fields().first().map(|field| field.data_type().clone()));
        rewrite::hive::own_names::answer(statement, given.as_ref(), source)?;
    }
    Ok(())
}

/// Writes out the joins by name for which the columns of their tables have to be known.
async fn write_out_joins(
    statement: &mut PlannedStatement,
    tables: &StatementTables,
    source: &Arc<Source>,
) -> Result<()> {
    while let Some(queries) = rewrite::next_question(statement) {
        let mut columns: Vec<rewrite::ColumnsOf> = Vec::new();
        let mut failed = None;
        for query in queries {
            let state = tables.state();
            let query = PlannedStatement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
            let names = |plan: LogicalPlan| plan.schema().fields().iter().map(|field| field.name().clone()).collect();
            match planning::aside(async move { statement_to_plan(&state, query).await }).await {
                Ok(plan) => columns.push(Some(names(plan))),
                Err(error) => {
                    failed.get_or_insert(error);
                    columns.push(None);
                }
            }
        }
        // What is wrong within an item of FROM is why its columns are not known.
        rewrite::answer(statement, columns, source)
            .map_err(|refusal| failed.map_or(refusal, |error| in_statement(&error, source)))?;
    }
    Ok(())
}

/// `GROUP BY a, CAST(a AS DOUBLE)`: the planner takes both, by one name, and the optimizer fails.
fn refuse_equal_names(plan: &LogicalPlan) -> DataFusionResult<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Aggregate(aggregate) = node {
            let mut names = HashSet::new();
            for expr in aggregate.group_expr.iter().chain(&aggregate.aggr_expr) {
                let name = expr.schema_name().to_string();
                if let Some(name) = names.replace(name) {
                    return plan_err!("Groupings require unique expression names, and {name} occurs twice");
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Why a statement has no plan.
enum Unplanned {
    /// A SELECT list may give two columns of one name.
    ColumnTwice(Error),
    Otherwise(Error),
}

impl From<Unplanned> for Error {
    fn from(unplanned: Unplanned) -> Self {
        match unplanned {
            Unplanned::ColumnTwice(error) | Unplanned::Otherwise(error) => error,
        }
    }
}

/// DataFusion's plan, with the types and the counts that the dialect means.
async fn to_logical(
    mut statement: PlannedStatement,
    tables: &StatementTables,
    source: &Arc<Source>,
) -> std::result::Result<(LogicalPlan, SessionState), Unplanned> {
    // Only now: a column is called by the function that was asked, not by its value.
    rewrite::fill_in_session_values(&mut statement, tables.database());
    let calls = CallPlaces::of(&statement);
    let dialect = tables.dialect();
    let state = tables.state();
    let planned = planning::aside(async move {
        let plan = functions::settle(statement_to_plan(&state, statement).await?, dialect)?;
        refuse_equal_names(&plan)?;
        let plan = move_subqueries_below_groups(count_equal_rows(plan)?)?;
        Ok((eliminate_dependent_joins(plan)?, state))
    });
    planned.await.map_err(|error| {
        let is_twice = is_column_twice(&error);
        let place = calls.of_error(&error);
        let error = in_statement(&error, source);
        let error = match place {
            Some(place) => error.at(source, place),
            None => error,
        };
        match is_twice {
            true => Unplanned::ColumnTwice(error),
            false => Unplanned::Otherwise(error),
        }
    })
}

/// DataFusion's plan, in which unsigned numbers are negated as signed ones.
async fn statement_to_plan(state: &SessionState, statement: PlannedStatement) -> DataFusionResult<LogicalPlan> {
    let mut signed = statement.clone();
    let error = match state.statement_to_plan(statement).await {
        Err(error) if is_negation(&error) && rewrite::sign_what_is_negated(&mut signed) => error,
        planned => return planned,
    };
    match state.statement_to_plan(signed).await {
        // What is negated is no number.
        Err(again) if is_negation(&again) => Err(error),
        planned => planned,
    }
}

/// The query that a statement is.
fn query_of(statement: &mut PlannedStatement) -> Option<&mut ast::Query> {
    match statement {
        PlannedStatement::Statement(ast) => match ast.as_mut() {
            ast::Statement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// The query whose rows a statement gives, writes or explains; a list of VALUES gives no name twice.
fn query_within(statement: &mut PlannedStatement) -> Option<&mut ast::Query> {
    let query = match statement {
        PlannedStatement::Statement(ast) => match ast.as_mut() {
            ast::Statement::Query(query) => query,
            ast::Statement::Insert(insert) => insert.source.as_mut()?,
            _ => return None,
        },
        PlannedStatement::Explain(explain) => return query_within(&mut explain.statement),
        PlannedStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query,
            CopyToSource::Relation(_) => return None,
        },
        _ => return None,
    };
    (!matches!(query.body.as_ref(), ast::SetExpr::Values(_))).then_some(query.as_mut())
}
