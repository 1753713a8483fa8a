//! A node's inputs, and the node over other inputs.
//!
//! Inputs are shared, not copied: what stays the same keeps its address, so that its facts need not be derived again.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, TableReference, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Projection};

/// The inputs in the order of [`LogicalPlan::inputs`].
pub(super) fn inputs(plan: &LogicalPlan) -> Vec<Arc<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Filter(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Window(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Aggregate(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Sort(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Limit(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Repartition(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::SubqueryAlias(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Subquery(node) => vec![Arc::clone(&node.subquery)],
        LogicalPlan::Unnest(node) => vec![Arc::clone(&node.input)],
        LogicalPlan::Distinct(node) => vec![Arc::clone(node.input())],
        LogicalPlan::Join(node) => vec![Arc::clone(&node.left), Arc::clone(&node.right)],
        LogicalPlan::Union(node) => node.inputs.clone(),
        other => other.inputs().into_iter().map(|input| Arc::new(input.clone())).collect(),
    }
}

/// The node over `inputs`, with the schema that follows from them.
pub(super) fn with_inputs(plan: &LogicalPlan, inputs: Vec<Arc<LogicalPlan>>) -> Result<LogicalPlan> {
    let mut rest = inputs.into_iter();
    let mut next = || match rest.next() {
        Some(input) => Ok(input),
        None => internal_err!("a plan node has more inputs than it had"),
    };
    let mut plan = plan.clone();
    match &mut plan {
        LogicalPlan::Projection(node) => {
            return projection(node.expr.clone(), &node.schema, next()?).map(LogicalPlan::Projection);
        }
        LogicalPlan::Filter(node) => node.input = next()?,
        LogicalPlan::Window(node) => node.input = next()?,
        LogicalPlan::Aggregate(node) => node.input = next()?,
        LogicalPlan::Sort(node) => node.input = next()?,
        LogicalPlan::Limit(node) => node.input = next()?,
        LogicalPlan::Repartition(node) => node.input = next()?,
        LogicalPlan::SubqueryAlias(node) => node.input = next()?,
        LogicalPlan::Subquery(node) => node.subquery = next()?,
        LogicalPlan::Unnest(node) => node.input = next()?,
        LogicalPlan::Distinct(Distinct::All(input)) => *input = next()?,
        LogicalPlan::Distinct(Distinct::On(node)) => node.input = next()?,
        LogicalPlan::Join(node) => {
            node.left = next()?;
            node.right = next()?;
        }
        LogicalPlan::Union(node) => {
            for input in &mut node.inputs {
                *input = next()?;
            }
        }
        other => {
            let other = std::mem::take(other);
            plan = other.map_children(|_| next().map(|input| Transformed::yes(Arc::unwrap_or_clone(input))))?.data;
        }
    }
    plan.recompute_schema()
}

/// A projection whose columns have the names of `names`. The branches of a UNION are projections with a schema that does not follow
/// from their expressions: it has the names of the union.
pub(super) fn projection(exprs: Vec<Expr>, names: &DFSchema, input: Arc<LogicalPlan>) -> Result<Projection> {
    let new = Projection::try_new(exprs, input)?;
    let is_named = |(given, wanted): (Name<'_>, Name<'_>)| given.0 == wanted.0 && given.1.name() == wanted.1.name();
    if new.schema.fields().len() != names.fields().len() || new.schema.iter().zip(names.iter()).all(is_named) {
        return Ok(new);
    }
    let named = new.expr.into_iter().zip(names.iter()).zip(new.schema.iter()).map(|((expr, wanted), given)| {
        if is_named((given, wanted)) {
            expr
        } else {
            expr.unalias().alias_qualified(wanted.0.cloned(), wanted.1.name())
        }
    });
    Projection::try_new(named.collect(), new.input)
}

/// The qualifier and the field of a column.
type Name<'a> = (Option<&'a TableReference>, &'a FieldRef);
