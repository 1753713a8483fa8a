//! Projections stay above a merge join that has other conditions than its keys.
//!
//! ```sql
//! SELECT a.v FROM a JOIN b ON a.k = b.k AND a.k2 < b.k2    -- with prefer_hash_join = false, or where a hash table does not fit
//! ```
//!
//! DataFusion pushes a projection through a `SortMergeJoinExec` to its inputs, and leaves the places of the columns of `a.k2 < b.k2` as they
//! were: rows are compared by other columns, if there are any in these places. So while the rule runs, a [`Guard`] stands above such joins.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::SortMergeJoinExec;

use super::filter_pushdown::{Guard, Rule, unguarded};

/// `rules`, with the one that pushes projections kept off such joins.
pub(super) fn with_merge_joins_guarded(rules: Vec<Rule>) -> Vec<Rule> {
    let name = ProjectionPushdown::new().name().to_owned();
    let guarded = |rule: Rule| -> Rule { if rule.name() == name { Arc::new(AboveMergeJoins { rule }) } else { rule } };
    rules.into_iter().map(guarded).collect()
}

#[derive(Debug)]
struct AboveMergeJoins {
    rule: Rule,
}

impl PhysicalOptimizerRule for AboveMergeJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let guarded = plan.transform_up(|node| {
            let has_filter = node.downcast_ref::<SortMergeJoinExec>().is_some_and(|join| join.filter().is_some());
            Ok(if has_filter { Transformed::yes(Arc::new(Guard::closed(node)) as _) } else { Transformed::no(node) })
        });
        match guarded? {
            Transformed { data: plan, transformed: false, .. } => self.rule.optimize(plan, config),
            guarded => unguarded(self.rule.optimize(guarded.data, config)?),
        }
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}
