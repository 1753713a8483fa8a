//! A join with a side that has no rows, or an ON that is never true, finds no partner.
//!
//! Before: `SELECT o.id, e.x FROM o LEFT JOIN e ON …`, where `e` has no rows
//! After: `SELECT o.id, NULL FROM o`
//!
//! INNER and semi joins give no rows, anti joins all, a mark is false, FULL keeps the other side with NULLs. That a side has no rows may be
//! known from the files (a table of empty files), from `WHERE false`, from LIMIT 0. NOT IN over no rows is true even for NULL.
//!
//! Not valid for LEFT if it is the *left* side that is not empty and the right one that is read: its columns become NULL, they do not go.
//! An ON that is never true leaves FULL as it is: both sides have rows.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, join_of};
use super::plans::with_columns;
use super::record::{empty, removed};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::Because;

#[derive(Debug)]
pub struct EmptySide;

impl PruneRule for EmptySide {
    fn name(&self) -> &'static str {
        "empty_side"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            let Some((sentence, because, is_empty)) = finds_nothing(&candidate) else { continue };
            let result = match candidate.kind() {
                JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => empty(join),
                // The side that may go is the one that is kept, and it has no rows.
                JoinType::Right | JoinType::RightAnti | JoinType::RightMark if is_empty => empty(join),
                JoinType::Left => with_nulls(&candidate)?,
                JoinType::Full if is_empty => with_nulls(&candidate)?,
                // NOT IN over no rows is true, over rows that it never compares it is not.
                JoinType::LeftAnti if is_empty || !join.null_aware => candidate.stays.as_ref().clone(),
                JoinType::LeftMark => {
                    let mark = candidate.stays.schema().fields().len();
                    let computed = HashMap::from([(mark, datafusion::logical_expr::lit(false))]);
                    with_columns(candidate.stays.as_ref().clone(), &join.schema, &computed)?
                }
                _ => continue,
            };
            removed(context, self.name(), &candidate, sentence, because, &[]);
            return Ok(Some(result));
        }
        Ok(None)
    }
}

/// Why no row finds a partner, and whether that is since the side has no rows.
fn finds_nothing(candidate: &Candidate<'_>) -> Option<(String, Because, bool)> {
    let rows = &candidate.gone_facts.rows;
    if rows.most == Some(0) {
        return Some((format!("{} has no rows", candidate.gone_name()), rows.most_because.clone(), true));
    }
    let never =
        |term: &Expr| matches!(term, Expr::Literal(ScalarValue::Boolean(Some(false) | None) | ScalarValue::Null, _));
    candidate.rest.iter().any(never).then(|| ("ON is never true".to_owned(), vec![], false))
}

/// The side that stays, and NULL for the columns of the other.
fn with_nulls(candidate: &Candidate<'_>) -> Result<LogicalPlan> {
    let mut computed = HashMap::new();
    for (position, field) in candidate.gone.schema().fields().iter().enumerate() {
        let null = Expr::Literal(ScalarValue::try_from(field.data_type())?, None);
        computed.insert(candidate.position_in_join(position), null);
    }
    with_columns(candidate.stays.as_ref().clone(), &candidate.join.schema, &computed)
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves};
    use crate::optimizer::testing::lab;

    const RULE: &str = "empty_side";

    #[test]
    fn no_rows_no_partner() {
        let lab = lab().with_file_facts();
        for (sql, left) in [
            ("SELECT o.id, v.a FROM orders o LEFT JOIN void v ON o.id = v.id", "orders"),
            ("SELECT o.id, v.a FROM void v RIGHT JOIN orders o ON o.id = v.id", "orders"),
            ("SELECT o.id, v.a FROM orders o FULL JOIN void v ON o.id = v.id", "orders"),
            ("SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM void v WHERE o.id = v.id)", "orders"),
            ("SELECT o.id FROM orders o WHERE o.referrer_id NOT IN (SELECT id FROM void)", "orders"),
            ("SELECT o.id FROM orders o WHERE o.amount > 60 OR o.id IN (SELECT id FROM void)", "orders"),
            ("SELECT o.id, v.a FROM orders o JOIN void v ON o.id = v.id", "the subquery"),
            ("SELECT o.id FROM orders o WHERE o.id IN (SELECT id FROM void)", "the subquery"),
            ("SELECT o.id, v.a FROM void v LEFT JOIN orders o ON o.id = v.id", "the subquery"),
        ] {
            fires(&lab, RULE, sql, left);
        }
    }

    #[test]
    fn on_that_is_never_true() {
        let lab = lab();
        leaves(&lab, "SELECT o.id FROM orders o JOIN customer c ON false", "the subquery");
        leaves(&lab, "SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON false", "orders");
        leaves(&lab, "SELECT o.id, c.name FROM orders o FULL JOIN customer c ON false", "orders and customer");
    }
}
