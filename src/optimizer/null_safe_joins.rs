//! `a JOIN b ON a.x IS NOT DISTINCT FROM b.x` finds partners for NULL in `x`, and in nothing else
//!
//! A join says of all its keys at once whether NULL finds a partner. Two rules of DataFusion put keys of `=` and of IS NOT DISTINCT FROM
//! into one join:
//!
//! - `… JOIN c ON b.y = c.y` behind it: `eliminate_cross_join` takes a region of inner joins apart, and puts it together again with what
//!   its uppermost join says of NULLs. The rows without `x` were lost.
//! - `… WHERE a.y = b.y`: pushed into the join as a filter, it is made a key of it by `extract_equijoin_predicate`. Rows without `y`
//!   came out.
//!
//! Each is not run where it would do that. What the first does for comma joins, the pushing of filters and the ordering of joins do
//! as well; a condition that is no key is tested on the rows that the keys find.

use datafusion::common::NullEquality;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};

use super::Rule;
use super::guarded::guarded;

/// Puts guarded ones into the places of the rules that mix keys.
pub fn guard(rules: &mut [Rule]) {
    // It goes through the whole plan by itself.
    guarded(rules, "eliminate_cross_join", has_null_safe_join);
    guarded(rules, "extract_equijoin_predicate", has_null_safe_keys);
}

fn is_null_safe(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull && !join.on.is_empty()
}

fn has_null_safe_keys(node: &LogicalPlan) -> Result<bool> {
    Ok(matches!(node, LogicalPlan::Join(join) if is_null_safe(join)))
}

fn has_null_safe_join(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Join(join) if join.join_type == JoinType::Inner && is_null_safe(join));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
