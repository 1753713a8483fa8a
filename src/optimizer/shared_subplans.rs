//! A subplan that a statement needs several times is computed once.
//!
//! A CTE is written into the plan wherever it is read, and a subquery can be in the text twice. After the optimizer has put filters and
//! columns where they belong, what is still the same is the same work. [`share`] takes such subplans out of the plan and leaves a
//! [`SharedSubplan`] in each place, which the physical planner makes a reader of the one result.
//!
//! ```text
//! SELECT * FROM c a JOIN c b ON a.total > b.total     -- c groups a table
//! before: Join(Aggregate(Scan t), Aggregate(Scan t))
//! after:  Join(Shared #0, Shared #0),  #0 = Aggregate(Scan t)
//! ```
//!
//! Not shared, although it looks the same: what calls a volatile function (`random()` is asked anew in each place), what refers to an
//! outer row, what reads the rows of a recursive query's last step, and what reads anything but tables whose files are fixed for the
//! statement. Plain scans and joins are not shared either: reading them twice is cheaper than keeping their rows.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::{self, Formatter};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::facts::KnownTable;
use super::prune::has_volatile;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "shared_subplans";

/// A plan and the subplans that were taken out of it.
#[derive(Debug)]
pub struct SharedPlan {
    pub plan: LogicalPlan,
    /// [`SharedSubplan::number`] is the position. Each may read others.
    pub subplans: Vec<LogicalPlan>,
}

/// Stands in a plan for a subplan that is computed once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SharedSubplan {
    pub number: usize,
    schema: DFSchemaRef,
}

impl PartialOrd for SharedSubplan {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for SharedSubplan {
    fn name(&self) -> &str {
        "SharedSubplan"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "SharedSubplan: #{}", self.number)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if exprs.is_empty() && inputs.is_empty() {
            Ok(self.clone())
        } else {
            internal_err!("a shared subplan has neither expressions nor inputs")
        }
    }
}

/// Takes out of an optimized plan what is in it more than once; `None`: nothing is.
pub fn share(plan: &LogicalPlan) -> Result<Option<SharedPlan>> {
    let mut plans = vec![plan.clone()];
    // What is found in one round is looked through in the next, with all that was found before.
    loop {
        let repeated = repeated(&plans)?;
        if repeated.is_empty() {
            break;
        }
        for subplan in repeated {
            let number = plans.len() - 1;
            let reference = LogicalPlan::Extension(Extension {
                node: Arc::new(SharedSubplan { number, schema: Arc::clone(subplan.schema()) }),
            });
            for plan in &mut plans {
                *plan = replace(std::mem::take(plan), &subplan, &reference)?;
            }
            plans.push(subplan);
        }
    }
    let mut plans = plans.into_iter();
    let plan = plans.next();
    let subplans: Vec<LogicalPlan> = plans.collect();
    Ok(plan.filter(|_| !subplans.is_empty()).map(|plan| SharedPlan { plan, subplans }))
}

