//! The optimized plan as a tree with estimated and actual rows.
//!
//! Rows are estimated for operators, and counted and timed by operators, but what a user knows are the nodes of the logical plan. The two
//! trees have nearly the same shape: DataFusion's planner makes an operator of most nodes, leaves some out (an alias, a filter that the
//! scan evaluates), and puts some in (exchanges, sorts). Both are walked together; the invariant is that the operator in hand gives exactly
//! the rows of the node in hand. Operators that change no row count are stepped over where they belong to no node; where anything
//! else does not fit, the figures below are unknown, not guessed. A subplan that is computed once for several places has its figures at one
//! of them; at the others only the rows that were read there are known.
//!
//! Rows that a join higher up does not want are dropped at the scans ([`lacks_unwanted_rows`]), and a scan asks the filter above it. The
//! rows of these nodes are those that came; their estimates, which are of all, are not held against them.
//!
//! An estimate is the one by which joins are ordered (`optimizer/order/cardinality.rs`), unless the operator knows its rows exactly. Where
//! a table's size is not known, it is the operator's statistics, or follows from the inputs: a filter keeps a fifth; a join by equality
//! gives as many rows as its larger side, as one along a foreign key does; without an equality, the product; a semi join its left side,
//! an anti join a fifth of it; grouping all of its input, and without keys one row.

mod figures;

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::logical_expr::{Distinct, Expr, FetchType, Join, JoinType, LogicalPlan, SkipType, TableScan};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

use super::mentions::without_marks;
use super::report::PlanNode;
use crate::execution::runtime_filters::lacks_unwanted_rows;
use crate::execution::shared::SharedExec;
use crate::optimizer::facts::KnownTable;
use crate::optimizer::order::Estimates;

type Operator = Arc<dyn ExecutionPlan>;

const RUNTIME_FILTER: &str = "RuntimeFilterExec";
/// Has its subplan as its input in one place, and no input in the others.
const SHARED: &str = "SharedExec";

/// The tree of a plan; `physical` is what was made of it, `ran`: it was run to its end.
pub fn tree(plan: &LogicalPlan, physical: Option<&Operator>, ran: bool) -> PlanNode {
    Walk::new(ran).node(plan, physical)
}

struct Walk<'a> {
    ran: bool,
    /// Both remember what they have computed.
    statistics: StatisticsContext,
    estimates: Estimates<'a>,
}

/// The operators that do the work of a node.
struct Found<'a> {
    top: &'a Operator,
    bottom: &'a Operator,
}

impl<'a> Walk<'a> {
    fn new(ran: bool) -> Self {
        Walk { ran, statistics: StatisticsContext::new(), estimates: Estimates::default() }
    }

    /// `physical` gives the rows of `plan`.
    fn node(&self, plan: &'a LogicalPlan, physical: Option<&Operator>) -> PlanNode {
        let found = physical.and_then(|physical| operators_of(plan, physical));
        let inputs = plan.inputs();
        let below = self.inputs_of(plan, physical, found.as_ref());
        let mut children: Vec<PlanNode> =
            inputs.iter().zip(&below).map(|(input, below)| self.node(input, below.as_ref())).collect();
        let estimated_rows = self.estimate(plan, physical).or_else(|| derived(plan, &children));
        let actual_rows = physical.filter(|_| self.ran).and_then(figures::rows);
        let elapsed_ms =
            found.as_ref().filter(|_| self.ran).and_then(|found| figures::elapsed(found.top, found.bottom));
        let scan = match plan {
            LogicalPlan::TableScan(_) if self.ran => found.as_ref().and_then(|found| figures::scan(found.bottom)),
            _ => None,
        };
        children.extend(self.subqueries(plan));
        let misestimate = match (estimated_rows, actual_rows) {
            (Some(estimated), Some(actual)) if !physical.is_some_and(|physical| leaves_out_rows(plan, physical)) => {
                Some(factor(estimated, actual))
            }
            _ => None,
        };
        PlanNode {
            node: name(plan),
            detail: detail(plan),
            estimated_rows,
            actual_rows,
            elapsed_ms,
            misestimate,
            group_keys: group_keys(plan),
            sort_keys: match plan {
                LogicalPlan::Sort(sort) => Some(sort.expr.len()),
                _ => None,
            },
            scan,
            children,
        }
    }

