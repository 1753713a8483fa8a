//! What the join rules write into the trace, and the one way in which they put a join's replacement together.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{EmptyRelation, Expr, Join, JoinType, LogicalPlan};

use super::Context;
use super::conditions::{Candidate, Proof, distinct};
use super::expressions::sql;
use super::plans::{filtered, tables, with_columns};
use crate::optimizer::facts::Because;
use crate::optimizer::trace::{Change, Event};

/// The join went, and with it the side that could go.
pub fn removed(
    context: &Context<'_>,
    rule: &'static str,
    candidate: &Candidate<'_>,
    because: String,
    constraints: Because,
    filters: &[Expr],
) {
    context.trace.record(Event {
        rule,
        change: Change::JoinRemoved { join: candidate.join.join_type, tables: tables(candidate.gone) },
        because,
        constraints: distinct(constraints),
        added_filter: conjunction(filters.iter().cloned()).map(|filter| sql(&filter)),
    });
}

/// The join became another kind of join, on account of the tables of `plan`.
pub fn changed(
    context: &Context<'_>,
    rule: &'static str,
    (from, to): (JoinType, JoinType),
    plan: &LogicalPlan,
    because: String,
    constraints: Because,
) {
    context.trace.record(Event {
        rule,
        change: Change::JoinChanged { from, to, tables: tables(plan) },
        because,
        constraints: distinct(constraints),
        added_filter: None,
    });
}

/// The side that stays, filtered, with what is read in place of columns of the side that went, under the names of the join.
pub fn without(candidate: &Candidate<'_>, proof: Proof) -> Result<LogicalPlan> {
    let plan = filtered(Arc::clone(candidate.stays), proof.filters)?;
    if proof.replaced.is_empty() {
        return Ok(plan);
    }
    let computed =
        proof.replaced.into_iter().map(|(column, with)| (candidate.position_in_join(column), with)).collect();
    with_columns(plan, &candidate.join.schema, &computed)
}

/// A semi, anti or mark join whose test is exactly `conditions`: they become a filter, or the mark. `None`: the join is of another kind.
pub fn answered(candidate: &Candidate<'_>, conditions: Vec<Expr>) -> Result<Option<LogicalPlan>> {
    let stays = Arc::clone(candidate.stays);
    match candidate.kind() {
        JoinType::LeftSemi => filtered(stays, conditions).map(Some),
        JoinType::LeftAnti => match conjunction(conditions) {
            Some(condition) => filtered(stays, vec![not_true(condition)]).map(Some),
            None => Ok(Some(empty(candidate.join))),
        },
        JoinType::LeftMark => {
            let mark = match conjunction(conditions) {
                Some(condition) => is_true(condition),
                None => datafusion::logical_expr::lit(true),
            };
            let position = stays.schema().fields().len();
            let computed = HashMap::from([(position, mark)]);
            with_columns(Arc::unwrap_or_clone(stays), &candidate.join.schema, &computed).map(Some)
        }
        _ => Ok(None),
    }
}

/// The condition where it is used as a value: NULL is false.
fn is_true(condition: Expr) -> Expr {
    match condition {
        Expr::IsNotNull(_) => condition,
        _ => Expr::IsTrue(Box::new(condition)),
    }
}

fn not_true(condition: Expr) -> Expr {
    match condition {
        Expr::IsNotNull(inner) => Expr::IsNull(inner),
        _ => Expr::IsNotTrue(Box::new(condition)),
    }
}

/// No rows, under the join's schema.
pub fn empty(join: &Join) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::clone(&join.schema) })
}
