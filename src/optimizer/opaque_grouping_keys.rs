//! `… WHERE a = 1 GROUP BY ROLLUP (a, b) ORDER BY a, b` is sorted by `a` too
//!
//! DataFusion concludes from the filter that `a` is constant, and carries that over the aggregation. But above grouping
//! sets `a` is NULL in the totals, so it is not: the sort loses its first key, the final aggregation takes its input for
//! sorted, windows see wrong partitions. Nothing outside of DataFusion can take the conclusion back, but it can be kept from
//! being drawn: the columns that the grouping sets use go through a function that DataFusion cannot see through.
//!
//! Before: `Aggregate [ROLLUP (a, b)] ← Filter a = 1`
//! After: `Aggregate [ROLLUP (a, b)] ← Projection opaque(a, nothing(), 0) AS a, opaque(b, nothing(), 1) AS b ← Filter a = 1`
//!
//! It is valid for every aggregation, since the function returns what it is given; it is done only where grouping sets are,
//! since it costs DataFusion true knowledge as well. It comes last, so that no rule has to look through it.

use std::collections::HashSet;

use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::opaque::opaque;

#[derive(Debug, Default)]
pub struct OpaqueGroupingKeys;

impl OptimizerRule for OpaqueGroupingKeys {
    fn name(&self) -> &str {
        "opaque_grouping_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let [sets @ Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() else { return Ok(Transformed::no(plan)) };
        let keys: HashSet<&Column> = sets.column_refs();
        if keys.is_empty() || is_done(&aggregate.input, &keys) {
            return Ok(Transformed::no(plan));
        }
        let columns = aggregate.input.schema().columns().into_iter().enumerate().map(|(number, column)| {
            if keys.contains(&column) {
                let (relation, name) = (column.relation.clone(), column.name.clone());
                opaque(Expr::Column(column), number).alias_qualified(relation, name)
            } else {
                Expr::Column(column)
            }
        });
        let input =
            LogicalPlanBuilder::from(aggregate.input.as_ref().clone()).project(columns.collect::<Vec<_>>())?.build()?;
        let aggregate = Aggregate::try_new(input.into(), aggregate.group_expr.clone(), aggregate.aggr_expr.clone())?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
    }
}

/// Whether the keys come out of the function already.
fn is_done(input: &LogicalPlan, keys: &HashSet<&Column>) -> bool {
    let LogicalPlan::Projection(projection) = input else { return false };
    projection.schema.columns().iter().zip(&projection.expr).filter(|(column, _)| keys.contains(column)).all(
        |(_, expr)| match expr {
            Expr::Alias(alias) => crate::functions::opaque::is_opaque(&alias.expr),
            _ => false,
        },
    )
}
