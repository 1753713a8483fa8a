//! `SELECT *, k FROM l LEFT JOIN r USING (k)` → `SELECT l.k, l.* EXCLUDE (k), r.* EXCLUDE (k), l.k FROM l LEFT JOIN r ON l.k = r.k`
//!
//! The column that USING makes of two is the left one; behind a RIGHT JOIN the right one; behind a FULL JOIN the one that is
//! not NULL. DataFusion takes the left one always, and for `*` the one whose table's name sorts first: NULL would stand in
//! the place of keys that are there, and columns in another order. In WHERE it takes neither and calls the name ambiguous.
//!
//! The tables' columns are not known here, so some queries cannot be written out; those where a wrong column could come out
//! are refused.

use sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, ExcludeSelectItem, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, OrderBy, OrderByKind, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned,
    TableAlias, TableFactor, TableWithJoins, VisitMut, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{
    all_columns, bare, call, constraint, each_expr, folded, joined, query_of, same_name, select_of, table_of,
};

/// Writes out the joins of a SELECT, and the names in it and in the ORDER BY behind it.
pub(super) fn to_conditions(select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<(), Refusal> {
    if !select.from.iter().any(names_columns) {
        return Ok(());
    }
    let mut columns = Columns::default();
    for from in &mut select.from {
        columns.append(in_table(from)?);
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

fn constraint_of(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

/// The columns that FROM gives, in the order of `SELECT *`.
#[derive(Default)]
struct Columns {
    parts: Vec<Part>,
    /// Where it stops being known what `*` would be, and why.
    unclear: Option<(Span, String)>,
}

enum Part {
    /// A column that USING made of two.
    Key(Key),
    /// All columns of a table but those that went into keys.
    Table { name: Option<ObjectName>, without: Vec<Ident> },
}

struct Key {
    name: Ident,
    /// `None`: what DataFusion finds under the name is right, but which table it is from is not known here.
    value: Option<Box<Expr>>,
}

/// What a name means on one side of a join.
enum Meaning {
    Known(Box<Expr>),
    /// One of several tables has it.
    OneOfSeveral,
    /// It is a key that could not be written out.
    Unwritten,
}

impl Columns {
    fn append(&mut self, other: Columns) {
        self.parts.extend(other.parts);
        self.unclear = self.unclear.take().or(other.unclear);
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.parts.iter().filter_map(|part| match part {
            Part::Key(key) => Some(key),
            Part::Table { .. } => None,
        })
    }

    fn has_key(&self, name: &Ident) -> bool {
        self.keys().any(|key| same_name(&key.name, name))
    }

    fn meaning(&self, name: &Ident) -> Meaning {
        let mut keys = self.keys().filter(|key| same_name(&key.name, name));
        match (keys.next(), keys.next()) {
            (Some(Key { value: Some(value), .. }), None) => return Meaning::Known(value.clone()),
            (Some(_), _) => return Meaning::Unwritten,
            (None, _) => {}
        }
        match self.parts.as_slice() {
            [Part::Table { name: Some(table), .. }] => Meaning::Known(Box::new(column(table, name))),
            _ => Meaning::OneOfSeveral,
        }
    }

    /// Takes a column out, because it goes into a key.
    fn remove(&mut self, name: &Ident) {
        let before = self.parts.len();
        self.parts.retain(|part| !matches!(part, Part::Key(key) if same_name(&key.name, name)));
        if self.parts.len() < before {
            return;
        }
        if let [Part::Table { without, .. }] = self.parts.as_mut_slice() {
            without.push(name.clone());
            return;
        }
        let reason = format!("which of the tables column {name} of USING is from is not known");
        self.unclear.get_or_insert((name.span, reason));
    }
}

/// `table.name`
fn column(table: &ObjectName, name: &Ident) -> Expr {
    let mut parts: Vec<Ident> = table.0.iter().filter_map(|part| part.as_ident()).cloned().collect();
    for part in &mut parts {
        part.span = name.span;
    }
    parts.push(name.clone());
    Expr::CompoundIdentifier(parts)
}

fn in_table(table: &mut TableWithJoins) -> Result<Columns, Refusal> {
    let mut columns = in_factor(&mut table.relation)?;
    for join in &mut table.joins {
        let right = in_factor(&mut join.relation)?;
        columns = in_join(columns, right, join)?;
    }
    Ok(columns)
}

fn in_factor(factor: &mut TableFactor) -> Result<Columns, Refusal> {
    if let TableFactor::NestedJoin { table_with_joins, alias } = factor {
        match alias {
            None => return in_table(table_with_joins),
            Some(_) if names_columns(table_with_joins) => select_all(factor),
            Some(_) => {}
        }
    }
    Ok(Columns { parts: vec![Part::Table { name: name_of(factor), without: Vec::new() }], unclear: None })
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

/// The name that columns of a FROM item have in front of them. A table function gets its own, as in PostgreSQL; a subquery
/// may have none.
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
    let is_inner =
        matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_));
    let mut keys = Vec::new();
    match constraint(&mut join.join_operator) {
        Some(JoinConstraint::Natural) if is_inner => {
            let reason = "NATURAL JOIN does not name its columns".to_string();
            left.unclear.get_or_insert((place, reason));
        }
        Some(JoinConstraint::Natural) => {
            return Err(Refusal::new("NATURAL is supported with an inner JOIN only", place)
                .help("write USING and the columns that both tables have: LEFT JOIN t USING (a, b)"));
        }
        Some(JoinConstraint::On(condition)) => {
            let known: Vec<&Key> = left.keys().chain(right.keys()).collect();
            replace_in(condition, &known, &[]);
        }
        Some(constraint @ JoinConstraint::Using(_)) => keys = in_using(constraint, &left, &right, key_side, is_inner)?,
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
    let mut columns = Columns { parts: keys.into_iter().map(Part::Key).collect(), unclear: None };
    columns.append(left);
    columns.append(right);
    Ok(columns)
}

/// `USING (k)` → `ON l.k = r.k`, where both sides are known, and the keys that come of it.
fn in_using(
    constraint: &mut JoinConstraint,
    left: &Columns,
    right: &Columns,
    side: Side,
    is_inner: bool,
) -> Result<Vec<Key>, Refusal> {
    let JoinConstraint::Using(names) = constraint else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    let mut conditions = Vec::new();
    for object in names.iter() {
        let Some(name) = bare(object).cloned() else {
            return Err(Refusal::new("USING takes names of columns without their table", object.span()));
        };
        let span = name.span;
        let value = match (left.meaning(&name), right.meaning(&name)) {
            (Meaning::Known(left), Meaning::Known(right)) => {
                let value = match side {
                    Side::Left => left.clone(),
                    Side::Right => right.clone(),
                    Side::Both => Box::new(call("coalesce", vec![left.as_ref().clone(), right.as_ref().clone()], span)),
                };
                conditions.push(Expr::BinaryOp { left, op: BinaryOperator::Eq, right });
                Some(value)
            }
            // DataFusion finds the column: exactly one of the tables has it.
            (Meaning::Known(value), Meaning::OneOfSeveral) if side == Side::Left && !left.has_key(&name) => Some(value),
            (Meaning::OneOfSeveral, Meaning::Known(value))
                if (side == Side::Right || is_inner) && !right.has_key(&name) =>
            {
                Some(value)
            }
            (Meaning::OneOfSeveral, Meaning::Known(_) | Meaning::OneOfSeveral)
                if side == Side::Left && !right.has_key(&name) =>
            {
                None
            }
            _ => {
                return Err(unclear_key(&name));
            }
        };
        keys.push(Key { name, value });
    }
    // One that cannot be written out keeps the others in USING.
    if conditions.len() == keys.len() {
        if let Some(condition) = joined(conditions, BinaryOperator::And) {
            *constraint = JoinConstraint::On(condition);
        }
        return Ok(keys);
    }
    match keys.iter().find(|key| left.has_key(&key.name) || right.has_key(&key.name)) {
        Some(key) => Err(unclear_key(&key.name)),
        None => Ok(keys),
    }
}

fn unclear_key(name: &Ident) -> Refusal {
    Refusal::new(format!("which table column {name} of USING is from cannot be told here"), name.span)
        .help(format!("write ON, with the tables' names: ON a.{name} = b.{name}"))
}

/// `*` → the keys, then each table's other columns.
fn expand_star(projection: &mut Vec<SelectItem>, columns: &Columns) -> Result<(), Refusal> {
    let mut items = Vec::new();
    for item in std::mem::take(projection) {
        match item {
            SelectItem::Wildcard(options) => expand(&options, columns, &mut items)?,
            other => items.push(other),
        }
    }
    *projection = items;
    Ok(())
}

fn expand(options: &WildcardAdditionalOptions, columns: &Columns, items: &mut Vec<SelectItem>) -> Result<(), Refusal> {
    let span = options.wildcard_token.0.span;
    let refuse = |reason: &str, help: &'static str| {
        Err(Refusal::new(format!("* cannot be written out here: {reason}"), span).help(help))
    };
    const NAME_THEM: &str = "name the columns, or write JOIN … ON";
    if let Some((_, reason)) = &columns.unclear {
        return refuse(reason, NAME_THEM);
    }
    let left_out = left_out(options);
    let is_key = |name: &Ident| columns.keys().any(|key| same_name(&key.name, name));
    let Some(left_out) = left_out.filter(|names| names.iter().all(is_key)) else {
        return refuse("behind USING it takes EXCLUDE for its columns only", NAME_THEM);
    };
    for part in &columns.parts {
        match part {
            Part::Key(key) if left_out.iter().any(|name| same_name(name, &key.name)) => {}
            Part::Key(Key { value: Some(value), name }) => items.push(match value.as_ref() {
                Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(value.as_ref().clone()),
                _ => SelectItem::ExprWithAlias { expr: value.as_ref().clone(), alias: name.clone() },
            }),
            Part::Key(Key { value: None, name }) => return Err(unclear_key(name)),
            Part::Table { name: None, .. } => {
                return refuse("a subquery in FROM has no name", "give it one: (SELECT …) AS x");
            }
            Part::Table { name: Some(name), without } => {
                let names = without.iter().map(|name| ObjectName(vec![ObjectNamePart::Identifier(name.clone())]));
                let opt_exclude = match without.is_empty() {
                    true => None,
                    false => Some(ExcludeSelectItem::Multiple(names.collect())),
                };
                let options = WildcardAdditionalOptions { opt_exclude, ..WildcardAdditionalOptions::default() };
                let table = SelectItemQualifiedWildcardKind::ObjectName(name.clone());
                items.push(SelectItem::QualifiedWildcard(table, options));
            }
        }
    }
    Ok(())
}

/// The names behind EXCLUDE or EXCEPT; `None` if other words stand behind `*`, or other names than columns'.
fn left_out(options: &WildcardAdditionalOptions) -> Option<Vec<Ident>> {
    let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, opt_alias, .. } =
        options;
    if opt_ilike.is_some() || opt_replace.is_some() || opt_rename.is_some() || opt_alias.is_some() {
        return None;
    }
    let mut names = match opt_exclude {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![bare(name)?.clone()],
        Some(ExcludeSelectItem::Multiple(names)) => {
            names.iter().map(|name| bare(name).cloned()).collect::<Option<Vec<_>>>()?
        }
    };
    if let Some(ExceptSelectItem { first_element, additional_elements }) = opt_except {
        names.push(first_element.clone());
        names.extend(additional_elements.iter().cloned());
    }
    Some(names)
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
    let mut value = key.value.as_deref()?.clone();
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
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

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
        unchanged("SELECT a FROM t NATURAL JOIN u");
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
    fn keys_of_one_of_several_tables_stay_in_using() {
        assert_eq!(
            rewritten("SELECT a, x FROM t JOIN u USING (a) JOIN w USING (x) WHERE x = 1"),
            "SELECT t.a, w.x FROM t JOIN u ON t.a = u.a JOIN w USING(x) WHERE w.x = 1"
        );
        unchanged("SELECT x FROM t CROSS JOIN u LEFT JOIN w USING(x)");
        assert_eq!(
            rewritten("SELECT x FROM t CROSS JOIN u RIGHT JOIN w USING (x)"),
            "SELECT w.x FROM t CROSS JOIN u RIGHT JOIN w USING(x)"
        );
    }

    #[test]
    fn what_could_give_a_wrong_column_is_refused() {
        let unclear = "which table column x of USING is from cannot be told here";
        let help = refused("SELECT x FROM t CROSS JOIN u FULL JOIN w USING (▸x)", unclear);
        assert_eq!(help, "write ON, with the tables' names: ON a.x = b.x");
        refused("SELECT x FROM t CROSS JOIN u LEFT JOIN w USING (x) LEFT JOIN v USING (▸x)", unclear);
        refused("SELECT x FROM t JOIN u USING (x) JOIN (v CROSS JOIN w) USING (▸x)", unclear);
        refused(
            "SELECT ▸* FROM t JOIN u USING (a) JOIN w USING (x)",
            "* cannot be written out here: which of the tables column x of USING is from is not known",
        );
        refused(
            "SELECT ▸* FROM t NATURAL JOIN u",
            "* cannot be written out here: NATURAL JOIN does not name its columns",
        );
        refused(
            "SELECT ▸* FROM t JOIN (SELECT 1 AS a) USING (a)",
            "* cannot be written out here: a subquery in FROM has no name",
        );
        refused(
            "SELECT ▸* EXCLUDE (b) FROM t JOIN u USING (a)",
            "* cannot be written out here: behind USING it takes EXCLUDE for its columns only",
        );
        for join in ["LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI"] {
            refused(
                &format!("SELECT t.a FROM t NATURAL {join} JOIN ▸u"),
                "NATURAL is supported with an inner JOIN only",
            );
        }
    }
}
