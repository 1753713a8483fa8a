//! Logical rules: DataFusion's own, and the place where ours join them.

mod nullable_subqueries;
mod opaque_grouping_keys;

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};

use nullable_subqueries::NullableSubqueries;
use opaque_grouping_keys::OpaqueGroupingKeys;

/// A rule as the optimizer runs it.
pub type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules in the order in which they run, without those named in `disabled`.
pub fn rules(disabled: &[String]) -> Vec<Rule> {
    all().into_iter().filter(|rule| !disabled.iter().any(|name| name == rule.name())).collect()
}

/// The names of all rules, in the order in which they run.
pub fn rule_names() -> Vec<String> {
    all().iter().map(|rule| rule.name().to_string()).collect()
}

/// DataFusion's rules in DataFusion's order, with ours where they have to stand.
fn all() -> Vec<Rule> {
    let mut rules = Optimizer::new().rules;
    // First: the others fold IS NULL of what is never NULL.
    rules.insert(0, Arc::new(NullableSubqueries));
    // Last: it hides what the others look for.
    rules.push(Arc::new(OpaqueGroupingKeys));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_of_datafusion_is_lost_and_their_order_is_kept() {
        let theirs: Vec<String> = Optimizer::new().rules.iter().map(|rule| rule.name().to_string()).collect();
        let ours: Vec<String> = rule_names().into_iter().filter(|name| theirs.contains(name)).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_rule_can_be_switched_off() {
        let names: Vec<String> =
            rules(&["opaque_grouping_keys".to_string()]).iter().map(|rule| rule.name().to_string()).collect();
        assert_eq!(names.len() + 1, rule_names().len());
        assert!(!names.contains(&"opaque_grouping_keys".to_string()));
    }
}
