//! A join that compares all pairs of rows is stopped within a moment
//!
//! DataFusion's nested-loop join pauses when it has rows to give out. Where few pairs fit, that may take minutes, in which Ctrl-C and a
//! time limit end the statement but not its work: the threads go on, and the next statement waits for them. So the condition of such
//! a join fails once nobody waits for the result any more.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::exec_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::joins::utils::JoinFilter;

/// Gives joins of all pairs conditions that can be stopped. First of the physical rules: it only has to be before the plan runs.
#[derive(Debug)]
pub(super) struct StoppableJoins;

impl PhysicalOptimizerRule for StoppableJoins {
    fn name(&self) -> &str {
        "stoppable_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() else { return Ok(Transformed::no(plan)) };
            let Some(filter) = join.filter() else { return Ok(Transformed::no(plan)) };
            let condition = Condition { inner: Arc::clone(filter.expression()), is_stopped: Arc::default() };
            let filter =
                JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()));
            let projection = join.projection().as_ref().map(|columns| columns.to_vec());
            let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
            let join = NestedLoopJoinExec::try_new(left, right, Some(filter), join.join_type(), projection)?;
            Ok(Transformed::yes(Arc::new(join) as Arc<dyn ExecutionPlan>))
        })
        .data()
    }
}

/// Stops the joins of a plan when it is dropped.
#[derive(Debug)]
pub(super) struct Stop(Vec<Arc<AtomicBool>>);

impl Stop {
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let mut joins = Vec::new();
        plan.apply(|plan| {
            let filter = plan.downcast_ref::<NestedLoopJoinExec>().and_then(NestedLoopJoinExec::filter);
            if let Some(condition) = filter.and_then(|filter| filter.expression().downcast_ref::<Condition>()) {
                joins.push(Arc::clone(&condition.is_stopped));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Stop(joins))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        for is_stopped in &self.0 {
            is_stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// A join's condition, until it is stopped.
#[derive(Debug)]
struct Condition {
    inner: Arc<dyn PhysicalExpr>,
    is_stopped: Arc<AtomicBool>,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Condition {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match self.is_stopped.load(Ordering::Relaxed) {
            true => exec_err!("the join was stopped"),
            false => self.inner.evaluate(batch),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(inner) => Ok(Arc::new(Condition { inner, is_stopped: Arc::clone(&self.is_stopped) })),
            None => Ok(self),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
