//! Running a plan in this process.
//!
//! A hash join holds its build side in memory and cannot spill. When one does not fit, the plan is made once more with
//! sort-merge joins, which can; that is safe as long as no row has been given out, so the first batch is awaited here.
//!
//! A plan whose joins were dropped or ordered is another plan than the one that was written, and DataFusion's physical planner does not
//! know how to make each. When it fails, the plan is made once more as it was written: an unneeded join costs time, a failed query more.
//!
//! The work can be done on threads of its own: an operator that computes for long without a pause keeps its thread from
//! everything else, and must not keep a time limit or Ctrl-C from being noticed.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use tokio::runtime::Handle;

use super::stoppable::Stop;
use super::{Execution, Executor, Started, planning};
use crate::error::Result;
use crate::optimizer::REWRITES;

/// Runs plans on the threads of `workers`.
#[derive(Debug)]
pub struct LocalExecutor {
    workers: Handle,
}

impl LocalExecutor {
    pub fn new(workers: Handle) -> Self {
        LocalExecutor { workers }
    }
}

impl Executor for LocalExecutor {
    fn execute<'a>(
        &'a self,
        state: &'a SessionState,
        plan: LogicalPlan,
        started: Started<'a>,
    ) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let may_run_twice = !has_effects(&plan);
            let first = attempt(state, &plan, started, &self.workers).await;
            match first {
                Err(error) if error.is_of_planner && rewrites(state) => {
                    let mut execution = attempt(&without_rewrites(state), &plan, started, &self.workers)
                        .await
                        .map_err(|failed| failed.cause)?;
                    execution.as_written = true;
                    execution.notes.push(format!(
                        "the query runs as it was written, with all of its joins: no plan could be made of what was left of it ({})",
                        crate::Error::from(error.cause).message()
                    ));
                    Ok(execution)
                }
                Err(error) if may_run_twice && is_out_of_memory(&error.cause) && error.has_hash_join => {
                    let mut config = state.config().clone();
                    config.options_mut().optimizer.prefer_hash_join = false;
                    let state = SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build();
                    let mut execution =
                        attempt(&state, &plan, started, &self.workers).await.map_err(|failed| failed.cause)?;
                    execution.notes.push(
                        "a hash join did not fit into memory; the query was run once more with sort-merge joins"
                            .to_string(),
                    );
                    Ok(execution)
                }
                outcome => Ok(outcome.map_err(|failed| failed.cause)?),
            }
        })
    }
}

/// Whether rules of ours may make another plan of the one that was written.
fn rewrites(state: &SessionState) -> bool {
    state.optimizers().iter().any(|rule| REWRITES.contains(&rule.name()))
}

fn without_rewrites(state: &SessionState) -> SessionState {
    let mut rules = state.optimizers().to_vec();
    rules.retain(|rule| !REWRITES.contains(&rule.name()));
    SessionStateBuilder::new_from_existing(state.clone()).with_optimizer_rules(rules).build()
}

struct Failed {
    cause: DataFusionError,
    /// No row was asked for yet.
    is_of_planner: bool,
    has_hash_join: bool,
}

/// Starts the plan and waits for its first rows.
async fn attempt(
    state: &SessionState,
    plan: &LogicalPlan,
    started: Started<'_>,
    workers: &Handle,
) -> std::result::Result<Execution, Failed> {
    let start = Instant::now();
    let (planner, logical) = (state.clone(), plan.clone());
    let physical = planning::aside(async move { planner.create_physical_plan(&logical).await })
        .await
        .map_err(|cause| Failed { cause, is_of_planner: true, has_hash_join: false })?;
    let planning = start.elapsed();
    started(&physical);
    let has_hash_join = uses_hash_join(&physical);
    let failed = |cause| Failed { cause, is_of_planner: false, has_hash_join };
    let stop = Stop::of(&physical).map_err(failed)?;
    let mut stream = on_workers(Arc::clone(&physical), state.task_ctx(), workers);
    let first = stream.next().await.transpose().map_err(failed)?;
    Ok(Execution {
        stream: put_back(first, stream, stop),
        plan: physical,
        planning,
        notes: Vec::new(),
        as_written: false,
    })
}

/// Batches that wait to be taken, at most: enough that neither side waits for the other.
const BATCHES_AHEAD: usize = 2;

/// Runs a plan in a task on `workers`, which is stopped when the stream is dropped. Operators start their own tasks beside it.
fn on_workers(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>, workers: &Handle) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStream::builder(plan.schema(), BATCHES_AHEAD);
    let sender = builder.tx();
    let release = Release(Arc::clone(&plan));
    let work = async move {
        let _release = release;
        let mut stream = execute_stream(plan, context)?;
        while let Some(batch) = stream.next().await {
            let failed = batch.is_err();
            if sender.send(batch).await.is_err() || failed {
                break;
            }
        }
        Ok(())
    };
    builder.spawn_on(work, workers);
    builder.build()
}

/// Forgets, when the work ends or is stopped, the rows that were kept to be read again. The plan itself stays, for its metrics.
struct Release(Arc<dyn ExecutionPlan>);

impl Drop for Release {
    fn drop(&mut self) {
        super::shared::release(&self.0);
    }
}

/// The stream as it was before its first batch was taken. The work ends with it.
fn put_back(first: Option<RecordBatch>, rest: SendableRecordBatchStream, stop: Stop) -> SendableRecordBatchStream {
    let schema = rest.schema();
    let batches = stream::iter(first.map(Ok)).chain(rest).map(move |batch| {
        let _held = &stop;
        batch
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

fn has_effects(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Ddl(_) => true,
        LogicalPlan::Analyze(analyze) => has_effects(&analyze.input),
        _ => false,
    }
}

fn uses_hash_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<HashJoinExec>().is_some()
        || plan.downcast_ref::<CrossJoinExec>().is_some()
        || plan.children().into_iter().any(uses_hash_join)
}

fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion::common::Column;
    use datafusion::common::tree_node::Transformed;
    use datafusion::logical_expr::{Expr, Filter};
    use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Makes a plan of which no physical one can be made.
    #[derive(Debug)]
    struct Spoils;

    impl OptimizerRule for Spoils {
        fn name(&self) -> &str {
            crate::optimizer::PRUNE
        }

        fn rewrite(
            &self,
            plan: LogicalPlan,
            _: &dyn OptimizerConfig,
        ) -> datafusion::error::Result<Transformed<LogicalPlan>> {
            if matches!(plan, LogicalPlan::Filter(_)) {
                return Ok(Transformed::no(plan));
            }
            let field = Arc::new(Field::new("x", DataType::Boolean, true));
            let nowhere = Expr::OuterReferenceColumn(field, Column::from_name("x"));
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(nowhere, Arc::new(plan))?)))
        }
    }

    #[tokio::test]
    async fn what_cannot_be_planned_runs_as_it_was_written_and_says_so() {
        let context = SessionContext::new();
        let plan = context.sql("SELECT 1 AS one").await.unwrap().into_unoptimized_plan();
        let state = SessionStateBuilder::new_from_existing(context.state())
            .with_optimizer_rules(vec![Arc::new(Spoils)])
            .build();
        let executor = LocalExecutor::new(Handle::current());
        let execution = executor.execute(&state, plan, &|_| {}).await.unwrap();
        assert!(execution.as_written);
        assert!(execution.notes[0].starts_with("the query runs as it was written"), "{:?}", execution.notes);
        let batches: Vec<_> = execution.stream.collect().await;
        assert_eq!(batches[0].as_ref().unwrap().num_rows(), 1);
    }
}
