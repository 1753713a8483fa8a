//! Runs the rules over a numbered plan and watches what becomes of its tables.
//!
//! The trace tells what our rules did. DataFusion's own rules drop tables too (an input that is empty, a subquery that nobody reads) and
//! tell nobody, so after each rule it is looked at which tables are gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::optimizer::{Optimizer, OptimizerRule};

use crate::optimizer::facts::{FactsCache, KnownTable};
use crate::optimizer::prune::verdict;
use crate::optimizer::trace::{Kept, SharedTrace};
use crate::optimizer::{PRUNE, rules_with_prune};

/// A plan after all rules, and how it came to be.
#[derive(Debug)]
pub struct Optimized {
    pub plan: LogicalPlan,
    pub trace: SharedTrace,
    /// Why joins stay, as it was found when the prune rules were through: what comes after them moves filters to where they hide that a
    /// table is complete. What was found in the optimizer's first pass comes last, and counts the most.
    pub kept: Vec<Kept>,
    /// The mentions of which no scan is left, with the rule that dropped the last one.
    pub lost: BTreeMap<usize, String>,
}

/// Analyzes and optimizes a plan with all rules but the disabled ones.
pub fn optimize(plan: &LogicalPlan, state: &SessionState, disabled: &HashSet<String>) -> Result<Optimized> {
    let trace = SharedTrace::default();
    let before = numbers(plan);
    let mut there = before.clone();
    let mut lost = BTreeMap::new();
    let mut kept: Vec<Kept> = Vec::new();
    let plan = with_rules(plan, state, disabled, &trace, |plan, rule| {
        let now = numbers(plan);
        for number in there.difference(&now) {
            lost.insert(*number, rule.name().to_string());
        }
        there = now;
        if rule.name() == PRUNE {
            // A plan of which nothing can be said has no reasons.
            let mut found = verdict::kept(plan, &FactsCache::default()).unwrap_or_default();
            found.append(&mut kept);
            kept = found;
        }
    })?;
    let left = numbers(&plan);
    lost.retain(|number, _| !left.contains(number));
    // What goes before the first rule is done: the analyzer's work.
    for number in before.difference(&left) {
        lost.entry(*number).or_default();
    }
    Ok(Optimized { plan, trace, kept, lost })
}

/// Analyzes and optimizes; `watch` sees the plan after each rule.
pub(super) fn with_rules(
    plan: &LogicalPlan,
    state: &SessionState,
    disabled: &HashSet<String>,
    trace: &SharedTrace,
    watch: impl FnMut(&LogicalPlan, &dyn OptimizerRule),
) -> Result<LogicalPlan> {
    let analyzed = state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
    Optimizer::with_rules(rules_with_prune(disabled, SharedTrace::clone(trace))).optimize(analyzed, state, watch)
}

/// The scans of a plan from left to right, those in subqueries too.
pub fn scans(plan: &LogicalPlan) -> Vec<TableScan> {
    let mut scans = Vec::new();
    // Collecting cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            scans.push(scan.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    scans
}

/// The mentions that a plan still scans.
pub fn numbers(plan: &LogicalPlan) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(tag) = KnownTable::of(&scan.source).and_then(KnownTable::tag)
        {
            numbers.insert(tag.mention);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    numbers
}