    fn estimate(&self, plan: &'a LogicalPlan, physical: Option<&Operator>) -> Option<u64> {
        let statistics = |operator: &Operator| {
            self.statistics.compute(operator.as_ref(), &StatisticsArgs::new()).map(|statistics| statistics.num_rows)
        };
        let by_operator = physical.and_then(|operator| statistics(operator).ok()).unwrap_or(Precision::Absent);
        match (by_operator, self.estimates.rows(plan)) {
            (Precision::Exact(rows), _) | (Precision::Inexact(rows), None) => Some(rows as u64),
            // Its filters skip row groups; what they ask of each row is asked by the filter above it.
            (Precision::Inexact(rows), _) if matches!(plan, LogicalPlan::TableScan(_)) => Some(rows as u64),
            (_, Some(rows)) => Some(rows.round() as u64),
            (Precision::Absent, None) => None,
        }
    }

    /// The queries in the node's expressions, which are run for themselves.
    fn subqueries(&self, plan: &LogicalPlan) -> Vec<PlanNode> {
        let mut found = Vec::new();
        // Collecting cannot fail.
        let _ = plan.apply_subqueries(|subquery| {
            found.push(Walk::new(self.ran).node(subquery, None));
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Jump)
        });
        found
    }

    /// For each input of the node, the operator that gives its rows.
    fn inputs_of(
        &self,
        plan: &LogicalPlan,
        physical: Option<&Operator>,
        found: Option<&Found<'_>>,
    ) -> Vec<Option<Operator>> {
        let inputs = plan.inputs();
        let unknown = || vec![None; inputs.len()];
        match (found, inputs.as_slice()) {
            // Where a filter of a subplan is that is computed elsewhere cannot be told.
            (None, [_]) if changes_row_count(plan) && physical.is_some_and(ends_elsewhere) => unknown(),
            (None, [_]) if may_have_no_operator(plan) => vec![physical.cloned()],
            (None, _) => unknown(),
            (Some(found), inputs) => {
                let below: Vec<Operator> = found.bottom.children().into_iter().cloned().collect();
                match (inputs, below.as_slice()) {
                    ([left, right], [first, second]) if matches!(plan, LogicalPlan::Join(_)) => {
                        match sides(left, right, first, second) {
                            Some(false) => vec![Some(Arc::clone(first)), Some(Arc::clone(second))],
                            Some(true) => vec![Some(Arc::clone(second)), Some(Arc::clone(first))],
                            None => unknown(),
                        }
                    }
                    _ if inputs.len() == below.len() => below.into_iter().map(Some).collect(),
                    _ => unknown(),
                }
            }
        }
    }
}

/// The planner may have exchanged the sides of a join: their columns tell, unless both have the same. `None`: they do not tell.
fn sides(left: &LogicalPlan, right: &LogicalPlan, first: &Operator, second: &Operator) -> Option<bool> {
    let common = |plan: &LogicalPlan, operator: &Operator| {
        let schema = operator.schema();
        plan.schema().fields().iter().filter(|field| schema.column_with_name(field.name()).is_some()).count()
    };
    let straight = common(left, first) + common(right, second);
    let exchanged = common(left, second) + common(right, first);
    match straight.cmp(&exchanged) {
        std::cmp::Ordering::Greater => Some(false),
        std::cmp::Ordering::Less => Some(true),
        std::cmp::Ordering::Equal => {
            // If both are the same rows, it does not matter which is which.
            let subplan = shared_subplan(first);
            (subplan.is_some() && subplan == shared_subplan(second)).then_some(false)
        }
    }
}

/// The operators that stand for the node, at `physical` or below what changes no row count.
fn operators_of<'a>(plan: &LogicalPlan, physical: &'a Operator) -> Option<Found<'a>> {
    let mut top = physical;
    loop {
        if stands_for(plan, top) {
            return Some(Found { top, bottom: first_stage(top).unwrap_or(top) });
        }
        let children = top.children();
        match children.as_slice() {
            [only] if is_between_nodes(top) || passes_limit_on(plan, top) => top = *only,
            _ => return None,
        }
    }
}

/// Whether it belongs to no node, or to one of another kind whose rows are the same.
fn is_between_nodes(operator: &Operator) -> bool {
    keeps_row_count(operator) || operator.name() == RUNTIME_FILTER
}

