//! What a subquery reads of its outer query, and whether DataFusion makes a join of it

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, Subquery};
use datafusion::optimizer::decorrelate::PullUpCorrelatedExpr;

use crate::optimizer::nullable_subqueries::always_has_a_row;

/// Which subqueries are made joins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The ones for which DataFusion cannot.
    Others,
    /// All, within a subquery that gets combinations itself: DataFusion does not see these.
    All,
}

/// What is asked of a subquery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Value,
    Exists,
    In,
    NotIn,
}

pub(super) fn subquery_of(expr: &Expr) -> Option<(&Subquery, Form)> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some((subquery, Form::Value)),
        Expr::Exists(Exists { subquery, .. }) => Some((subquery, Form::Exists)),
        Expr::InSubquery(InSubquery { subquery, negated: false, .. }) => Some((subquery, Form::In)),
        Expr::InSubquery(InSubquery { subquery, negated: true, .. }) => Some((subquery, Form::NotIn)),
        _ => None,
    }
}

/// Whether a subquery of an outer query with this schema is made a join here.
pub(super) fn is_ours(subquery: &Subquery, form: Form, schema: &DFSchema, which: Which) -> Result<bool> {
    let read = outer_columns(&subquery.subquery)?;
    let is_known_here = read.iter().all(|column| schema.has_column(column));
    Ok(!read.is_empty() && (which == Which::All || !is_known_here || !pulls_up(&subquery.subquery, form)?))
}

/// Whether DataFusion makes a join of a subquery, and the right one.
fn pulls_up(plan: &LogicalPlan, form: Form) -> Result<bool> {
    let mut rules = match form {
        Form::Value => PullUpCorrelatedExpr::new().with_need_handle_count_bug(true),
        Form::Exists | Form::In => PullUpCorrelatedExpr::new().with_exists_sub_query(true),
        // A NULL that it meets would count for every outer row.
        Form::NotIn => return Ok(false),
    };
    if form == Form::Value {
        let is_one_row = plan.max_rows().is_some_and(|rows| rows <= 1);
        // It takes a column that is never NULL for a value that is never NULL.
        let may_be_null = plan.schema().fields().first().is_some_and(|field| field.is_nullable());
        if !is_one_row || !(may_be_null || always_has_a_row(plan)) {
            return Ok(false);
        }
    }
    let is_known = commutes(plan, form, true)? && !reads_within_from(plan)? && !reads_from_deeper(plan)?;
    // An error in there is one of DataFusion's rule, which is not asked again then.
    Ok(is_known && !has_correlated(plan)? && plan.clone().rewrite(&mut rules).is_ok() && rules.can_pull_up)
}

/// Whether conditions on outer columns mean the same above the plan as where they stand. DataFusion takes them out of the right side of a
/// left join and of what is below a window, and does not look. `is_top`: so far only its order and its columns were made of what is below.
fn commutes(plan: &LogicalPlan, form: Form, is_top: bool) -> Result<bool> {
    if outer_columns(plan)?.is_empty() {
        return Ok(true);
    }
    match plan {
        LogicalPlan::Projection(projection) => commutes(&projection.input, form, is_top),
        LogicalPlan::Sort(sort) => commutes(&sort.input, form, is_top),
        LogicalPlan::SubqueryAlias(alias) => commutes(&alias.input, form, false),
        // It gives the column of IN a second time then.
        LogicalPlan::Filter(filter)
            if form == Form::In
                && filter.predicate.contains_outer()
                && matches!(filter.input.as_ref(), LogicalPlan::Aggregate(_)) =>
        {
            Ok(false)
        }
        LogicalPlan::Filter(filter) => commutes(&filter.input, form, false),
        LogicalPlan::Distinct(Distinct::All(input)) => commutes(input, form, false),
        LogicalPlan::Aggregate(aggregate) => commutes(&aggregate.input, form, false),
        LogicalPlan::Limit(limit) => Ok(form == Form::Exists && is_top && commutes(&limit.input, form, true)?),
        LogicalPlan::Join(join) if !has_lateral(&join.right) => {
            let (may_left, may_right) = match join.join_type {
                JoinType::Inner => (true, true),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
                JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
                JoinType::Full => (false, false),
            };
            let side = |side: &LogicalPlan, may: bool| match may {
                true => commutes(side, form, false),
                false => Ok(outer_columns(side)?.is_empty()),
            };
            Ok(side(&join.left, may_left)? && side(&join.right, may_right)?)
        }
        _ => Ok(false),
    }
}

/// Whether a subquery within the subquery is correlated itself: DataFusion moves columns from under it.
fn has_correlated(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Some((subquery, _)) = subquery_of(expr) {
                    found |= !outer_columns(&subquery.subquery)?.is_empty();
                }
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(found)
}

