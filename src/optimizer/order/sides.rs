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

use super::cardinality::Estimates;
use crate::optimizer::inputs::with_new_inputs;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "join_sides";

/// The plan with the smaller side of each join on the left. `None`: there is no join, or the size of some side is not known; then
/// DataFusion may know better.
pub fn oriented(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut joins = Joins::default();
    let oriented = turned(plan, &Estimates::default(), &mut joins)?;
    Ok((joins.any && !joins.unknown).then(|| oriented.unwrap_or_else(|| plan.clone())))
}

/// What was met on the way.
#[derive(Debug, Default)]
struct Joins {
    any: bool,
    /// The size of a side is not known.
    unknown: bool,
}

/// `None`: every join below is right as it is, or it does not matter any more.
fn turned<'a>(plan: &'a LogicalPlan, estimates: &Estimates<'a>, joins: &mut Joins) -> Result<Option<LogicalPlan>> {
    let mut turns = false;
    if let LogicalPlan::Join(join) = plan {
        joins.any = true;
        match (estimates.of(&join.left), estimates.of(&join.right)) {
            (Some(left), Some(right)) => turns = can_swap(join) && left.rows > right.rows,
            _ => joins.unknown = true,
        }
    }
    if joins.unknown {
        return Ok(None);
    }
    let inputs = plan.inputs().into_iter().map(|input| turned(input, estimates, joins)).collect::<Result<Vec<_>>>()?;
    let mut new = with_new_inputs(plan, inputs)?;
    let mut has_subquery = false;
    plan.apply_subqueries(|_| {
        has_subquery = true;
        Ok(TreeNodeRecursion::Stop)
    })?;
    if has_subquery {
        let plan = new.take().unwrap_or_else(|| plan.clone());
        let subqueries = plan.map_subqueries(|subquery| {
            let turned = turned(&subquery, &Estimates::default(), joins)?;
            Ok(turned.map_or_else(|| Transformed::no(subquery), Transformed::yes))
        });
        new = Some(subqueries.data()?);
    }
    if !turns {
        return Ok(new);
    }
    match new.unwrap_or_else(|| plan.clone()) {
        LogicalPlan::Join(join) => swapped(join).map(Some),
        other => Ok(Some(other)),
    }
}

fn can_swap(join: &Join) -> bool {
    match join.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full | JoinType::LeftSemi => true,
        // NOT IN watches for NULLs on the side that it is written on.
        JoinType::LeftAnti => !join.null_aware,
        _ => false,
    }
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
