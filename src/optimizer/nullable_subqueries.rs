//! `SELECT (SELECT v FROM (VALUES (1)) t(v) WHERE v > 1)` is NULL
//!
//! A scalar subquery without a row is NULL, whatever its column is. DataFusion takes the column's own nullability for the
//! subquery's, and fails at run time when the NULL comes. The column goes through a function whose result may be NULL.
//!
//! Before: `(subquery: Projection v ← …)`, where `v` is never NULL
//! After: `(subquery: Projection nullable(v) AS v ← Projection v ← …)`
//!
//! A correlated subquery becomes a left join, and decorrelation knows only plans without the function: so the function goes around the
//! subquery. It is not needed for one that always has a row, such as a count without HAVING.
//!
//! What is above is told of it, too: it may have concluded that a column is never NULL.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, Union};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::functions::opaque::{is_nullable, nullable};

#[derive(Debug, Default)]
pub struct NullableSubqueries;

impl OptimizerRule for NullableSubqueries {
    fn name(&self) -> &str {
        "nullable_subqueries"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !has_never_null(&plan)? {
            return Ok(Transformed::no(plan));
        }
        plan.transform_up_with_subqueries(|plan| {
            let changed = plan.map_expressions(|expr| expr.transform_down(in_expr))?;
            match changed.data {
                LogicalPlan::Union(union) => Ok(Transformed::yes(LogicalPlan::Union(with_nulls_of_inputs(union)?))),
                other => Ok(Transformed::yes(other.recompute_schema()?)),
            }
        })
    }
}

/// DataFusion keeps the schema of a union, also where an input has come to give NULL.
fn with_nulls_of_inputs(union: Union) -> Result<Union> {
    let fields = union.schema.iter().enumerate().map(|(position, (qualifier, field))| {
        let gives_null =
            |input: &Arc<LogicalPlan>| input.schema().fields().get(position).is_some_and(|f| f.is_nullable());
        let is_nullable = field.is_nullable() || union.inputs.iter().any(gives_null);
        (qualifier.cloned(), Arc::new(field.as_ref().clone().with_nullable(is_nullable)))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), union.schema.metadata().clone())?;
    Ok(Union { schema: Arc::new(schema), inputs: union.inputs })
}

fn has_never_null(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| match part {
                part if is_nullable(part) => Ok(TreeNodeRecursion::Jump),
                Expr::ScalarSubquery(subquery) if is_never_null(subquery) => {
                    found = true;
                    Ok(TreeNodeRecursion::Stop)
                }
                _ => Ok(TreeNodeRecursion::Continue),
            })
        })
    })?;
    Ok(found)
}

fn in_expr(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        expr if is_nullable(&expr) => Ok(Transformed::new(expr, false, TreeNodeRecursion::Jump)),
        Expr::ScalarSubquery(subquery) if is_never_null(&subquery) => {
            let changed = match subquery.outer_ref_columns.is_empty() {
                true => Expr::ScalarSubquery(with_nullable_column(subquery)?),
                false => nullable(Expr::ScalarSubquery(subquery)),
            };
            Ok(Transformed::new(changed, true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether DataFusion takes the subquery's value for one that is never NULL, wrongly.
fn is_never_null(subquery: &Subquery) -> bool {
    subquery.subquery.schema().fields().first().is_some_and(|field| !field.is_nullable())
        && (subquery.outer_ref_columns.is_empty() || !always_has_a_row(&subquery.subquery))
}

/// Whether a subquery has a row whatever it reads.
pub(super) fn always_has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => always_has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => always_has_a_row(&alias.input),
        _ => false,
    }
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
