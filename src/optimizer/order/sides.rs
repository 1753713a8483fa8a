//! Which side of each join is put into a hash table: the one with fewer rows.
//!
//! DataFusion decides that too, from statistics of operators, which take one row in five to pass a filter on text. [`oriented`] puts the
//! smaller side of every join first, where DataFusion builds the table; it is told to leave that as it is ([`crate::execution`]).
//!
//! ```text
//! before: sales ⋉ (small subquery)        LeftSemi: a hash table of all sales
//! after:  (small subquery) ⋊ sales        RightSemi: one of the subquery's rows
//! ```

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Projection};

use super::cardinality::estimate;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "join_sides";

/// The plan with the smaller side of each join on the left. `None`: there is no join, or the size of some side is not known; then
/// DataFusion may know better.
pub fn oriented(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut joins = 0;
    let mut known = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            joins += 1;
            known = estimate(&join.left).is_some() && estimate(&join.right).is_some();
        }
        Ok(if known { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    if joins == 0 || !known {
        return Ok(None);
    }
    let oriented = plan.clone().transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_wrong_way_round(&join) => swapped(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    });
    oriented.data().map(Some)
}

fn is_wrong_way_round(join: &Join) -> bool {
    let can_swap = match join.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full | JoinType::LeftSemi => true,
        // NOT IN watches for NULLs on the side that it is written on.
        JoinType::LeftAnti => !join.null_aware,
        _ => false,
    };
    let rows = |side: &LogicalPlan| estimate(side).map(|estimate| estimate.rows);
    can_swap && matches!((rows(&join.left), rows(&join.right)), (Some(left), Some(right)) if left > right)
}

/// The same join with its sides exchanged, and the same columns in the same order.
fn swapped(join: Join) -> Result<LogicalPlan> {
    let columns = join.schema.columns();
    let on = join.on.into_iter().map(|(left, right)| (right, left)).collect();
    let join = LogicalPlan::Join(Join::try_new(
        join.right,
        join.left,
        on,
        join.filter,
        join.join_type.swap(),
        join.join_constraint,
        join.null_equality,
        false,
    )?);
    if join.schema().columns() == columns {
        return Ok(join);
    }
    let columns = columns.into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, join.into())?))
}
