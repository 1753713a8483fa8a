//! `GROUP BY a, b WITH ROLLUP` → `GROUP BY ROLLUP (a, b)`, and CUBE and GROUPING SETS likewise
//!
//! DataFusion's planner reads the expressions and leaves the words behind them unread: without this, a report would lack
//! its totals.

use sqlparser::ast::{Expr, GroupByExpr, GroupByWithModifier, Select, Spanned};

use super::Refusal;

pub(super) fn modifiers_to_sets(select: &mut Select) -> Result<(), Refusal> {
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
    let keys = |expressions: &mut Vec<Expr>| std::mem::take(expressions).into_iter().map(|key| vec![key]).collect();
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
