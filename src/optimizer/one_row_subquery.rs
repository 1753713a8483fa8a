//! EXISTS and IN over an aggregation without GROUP BY, which has a row for no rows
//!
//! ```sql
//! SELECT * FROM o WHERE EXISTS (SELECT count(*) FROM i WHERE i.o = o.id)
//! SELECT * FROM o WHERE true
//!
//! SELECT * FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.o = o.id HAVING count(*) = 0)
//! SELECT * FROM o WHERE (SELECT count(*) = 0 FROM i WHERE i.o = o.id) IS TRUE
//!
//! SELECT * FROM o WHERE o.n IN (SELECT count(*) FROM i WHERE i.o = o.id)
//! SELECT * FROM o WHERE o.n = (SELECT count(*) FROM i WHERE i.o = o.id)
//!
//! SELECT * FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.o = o.id OFFSET 2)
//! SELECT * FROM o WHERE (SELECT count(*) FROM i WHERE i.o = o.id) > 2
//! ```
//!
//! DataFusion makes a semi or anti join out of such a predicate (`decorrelate_predicate_subquery`): it takes the correlation out
//! of the subquery and groups by its columns. The group of an `o.id` without any `i` is not there then, where the aggregation as it was
//! written has one row, and the OFFSET, which was meant for each row of `o` by itself, is dropped. So rows are lost, or too many. The
//! decorrelation of *scalar* subqueries knows about the row for no rows, so the predicate is written as one. It has to come before
//! `decorrelate_predicate_subquery`.
//!
//! Valid for every subquery that has exactly one row, or exactly one and then a filter (HAVING). Uncorrelated ones DataFusion gets right;
//! they are left as they are, but for the EXISTS that is always true. Where HAVING itself reads the outer query, its
//! columns are read by one scalar subquery each.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Spans};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, FetchType, Filter, LogicalPlan, Projection, SkipType, Sort, Subquery, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::trace::{Change, Clause, Event, SharedTrace};

#[derive(Debug, Default)]
pub struct OneRowSubquery {
    trace: SharedTrace,
}

impl OneRowSubquery {
    pub fn new(trace: SharedTrace) -> Self {
        OneRowSubquery { trace }
    }

    /// The predicate without EXISTS and IN over an aggregation, if it is one; `outer`: where its own columns are.
    fn as_scalar(&self, expr: Expr, outer: &[Arc<DFSchema>]) -> Result<Transformed<Expr>> {
        let rewritten = match &expr {
            Expr::Exists(Exists { subquery, negated }) => {
                let correlated = is_correlated(&subquery.subquery);
                let exists = match rows_of(&subquery.subquery)? {
                    Rows::One => {
                        self.record("an aggregation without GROUP BY has one row, whatever it reads");
                        Some(lit(true))
                    }
                    Rows::OneIf(filter) if correlated => Some(passes(filter, outer)?),
                    Rows::AfterSkipping(plan, skip) if correlated => Some(has_more_rows_than(plan, skip)?),
                    _ => None,
                };
                exists.map(|exists| if *negated { negation(exists) } else { exists })
            }
            Expr::InSubquery(InSubquery { expr: value, subquery, negated }) if is_correlated(&subquery.subquery) => {
                let compared = |plan: LogicalPlan| {
                    let only = scalar(plan);
                    if *negated { value.as_ref().clone().not_eq(only) } else { value.as_ref().clone().eq(only) }
                };
                match rows_of(&subquery.subquery)? {
                    Rows::One => Some(compared(subquery.subquery.as_ref().clone())),
                    Rows::OneIf(filter) => {
                        let compared = compared(without_filter(&subquery.subquery)?);
                        let passes = passes(filter, outer)?;
                        Some(if *negated { negation(passes).or(compared) } else { passes.and(compared) })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(rewritten.map_or_else(|| Transformed::no(expr), Transformed::yes))
    }

    fn record(&self, because: &str) {
        self.trace.record(Event {
            rule: "one_row_subquery",
            change: Change::Clause(Clause::Subquery),
            because: because.to_string(),
            constraints: vec![],
            added_filter: None,
        });
    }
}

impl OptimizerRule for OneRowSubquery {
    fn name(&self) -> &str {
        "one_row_subquery"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        plan.apply_subqueries(|_| {
            found = true;
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Stop)
        })?;
        if !found {
            return Ok(Transformed::no(plan));
        }
        let outer: Vec<Arc<DFSchema>> = plan.inputs().into_iter().map(|input| Arc::clone(input.schema())).collect();
        let names = NamePreserver::new(&plan);
        let rewritten = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            expr.transform_down(|expr| self.as_scalar(expr, &outer))?.map_data(|expr| Ok(name.restore(expr)))
        })?;
        if !rewritten.transformed {
            return Ok(rewritten);
        }
        Ok(Transformed::yes(rewritten.data.recompute_schema()?))
    }
}

/// How many rows a subquery has.
enum Rows<'a> {
    Any,
    /// Exactly one.
    One,
    /// Exactly one, if the filter lets it through.
    OneIf(&'a Filter),
    /// As many as the plan has, but for so many that are skipped; at least one is let through.
    AfterSkipping(&'a Arc<LogicalPlan>, usize),
}

fn rows_of(plan: &LogicalPlan) -> Result<Rows<'_>> {
    match plan {
        LogicalPlan::Projection(node) => rows_of(&node.input),
        LogicalPlan::SubqueryAlias(node) => rows_of(&node.input),
        LogicalPlan::Window(node) => Ok(without_skipping(rows_of(&node.input)?)),
        LogicalPlan::Sort(Sort { fetch, input, .. }) if *fetch != Some(0) => rows_of(input),
        LogicalPlan::Distinct(Distinct::All(input)) => Ok(without_skipping(rows_of(input)?)),
        LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
            (_, FetchType::Literal(Some(0))) => Ok(Rows::Any),
            (SkipType::Literal(0), FetchType::Literal(_)) => Ok(without_skipping(rows_of(&limit.input)?)),
            (SkipType::Literal(skip), FetchType::Literal(_)) => Ok(Rows::AfterSkipping(&limit.input, skip)),
            _ => Ok(Rows::Any),
        },
        LogicalPlan::Filter(filter) => Ok(match rows_of(&filter.input)? {
            Rows::One => Rows::OneIf(filter),
            _ => Rows::Any,
        }),
        LogicalPlan::Aggregate(Aggregate { group_expr, .. }) if group_expr.is_empty() => Ok(Rows::One),
        // What a DISTINCT has become.
        LogicalPlan::Aggregate(Aggregate { group_expr, aggr_expr, input, .. })
            if aggr_expr.is_empty() && !group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) =>
        {
            Ok(without_skipping(rows_of(input)?))
        }
        _ => Ok(Rows::Any),
    }
}

