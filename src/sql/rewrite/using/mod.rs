//! `SELECT *, k FROM l LEFT JOIN r USING (k)` → `SELECT l.k, l.* EXCLUDE (k), r.* EXCLUDE (k), l.k FROM l LEFT JOIN r ON l.k = r.k`
//!
//! The column that USING makes of two is the left one; behind a RIGHT JOIN the right one; behind a FULL JOIN the one that is
//! not NULL. DataFusion takes the left one always, and for `*` the one whose table's name sorts first: NULL would stand in
//! the place of keys that are there, and columns in another order. In WHERE it takes neither and calls the name ambiguous.
//! NATURAL is USING with the names that both sides have.
//!
//! Two tables can be joined without knowing their columns. For more of them, for NATURAL and for `* EXCLUDE` it has to be known who has
//! which: such a SELECT is left as it is until the tables are open (`ask.rs`).

mod ask;
mod columns;
mod star;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderBy, OrderByKind,
    Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor, TableWithJoins, Value, VisitMut,
};

use self::columns::{Columns, Key, Part, Table};
use self::star::expand_star;
use super::Refusal;
use super::ast::{
    all_columns, bare, call, constraint, constraint_of, each_expr, folded, joined, query_of, same_name, select_of,
    table_of,
};

pub(crate) use ask::{ColumnsOf, answer, next_question};

/// Writes out the joins of a SELECT, and the names in it and in the ORDER BY behind it, if that can be done without knowing the tables'
/// columns.
pub(super) fn to_conditions(select: &mut Select, order_by: Option<&mut OrderBy>) {
    if !select.from.iter().any(names_columns) {
        return;
    }
    let mut tried = (select.clone(), order_by.as_deref().cloned());
    if with_columns(&mut tried.0, tried.1.as_mut(), &mut std::iter::repeat(None)).is_ok() {
        *select = tried.0;
        if let (Some(order_by), Some(tried)) = (order_by, tried.1) {
            *order_by = tried;
        }
    }
}

/// The columns of one FROM item after the other; `None` for one whose columns are not known.
type EachColumns<'a> = &'a mut dyn Iterator<Item = Option<Vec<Ident>>>;

/// Writes out the joins of a SELECT, and the names in it and in the ORDER BY behind it. `known` are the columns of its FROM items, in the
/// order of [`each_factor`].
fn with_columns(select: &mut Select, order_by: Option<&mut OrderBy>, known: EachColumns<'_>) -> Result<(), Refusal> {
    let mut columns = Columns::default();
    for from in &mut select.from {
        columns.append(in_table(from, known)?);
    }
    expand_star(&mut select.projection, &columns)?;
    replace_names(select, order_by, &columns);
    Ok(())
}

/// Whether USING or NATURAL stands in a FROM item, outside of its subqueries.
fn names_columns(table: &TableWithJoins) -> bool {
    let in_factor = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => names_columns(table_with_joins),
        _ => false,
    };
    in_factor(&table.relation)
        || table.joins.iter().any(|join| {
            in_factor(&join.relation)
                || matches!(
                    constraint_of(&join.join_operator),
                    Some(JoinConstraint::Using(_) | JoinConstraint::Natural)
                )
        })
}

/// The FROM items whose columns a SELECT sees, from left to right.
fn each_factor<'a>(table: &'a TableWithJoins, found: &mut Vec<&'a TableFactor>) {
    for factor in std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)) {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => each_factor(table_with_joins, found),
            _ => found.push(factor),
        }
    }
}

fn in_table(table: &mut TableWithJoins, known: EachColumns<'_>) -> Result<Columns, Refusal> {
    let mut columns = in_factor(&mut table.relation, known)?;
    for join in &mut table.joins {
        let right = in_factor(&mut join.relation, known)?;
        columns = in_join(columns, right, join)?;
    }
    Ok(columns)
}

fn in_factor(factor: &mut TableFactor, known: EachColumns<'_>) -> Result<Columns, Refusal> {
    if let TableFactor::NestedJoin { table_with_joins, alias } = factor {
        match alias {
            None => return in_table(table_with_joins, known),
            Some(_) if names_columns(table_with_joins) => select_all(factor),
            Some(_) => {}
        }
    }
    let columns = known.next().flatten();
    Ok(Columns::of_table(Table { name: name_of(factor), columns, without: Vec::new() }))
}

/// `(l JOIN r USING (k)) AS y` → `(SELECT * FROM l JOIN r USING (k)) AS y`: y has one column k, not two.
fn select_all(factor: &mut TableFactor) {
    match std::mem::replace(factor, table_of(Ident::new("y"))) {
        TableFactor::NestedJoin { table_with_joins, alias } => {
            let mut select = select_of(vec![all_columns()], None);
            select.from.push(*table_with_joins);
            let subquery = Box::new(query_of(SetExpr::Select(Box::new(select))));
            *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
        }
        other => *factor = other,
    }
}

