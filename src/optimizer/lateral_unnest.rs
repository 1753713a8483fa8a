//! LATERAL over rows that each row makes itself
//!
//! ```sql
//! SELECT t.id, u.x FROM t CROSS JOIN LATERAL (SELECT unnest(t.items) AS x) AS u
//! SELECT id, x FROM (SELECT id, unnest(items) AS x FROM t)
//!
//! SELECT t.id, u.x FROM t LEFT JOIN LATERAL (SELECT unnest(t.items) AS x) AS u ON true
//! SELECT id, x FROM (SELECT id, unnest(items, or NULL if there is none) AS x FROM t)
//! ```
//!
//! DataFusion plans such a join and cannot run it: its decorrelation takes conditions out of the subquery and nothing else. A subquery
//! that reads no table is a function of the row, so it can be computed on the row: its projections, filters and unnest() are put on top of the
//! left side and carry the left columns along. FROM t, unnest(t.items) and Hive's LATERAL VIEW are written as this join.
//!
//! Valid for inner joins, with or without a condition, which is a filter afterwards. For a left join, only without a condition and only
//! if the subquery is one unnest() without a filter: a row whose array is empty or NULL then is given the array `[NULL]`. A
//! right or full join cannot be lateral.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, SubqueryAlias, Unnest,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

use crate::functions::outer_items::outer_items;

#[derive(Debug, Default)]
pub struct LateralUnnest;

impl OptimizerRule for LateralUnnest {
    fn name(&self) -> &str {
        "lateral_unnest"
    }

    /// The left side of a lateral join may be one itself, and its columns are read by the right one.
    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        if !is_computed_on_the_row(join) {
            return Ok(Transformed::no(plan));
        }
        let keeps_all = join.join_type == JoinType::Left;
        let left = Carried::new(join.left.as_ref())?;
        let Some(computed) = left.compute(&join.right, keeps_all)? else { return Ok(Transformed::no(plan)) };
        let right = join.right.schema().columns().into_iter().map(Expr::Column);
        let restored = LogicalPlanBuilder::from(computed).project(left.restored().chain(right))?;
        let restored = match &join.filter {
            Some(filter) => restored.filter(filter.clone())?,
            None => restored,
        };
        Ok(Transformed::yes(restored.build()?))
    }
}

/// Whether the right side of a join is a function of the left side's row.
pub(super) fn is_computed_on_the_row(join: &Join) -> bool {
    let is_kept = match join.join_type {
        JoinType::Inner => true,
        JoinType::Left => is_always(join.filter.as_ref()) && has_one_unnest_only(&join.right),
        _ => false,
    };
    is_kept && join.on.is_empty() && reads_outer_columns(&join.right) && is_of_one_row(&join.right)
}

/// The left side under names that nothing else has, so that the projections of the right side can carry it along.
struct Carried {
    plan: LogicalPlan,
    /// The columns as the query calls them, and as they are called on the way.
    names: Vec<(Column, String)>,
}

impl Carried {
    fn new(left: &LogicalPlan) -> Result<Self> {
        // Left sides of several joins may meet in one schema.
        let depth = left.schema().fields().iter().filter(|field| field.name().starts_with(CARRIED)).count();
        let names: Vec<_> = left
            .schema()
            .columns()
            .into_iter()
            .enumerate()
            .map(|(index, column)| (column, format!("{CARRIED}{depth}_{index}")))
            .collect();
        let renamed = names.iter().map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let plan = LogicalPlanBuilder::from(left.clone()).project(renamed)?.build()?;
        Ok(Carried { plan, names })
    }

