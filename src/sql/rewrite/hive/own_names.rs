//! `LATERAL VIEW explode(m) e` → `CROSS JOIN LATERAL (SELECT … AS key, … AS value) AS e`, if `m` is a map
//!
//! Without names in the query, Hive gives the columns those that the function has for what it is called with. How many there are is known
//! with the type of the argument. Until the tables are open such a call stands as a function that does not exist: [`next_question`] is a
//! query for its argument, and [`answer`] writes the columns out when the type of that is known.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::parser::Statement;
use sqlparser::ast::{Expr, Function, Ident, Query, Select, SelectItem, SetExpr, Spanned, TableFactor};

use super::super::Refusal;
use super::super::ast::{bare, call, query_of, quoted_if_needed, select_of};
use super::super::innermost::{Scope, first, within};
use super::table_functions::{self, arguments, columns};
use crate::error::Result;
use crate::sql::source::Source;

/// The names under which calls wait.
const WAITING: [(&str, &str); 3] = [
    ("explode", "ostrich_explode_by_type"),
    ("posexplode", "ostrich_posexplode_by_type"),
    ("inline", "ostrich_inline_by_type"),
];

/// A call whose columns are not known yet; `None` if the function is none for which that has to wait.
pub(super) fn waiting(function: &str, argument: Expr) -> Option<SelectItem> {
    let (_, name) = WAITING.iter().find(|(waits, _)| *waits == function)?;
    let span = argument.span();
    Some(SelectItem::ExprWithAlias { expr: call(name, vec![argument], span), alias: Ident::new("col") })
}

/// A query for the argument of the first call that waits; `None` if none does.
pub(crate) fn next_question(statement: &mut Statement) -> Option<Query> {
    let mut step = |select: &mut Select, _: Option<&mut _>, scopes: &[Scope]| question(select, scopes);
    first(statement, has_waiting, &mut step).flatten()
}

/// Writes out the columns of the call that [`next_question`] asked about. `given` is the type of its argument, if it could be found out.
///
/// # Errors
///
/// If the function does not take it.
pub(crate) fn answer(statement: &mut Statement, given: Option<&DataType>, source: &Arc<Source>) -> Result<()> {
    let mut step = |select: &mut Select, _: Option<&mut _>, _: &[Scope]| write_out(select, given);
    match first(statement, has_waiting, &mut step) {
        Some(Err(refusal)) => Err(refusal.in_source(source)),
        Some(Ok(())) | None => Ok(()),
    }
}

fn has_waiting(select: &Select) -> bool {
    place(select).is_some()
}

/// Where the first call that waits stands in FROM: in which of the tables between commas, and behind how many joins.
fn place(select: &Select) -> Option<(usize, usize)> {
    select.from.iter().enumerate().find_map(|(at, table)| {
        let mut factors = std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation));
        factors.position(|factor| waiting_in(factor).is_some()).map(|behind| (at, behind))
    })
}

/// The function, and its argument.
fn waiting_in(factor: &TableFactor) -> Option<(&'static str, Expr)> {
    let TableFactor::Derived { lateral: true, subquery, .. } = factor else { return None };
    let SetExpr::Select(select) = subquery.body.as_ref() else { return None };
    let [SelectItem::ExprWithAlias { expr: Expr::Function(call), .. }] = select.projection.as_slice() else {
        return None;
    };
    waiting_call(call)
}

fn waiting_call(call: &Function) -> Option<(&'static str, Expr)> {
    let name = bare(&call.name)?;
    let (function, _) = WAITING.iter().find(|(_, waits)| name.value == *waits)?;
    arguments(&call.args).pop().map(|argument| (*function, argument))
}

/// `SELECT argument FROM …`, with what stands before the call.
fn question(select: &Select, scopes: &[Scope]) -> Option<Query> {
    let (at, behind) = place(select)?;
    let mut from = select.from.get(..=at)?.to_vec();
    let mut last = from.pop()?;
    let factor = match behind.checked_sub(1) {
        None => last.relation,
        Some(join) => {
            let factor = last.joins.get(join)?.relation.clone();
            last.joins.truncate(join);
            from.push(last);
            factor
        }
    };
    let (_, argument) = waiting_in(&factor)?;
    let mut query = select_of(vec![SelectItem::UnnamedExpr(argument)], None);
    query.from = from;
    Some(within(scopes, query_of(SetExpr::Select(Box::new(query)))))
}

fn write_out(select: &mut Select, given: Option<&DataType>) -> std::result::Result<(), Refusal> {
    let Some((at, behind)) = place(select) else { return Ok(()) };
    let Some(table) = select.from.get_mut(at) else { return Ok(()) };
    let factor = match behind.checked_sub(1) {
        None => &mut table.relation,
        Some(join) => match table.joins.get_mut(join) {
            Some(join) => &mut join.relation,
            None => return Ok(()),
        },
    };
    let Some((function, argument)) = waiting_in(factor) else { return Ok(()) };
    let span = argument.span();
    let items = match names(function, given) {
        Some(names) => {
            let rows = table_functions::rows(function, argument);
            columns(&rows, names, span)
        }
        None if function == "inline" && given.is_some() => {
            return Err(Refusal::new("inline() takes an array of structs", span));
        }
        None => table_functions::elements(argument, Ident::new("col")),
    };
    let TableFactor::Derived { subquery, alias, .. } = factor else { return Ok(()) };
    let alias = alias.as_ref().map(|alias| alias.name.clone());
    if let (Some(table), true) = (&alias, items.len() > 1 || function == "inline") {
        in_select_list(&mut select.projection, table, &items);
    }
    if let SetExpr::Select(inner) = subquery.body.as_mut() {
        inner.projection = items;
    }
    Ok(())
}

