//! Joins by name whose columns have to be asked for: NATURAL, chains of USING, `* EXCLUDE`.
//!
//! What a FROM item gives, DataFusion's planner knows best: the columns of tables, views, WITH, table functions and subqueries. So
//! [`next_question`] makes a query `SELECT * FROM item` for each item of a SELECT, to be planned with the tables that are open then, and
//! [`answer`] writes the joins out with the columns of those plans. Innermost queries come first: by the time that an outer one
//! asks, what it selects from means the right thing.

use std::sync::Arc;

use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableFactor, WildcardAdditionalOptions,
};

use super::{each_factor, name_of, names_columns, with_columns};
use crate::error::Result;
use crate::sql::rewrite::ast::{all_columns, query_of, quoted_if_needed, select_of};
use crate::sql::rewrite::innermost::{Scope, first, within};
use crate::sql::source::Source;

/// The names of a FROM item's columns; `None` if they could not be found out.
pub(crate) type ColumnsOf = Option<Vec<String>>;

/// Queries that have the columns of the FROM items of the first SELECT with joins by name; `None` if there is no such SELECT.
pub(crate) fn next_question(statement: &mut Statement) -> Option<Vec<Query>> {
    let mut step = |select: &mut Select, _: Option<&mut _>, scopes: &[Scope]| {
        let mut factors = Vec::new();
        select.from.iter().for_each(|table| each_factor(table, &mut factors));
        let questions = factors.iter().enumerate().map(|(at, item)| question(item, &factors[..at], scopes));
        questions.collect()
    };
    first(statement, has_joins_by_name, &mut step)
}

/// Writes out the joins of the SELECT that [`next_question`] asked about.
///
/// # Errors
///
/// If the columns that are to be compared are not there, or cannot be told apart.
pub(crate) fn answer(statement: &mut Statement, columns: Vec<ColumnsOf>, source: &Arc<Source>) -> Result<()> {
    let identifiers = |names: Vec<String>| names.into_iter().map(quoted_if_needed).collect();
    let mut columns = columns.into_iter().map(|names| names.map(identifiers));
    let mut step =
        |select: &mut Select, order_by: Option<&mut _>, _: &[Scope]| with_columns(select, order_by, &mut columns);
    match first(statement, has_joins_by_name, &mut step) {
        Some(Err(refusal)) => Err(refusal.in_source(source)),
        Some(Ok(())) | None => Ok(()),
    }
}

/// `SELECT * FROM item`; behind the items `before` it, if it may refer to them.
fn question(item: &TableFactor, before: &[&TableFactor], scopes: &[Scope]) -> Query {
    let mut item = item.clone();
    let refers = matches!(&item, TableFactor::Derived { lateral: true, .. } | TableFactor::UNNEST { .. });
    let select = match name_of(&mut item).filter(|_| refers) {
        Some(name) => {
            let mut items = before.iter().map(|item| (*item).clone()).chain([item]);
            let mut select = select_of(vec![all_columns_of(name)], items.next());
            let joins = items.map(|relation| Join {
                relation,
                global: false,
                join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
            });
            select.from.iter_mut().for_each(|table| table.joins.extend(joins.clone()));
            select
        }
        None => select_of(vec![all_columns()], Some(item)),
    };
    within(scopes, query_of(SetExpr::Select(Box::new(select))))
}

fn has_joins_by_name(select: &Select) -> bool {
    select.from.iter().any(names_columns)
}

fn all_columns_of(table: ObjectName) -> SelectItem {
    let table = SelectItemQualifiedWildcardKind::ObjectName(table);
    SelectItem::QualifiedWildcard(table, WildcardAdditionalOptions::default())
}
