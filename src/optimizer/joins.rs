//! Joins made of others.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Join, LogicalPlan};

/// The join with other inputs, which have the columns that it reads.
pub(super) fn with_inputs(join: &Join, left: Arc<LogicalPlan>, right: Arc<LogicalPlan>) -> Result<Join> {
    Join::try_new(
        left,
        right,
        join.on.clone(),
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )
}
