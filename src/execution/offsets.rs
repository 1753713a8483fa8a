//! A sort stays above an OFFSET.
//!
//! ```sql
//! SELECT x FROM (SELECT x FROM t ORDER BY x DESC OFFSET 1) q ORDER BY x
//! ```
//!
//! The outer ORDER BY sorts the rows that are left; if it went below, others would be left. DataFusion knows that of a LIMIT, and not of an
//! OFFSET alone: the largest row was there, and the smallest was not. So while it moves sorts, an OFFSET alone has a LIMIT that leaves
//! nothing out. It goes again before limits are moved, as a sort would take it for one.
//!
//! ```sql
//! SELECT x FROM (SELECT x FROM t ORDER BY x LIMIT 10 OFFSET 2) q ORDER BY x
//! ```
//!
//! Here the outer sort goes, and the inner one learned from the limit to keep 10 rows, of which two are skipped. So meanwhile the two are
//! apart: an OFFSET alone, over a LIMIT of 12.

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
    /// The plan that stands for a limit while sorts are moved, and again afterwards.
    fn changed(self, limit: &GlobalLimitExec) -> Option<GlobalLimitExec> {
        let skip = limit.skip();
        let all = usize::MAX - skip;
        let made = |input: &Arc<dyn ExecutionPlan>, fetch| Some(GlobalLimitExec::new(Arc::clone(input), skip, fetch));
        match (self, limit.fetch()) {
            (Offsets::WithLimit, None) if skip > 0 => made(limit.input(), Some(all)),
            (Offsets::WithLimit, Some(fetch)) if skip > 0 && fetch < all => {
                let taken = GlobalLimitExec::new(Arc::clone(limit.input()), 0, Some(skip + fetch));
                made(&(Arc::new(taken) as _), Some(all))
            }
            (Offsets::Alone, Some(fetch)) if fetch == all => match limit.input().downcast_ref::<GlobalLimitExec>() {
                Some(taken) if taken.skip() == 0 => {
                    made(taken.input(), taken.fetch().map(|rows| rows.saturating_sub(skip)))
                }
                _ => made(limit.input(), None),
            },
            _ => None,
        }
    }
}

impl PhysicalOptimizerRule for Offsets {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let step = |plan: Arc<dyn ExecutionPlan>| {
            let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() else { return Ok(Transformed::no(plan)) };
            Ok(match self.changed(limit) {
                Some(changed) => Transformed::yes(Arc::new(changed) as _),
                None => Transformed::no(plan),
            })
        };
        plan.transform_up(step).data()
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
