//! A DISTINCT is a grouping by all columns, whatever is known of them.
//!
//! ```sql
//! SELECT DISTINCT k FROM t          -- k is declared a key
//! ```
//!
//! DataFusion makes groups of a DISTINCT unless a key says that there is nothing to do, and says nothing of it. Whether it is needed is the
//! pruning rules' to prove: these name the constraint, and `explain --verify` runs the query without them.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{Aggregate, Distinct, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::Rule;

/// Puts ours around DataFusion's rule.
pub(super) fn guard(rules: &mut [Rule]) {
    for rule in rules.iter_mut().filter(|rule| rule.name() == NAME) {
        *rule = Arc::new(DistinctGroups { rule: Arc::clone(rule) });
    }
}

const NAME: &str = "replace_distinct_aggregate";

#[derive(Debug)]
struct DistinctGroups {
    rule: Rule,
}

impl OptimizerRule for DistinctGroups {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Distinct(Distinct::All(input)) if !input.schema().fields().is_empty() => {
                let columns = expand_wildcard(input.schema(), &input, None)?;
                Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(input, columns, vec![])?)))
            }
            other => self.rule.rewrite(other, config),
        }
    }
}
