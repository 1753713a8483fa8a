//! `INSERT INTO t SELECT x FROM (VALUES (1.5), (2.5)) v(x)` → `… FROM (SELECT 1.5 AS column1 UNION ALL SELECT 2.5) v(x)`
//!
//! DataFusion casts every VALUES inside an INSERT to the types of the target, before anything else sees the values: a filter
//! would get 1 for 1.5. Only the VALUES that is the whole source means the target's columns.
//!
//! DEFAULT is refused: the planner would take it for a column.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Insert, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, Values, VisitorMut};

use super::Refusal;
use super::ast::{folded, is_only_body, is_word, no_rows, select_of};
use crate::sql::visit::visit_mut;

pub(super) fn to_datafusion(insert: &mut Insert) -> Result<(), Refusal> {
    let span = insert.insert_token.0.span;
    refuse_twice(insert)?;
    let Some(source) = &mut insert.source else {
        return Err(Refusal::new("INSERT needs VALUES or a query", span)
            .help("columns that are left out become NULL: INSERT INTO t (a) VALUES (1)"));
    };
    let is_whole = is_only_body(source) && matches!(source.body.as_ref(), SetExpr::Values(_));
    if let SetExpr::Values(values) = source.body.as_ref() {
        refuse_default(values)?;
    }
    let mut nested = NestedValues { skip: is_whole };
    let _ = visit_mut(source, &mut nested);
    Ok(())
}

/// The value of one of the two would be lost.
fn refuse_twice(insert: &Insert) -> Result<(), Refusal> {
    let named = insert.columns.iter().filter_map(|name| name.0.last()?.as_ident()).chain(&insert.after_columns);
    let mut seen = HashSet::new();
    match named.into_iter().find(|name| !seen.insert(folded(name))) {
        Some(twice) => Err(Refusal::new(format!("INSERT names column {twice} twice"), twice.span)),
        None => Ok(()),
    }
}

fn refuse_default(values: &Values) -> Result<(), Refusal> {
    let default = values.rows.iter().flat_map(|row| &row.content).find_map(|value| match value {
        Expr::Identifier(name) if is_word(name, "default") => Some(name.span),
        _ => None,
    });
    match default {
        Some(span) => Err(Refusal::new("DEFAULT is not supported in VALUES", span)
            .help("leave the column out: INSERT INTO t (a) VALUES (1)")),
        None => Ok(()),
    }
}

/// Makes a query of each VALUES, but not of the first one if `skip`.
struct NestedValues {
    skip: bool,
}

impl VisitorMut for NestedValues {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if !std::mem::take(&mut self.skip) {
            in_body(&mut query.body);
        }
        ControlFlow::Continue(())
    }
}

fn in_body(body: &mut SetExpr) {
    match body {
        SetExpr::Values(values) => {
            let rows: Vec<Vec<Expr>> = std::mem::take(&mut values.rows).into_iter().map(|row| row.content).collect();
            *body = union_of(rows.into_iter().enumerate().map(selected).collect());
        }
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left);
            in_body(right);
        }
        _ => {}
    }
}

/// A row as a SELECT. The first one names the columns.
fn selected((number, row): (usize, Vec<Expr>)) -> SetExpr {
    let columns = row.into_iter().zip(1..).map(|(value, position)| match number {
        0 => SelectItem::ExprWithAlias { expr: value, alias: Ident::new(format!("column{position}")) },
        _ => SelectItem::UnnamedExpr(value),
    });
    SetExpr::Select(Box::new(select_of(columns.collect(), None)))
}

/// A balanced tree: one that leans to a side would nest too deep.
fn union_of(mut rows: Vec<SetExpr>) -> SetExpr {
    if rows.len() < 2 {
        return rows.pop().unwrap_or_else(no_rows);
    }
    let right = rows.split_off(rows.len() / 2);
    SetExpr::SetOperation {
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        left: Box::new(union_of(rows)),
        right: Box::new(union_of(right)),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn values_inside_of_a_source_keep_their_types() {
        assert_eq!(
            rewritten("INSERT INTO w SELECT y FROM (VALUES (1.5, 'a'), (2.5, 'b')) AS v (x, y) WHERE x > 1.6"),
            "INSERT INTO w SELECT y FROM (SELECT 1.5 AS column1, 'a' AS column2 UNION ALL SELECT 2.5, 'b') AS v (x, y) \
             WHERE x > 1.6"
        );
        assert_eq!(
            rewritten("INSERT INTO w WITH v AS (VALUES (1), (2), (3)) SELECT a FROM t WHERE a IN (VALUES (2.7))"),
            "INSERT INTO w WITH v AS (SELECT 1 AS column1 UNION ALL SELECT 2 UNION ALL SELECT 3) \
             SELECT a FROM t WHERE a IN (SELECT 2.7 AS column1)"
        );
        assert_eq!(
            rewritten("INSERT INTO w VALUES (1.2) UNION VALUES (1.4)"),
            "INSERT INTO w SELECT 1.2 AS column1 UNION SELECT 1.4 AS column1"
        );
        assert_eq!(
            rewritten("INSERT INTO w VALUES ('9'), ('10') ORDER BY 1 LIMIT 1"),
            "INSERT INTO w SELECT '9' AS column1 UNION ALL SELECT '10' ORDER BY 1 LIMIT 1"
        );
        assert_eq!(
            rewritten("INSERT INTO w VALUES ((SELECT x FROM (VALUES (1.5)) AS v (x)))"),
            "INSERT INTO w VALUES ((SELECT x FROM (SELECT 1.5 AS column1) AS v (x)))"
        );
    }

    #[test]
    fn values_that_are_the_whole_source_and_queries_are_left_alone() {
        unchanged("INSERT INTO w (a, b) VALUES (1.5, 'a'), (2.5, 'b')");
        unchanged("SELECT * FROM (VALUES (1.5), (2)) AS v (x)");
    }

    #[test]
    fn a_column_takes_one_value() {
        refused("INSERT INTO w (a, b, ▸A) VALUES (1, 2, 3)", "INSERT names column A twice");
        unchanged("INSERT INTO w (a, \"A\") VALUES (1, 2)");
    }

    #[test]
    fn defaults_are_refused() {
        refused("INSERT INTO w VALUES (1, ▸DEFAULT)", "DEFAULT is not supported in VALUES");
        refused("▸INSERT INTO w DEFAULT VALUES", "INSERT needs VALUES or a query");
        unchanged("INSERT INTO w VALUES (\"default\")");
    }
}
