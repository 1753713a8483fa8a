//! Small questions about expressions that several rules ask: which columns they touch, whether they may be moved.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::optimizer::facts::ColumnSet;

/// The column that an expression is, whatever name it is given.
pub fn plain_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => plain_column(&alias.expr),
        _ => None,
    }
}

/// The column that an expression is up to a cast that keeps different values different: a key stays a key under it.
pub fn column_under_widening<'a>(expr: &'a Expr, schema: &DFSchema) -> Option<&'a Column> {
    match expr {
        Expr::Alias(alias) => column_under_widening(&alias.expr, schema),
        Expr::Cast(cast) => {
            let column = column_under_widening(&cast.expr, schema)?;
            let from = cast.expr.get_type(schema).ok()?;
            is_widening(&from, cast.field.data_type()).then_some(column)
        }
        _ => plain_column(expr),
    }
}

/// Whether a cast keeps every value, so that two values are equal after it just when they were before.
fn is_widening(from: &DataType, to: &DataType) -> bool {
    use DataType::{Int8, Int16, Int32, Int64, LargeUtf8, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View};
    match (from, to) {
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => true,
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (UInt8, UInt16 | UInt32 | UInt64 | Int16 | Int32 | Int64) => true,
        (UInt16, UInt32 | UInt64 | Int32 | Int64) | (UInt32, UInt64 | Int64) => true,
        _ => from == to,
    }
}

/// Whether equal values of two types are the same value, so that one may be read in place of the other. Floating-point zeros
/// of both signs are equal in some comparisons but print differently.
pub fn equal_means_same(left: &DataType, right: &DataType) -> bool {
    left == right && !left.is_floating() && !left.is_nested()
}

/// The terms of an ON or WHERE condition.
pub fn conjuncts(condition: Option<&Expr>) -> Vec<Expr> {
    condition.map(|condition| split_conjunction(condition).into_iter().cloned().collect()).unwrap_or_default()
}

/// Whether a term gives the same for the same row wherever it stands in the plan: no volatile function, no subquery (whose outer
/// references hang on the place).
pub fn can_be_moved(expr: &Expr) -> bool {
    !expr.is_volatile() && !has_subquery(expr)
}

pub fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|part| {
        Ok(matches!(
            part,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
    .unwrap_or(true)
}

/// The columns of `schema` that an expression reads. An expression with a subquery may read any.
pub fn columns_read(expr: &Expr, schema: &DFSchema) -> ColumnSet {
    if has_subquery(expr) {
        return (0..schema.fields().len()).collect();
    }
    expr.column_refs().into_iter().filter_map(|column| schema.maybe_index_of_column(column)).collect()
}

pub fn touches(expr: &Expr, schema: &DFSchema) -> bool {
    !columns_read(expr, schema).is_empty()
}

/// The expression with other expressions in the place of columns; columns that are not in `map` stay.
pub fn substitute(expr: Expr, map: &HashMap<Column, Expr>) -> Result<Expr> {
    let replaced = expr.transform(|part| match &part {
        Expr::Column(column) => match map.get(column) {
            Some(with) => Ok(Transformed::yes(with.clone())),
            None => Ok(Transformed::no(part)),
        },
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(replaced.data)
}

/// The column at a position, as an expression.
pub fn column_at(schema: &DFSchema, position: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(position)))
}

/// The name of the column at a position, as the user may have written it.
pub fn name_at(schema: &DFSchema, position: usize) -> String {
    Column::from(schema.qualified_field(position)).flat_name()
}

/// A predicate as SQL.
pub fn sql(expr: &Expr) -> String {
    match datafusion::sql::unparser::expr_to_sql(expr) {
        Ok(sql) => strip_parentheses(&sql.to_string()).to_owned(),
        Err(_) => expr.human_display().to_string(),
    }
}

/// Without the one pair of parentheses around the whole that the unparser likes to put.
fn strip_parentheses(sql: &str) -> &str {
    let Some(inner) = sql.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return sql };
    let mut depth = 0_i32;
    let mut quote = None;
    for c in inner.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return sql;
        }
    }
    inner
}
