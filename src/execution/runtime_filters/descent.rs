//! How far down the plan a condition on one column may go.
//!
//! It may go to an operator's input if the operator gives the same rows, without those that do not meet it, when its input
//! lacks the rows that do not meet it. Columns are known by their places: names can be those of others.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use super::Wanted;

/// What is wanted of an operator's rows, as far as it can be wanted of the rows of each of its inputs.
pub(super) fn through(plan: &Arc<dyn ExecutionPlan>, wanted: Vec<Wanted>) -> Vec<Vec<Wanted>> {
    let mut inputs = vec![Vec::new(); plan.children().len()];
    // With a bound on its rows, other rows would come in the place of those that are missing.
    if plan.fetch().is_some() {
        return inputs;
    }
    for wanted in wanted {
        for (input, column) in sources(plan, wanted.column) {
            if let Some(input) = inputs.get_mut(input) {
                let is_next = wanted.is_next && !copies_rows(plan);
                input.push(Wanted { column, is_next, ..wanted.clone() });
            }
        }
    }
    inputs
}

/// A row that ends below it saves more than being looked up.
fn copies_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let repartition = plan.downcast_ref::<RepartitionExec>();
    let splits = repartition.is_some_and(|repartition| matches!(repartition.partitioning(), Partitioning::Hash(..)));
    splits || plan.children().len() > 1 || plan.downcast_ref::<AggregateExec>().is_some()
}

/// The columns of inputs, each with the place of its input, of one of which a row's value in a column of the output is. A condition on the
/// one may be put on these; there are none if it may not.
fn sources(plan: &Arc<dyn ExecutionPlan>, column: usize) -> Vec<(usize, usize)> {
    let one = |column: Option<usize>| column.map(|column| (0, column)).into_iter().collect();
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        one(filtered_column(filter, column))
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        one(projection.expr().get(column).and_then(|named| place(&named.expr)))
    } else if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        one(grouped_by(aggregate, column))
    } else if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        side(join, column).into_iter().collect()
    } else if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
        vec![of_either(column, join.left().schema().fields().len())]
    } else if plan.downcast_ref::<UnionExec>().is_some() || plan.downcast_ref::<InterleaveExec>().is_some() {
        (0..plan.children().len()).map(|input| (input, column)).collect()
    } else if gives_its_input(plan) {
        one(Some(column))
    } else {
        Vec::new()
    }
}

/// The column of a filter's input that becomes this one of its output.
pub(in crate::execution) fn filtered_column(filter: &FilterExec, column: usize) -> Option<usize> {
    match filter.projection().as_ref() {
        Some(kept) => kept.get(column).copied(),
        None => Some(column),
    }
}

fn place(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

/// All rows of its input, in whatever order and partitions.
fn gives_its_input(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<RepartitionExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
        || plan.downcast_ref::<CooperativeExec>().is_some()
        || plan.downcast_ref::<SortExec>().is_some()
        || plan.downcast_ref::<SortPreservingMergeExec>().is_some()
}

/// A group has all rows with its key, or none is there. A grouping set lacks some of the keys, and a bound counts groups.
fn grouped_by(aggregate: &AggregateExec, column: usize) -> Option<usize> {
    let groups = aggregate.group_expr();
    if !groups.is_single() || aggregate.limit_options().is_some() {
        return None;
    }
    groups.expr().get(column).and_then(|(expr, _)| place(expr))
}

/// The side of a join, if its rows are those of the output, or not there.
fn side(join: &HashJoinExec, column: usize) -> Option<(usize, usize)> {
    let column = match join.projection.as_ref() {
        Some(projection) => *projection.get(column)?,
        None => column,
    };
    let (left, right) = (join.left().schema().fields().len(), join.right().schema().fields().len());
    match join.join_type() {
        JoinType::Inner => Some(of_either(column, left)),
        JoinType::Left => (column < left).then_some((0, column)),
        JoinType::Right => (column >= left).then(|| (1, column - left)),
        // NULLs in the place of rows that are missing would be rows.
        JoinType::Full => None,
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (column < left).then_some((0, column)),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (column < right).then_some((1, column)),
    }
}

fn of_either(column: usize, left: usize) -> (usize, usize) {
    if column < left { (0, column) } else { (1, column - left) }
}
