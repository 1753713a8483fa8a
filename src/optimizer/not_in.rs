//! `WHERE x NOT IN (SELECT y FROM u WHERE u.k = t.k)` → `WHERE NOT EXISTS (SELECT … WHERE u.k = t.k AND (y = x OR y IS NULL OR x IS NULL))`
//!
//! NOT IN is true where no row is equal, and for no row it is unknown. DataFusion has a join for that which asks for NULL in its one key.
//! So it refuses a subquery that refers to the outer query, as that gives a second key; and it has no key to ask for where the left side
//! is a constant: `5 NOT IN (1, NULL)` came out as true. These say in a filter what makes them false or unknown.
//!
//! Only for conditions that are terms of a WHERE or HAVING: there, unknown is as good as false. Elsewhere `sql/rewrite/subqueries.rs` makes
//! values of them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Spans};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

#[derive(Debug, Default)]
pub struct NotIn;

impl OptimizerRule for NotIn {
    fn name(&self) -> &str {
        "not_in"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
        if !filter.predicate.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))? {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        }
        let mut changed = false;
        let mut terms = Vec::new();
        for term in split_conjunction_owned(filter.predicate) {
            terms.push(match negated(&term).filter(|not_in| has_not_one_key(not_in)) {
                Some(not_in) => {
                    changed = true;
                    as_exists(not_in, filter.input.schema())?
                }
                None => term,
            });
        }
        let predicate = conjunction(terms).unwrap_or_else(|| datafusion::logical_expr::lit(true));
        let filter = LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?);
        Ok(if changed { Transformed::yes(filter) } else { Transformed::no(filter) })
    }
}

/// The IN that a term negates.
fn negated(term: &Expr) -> Option<&InSubquery> {
    match term {
        Expr::InSubquery(in_subquery) if in_subquery.negated => Some(in_subquery),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(in_subquery) if !in_subquery.negated => Some(in_subquery),
            _ => None,
        },
        _ => None,
    }
}

fn has_not_one_key(in_subquery: &InSubquery) -> bool {
    let rows = &in_subquery.subquery.subquery;
    match rows.all_out_ref_exprs().is_empty() {
        true => in_subquery.expr.column_refs().is_empty(),
        // A filter over groups that refer to the outer query would be one over other groups.
        false => !is_grouped(rows),
    }
}

fn is_grouped(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.inputs().into_iter().any(is_grouped)
        }
        LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => false,
        _ => true,
    }
}

fn as_exists(not_in: &InSubquery, outer: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, .. } = not_in;
    let value = expr
        .as_ref()
        .clone()
        .transform(|part| match part {
            Expr::Column(column) => {
                let field = Arc::clone(outer.qualified_field_from_column(&column)?.1);
                Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
            }
            other => Ok(Transformed::no(other)),
        })
        .data()?;
    let rows = subquery.subquery.as_ref().clone();
    let Some(given) = rows.schema().columns().into_iter().next().map(Expr::Column) else {
        return Ok(Expr::InSubquery(not_in.clone()));
    };
    let refutes = given.clone().eq(value.clone()).or(given.is_null()).or(value.is_null());
    let plan = LogicalPlanBuilder::from(rows).filter(refutes)?.build()?;
    let outer_ref_columns = plan.all_out_ref_exprs();
    let plan = match outer_ref_columns.is_empty() {
        // One is enough.
        true => LogicalPlanBuilder::from(plan).limit(0, Some(1))?.build()?,
        false => plan,
    };
    let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() };
    Ok(Expr::Exists(Exists { subquery, negated: true }))
}
