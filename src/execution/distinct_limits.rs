//! A limit inside an aggregation only where the aggregation can keep to it.
//!
//! ```sql
//! SELECT k FROM c JOIN (SELECT k, i, row_number() OVER (PARTITION BY k ORDER BY i) AS n FROM a) q ON c.j = q.i GROUP BY k, n LIMIT 3
//! ```
//!
//! DataFusion tells a DISTINCT below a LIMIT to stop after so many groups, if its rows come in no order. A later rule swaps the sides of
//! joins; then the window's order reaches the aggregation, which now takes its limit for one by a sort key, and fails as nothing says in
//! which direction. So at the end a limit goes out of each aggregation that could only fail on it: the LIMIT above still stands.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

/// See the module. To run behind the last rule that moves joins or sorts.
#[derive(Debug)]
pub(super) struct DistinctLimits;

impl PhysicalOptimizerRule for DistinctLimits {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let step = |plan: Arc<dyn ExecutionPlan>| {
            let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(Transformed::no(plan)) };
            if !fails_on_its_limit(aggregate) {
                return Ok(Transformed::no(plan));
            }
            Ok(Transformed::yes(Arc::new(aggregate.with_new_limit_options(None)) as _))
        };
        plan.transform_up(step).data()
    }

    fn name(&self) -> &str {
        "distinct_limits"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// It has a limit without a direction, is no plain DISTINCT any more, and no `min` or `max`, which say the direction themselves.
fn fails_on_its_limit(aggregate: &AggregateExec) -> bool {
    let Some(limit) = aggregate.limit_options() else { return false };
    limit.descending.is_none()
        && aggregate.get_minmax_desc().is_none()
        && !aggregate.is_unordered_unfiltered_group_by_distinct()
}
