//! `WHERE 5 NOT IN (SELECT y FROM u)` → `WHERE NOT EXISTS (SELECT y FROM u WHERE y = 5 OR y IS NULL OR 5 IS NULL LIMIT 1)`
//!
//! NOT IN is true where no row is equal, and for no row it is unknown. DataFusion has a join for that which asks for NULL in its one key.
//! It has no key to ask for where the left side is a constant: `5 NOT IN (1, NULL)` came out as true. This says in a filter what makes it
//! false or unknown. (A NOT IN that refers to the outer query has become a join before: `dependent_joins`.)
//!
//! Only for conditions that are terms of a WHERE or HAVING: there, unknown is as good as false. Elsewhere `sql/rewrite/subqueries.rs` makes
//! values of them.

use std::sync::Arc;

use datafusion::common::Spans;
use datafusion::common::tree_node::{Transformed, TreeNode};
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
            terms.push(match negated(&term).filter(|not_in| has_no_key(not_in)) {
                Some(not_in) => {
                    changed = true;
                    as_exists(not_in)?
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

fn has_no_key(in_subquery: &InSubquery) -> bool {
    let rows = &in_subquery.subquery.subquery;
    in_subquery.expr.column_refs().is_empty() && rows.all_out_ref_exprs().is_empty()
}

fn as_exists(not_in: &InSubquery) -> Result<Expr> {
    let value = not_in.expr.as_ref().clone();
    let rows = not_in.subquery.subquery.as_ref().clone();
    let Some(given) = rows.schema().columns().into_iter().next().map(Expr::Column) else {
        return Ok(Expr::InSubquery(not_in.clone()));
    };
    let refutes = given.clone().eq(value.clone()).or(given.is_null()).or(value.is_null());
    // One is enough.
    let plan = LogicalPlanBuilder::from(rows).filter(refutes)?.limit(0, Some(1))?.build()?;
    let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns: Vec::new(), spans: Spans::new() };
    Ok(Expr::Exists(Exists { subquery, negated: true }))
}
