//! Joins by name whose columns have to be asked for: NATURAL, chains of USING, `* EXCLUDE`.
//!
//! What a FROM item gives, DataFusion's planner knows best: the columns of tables, views, WITH, table functions and subqueries. So
//! [`next_question`] makes a query `SELECT * FROM item` for each item of a SELECT, to be planned with the tables that are open then, and
//! [`answer`] writes the joins out with the columns of those plans. Innermost queries come first: by the time that an outer one
//! asks, what it selects from means the right thing.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderBy, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, VisitorMut, WildcardAdditionalOptions, With,
};

use super::{each_factor, name_of, names_columns, with_columns};
use crate::error::Result;
use crate::sql::rewrite::ast::{all_columns, query_of, select_of};
use crate::sql::source::Source;
use crate::sql::visit::visit_mut;

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
    first(statement, &mut step)
}

/// Writes out the joins of the SELECT that [`next_question`] asked about.
///
/// # Errors
///
/// If the columns that are to be compared are not there, or cannot be told apart.
pub(crate) fn answer(statement: &mut Statement, columns: Vec<ColumnsOf>, source: &Arc<Source>) -> Result<()> {
    let identifiers = |names: Vec<String>| names.into_iter().map(identifier).collect();
    let mut columns = columns.into_iter().map(|names| names.map(identifiers));
    let mut step =
        |select: &mut Select, order_by: Option<&mut _>, _: &[Scope]| with_columns(select, order_by, &mut columns);
    match first(statement, &mut step) {
        Some(Err(refusal)) => Err(refusal.in_source(source)),
        Some(Ok(())) | None => Ok(()),
    }
}

/// The name, quoted if it would not be found otherwise.
fn identifier(name: String) -> Ident {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
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
    let mut query = query_of(SetExpr::Select(Box::new(select)));
    for with in scopes.iter().rev().filter_map(Scope::visible) {
        query = match query.with {
            None => Query { with: Some(with), ..query },
            // A name may come again further out.
            Some(_) => Query { with: Some(with), ..query_of(SetExpr::Query(Box::new(query))) },
        };
    }
    query
}

fn all_columns_of(table: ObjectName) -> SelectItem {
    let table = SelectItemQualifiedWildcardKind::ObjectName(table);
    SelectItem::QualifiedWildcard(table, WildcardAdditionalOptions::default())
}

/// Does `step` with the first SELECT, innermost queries before those around them, that has joins by name; with the ORDER BY behind it, if
/// it is the query's only SELECT, and with the queries around it.
fn first<B>(statement: &mut Statement, step: Step<'_, B>) -> Option<B> {
    let mut visitor = Innermost { scopes: Vec::new(), step };
    let flow = match statement {
        Statement::Statement(ast) => visit_mut(ast.as_mut(), &mut visitor),
        Statement::Explain(explain) => return first(&mut explain.statement, step),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => visit_mut(query.as_mut(), &mut visitor),
            CopyToSource::Relation(_) => return None,
        },
        _ => return None,
    };
    flow.break_value()
}

type Step<'a, B> = &'a mut dyn FnMut(&mut Select, Option<&mut OrderBy>, &[Scope]) -> B;

/// A query around the place where the walk is.
struct Scope {
    with: Option<With>,
    /// How many of the queries right below it are done. Those of WITH come first.
    done: usize,
    /// Whether the query is one SELECT, which has the query's ORDER BY.
    is_select: bool,
}

impl Scope {
    /// What WITH has defined before this place.
    fn visible(&self) -> Option<With> {
        let mut with = self.with.clone()?;
        // A recursive query sees itself.
        with.cte_tables.truncate(self.done + usize::from(with.recursive));
        (!with.cte_tables.is_empty()).then_some(with)
    }
}

struct Innermost<'a, B> {
    scopes: Vec<Scope>,
    step: Step<'a, B>,
}

impl<B> VisitorMut for Innermost<'_, B> {
    type Break = B;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<B> {
        let is_select = matches!(query.body.as_ref(), SetExpr::Select(_));
        self.scopes.push(Scope { with: query.with.clone(), done: 0, is_select });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<B> {
        if let SetExpr::Select(select) = query.body.as_mut()
            && select.from.iter().any(names_columns)
        {
            return ControlFlow::Break((self.step)(select, query.order_by.as_mut(), &self.scopes));
        }
        self.scopes.pop();
        if let Some(outer) = self.scopes.last_mut() {
            outer.done += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<B> {
        let is_whole_query = self.scopes.last().is_some_and(|scope| scope.is_select);
        match !is_whole_query && select.from.iter().any(names_columns) {
            true => ControlFlow::Break((self.step)(select, None, &self.scopes)),
            false => ControlFlow::Continue(()),
        }
    }
}