/// Something is above that keeps one row one row, but not a number of rows.
fn without_skipping(rows: Rows<'_>) -> Rows<'_> {
    match rows {
        Rows::AfterSkipping(..) => Rows::Any,
        other => other,
    }
}

fn negation(expr: Expr) -> Expr {
    if expr == lit(true) { lit(false) } else { !expr }
}

fn is_correlated(plan: &LogicalPlan) -> bool {
    !plan.all_out_ref_exprs().is_empty()
}

/// Whether the one row below the filter passes it: never NULL.
fn passes(filter: &Filter, outer: &[Arc<DFSchema>]) -> Result<Expr> {
    if !filter.predicate.contains_outer() {
        return Ok(scalar(projected(filter.predicate.clone().alias("passes"), &filter.input)?).is_true());
    }
    let predicate = filter.predicate.clone().transform_down(|expr| match &expr {
        Expr::Column(_) => Ok(Transformed::yes(scalar(projected(expr, &filter.input)?))),
        // Here the outer query's columns are at hand. One from a query further out stays what it is.
        Expr::OuterReferenceColumn(_, column) if outer.iter().any(|schema| schema.has_column(column)) => {
            Ok(Transformed::yes(Expr::Column(column.clone())))
        }
        _ => Ok(Transformed::no(expr)),
    })?;
    Ok(predicate.data.is_true())
}

/// Whether more than `skip` rows come out of the plan.
fn has_more_rows_than(plan: &Arc<LogicalPlan>, skip: usize) -> Result<Expr> {
    let aggregate = Aggregate::try_new(Arc::clone(plan), vec![], vec![count(lit(1i64))])?;
    let skip = i64::try_from(skip).unwrap_or(i64::MAX);
    Ok(scalar(LogicalPlan::Aggregate(aggregate)).gt(lit(skip)))
}

fn projected(expr: Expr, input: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(vec![expr], Arc::clone(input))?))
}

fn scalar(plan: LogicalPlan) -> Expr {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() })
}

/// The plan without its topmost filter.
fn without_filter(plan: &LogicalPlan) -> Result<LogicalPlan> {
    if let LogicalPlan::Filter(filter) = plan {
        return Ok(filter.input.as_ref().clone());
    }
    let inputs = plan.inputs().into_iter().map(without_filter).collect::<Result<_>>()?;
    plan.with_new_exprs(plan.expressions(), inputs)
}
