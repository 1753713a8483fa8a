//! DISTINCT inside an aggregate whose values do not repeat, or where it does not matter
//!
//! ```sql
//! SELECT o_custkey, count(DISTINCT o_orderkey) FROM orders GROUP BY o_custkey   -- o_orderkey is the key
//! SELECT o_custkey, count(o_orderkey)          FROM orders GROUP BY o_custkey
//!
//! SELECT min(DISTINCT x), count(y) FROM t
//! SELECT min(x),          count(y) FROM t
//! ```
//!
//! Safe for any aggregate if the argument and the group's keys determine a strict key of the input. For aggregates that pass over
//! NULLs (count, sum, avg) a lax key is enough, as long as its columns that can be NULL are the argument. Safe for min, max,
//! bool_and and bool_or always, since they give the same with and without duplicates.
//!
//! Not safe:
//!
//! - where a join has made the key repeat: `count(DISTINCT o.id) FROM o JOIN items i ON i.o = o.id`;
//! - `GROUP BY a` with UNIQUE (a, x): in the group where `a` is NULL an `x` may repeat;
//! - `array_agg(DISTINCT u)` over a UNIQUE column that can be NULL: its NULLs are one value;
//! - with GROUPING SETS: `(a, x)` may be a key, and the set is `()`.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::bool_and_or::{BoolAnd, BoolOr};
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

use super::exprs::{also, named_as, names, positions, strict_key, tells_rows_apart};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, ColumnSet, Facts};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct DistinctAggregate;

impl PruneRule for DistinctAggregate {
    fn name(&self) -> &'static str {
        "distinct_aggregate"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(None) };
        if !aggregate.aggr_expr.iter().any(|expr| distinct_call(expr).is_some()) {
            return Ok(None);
        }
        let keys = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
        let facts = context.facts.of_input(&aggregate.input);
        let mut events = vec![];
        let mut exprs = vec![];
        for (index, expr) in aggregate.aggr_expr.iter().enumerate() {
            match distinct_call(expr).and_then(|call| Some((call, needless(call, aggregate, &facts)?))) {
                None => exprs.push(expr.clone()),
                Some((call, (because, constraints))) => {
                    let mut call = call.clone();
                    call.params.distinct = false;
                    exprs.push(named_as(Expr::AggregateFunction(call), &aggregate.schema, keys + index));
                    events.push(Event {
                        rule: self.name(),
                        change: Change::Clause(Clause::DistinctAggregate),
                        because,
                        constraints,
                        added_filter: None,
                    });
                }
            }
        }
        if events.is_empty() {
            return Ok(None);
        }
        let rewritten = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), exprs)?;
        for event in events {
            context.trace.record(event);
        }
        Ok(Some(LogicalPlan::Aggregate(rewritten)))
    }
}

fn distinct_call(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => distinct_call(&alias.expr),
        Expr::AggregateFunction(call) if call.params.distinct => Some(call),
        _ => None,
    }
}

/// Why the DISTINCT changes nothing, if it does not.
fn needless(call: &AggregateFunction, aggregate: &Aggregate, facts: &Facts) -> Option<(String, Because)> {
    let function = call.func.inner().as_ref();
    if function.is::<Min>() || function.is::<Max>() || function.is::<BoolAnd>() || function.is::<BoolOr>() {
        return Some((format!("{} is the same with and without duplicates", call.func.name()), vec![]));
    }
    if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return None;
    }
    let input = aggregate.input.schema();
    let arguments = positions(&call.params.args, input);
    // An expression of a column may give one value for several.
    if arguments.len() != call.params.args.len() {
        return None;
    }
    let mut columns = positions(&aggregate.group_expr, input);
    columns.extend(&arguments);
    if let Some((key, constraints)) = strict_key(facts, &columns) {
        return Some((tells_rows_apart(&key, input), constraints));
    }
    let passes_over_nulls = function.is::<Count>() || function.is::<Sum>() || function.is::<Avg>();
    if !passes_over_nulls {
        return None;
    }
    let (key, constraints) = lax_key(facts, &columns, &arguments)?;
    Some((format!("no two values of {} are equal", names(&key, input)), constraints))
}

/// A key among the columns, each of which has a value in every row that counts: it is never NULL, or one of the arguments.
fn lax_key(facts: &Facts, columns: &ColumnSet, arguments: &ColumnSet) -> Option<(ColumnSet, Because)> {
    let has_value = |column: &usize| arguments.contains(column) || facts.is_not_null(*column).is_some();
    facts.keys.iter().find(|key| key.columns.is_subset(columns) && key.columns.iter().all(has_value)).map(|key| {
        let mut because = key.because.clone();
        for column in key.columns.difference(arguments) {
            also(&mut because, facts.is_not_null(*column).unwrap_or(&vec![]));
        }
        (key.columns.clone(), because)
    })
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "distinct_aggregate";

    #[test]
    fn values_of_a_key_do_not_repeat() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT customer_id, count(DISTINCT id), sum(amount) FROM orders GROUP BY customer_id"),
            "orders.id tells the rows apart [orders: primary key]"
        );
        fires(&lab, RULE, "SELECT count(DISTINCT id), sum(DISTINCT id), avg(id) FROM orders");
        fires(
            &lab,
            RULE,
            "SELECT order_id, count(DISTINCT number), count(number), sum(DISTINCT price) FROM line GROUP BY order_id",
        );
        fires(&lab, RULE, "SELECT count(DISTINCT id) FILTER (WHERE amount > 60) FROM orders");
    }

    #[test]
    fn min_and_max_do_not_see_duplicates() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT a, min(DISTINCT b), count(*) FROM loose GROUP BY a"),
            "min is the same with and without duplicates"
        );
        fires(&lab, RULE, "SELECT a, max(DISTINCT c), count(DISTINCT b), sum(b) FROM loose GROUP BY ROLLUP (a)");
    }

    #[test]
    fn a_lax_key_is_enough_for_a_count() {
        let lab = lab();
        fires(&lab, RULE, "SELECT count(DISTINCT email), count(*) FROM customer");
        fires(&lab, RULE, "SELECT vip, count(DISTINCT email), count(*) FROM customer GROUP BY vip");
        stays(&lab, RULE, "SELECT array_length(array_agg(DISTINCT email)), count(*) FROM customer");
    }

    #[test]
    fn a_lax_key_with_nullable_group_keys_is_not() {
        let lab = Lab::new(
            "CREATE TABLE t (a BIGINT, x BIGINT, UNIQUE (a, x));
             INSERT INTO t VALUES (NULL, 1), (NULL, 1), (1, 1), (1, 2), (2, NULL), (2, NULL);",
        );
        stays(&lab, RULE, "SELECT a, count(DISTINCT x), count(*) FROM t GROUP BY a");
        fires(&lab, RULE, "SELECT a, count(DISTINCT x), count(*) FROM t WHERE a IS NOT NULL GROUP BY a");
    }

    #[test]
    fn values_that_repeat_are_counted_once() {
        let lab = lab();
        stays(&lab, RULE, "SELECT count(DISTINCT o.id), count(*) FROM orders o JOIN line l ON l.order_id = o.id");
        stays(&lab, RULE, "SELECT count(DISTINCT id / 2), count(*) FROM orders");
        stays(&lab, RULE, "SELECT order_id, count(DISTINCT number), count(*) FROM line GROUP BY ROLLUP (order_id)");
        stays(&lab, RULE, "SELECT a, count(DISTINCT b), sum(b) FROM loose GROUP BY a");
    }
}
