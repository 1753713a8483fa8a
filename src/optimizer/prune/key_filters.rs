//! Filters on the parent's side of a foreign-key join that read nothing but its key: they say as much about the child's foreign key, so
//! they may move there, and the parent is complete without them.
//!
//! `o JOIN (SELECT * FROM c WHERE c.id > 3) c ON o.cid = c.id` is `o JOIN c ON o.cid = c.id WHERE o.cid > 3`.
//!
//! A filter is only pulled up through nodes that it commutes with: projections, aliases, sorts without a row limit, other filters,
//! and the side of a join whose rows that join does not extend with NULLs. Not through LIMIT, aggregates or windows, which would see
//! other rows without it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan};

use super::expressions::{can_be_moved, conjuncts, plain_column, substitute};
use super::plans::filtered;
use crate::optimizer::joins::with_inputs;

/// The plan without its filters on key columns, and those filters in terms of `key`'s expressions.
pub struct Stripped {
    pub plan: Arc<LogicalPlan>,
    pub moved: Vec<Expr>,
}

/// `key`: columns of the plan's output by position, with what may be read in their place.
pub fn strip(plan: &Arc<LogicalPlan>, key: &HashMap<usize, Expr>) -> Result<Stripped> {
    let unchanged = || Stripped { plan: Arc::clone(plan), moved: vec![] };
    if key.is_empty() {
        return Ok(unchanged());
    }
    match plan.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => below(plan, &alias.input, key),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => below(plan, &sort.input, key),
        LogicalPlan::Projection(projection) => {
            let schema = projection.input.schema();
            let mut inner = HashMap::new();
            for (position, with) in key {
                if let Some(column) = projection.expr.get(*position).and_then(plain_column)
                    && let Some(position) = schema.maybe_index_of_column(column)
                {
                    inner.insert(position, with.clone());
                }
            }
            below(plan, &projection.input, &inner)
        }
        LogicalPlan::Filter(filter) => {
            let (mut moved, stay) = divide(conjuncts(Some(&filter.predicate)), &by_name(filter.input.schema(), key))?;
            let input = strip(&filter.input, key)?;
            if moved.is_empty() && input.moved.is_empty() {
                return Ok(unchanged());
            }
            moved.extend(input.moved);
            Ok(Stripped { plan: Arc::new(filtered(input.plan, stay)?), moved })
        }
        LogicalPlan::Join(join) => strip_join(plan, join, key),
        LogicalPlan::TableScan(scan) if scan.fetch.is_none() && !scan.filters.is_empty() => {
            // Filters that were pushed into a scan name its columns with or without the table.
            let mut columns = HashMap::new();
            for (position, with) in key {
                let column = Column::from(scan.projected_schema.qualified_field(*position));
                columns.insert(Column::new_unqualified(column.name.clone()), with.clone());
                columns.insert(column, with.clone());
            }
            let (moved, stay) = divide(scan.filters.clone(), &columns)?;
            if moved.is_empty() {
                return Ok(unchanged());
            }
            let mut scan = scan.clone();
            scan.filters = stay;
            Ok(Stripped { plan: Arc::new(LogicalPlan::TableScan(scan)), moved })
        }
        _ => Ok(unchanged()),
    }
}

fn below(plan: &Arc<LogicalPlan>, input: &Arc<LogicalPlan>, key: &HashMap<usize, Expr>) -> Result<Stripped> {
    let input = strip(input, key)?;
    if input.moved.is_empty() {
        return Ok(Stripped { plan: Arc::clone(plan), moved: vec![] });
    }
    let plan = plan.with_new_exprs(plan.expressions(), vec![Arc::unwrap_or_clone(input.plan)])?;
    Ok(Stripped { plan: Arc::new(plan), moved: input.moved })
}

fn strip_join(plan: &Arc<LogicalPlan>, join: &Join, key: &HashMap<usize, Expr>) -> Result<Stripped> {
    let left_columns = join.left.schema().fields().len();
    let (from_left, from_right) = match join.join_type {
        JoinType::Inner => (true, true),
        JoinType::Left | JoinType::LeftSemi => (true, false),
        JoinType::LeftAnti => (!join.null_aware, false),
        JoinType::Right => (false, true),
        _ => (false, false),
    };
    let (mut left, mut right) = (HashMap::new(), HashMap::new());
    for (position, with) in key {
        if *position < left_columns {
            left.insert(*position, with.clone());
        } else {
            right.insert(*position - left_columns, with.clone());
        }
    }
    let nothing = |side: &Arc<LogicalPlan>| Stripped { plan: Arc::clone(side), moved: vec![] };
    let left = if from_left { strip(&join.left, &left)? } else { nothing(&join.left) };
    let right = if from_right { strip(&join.right, &right)? } else { nothing(&join.right) };
    if left.moved.is_empty() && right.moved.is_empty() {
        return Ok(nothing(plan));
    }
    let join = with_inputs(join, left.plan, right.plan)?;
    let moved = left.moved.into_iter().chain(right.moved).collect();
    Ok(Stripped { plan: Arc::new(LogicalPlan::Join(join)), moved })
}

/// Terms that read key columns only, rewritten, and the others.
pub fn divide(terms: Vec<Expr>, key: &HashMap<Column, Expr>) -> Result<(Vec<Expr>, Vec<Expr>)> {
    let (mut moved, mut stay) = (vec![], vec![]);
    for term in terms {
        let columns = term.column_refs();
        if !columns.is_empty() && columns.iter().all(|column| key.contains_key(*column)) && can_be_moved(&term) {
            moved.push(substitute(term, key)?);
        } else {
            stay.push(term);
        }
    }
    Ok((moved, stay))
}

/// Columns by their names instead of their positions.
pub fn by_name(schema: &DFSchema, key: &HashMap<usize, Expr>) -> HashMap<Column, Expr> {
    key.iter().map(|(position, with)| (Column::from(schema.qualified_field(*position)), with.clone())).collect()
}

/// The first filter of a plan that is not on `key` alone, for a message.
pub fn remaining_filter(plan: &LogicalPlan) -> Option<Expr> {
    match plan {
        LogicalPlan::Filter(Filter { predicate, .. }) => Some(predicate.clone()),
        LogicalPlan::TableScan(scan) => scan.filters.first().cloned(),
        _ => plan.inputs().into_iter().find_map(remaining_filter),
    }
}
