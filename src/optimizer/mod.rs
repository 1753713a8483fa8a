//! Logical rules: DataFusion's own, and the place where ours join them.

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};

/// A rule as the optimizer runs it.
pub type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules in the order in which they run, without those named in `disabled`.
pub fn rules(disabled: &[String]) -> Vec<Rule> {
    Optimizer::new().rules.into_iter().filter(|rule| !disabled.iter().any(|name| name == rule.name())).collect()
}

/// The names of all rules, in the order in which they run.
pub fn rule_names() -> Vec<String> {
    Optimizer::new().rules.iter().map(|rule| rule.name().to_string()).collect()
}
