//! A DISTINCT below something that sees no duplicates anyway
//!
//! ```sql
//! SELECT * FROM o WHERE o.c IN (SELECT DISTINCT s.c FROM s)
//! SELECT * FROM o WHERE o.c IN (SELECT          s.c FROM s)
//! ```
//!
//! Safe always on the side of a semi, anti or mark join that is only looked into (IN, EXISTS, and their negations), and directly
//! below another DISTINCT: whether a row is there is all that counts. The DISTINCT is looked for through projections, filters and
//! UNION ALL, but not through joins: there it would be right as well, yet it may be what keeps the join small.
//!
//! Not safe, and so not looked through: LIMIT (`IN (SELECT DISTINCT x … LIMIT 3)` names three values), windows, aggregates that
//! count, volatile functions (`random()` would be drawn more often), and DISTINCT ON, which picks rows.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Join, LogicalPlan};

use super::exprs::{groups_plainly, project_as};
use super::{Context, Needs, PruneRule, is_volatile};
use crate::optimizer::joins::with_inputs;
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct UnseenDistinct;

impl PruneRule for UnseenDistinct {
    fn name(&self) -> &'static str {
        "unseen_distinct"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let (rewritten, because) = match plan {
            LogicalPlan::Join(join) => (in_join(join)?, "only whether a row is there matters to IN and EXISTS"),
            LogicalPlan::Distinct(Distinct::All(input)) => (
                without_distinct(input)?.map(|input| plan.with_new_exprs(vec![], vec![input])).transpose()?,
                "the rows are made distinct once more above",
            ),
            LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.is_empty() && groups_plainly(aggregate) => {
                if aggregate.group_expr.iter().any(is_volatile) {
                    return Ok(None);
                }
                let rewritten = without_distinct(&aggregate.input)?
                    .map(|input| plan.with_new_exprs(plan.expressions(), vec![input]))
                    .transpose()?;
                (rewritten, "the rows are made distinct once more above")
            }
            _ => return Ok(None),
        };
        if rewritten.is_some() {
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::Distinct),
                because: because.to_string(),
                constraints: vec![],
                added_filter: None,
            });
        }
        Ok(rewritten)
    }
}

fn in_join(join: &Join) -> Result<Option<LogicalPlan>> {
    if join.filter.as_ref().is_some_and(is_volatile) {
        return Ok(None);
    }
    let (left, right) = match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (None, without_distinct(&join.right)?),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (without_distinct(&join.left)?, None),
        _ => return Ok(None),
    };
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    Ok(Some(LogicalPlan::Join(with_inputs(
        join,
        left.map_or_else(|| Arc::clone(&join.left), Arc::new),
        right.map_or_else(|| Arc::clone(&join.right), Arc::new),
    )?)))
}

/// The plan without the DISTINCTs at its top, if there is one. The rows are the same but for how often they occur.
fn without_distinct(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Distinct(Distinct::All(input)) => {
            Ok(Some(without_distinct(input)?.unwrap_or_else(|| input.as_ref().clone())))
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.is_empty() && groups_plainly(aggregate) => {
            if aggregate.group_expr.iter().any(is_volatile) {
                return Ok(None);
            }
            let input = without_distinct(&aggregate.input)?.map_or_else(|| Arc::clone(&aggregate.input), Arc::new);
            project_as(&aggregate.group_expr, &aggregate.schema, &input).map(Some)
        }
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Union(_) => {
            if plan.expressions().iter().any(is_volatile) {
                return Ok(None);
            }
            let rewritten: Vec<Option<LogicalPlan>> =
                plan.inputs().into_iter().map(without_distinct).collect::<Result<_>>()?;
            if rewritten.iter().all(Option::is_none) {
                return Ok(None);
            }
            let inputs = plan
                .inputs()
                .into_iter()
                .zip(rewritten)
                .map(|(input, rewritten)| rewritten.unwrap_or_else(|| input.clone()))
                .collect();
            plan.with_new_exprs(plan.expressions(), inputs).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "unseen_distinct";

    #[test]
    fn in_and_exists_see_no_duplicates() {
        let lab = lab();
        fires(&lab, RULE, "SELECT id FROM customer WHERE id IN (SELECT DISTINCT referrer_id FROM orders)");
        fires(&lab, RULE, "SELECT id FROM customer WHERE id NOT IN (SELECT DISTINCT referrer_id FROM orders)");
        fires(
            &lab,
            RULE,
            "SELECT id FROM customer c WHERE NOT EXISTS (SELECT DISTINCT note FROM orders o WHERE o.customer_id = c.id)",
        );
        fires(&lab, RULE, "SELECT id FROM customer WHERE vip OR id IN (SELECT DISTINCT referrer_id FROM orders)");
        fires(
            &lab,
            RULE,
            "SELECT id FROM customer WHERE id IN (SELECT r + 0 FROM (SELECT DISTINCT referrer_id AS r FROM orders) WHERE r > 1)",
        );
    }

    #[test]
    fn a_distinct_sees_no_duplicates() {
        let lab = lab();
        fires(&lab, RULE, "SELECT DISTINCT a + 1 FROM (SELECT DISTINCT a, b FROM loose)");
    }

    #[test]
    fn others_see_them() {
        let lab = lab();
        stays(&lab, RULE, "SELECT count(*) FROM (SELECT DISTINCT a FROM loose)");
        stays(&lab, RULE, "SELECT c.id, r.a FROM customer c LEFT JOIN (SELECT DISTINCT a FROM loose) r ON c.id = r.a");
        stays(&lab, RULE, "SELECT a FROM loose UNION ALL SELECT DISTINCT b FROM loose");
    }

    #[test]
    fn limits_and_counts_between_see_them() {
        let lab = lab();
        stays(
            &lab,
            RULE,
            "SELECT id FROM customer WHERE id IN (SELECT a FROM (SELECT DISTINCT a FROM loose ORDER BY a LIMIT 2))",
        );
        stays(
            &lab,
            RULE,
            "SELECT id FROM customer WHERE id IN (SELECT count(*) FROM (SELECT DISTINCT a, b FROM loose) GROUP BY a)",
        );
        stays(&lab, RULE, "SELECT id FROM customer WHERE id IN (SELECT a FROM loose GROUP BY a HAVING count(*) > 1)");
    }
}
