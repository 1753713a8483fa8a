//! `SELECT (SELECT v FROM (VALUES (1)) t(v) WHERE v > 1)` is NULL
//!
//! A scalar subquery without a row is NULL, whatever its column is. DataFusion takes the column's own nullability for the
//! subquery's, and fails at run time when the NULL comes. The column goes through a function whose result may be NULL.
//!
//! Before: `(subquery: Projection v ← …)`, where `v` is never NULL
//! After: `(subquery: Projection nullable(v) AS v ← Projection v ← …)`
//!
//! Not for a correlated subquery: that becomes a left join, whose right side may be NULL anyway, and decorrelation knows only
//! plans without the function.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::opaque::nullable;

#[derive(Debug, Default)]
pub struct NullableSubqueries;

impl OptimizerRule for NullableSubqueries {
    fn name(&self) -> &str {
        "nullable_subqueries"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let changed = plan.map_expressions(|expr| {
            expr.transform_up(|expr| match expr {
                Expr::ScalarSubquery(subquery) if is_never_null(&subquery) => {
                    Ok(Transformed::yes(Expr::ScalarSubquery(with_nullable_column(subquery)?)))
                }
                other => Ok(Transformed::no(other)),
            })
        })?;
        match changed.transformed {
            true => changed.map_data(LogicalPlan::recompute_schema),
            false => Ok(changed),
        }
    }
}

fn is_never_null(subquery: &Subquery) -> bool {
    subquery.outer_ref_columns.is_empty()
        && subquery.subquery.schema().fields().first().is_some_and(|field| !field.is_nullable())
}

fn with_nullable_column(subquery: Subquery) -> Result<Subquery> {
    let columns = subquery.subquery.schema().columns().into_iter().map(|column| {
        let (relation, name) = (column.relation.clone(), column.name.clone());
        nullable(Expr::Column(column)).alias_qualified(relation, name)
    });
    let plan =
        LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).project(columns.collect::<Vec<_>>())?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}
