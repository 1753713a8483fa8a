//! Join ordering: the joins of a query in the order that touches the fewest rows.
//!
//! ```sql
//! SELECT … FROM customer, orders, lineitem
//! WHERE c_custkey = o_custkey AND o_orderkey = l_orderkey
//!   AND o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300)
//! -- before: ((customer ⋈ orders) ⋈ lineitem) ⋉ subquery      60 million rows meet 624
//! -- after:  ((orders ⋉ subquery) ⋈ customer) ⋈ lineitem
//! ```
//!
//! [`graph`] turns a region of joins into relations and predicates, and says which joins may move and why; [`cardinality`] and
//! [`selectivity`] estimate rows, [`ranges`] leaves out those that cannot meet, [`cost`] weighs a tree, [`enumerate`] finds the cheapest,
//! and [`rebuild`] makes a plan of it.
//!
//! The written order stays where the size of a table is not known, and where another is not clearly better. Semi, anti and left joins
//! move with the inner ones; full and right joins, and everything that is not a join, keep their place.

pub(super) mod cardinality;
mod cost;
mod enumerate;
mod graph;
mod ranges;
mod rebuild;
mod selectivity;
pub mod sides;
pub mod small_sides;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Projection};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

pub use cardinality::Estimates;
use cost::Costs;
use enumerate::cheapest;
use graph::{Graph, is_inside, narrowed};
use rebuild::plan_of;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "join_order";

/// What another order has to save, as a part of the written one's cost: estimates are no more exact than that.
const WORTH_IT: f64 = 0.9;

/// The rule that DataFusion's optimizer runs.
#[derive(Debug, Default)]
pub struct JoinOrder {
    /// Any order will do: for tests of what may move.
    arbitrary: Option<u64>,
}

impl JoinOrder {
    /// Puts joins into an order that depends on `seed` and on nothing else.
    #[doc(hidden)]
    pub fn arbitrary(seed: u64) -> Self {
        JoinOrder { arbitrary: Some(seed) }
    }
}

impl OptimizerRule for JoinOrder {
    fn name(&self) -> &str {
        NAME
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        Walk { arbitrary: self.arbitrary }.ordered(plan)
    }
}

/// Goes through a plan from the root to the leaves.
#[derive(Clone, Copy)]
struct Walk {
    arbitrary: Option<u64>,
}

impl Walk {
    /// The plan with each region of joins in its best order.
    fn ordered(self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if is_inside(join) => self.region(plan),
            _ => {
                let inputs = plan.map_children(|input| self.ordered(input))?;
                inputs.transform_data(|plan| plan.map_subqueries(|plan| self.ordered(plan)))
            }
        }
    }

    /// The region that starts at `root`: first what its relations are made of, then its own order.
    fn region(self, root: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let relations = self.below_region(root)?;
        let changed = relations.transformed;
        let LogicalPlan::Join(join) = &relations.data else { return Ok(relations) };
        match self.reordered(join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::new_transformed(relations.data, changed)),
        }
    }

    /// Orders what is below the region's joins.
    fn below_region(self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if is_inside(join) => {
                let mut is_right = false;
                let is_inner = join.join_type == JoinType::Inner;
                plan.map_children(|side| {
                    // The right side of other joins is a relation, whatever it is made of.
                    let is_relation = std::mem::replace(&mut is_right, true) && !is_inner;
                    if is_relation { self.ordered(side) } else { self.below_region(side) }
                })
            }
            other if narrowed(other).is_some_and(|input| is_region(input)) => {
                plan.map_children(|input| self.below_region(input))
            }
            _ => self.ordered(plan),
        }
    }

    /// The join and those below it in a better order, if there is one.
    fn reordered(self, root: &Join) -> Result<Option<LogicalPlan>> {
        let Some((graph, written)) = Graph::of(root, self.arbitrary.is_some())? else { return Ok(None) };
        if graph.relations.len() < 3 {
            return Ok(None);
        }
        let costs = Costs::new(&graph, self.arbitrary);
        let Some(best) = cheapest(&graph, &costs) else { return Ok(None) };
        if self.arbitrary.is_none() && costs.tree(&best) >= WORTH_IT * costs.tree(&written) {
            return Ok(None);
        }
        let plan = plan_of(&best, &graph, &costs)?;
        let columns = root.schema.columns();
        if plan.schema().columns() == columns {
            return Ok(Some(Arc::unwrap_or_clone(plan)));
        }
        let columns = columns.into_iter().map(Expr::Column).collect();
        Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, plan)?)))
    }
}

/// How many rows a plan gives, as far as that can be told; `None`: the size of a table in it is not known.
pub fn estimated_rows(plan: &LogicalPlan) -> Option<f64> {
    cardinality::estimate(plan).map(|estimate| estimate.rows)
}

fn is_region(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(join) if is_inside(join))
}
