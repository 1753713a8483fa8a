//! `SELECT sum(CASE WHEN (SELECT …) > 0 THEN 1 END) FROM t` asks for the subquery's value below the grouping
//!
//! DataFusion makes joins of the subqueries in projections and filters. In the arguments of aggregates and in GROUP BY it leaves
//! them, and then cannot run the plan.
//!
//! ```sql
//! SELECT k, sum((SELECT max(x) FROM u WHERE u.a = t.a)) FROM t GROUP BY k
//! -- becomes
//! SELECT k, sum(s) FROM (SELECT *, (SELECT max(x) FROM u WHERE u.a = t.a) AS s FROM t) GROUP BY k
//! ```
//!
//! This is no rule of the optimizer: what decorrelates has to see the projection from the start.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};

/// Moves the subqueries that groupings of a fresh plan ask for into projections below them.
///
/// # Errors
///
/// If the planner refuses a part of the new plan, which would be a bug.
pub(crate) fn move_subqueries_below_groups(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan
        .transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(aggregate) if has_subquery(&aggregate) => {
                Ok(Transformed::yes(over_projection(aggregate)?))
            }
            plan => Ok(Transformed::no(plan)),
        })?
        .data)
}

fn has_subquery(aggregate: &Aggregate) -> bool {
    let is_subquery = |expr: &Expr| Ok(matches!(expr, Expr::ScalarSubquery(_)));
    let mut expressions = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
    expressions.any(|expr| matches!(expr.exists(is_subquery), Ok(true)))
}

fn over_projection(aggregate: Aggregate) -> Result<LogicalPlan> {
    let names = NamePreserver::new_for_projection();
    let mut asked: Vec<Expr> = Vec::new();
    let mut below = |expr: Expr| -> Result<Expr> {
        let name = names.save(&expr);
        let changed = expr.transform_down(|expr| match expr {
            Expr::ScalarSubquery(_) => {
                let number = asked.iter().position(|other| *other == expr).unwrap_or_else(|| {
                    asked.push(expr);
                    asked.len() - 1
                });
                Ok(Transformed::yes(Expr::Column(Column::from_name(name_of(number)))))
            }
            expr => Ok(Transformed::no(expr)),
        })?;
        Ok(name.restore(changed.data))
    };
    let groups = aggregate.group_expr.into_iter().map(&mut below).collect::<Result<Vec<_>>>()?;
    let aggregates = aggregate.aggr_expr.into_iter().map(&mut below).collect::<Result<Vec<_>>>()?;
    let input = Arc::unwrap_or_clone(aggregate.input);
    let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    columns.extend(asked.into_iter().enumerate().map(|(number, subquery)| subquery.alias(name_of(number))));
    LogicalPlanBuilder::from(input).project(columns)?.aggregate(groups, aggregates)?.build()
}

fn name_of(number: usize) -> String {
    format!("__subquery_{number}")
}
