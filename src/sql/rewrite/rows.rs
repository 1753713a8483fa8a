//! `(a, b) IN ((1, 2), (3, 4))` → `((a = 1 AND b = 2) OR (a = 3 AND b = 4))`, and `(a, b) = (1, 2)`, `<>`, `<` … likewise
//!
//! DataFusion makes structs of the rows. Those are equal where both have a NULL, and never NULL themselves: `NOT IN` would
//! keep rows that it must not.

use sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, UnaryOperator};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, folded, joined};

/// IN with a subquery, where more than one column is given.
pub(super) fn not_one_column(span: Span) -> Refusal {
    Refusal::new("IN (SELECT …) takes one column", span).help("use EXISTS (SELECT 1 FROM … WHERE x = a AND y = b)")
}

pub(super) fn compare_columns(expr: &mut Expr) -> Result<(), Refusal> {
    let compared = match expr {
        Expr::InList { expr: row, list, negated } => match (columns(row), list.iter().map(columns).collect()) {
            (Some(row), Some(rows)) => Some(negate(in_list(&row, rows)?, *negated)),
            _ => None,
        },
        Expr::InSubquery { expr: row, .. } if columns(row).is_some() => {
            return Err(not_one_column(row.span()));
        }
        Expr::Between { expr: row, negated, low, high } => match (columns(row), columns(low), columns(high)) {
            (Some(row), Some(low), Some(high)) => {
                let above = comparison(row.clone(), &BinaryOperator::GtEq, low)?;
                let below = comparison(row, &BinaryOperator::LtEq, high)?;
                Some(negate(joined(vec![above, below], BinaryOperator::And), *negated))
            }
            _ => None,
        },
        Expr::BinaryOp { left, op, right } if is_comparison(op) => match (columns(left), columns(right)) {
            (Some(left), Some(right)) => Some(Some(comparison(left, op, right)?)),
            _ => None,
        },
        _ => None,
    };
    if let Some(Some(compared)) = compared {
        *expr = compared;
    }
    Ok(())
}

/// The columns of `(a, b)` or `ROW(a, b)`.
pub(super) fn columns(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(columns) if !columns.is_empty() => Some(columns.clone()),
        Expr::Function(function) if bare(&function.name).is_some_and(|name| folded(name) == "row") => {
            let FunctionArguments::List(list) = &function.args else { return None };
            let columns = list.args.iter().map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(column)) => Some(column.clone()),
                _ => None,
            });
            columns.collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
        }
        _ => None,
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn in_list(row: &[Expr], rows: Vec<Vec<Expr>>) -> Result<Option<Expr>, Refusal> {
    let equal = rows.into_iter().map(|other| comparison(row.to_vec(), &BinaryOperator::Eq, other));
    Ok(joined(equal.collect::<Result<_, _>>()?, BinaryOperator::Or).map(|any| match any {
        nested @ Expr::Nested(_) => nested,
        other => Expr::Nested(Box::new(other)),
    }))
}

fn negate(expr: Option<Expr>, negated: bool) -> Option<Expr> {
    let nested = match expr? {
        nested @ Expr::Nested(_) => nested,
        other => Expr::Nested(Box::new(other)),
    };
    Some(if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(nested) } } else { nested })
}

