//! Small questions about plans that several rules ask: which tables they read, how to name them, how to put a filter or a projection
//! on top.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, TableScan};

use super::expressions::column_at;
use crate::optimizer::facts::{InstanceTag, KnownTable};

/// The mentions of tables in a plan, from left to right; `None` for a scan that nobody tagged.
pub fn tables(plan: &LogicalPlan) -> Vec<Option<InstanceTag>> {
    of_scans(plan, |scan| KnownTable::of(&scan.source).and_then(|table| table.tag().cloned()))
}

/// How the user calls the tables of a plan: `customer c` is `c`.
pub fn names(plan: &LogicalPlan) -> String {
    let names = of_scans(plan, |scan| match KnownTable::of(&scan.source).and_then(KnownTable::tag) {
        Some(tag) => tag.alias.clone(),
        None => scan.table_name.table().to_owned(),
    });
    if names.is_empty() { "the subquery".to_owned() } else { list(names) }
}

/// Of each scan of a plan, in subqueries too.
fn of_scans<T>(plan: &LogicalPlan, of: impl Fn(&TableScan) -> T) -> Vec<T> {
    let mut found = Vec::new();
    // The closure never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.push(of(scan));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The rows of `plan` for which all of `conditions` are true.
pub fn filtered(plan: Arc<LogicalPlan>, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    let mut distinct: Vec<Expr> = Vec::new();
    for condition in conditions {
        if !distinct.contains(&condition) {
            distinct.push(condition);
        }
    }
    match conjunction(distinct) {
        Some(condition) => Ok(LogicalPlan::Filter(Filter::try_new(condition, plan)?)),
        None => Ok(Arc::unwrap_or_clone(plan)),
    }
}

/// `plan` under the columns of `wanted`: those that `plan` has as they are, those in `computed` (by their position in `wanted`)
/// as that expression, the others not at all. The names stay, so that nothing above notices.
pub fn with_columns(plan: LogicalPlan, wanted: &DFSchema, computed: &HashMap<usize, Expr>) -> Result<LogicalPlan> {
    let mut columns = Vec::with_capacity(wanted.fields().len());
    for position in 0..wanted.fields().len() {
        if let Some(expr) = computed.get(&position) {
            columns.push(named_as(expr.clone(), wanted, position));
        } else {
            let column = Column::from(wanted.qualified_field(position));
            if has_exactly(plan.schema(), &column) {
                columns.push(Expr::Column(column));
            }
        }
    }
    let unchanged = computed.is_empty()
        && columns.len() == plan.schema().fields().len()
        && columns.iter().enumerate().all(|(position, column)| *column == column_at(plan.schema(), position));
    if unchanged {
        return Ok(plan);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// The expression under the qualified name of a column of `schema`.
pub fn named_as(expr: Expr, schema: &DFSchema, position: usize) -> Expr {
    let (relation, field) = schema.qualified_field(position);
    if let Expr::Column(column) = &expr
        && column.relation.as_ref() == relation
        && column.name == *field.name()
    {
        return expr;
    }
    expr.alias_qualified(relation.cloned(), field.name().clone())
}

/// Whether the schema has the column under this very qualifier.
pub fn has_exactly(schema: &DFSchema, column: &Column) -> bool {
    schema.iter().any(|(relation, field)| relation == column.relation.as_ref() && *field.name() == column.name)
}
