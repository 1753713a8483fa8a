//! The first SELECT of a statement that cannot be written out before something is known about what it selects from
//!
//! What a FROM item gives, DataFusion's planner knows best. So a rule that has to know makes a query of it, which is planned with the
//! tables that are open then, and goes on with the answer. Innermost queries come first: by the time that an outer one asks, what it selects
//! from means the right thing.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{OrderBy, Query, Select, SetExpr, VisitorMut, With};

use super::ast::query_of;
use crate::sql::visit::visit_mut;

/// Does `step` with the first SELECT that is `wanted`, innermost queries before those around them; with the ORDER BY behind it, if it is
/// the query's only SELECT, and with the queries around it.
pub(super) fn first<B>(statement: &mut Statement, wanted: fn(&Select) -> bool, step: Step<'_, B>) -> Option<B> {
    let mut visitor = Innermost { scopes: Vec::new(), wanted, step };
    let flow = match statement {
        Statement::Statement(ast) => visit_mut(ast.as_mut(), &mut visitor),
        Statement::Explain(explain) => return first(&mut explain.statement, wanted, step),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => visit_mut(query.as_mut(), &mut visitor),
            CopyToSource::Relation(_) => return None,
        },
        _ => return None,
    };
    flow.break_value()
}

pub(super) type Step<'a, B> = &'a mut dyn FnMut(&mut Select, Option<&mut OrderBy>, &[Scope]) -> B;

/// The query as it would stand within `scopes`: with the queries of WITH that are visible there.
pub(super) fn within(scopes: &[Scope], mut query: Query) -> Query {
    for with in scopes.iter().rev().filter_map(Scope::visible) {
        query = match query.with {
            None => Query { with: Some(with), ..query },
            // A name may come again further out.
            Some(_) => Query { with: Some(with), ..query_of(SetExpr::Query(Box::new(query))) },
        };
    }
    query
}

/// A query around the place where the walk is.
pub(super) struct Scope {
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
    wanted: fn(&Select) -> bool,
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
            && (self.wanted)(select)
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
        match !is_whole_query && (self.wanted)(select) {
            true => ControlFlow::Break((self.step)(select, None, &self.scopes)),
            false => ControlFlow::Continue(()),
        }
    }
}
