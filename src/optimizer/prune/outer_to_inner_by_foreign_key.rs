//! An outer join in which every row finds its parent has no rows to extend with NULLs.
//!
//! Before: `SELECT o.id, c.name FROM o LEFT JOIN c ON o.cid = c.id`, `o.cid` NOT NULL and a foreign key
//! After: `SELECT o.id, c.name FROM o JOIN c ON o.cid = c.id`
//!
//! Before: `o FULL JOIN c ON o.cid = c.id`
//! After: `o RIGHT JOIN c ON o.cid = c.id`: orders all have a customer, customers need not have orders
//!
//! An inner join may be put in any order with others and lets filters through on both sides. Safe if the foreign key cannot be NULL *in
//! the plan*, the parent is complete, and ON says nothing else. The parent's key need not be unique: an inner join repeats rows as
//! the outer one does.
//!
//! Not valid
//! - if `o.cid` may be NULL: `LEFT` keeps that order, an inner join drops it;
//! - with `ON o.cid = c.id AND c.kind = 'x'` or a filter on `c`: orders whose customer fails it are kept by LEFT;
//! - for `c LEFT JOIN o`: nothing says that a customer has orders.

use datafusion::error::Result;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::inner_join_by_foreign_key::references;
use super::record::changed;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct OuterToInnerByForeignKey;

impl PruneRule for OuterToInnerByForeignKey {
    fn name(&self) -> &'static str {
        "outer_to_inner_by_foreign_key"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        for side in Side::BOTH {
            let to = match (join.join_type, side) {
                (JoinType::Left, Side::Right) | (JoinType::Right, Side::Left) => JoinType::Inner,
                (JoinType::Full, Side::Right) => JoinType::Right,
                (JoinType::Full, Side::Left) => JoinType::Left,
                _ => continue,
            };
            let candidate = Candidate::new(join, side, context.facts);
            if let Ok(reference) = candidate.finds_its_parent()
                && reference.filters.is_empty()
            {
                let sentence = references(&candidate, "it is never NULL, so every row finds its partner");
                changed(context, self.name(), (join.join_type, to), candidate.gone, sentence, reference.because);
                return retyped(join, to).map(Some);
            }
        }
        Ok(None)
    }
}

/// The same join of another type.
pub fn retyped(join: &Join, to: JoinType) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Join(Join::try_new(
        join.left.clone(),
        join.right.clone(),
        join.on.clone(),
        join.filter.clone(),
        to,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "outer_to_inner_by_foreign_key";

    #[test]
    fn every_row_has_its_parent() {
        let lab = lab();
        for (sql, kind) in [
            ("SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id", "Inner Join"),
            ("SELECT o.id, c.name FROM customer c RIGHT JOIN orders o ON o.customer_id = c.id", "Inner Join"),
            ("SELECT o.id, c.name FROM orders o FULL JOIN customer c ON o.customer_id = c.id", "Right Join"),
            ("SELECT o.id, c.name FROM customer c FULL JOIN orders o ON o.customer_id = c.id", "Left Join"),
        ] {
            let plan = lab.optimized(sql, &[RULE]).to_string();
            assert!(plan.contains(kind), "{sql}\n{plan}");
            lab.assert_same_rows(sql);
        }
        fires(
            &lab,
            RULE,
            "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id",
            "orders and customer",
        );
    }

    #[test]
    fn some_rows_have_none() {
        let lab = lab();
        for sql in [
            "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id AND c.vip",
            "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id AND o.amount > 60",
            "SELECT o.id, c.name FROM orders o LEFT JOIN (SELECT * FROM customer WHERE id > 1) c ON o.customer_id = c.id",
            "SELECT o.id, c.name FROM customer c LEFT JOIN orders o ON o.customer_id = c.id",
            // null-extended: NULL here, whatever the catalog says
            "SELECT l.price, c.name FROM line l LEFT JOIN (SELECT * FROM orders WHERE amount > 60) o ON l.order_id = o.id \
             LEFT JOIN customer c ON o.customer_id = c.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
