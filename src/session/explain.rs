//! EXPLAIN TUNE and EXPLAIN RULES: plans a statement's query so that its tables are known by their places, and has it explained.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, TableScan, TableScanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as PlannedStatement;
use futures::StreamExt;
use sqlparser::ast::{self, Query};

use super::numbered::Numbers;
use super::plan::{Planned, plan_ast};
use super::resolve::StatementTables;
use super::{Rows, Session};
use crate::catalog::model::TableName;
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::execution::with_physical_planner;
use crate::explain::findings::{QueryText, TableFiles};
use crate::explain::mentions::Mentions;
use crate::explain::optimize::{optimize, scans};
use crate::explain::report::Report;
use crate::explain::verify::{Comparison, Counts, Kept, Side};
use crate::explain::{Explained, report, rules_diff, text};
use crate::optimizer::facts::KnownTable;
use crate::optimizer::trace::SharedTrace;
use crate::optimizer::{PRUNE, rules_with_prune};
use crate::sql::source::Source;
use crate::sql::statement::{ParsedStatement, Statement, Tune, TuneForm};
use crate::storage::FileTable;

/// A plan whose scans know their places, and what they are the places of.
struct Numbered {
    planned: Planned,
    mentions: Mentions,
    queries: Vec<QueryText>,
}

impl Session {
    /// What a statement's query needs and what it costs. `analyze`: it is run for that, and its rows are thrown away.
    ///
    /// # Errors
    ///
    /// If there is no query in the statement, or it cannot be planned or run.
    pub async fn tune(&self, parsed: &ParsedStatement, analyze: bool) -> Result<Report> {
        self.begin();
        let report = self.report_on(&parsed.statement, &parsed.source, analyze);
        report.await.map_err(|error| error.at(&parsed.source, parsed.span))
    }

    /// Runs a statement's query with pruning and without, on the same files, and compares the rows.
    ///
    /// # Errors
    ///
    /// If there is no query in the statement, or it cannot be planned or run.
    pub async fn verify(&self, parsed: &ParsedStatement) -> Result<Comparison> {
        self.begin();
        let compared = self.compare(&parsed.statement, &parsed.source);
        compared.await.map_err(|error| error.at(&parsed.source, parsed.span))
    }

    async fn report_on(&self, statement: &Statement, source: &Arc<Source>, analyze: bool) -> Result<Report> {
        let query = query_in(statement)?;
        let numbered = self.plan_numbered(query, source).await?;
        let (plan, state) = (&numbered.planned.plan, &numbered.planned.state);
        let failed = |error: DataFusionError| in_statement(&error, source);
        let optimized = optimize(plan, state, &self.disabled()).map_err(failed)?;
        let as_it_is = as_it_is(state);
        let physical = match analyze {
            true => self.run_to_the_end(&optimized.plan, &as_it_is, source).await?,
            false => as_it_is.create_physical_plan(&optimized.plan).await.map_err(failed)?,
        };
        Ok(report(&Explained {
            queries: &numbered.queries,
            mentions: &numbered.mentions,
            written: plan,
            optimized: &optimized,
            physical: Some(&physical),
            analyzed: analyze,
            files: &files_of(plan),
            state,
            database: &self.database(),
        }))
    }

    /// The answer to EXPLAIN TUNE and EXPLAIN RULES: one text.
    pub(super) async fn explain_tune(&self, tune: &Tune, parsed: &ParsedStatement, color: bool) -> Result<Rows> {
        let text = match tune.form {
            TuneForm::Report { analyze, json } => {
                let report = self.report_on(&tune.statement, &parsed.source, analyze).await?;
                if json { report.to_json() } else { text::render(&report, color) }
            }
            TuneForm::Rules => {
                let tables = self.statement_tables(&self.database());
                let planned = plan(query_in(&tune.statement)?, &tables, &parsed.source).await?;
                rules_diff::changes(&planned.plan, &planned.state, &self.disabled())
                    .map_err(|error| in_statement(&error, &parsed.source))?
            }
        };
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let batch = RecordBatch::try_from_iter([("explain", column)]).map_err(DataFusionError::from)?;
        Ok(Rows::ready(batch))
    }

    /// Plans a query twice: once as it is, for its errors, and once with numbers, over the same listing.
    async fn plan_numbered(&self, query: &Query, source: &Arc<Source>) -> Result<Numbered> {
        let tables = self.statement_tables(&self.database());
        let as_written = plan(query, &tables, source).await?;
        let numbers = Numbers::default();
        let planned = plan(query, &tables.numbered(numbers.clone()), source).await;
        let (mentions, queries) = numbers.take();
        // A name that DataFusion makes of an expression can have a table's name in it, and a query may use that. Then the numbers
        // cannot be put in, and verdicts go by the names of tables.
        let planned = planned.unwrap_or(as_written);
        Ok(Numbered { planned, mentions, queries })
    }

