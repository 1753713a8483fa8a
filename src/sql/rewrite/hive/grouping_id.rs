//! `GROUPING__ID` → `grouping(a, b)`
//!
//! The bits of the group keys that a row sums over, the first key's being the highest, as in Hive since 2.3.

use sqlparser::ast::{Expr, GroupByExpr, OrderBy, Select, SetExpr};

use super::super::Refusal;
use super::super::ast::{call, each_expr, is_word};

const NAME: &str = "grouping__id";

pub(super) fn to_function(body: &mut SetExpr, order_by: Option<&mut OrderBy>) -> Result<(), Refusal> {
    let SetExpr::Select(select) = body else { return Ok(()) };
    let keys = keys(&select.group_by);
    in_select(select, order_by, &keys)
}

fn in_select(select: &mut Select, order_by: Option<&mut OrderBy>, keys: &[Expr]) -> Result<(), Refusal> {
    let mut to_call = |expr: &mut Expr| {
        let span = match expr {
            Expr::Identifier(name) if is_word(name, NAME) => name.span,
            _ => return Ok(()),
        };
        if keys.is_empty() {
            return Err(Refusal::new("GROUPING__ID needs GROUP BY … WITH ROLLUP, WITH CUBE or GROUPING SETS", span));
        }
        *expr = call("grouping", keys.to_vec(), span);
        Ok(())
    };
    each_expr(&mut select.projection, &mut to_call)?;
    each_expr(&mut select.having, &mut to_call)?;
    match order_by {
        Some(order_by) => each_expr(order_by, &mut to_call),
        None => Ok(()),
    }
}

/// The keys in the order in which they are named first; none if there is one grouping only.
fn keys(group_by: &GroupByExpr) -> Vec<Expr> {
    let GroupByExpr::Expressions(expressions, modifiers) = group_by else { return Vec::new() };
    let mut keys: Vec<Expr> = Vec::new();
    let mut has_sets = !modifiers.is_empty();
    let mut add = |expr: &Expr| {
        if !keys.contains(expr) {
            keys.push(expr.clone());
        }
    };
    for expr in expressions {
        match expr {
            Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
                has_sets = true;
                sets.iter().flatten().for_each(&mut add);
            }
            Expr::Tuple(columns) => columns.iter().for_each(&mut add),
            key => add(key),
        }
    }
    if !has_sets {
        keys.clear();
    }
    keys
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn the_keys_are_those_of_group_by() {
        assert_eq!(
            rewritten_hive("SELECT a, b, grouping__id FROM t GROUP BY a, b WITH ROLLUP"),
            "SELECT a, b, grouping(a, b) AS _c2 FROM t GROUP BY ROLLUP (a, b)"
        );
        refused_hive(
            "SELECT a, ▸GROUPING__ID FROM t GROUP BY a",
            "GROUPING__ID needs GROUP BY … WITH ROLLUP, WITH CUBE or GROUPING SETS",
        );
    }
}
