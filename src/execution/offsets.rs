//! A sort stays above an OFFSET.
//!
//! ```sql
//! SELECT x FROM (SELECT x FROM t ORDER BY x DESC OFFSET 1) q ORDER BY x
//! ```
//!
//! The outer ORDER BY sorts the rows that are left; if it went below, others would be left. DataFusion knows that of a LIMIT, and not of an
//! OFFSET alone: the largest row was there, and the smallest was not. So while it moves sorts, an OFFSET alone has a LIMIT that leaves
//! nothing out. It goes again before limits are moved, as a sort would take it for one.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::GlobalLimitExec;

use super::filter_pushdown::Rule;
use super::requirements::end_of_order;

/// `rules`, with an OFFSET kept apart while sorts are moved.
pub(super) fn with_offsets_kept(mut rules: Vec<Rule>) -> Vec<Rule> {
    let end = end_of_order(&rules);
    rules.insert(end, Arc::new(Offsets::Alone));
    let moves_sorts = EnsureRequirements::new().name().to_owned();
    let begin = rules.iter().position(|rule| rule.name() == moves_sorts).unwrap_or_default();
    rules.insert(begin, Arc::new(Offsets::WithLimit));
    rules
}

#[derive(Debug, Clone, Copy)]
enum Offsets {
    WithLimit,
    Alone,
}

impl Offsets {
    /// The limit that an OFFSET alone is to have.
    fn changed(self, limit: &GlobalLimitExec) -> Option<Option<usize>> {
        let all = usize::MAX - limit.skip();
        match (self, limit.fetch()) {
            (Offsets::WithLimit, None) if limit.skip() > 0 => Some(Some(all)),
            (Offsets::Alone, Some(fetch)) if fetch == all => Some(None),
            _ => None,
        }
    }
}

impl PhysicalOptimizerRule for Offsets {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() else { return Ok(Transformed::no(plan)) };
            Ok(match self.changed(limit) {
                Some(fetch) => {
                    let changed = GlobalLimitExec::new(Arc::clone(limit.input()), limit.skip(), fetch);
                    Transformed::yes(Arc::new(changed) as _)
                }
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        match self {
            Offsets::WithLimit => "offsets_with_limit",
            Offsets::Alone => "offsets_alone",
        }
    }

    fn schema_check(&self) -> bool {
        true
    }
}
