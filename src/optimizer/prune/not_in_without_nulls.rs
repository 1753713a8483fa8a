//! NOT IN need not ask for NULL where neither side has one.
//!
//! Before: `SELECT * FROM orders WHERE customer_id NOT IN (SELECT id FROM customer WHERE vip)`
//! After: `SELECT * FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE vip AND c.id = o.customer_id)`
//!
//! One NULL among the others makes NOT IN unknown for all rows, and a NULL of its own for a row, unless there are no others. So its join
//! looks at all of the other side before it gives a row, puts the rows that are asked into the hash table, however many, and gives them
//! from one thread. A plain anti join may do it the other way around, and may be moved.
//!
//! Safe if both sides of the one comparison are NOT NULL **in the plan**: by constraints, by the files' null counts, by a filter below.
//! Then the comparison is never unknown, whatever else the subquery asks for.
//!
//! Not valid
//! - with one side alone: `1 NOT IN (NULL)` is unknown, and so is `NULL NOT IN (1)`;
//! - for a NOT NULL column that an outer join below extends with NULLs.

use std::sync::Arc;

use datafusion::common::NullEquality;
use datafusion::error::Result;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};

use super::expressions::sql;
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{both, never_null};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct NotInWithoutNulls;

impl PruneRule for NotInWithoutNulls {
    fn name(&self) -> &'static str {
        "not_in_without_nulls"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Join(join) = plan else { return Ok(None) };
        let is_not_in = join.null_aware
            && join.join_type == JoinType::LeftAnti
            && join.null_equality == NullEquality::NullEqualsNothing;
        let [(asked, other)] = join.on.as_slice() else { return Ok(None) };
        if !is_not_in {
            return Ok(None);
        }
        let of = |expr, input: &Arc<LogicalPlan>| never_null(expr, input.schema(), &context.facts.of_input(input));
        let (Some(because), Some(because_other)) = (of(asked, &join.left), of(other, &join.right)) else {
            return Ok(None);
        };
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(Clause::Predicate),
            because: format!("{} is never NULL, and NOT IN compares it with nothing that is", sql(asked)),
            constraints: both(because, &because_other),
            added_filter: None,
        });
        Ok(Some(LogicalPlan::Join(Join { null_aware: false, ..join.clone() })))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "not_in_without_nulls";

    #[test]
    fn neither_side_has_a_null() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT id FROM orders WHERE customer_id NOT IN (SELECT id FROM customer WHERE vip)"),
            "orders.customer_id is never NULL, and NOT IN compares it with nothing that is \
             [customer: primary key, orders: not null customer_id]"
        );
        for sql in [
            "SELECT id FROM orders WHERE referrer_id NOT IN (SELECT id FROM customer WHERE vip) AND referrer_id > 0",
            "SELECT id FROM orders WHERE customer_id NOT IN (SELECT region_id FROM customer WHERE region_id > 1)",
            "SELECT id FROM orders o WHERE customer_id NOT IN (SELECT id FROM customer c WHERE c.age < o.amount)",
            "SELECT id FROM orders WHERE id + 1 NOT IN (SELECT id FROM customer WHERE age > 100)",
        ] {
            fires(&lab, RULE, sql);
        }
    }

    #[test]
    fn the_files_say_so() {
        let sql = "SELECT b FROM loose WHERE x NOT IN (SELECT price FROM line)";
        stays(&lab().with_file_facts(), RULE, sql);
        let sql = "SELECT id FROM orders WHERE amount + 0 NOT IN (SELECT age FROM customer WHERE age IS NOT NULL)";
        stays(&lab().with_file_facts(), RULE, sql);
        let sql = "SELECT number FROM line WHERE price NOT IN (SELECT a FROM loose WHERE a IS NOT NULL)";
        fires(&lab().with_file_facts(), RULE, sql);
    }

    #[test]
    fn a_null_may_be_there() {
        let lab = lab();
        for sql in [
            "SELECT id FROM orders WHERE referrer_id NOT IN (SELECT id FROM customer WHERE vip)",
            "SELECT id FROM orders WHERE customer_id NOT IN (SELECT region_id FROM customer)",
            "SELECT id FROM orders WHERE referrer_id NOT IN (SELECT region_id FROM customer)",
            "SELECT id FROM orders WHERE customer_id NOT IN (SELECT c.id FROM region r LEFT JOIN customer c ON r.id = c.age)",
            "SELECT o.id FROM customer c LEFT JOIN orders o ON c.id = o.amount WHERE o.customer_id NOT IN (SELECT id FROM region)",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
