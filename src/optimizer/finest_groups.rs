//! Grouping sets are computed from the finest groups up.
//!
//! ```sql
//! SELECT a, b, sum(x), count(*) FROM t GROUP BY ROLLUP (a, b)
//! -- becomes
//! SELECT a, b, sum(s), sum(n)
//! FROM (SELECT a, b, sum(x) AS s, count(*) AS n FROM t GROUP BY a, b)
//! GROUP BY ROLLUP (a, b)
//! ```
//!
//! DataFusion puts every row into a group of each set: three times for these. Here each row is put into one group, and the groups, of
//! which there are fewer, into those of the sets. What is aggregated has to be made of what its parts gave (`aggregate_parts.rs`).

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::aggregate_parts::Parts;
use super::order::estimated_rows;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "finest_groups";

/// The finest groups have to be so much fewer than the rows.
const WORTH_IT: f64 = 0.5;

/// The rule that DataFusion's optimizer runs.
#[derive(Debug, Default)]
pub struct FinestGroups;

impl OptimizerRule for FinestGroups {
    fn name(&self) -> &str {
        NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(from_finest(aggregate)?.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The grouping over the finest one, if that is known to have fewer rows than what is grouped.
fn from_finest(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let keys: Vec<Expr> = sets.distinct_expr().into_iter().cloned().collect();
    let is_repeated = keys.iter().enumerate().any(|(at, key)| keys.iter().take(at).any(|other| other == key));
    if keys.is_empty() || is_repeated || keys.iter().chain(&aggregate.aggr_expr).any(Expr::is_volatile) {
        return Ok(None);
    }
    let Some(parts) = Parts::of_aggregate(aggregate).filter(|parts| !parts.is_empty()) else { return Ok(None) };
    let finest = Aggregate::try_new(Arc::clone(&aggregate.input), keys.clone(), parts.below())?;
    let finest = Arc::new(LogicalPlan::Aggregate(finest));
    match (estimated_rows(&finest), estimated_rows(&aggregate.input)) {
        // Of no rows at all there are no fewer groups.
        (Some(groups), Some(rows)) if rows > 0.0 && groups <= WORTH_IT * rows => {}
        _ => return Ok(None),
    }
    let columns = finest.schema().columns();
    let of_key = |key: &Expr| keys.iter().position(|other| other == key).and_then(|at| columns.get(at));
    let Some(sets) = with_columns(sets, of_key) else { return Ok(None) };
    parts.put_together(aggregate, vec![Expr::GroupingSet(sets)], finest).map(Some)
}

/// The sets, of columns in the places of what they were of.
fn with_columns<'a>(sets: &GroupingSet, column: impl Fn(&Expr) -> Option<&'a Column>) -> Option<GroupingSet> {
    let all = |keys: &[Expr]| keys.iter().map(|key| column(key).cloned().map(Expr::Column)).collect::<Option<Vec<_>>>();
    Some(match sets {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(all(keys)?),
        GroupingSet::Cube(keys) => GroupingSet::Cube(all(keys)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.iter().map(|keys| all(keys)).collect::<Option<Vec<_>>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::session::{Session, SessionOptions};

    async fn explained(select: &str) -> String {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
        let batches = session.query(&format!("EXPLAIN {select}")).await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn few_groups_of_many_rows_are_made_first() {
        let lineitem = "'testdata/tpch/lineitem.parquet'";
        let sets = "GROUP BY ROLLUP (l_returnflag, l_linestatus)";
        let plan = explained(&format!("SELECT l_returnflag, avg(l_quantity), count(*) FROM {lineitem} {sets}")).await;
        assert!(plan.contains("sum(__part_0)"), "{plan}");
        let plan = explained(&format!("SELECT l_returnflag, count(DISTINCT l_tax) FROM {lineitem} {sets}")).await;
        assert!(!plan.contains("__part_"), "{plan}");
        let many = "'testdata/tpch/orders.parquet' GROUP BY ROLLUP (o_orderkey, o_custkey)";
        let plan = explained(&format!("SELECT o_orderkey, count(*) FROM {many}")).await;
        assert!(!plan.contains("__part_"), "each row is a group of its own: {plan}");
    }
}
