//! A sort whose order nobody sees
//!
//! ```sql
//! SELECT count(*) FROM (SELECT * FROM t ORDER BY x)
//! SELECT count(*) FROM (SELECT * FROM t)
//!
//! SELECT * FROM customer WHERE c_custkey = 7 ORDER BY c_name   -- c_custkey is the key
//! SELECT * FROM customer WHERE c_custkey = 7
//! ```
//!
//! Safe if what is above does not depend on the order (a join, a grouping, another sort), or if at most one row is sorted.
//! Not safe:
//!
//! - with a LIMIT, be it above or in the sort: the order says which rows there are;
//! - below what a user sees, or below an aggregate that keeps the order (`array_agg`): the needs say so;
//! - LIMIT 0, which leaves not even the one row.

use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{Context, Needs, PruneRule};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct UnneededSort;

impl PruneRule for UnneededSort {
    fn name(&self) -> &'static str {
        "unneeded_sort"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = plan else { return Ok(None) };
        let (because, constraints) = if !needs.order && sort.fetch.is_none() {
            ("nobody sees the order of these rows", vec![])
        } else if sort.fetch != Some(0) {
            let rows = &context.facts.of_input(&sort.input).rows;
            if rows.most.is_none_or(|most| most > 1) {
                return Ok(None);
            }
            ("there is at most one row", rows.most_because.clone())
        } else {
            return Ok(None);
        };
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(Clause::OrderBy),
            because: because.to_string(),
            constraints,
            added_filter: None,
        });
        Ok(Some(sort.input.as_ref().clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "unneeded_sort";

    #[test]
    fn at_most_one_row_needs_no_order() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT name FROM customer WHERE id = 2 ORDER BY name"),
            "there is at most one row [customer: primary key]"
        );
        fires(&lab, RULE, "SELECT max(a) AS m FROM loose ORDER BY m LIMIT 5");
        fires(&lab, RULE, "SELECT name FROM customer WHERE email = 'a@x' ORDER BY name");
    }

    #[test]
    fn an_order_that_is_lost_is_not_made() {
        let lab = lab();
        // DataFusion's front end drops those in FROM.
        fires(&lab, RULE, "SELECT id FROM customer WHERE id IN (SELECT referrer_id FROM orders ORDER BY day)");
    }

    #[test]
    fn an_order_that_is_seen_is_made() {
        let lab = lab();
        stays(&lab, RULE, "SELECT a FROM loose ORDER BY a");
        stays(&lab, RULE, "SELECT count(*), sum(a) FROM (SELECT a FROM loose ORDER BY a DESC LIMIT 2)");
        stays(&lab, RULE, "SELECT a FROM (SELECT a FROM loose ORDER BY a) LIMIT 2");
        stays(&lab, RULE, "SELECT array_agg(b ORDER BY b) FROM loose");
        stays(&lab, RULE, "SELECT name FROM region WHERE name = 'north' OR name = 'south' ORDER BY name");
        stays(&lab, RULE, "SELECT name FROM customer WHERE id = 2 ORDER BY name LIMIT 0");
    }
}
