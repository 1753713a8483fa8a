//! A cross join with a side of exactly one row of which nothing is read does nothing.
//!
//! Before: `SELECT o.id FROM o CROSS JOIN (SELECT max(d) FROM e) m`
//! After: `SELECT o.id FROM o`
//!
//! An aggregation without GROUP BY and without HAVING gives exactly one row. Conditions on the other side alone stay, as a filter.
//!
//! Not valid if the side has *at most* one row (GROUP BY, HAVING, OFFSET, a key compared with a constant, LIMIT 1): without it no row of
//! `o` comes out. LEFT is satisfied with that: see `outer_join_by_key`. FULL and RIGHT keep the one row although `o` is empty.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Proof, Side, join_of};
use super::expressions::{can_be_moved, touches};
use super::record::{removed, without};
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct OneRowSide;

impl PruneRule for OneRowSide {
    fn name(&self) -> &'static str {
        "one_row_side"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        if join.join_type != JoinType::Inner || !join.on.is_empty() {
            return Ok(None);
        }
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            let rows = &candidate.gone_facts.rows;
            let only_on_other =
                |term: &datafusion::logical_expr::Expr| !touches(term, candidate.gone.schema()) && can_be_moved(term);
            if rows.least == 1
                && rows.most == Some(1)
                && candidate.is_unused(needs).is_ok()
                && candidate.pairs.is_empty()
                && candidate.rest.iter().all(only_on_other)
            {
                let because = [rows.least_because.clone(), rows.most_because.clone()].concat();
                let gone = candidate.gone_name();
                let sentence = format!("the side of {gone} has exactly one row, and no column of it is read");
                removed(context, self.name(), &candidate, sentence, because, &[]);
                let proof = Proof { filters: candidate.rest.clone(), ..Proof::default() };
                return without(&candidate, proof).map(Some);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "one_row_side";

    #[test]
    fn exactly_one_row() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o CROSS JOIN (SELECT max(a) FROM loose) m",
            "SELECT o.id FROM (SELECT count(*) FROM loose) m CROSS JOIN orders o",
            "SELECT o.id FROM orders o JOIN (SELECT max(a) FROM loose) m ON o.amount > 60",
        ] {
            fires(&lab, RULE, sql, "orders");
        }
    }

    #[test]
    fn at_most_one_row() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM orders o CROSS JOIN (SELECT max(a) m FROM loose) m WHERE m.m > o.amount",
            "SELECT o.id FROM orders o CROSS JOIN (SELECT max(a) FROM loose HAVING count(*) > 100) m",
            "SELECT o.id FROM orders o CROSS JOIN (SELECT max(a) FROM loose OFFSET 1) m",
            "SELECT o.id FROM orders o CROSS JOIN (SELECT a FROM loose WHERE a > 100 LIMIT 1) m",
            "SELECT o.id FROM orders o CROSS JOIN (SELECT name FROM customer WHERE id = 77) m",
            "SELECT o.id FROM orders o FULL JOIN (SELECT max(a) FROM loose) m ON o.id > 100",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
