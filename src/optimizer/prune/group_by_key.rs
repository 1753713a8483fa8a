//! A GROUP BY whose groups have one row each
//!
//! ```sql
//! SELECT o_orderkey, sum(o_totalprice), count(o_clerk), count(*) FROM orders GROUP BY o_orderkey   -- o_orderkey is the key
//! SELECT o_orderkey, CAST(o_totalprice AS …), CASE WHEN o_clerk IS NULL THEN 0 ELSE 1 END, 1 FROM orders
//! ```
//!
//! Safe if the keys determine a **strict** key of the input, and if what every aggregate gives for one row is known:
//!
//! | aggregate | for one row |
//! |---|---|
//! | `sum`, `min`, `max`, `avg`, `median`, `first_value`, `last_value`, `bool_and`, `bool_or` | the argument, with the aggregate's type |
//! | `count(x)` | 0 if x is NULL, else 1 |
//! | `count(*)` | 1 |
//!
//! `FILTER (WHERE p)` makes it `CASE WHEN p THEN … END`, and 0 for a count of nothing. DISTINCT and ORDER BY inside an aggregate
//! mean nothing for one row. With any other aggregate (`array_agg`, `stddev`, one of the user's) the grouping stays.
//!
//! Not safe:
//!
//! - by a UNIQUE column that can be NULL: `GROUP BY u` puts all rows without `u` into one group;
//! - by a key that a join has made repeat, or the key of an outer join's inner side;
//! - with GROUPING SETS: `GROUP BY ROLLUP (id)` has a row for the total;
//! - without keys: `SELECT sum(x) FROM t` has a row for an empty table.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::bool_and_or::{BoolAnd, BoolOr};
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::first_last::{FirstValue, LastValue};
use datafusion::functions_aggregate::median::Median;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::{AggregateUDFImpl, Expr, ExprSchemable, LogicalPlan, lit, when};

use super::exprs::{groups_plainly, positions, project_as, strict_key, tells_rows_apart, typed_as};
use super::{Context, Needs, PruneRule};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct GroupByKey;

impl PruneRule for GroupByKey {
    fn name(&self) -> &'static str {
        "group_by_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(None) };
        if aggregate.aggr_expr.is_empty() || !groups_plainly(aggregate) {
            return Ok(None);
        }
        let input = aggregate.input.schema();
        let mut exprs = aggregate.group_expr.clone();
        for expr in &aggregate.aggr_expr {
            let data_type = aggregate.schema.field(exprs.len()).data_type();
            match of_one_row(expr, data_type, input)? {
                Some(expr) => exprs.push(expr),
                None => return Ok(None),
            }
        }
        let facts = context.facts.of_input(&aggregate.input);
        let Some((key, constraints)) = strict_key(&facts, &positions(&aggregate.group_expr, input)) else {
            return Ok(None);
        };
        let rows = project_as(&exprs, &aggregate.schema, &Arc::clone(&aggregate.input))?;
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(Clause::GroupBy),
            because: format!("{}, so that every group has one row", tells_rows_apart(&key, input)),
            constraints,
            added_filter: None,
        });
        Ok(Some(rows))
    }
}

/// What the aggregate gives for a group of one row, if that is known.
fn of_one_row(expr: &Expr, data_type: &DataType, input: &DFSchema) -> Result<Option<Expr>> {
    let call = match expr {
        Expr::Alias(alias) => return of_one_row(&alias.expr, data_type, input),
        Expr::AggregateFunction(call) => call,
        _ => return Ok(None),
    };
    let function = call.func.inner().as_ref();
    let (value, of_nothing) = if function.is::<Count>() {
        (count_of_one_row(&call.params.args)?, lit(ScalarValue::Int64(Some(0))))
    } else {
        let [argument] = call.params.args.as_slice() else { return Ok(None) };
        let given = argument.get_type(input)?;
        if !is_its_argument(function, &given, data_type) {
            return Ok(None);
        }
        (typed_as(argument.clone(), &given, data_type), lit(ScalarValue::try_new_null(data_type)?))
    };
    let value = match &call.params.filter {
        Some(filter) => when(filter.as_ref().clone(), value).otherwise(of_nothing)?,
        None => value,
    };
    Ok(Some(value))
}

/// 1, or 0 if one of the arguments is NULL.
fn count_of_one_row(arguments: &[Expr]) -> Result<Expr> {
    let can_be_null = |argument: &&Expr| !matches!(argument, Expr::Literal(value, _) if !value.is_null());
    let null = arguments.iter().filter(can_be_null).map(|argument| argument.clone().is_null()).reduce(Expr::or);
    let one = lit(ScalarValue::Int64(Some(1)));
    match null {
        Some(null) => when(null, lit(ScalarValue::Int64(Some(0)))).otherwise(one),
        None => Ok(one),
    }
}

