//! GROUP BY as DataFusion plans it.
//!
//! - `GROUP BY a, b WITH ROLLUP` → `GROUP BY ROLLUP (a, b)`, and CUBE and GROUPING SETS likewise. The planner leaves the
//!   words behind the expressions unread: without this, a report would lack its totals.
//! - `GROUP BY ROLLUP (1)` → `GROUP BY ROLLUP (a)`. Inside ROLLUP, CUBE and GROUPING SETS it takes a number for a number.
//! - `GROUP BY ROLLUP ((a, b), c)` → `GROUP BY GROUPING SETS ((a, b, c), (a, b), ())`. It knows single columns only.
//! - `GROUP BY a, ROLLUP (b)` → `GROUP BY GROUPING SETS ((a, b), (a))`. Beside sets it adds the columns that a key determines, as keys of
//!   every set: a subtotal would have their values.
//! - `GROUP BY (a, b)` → `GROUP BY a, b`. It would group by a struct, whose parts cannot be selected.
//! - `GROUP BY ()` → `GROUP BY GROUPING SETS (())`

use sqlparser::ast::{Expr, GroupByExpr, GroupByWithModifier, Select, SelectItem, Spanned, Value};

use super::Refusal;
use super::ast::bare;

/// More columns in one CUBE would make more grouping sets than anyone wants.
const CUBE_LIMIT: usize = 12;

pub(super) fn to_datafusion(select: &mut Select) -> Result<(), Refusal> {
    modifiers_to_sets(select)?;
    let GroupByExpr::Expressions(expressions, _) = &mut select.group_by else { return Ok(()) };
    flatten(expressions);
    for expr in expressions.iter_mut() {
        resolve_positions(expr, &select.projection)?;
        spread_composites(expr)?;
    }
    if expressions.len() > 1 && expressions.iter_mut().any(|expr| sets_of(expr).is_some()) {
        *expressions = vec![one_list_of_sets(expressions, &select.projection)?];
    }
    Ok(())
}

/// Each combination of a set of each.
fn one_list_of_sets(expressions: &[Expr], projection: &[SelectItem]) -> Result<Expr, Refusal> {
    let mut combined: Vec<Vec<Expr>> = vec![Vec::new()];
    for expr in expressions {
        let sets = match expr {
            Expr::Rollup(keys) => rollup(keys),
            Expr::Cube(keys) => cube(keys)?,
            Expr::GroupingSets(sets) => sets.clone(),
            // A number is a position here, as it is without sets.
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => {
                    let column = digits.parse().ok().and_then(|position| at_position(projection, position));
                    vec![vec![column.ok_or_else(|| no_position(digits, value.span))?]]
                }
                _ => vec![vec![expr.clone()]],
            },
            _ => vec![vec![expr.clone()]],
        };
        if combined.len().saturating_mul(sets.len()) > 1 << CUBE_LIMIT {
            return Err(Refusal::new(
                format!("GROUP BY makes more than {} grouping sets", 1 << CUBE_LIMIT),
                expr.span(),
            ));
        }
        let with_each = |before: &Vec<Expr>| {
            let joined = sets.iter().map(|set| {
                let mut joined = before.clone();
                for key in set {
                    if !joined.contains(key) {
                        joined.push(key.clone());
                    }
                }
                joined
            });
            joined.collect::<Vec<_>>()
        };
        combined = combined.iter().flat_map(with_each).collect();
    }
    Ok(Expr::GroupingSets(combined))
}

fn no_position(digits: &str, span: sqlparser::tokenizer::Span) -> Refusal {
    Refusal::new(format!("GROUP BY cannot tell which column {digits} is"), span)
        .help("name the column in the SELECT list and in GROUP BY")
}

/// All keys, all but the last, and so on.
fn rollup(keys: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=keys.len()).rev().map(|count| keys.iter().take(count).flatten().cloned().collect()).collect()
}

/// Every subset of the keys.
fn cube(keys: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>, Refusal> {
    if keys.len() > CUBE_LIMIT {
        let span = keys.iter().flatten().next().map_or(sqlparser::tokenizer::Span::empty(), Spanned::span);
        return Err(Refusal::new(format!("CUBE takes at most {CUBE_LIMIT} groups of columns"), span));
    }
    let subset = |bits: usize| {
        keys.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).flat_map(|(_, key)| key.clone()).collect()
    };
    Ok((0..1_usize << keys.len()).rev().map(subset).collect())
}