/// Whether its rows are those of a subplan whose operators are found at another place.
fn ends_elsewhere(operator: &Operator) -> bool {
    match operator.children().as_slice() {
        [] => operator.name() == SHARED,
        [only] => is_between_nodes(operator) && ends_elsewhere(only),
        _ => false,
    }
}

/// The number of the shared subplan whose rows these are.
fn shared_subplan(operator: &Operator) -> Option<usize> {
    if let Some(shared) = operator.downcast_ref::<SharedExec>() {
        return Some(shared.number());
    }
    match operator.children().as_slice() {
        [only] if is_between_nodes(operator) => shared_subplan(only),
        _ => None,
    }
}

/// Whether the operator gives fewer rows than the node has: without those that a join above does not want, or, a scan, those that the
/// filter above it does not want.
fn leaves_out_rows(plan: &LogicalPlan, operator: &Operator) -> bool {
    let is_scan = matches!(plan, LogicalPlan::TableScan(_));
    let scan = operators_of(plan, operator).filter(|_| is_scan);
    scan.is_some_and(|scan| figures::has_filter(scan.top)) || lacks_unwanted_rows(operator)
}

fn stands_for(plan: &LogicalPlan, operator: &Operator) -> bool {
    let name = operator.name();
    match plan {
        LogicalPlan::Projection(_) => name == "ProjectionExec",
        LogicalPlan::Filter(_) => name == "FilterExec",
        LogicalPlan::Window(_) => matches!(name, "WindowAggExec" | "BoundedWindowAggExec"),
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => name == "AggregateExec",
        // With a limit it is a `SortExec(TopK)`.
        LogicalPlan::Sort(_) => name.starts_with("SortExec"),
        LogicalPlan::Join(_) => name.ends_with("JoinExec"),
        LogicalPlan::Repartition(_) => name == "RepartitionExec",
        LogicalPlan::Union(_) => matches!(name, "UnionExec" | "InterleaveExec"),
        LogicalPlan::Limit(_) => matches!(name, "GlobalLimitExec" | "LocalLimitExec"),
        LogicalPlan::Unnest(_) => name == "UnnestExec",
        LogicalPlan::RecursiveQuery(_) => name == "RecursiveQueryExec",
        LogicalPlan::TableScan(_) => operator.children().is_empty() && !matches!(name, "PlaceholderRowExec" | SHARED),
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => operator.children().is_empty() && name != SHARED,
        _ => false,
    }
}

/// The first stage of a grouping in two: its input is the node's.
fn first_stage(operator: &Operator) -> Option<&Operator> {
    let is_final = |operator: &Operator| {
        operator
            .downcast_ref::<AggregateExec>()
            .is_some_and(|aggregate| matches!(aggregate.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned))
    };
    if !is_final(operator) {
        return None;
    }
    let mut below = *operator.children().first()?;
    while !below.name().eq("AggregateExec") {
        below = match below.children().as_slice() {
            [only] => *only,
            _ => return None,
        };
    }
    Some(below)
}

/// Whether each row that comes in goes out.
fn keeps_row_count(operator: &Operator) -> bool {
    let name = operator.name();
    operator.fetch().is_none()
        && (is_exchange(operator)
            || matches!(name, "ProjectionExec" | "SortExec" | "CollectKeysExec" | "CompactViewsExec" | SHARED))
}

/// A limit is also kept by what gathers the rows of the operator that has it first.
fn passes_limit_on(plan: &LogicalPlan, operator: &Operator) -> bool {
    is_exchange(operator) && matches!(plan, LogicalPlan::Sort(_) | LogicalPlan::Limit(_))
}

/// Whether it only moves rows between threads.
fn is_exchange(operator: &Operator) -> bool {
    matches!(
        operator.name(),
        "RepartitionExec"
            | "CoalesceBatchesExec"
            | "CoalescePartitionsExec"
            | "SortPreservingMergeExec"
            | "CooperativeExec"
            | "BufferExec"
            | "OutputRequirementExec"
    )
}

/// Nodes that the planner may leave to the operator below.
fn may_have_no_operator(plan: &LogicalPlan) -> bool {
    matches!(
        plan,
        LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Repartition(_)
    )
}

fn changes_row_count(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(sort) => sort.fetch.is_some(),
        plan => matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Limit(_)),
    }
}

