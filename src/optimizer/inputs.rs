//! A node over other inputs.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

/// The node with some of its inputs, in the order of [`LogicalPlan::inputs`], replaced by others that have the same columns. `None`: none
/// is.
pub(super) fn with_new_inputs(plan: &LogicalPlan, inputs: Vec<Option<LogicalPlan>>) -> Result<Option<LogicalPlan>> {
    if inputs.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut inputs = inputs.into_iter();
    let replaced = plan
        .clone()
        .map_children(|input| Ok(inputs.next().flatten().map_or_else(|| Transformed::no(input), Transformed::yes)))?;
    Ok(Some(replaced.data))
}
