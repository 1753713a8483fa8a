//! Small questions that the rules ask of expressions and of facts, and small pieces they build nodes from.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, cast, lit};

use crate::optimizer::facts::{Because, ColumnSet, Facts};

/// The column that the expression is, under any number of aliases.
pub(super) fn as_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => as_column(&alias.expr),
        _ => None,
    }
}

/// Where the column that the expression is stands in `schema`.
pub(super) fn position(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    as_column(expr).and_then(|column| schema.maybe_index_of_column(column))
}

/// The positions of those expressions that are columns of `schema`.
pub(super) fn positions<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> ColumnSet {
    exprs.into_iter().filter_map(|expr| position(expr, schema)).collect()
}

/// The positions of all columns that the expression reads; `None` if one of them is not in `schema`, or if the same columns
/// need not give the same value (volatile functions, subqueries, values from an outer query).
pub(super) fn determined_by(expr: &Expr, schema: &DFSchema) -> Option<ColumnSet> {
    if expr.is_volatile() || has_subquery(expr) || expr.contains_outer() {
        return None;
    }
    expr.column_refs().into_iter().map(|column| schema.maybe_index_of_column(column)).collect()
}

pub(super) fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_subquery = |expr: &Expr| {
        matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_))
    };
    // The closure cannot fail; if it could, "has one" is the careful answer.
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}

/// The column at a position of a schema, as an expression above it.
pub(super) fn column_at(schema: &DFSchema, position: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(position)))
}

/// The expression under the name that the column at `position` of `schema` has.
pub(super) fn named_as(expr: Expr, schema: &DFSchema, position: usize) -> Expr {
    let wanted = Column::from(schema.qualified_field(position));
    match &expr {
        Expr::Column(column) if *column == wanted => expr,
        _ => expr.alias_qualified(wanted.relation, wanted.name),
    }
}

/// The expression with the type of the column at `position` of `schema`.
pub(super) fn typed_as(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to { expr } else { cast(expr, to.clone()) }
}

/// The value with the given type. A literal if it can be had as one.
pub(super) fn literal(value: &ScalarValue, data_type: &DataType) -> Expr {
    match value.cast_to(data_type) {
        Ok(value) => lit(value),
        Err(_) => cast(lit(value.clone()), data_type.clone()),
    }
}

/// Whether the rows are grouped once, by a plain list of expressions.
pub(super) fn groups_plainly(aggregate: &Aggregate) -> bool {
    !aggregate.group_expr.is_empty() && !aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)))
}

/// Whether the aggregation is a DISTINCT: nothing is computed, every column of the input is a key.
pub(super) fn is_distinct(aggregate: &Aggregate) -> bool {
    let schema = aggregate.input.schema();
    aggregate.aggr_expr.is_empty()
        && groups_plainly(aggregate)
        && positions(&aggregate.group_expr, schema).len() == schema.fields().len()
}

/// `SELECT exprs FROM input` with the names of `schema`'s columns; the input itself if that changes nothing.
pub(super) fn project_as(exprs: &[Expr], schema: &DFSchema, input: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> =
        exprs.iter().enumerate().map(|(position, expr)| named_as(expr.clone(), schema, position)).collect();
    let below = input.schema().columns();
    let same = exprs.len() == below.len()
        && exprs.iter().zip(&below).all(|(expr, column)| matches!(expr, Expr::Column(own) if own == column));
    if same {
        return Ok(input.as_ref().clone());
    }
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::clone(input))?))
}

/// A strict key that `columns` determine: its columns, if they are known by themselves, and what that rests on.
pub(super) fn strict_key(facts: &Facts, columns: &ColumnSet) -> Option<(ColumnSet, Because)> {
    let because = facts.key_within(columns, true)?;
    // The key itself names the reason better than all the columns do.
    let (determined, _) = facts.closure(columns);
    let key = facts
        .keys
        .iter()
        .filter(|key| key.strict && key.columns.is_subset(&determined))
        .min_by_key(|key| (!key.columns.is_subset(columns), key.columns.len()));
    Some((key.map_or_else(|| columns.clone(), |key| key.columns.clone()), because))
}

/// The columns' names as a list in a sentence.
pub(super) fn names(columns: &ColumnSet, schema: &DFSchema) -> String {
    let names = columns.iter().map(|column| name(*column, schema)).collect::<Vec<_>>();
    match names.split_last() {
        None => "no column".to_string(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

pub(super) fn name(column: usize, schema: &DFSchema) -> String {
    Column::from(schema.qualified_field(column)).flat_name()
}

/// `t.a tells the rows apart`, or that there is at most one row.
pub(super) fn tells_rows_apart(key: &ColumnSet, schema: &DFSchema) -> String {
    match key.len() {
        0 => "there is at most one row".to_string(),
        1 => format!("{} tells the rows apart", names(key, schema)),
        _ => format!("{} together tell the rows apart", names(key, schema)),
    }
}

/// Adds the constraints that are not there yet.
pub(super) fn also(because: &mut Because, more: &Because) {
    for constraint in more {
        if !because.contains(constraint) {
            because.push(Arc::clone(constraint));
        }
    }
}
