//! Rules of DataFusion that are run only where they are right.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::Rule;

/// Whether a rule would do wrong with a node; with a whole plan, if the rule goes through it by itself.
type IsWrong = fn(&LogicalPlan) -> Result<bool>;

#[derive(Debug)]
struct Guarded {
    rule: Rule,
    is_wrong: IsWrong,
}

/// Keeps the rule of this name away from where it is wrong.
pub(super) fn guarded(rules: &mut [Rule], name: &str, is_wrong: IsWrong) {
    for rule in rules.iter_mut().filter(|rule| rule.name() == name) {
        *rule = Arc::new(Guarded { rule: Arc::clone(rule), is_wrong });
    }
}

impl OptimizerRule for Guarded {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if (self.is_wrong)(&plan)? { Ok(Transformed::no(plan)) } else { self.rule.rewrite(plan, config) }
    }
}
