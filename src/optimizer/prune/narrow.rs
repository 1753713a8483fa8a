//! Expressions that nobody reads, dropped where they are computed, so that what they alone read is seen to be unread
//!
//! ```sql
//! SELECT order_id FROM (SELECT o.order_id, c.name FROM orders o LEFT JOIN customer c ON o.customer_id = c.id)
//! ```
//!
//! The subquery is the view that everybody uses: it reads `c.name`, though its reader does not. DataFusion drops such columns too,
//! but at the end of a pass, when the joins have been looked at.
//!
//! It changes projections, aggregates and unions (for windows there is a rule); none of them has other rows for having fewer columns. An aggregate
//! without GROUP BY keeps one column, since it could not be written without any; group keys stay, since they make the groups.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, Union};

use super::inputs::projection;
use super::needs::Needs;
use crate::optimizer::facts::ColumnSet;

/// The node without the columns that are not needed and that it computes itself, if there are any.
pub(super) fn narrow(plan: &LogicalPlan, needs: &Needs) -> Result<Option<LogicalPlan>> {
    if needs.columns.len() == plan.schema().fields().len() {
        return Ok(None);
    }
    match plan {
        LogicalPlan::Projection(node) => {
            let expr = kept(&node.expr, 0, &needs.columns);
            let names = needs.columns.iter().map(|position| {
                let (qualifier, field) = node.schema.qualified_field(*position);
                (qualifier.cloned(), Arc::clone(field))
            });
            let names = DFSchema::new_with_metadata(names.collect(), node.schema.metadata().clone())?;
            Ok(Some(LogicalPlan::Projection(projection(expr, &names, Arc::clone(&node.input))?)))
        }
        LogicalPlan::Aggregate(node) => {
            let first = node.schema.fields().len() - node.aggr_expr.len();
            let mut aggr_expr = kept(&node.aggr_expr, first, &needs.columns);
            if node.group_expr.is_empty() && aggr_expr.is_empty() {
                aggr_expr.extend(node.aggr_expr.first().cloned());
            }
            if aggr_expr.len() == node.aggr_expr.len() {
                return Ok(None);
            }
            let narrow = Aggregate::try_new(Arc::clone(&node.input), node.group_expr.clone(), aggr_expr)?;
            Ok(Some(LogicalPlan::Aggregate(narrow)))
        }
        // Without any column, its rows could not be counted by every branch alike.
        LogicalPlan::Union(node) if !needs.columns.is_empty() => narrow_union(node, &needs.columns).map(Some),
        _ => Ok(None),
    }
}

/// The expressions whose columns, which start at `first`, are needed.
fn kept(exprs: &[Expr], first: usize, needed: &ColumnSet) -> Vec<Expr> {
    let kept = exprs.iter().enumerate().filter(|(index, _)| needed.contains(&(first + index)));
    kept.map(|(_, expr)| expr.clone()).collect()
}

fn narrow_union(node: &Union, needed: &ColumnSet) -> Result<LogicalPlan> {
    let narrow_input = |input: &Arc<LogicalPlan>| {
        let columns = input.schema().columns();
        let expr = needed.iter().filter_map(|position| columns.get(*position).cloned()).map(Expr::Column).collect();
        Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(expr, Arc::clone(input))?)))
    };
    let inputs = node.inputs.iter().map(narrow_input).collect::<Result<Vec<_>>>()?;
    let fields = needed.iter().map(|position| {
        let (qualifier, field) = node.schema.qualified_field(*position);
        (qualifier.cloned(), Arc::clone(field))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), node.schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}