fn modifiers_to_sets(select: &mut Select) -> Result<(), Refusal> {
    let (expressions, modifiers) = match &mut select.group_by {
        GroupByExpr::All(modifiers) if modifiers.is_empty() => return Ok(()),
        GroupByExpr::All(_) => {
            return Err(Refusal::new("GROUP BY ALL takes no WITH ROLLUP or CUBE", select.group_by.span())
                .help("name the columns: GROUP BY ROLLUP (a, b)"));
        }
        GroupByExpr::Expressions(expressions, modifiers) => (expressions, modifiers),
    };
    let span = expressions.first().map_or(sqlparser::tokenizer::Span::empty(), Spanned::span);
    let taken = std::mem::take(modifiers);
    let mut taken = taken.into_iter();
    let Some(modifier) = taken.next() else { return Ok(()) };
    if taken.next().is_some() {
        return Err(Refusal::new("more than one WITH … behind GROUP BY", span));
    }
    let has_sets =
        expressions.iter().any(|expr| matches!(expr, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_)));
    if has_sets {
        return Err(Refusal::new("GROUP BY mixes grouping sets with WITH ROLLUP, WITH CUBE or GROUPING SETS", span));
    }
    let keys = |expressions: &mut Vec<Expr>| std::mem::take(expressions).into_iter().map(columns_of).collect();
    let sets = match modifier {
        GroupByWithModifier::Rollup => Expr::Rollup(keys(expressions)),
        GroupByWithModifier::Cube => Expr::Cube(keys(expressions)),
        // Hive: the keys are listed once more in the sets themselves.
        GroupByWithModifier::GroupingSets(sets) => {
            expressions.clear();
            sets
        }
        GroupByWithModifier::Totals => {
            return Err(Refusal::new("WITH TOTALS is not supported", span).help("use GROUP BY ROLLUP"));
        }
    };
    expressions.push(sets);
    Ok(())
}

/// `(a, b)` as its columns.
fn columns_of(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::Tuple(columns) => columns,
        other => vec![other],
    }
}

fn flatten(expressions: &mut Vec<Expr>) {
    if !expressions.iter().any(|expr| matches!(expr, Expr::Tuple(_))) {
        return;
    }
    *expressions = std::mem::take(expressions).into_iter().flat_map(columns_of).collect();
    if expressions.is_empty() {
        expressions.push(Expr::GroupingSets(vec![Vec::new()]));
    }
}

fn sets_of(expr: &mut Expr) -> Option<&mut Vec<Vec<Expr>>> {
    match expr {
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => Some(sets),
        _ => None,
    }
}