/// Whether a subquery within the subquery reads the outer query. DataFusion looks for its columns one level further out only.
fn reads_from_deeper(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        let mut columns = Vec::new();
        add_columns_of_subqueries(node, &mut columns)?;
        found |= !columns.is_empty();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether a subquery in FROM reads the outer query. DataFusion loses the way to its columns.
fn reads_within_from(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        if let LogicalPlan::SubqueryAlias(alias) = node {
            found |= !outer_columns(&alias.input)?.is_empty();
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

pub(super) fn pulls_up_lateral(right: &LogicalPlan) -> Result<bool> {
    let plan = match right {
        LogicalPlan::SubqueryAlias(alias) => alias.input.as_ref(),
        other => other,
    };
    let LogicalPlan::Subquery(subquery) = plan else { return Ok(false) };
    let mut rules = PullUpCorrelatedExpr::new().with_need_handle_count_bug(true);
    let is_rewritten = subquery.subquery.as_ref().clone().rewrite(&mut rules).is_ok();
    let is_pulled_up = is_rewritten && rules.can_pull_up && rules.pull_up_having_expr.is_none();
    let plan = subquery.subquery.as_ref();
    Ok(is_pulled_up && commutes(plan, Form::In, true)? && !reads_from_deeper(plan)? && !has_correlated(plan)?)
}

/// The columns of outer queries that a plan reads, also in subqueries of its own, in the order in which they occur.
pub(super) fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    add_outer_columns(plan, &mut columns)?;
    Ok(columns)
}

fn add_outer_columns(plan: &LogicalPlan, columns: &mut Vec<Column>) -> Result<()> {
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            if let Expr::OuterReferenceColumn(_, column) = expr {
                columns.push(column.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    add_columns_of_subqueries(plan, columns)?;
    match plan {
        // What is on the right has just been added.
        LogicalPlan::Join(join) if has_lateral(&join.right) => add_outer_columns(&join.left, columns)?,
        _ => plan.inputs().into_iter().try_for_each(|input| add_outer_columns(input, columns))?,
    }
    let mut seen = HashSet::new();
    columns.retain(|column| seen.insert(column.clone()));
    Ok(())
}

/// The columns that the subqueries of a node read, and that are not the node's own.
pub(super) fn add_columns_of_subqueries(node: &LogicalPlan, columns: &mut Vec<Column>) -> Result<()> {
    let mut add = |subquery: &LogicalPlan, own: &[&LogicalPlan]| {
        let read = outer_columns(subquery)?.into_iter();
        columns.extend(read.filter(|column| !own.iter().any(|input| input.schema().has_column(column))));
        Ok::<(), DataFusionError>(())
    };
    let inputs = node.inputs();
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            match expr {
                Expr::SetComparison(SetComparison { subquery, .. }) => add(&subquery.subquery, &inputs)?,
                _ => {
                    if let Some((subquery, _)) = subquery_of(expr) {
                        add(&subquery.subquery, &inputs)?;
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match node {
        LogicalPlan::Join(join) if has_lateral(&join.right) => add(&join.right, &[&join.left]),
        _ => Ok(()),
    }
}

pub(super) fn reads_only(plan: &LogicalPlan, schema: &DFSchema) -> Result<bool> {
    Ok(outer_columns(plan)?.iter().all(|column| schema.has_column(column)))
}

/// Whether a join's right side is a LATERAL.
pub(super) fn has_lateral(right: &LogicalPlan) -> bool {
    match right {
        LogicalPlan::SubqueryAlias(alias) => has_lateral(&alias.input),
        LogicalPlan::Projection(projection) => has_lateral(&projection.input),
        other => matches!(other, LogicalPlan::Subquery(_)),
    }
}

/// `NOT (a IN (…))` as `a NOT IN (…)`: where it is unknown, both are, but what is asked of the rows is another thing.
pub(super) fn with_not_in(expr: Expr) -> Result<Expr> {
    let changed = expr.transform_down(|expr| match expr {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(within) => {
                let negated = !within.negated;
                Ok(Transformed::yes(Expr::InSubquery(InSubquery { negated, ..within })))
            }
            other => Ok(Transformed::no(Expr::Not(Box::new(other)))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(changed.data)
}

/// IN (SELECT …) of a value that is a subquery itself: DataFusion makes a join of one of the two only.
pub(super) fn asks_twice(expr: &Expr) -> bool {
    matches!(expr, Expr::InSubquery(within) if has_subquery(&within.expr))
}

pub(super) fn has_subquery(expr: &Expr) -> bool {
    matches!(expr.exists(|expr| Ok(subquery_of(expr).is_some())), Ok(true))
}
