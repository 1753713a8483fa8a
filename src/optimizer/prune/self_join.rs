//! A table joined with itself on its key finds the row itself.
//!
//! Before: `SELECT a.x, b.y FROM e a JOIN e b ON a.id = b.id WHERE b.z > 3`
//! After: `SELECT a.x, a.y FROM e a WHERE a.z > 3` (and `a.id IS NOT NULL`, if the key may be NULL)
//!
//! One side is a scan of the table under projections and filters; the other is any plan in which the columns of one mention of the
//! same table, as of the same files, are still there. The join compares a declared key of the table, column by column. Then a row finds
//! the table's row that it is made of, if that passes the filters and the rest of ON.
//!
//! That also merges two joins to the same parent, `o JOIN c c1 ON o.cid = c1.id JOIN c c2 ON o.cid = c2.id`: after the first join
//! `o.cid` is `c1.id`.
//!
//! Not valid
//! - on columns that are no key of the table: `a.dept = b.dept` pairs colleagues. A column that is a key only thanks to a filter is none:
//!   of UNIQUE (id, day), `b.day = 3` does not make `a.id = b.id` find the same row;
//! - if the side that goes has LIMIT: the row may not be among them; or a volatile function;
//! - for LEFT with a filtered right side: the columns of `b` are NULL where the filter does not hold, those of `a` are not. Unfiltered
//!   it is valid, with `CASE WHEN a.id IS NOT NULL THEN …` where the key may be NULL;
//! - for FULL;
//! - for two states of a table: the files must be the same.

use std::collections::HashMap;

use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{JoinType, LogicalPlan, when};

use super::conditions::{Candidate, Proof, Side, join_of};
use super::record::{removed, without};
use super::same_row::same_row;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct SelfJoin;

impl PruneRule for SelfJoin {
    fn name(&self) -> &'static str {
        "self_join"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            if !matches!(candidate.kind(), JoinType::Inner | JoinType::Left) {
                continue;
            }
            let Some(same) = same_row(&candidate)? else { continue };
            let Some(key) = same.key else { continue };
            let outer = candidate.kind() == JoinType::Left;
            if outer && !(same.filters.is_empty() && same.rest.is_empty()) {
                continue;
            }
            let mut replaced = HashMap::new();
            for column in candidate.gone_needed(needs) {
                let Some(Some(with)) = same.columns.get(column) else { break };
                let with = match conjunction(same.not_null.clone()) {
                    Some(present) if outer => when(present, with.clone()).end()?,
                    _ => with.clone(),
                };
                replaced.insert(column, with);
            }
            if replaced.len() != candidate.gone_needed(needs).len() {
                continue;
            }
            let filters = if outer { vec![] } else { [same.not_null, same.filters, same.rest].concat() };
            let gone = candidate.gone_name();
            let sentence = format!("{gone} is joined on its key with the same row of the same table");
            removed(context, self.name(), &candidate, sentence, [key, same.because].concat(), &filters);
            return without(&candidate, Proof { filters, replaced, ..Proof::default() }).map(Some);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "self_join";

    #[test]
    fn the_row_itself() {
        let lab = lab();
        for (sql, left) in [
            ("SELECT a.age, b.name FROM customer a JOIN customer b ON a.id = b.id", "customer"),
            (
                "SELECT a.age, b.name FROM customer a JOIN customer b ON a.id = b.id WHERE b.vip AND a.age > b.id",
                "customer",
            ),
            (
                "SELECT a.age, b.up FROM customer a JOIN (SELECT id, upper(name) up FROM customer WHERE vip) b ON a.id = b.id",
                "customer",
            ),
            // the key may be NULL
            ("SELECT a.id, b.name FROM customer a JOIN customer b ON a.email = b.email", "customer"),
            ("SELECT a.id, b.name FROM customer a LEFT JOIN customer b ON a.email = b.email", "customer"),
            ("SELECT a.id, b.name FROM customer a LEFT JOIN customer b ON a.id = b.id", "customer"),
            (
                "SELECT a.price, b.part_id FROM line a JOIN line b ON a.order_id = b.order_id AND a.number = b.number",
                "line",
            ),
            // another condition beside the key
            (
                "SELECT a.price FROM line a JOIN line b ON a.order_id = b.order_id AND a.number = b.number AND a.part_id = b.part_id",
                "line",
            ),
            // one parent twice
            (
                "SELECT c1.name, c2.age FROM orders o JOIN customer c1 ON o.referrer_id = c1.id JOIN customer c2 ON o.referrer_id = c2.id",
                "orders and customer",
            ),
            // through a limited side
            (
                "SELECT a.age, b.name FROM (SELECT * FROM customer ORDER BY id LIMIT 2) a JOIN customer b ON a.id = b.id",
                "customer",
            ),
        ] {
            fires(&lab, RULE, sql, left);
        }
        leaves(&lab, "SELECT a.age FROM customer a JOIN customer b USING (id)", "customer");
    }

    #[test]
    fn another_row() {
        let lab = lab();
        for sql in [
            "SELECT a.id, b.id FROM customer a JOIN customer b ON a.name = b.name",
            "SELECT a.price, b.price FROM line a JOIN line b ON a.order_id = b.order_id",
            // a key of the filtered rows only
            "SELECT a.price, b.price FROM line a JOIN (SELECT * FROM line WHERE number = 1) b ON a.order_id = b.order_id",
            "SELECT a.name, b.name FROM (SELECT name, id FROM customer ORDER BY id LIMIT 3) a \
             JOIN (SELECT * FROM customer ORDER BY id DESC LIMIT 3) b ON a.id = b.id",
            "SELECT a.id, b.name FROM customer a LEFT JOIN (SELECT * FROM customer WHERE vip) b ON a.id = b.id",
            "SELECT a.id, b.name FROM customer a FULL JOIN customer b ON a.id = b.id",
            "SELECT a.id, b.name FROM customer a JOIN customer b ON a.id = b.region_id",
            "SELECT a.id, b.name FROM customer a JOIN customer b ON a.email IS NOT DISTINCT FROM b.email",
            "SELECT c.id, r.name FROM customer c JOIN region r ON c.id = r.id",
            "SELECT a.name, b.r FROM customer a JOIN (SELECT id, random() < 2 r FROM customer) b ON a.id = b.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