/// The largest subplans that occur more than once; none of them is part of another.
fn repeated(plans: &[LogicalPlan]) -> Result<Vec<LogicalPlan>> {
    let plans = with_subqueries(plans)?;
    let mut seen: HashMap<u64, Vec<(&LogicalPlan, usize)>> = HashMap::new();
    for plan in &plans {
        each_candidate(plan, &mut |candidate| {
            let same_hash = seen.entry(hash(candidate)).or_default();
            match same_hash.iter_mut().find(|(other, _)| is_same(other, candidate)) {
                Some((_, count)) => *count += 1,
                None => same_hash.push((candidate, 1)),
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if !seen.values().flatten().any(|(_, count)| *count > 1) {
        return Ok(Vec::new());
    }
    let mut largest: Vec<LogicalPlan> = Vec::new();
    for plan in &plans {
        each_candidate(plan, &mut |candidate| {
            let is_repeated = seen
                .get(&hash(candidate))
                .is_some_and(|same| same.iter().any(|(other, count)| *count > 1 && is_same(other, candidate)));
            if !is_repeated {
                return Ok(TreeNodeRecursion::Continue);
            }
            if !largest.iter().any(|other| is_same(other, candidate)) && can_be_shared(candidate)? {
                largest.push(candidate.clone());
            }
            Ok(TreeNodeRecursion::Jump)
        })?;
    }
    Ok(largest)
}

/// The plans, and each subquery that is still in an expression of one.
fn with_subqueries(plans: &[LogicalPlan]) -> Result<Vec<Arc<LogicalPlan>>> {
    let mut all = Vec::new();
    for plan in plans {
        all.push(Arc::new(plan.clone()));
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    if let Expr::ScalarSubquery(subquery) = expr {
                        all.push(Arc::clone(&subquery.subquery));
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
    }
    Ok(all)
}

/// Calls `visit` for each subplan that is worth sharing, from the root down.
fn each_candidate<'a>(
    plan: &'a LogicalPlan,
    visit: &mut impl FnMut(&'a LogicalPlan) -> Result<TreeNodeRecursion>,
) -> Result<()> {
    // Its parts are run again for each step.
    if matches!(plan, LogicalPlan::RecursiveQuery(_)) {
        return Ok(());
    }
    if is_worth_it(plan) && visit(plan)? != TreeNodeRecursion::Continue {
        return Ok(());
    }
    for input in plan.inputs() {
        each_candidate(input, visit)?;
    }
    Ok(())
}

/// Whether a subplan computes much and gives little: a grouping or a window, and what only cuts that down.
fn is_worth_it(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Window(_) => true,
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_) => plan.inputs().into_iter().all(is_worth_it),
        LogicalPlan::Union(_) => plan.inputs().into_iter().all(is_worth_it),
        LogicalPlan::Join(join) => is_worth_it(&join.left) && is_worth_it(&join.right),
        _ => false,
    }
}

/// Whether two evaluations of the subplan must give the same rows.
fn can_be_shared(plan: &LogicalPlan) -> Result<bool> {
    let mut reads_a_table = false;
    let mut fixed = !has_volatile(plan);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                reads_a_table = true;
                fixed &= KnownTable::of(&scan.source).is_some();
            }
            LogicalPlan::RecursiveQuery(_) | LogicalPlan::Extension(_) if !is_reference(node) => fixed = false,
            _ => {}
        }
        node.apply_expressions(|expr| {
            fixed &= !expr.contains_outer();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if fixed { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(reads_a_table && fixed)
}

fn is_reference(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Extension(extension) if extension.node.as_any().downcast_ref::<SharedSubplan>().is_some())
}

fn hash(plan: &LogicalPlan) -> u64 {
    let mut hasher = DefaultHasher::new();
    plan.hash(&mut hasher);
    hasher.finish()
}

/// The same work on the same files. Plans compare tables by name only.
fn is_same(one: &LogicalPlan, other: &LogicalPlan) -> bool {
    std::ptr::eq(one, other) || (one == other && snapshots(one) == snapshots(other))
}

/// Which state of its table each scan reads, in the order of the plan.
fn snapshots(plan: &LogicalPlan) -> Vec<Option<u64>> {
    let mut snapshots = Vec::new();
    // The closure never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            snapshots.push(KnownTable::of(&scan.source).map(|table| table.facts().snapshot));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    snapshots
}

fn replace(plan: LogicalPlan, subplan: &LogicalPlan, reference: &LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|node| {
        if matches!(node, LogicalPlan::RecursiveQuery(_)) {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        if is_same(&node, subplan) {
            return Ok(Transformed::new(reference.clone(), true, TreeNodeRecursion::Jump));
        }
        Ok(Transformed::no(node))
    })
    .data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::lab;

    /// How many subplans are shared, and how often they are read.
    fn shared(sql: &str) -> (usize, usize) {
        let Some(shared) = share(&lab().pruned(sql)).unwrap() else { return (0, 0) };
        let mut readers = 0;
        for plan in shared.subplans.iter().chain([&shared.plan]) {
            plan.apply_with_subqueries(|node| {
                readers += usize::from(is_reference(node));
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        }
        (shared.subplans.len(), readers)
    }

    #[test]
    fn a_grouping_that_is_read_twice_is_shared() {
        let totals = "WITH t AS (SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id)";
        assert_eq!(shared(&format!("{totals} SELECT a.total FROM t a JOIN t b ON a.total = b.total")), (1, 2));
        assert_eq!(
            shared(&format!("{totals} SELECT total FROM t UNION ALL SELECT total FROM t UNION ALL SELECT 1")),
            (1, 2)
        );
        assert_eq!(shared(&format!("{totals} SELECT total FROM t")), (0, 0));
    }

    #[test]
    fn the_same_text_in_two_places_is_one_subplan() {
        let sql = "SELECT * FROM (SELECT day, count(*) AS n FROM orders GROUP BY day) a
                   JOIN (SELECT day, count(*) AS n FROM orders GROUP BY day) b ON a.n = b.n";
        assert_eq!(shared(sql), (1, 2));
    }

    #[test]
    fn what_is_shared_can_share() {
        let sql = "WITH t AS (SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id),
                        u AS (SELECT total, count(*) AS n FROM t GROUP BY total)
                   SELECT a.n, t.total FROM u a JOIN u b ON a.n = b.n JOIN t ON t.total = a.n";
        assert_eq!(shared(sql), (2, 4));
    }

    #[test]
    fn what_differs_is_not_shared() {
        for sql in [
            // Other filters, other columns.
            "SELECT (SELECT sum(amount) FROM orders WHERE id > 1) AS a, (SELECT sum(amount) FROM orders WHERE id > 2) AS b",
            // Asked anew in each place.
            "SELECT * FROM (SELECT max(random()) AS r FROM orders GROUP BY day) a,
                           (SELECT max(random()) AS r FROM orders GROUP BY day) b",
            // No work in it.
            "SELECT * FROM orders a JOIN orders b ON a.amount = b.amount",
            // Without a table.
            "SELECT * FROM (SELECT count(*) AS n FROM (VALUES (1)) v) a, (SELECT count(*) AS n FROM (VALUES (1)) v) b",
        ] {
            assert_eq!(shared(sql), (0, 0), "{sql}");
        }
    }

    #[test]
    fn nothing_in_a_recursive_query_is_shared() {
        let sql = "WITH RECURSIVE r AS (
                       SELECT 1 AS n
                       UNION ALL
                       SELECT r.n + 1 FROM r JOIN (SELECT day, count(*) AS c FROM orders GROUP BY day) a ON a.c > r.n
                       JOIN (SELECT day, count(*) AS c FROM orders GROUP BY day) b ON b.day = a.day WHERE r.n < 3)
                   SELECT count(*) FROM r";
        assert_eq!(shared(sql), (0, 0));
    }
}
