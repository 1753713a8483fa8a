//! `SELECT sum(y) FROM (SELECT 5 AS y FROM t WHERE false)` is NULL
//!
//! DataFusion takes aggregates from statistics where it can. The sum of a constant is so many times the constant, which is 0 for no rows;
//! and 0 of a constant 0, however many rows there are. So no sum is taken from the statistics of an input that is not known to have a row.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

use super::filter_pushdown::Rule;

/// `rules`, with a guard before the one that takes aggregates from statistics.
pub(super) fn with_empty_sums(rules: Vec<Rule>) -> Vec<Rule> {
    let name = AggregateStatistics::new().name().to_owned();
    let guarded = |rule: Rule| -> Rule { if rule.name() == name { Arc::new(OfSomeRows { rule }) } else { rule } };
    rules.into_iter().map(guarded).collect()
}

#[derive(Debug)]
struct OfSomeRows {
    rule: Rule,
}

impl PhysicalOptimizerRule for OfSomeRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        match may_sum_up_nothing(&plan)? {
            true => Ok(plan),
            false => self.rule.optimize(plan, config),
        }
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

fn may_sum_up_nothing(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        if let Some(aggregate) = node.downcast_ref::<AggregateExec>()
            && aggregate.aggr_expr().iter().any(|call| call.fun().name().eq_ignore_ascii_case("sum"))
        {
            let input = StatisticsContext::new().compute(aggregate.input().as_ref(), &StatisticsArgs::new())?;
            found |= !matches!(input.num_rows, Precision::Exact(rows) if rows > 0);
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
