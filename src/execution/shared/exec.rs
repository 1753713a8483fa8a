//! The physical operator that reads a shared subplan.

use std::fmt::{self, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};

use super::spool::Spool;

/// A subplan and the rows that it gave.
#[derive(Debug)]
pub(super) struct SharedSource {
    number: usize,
    plan: Arc<dyn ExecutionPlan>,
    statistics: Arc<Statistics>,
    properties: Arc<PlanProperties>,
    readers: AtomicUsize,
    is_shown: AtomicBool,
    spool: Spool,
}

impl SharedSource {
    pub(super) fn new(number: usize, plan: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        let properties = PlanProperties::clone(plan.properties()).with_scheduling_type(SchedulingType::Cooperative);
        let spool = Spool::new(plan.properties().partitioning.partition_count());
        Ok(SharedSource {
            number,
            plan,
            statistics,
            properties: Arc::new(properties),
            readers: AtomicUsize::new(0),
            is_shown: AtomicBool::new(false),
            spool,
        })
    }
}

/// Gives the rows of a subplan that others read as well. Whoever is first starts the subplan; each partition is handed out when it is
/// complete, so that readers that wait for each other cannot hold it up.
#[derive(Debug)]
pub struct SharedExec {
    source: Arc<SharedSource>,
    /// The subplan is this node's child.
    shows: bool,
    metrics: ExecutionPlanMetricsSet,
}

impl SharedExec {
    pub(super) fn new(source: &Arc<SharedSource>) -> Self {
        source.readers.fetch_add(1, Ordering::Relaxed);
        SharedExec { source: Arc::clone(source), shows: false, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// Which of the statement's shared subplans it reads.
    pub(crate) fn number(&self) -> usize {
        self.source.number
    }

    pub(super) fn release(&self) {
        self.source.spool.clear();
    }
}

/// Makes the first reader of each shared subplan show it.
pub(super) fn show(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|node| {
        let Some(shared) = node.downcast_ref::<SharedExec>() else { return Ok(Transformed::no(node)) };
        if shared.shows || shared.source.is_shown.swap(true, Ordering::Relaxed) {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        let showing = SharedExec { source: Arc::clone(&shared.source), shows: true, metrics: shared.metrics.clone() };
        Ok(Transformed::new(Arc::new(showing) as _, true, TreeNodeRecursion::Jump))
    })
    .data()
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(
                    f,
                    "SharedExec: #{}, readers={}",
                    self.source.number,
                    self.source.readers.load(Ordering::Relaxed)
                )
            }
            DisplayFormatType::TreeRender => writeln!(f, "subplan=#{}", self.source.number),
        }
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &'static str {
        "SharedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.source.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        if self.shows { vec![&self.source.plan] } else { Vec::new() }
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true; self.children().len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.iter().all(|child| Arc::ptr_eq(child, &self.source.plan)) {
            Ok(self)
        } else {
            internal_err!("a shared subplan is planned once, for all of its readers")
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let source = Arc::clone(&self.source);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = async move {
            let readers = source.readers.load(Ordering::Relaxed);
            source.spool.read(&source.plan, partition, readers, &context).await
        };
        let rows = futures::stream::once(rows).try_flatten().inspect_ok(move |batch| {
            metrics.output_rows().add(batch.num_rows());
        });
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(self.schema(), rows.boxed()))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(match args.partition() {
            None => Arc::clone(&self.source.statistics),
            Some(_) => Arc::new(Statistics::new_unknown(&self.schema())),
        })
    }
}