/// The estimate by the inputs.
fn derived(plan: &LogicalPlan, children: &[PlanNode]) -> Option<u64> {
    let input = |index: usize| children.get(index).and_then(|child| child.estimated_rows);
    match plan {
        LogicalPlan::TableScan(scan) => rows_of(scan),
        LogicalPlan::EmptyRelation(empty) => Some(u64::from(empty.produce_one_row)),
        LogicalPlan::Values(values) => Some(values.values.len() as u64),
        LogicalPlan::Filter(_) => Some(input(0)?.div_ceil(5)),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => Some(1),
        LogicalPlan::Limit(limit) => {
            let rows = match limit.get_skip_type() {
                Ok(SkipType::Literal(skip)) => input(0)?.saturating_sub(skip as u64),
                _ => input(0)?,
            };
            match limit.get_fetch_type() {
                Ok(FetchType::Literal(Some(fetch))) => Some(rows.min(fetch as u64)),
                _ => Some(rows),
            }
        }
        LogicalPlan::Union(_) => children.iter().map(|child| child.estimated_rows).sum(),
        LogicalPlan::Join(join) => joined(join, input(0)?, input(1)?),
        LogicalPlan::Projection(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Repartition(_) => input(0),
        _ => None,
    }
}

fn rows_of(scan: &TableScan) -> Option<u64> {
    let rows = KnownTable::of(&scan.source)?.facts().rows?;
    Some(scan.fetch.map_or(rows, |fetch| rows.min(fetch as u64)))
}

fn joined(join: &Join, left: u64, right: u64) -> Option<u64> {
    let matched = if join.on.is_empty() { left.saturating_mul(right) } else { left.max(right) };
    Some(match join.join_type {
        JoinType::Inner => matched,
        JoinType::Left => matched.max(left),
        JoinType::Right => matched.max(right),
        JoinType::Full => matched.max(left).max(right),
        JoinType::LeftSemi | JoinType::LeftMark => left,
        JoinType::RightSemi | JoinType::RightMark => right,
        JoinType::LeftAnti => left.div_ceil(5),
        JoinType::RightAnti => right.div_ceil(5),
    })
}

/// How many times an estimate is off.
fn factor(estimated: u64, actual: u64) -> f64 {
    let (more, less) = (estimated.max(actual).max(1), estimated.min(actual).max(1));
    (more as f64 / less as f64 * 10.0).round() / 10.0
}

fn group_keys(plan: &LogicalPlan) -> Option<usize> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => Some(match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(sets)] => sets.distinct_expr().len(),
            keys => keys.len(),
        }),
        _ => None,
    }
}

/// What stands behind the name in DataFusion's own EXPLAIN.
fn detail(plan: &LogicalPlan) -> String {
    let text = without_marks(&plan.display().to_string());
    match text.split_once(':') {
        Some((before, behind)) if before == name(plan) => behind.trim().to_string(),
        _ if text == name(plan) => String::new(),
        _ => text,
    }
}

/// The name of the variant.
fn name(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Projection(_) => "Projection",
        LogicalPlan::Filter(_) => "Filter",
        LogicalPlan::Window(_) => "Window",
        LogicalPlan::Aggregate(_) => "Aggregate",
        LogicalPlan::Sort(_) => "Sort",
        LogicalPlan::Join(_) => "Join",
        LogicalPlan::Repartition(_) => "Repartition",
        LogicalPlan::Union(_) => "Union",
        LogicalPlan::TableScan(_) => "TableScan",
        LogicalPlan::EmptyRelation(_) => "EmptyRelation",
        LogicalPlan::Subquery(_) => "Subquery",
        LogicalPlan::SubqueryAlias(_) => "SubqueryAlias",
        LogicalPlan::Limit(_) => "Limit",
        LogicalPlan::Statement(_) => "Statement",
        LogicalPlan::Values(_) => "Values",
        LogicalPlan::Explain(_) => "Explain",
        LogicalPlan::Analyze(_) => "Analyze",
        LogicalPlan::Extension(_) => "Extension",
        LogicalPlan::Distinct(Distinct::All(_) | Distinct::On(_)) => "Distinct",
        LogicalPlan::Dml(_) => "Dml",
        LogicalPlan::Ddl(_) => "Ddl",
        LogicalPlan::Copy(_) => "Copy",
        LogicalPlan::DescribeTable(_) => "DescribeTable",
        LogicalPlan::Unnest(_) => "Unnest",
        LogicalPlan::RecursiveQuery(_) => "RecursiveQuery",
    }
}

#[cfg(test)]
mod tests;
