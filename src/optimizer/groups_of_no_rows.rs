//! No filter goes below an aggregation that gives a row of no rows.
//!
//! ```sql
//! SELECT n FROM (SELECT count(*) AS n FROM t) WHERE (SELECT max(y) FROM u) > 5
//! ```
//!
//! A filter that reads only keys may go below the grouping by them: it drops whole groups. DataFusion's `push_down_filter` takes one that
//! reads no column for such a filter, also where there is no GROUP BY, or a grouping set of no columns. It drops all rows there, and
//! the aggregation gives its row of none all the same. Such a filter also comes of a rule that has found a condition to be false.

use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};

use super::Rule;
use super::guarded::guarded;

/// Puts a guarded one into the place of the rule that pushes filters down.
pub fn guard(rules: &mut [Rule]) {
    guarded(rules, "push_down_filter", filters_groups_of_no_rows);
}

fn filters_groups_of_no_rows(node: &LogicalPlan) -> Result<bool> {
    let LogicalPlan::Filter(filter) = node else { return Ok(false) };
    let mut input = filter.input.as_ref();
    // The rule takes filters that follow one another for one.
    while let LogicalPlan::Filter(filter) = input {
        input = filter.input.as_ref();
    }
    Ok(matches!(input, LogicalPlan::Aggregate(aggregate) if has_group_of_no_rows(aggregate)))
}

fn has_group_of_no_rows(aggregate: &Aggregate) -> bool {
    match aggregate.group_expr.as_slice() {
        [] | [Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_))] => true,
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.iter().any(Vec::is_empty),
        _ => false,
    }
}