/// Whether the aggregate of one value is that value, once it has the aggregate's type.
fn is_its_argument(function: &dyn AggregateUDFImpl, given: &DataType, wanted: &DataType) -> bool {
    let same_type = function.is::<Min>()
        || function.is::<Max>()
        || function.is::<FirstValue>()
        || function.is::<LastValue>()
        || function.is::<BoolAnd>()
        || function.is::<BoolOr>()
        || function.is::<Median>();
    let widened = function.is::<Sum>() || function.is::<Avg>();
    (same_type && given == wanted) || (widened && (given == wanted || (given.is_numeric() && wanted.is_numeric())))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "group_by_key";

    #[test]
    fn every_group_has_one_row() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT id, sum(amount) FROM orders GROUP BY id"),
            "orders.id tells the rows apart, so that every group has one row [orders: primary key]"
        );
        fires(
            &lab,
            RULE,
            "SELECT id, sum(amount), count(amount), count(*), count(amount + referrer_id), min(note), max(day), avg(amount),
                    median(amount), first_value(note), sum(DISTINCT amount), count(DISTINCT note), bool_or(amount > 60)
             FROM orders GROUP BY id",
        );
        fires(
            &lab,
            RULE,
            "SELECT order_id, number, sum(price) AS s FROM line GROUP BY number, order_id HAVING sum(price) > 5",
        );
        fires(&lab, RULE, "SELECT id, count(a), sum(a) FROM void GROUP BY id");
    }

    #[test]
    fn a_filter_makes_it_a_case() {
        let lab = lab();
        fires(
            &lab,
            RULE,
            "SELECT id, sum(amount) FILTER (WHERE note = 'a'), count(*) FILTER (WHERE note = 'a'),
                    count(amount) FILTER (WHERE amount > 50), max(note) FILTER (WHERE amount > 50)
             FROM orders GROUP BY id",
        );
    }

    #[test]
    fn an_order_by_means_nothing_for_one_row() {
        let lab = lab();
        fires(
            &lab,
            RULE,
            "SELECT id, first_value(note ORDER BY amount DESC), last_value(note ORDER BY day) FROM orders GROUP BY id",
        );
    }

    #[test]
    fn types_are_those_of_the_aggregates() {
        let lab = Lab::new(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, i INT, s SMALLINT, d DECIMAL(10, 2), r REAL, f DOUBLE PRECISION, w DECIMAL(38, 4));
             INSERT INTO t VALUES
                (1, 7, 3, 12.34, 0.1, 0.1, 1234567.8901), (2, NULL, NULL, NULL, NULL, NULL, NULL), (3, -2147483648, -32768, -99999999.99, -1.5, 1e300, -0.0001);",
        );
        fires(
            &lab,
            RULE,
            "SELECT id, sum(i), sum(s), sum(d), sum(r), sum(f), avg(i), avg(s), avg(d), avg(r), avg(f), sum(w), avg(w), min(d), max(r),
                    arrow_typeof(sum(i)), arrow_typeof(sum(d)), arrow_typeof(avg(d)), arrow_typeof(avg(w)), arrow_typeof(sum(r)),
                    arrow_typeof(count(i))
             FROM t GROUP BY id",
        );
    }

    #[test]
    fn an_aggregate_that_is_not_known_keeps_the_grouping() {
        let lab = lab();
        stays(&lab, RULE, "SELECT id, sum(amount), array_agg(note) FROM orders GROUP BY id");
        stays(&lab, RULE, "SELECT id, stddev(amount) FROM orders GROUP BY id");
    }

    #[test]
    fn a_key_that_can_be_null_or_repeats_is_none() {
        let lab = lab();
        stays(&lab, RULE, "SELECT name, sum(size) FROM region GROUP BY name");
        stays(&lab, RULE, "SELECT o.id, sum(l.price) FROM orders o JOIN line l ON l.order_id = o.id GROUP BY o.id");
        stays(
            &lab,
            RULE,
            "SELECT c.id, count(*) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id GROUP BY c.id",
        );
        fires(
            &lab,
            RULE,
            "SELECT o.id, count(c.name) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id GROUP BY o.id",
        );
    }

    #[test]
    fn grouping_sets_and_no_keys_have_rows_of_their_own() {
        let lab = lab();
        stays(&lab, RULE, "SELECT id, sum(amount) FROM orders GROUP BY ROLLUP (id)");
        stays(&lab, RULE, "SELECT sum(a), count(*) FROM void");
        stays(&lab, RULE, "SELECT sum(a), count(*) FROM void WHERE id = 1");
    }
}