/// What Hive calls the columns; `None` if there is one, of elements.
fn names(function: &str, given: Option<&DataType>) -> Option<Vec<Ident>> {
    let named = |names: &[&str]| Some(names.iter().copied().map(Ident::new).collect());
    match (function, given?) {
        ("explode", DataType::Map(..)) => named(&["key", "value"]),
        ("posexplode", DataType::Map(..)) => named(&["pos", "key", "value"]),
        ("posexplode", _) => named(&["pos", "col"]),
        ("inline", DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _)) => {
            match element.data_type() {
                DataType::Struct(fields) => {
                    Some(fields.iter().map(|field| quoted_if_needed(field.name().clone())).collect())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `_rows0.col AS col` → `_rows0.key AS key, _rows0.value AS value`, where a call stood in the SELECT list.
fn in_select_list(projection: &mut Vec<SelectItem>, table: &Ident, items: &[SelectItem]) {
    let is_call = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr: Expr::CompoundIdentifier(names), .. } => {
            table.value.starts_with(table_functions::MOVED) && names.first() == Some(table)
        }
        _ => false,
    };
    if let Some(at) = projection.iter().position(is_call) {
        projection.splice(at..=at, table_functions::selected(items, table));
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Fields};
    use datafusion::sql::parser::Statement as PlannedStatement;

    use super::*;
    use crate::sql::rewrite::testing::parsed_hive;

    /// The questions of a statement, and what it becomes when each is answered with a type.
    fn asked(sql: &str, types: &[DataType]) -> (Vec<String>, std::result::Result<String, String>) {
        let source = Source::new("q.sql", sql);
        let mut statement = PlannedStatement::Statement(parsed_hive(sql));
        let mut questions = Vec::new();
        let mut types = types.iter();
        while let Some(question) = next_question(&mut statement) {
            questions.push(question.to_string());
            if let Err(error) = answer(&mut statement, types.next(), &source) {
                return (questions, Err(error.to_string()));
            }
        }
        (questions, Ok(statement.to_string()))
    }

    fn list_of(element: DataType) -> DataType {
        DataType::new_list(element, true)
    }

    fn map() -> DataType {
        let fields = Fields::from(vec![Field::new("k", DataType::Utf8, false), Field::new("v", DataType::Int64, true)]);
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields), false)), false)
    }

    #[test]
    fn a_map_has_a_key_and_a_value() {
        let (questions, becomes) = asked("SELECT id, key FROM t LATERAL VIEW explode(t.m) e", &[map()]);
        assert_eq!(questions, ["SELECT t.m FROM t"]);
        assert_eq!(
            becomes.unwrap(),
            "SELECT id, key FROM t CROSS JOIN LATERAL (SELECT ostrich_field_at(unnest(hive_explode_map(t.m)), 0) AS key, \
             ostrich_field_at(unnest(hive_explode_map(t.m)), 1) AS value) AS e"
        );
    }

    #[test]
    fn an_array_has_one_column() {
        let (questions, becomes) =
            asked("WITH t AS (SELECT 1 AS a) SELECT col FROM t LATERAL VIEW explode(a) e", &[list_of(DataType::Int64)]);
        assert_eq!(questions, ["WITH t AS (SELECT 1 AS a) SELECT a FROM t"]);
        assert_eq!(
            becomes.unwrap(),
            "WITH t AS (SELECT 1 AS a) SELECT col FROM t CROSS JOIN LATERAL (SELECT unnest(a) AS col) AS e"
        );
    }

    #[test]
    fn the_next_call_asks_with_the_columns_of_the_one_before() {
        let (questions, _) = asked(
            "SELECT 1 AS c FROM t LATERAL VIEW explode(m) e LATERAL VIEW posexplode(e.value) f",
            &[map(), list_of(DataType::Int64)],
        );
        assert_eq!(
            questions[1],
            "SELECT e.value FROM t CROSS JOIN LATERAL (SELECT ostrich_field_at(unnest(hive_explode_map(m)), 0) AS key, \
             ostrich_field_at(unnest(hive_explode_map(m)), 1) AS value) AS e"
        );
    }

    #[test]
    fn columns_of_a_call_in_the_select_list_stand_there() {
        let fields = Fields::from(vec![Field::new("a", DataType::Int64, true), Field::new("B", DataType::Utf8, true)]);
        let (_, becomes) = asked("SELECT id, inline(s) FROM t", &[list_of(DataType::Struct(fields))]);
        assert_eq!(
            becomes.unwrap(),
            "SELECT id, _rows0.a AS a, _rows0.\"B\" AS \"B\" FROM t CROSS JOIN LATERAL \
             (SELECT ostrich_field_at(unnest(s), 0) AS a, ostrich_field_at(unnest(s), 1) AS \"B\") AS _rows0"
        );
    }

    #[test]
    fn inline_needs_structs() {
        let (_, becomes) = asked("SELECT inline(a) FROM t", &[list_of(DataType::Int64)]);
        assert!(becomes.unwrap_err().contains("inline() takes an array of structs"));
    }
}
