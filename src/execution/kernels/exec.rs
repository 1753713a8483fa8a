//! An operator of the plan whose work another one does.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

use super::Kernels;

/// Shows and answers for the operator that was planned, and runs the quicker one. Both have the same input.
#[derive(Debug)]
pub(super) struct KernelExec {
    planned: Arc<dyn ExecutionPlan>,
    quicker: Arc<dyn ExecutionPlan>,
    kernels: Kernels,
}

impl KernelExec {
    /// The operator with a quicker one in it, or itself if it has none.
    pub(super) fn in_place_of(
        planned: Arc<dyn ExecutionPlan>,
        kernels: &Kernels,
    ) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        Ok(match kernels.quicker(&planned)? {
            Some(quicker) => Transformed::yes(Arc::new(KernelExec { planned, quicker, kernels: kernels.clone() })),
            None => Transformed::no(planned),
        })
    }
}

impl DisplayAs for KernelExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        self.planned.fmt_as(format, f)
    }
}

impl ExecutionPlan for KernelExec {
    fn name(&self) -> &str {
        self.planned.name()
    }

    /// Whoever looks for the operator that was planned finds it.
    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.planned.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.planned.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.planned.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.planned.maintains_input_order()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.planned.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.planned.apply_expressions(visit)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planned = Arc::clone(&self.planned).replace_children(children, options)?;
        Ok(KernelExec::in_place_of(planned, &self.kernels)?.data)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.quicker.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.quicker.metrics()
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.planned.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.planned.statistics_from_inputs(inputs, args)
    }

    fn fetch(&self) -> Option<usize> {
        self.planned.fetch()
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.planned.cardinality_effect()
    }
}