    async fn compare(&self, statement: &Statement, source: &Arc<Source>) -> Result<Comparison> {
        // One listing for all runs.
        let tables = self.statement_tables(&self.database());
        let planned = plan(query_in(statement)?, &tables, source).await?;
        let without = self.disabled().into_iter().chain([PRUNE.to_string()]).collect();
        let sides = [(Side::Pruned, self.disabled()), (Side::Unpruned, without)];
        let mut counts = Counts::default();
        for (side, disabled) in &sides {
            self.each_batch(&planned, disabled, source, |batch| counts.add(*side, batch)).await?;
        }
        let mut kept = Kept::default();
        if !counts.are_equal() {
            for (side, disabled) in &sides {
                let keep = |batch: &RecordBatch| counts.rows_that_differ(*side, batch, &mut kept);
                self.each_batch(&planned, disabled, source, keep).await?;
            }
        }
        Ok(counts.comparison(kept))
    }

    /// Runs a plan with all rules but the disabled ones.
    async fn each_batch(
        &self,
        planned: &Planned,
        disabled: &HashSet<String>,
        source: &Arc<Source>,
        mut take: impl FnMut(&RecordBatch) -> std::result::Result<(), ArrowError>,
    ) -> Result<()> {
        let state = with_physical_planner(SessionStateBuilder::new_from_existing(planned.state.clone()), disabled)
            .with_optimizer_rules(rules_with_prune(disabled, SharedTrace::default()))
            .build();
        let plan = match disabled.contains(PRUNE) {
            true => without_keys(planned.plan.clone())?,
            false => planned.plan.clone(),
        };
        let mut execution = self.start(Planned { plan, state, names: Vec::new() }).await?;
        while let Some(batch) = execution.stream.next().await {
            let batch = batch.map_err(|error| in_statement(&error, source))?;
            take(&batch).map_err(DataFusionError::from)?;
        }
        Ok(())
    }

    fn disabled(&self) -> HashSet<String> {
        self.own_settings().disabled_rules.into_iter().collect()
    }

    /// Runs an optimized plan and throws its rows away.
    async fn run_to_the_end(
        &self,
        plan: &LogicalPlan,
        state: &SessionState,
        source: &Arc<Source>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planned = Planned { plan: plan.clone(), state: state.clone(), names: Vec::new() };
        let mut execution = self.start(planned).await?;
        while let Some(batch) = execution.stream.next().await {
            batch.map_err(|error| in_statement(&error, source))?;
        }
        Ok(execution.plan)
    }
}

fn query_in(statement: &Statement) -> Result<&Query> {
    statement.query().ok_or_else(|| Error::statement("there is no query in this statement to explain"))
}

async fn plan(query: &Query, tables: &StatementTables, source: &Arc<Source>) -> Result<Planned> {
    let statement = ast::Statement::Query(Box::new(query.clone()));
    plan_ast(PlannedStatement::Statement(Box::new(statement)), tables, source).await
}

/// The plan over tables without keys: DataFusion's own rules draw conclusions from them, too.
fn without_keys(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let without = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::yes(node.recompute_schema()?)) };
        let Some(known) = KnownTable::of(&scan.source) else { return Ok(Transformed::no(node)) };
        let source = provider_as_source(Arc::new(known.without_keys()));
        let TableScan { table_name, projection, filters, fetch, .. } = scan.clone();
        let scan = TableScanBuilder::new(table_name, source)
            .with_projection(projection)
            .with_filters(filters)
            .with_fetch(fetch);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan.build()?)))
    });
    without.data()
}

/// A state that leaves logical plans as they are: they have been optimized.
fn as_it_is(state: &SessionState) -> SessionState {
    SessionStateBuilder::new_from_existing(state.clone())
        .with_analyzer_rules(Vec::new())
        .with_optimizer_rules(Vec::new())
        .build()
}

/// The files of the tables that a plan reads.
fn files_of(plan: &LogicalPlan) -> BTreeMap<TableName, TableFiles> {
    let mut found = BTreeMap::new();
    for scan in scans(plan) {
        let Some(known) = KnownTable::of(&scan.source) else { continue };
        let Some(table) = known.inner().downcast_ref::<FileTable>() else { continue };
        let name = known.tag().map_or(&known.facts().name, |tag| &tag.table);
        found.entry(name.clone()).or_insert_with(|| TableFiles {
            format: table.format(),
            files: table.files().len(),
            bytes: table.files().iter().map(|file| file.meta.size).sum(),
            partition_columns: table.partitions().columns().iter().map(|column| column.name().clone()).collect(),
            rows: known.facts().rows,
        });
    }
    found
}
