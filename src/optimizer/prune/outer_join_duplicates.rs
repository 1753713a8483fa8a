//! A LEFT join to a side of which nothing is read does nothing if nobody can see how often a row occurs.
//!
//! Before: `SELECT DISTINCT o.x FROM o LEFT JOIN k ON o.id = k.oid`
//! After: `SELECT DISTINCT o.x FROM o`
//!
//! A left row comes out at least once, whatever ON says, and how often does not matter. RIGHT is the mirror image.
//!
//! Not valid for:
//! - INNER: `DISTINCT o.x FROM o JOIN k` drops the values of rows without a partner;
//! - FULL: it also gives a row of NULLs if `k` has a row without a partner;
//! - anything that counts in between: `SELECT DISTINCT n FROM (SELECT count(*) AS n FROM o LEFT JOIN k … GROUP BY o.id)`,
//!   LIMIT, a window, a volatile function. The needs say so.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::record::removed;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct OuterJoinDuplicates;

impl PruneRule for OuterJoinDuplicates {
    fn name(&self) -> &'static str {
        "outer_join_duplicates"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        if needs.duplicates || !matches!(join.join_type, JoinType::Left | JoinType::Right) {
            return Ok(None);
        }
        let side = if join.join_type == JoinType::Left { Side::Right } else { Side::Left };
        let candidate = Candidate::new(join, side, context.facts);
        if candidate.is_unused(needs).is_err() {
            return Ok(None);
        }
        let sentence = format!("no column of {} is read, and duplicates do not matter", candidate.gone_name());
        removed(context, self.name(), &candidate, sentence, vec![], &[]);
        Ok(Some(candidate.stays.as_ref().clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "outer_join_duplicates";

    #[test]
    fn nobody_counts() {
        let lab = lab();
        for sql in [
            "SELECT DISTINCT o.amount FROM orders o LEFT JOIN line l ON o.id = l.order_id",
            "SELECT DISTINCT o.amount FROM line l RIGHT JOIN orders o ON o.id = l.order_id",
            "SELECT max(o.amount) FROM orders o LEFT JOIN line l ON o.id = l.order_id AND l.price > o.amount",
            "SELECT o.amount FROM orders o LEFT JOIN line l ON o.id = l.order_id GROUP BY o.amount",
        ] {
            fires(&lab, RULE, sql, "orders");
        }
    }

    #[test]
    fn somebody_counts_or_rows_are_dropped() {
        let lab = lab();
        for sql in [
            "SELECT o.amount FROM orders o LEFT JOIN line l ON o.id = l.order_id",
            "SELECT DISTINCT o.amount, l.price FROM orders o LEFT JOIN line l ON o.id = l.order_id",
            "SELECT DISTINCT o.amount FROM orders o JOIN line l ON o.id = l.order_id",
            "SELECT DISTINCT o.amount FROM orders o FULL JOIN line l ON o.id = l.part_id",
            "SELECT sum(o.amount), max(o.id) FROM orders o LEFT JOIN line l ON o.id = l.order_id",
            "SELECT DISTINCT n FROM (SELECT count(*) AS n FROM orders o LEFT JOIN line l ON o.id = l.order_id GROUP BY o.id)",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