/// The name that columns of a FROM item have in front of them. A table function gets its own, and a subquery without one
/// another, as in PostgreSQL.
fn name_of(factor: &mut TableFactor) -> Option<ObjectName> {
    let of_alias = |alias: &TableAlias| ObjectName(vec![ObjectNamePart::Identifier(alias.name.clone())]);
    match factor {
        TableFactor::Table { name, alias: None, args: None, .. } => Some(name.clone()),
        TableFactor::Table { name, alias: alias @ None, args: Some(_), .. }
        | TableFactor::Function { name, alias: alias @ None, .. } => {
            let function = name.0.last().and_then(|part| part.as_ident()).cloned()?;
            Some(of_alias(alias.insert(unquoted_alias(folded(&function)))))
        }
        TableFactor::UNNEST { alias: alias @ None, .. } => Some(of_alias(alias.insert(unquoted_alias("unnest")))),
        TableFactor::Derived { alias: alias @ None, subquery, .. } => {
            let place = subquery.span().start;
            let name = format!("subquery_{}_{}", place.line, place.column);
            Some(of_alias(alias.insert(unquoted_alias(name))))
        }
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref().map(of_alias),
        _ => None,
    }
}

fn unquoted_alias(name: impl Into<String>) -> TableAlias {
    TableAlias { explicit: true, name: Ident::new(name), columns: Vec::new(), at: None }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
    Both,
}

/// Whose key it is that is never NULL when the other one is not, and whose columns come out.
fn sides(operator: &JoinOperator) -> (Side, Side) {
    match operator {
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (Side::Right, Side::Both),
        JoinOperator::FullOuter(_) => (Side::Both, Side::Both),
        JoinOperator::LeftSemi(_) | JoinOperator::LeftAnti(_) => (Side::Left, Side::Left),
        JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => (Side::Right, Side::Right),
        _ => (Side::Left, Side::Both),
    }
}

fn in_join(mut left: Columns, mut right: Columns, join: &mut Join) -> Result<Columns, Refusal> {
    let place = join.relation.span();
    let (key_side, output) = sides(&join.join_operator);
    let mut keys = Vec::new();
    match constraint(&mut join.join_operator) {
        Some(constraint @ (JoinConstraint::Natural | JoinConstraint::Using(_))) => {
            let names = match constraint {
                JoinConstraint::Using(names) => names.iter().map(column_name).collect::<Result<_, _>>()?,
                _ => left.shared_names(&right, place)?,
            };
            let condition;
            (keys, condition) = compared(names, &left, &right, key_side)?;
            // NATURAL of tables that share no name leaves nothing out.
            let all = || Expr::Value(Value::Boolean(true).with_empty_span());
            *constraint = JoinConstraint::On(condition.unwrap_or_else(all));
        }
        Some(JoinConstraint::On(condition)) => {
            let known: Vec<&Key> = left.keys().chain(right.keys()).collect();
            replace_in(condition, &known, &[]);
        }
        Some(JoinConstraint::None) | None => {}
    }
    match output {
        Side::Left => return Ok(left),
        Side::Right => return Ok(right),
        Side::Both => {}
    }
    for key in &keys {
        left.remove(&key.name);
        right.remove(&key.name);
    }
    let mut columns = Columns { parts: keys.into_iter().map(Part::Key).collect() };
    columns.append(left);
    columns.append(right);
    Ok(columns)
}

fn column_name(object: &ObjectName) -> Result<Ident, Refusal> {
    bare(object).cloned().ok_or_else(|| Refusal::new("USING takes names of columns without their table", object.span()))
}

/// `USING (k)` → `l.k = r.k`, and the keys that come of it. No condition for no names.
fn compared(
    names: Vec<Ident>,
    left: &Columns,
    right: &Columns,
    side: Side,
) -> Result<(Vec<Key>, Option<Expr>), Refusal> {
    let mut keys = Vec::new();
    let mut conditions = Vec::new();
    for name in names {
        let (left, right) = (left.meaning(&name, "left")?, right.meaning(&name, "right")?);
        let value = match side {
            Side::Left => left.clone(),
            Side::Right => right.clone(),
            Side::Both => Box::new(call("coalesce", vec![left.as_ref().clone(), right.as_ref().clone()], name.span)),
        };
        conditions.push(Expr::BinaryOp { left, op: BinaryOperator::Eq, right });
        keys.push(Key { name, value });
    }
    Ok((keys, joined(conditions, BinaryOperator::And)))
}

