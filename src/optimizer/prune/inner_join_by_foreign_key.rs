//! An inner join to the parent of a foreign key, of which only the key is read, is a test for NULL.
//!
//! Before: `SELECT o.id, c.id FROM o JOIN c ON o.cid = c.id WHERE c.id > 3`
//! After: `SELECT o.id, o.cid FROM o WHERE o.cid IS NOT NULL AND o.cid > 3`
//!
//! Every row of `o` whose `cid` is not NULL finds a row of `c`, and only one. Safe if
//! - the foreign key is over exactly the compared columns of one mention of the child, up to equality, and compares them pairwise
//!   with the referenced columns of one mention of the parent: half of a composite key fans out, and two foreign keys to one parent do
//!   not mix. Of a UNION ALL each branch must have such a foreign key in these columns;
//! - the parent is complete: no filter (but on its key: that one moves to the child), no LIMIT, no join that drops rows of it;
//! - the compared columns are a key of the parent's side as it is here, unless duplicates do not matter;
//! - nothing else of the parent is read. Its key may be: in every joined row it is the foreign key. Types must be the same, and not
//!   floating-point (two zeros).
//!
//! A row with NULL in any column of the foreign key is exempt from it (MATCH SIMPLE) and finds no partner: IS NOT NULL is added for each
//! that may be NULL *here*, which it may after an outer join whatever the catalog says.
//!
//! Not valid for:
//! - LEFT with the child on the right, `c LEFT JOIN o`: the customers without orders would be lost;
//! - LEFT `o LEFT JOIN c`: rows with NULL stay (see `outer_join_by_key` and `outer_parent_key_read`);
//! - FULL: it gives the customers without orders as well.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, inner_parent_goes, join_of};
use super::expressions::sql;
use super::plans::list;
use super::record::{removed, without};
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct InnerJoinByForeignKey;

impl PruneRule for InnerJoinByForeignKey {
    fn name(&self) -> &'static str {
        "inner_join_by_foreign_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        if join.join_type != JoinType::Inner {
            return Ok(None);
        }
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            if let Ok(proof) = inner_parent_goes(&candidate, needs) {
                let sentence = references(&candidate, "no other column of it is read");
                removed(context, self.name(), &candidate, sentence, proof.because.clone(), &proof.filters);
                return without(&candidate, proof).map(Some);
            }
        }
        Ok(None)
    }
}

