//! An inner join to a side of which nothing is read, and which does not repeat rows, only tests whether a partner is there.
//!
//! Before: `SELECT o.id FROM o JOIN c ON o.cid = c.id`, where `c.id` is a key (but `o.cid` no foreign key)
//! After: `SELECT o.id FROM o WHERE EXISTS (SELECT 1 FROM c WHERE c.id = o.cid)`, as a semi join
//!
//! A semi join gives no columns of the tested side and stops at the first partner. Without a key it is the same only where duplicates
//! do not matter.
//!
//! Not valid for
//! - outer joins: a semi join drops the rows that LEFT keeps;
//! - a side that repeats rows somebody counts: two rows `c.id = 1` give an order twice;
//! - joins without an equality: nothing is gained.

use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Filter, Join, JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::expressions::{can_be_moved, conjuncts};
use super::outer_to_inner_by_foreign_key::retyped;
use super::record::changed;
use super::{Context, Needs, PruneRule};

#[derive(Debug)]
pub struct InnerToSemi;

impl PruneRule for InnerToSemi {
    fn name(&self) -> &'static str {
        "inner_to_semi"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let merged;
        let join = match plan {
            LogicalPlan::Filter(filter) => match with_filter(filter)? {
                Some(join) => {
                    merged = join;
                    &merged
                }
                None => return Ok(None),
            },
            _ => match join_of(plan) {
                Some(join) => join,
                None => return Ok(None),
            },
        };
        if join.join_type != JoinType::Inner || join.on.is_empty() {
            return Ok(None);
        }
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            if candidate.is_unused(needs).is_err() {
                continue;
            }
            let gone = candidate.gone_name();
            let (sentence, because) = if !needs.duplicates {
                (format!("no column of {gone} is read, and duplicates do not matter"), vec![])
            } else if let Ok(because) = candidate.matches_at_most_once() {
                (format!("no column of {gone} is read, and each row finds at most one row of it"), because)
            } else {
                continue;
            };
            let to = match side {
                Side::Right => JoinType::LeftSemi,
                Side::Left => JoinType::RightSemi,
            };
            changed(context, self.name(), (join.join_type, to), candidate.gone, sentence, because);
            return retyped(join, to).map(Some);
        }
        Ok(None)
    }
}

/// A filter above an inner join, as part of its ON: the filter may be all that reads the other side. (DataFusion takes the conditions
/// that are no equalities out of ON before this rule is asked, and puts them back later.)
fn with_filter(filter: &Filter) -> Result<Option<Join>> {
    let Some(join) = join_of(&filter.input) else { return Ok(None) };
    let mut terms = conjuncts(join.filter.as_ref());
    terms.extend(conjuncts(Some(&filter.predicate)));
    if join.join_type != JoinType::Inner || join.on.is_empty() || !terms.iter().all(can_be_moved) {
        return Ok(None);
    }
    Ok(Some(Join { filter: conjunction(terms), ..join.clone() }))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "inner_to_semi";

    #[test]
    fn only_a_partner_is_asked_for() {
        let lab = lab();
        for sql in [
            "SELECT l.a FROM loose l JOIN customer c ON l.a = c.id",
            "SELECT l.a FROM customer c JOIN loose l ON l.a = c.id",
            "SELECT l.a FROM loose l JOIN customer c ON l.a = c.id AND c.age > l.b",
            "SELECT DISTINCT c.name FROM customer c JOIN loose l ON l.a = c.id",
        ] {
            let (plan, _) = lab.traced(sql, &[RULE]);
            assert!(plan.display_indent().to_string().contains("Semi Join"), "{sql}\n{plan}");
            lab.assert_same_rows(sql);
        }
        fires(&lab, RULE, "SELECT l.a FROM loose l JOIN customer c ON l.a = c.id", "loose and customer");
    }

    #[test]
    fn rows_are_repeated_or_kept() {
        let lab = lab();
        for sql in [
            "SELECT c.id FROM customer c JOIN loose l ON l.a = c.id",
            "SELECT l.a FROM loose l LEFT JOIN customer c ON l.a = c.id",
            "SELECT DISTINCT c.name, l.b FROM customer c JOIN loose l ON l.a = c.id",
            "SELECT c.id FROM customer c JOIN loose l ON l.a > c.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
