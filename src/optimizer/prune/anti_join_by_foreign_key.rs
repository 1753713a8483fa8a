//! A row without a parent is one whose foreign key is NULL.
//!
//! Before: `SELECT * FROM o WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.id = o.cid)`
//! After: `SELECT * FROM o WHERE o.cid IS NULL`; no rows at all if it is NOT NULL
//!
//! (`o LEFT JOIN c … WHERE c.id IS NULL` comes to the same by `outer_parent_key_read`, NOT EXISTS inside OR by
//! `semi_join_by_foreign_key`.) The conditions of `inner_join_by_foreign_key` hold, but that the parent need not be unique.
//!
//! Not valid for
//! - NOT IN: `o.cid NOT IN (SELECT id FROM c)` is NULL for a NULL `o.cid`, so that row goes, unless `c` is empty, when it stays. It is
//!   never touched;
//! - a parent that is filtered by anything but its key: orders of customers that fail the filter have no partner.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::inner_join_by_foreign_key::references;
use super::record::{answered, removed};
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct AntiJoinByForeignKey;

impl PruneRule for AntiJoinByForeignKey {
    fn name(&self) -> &'static str {
        "anti_join_by_foreign_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        let side = match join.join_type {
            JoinType::LeftAnti if !join.null_aware => Side::Right,
            JoinType::RightAnti if !join.null_aware => Side::Left,
            _ => return Ok(None),
        };
        let candidate = Candidate::new(join, side, context.facts);
        let Ok(reference) = candidate.finds_its_parent() else { return Ok(None) };
        let plan = answered(&candidate, reference.filters)?;
        let sentence = references(&candidate, "a row without a partner is one where it is NULL");
        let added = match &plan {
            Some(LogicalPlan::Filter(filter)) => vec![filter.predicate.clone()],
            _ => vec![datafusion::logical_expr::lit(false)],
        };
        removed(context, self.name(), &candidate, sentence, reference.because, &added);
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "anti_join_by_foreign_key";

    #[test]
    fn no_parent_is_null() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id)",
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id AND c.id > 2)",
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id AND o.amount > 40)",
            "SELECT l.price FROM line l \
             WHERE NOT EXISTS (SELECT 1 FROM part p WHERE p.id = l.part_id AND p.kind = l.part_kind)",
        ] {
            fires(&lab, RULE, sql, if sql.contains("line") { "line" } else { "orders" });
        }
        leaves(
            &lab,
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.customer_id)",
            "the subquery",
        );
    }

    #[test]
    fn not_in_and_filters() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o WHERE o.referrer_id NOT IN (SELECT id FROM customer)",
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.referrer_id AND c.vip)",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
