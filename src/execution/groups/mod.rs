//! Grouping by columns whose values fit into a few words, in a table that does not wait for memory.
//!
//! DataFusion's aggregation looks up a row at a time: a place in its hash table, then the group's values, column by column. With millions
//! of groups nearly each of these waits for memory; TPC-H 18 spent half of its time so. Here a row's values are [packed](keys) into words, the
//! places of many rows are [read before](table) the first is compared, and the first of two steps [keeps few groups](partial) where rows of a
//! group come together. Groups that do not fit into memory go to disk in [parts](parts), where DataFusion's sorts them; not if
//! their order is relied on.
//!
//! What functions compute is the business of DataFusion's accumulators here as there. [`exec::groups_in_words`] says which aggregations
//! are done so.

mod aggregates;
mod complete;
mod exec;
mod keys;
pub(crate) mod numbered_texts;
mod partial;
mod parts;
mod rows;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use exec::GroupsExec;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "packed_groups";

/// See the module. To run when aggregations are what they will be.
#[derive(Debug)]
pub(super) struct PackedGroups;

impl PhysicalOptimizerRule for PackedGroups {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match GroupsExec::in_place_of(&node)? {
                Some(groups) => Transformed::yes(Arc::new(groups) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }
}