/// Two rows, column by column.
pub(super) fn comparison(left: Vec<Expr>, op: &BinaryOperator, right: Vec<Expr>) -> Result<Expr, Refusal> {
    if left.len() != right.len() {
        let span = right.first().map_or(Span::empty(), Spanned::span);
        return Err(Refusal::new(
            format!("a row of {} columns is compared with one of {}", left.len(), right.len()),
            span,
        ));
    }
    let mut pairs = left.into_iter().zip(right).collect::<Vec<_>>();
    let each = |op: &BinaryOperator, pairs: Vec<(Expr, Expr)>| {
        pairs.into_iter().map(|(left, right)| compare(left, op, right)).collect::<Vec<_>>()
    };
    let compared = match op {
        BinaryOperator::Eq => joined(each(op, pairs), BinaryOperator::And),
        BinaryOperator::NotEq => joined(each(op, pairs), BinaryOperator::Or),
        // The first columns that differ decide: a < x OR (a = x AND (b < y OR …)).
        _ => {
            let strict = match op {
                BinaryOperator::LtEq => BinaryOperator::Lt,
                BinaryOperator::GtEq => BinaryOperator::Gt,
                other => other.clone(),
            };
            let mut decided = pairs.pop().map(|(left, right)| compare(left, op, right));
            while let Some((left, right)) = pairs.pop() {
                let later = decided.take().map(|later| {
                    let equal = compare(left.clone(), &BinaryOperator::Eq, right.clone());
                    binary(equal, BinaryOperator::And, later)
                });
                let first = compare(left, &strict, right);
                decided = later.map(|later| {
                    Expr::Nested(Box::new(binary(first, BinaryOperator::Or, Expr::Nested(Box::new(later)))))
                });
            }
            decided
        }
    };
    Ok(match compared {
        Some(nested @ Expr::Nested(_)) => nested,
        Some(other) => Expr::Nested(Box::new(other)),
        None => Expr::Tuple(Vec::new()),
    })
}

fn compare(left: Expr, op: &BinaryOperator, right: Expr) -> Expr {
    binary(operand(left), op.clone(), operand(right))
}

/// What binds weaker than a comparison needs parentheses.
fn operand(expr: Expr) -> Expr {
    match expr {
        expr @ (Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::TypedString(_)
        | Expr::Nested(_)) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    fn filter(written: &str) -> String {
        let text = rewritten(&format!("SELECT * FROM t WHERE {written}"));
        text.split_once(" WHERE ").map_or(text.clone(), |(_, filter)| filter.to_string())
    }

    #[test]
    fn rows_are_compared_column_by_column() {
        assert_eq!(filter("(a, b) = (1, c + 2)"), "(a = 1 AND b = (c + 2))");
        assert_eq!(filter("(a, b) <> (1, 2)"), "(a <> 1 OR b <> 2)");
        assert_eq!(filter("ROW(a, b) = ROW(1, 2)"), "(a = 1 AND b = 2)");
        assert_eq!(filter("(a, b) < (1, 2)"), "(a < 1 OR (a = 1 AND b < 2))");
        assert_eq!(filter("(a, b, c) >= (1, 2, 3)"), "(a > 1 OR (a = 1 AND (b > 2 OR (b = 2 AND c >= 3))))");
    }

    #[test]
    fn lists_and_ranges_of_rows_are_comparisons() {
        assert_eq!(
            filter("(a + 1, b) IN ((1, 2), (3, NULL))"),
            "(((a + 1) = 1 AND b = 2) OR ((a + 1) = 3 AND b = NULL))"
        );
        assert_eq!(filter("(a, b) NOT IN ((1, 2))"), "NOT (a = 1 AND b = 2)");
        assert_eq!(
            filter("(a, b) BETWEEN (1, 2) AND (3, 4)"),
            "((a > 1 OR (a = 1 AND b >= 2)) AND (a < 3 OR (a = 3 AND b <= 4)))"
        );
    }

    #[test]
    fn other_comparisons_are_left_alone() {
        unchanged("SELECT (a, b), ROW(a, b) FROM t WHERE a IN (1, 2) AND (a) = (1) AND x = (1, 2)");
        unchanged("SELECT * FROM t WHERE (a, b) IS NOT DISTINCT FROM (1, NULL)");
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        refused("SELECT (a, b) = (▸1, 2, 3) FROM t", "a row of 2 columns is compared with one of 3");
        refused("SELECT (a, b) IN ((1, 2), (▸1, 2, 3)) FROM t", "a row of 2 columns is compared with one of 3");
        refused("SELECT 1 FROM t JOIN u ON (▸a, b) IN (SELECT a, k FROM v)", "IN (SELECT …) takes one column");
    }
}
