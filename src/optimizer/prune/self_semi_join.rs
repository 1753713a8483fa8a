//! Whether a row's key is among the table's own rows that pass a filter is that filter.
//!
//! Before: `SELECT * FROM t WHERE id IN (SELECT id FROM t WHERE f)`
//! After: `SELECT * FROM t WHERE f` (and `id IS NOT NULL`, if the key may be NULL)
//!
//! NOT EXISTS becomes `f IS NOT TRUE`, a mark join inside OR `f IS TRUE`. The conditions are those of `self_join`; without a filter in the
//! subquery the compared columns need not be a key, since the row itself is a partner.
//!
//! Not valid
//! - with a filter and no key: `dept IN (SELECT dept FROM t WHERE boss)` asks for a colleague;
//! - for NOT IN, which is also decided by NULLs among the others;
//! - with LIMIT in the subquery.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::record::{answered, removed};
use super::same_row::same_row;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct SelfSemiJoin;

impl PruneRule for SelfSemiJoin {
    fn name(&self) -> &'static str {
        "self_semi_join"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        let side = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => Side::Right,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => Side::Left,
            _ => return Ok(None),
        };
        if join.null_aware {
            return Ok(None);
        }
        let candidate = Candidate::new(join, side, context.facts);
        let Some(same) = same_row(&candidate)? else { return Ok(None) };
        let because = match same.key {
            Some(key) => key,
            None if same.filters.is_empty() && same.rest.is_empty() => vec![],
            None => return Ok(None),
        };
        let filters = [same.not_null, same.filters, same.rest].concat();
        let sentence = format!("{} is asked for the row itself", candidate.gone_name());
        removed(context, self.name(), &candidate, sentence, [because, same.because].concat(), &filters);
        answered(&candidate, filters)
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "self_semi_join";

    #[test]
    fn the_row_itself_is_asked_for() {
        let lab = lab();
        for sql in [
            "SELECT name FROM customer WHERE id IN (SELECT id FROM customer WHERE vip)",
            "SELECT name FROM customer WHERE email IN (SELECT email FROM customer WHERE age > 10)",
            "SELECT name FROM customer WHERE name IN (SELECT name FROM customer)",
            "SELECT name FROM customer WHERE email IN (SELECT email FROM customer)",
            "SELECT name FROM customer a WHERE NOT EXISTS (SELECT 1 FROM customer b WHERE a.id = b.id AND b.age > 35)",
            "SELECT name FROM customer a WHERE NOT EXISTS (SELECT 1 FROM customer b WHERE a.email = b.email)",
            "SELECT name FROM customer a WHERE age > 40 OR EXISTS (SELECT 1 FROM customer b WHERE a.id = b.id AND b.vip)",
        ] {
            fires(&lab, RULE, sql, "customer");
        }
    }

    #[test]
    fn another_row_is_asked_for() {
        let lab = lab();
        for sql in [
            "SELECT id FROM customer WHERE name IN (SELECT name FROM customer WHERE age > 10)",
            "SELECT id FROM customer WHERE email NOT IN (SELECT email FROM customer)",
            "SELECT id FROM customer WHERE id IN (SELECT id FROM customer ORDER BY age, id LIMIT 2)",
            "SELECT id FROM customer a WHERE EXISTS (SELECT 1 FROM customer b WHERE a.name = b.name AND a.id <> b.id)",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
