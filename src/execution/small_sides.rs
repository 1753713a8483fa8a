//! Joins with a small side get one hash table for all threads: the way of [`crate::optimizer::order::small_sides`] into DataFusion.
//!
//! DataFusion's rule reads the statistics of the side. So a node that has the estimate for its statistics stands there while
//! the rule runs, and is taken out behind it.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::future::{BoxFuture, ready};

use super::filter_pushdown::Rule;
use super::one_input::{has_no_expressions, looks_like_its_input};
use crate::optimizer::order::small_sides::SmallSide;

/// Plans the marks.
pub(super) struct SmallSides;

impl ExtensionPlanner for SmallSides {
    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn plan_extension<'s, 'p, 'n, 'l, 'm, 'i, 'c, 'x, 'r>(
        &'s self,
        _planner: &'p dyn PhysicalPlanner,
        node: &'n dyn UserDefinedLogicalNode,
        _logical_inputs: &'l [&'m LogicalPlan],
        physical_inputs: &'i [Arc<dyn ExecutionPlan>],
        _session: &'c dyn Session,
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
        let planned = match (node.as_any().downcast_ref::<SmallSide>(), physical_inputs) {
            (Some(side), [input]) => Some(Arc::new(Marked { input: Arc::clone(input), rows: side.rows }) as _),
            _ => None,
        };
        Box::pin(ready(Ok(planned)))
    }
}

/// `rules`, with the marks taken out behind the one that reads them.
pub(super) fn with_marks_taken_out(mut rules: Vec<Rule>) -> Vec<Rule> {
    let name = JoinSelection::new().name().to_owned();
    // Without that rule, from the start: no other may meet them.
    let place = rules.iter().position(|rule| rule.name() == name).map_or(0, |place| place + 1);
    rules.insert(place, Arc::new(TakeOutMarks));
    rules
}

#[derive(Debug)]
struct TakeOutMarks;

impl PhysicalOptimizerRule for TakeOutMarks {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let step = |node: Arc<dyn ExecutionPlan>| {
            Ok(match node.downcast_ref::<Marked>() {
                Some(mark) => Transformed::yes(Arc::clone(&mark.input)),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(step).data()
    }

    fn name(&self) -> &str {
        "small_sides"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Gives its input's rows, and the estimate of them.
#[derive(Debug)]
struct Marked {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl Marked {
    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Marked { input, rows: self.rows }
    }
}

impl DisplayAs for Marked {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "SmallSideExec: rows={}", self.rows),
            DisplayFormatType::TreeRender => writeln!(f, "rows={}", self.rows),
        }
    }
}

impl ExecutionPlan for Marked {
    fn name(&self) -> &'static str {
        "SmallSideExec"
    }

    looks_like_its_input!();
    has_no_expressions!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema()).with_num_rows(Precision::Inexact(self.rows))))
    }
}
