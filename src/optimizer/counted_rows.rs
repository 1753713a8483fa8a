//! `a EXCEPT ALL b` and `a INTERSECT ALL b` count how often a row occurs on each side
//!
//! DataFusion plans them as an anti and a semi join on all columns, which only ask whether a row occurs: of three equal
//! rows EXCEPT ALL with one would leave none, and not two. Here equal rows are numbered on both sides, and the join asks
//! for the number too: the third row of its kind meets the third of the other side, or none.
//!
//! ```sql
//! SELECT a FROM t EXCEPT ALL SELECT a FROM u
//! -- becomes
//! SELECT a FROM (SELECT a, row_number() OVER (PARTITION BY a) AS n FROM t)
//!   LEFT ANTI JOIN (SELECT a, row_number() OVER (PARTITION BY a) AS n FROM u) USING (a, n)   -- NULLs are equal
//! ```
//!
//! This is no rule of the optimizer, as it has to see the plan as the planner made it, and once: there a semi or anti join
//! to which NULLs are equal is a set operation, and one without DISTINCT over its left side counts. (Over a left side that is
//! distinct already, counting or not is the same.)

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, NullEquality};
use datafusion::error::Result;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder};

/// The column that numbers equal rows.
const OCCURRENCE: &str = "__occurrence";

/// Makes the set operations with ALL of a fresh plan count.
///
/// # Errors
///
/// If the planner refuses a part of the new plan, which would be a bug.
pub(crate) fn count_equal_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan
        .transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) if only_asks_for_rows(&join) => Ok(Transformed::yes(counted(join)?)),
            plan => Ok(Transformed::no(plan)),
        })?
        .data)
}

fn only_asks_for_rows(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && !is_distinct(&join.left)
        && !is_numbered(&join.left)
}

fn is_distinct(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Distinct(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_distinct(&alias.input),
        _ => false,
    }
}

/// A view has been through here before.
fn is_numbered(plan: &LogicalPlan) -> bool {
    plan.schema().fields().iter().any(|field| field.name() == OCCURRENCE)
}

fn counted(join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let (mut left_keys, mut right_keys): (Vec<Expr>, Vec<Expr>) = join.on.into_iter().unzip();
    let left = numbered(LogicalPlan::clone(&join.left), &left_keys)?;
    let right = numbered(LogicalPlan::clone(&join.right), &right_keys)?;
    left_keys.push(Expr::Column(Column::from_name(OCCURRENCE)));
    right_keys.push(Expr::Column(Column::from_name(OCCURRENCE)));
    let on = left_keys.into_iter().zip(right_keys).collect();
    let joined = Join::try_new(
        left.into(),
        right.into(),
        on,
        join.filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build()
}

/// The rows with the number of each among those that are equal in `keys`.
fn numbered(plan: LogicalPlan, keys: &[Expr]) -> Result<LogicalPlan> {
    let number = Expr::from(WindowFunction::new(row_number_udwf(), Vec::new())).partition_by(keys.to_vec()).build()?;
    let name = number.schema_name().to_string();
    let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(Expr::Column(Column::from_name(name)).alias(OCCURRENCE));
    LogicalPlanBuilder::from(plan).window([number])?.project(columns)?.build()
}
