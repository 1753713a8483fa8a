//! A DISTINCT whose rows are distinct already
//!
//! ```sql
//! SELECT DISTINCT c_custkey, c_name FROM customer   -- c_custkey is the primary key
//! SELECT          c_custkey, c_name FROM customer
//! ```
//!
//! Safe if the columns determine a **strict** key of the input: then no two rows agree in all of them, with NULL taken for equal
//! to NULL, as DISTINCT does. What else is selected does not matter. GROUP BY without aggregates is the same thing.
//! Not safe:
//!
//! - over a UNIQUE column that can be NULL: the rows `NULL` and `NULL` are one after DISTINCT;
//! - over a key that a join has made repeat: `SELECT DISTINCT o.id FROM o JOIN items i ON i.o = o.id`;
//! - over the key of an outer join's inner side, which is NULL in every row without a match:
//!   `SELECT DISTINCT c.id FROM o LEFT JOIN c ON o.c = c.id`;
//! - over GROUPING SETS, which give a row once a set.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::exprs::{column_at, groups_plainly, is_distinct, positions, project_as, strict_key, tells_rows_apart};
use super::{Context, Needs, PruneRule};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct DistinctOverKey;

impl PruneRule for DistinctOverKey {
    fn name(&self) -> &'static str {
        "distinct_over_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        // The rows are told apart by `keys`, and `exprs` are what is seen of them.
        let (input, keys, exprs, clause): (_, Vec<Expr>, Vec<Expr>, _) = match plan {
            LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.is_empty() && groups_plainly(aggregate) => {
                let clause = if is_distinct(aggregate) { Clause::Distinct } else { Clause::GroupBy };
                (&aggregate.input, aggregate.group_expr.clone(), aggregate.group_expr.clone(), clause)
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let schema = input.schema();
                let columns: Vec<Expr> =
                    (0..schema.fields().len()).map(|position| column_at(schema, position)).collect();
                (input, columns.clone(), columns, Clause::Distinct)
            }
            // Which row DISTINCT ON picks does not matter where every row is the only one.
            LogicalPlan::Distinct(Distinct::On(on)) if on.sort_expr.is_none() => {
                (&on.input, on.on_expr.clone(), on.select_expr.clone(), Clause::Distinct)
            }
            _ => return Ok(None),
        };
        if exprs.is_empty() {
            return Ok(None);
        }
        let facts = context.facts.of_input(input);
        let Some((key, constraints)) = strict_key(&facts, &positions(&keys, input.schema())) else { return Ok(None) };
        let rows = project_as(&exprs, plan.schema(), &Arc::clone(input))?;
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(clause),
            because: tells_rows_apart(&key, input.schema()),
            constraints,
            added_filter: None,
        });
        Ok(Some(rows))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "distinct_over_key";

    #[test]
    fn a_key_makes_the_rows_distinct() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT DISTINCT age, id FROM customer"),
            "customer.id tells the rows apart [customer: primary key]"
        );
        fires(&lab, RULE, "SELECT order_id, number, price FROM line GROUP BY price, number, order_id");
        fires(&lab, RULE, "SELECT DISTINCT id, random() < 2 AS r FROM customer");
        fires(&lab, RULE, "SELECT DISTINCT a, id FROM void");
    }

    #[test]
    fn what_was_grouped_or_joined_by_its_key_is_distinct() {
        let lab = lab();
        fires(&lab, RULE, "SELECT DISTINCT * FROM (SELECT age, count(*) AS n FROM customer GROUP BY age)");
        fires(&lab, RULE, "SELECT DISTINCT o.id, c.name FROM orders o JOIN customer c ON o.customer_id = c.id");
        fires(&lab, RULE, "SELECT DISTINCT o.id, c.name FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id");
        fires(&lab, RULE, "SELECT DISTINCT max(a), min(b) FROM loose");
    }

    #[test]
    fn null_is_equal_to_null_in_a_distinct() {
        let lab = lab();
        stays(&lab, RULE, "SELECT DISTINCT name FROM region");
        stays(&lab, RULE, "SELECT DISTINCT email, age FROM customer");
        fires(&lab, RULE, "SELECT DISTINCT name FROM region WHERE name IS NOT NULL");
    }

    #[test]
    fn a_key_that_a_join_repeats_or_sets_to_null_is_none() {
        let lab = lab();
        stays(&lab, RULE, "SELECT DISTINCT o.id FROM orders o JOIN line l ON l.order_id = o.id");
        stays(&lab, RULE, "SELECT DISTINCT c.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id");
        stays(&lab, RULE, "SELECT DISTINCT o.id FROM orders o FULL JOIN customer c ON o.referrer_id = c.id");
        stays(&lab, RULE, "SELECT DISTINCT a, b FROM loose");
    }

    #[test]
    fn grouping_sets_repeat_rows() {
        let lab = lab();
        stays(&lab, RULE, "SELECT id FROM customer GROUP BY ROLLUP (id)");
        stays(&lab, RULE, "SELECT DISTINCT id FROM (SELECT id FROM customer GROUP BY GROUPING SETS ((id), (id)))");
    }
}
