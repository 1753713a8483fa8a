//! Every node of a plan, with what the nodes above can see of it.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::optimizer::prune::{Needs, needs_of_inputs};

/// Calls `visit` for each node of `plan`, from the root down, those of subqueries in expressions too. A plan that cannot be
/// understood ends the walk: what was not seen is not spoken of.
pub(super) fn each_node<'a>(plan: &'a LogicalPlan, visit: &mut dyn FnMut(&'a LogicalPlan, &Needs)) {
    let _ = descend(plan, &Needs::everything(plan.schema()), visit);
}

fn descend<'a>(plan: &'a LogicalPlan, needs: &Needs, visit: &mut dyn FnMut(&'a LogicalPlan, &Needs)) -> Result<()> {
    visit(plan, needs);
    for (subquery, needs) in subqueries(plan) {
        descend(subquery, &needs, visit)?;
    }
    for (input, needs) in plan.inputs().into_iter().zip(needs_of_inputs(plan, needs)?) {
        descend(input, &needs, visit)?;
    }
    Ok(())
}

/// The plans in a node's expressions. Of those in IN and EXISTS only the set of rows matters.
fn subqueries(plan: &LogicalPlan) -> Vec<(&LogicalPlan, Needs)> {
    let mut found = Vec::new();
    for expr in expressions(plan) {
        // Collecting cannot fail.
        let _ = expr.apply(|part| {
            match part {
                Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(InSubquery { subquery, .. })
                | Expr::SetComparison(SetComparison { subquery, .. }) => {
                    let plan = subquery.subquery.as_ref();
                    found.push((plan, Needs::set(plan.schema())));
                }
                Expr::ScalarSubquery(subquery) => {
                    let plan = subquery.subquery.as_ref();
                    found.push((plan, Needs::everything(plan.schema())));
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    found
}

/// A node's own expressions. Kinds of nodes in whose expressions nobody looks have none here.
pub(super) fn expressions(plan: &LogicalPlan) -> Vec<&Expr> {
    match plan {
        LogicalPlan::Projection(node) => node.expr.iter().collect(),
        LogicalPlan::Filter(node) => vec![&node.predicate],
        LogicalPlan::Aggregate(node) => node.group_expr.iter().chain(&node.aggr_expr).collect(),
        LogicalPlan::Window(node) => node.window_expr.iter().collect(),
        LogicalPlan::Sort(node) => node.expr.iter().map(|sort| &sort.expr).collect(),
        LogicalPlan::Join(node) => node.on.iter().flat_map(|(left, right)| [left, right]).chain(&node.filter).collect(),
        _ => vec![],
    }
}
