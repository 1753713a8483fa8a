//! A LEFT join to a side of which nothing is read, and in which a row finds at most one partner, does nothing.
//!
//! Before: `SELECT o.id FROM o LEFT JOIN c ON o.cid = c.id`, where `c.id` is a key
//! After: `SELECT o.id FROM o`
//!
//! A left row comes out once if it finds no partner, and once if it finds one. So ON may say anything else as well
//! (`AND c.kind = 'x'`, `AND o.n > 3`): it decides only between those two. The key may come from a declaration, from GROUP BY, DISTINCT,
//! LIMIT 1, a constant: the facts know. It may be UNIQUE with NULLs, since `=` does not match them; under `IS NOT DISTINCT FROM` they
//! would match each other. RIGHT is the mirror image.
//!
//! Not valid for:
//! - INNER: `o JOIN c` drops the rows of `o` that find no partner (see `inner_join_by_foreign_key`);
//! - FULL: `o FULL JOIN c` also gives the rows of `c` that find none in `o`;
//! - no key: with two rows `c.id = 1`, a row `o.cid = 1` comes out twice.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::record::removed;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct OuterJoinByKey;

impl PruneRule for OuterJoinByKey {
    fn name(&self) -> &'static str {
        "outer_join_by_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        if !matches!(join.join_type, JoinType::Left | JoinType::Right) {
            return Ok(None);
        }
        let side = if join.join_type == JoinType::Left { Side::Right } else { Side::Left };
        let candidate = Candidate::new(join, side, context.facts);
        if candidate.is_unused(needs).is_err() {
            return Ok(None);
        }
        let Ok(because) = candidate.matches_at_most_once() else { return Ok(None) };
        let gone = candidate.gone_name();
        let sentence = format!("each row finds at most one row of {gone}, and no column of {gone} is read");
        removed(context, self.name(), &candidate, sentence, because, &[]);
        Ok(Some(candidate.stays.as_ref().clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "outer_join_by_key";

    #[test]
    fn an_unread_side_with_a_key_goes() {
        let lab = lab();
        for (sql, left) in [
            ("SELECT o.id FROM orders o LEFT JOIN customer c ON o.customer_id = c.id", "orders"),
            (
                "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id AND c.vip AND o.amount > 60",
                "orders",
            ),
            ("SELECT o.id FROM customer c RIGHT JOIN orders o ON o.referrer_id = c.id", "orders"),
            // UNIQUE with NULLs
            ("SELECT o.id FROM orders o LEFT JOIN customer c ON o.note = c.email", "orders"),
            ("SELECT o.id FROM orders o LEFT JOIN line l ON l.order_id = o.id AND l.number = 1", "orders"),
            // keys of subqueries
            (
                "SELECT c.id FROM customer c LEFT JOIN (SELECT customer_id, count(*) n FROM orders GROUP BY customer_id) x \
              ON x.customer_id = c.id",
                "customer",
            ),
            ("SELECT c.id FROM customer c LEFT JOIN (SELECT DISTINCT a FROM loose) x ON x.a = c.id", "customer"),
            ("SELECT c.id FROM customer c LEFT JOIN (SELECT max(a) m FROM loose) x ON x.m > c.id", "customer"),
            ("SELECT c.id FROM customer c LEFT JOIN (SELECT a FROM loose LIMIT 1) x ON true", "customer"),
            ("SELECT count(*) FROM orders o LEFT JOIN customer c ON o.customer_id = c.id", "orders"),
        ] {
            fires(&lab, RULE, sql, left);
        }
    }

    #[test]
    fn chains_go_in_one_optimization() {
        leaves(
            &lab(),
            "SELECT l.price FROM line l LEFT JOIN orders o ON l.order_id = o.id LEFT JOIN customer c ON o.referrer_id = c.id \
             LEFT JOIN region r ON c.region_id = r.id",
            "line",
        );
    }

    #[test]
    fn a_view_of_thirty_joins() {
        let joins: String = (0..30).map(|n| format!(" LEFT JOIN customer c{n} ON o.referrer_id = c{n}.id")).collect();
        leaves(&lab(), &format!("SELECT o.id FROM orders o{joins}"), "orders");
    }

    #[test]
    fn a_side_that_shows_stays() {
        let lab = lab();
        for sql in [
            "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id",
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id WHERE c.name IS NULL",
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id ORDER BY c.name, o.id",
            // no key: repeats rows
            "SELECT o.id FROM orders o LEFT JOIN loose l ON l.a = o.id",
            "SELECT o.id FROM orders o LEFT JOIN line l ON l.order_id = o.id",
            // NULLs match each other
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.note IS NOT DISTINCT FROM c.email",
            // the rows without a partner on the other side
            "SELECT o.id FROM orders o FULL JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.id FROM orders o JOIN loose l ON l.a = o.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
