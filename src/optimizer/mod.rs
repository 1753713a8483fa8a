//! Logical rules: DataFusion's own, and the place where ours join them.

mod aggregate_parts;
mod counted_rows;
mod dependent_joins;
mod distinct_groups;
#[doc(hidden)]
pub mod early_groups;
pub mod facts;
mod filled_constants;
mod finest_groups;
mod groups_of_no_rows;
mod guarded;
mod inputs;
mod joins;
mod lateral_unnest;
mod named_branches;
mod not_in;
mod null_safe_joins;
mod nullable_subqueries;
pub mod numbered_texts;
mod one_row_subquery;
mod opaque_grouping_keys;
#[doc(hidden)]
pub mod order;
pub mod prune;
pub mod ranked_rows;
mod repeated_keys;
pub mod shared_subplans;
#[cfg(test)]
mod stock_defects;
mod subqueries_below_groups;
#[cfg(test)]
pub mod testing;
pub mod trace;

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};

pub(crate) use counted_rows::count_equal_rows;
pub(crate) use dependent_joins::eliminate_dependent_joins;
use early_groups::EarlyGroups;
use filled_constants::FilledConstants;
use finest_groups::FinestGroups;
use lateral_unnest::LateralUnnest;
use named_branches::NamedBranches;
use not_in::NotIn;
use nullable_subqueries::NullableSubqueries;
use one_row_subquery::OneRowSubquery;
use opaque_grouping_keys::OpaqueGroupingKeys;
use order::JoinOrder;
use prune::Prune;
use repeated_keys::RepeatedKeys;
pub use repeated_keys::RepeatedKeysInFrom;
pub(crate) use subqueries_below_groups::move_subqueries_below_groups;
use trace::SharedTrace;

use crate::execution::{compact_views, groups, kernels, page_scans, running, runtime_filters};

/// A rule as the optimizer runs it.
pub type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rule that drops what is not needed.
pub const PRUNE: &str = "prune";
/// The rules of ours that make another plan of the one that was written, and that a query can do without.
pub const REWRITES: [&str; 4] = [PRUNE, order::NAME, finest_groups::NAME, early_groups::NAME];
/// The rule of DataFusion in whose place ours stands.
const REPLACED: &str = "eliminate_join";
/// Ours comes after this one: outer joins that filters have made inner ones are seen as such.
const PREDECESSOR: &str = "eliminate_outer_join";
/// What it takes for names of a UNION has to be put right before it.
const EMPTY_BRANCHES: &str = "propagate_empty_relation";
/// Joins are ordered after this one.
const PUSH_DOWN: &str = "push_down_filter";
/// What mends its predicates comes before it.
const DECORRELATION: &str = "decorrelate_predicate_subquery";

/// Plans cannot be made without these, or not of every query.
pub const NEEDED: [&str; 8] = [
    "rewrite_set_comparison",
    "replace_distinct_aggregate",
    DECORRELATION,
    "scalar_subquery_to_join",
    "decorrelate_lateral_join",
    "extract_equijoin_predicate",
    "eliminate_limit",
    "opaque_grouping_keys",
];

/// What drops sort keys and group keys that others seem to determine.
const KEY_READERS: [&str; 2] = ["eliminate_duplicated_expr", "optimize_projections"];

/// The rules in the order in which they run, without those named in `disabled`, be they DataFusion's or ours. What our rules do goes
/// to `trace`.
pub fn rules_with_prune(disabled: &HashSet<String>, trace: SharedTrace) -> Vec<Rule> {
    all(disabled, trace).into_iter().filter(|rule| !disabled.contains(rule.name())).collect()
}

/// The names of all rules, in the order in which they run. Those that `prune` drives come after it.
pub fn rule_names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for rule in all(&HashSet::new(), SharedTrace::default()) {
        if names.iter().any(|name| name == rule.name()) {
            continue;
        }
        names.push(rule.name().to_string());
        if rule.name() == PRUNE {
            names.extend(prune::all().iter().map(|rule| rule.name().to_string()));
        }
    }
    // No rules of the optimizer: they want the plan that all rules have done with.
    names.extend(
        [order::sides::NAME, order::small_sides::NAME, ranked_rows::NAME, numbered_texts::NAME].map(str::to_string),
    );
    names.push(shared_subplans::NAME.to_string());
    names.extend(kernels::NAMES.map(str::to_string));
    names.extend([compact_views::NAME, groups::NAME, page_scans::NAME, running::NAME].map(str::to_string));
    names.push(runtime_filters::NAME.to_string());
    names
}