fn resolve_positions(expr: &mut Expr, projection: &[SelectItem]) -> Result<(), Refusal> {
    let nested = matches!(expr, Expr::GroupingSets(_));
    let Some(sets) = sets_of(expr) else { return Ok(()) };
    for key in sets.iter_mut().flatten() {
        match key {
            Expr::Value(value) => {
                let span = value.span;
                let Value::Number(digits, _) = &value.value else { continue };
                let Ok(position) = digits.parse::<usize>() else { continue };
                *key = at_position(projection, position).ok_or_else(|| no_position(digits, span))?;
            }
            Expr::Function(function) if nested => {
                let Some(name) = bare(&function.name) else { continue };
                if ["rollup", "cube", "grouping"].iter().any(|word| super::ast::is_word(name, word)) {
                    return Err(Refusal::new(
                        format!("{} inside GROUPING SETS is not supported", name.value.to_uppercase()),
                        name.span,
                    )
                    .help("write out its sets: ROLLUP (a, b) is (a, b), (a), ()"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The expression at a position of the SELECT list, from 1, if no `*` stands in front of it.
fn at_position(projection: &[SelectItem], position: usize) -> Option<Expr> {
    let items = projection.get(..position)?;
    let mut expressions = items.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    });
    let last = expressions.next_back()??;
    expressions.all(|expr| expr.is_some()).then(|| last.clone())
}

/// ROLLUP and CUBE over more than single columns, as grouping sets.
fn spread_composites(expr: &mut Expr) -> Result<(), Refusal> {
    let (keys, is_rollup) = match expr {
        Expr::Rollup(keys) => (keys, true),
        Expr::Cube(keys) => (keys, false),
        _ => return Ok(()),
    };
    if keys.iter().all(|key| key.len() == 1) {
        return Ok(());
    }
    let sets = if is_rollup { rollup(keys) } else { cube(keys)? };
    *expr = Expr::GroupingSets(sets);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    fn groups(written: &str) -> String {
        let text = rewritten(&format!("SELECT a, s AS x, b + 1, sum(b) FROM t GROUP BY {written}"));
        text.split_once(" GROUP BY ").map_or(text.clone(), |(_, groups)| groups.to_string())
    }

    #[test]
    fn words_behind_the_keys_become_grouping_sets() {
        assert_eq!(groups("a, s WITH ROLLUP"), "ROLLUP (a, s)");
        assert_eq!(groups("a, s WITH CUBE"), "CUBE (a, s)");
        assert_eq!(groups("a, s GROUPING SETS ((a), ())"), "GROUPING SETS ((a), ())");
    }

    #[test]
    fn positions_inside_grouping_sets_are_columns() {
        assert_eq!(groups("1, 2 WITH ROLLUP"), "ROLLUP (a, s)");
        assert_eq!(groups("CUBE (2, 3)"), "CUBE (s, b + 1)");
        assert_eq!(groups("GROUPING SETS ((1, 2), ())"), "GROUPING SETS ((a, s), ())");
        refused("SELECT *, a FROM t GROUP BY ROLLUP (▸2)", "GROUP BY cannot tell which column 2 is");
        refused("SELECT a FROM t GROUP BY ROLLUP (a, ▸3)", "GROUP BY cannot tell which column 3 is");
        refused("SELECT a FROM t GROUP BY ROLLUP (▸0)", "GROUP BY cannot tell which column 0 is");
    }

    #[test]
    fn composite_columns_are_spread() {
        assert_eq!(groups("ROLLUP ((a, s), b)"), "GROUPING SETS ((a, s, b), (a, s), ())");
        assert_eq!(groups("CUBE ((a, s), b)"), "GROUPING SETS ((a, s, b), (b), (a, s), ())");
        assert_eq!(groups("(a, s), b WITH ROLLUP"), "GROUPING SETS ((a, s, b), (a, s), ())");
    }

    #[test]
    fn sets_and_keys_become_one_list_of_sets() {
        assert_eq!(groups("a, ROLLUP (s)"), "GROUPING SETS ((a, s), (a))");
        assert_eq!(groups("1, ROLLUP (s), GROUPING SETS ((b), ())"), "GROUPING SETS ((a, s, b), (a, s), (a, b), (a))");
        assert_eq!(groups("a, CUBE (a, s)"), "GROUPING SETS ((a, s), (a, s), (a), (a))");
        refused("SELECT *, a FROM t GROUP BY ▸2, ROLLUP (s)", "GROUP BY cannot tell which column 2 is");
        let many = "SELECT a FROM t GROUP BY CUBE (a, b, c, d, e, f, g), CUBE (▸a, b, c, d, e, f)";
        refused(many, "GROUP BY makes more than 4096 grouping sets");
    }

    #[test]
    fn columns_in_parentheses_are_columns() {
        assert_eq!(groups("(a, s)"), "a, s");
        assert_eq!(groups("b, (a, s), ()"), "b, a, s");
        assert_eq!(groups("()"), "GROUPING SETS (())");
    }

    #[test]
    fn plain_groups_are_left_alone() {
        unchanged("SELECT a, s, sum(b) FROM t GROUP BY 1, s");
        unchanged("SELECT a, sum(b) FROM t GROUP BY ALL");
    }

    #[test]
    fn what_cannot_be_said_otherwise_is_refused() {
        refused("SELECT a FROM t GROUP BY ▸a WITH TOTALS", "WITH TOTALS is not supported");
        refused(
            "SELECT a FROM t GROUP BY ROLLUP (▸a) WITH CUBE",
            "GROUP BY mixes grouping sets with WITH ROLLUP, WITH CUBE or GROUPING SETS",
        );
        refused("▸SELECT a FROM t GROUP BY ALL WITH ROLLUP", "GROUP BY ALL takes no WITH ROLLUP or CUBE");
        let help = refused(
            "SELECT a FROM t GROUP BY GROUPING SETS ((a), ▸ROLLUP(a, s))",
            "ROLLUP inside GROUPING SETS is not supported",
        );
        assert_eq!(help, "write out its sets: ROLLUP (a, b) is (a, b), (a), ()");
    }
}