/// `k` → `l.k`, in every clause, but not in subqueries: they may have a k of their own.
fn replace_names(select: &mut Select, order_by: Option<&mut OrderBy>, columns: &Columns) {
    let keys: Vec<&Key> = columns.keys().collect();
    for item in &mut select.projection {
        // The column keeps its name.
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && let Some(value @ Expr::Function(_)) = value_of(name, &keys)
        {
            *item = SelectItem::ExprWithAlias { expr: value, alias: name.clone() };
        }
    }
    replace_in(&mut select.projection, &keys, &[]);
    replace_in(&mut select.selection, &keys, &[]);
    replace_in(&mut select.group_by, &keys, &[]);
    // These may mean a column of the result.
    let results: Vec<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        })
        .collect();
    replace_in(&mut select.distinct, &keys, &results);
    replace_in(&mut select.having, &keys, &results);
    replace_in(&mut select.qualify, &keys, &results);
    if let Some(OrderBy { kind: OrderByKind::Expressions(expressions), .. }) = order_by {
        replace_in(expressions, &keys, &results);
    }
}

fn replace_in(part: &mut impl VisitMut, keys: &[&Key], but_not: &[String]) {
    let mut parameters: Vec<String> = but_not.to_vec();
    // A lambda's parameters hide columns of their names.
    each_expr(part, |expr| {
        if let Expr::Lambda(lambda) = expr {
            parameters.extend(lambda.params.iter().map(|parameter| folded(&parameter.name)));
        }
        Ok::<(), Refusal>(())
    })
    .unwrap_or_default();
    each_expr(part, |expr| {
        if let Expr::Identifier(name) = expr
            && !parameters.contains(&folded(name))
            && let Some(value) = value_of(name, keys)
        {
            *expr = value;
        }
        Ok::<(), Refusal>(())
    })
    .unwrap_or_default();
}