    fn columns(&self) -> impl Iterator<Item = Expr> + '_ {
        self.names.iter().map(|(_, name)| Expr::Column(Column::new_unqualified(name)))
    }

    fn restored(&self) -> impl Iterator<Item = Expr> + '_ {
        self.names.iter().map(|(column, name)| {
            Expr::Column(Column::new_unqualified(name)).alias_qualified(column.relation.clone(), column.name.clone())
        })
    }

    /// The right side on top of the left one; its own columns are called as before, behind those that are carried. `None`: it has a
    /// node for which this is not done.
    fn compute(&self, right: &LogicalPlan, keeps_all: bool) -> Result<Option<LogicalPlan>> {
        let plan = match right {
            LogicalPlan::EmptyRelation(_) => self.plan.clone(),
            LogicalPlan::Subquery(Subquery { subquery, .. }) => return self.compute(subquery, keeps_all),
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
                let Some(computed) = self.compute(input, keeps_all)? else { return Ok(None) };
                // By way of another name: DataFusion moves `e.x.f` down to where there are both `e.x` and `x`, and cannot tell them apart.
                let inner = |index: usize| format!("{INNER}{index}");
                let columns = input.schema().columns().into_iter().enumerate();
                let renamed = columns.map(|(index, column)| Expr::Column(column).alias(inner(index)));
                let named = right.schema().columns().into_iter().enumerate().map(|(index, outer)| {
                    Expr::Column(Column::new_unqualified(inner(index))).alias_qualified(Some(alias.clone()), outer.name)
                });
                LogicalPlanBuilder::from(computed)
                    .project(self.columns().chain(renamed))?
                    .project(self.columns().chain(named))?
                    .build()?
            }
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let Some(computed) = self.compute(input, keeps_all)? else { return Ok(None) };
                let exprs = expr.iter().map(|expr| self.with_carried(expr.clone())).collect::<Result<Vec<_>>>()?;
                LogicalPlanBuilder::from(computed).project(self.columns().chain(exprs))?.build()?
            }
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let Some(computed) = self.compute(input, keeps_all)? else { return Ok(None) };
                LogicalPlanBuilder::from(computed).filter(self.with_carried(predicate.clone())?)?.build()?
            }
            LogicalPlan::Unnest(unnest) => {
                let Some(computed) = self.compute(&unnest.input, keeps_all)? else { return Ok(None) };
                self.unnest(unnest, computed, keeps_all)?
            }
            _ => return Ok(None),
        };
        Ok(Some(plan))
    }

    fn unnest(&self, unnest: &Unnest, input: LogicalPlan, keeps_all: bool) -> Result<LogicalPlan> {
        let input = match keeps_all {
            false => input,
            true => {
                let exprs = input.schema().columns().into_iter().map(|column| {
                    match unnest.exec_columns.contains(&column) && is_list(input.schema(), &column) {
                        true => outer_items(Expr::Column(column.clone()))
                            .alias_qualified(column.relation.clone(), column.name.clone()),
                        false => Expr::Column(column),
                    }
                });
                let exprs: Vec<_> = exprs.collect();
                LogicalPlanBuilder::from(input).project(exprs)?.build()?
            }
        };
        LogicalPlanBuilder::from(input)
            .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())?
            .build()
    }

    /// The expression over the columns that are carried.
    fn with_carried(&self, expr: Expr) -> Result<Expr> {
        expr.transform(|expr| match &expr {
            Expr::OuterReferenceColumn(_, outer) => {
                let carried = self.names.iter().find(|(column, _)| column == outer);
                Ok(match carried {
                    Some((_, name)) => Transformed::yes(Expr::Column(Column::new_unqualified(name))),
                    None => Transformed::no(expr),
                })
            }
            _ => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

/// What the names of carried columns begin with.
const CARRIED: &str = "__lateral";
/// And those of the right side's on their way to an alias.
const INNER: &str = "__inner";

fn is_always(filter: Option<&Expr>) -> bool {
    matches!(filter, None | Some(Expr::Literal(ScalarValue::Boolean(Some(true)), _)))
}

fn is_list(schema: &DFSchema, column: &Column) -> bool {
    schema.field_from_column(column).is_ok_and(|field| field.data_type().is_list())
}

fn reads_outer_columns(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_)) || node.contains_outer_reference())).unwrap_or(false)
}

/// Whether the plan computes on the one row of no table, and refers to a query around it for all it reads.
fn is_of_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Subquery(Subquery { subquery, .. }) => is_of_one_row(subquery),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
        | LogicalPlan::Projection(Projection { input, .. })
        | LogicalPlan::Filter(Filter { input, .. })
        | LogicalPlan::Unnest(Unnest { input, .. }) => is_of_one_row(input),
        _ => false,
    }
}

/// Whether rows come and go by one unnest() alone.
fn has_one_unnest_only(plan: &LogicalPlan) -> bool {
    let mut unnests = 0;
    let mut node = plan;
    loop {
        node = match node {
            LogicalPlan::EmptyRelation(_) => return unnests == 1,
            LogicalPlan::Subquery(Subquery { subquery, .. }) => subquery,
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
            | LogicalPlan::Projection(Projection { input, .. }) => input,
            LogicalPlan::Unnest(Unnest { input, .. }) => {
                unnests += 1;
                input
            }
            _ => return false,
        };
    }
}