/// DataFusion's rules in DataFusion's order, with ours where they have to stand.
fn all(disabled: &HashSet<String>, trace: SharedTrace) -> Vec<Rule> {
    let mut rules = Optimizer::new().rules;
    rules.retain(|rule| rule.name() != REPLACED);
    distinct_groups::guard(&mut rules);
    null_safe_joins::guard(&mut rules);
    groups_of_no_rows::guard(&mut rules);
    let place = rules.iter().position(|rule| rule.name() == PREDECESSOR).map_or(rules.len(), |index| index + 1);
    // Before filters and limits are pushed down: they would hide that a table is complete.
    rules.insert(place, Arc::new(Prune::new(disabled, Arc::clone(&trace))));
    // Filters and NULL rejection have reached the tables, and no projection stands between joins yet.
    let place = rules.iter().position(|rule| rule.name() == PUSH_DOWN).map_or(rules.len(), |index| index + 1);
    rules.insert(place, Arc::new(JoinOrder::default()));
    // What is grouped has been filtered, so that its rows can be estimated.
    rules.insert(place + 1, Arc::new(FinestGroups));
    // The finest groups may be made early, too.
    rules.insert(place + 2, Arc::new(EarlyGroups::default()));
    let place = rules.iter().position(|rule| rule.name() == EMPTY_BRANCHES).unwrap_or_default();
    rules.insert(place, Arc::new(NamedBranches));
    // After this one the predicate can be told no more from one over any other subquery.
    let place = rules.iter().position(|rule| rule.name() == DECORRELATION).unwrap_or_default();
    rules.insert(place, Arc::new(OneRowSubquery::new(trace)));
    // What that one leaves.
    rules.insert(place + 1, Arc::new(NotIn));
    // Before the others fold IS NULL of what is never NULL.
    rules.insert(0, Arc::new(NullableSubqueries));
    // First, and wherever DataFusion draws conclusions from keys: an outer join that was made another one may have them only now.
    rules.insert(0, Arc::new(RepeatedKeys));
    for reader in KEY_READERS {
        let place = rules.iter().position(|rule| rule.name() == reader).unwrap_or_default();
        rules.insert(place, Arc::new(RepeatedKeys));
    }
    // Before it: there is one plan with unnest() in it then, and no join.
    rules.insert(0, Arc::new(LateralUnnest));
    // Last: they hide what the others look for.
    rules.push(Arc::new(FilledConstants));
    rules.push(Arc::new(OpaqueGroupingKeys));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rules: &[Rule]) -> Vec<String> {
        rules.iter().map(|rule| rule.name().to_string()).collect()
    }

    #[test]
    fn one_rule_of_datafusion_is_replaced_and_the_order_of_the_others_is_kept() {
        let mut theirs = names(&Optimizer::new().rules);
        assert!(theirs.contains(&REPLACED.to_string()));
        theirs.retain(|name| name != REPLACED);
        let ours: Vec<String> = rule_names().into_iter().filter(|name| theirs.contains(name)).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn ours_stands_between_the_outer_joins_and_the_push_downs() {
        let names = names(&rules_with_prune(&HashSet::new(), SharedTrace::default()));
        let place = |wanted: &str| names.iter().position(|name| name == wanted).unwrap();
        assert!(place(PREDECESSOR) < place("prune"));
        assert!(place("prune") < place("push_down_limit"));
        assert!(place("prune") < place("push_down_filter"));
        assert_eq!(names.last().unwrap(), "opaque_grouping_keys");
    }

    #[test]
    fn a_rule_can_be_switched_off() {
        for rule in ["opaque_grouping_keys", "prune", "push_down_filter"] {
            let disabled = HashSet::from([rule.to_string()]);
            let names = names(&rules_with_prune(&disabled, SharedTrace::default()));
            assert!(!names.contains(&rule.to_string()));
            assert_eq!(names.len() + 1, rules_with_prune(&HashSet::new(), SharedTrace::default()).len());
        }
    }

    #[test]
    fn no_two_rules_share_a_name() {
        let names = rule_names();
        assert_eq!(names.len(), names.iter().collect::<HashSet<_>>().len());
    }
}
