//! Expressions that take most of a query's time get quicker kernels, when the plan is done.
//!
//! The rules know the operators that were written, and go on doing so: what a filter says of its columns, in what order a projection's
//! rows are. So an operator whose expressions are exchanged stays in the plan and answers for itself, and a copy with the
//! quicker expressions does its work ([`exec::KernelExec`]). What is exchanged, each behind a name of its own:
//!
//! - [`conjunction`]: the conditions of a filter, joined by AND, with their [`comparison`]s;
//! - [`decimals`]: sums, differences and products of decimals whose digits fit into 64 bits.

mod comparison;
mod conjunction;
mod decimals;
mod exec;

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalExprRef};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

use exec::KernelExec;

/// The names of what is exchanged, for `disabled_rules`.
pub const NAMES: [&str; 2] = [conjunction::NAME, decimals::NAME];

/// See the module. To run last.
#[derive(Debug, Clone)]
pub(super) struct Kernels {
    conjunctions: bool,
    decimals: bool,
}

impl Kernels {
    /// Those that are not `disabled`.
    pub(super) fn new(disabled: &HashSet<String>) -> Self {
        Kernels { conjunctions: !disabled.contains(conjunction::NAME), decimals: !disabled.contains(decimals::NAME) }
    }

    /// A copy of a node of a plan that does the same quicker; `None` if there is nothing to exchange.
    fn quicker(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(filter) = node.downcast_ref::<FilterExec>() {
            self.filter(filter)
        } else if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
            self.projection(projection)
        } else {
            Ok(None)
        }
    }

    fn filter(&self, filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let schema = filter.input().schema();
        let mut predicate = self.expression(filter.predicate(), &schema)?;
        if self.conjunctions {
            predicate = predicate.transform_data(|predicate| conjunction::in_filter(predicate, &schema))?;
        }
        if !predicate.transformed {
            return Ok(None);
        }
        Ok(Some(Arc::new(FilterExecBuilder::from(filter).with_predicate(predicate.data).build()?)))
    }

    fn projection(&self, projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let schema = projection.input().schema();
        let mut transformed = false;
        let mut expressions = projection.expr().to_vec();
        for named in &mut expressions {
            let quicker = self.expression(&named.expr, &schema)?;
            transformed |= quicker.transformed;
            named.expr = quicker.data;
        }
        if !transformed {
            return Ok(None);
        }
        Ok(Some(Arc::new(ProjectionExec::try_new(expressions, Arc::clone(projection.input()))?)))
    }

    /// An aggregation says nothing of its arguments to others: it needs no copy.
    fn aggregation(&self, aggregation: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if aggregation.mode().input_mode() != AggregateInputMode::Raw {
            return Ok(None);
        }
        let schema = aggregation.input_schema();
        let mut transformed = false;
        let mut calls = aggregation.aggr_expr().to_vec();
        for call in &mut calls {
            if let Some(quicker) = self.call(call, &schema)? {
                *call = Arc::new(quicker);
                transformed = true;
            }
        }
        Ok(transformed.then(|| Arc::new(aggregation.with_new_aggr_exprs(calls)) as _))
    }

    fn call(&self, call: &AggregateFunctionExpr, schema: &Schema) -> Result<Option<AggregateFunctionExpr>> {
        let mut transformed = false;
        let mut arguments = call.expressions();
        for argument in &mut arguments {
            let quicker = self.expression(argument, schema)?;
            transformed |= quicker.transformed;
            *argument = quicker.data;
        }
        if !transformed || call.is_reversed() {
            return Ok(None);
        }
        let order = call.order_bys().iter().map(|key| Arc::clone(&key.expr)).collect();
        Ok(call.with_new_expressions(arguments, order))
    }

    fn expression(&self, expr: &PhysicalExprRef, schema: &Schema) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
        if !self.decimals {
            return Ok(Transformed::no(Arc::clone(expr)));
        }
        decimals::in_words(Arc::clone(expr), schema)
    }
}

impl PhysicalOptimizerRule for Kernels {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let step = |node: Arc<dyn ExecutionPlan>| {
            if let Some(aggregation) = node.downcast_ref::<AggregateExec>() {
                return Ok(match self.aggregation(aggregation)? {
                    Some(quicker) => Transformed::yes(quicker),
                    None => Transformed::no(node),
                });
            }
            KernelExec::in_place_of(node, self)
        };
        plan.transform_up(step).data()
    }

    fn name(&self) -> &str {
        "kernels"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    use super::NAMES;
    use crate::execution::with_physical_planner;
    use crate::session::{Session, SessionOptions};

    const QUERY: &str = "SELECT l_returnflag, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS charge
        FROM 'testdata/tpch/lineitem.parquet'
        WHERE l_shipdate <= DATE '1998-09-02' AND l_quantity < 24 AND l_shipmode IN ('MAIL', 'AIR') AND l_extendedprice * l_tax > 100
        GROUP BY l_returnflag ORDER BY 1";

    /// What is shown, who looks for operators and what comes out is the same; the metrics are those of the operator that ran.
    #[tokio::test]
    async fn plans_and_answers_stay_as_they_are() {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
        let shown = async |sql: &str| pretty_format_batches(&session.query(sql).await.unwrap()).unwrap().to_string();
        let explain = format!("EXPLAIN {QUERY}");
        let on = (shown(QUERY).await, shown(&explain).await);
        let analyzed = shown(&format!("EXPLAIN ANALYZE {QUERY}")).await;
        let filter = analyzed.lines().find(|line| line.contains("FilterExec")).unwrap();
        assert!(filter.contains("output_rows=") && !filter.contains("output_rows=0,"), "{filter}");
        session.query("SET ostrich.optimizer.disabled_rules = 'conjunctions,narrow_decimals'").await.unwrap();
        assert_eq!(on, (shown(QUERY).await, shown(&explain).await));
    }

    /// Each kernel takes its place in a plan, unless it is switched off.
    #[tokio::test]
    async fn kernels_take_their_places() {
        let planned = async |disabled: &[&str]| {
            let disabled: HashSet<String> = disabled.iter().map(|name| (*name).to_string()).collect();
            let builder = with_physical_planner(SessionStateBuilder::new().with_default_features(), &disabled);
            let context = SessionContext::new_with_state(builder.build());
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tpch/lineitem.parquet");
            context.register_parquet("lineitem", file, ParquetReadOptions::default()).await.unwrap();
            let sql =
                "SELECT sum(l_extendedprice * (1 - l_discount)) FROM lineitem WHERE l_quantity < 24 AND l_tax > 0.02";
            let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let plan = format!("{plan:?}");
            ["KernelExec", "Conjunction {", "Arithmetic {"].map(|kernel| plan.contains(kernel))
        };
        assert_eq!(planned(&[]).await, [true, true, true]);
        assert_eq!(planned(&[NAMES[0]]).await, [false, false, true]);
        assert_eq!(planned(&[NAMES[1]]).await, [true, true, false]);
    }
}