/// `o.cid references c.id, and …`
pub fn references(candidate: &Candidate<'_>, and: &str) -> String {
    let child = list(candidate.pairs.iter().map(|pair| sql(&pair.stays)));
    let parent = list(candidate.pairs.iter().map(|pair| sql(&pair.gone)));
    format!("{child} references {parent}, and {and}")
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "inner_join_by_foreign_key";

    #[test]
    fn the_parent_goes() {
        let lab = lab();
        for (sql, left) in [
            ("SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id", "orders"),
            ("SELECT o.id FROM customer c JOIN orders o ON o.customer_id = c.id", "orders"),
            ("SELECT o.id FROM orders o JOIN customer c ON o.referrer_id = c.id", "orders"),
            ("SELECT count(*) FROM orders o, customer c WHERE o.referrer_id = c.id", "orders"),
            // the key is read
            ("SELECT o.id, c.id FROM orders o JOIN customer c ON o.referrer_id = c.id", "orders"),
            (
                "SELECT o.id, c.id + 1 AS n FROM orders o JOIN customer c ON o.referrer_id = c.id ORDER BY c.id, o.id",
                "orders",
            ),
            // filters on the key
            ("SELECT o.id FROM orders o JOIN customer c ON o.referrer_id = c.id WHERE c.id > 2", "orders"),
            (
                "SELECT o.id FROM orders o JOIN customer c ON o.referrer_id = c.id AND c.id > 2 AND o.amount > c.id",
                "orders",
            ),
            (
                "SELECT o.id FROM orders o JOIN (SELECT id k, name FROM customer WHERE id < 3 OR id > 7) c ON o.referrer_id = c.k",
                "orders",
            ),
            (
                "SELECT o.id FROM orders o JOIN (SELECT id FROM customer WHERE id IS NOT NULL ORDER BY id) c ON o.referrer_id = c.id",
                "orders",
            ),
            // composite, in any order
            ("SELECT l.price FROM line l JOIN part p ON p.kind = l.part_kind AND l.part_id = p.id", "line"),
            ("SELECT l.price, p.kind FROM line l JOIN part p ON p.kind = l.part_kind AND l.part_id = p.id", "line"),
            // the child is derived
            (
                "SELECT x.n FROM (SELECT customer_id k, count(*) n FROM orders GROUP BY customer_id) x JOIN customer c ON x.k = c.id",
                "orders",
            ),
            (
                "SELECT x.id FROM (SELECT id, referrer_id k FROM orders WHERE amount > 50) x JOIN customer c ON x.k = c.id",
                "orders",
            ),
            (
                "SELECT x.id FROM (SELECT id, customer_id k FROM orders UNION ALL SELECT id, referrer_id FROM orders) x \
              JOIN customer c ON x.k = c.id WHERE x.id > 1",
                "orders and orders",
            ),
            (
                "SELECT x.n FROM (SELECT u.b, u.a, count(*) n FROM (SELECT part_id a, part_kind b FROM line UNION ALL \
              SELECT l.part_id, l.part_kind FROM line l JOIN loose ON l.price = loose.a) u GROUP BY u.b, u.a) x \
              JOIN part p ON p.kind = x.b AND p.id = x.a",
                "line, line and loose",
            ),
            // the child is null-extended
            (
                "SELECT l.price FROM line l LEFT JOIN orders o ON l.order_id = o.id AND o.amount > 60 \
              JOIN customer c ON o.customer_id = c.id WHERE l.price > 4",
                "line and orders",
            ),
            // by way of an equal column
            (
                "SELECT o.id FROM orders o JOIN loose l ON o.referrer_id = l.a JOIN customer c ON l.a = c.id",
                "orders and loose",
            ),
        ] {
            fires(&lab, RULE, sql, left);
        }
    }

    #[test]
    fn chains_and_duplicates() {
        let lab = lab();
        leaves(
            &lab,
            "SELECT l.price FROM line l JOIN orders o ON l.order_id = o.id JOIN customer c ON o.customer_id = c.id",
            "line",
        );
        // customers without a region drop orders: they stay
        leaves(
            &lab,
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id JOIN region r ON c.region_id = r.id",
            "orders and customer",
        );
        leaves(
            &lab,
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id WHERE c.id IS NOT NULL AND o.amount > 60",
            "orders",
        );
        fires(&lab, RULE, "SELECT DISTINCT o.note FROM orders o JOIN customer c ON o.customer_id = c.id", "orders");
        // complete, though repeated: nobody counts
        let repeated = "SELECT DISTINCT o.note FROM orders o JOIN (SELECT c.id FROM customer c CROSS JOIN region) c \
                        ON o.customer_id = c.id";
        let counted = repeated.replace("DISTINCT ", "");
        stays(&lab, RULE, &counted);
    }

    #[test]
    fn a_unique_parent_with_nulls() {
        let lab = crate::optimizer::testing::Lab::new(
            "CREATE TABLE p (code TEXT UNIQUE, x BIGINT);
             CREATE TABLE c (id BIGINT, code TEXT REFERENCES p (code));
             INSERT INTO p VALUES ('a', 1), (NULL, 2), (NULL, 3), ('b', 4);
             INSERT INTO c VALUES (1, 'a'), (2, NULL), (3, 'b'), (4, 'a');",
        );
        fires(&lab, RULE, "SELECT c.id, p.code FROM c JOIN p ON c.code = p.code", "c");
        stays(&lab, RULE, "SELECT c.id FROM c JOIN p ON c.code IS NOT DISTINCT FROM p.code");
    }

    #[test]
    fn the_parent_stays() {
        let lab = lab();
        for sql in [
            "SELECT o.id, c.name FROM orders o JOIN customer c ON o.customer_id = c.id",
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id WHERE c.vip",
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id AND c.age > 30",
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id WHERE c.id > 2 OR c.vip",
            "SELECT o.id FROM orders o JOIN (SELECT id FROM customer ORDER BY id LIMIT 3) c ON o.customer_id = c.id",
            "SELECT o.id FROM orders o JOIN (SELECT c.id FROM customer c JOIN loose l ON l.a = c.id) c ON o.customer_id = c.id",
            // no foreign key, or not this one
            "SELECT o.id FROM orders o JOIN customer c ON o.amount = c.id",
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id AND o.referrer_id = c.id",
            "SELECT o.id FROM orders o JOIN region r ON o.customer_id = r.id",
            // one branch has none, or another one
            "SELECT x.id FROM (SELECT id, customer_id k FROM orders UNION ALL SELECT a, b FROM loose) x JOIN customer c ON x.k = c.id",
            "SELECT x.id FROM (SELECT id, customer_id k FROM orders UNION ALL SELECT id, region_id FROM customer) x JOIN customer c ON x.k = c.id",
            "SELECT x.k FROM (SELECT customer_id k, amount n FROM orders UNION ALL SELECT amount, referrer_id FROM orders) x JOIN customer c ON x.k = c.id",
            "SELECT x.k FROM (SELECT customer_id k FROM orders UNION ALL SELECT referrer_id + 0 FROM orders) x JOIN customer c ON x.k = c.id",
            // half a key
            "SELECT l.price FROM line l JOIN part p ON l.part_id = p.id",
            // the columns of two mentions
            "SELECT l.price FROM line l JOIN line m ON l.order_id = m.order_id JOIN part p ON l.part_id = p.id AND m.part_kind = p.kind",
            // customers without orders
            "SELECT c.id FROM customer c LEFT JOIN orders o ON o.customer_id = c.id",
            "SELECT o.id FROM orders o FULL JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id + 0 = c.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
