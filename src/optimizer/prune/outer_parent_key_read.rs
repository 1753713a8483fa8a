//! A LEFT join to the parent of a foreign key of which only the key is read gives the foreign key.
//!
//! Before: `SELECT o.id, c.id FROM o LEFT JOIN c ON o.cid = c.id`
//! After: `SELECT o.id, o.cid FROM o`
//!
//! `c.id` is `o.cid` if the row has its parent, and else NULL; thanks to the foreign key it has its parent unless `o.cid` is NULL
//! itself. So `WHERE c.id IS NULL` is `WHERE o.cid IS NULL`. Of a composite foreign key one NULL makes all of the parent's key NULL:
//! `CASE WHEN o.b IS NOT NULL THEN o.a END`. All conditions of `inner_join_by_foreign_key` hold here too.
//!
//! Not valid
//! - without a foreign key: an order of an unknown customer has `c.id` NULL, `o.cid` not;
//! - with a further condition, `ON o.cid = c.id AND o.n > 3`, or a filter on the parent, even on its key: `c.id` is NULL where it does
//!   not hold;
//! - for FULL, which gives parents without children.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of, outer_parent_goes};
use super::inner_join_by_foreign_key::references;
use super::record::{removed, without};
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct OuterParentKeyRead;

impl PruneRule for OuterParentKeyRead {
    fn name(&self) -> &'static str {
        "outer_parent_key_read"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        let side = match join.join_type {
            JoinType::Left => Side::Right,
            JoinType::Right => Side::Left,
            _ => return Ok(None),
        };
        let candidate = Candidate::new(join, side, context.facts);
        let Ok(proof) = outer_parent_goes(&candidate, needs) else { return Ok(None) };
        let sentence = references(&candidate, "no other column of it is read");
        removed(context, self.name(), &candidate, sentence, proof.because.clone(), &[]);
        without(&candidate, proof).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "outer_parent_key_read";

    #[test]
    fn the_foreign_key_is_read_instead() {
        let lab = lab();
        for (sql, left) in [
            ("SELECT o.id, c.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id", "orders"),
            ("SELECT o.id, c.id FROM customer c RIGHT JOIN orders o ON o.referrer_id = c.id", "orders"),
            ("SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id WHERE c.id IS NULL", "orders"),
            (
                "SELECT l.price, p.id, p.kind FROM line l LEFT JOIN part p ON l.part_id = p.id AND l.part_kind = p.kind",
                "line",
            ),
        ] {
            fires(&lab, RULE, sql, left);
        }
    }

    #[test]
    fn the_key_is_null_for_other_reasons() {
        let lab = lab();
        for sql in [
            "SELECT o.id, c.id FROM orders o LEFT JOIN customer c ON o.amount = c.id",
            "SELECT o.id, c.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id AND o.amount > 60",
            "SELECT o.id, c.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id AND c.vip",
            "SELECT o.id, c.id FROM orders o LEFT JOIN (SELECT id FROM customer WHERE id > 1) c ON o.referrer_id = c.id",
            "SELECT o.id, c.id FROM orders o FULL JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.id, c.id, c.name FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
