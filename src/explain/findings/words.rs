//! Plans and figures in words.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::sql::unparser::Unparser;

use crate::names::quote_identifier;
use crate::optimizer::facts::ColumnSet;

/// A column as it is written: `o.amount`.
pub(super) fn column(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    match &column.relation {
        Some(relation) => format!("{}.{name}", quote_identifier(relation.table())),
        None => name.into_owned(),
    }
}

/// An expression as SQL.
pub(super) fn sql(expr: &Expr) -> String {
    match expr {
        Expr::Column(of) => column(of),
        Expr::Alias(alias) => sql(&alias.expr),
        _ => {
            let expr = with_short_names(expr);
            // Pretty: without parentheses that say nothing.
            match Unparser::default().with_pretty(true).expr_to_sql(&expr) {
                Ok(ast) => ast.to_string(),
                Err(_) => expr.human_display().to_string(),
            }
        }
    }
}

/// Conditions that all must hold.
pub(super) fn all_of<'e>(conditions: impl IntoIterator<Item = &'e Expr>) -> String {
    let texts: Vec<String> = conditions
        .into_iter()
        .flat_map(split_conjunction)
        .map(|part| match part {
            Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => format!("({})", sql(part)),
            _ => sql(part),
        })
        .collect();
    texts.join(" AND ")
}

/// With the columns called by table and name alone.
fn with_short_names(expr: &Expr) -> Expr {
    let renamed = expr.clone().transform(|part| {
        Ok(match part {
            Expr::Column(Column { relation: Some(relation), name, spans }) => {
                let relation = Some(TableReference::bare(relation.table()));
                Transformed::yes(Expr::Column(Column { relation, name, spans }))
            }
            Expr::OuterReferenceColumn(_, column) => {
                let relation = column.relation.as_ref().map(|relation| TableReference::bare(relation.table()));
                Transformed::yes(Expr::Column(Column { relation, ..column }))
            }
            other => Transformed::no(other),
        })
    });
    renamed.map_or_else(|_| expr.clone(), |renamed| renamed.data)
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The names of columns: `(order_id, number)`.
pub(super) fn columns(columns: &ColumnSet, schema: &DFSchema) -> String {
    let names: Vec<_> =
        columns.iter().map(|column| quote_identifier(schema.field(*column).name()).into_owned()).collect();
    format!("({})", names.join(", "))
}

/// `1,234,567`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `3.4 MB`
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", bytes as f64 / size as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(12), "12 bytes");
        assert_eq!(bytes(1_500_000), "1.5 MB");
    }

    #[test]
    fn lists_are_sentences() {
        let items = |items: &[&str]| list(&items.iter().map(|item| (*item).to_string()).collect::<Vec<_>>());
        assert_eq!(items(&["a", "b", "c"]), "a, b and c");
        assert_eq!(items(&["a"]), "a");
    }
}
