//! Whether a row has a parent is known from its foreign key: it has, unless that is NULL.
//!
//! Before: `SELECT * FROM o WHERE EXISTS (SELECT 1 FROM c WHERE c.id = o.cid)`, or `o.cid IN (SELECT id FROM c)`
//! After: `SELECT * FROM o WHERE o.cid IS NOT NULL`
//!
//! Inside OR the test is a mark join, whose mark becomes `o.cid IS NOT NULL`. How many parents a row has does not matter, so the
//! referenced columns need not be unique here; otherwise the conditions of `inner_join_by_foreign_key` hold.
//!
//! Not valid
//! - if the subquery filters the parent by anything but its key, `… AND c.kind = 'x'`, or has LIMIT 10;
//! - for the opposite direction, `c WHERE EXISTS (SELECT 1 FROM o WHERE o.cid = c.id)`: customers without orders fail it.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::inner_join_by_foreign_key::references;
use super::record::{answered, removed};
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct SemiJoinByForeignKey;

impl PruneRule for SemiJoinByForeignKey {
    fn name(&self) -> &'static str {
        "semi_join_by_foreign_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        let side = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftMark => Side::Right,
            JoinType::RightSemi | JoinType::RightMark => Side::Left,
            _ => return Ok(None),
        };
        let candidate = Candidate::new(join, side, context.facts);
        let Ok(reference) = candidate.finds_its_parent() else { return Ok(None) };
        let sentence = references(&candidate, "only whether a row is there is asked");
        removed(context, self.name(), &candidate, sentence, reference.because, &reference.filters);
        answered(&candidate, reference.filters)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "semi_join_by_foreign_key";

    #[test]
    fn the_parent_is_there() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id)",
            "SELECT o.id FROM orders o WHERE o.referrer_id IN (SELECT id FROM customer)",
            "SELECT o.id FROM orders o WHERE o.referrer_id IN (SELECT id FROM customer WHERE id > 1)",
            "SELECT o.id FROM orders o WHERE o.customer_id IN (SELECT id FROM customer)",
            "SELECT o.id FROM orders o WHERE o.amount > 80 OR o.referrer_id IN (SELECT id FROM customer)",
            "SELECT o.id FROM orders o WHERE o.amount > 80 OR NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id)",
            "SELECT o.id FROM orders o WHERE o.amount > 80 \
             OR NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id AND o.amount > 40)",
            "SELECT o.id FROM orders o LEFT SEMI JOIN customer c ON o.referrer_id = c.id",
        ] {
            fires(&lab, RULE, sql, "orders");
        }
    }

    #[test]
    fn the_parent_may_not_be_there() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id AND c.vip)",
            "SELECT o.id FROM orders o WHERE o.referrer_id IN (SELECT id FROM customer ORDER BY id LIMIT 2)",
            "SELECT o.id FROM orders o WHERE o.amount IN (SELECT id FROM customer)",
            "SELECT c.id FROM customer c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
