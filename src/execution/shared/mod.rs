//! Subplans that are computed once and read several times.
//!
//! They are taken out of the plan by [`crate::optimizer::shared_subplans`]. [`SharedPlanner`] plans each on its own, and puts a
//! [`SharedExec`] in each place that reads it.

mod exec;
mod spool;

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::exec_err;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::future::{BoxFuture, ready};
use tokio::sync::OnceCell;

pub use exec::SharedExec;
use exec::SharedSource;

use crate::optimizer::shared_subplans::SharedSubplan;

/// Plans the shared subplans of one statement, each when it is first read.
pub(super) struct SharedPlanner {
    subplans: Vec<(LogicalPlan, OnceCell<Arc<SharedSource>>)>,
}

impl SharedPlanner {
    pub(super) fn new(subplans: Vec<LogicalPlan>) -> Self {
        SharedPlanner { subplans: subplans.into_iter().map(|plan| (plan, OnceCell::new())).collect() }
    }
}

impl ExtensionPlanner for SharedPlanner {
    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn plan_extension<'s, 'p, 'n, 'l, 'm, 'i, 'c, 'x, 'r>(
        &'s self,
        planner: &'p dyn PhysicalPlanner,
        node: &'n dyn UserDefinedLogicalNode,
        _logical_inputs: &'l [&'m LogicalPlan],
        _physical_inputs: &'i [Arc<dyn ExecutionPlan>],
        session: &'c dyn Session,
        _context: &'x PhysicalPlanningContext,
    ) -> BoxFuture<'r, Result<Option<Arc<dyn ExecutionPlan>>>>
    where
        's: 'r,
        'p: 'r,
        'n: 'r,
        'l: 'r,
        'm: 'r,
        'i: 'r,
        'c: 'r,
        'x: 'r,
        Self: 'r,
    {
        match node.as_any().downcast_ref::<SharedSubplan>() {
            Some(reference) => self.plan_reader(reference.number, planner, session),
            None => Box::pin(ready(Ok(None))),
        }
    }
}

impl SharedPlanner {
    fn plan_reader<'a>(
        &'a self,
        number: usize,
        planner: &'a dyn PhysicalPlanner,
        session: &'a dyn Session,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn ExecutionPlan>>>> {
        Box::pin(async move {
            let Some((plan, source)) = self.subplans.get(number) else {
                return exec_err!("shared subplan #{number} is not known");
            };
            let source = source
                .get_or_try_init(|| async {
                    let plan = planner.create_physical_plan(plan, session).await?;
                    SharedSource::new(number, plan).map(Arc::new)
                })
                .await?;
            let reader: Arc<dyn ExecutionPlan> = Arc::new(SharedExec::new(source));
            Ok(Some(reader))
        })
    }
}

/// Last of the physical rules: shows each shared subplan below one of its readers, for EXPLAIN and for those who watch metrics. The
/// rules before it must not see it there: each would change its reader's plan, and not the one that runs.
#[derive(Debug)]
pub(super) struct ShowSharedSubplans;

impl PhysicalOptimizerRule for ShowSharedSubplans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        exec::show(plan)
    }

    fn name(&self) -> &str {
        "show_shared_subplans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Lets go of all rows that readers have not taken.
pub(super) fn release(plan: &Arc<dyn ExecutionPlan>) {
    if let Some(shared) = plan.downcast_ref::<SharedExec>() {
        shared.release();
    }
    for child in plan.children() {
        release(child);
    }
}