/// What a name stands for, with the place where it is written. `None` if it is no key, or that of several.
fn value_of(name: &Ident, keys: &[&Key]) -> Option<Expr> {
    let mut found = keys.iter().filter(|key| same_name(&key.name, name));
    let (Some(key), None) = (found.next(), found.next()) else { return None };
    let mut value = key.value.as_ref().clone();
    each_expr(&mut value, |expr| {
        if let Expr::CompoundIdentifier(parts) = expr {
            parts.iter_mut().for_each(|part| part.span = name.span);
        }
        Ok::<(), Refusal>(())
    })
    .unwrap_or_default();
    Some(value)
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn all_columns_are_the_keys_and_then_the_others() {
        assert_eq!(
            rewritten("SELECT * FROM u LEFT JOIN t USING (a)"),
            "SELECT u.a, u.* EXCLUDE (a), t.* EXCLUDE (a) FROM u LEFT JOIN t ON u.a = t.a"
        );
        assert_eq!(
            rewritten("SELECT * FROM db.u AS x RIGHT JOIN db.t USING (a, B)"),
            "SELECT db.t.a, db.t.B, x.* EXCLUDE (a, b), db.t.* EXCLUDE (a, b) \
             FROM db.u AS x RIGHT JOIN db.t ON x.a = db.t.a AND x.B = db.t.B"
        );
        assert_eq!(
            rewritten("SELECT * FROM t FULL JOIN u USING (a)"),
            "SELECT coalesce(t.a, u.a) AS a, t.* EXCLUDE (a), u.* EXCLUDE (a) FROM t FULL JOIN u ON t.a = u.a"
        );
        assert_eq!(
            rewritten("SELECT 1, * FROM v, t JOIN u USING (a) CROSS JOIN e"),
            "SELECT 1, v.*, t.a, t.* EXCLUDE (a), u.* EXCLUDE (a), e.* FROM v, t JOIN u ON t.a = u.a CROSS JOIN e"
        );
        assert_eq!(
            rewritten("SELECT * EXCLUDE (a) FROM t JOIN u USING (a)"),
            "SELECT t.* EXCLUDE (a), u.* EXCLUDE (a) FROM t JOIN u ON t.a = u.a"
        );
    }

    #[test]
    fn a_key_of_three_tables_is_one_column() {
        assert_eq!(
            rewritten("SELECT * FROM t FULL JOIN u USING (a) LEFT JOIN w USING (a)"),
            "SELECT coalesce(t.a, u.a) AS a, t.* EXCLUDE (a), u.* EXCLUDE (a), w.* EXCLUDE (a) \
             FROM t FULL JOIN u ON t.a = u.a LEFT JOIN w ON coalesce(t.a, u.a) = w.a"
        );
        assert_eq!(
            rewritten("SELECT a FROM t RIGHT JOIN (u JOIN w USING (a)) USING (a)"),
            "SELECT u.a FROM t RIGHT JOIN (u JOIN w ON u.a = w.a) ON t.a = u.a"
        );
    }

    #[test]
    fn the_name_means_the_key_in_every_clause() {
        assert_eq!(
            rewritten(
                "SELECT a, a + 1 AS x, max(k) FROM t RIGHT JOIN u USING (a) WHERE a > 1 GROUP BY A HAVING min(a) > 1 \
                 QUALIFY rank() OVER (ORDER BY a) = 1 ORDER BY a, x, \"A\""
            ),
            "SELECT u.a, u.a + 1 AS x, max(k) FROM t RIGHT JOIN u ON t.a = u.a WHERE u.a > 1 GROUP BY u.a \
             HAVING min(u.a) > 1 QUALIFY rank() OVER (ORDER BY u.a) = 1 ORDER BY u.a, x, \"A\""
        );
        assert_eq!(
            rewritten("SELECT DISTINCT a FROM t FULL JOIN u USING (a) WHERE a > 1 ORDER BY a"),
            "SELECT DISTINCT coalesce(t.a, u.a) AS a FROM t FULL JOIN u ON t.a = u.a \
             WHERE coalesce(t.a, u.a) > 1 ORDER BY a"
        );
        assert_eq!(
            rewritten("SELECT -a AS a FROM t JOIN u USING (a) WHERE a = 2 ORDER BY a"),
            "SELECT -t.a AS a FROM t JOIN u ON t.a = u.a WHERE t.a = 2 ORDER BY a"
        );
        assert_eq!(
            rewritten("SELECT u.k FROM t JOIN u USING (a) JOIN v ON p = a"),
            "SELECT u.k FROM t JOIN u ON t.a = u.a JOIN v ON p = t.a"
        );
    }

    #[test]
    fn other_scopes_are_left_alone() {
        assert_eq!(
            rewritten(
                "SELECT t.a, u.a, (SELECT max(a) FROM w) AS m, list_filter(xs, a -> a > 1) FROM t JOIN u USING (a)"
            ),
            "SELECT t.a, u.a, (SELECT max(a) FROM w) AS m, list_filter(xs, a -> a > 1) FROM t JOIN u ON t.a = u.a"
        );
        unchanged("SELECT *, a FROM t JOIN u ON t.a = u.a WHERE t.a > 1");
    }

    #[test]
    fn semi_joins_give_one_side() {
        assert_eq!(
            rewritten("SELECT *, a FROM u LEFT SEMI JOIN t USING (a) WHERE a > 1"),
            "SELECT u.*, a FROM u LEFT SEMI JOIN t ON u.a = t.a WHERE a > 1"
        );
        assert_eq!(
            rewritten("SELECT k FROM u RIGHT ANTI JOIN t USING (a)"),
            "SELECT k FROM u RIGHT ANTI JOIN t ON u.a = t.a"
        );
    }

    #[test]
    fn a_name_for_the_whole_join_has_each_key_once() {
        assert_eq!(
            rewritten("SELECT y.a FROM (t JOIN u USING (a)) AS y"),
            "SELECT y.a FROM (SELECT t.a, t.* EXCLUDE (a), u.* EXCLUDE (a) FROM t JOIN u ON t.a = u.a) AS y"
        );
        unchanged("SELECT y.a FROM (t JOIN u ON t.a = u.a) AS y");
    }

    #[test]
    fn table_functions_have_their_own_name() {
        assert_eq!(
            rewritten("SELECT * FROM generate_series(1, 3) JOIN x USING (value)"),
            "SELECT generate_series.value, generate_series.* EXCLUDE (value), x.* EXCLUDE (value) \
             FROM generate_series(1, 3) AS generate_series JOIN x ON generate_series.value = x.value"
        );
    }

    #[test]
    fn what_depends_on_the_tables_columns_is_left_for_later() {
        for sql in [
            "SELECT * FROM t NATURAL JOIN u",
            "SELECT t.a FROM t NATURAL LEFT JOIN u",
            "SELECT a, x FROM t JOIN u USING(a) JOIN w USING(x) WHERE x = 1",
            "SELECT x FROM t CROSS JOIN u LEFT JOIN w USING(x)",
            "SELECT x FROM t JOIN u USING(x) JOIN (v CROSS JOIN w) USING(x)",
            "SELECT * EXCLUDE (b) FROM t JOIN u USING(a)",
        ] {
            unchanged(sql);
        }
    }

    #[test]
    fn a_subquery_gets_a_name() {
        assert_eq!(
            rewritten("SELECT * FROM t JOIN (SELECT 1 AS a) USING (a)"),
            "SELECT t.a, t.* EXCLUDE (a), subquery_1_23.* EXCLUDE (a) \
             FROM t JOIN (SELECT 1 AS a) AS subquery_1_23 ON t.a = subquery_1_23.a"
        );
    }
}
