//! From what a user may write to what DataFusion plans with the same meaning.
//!
//! DataFusion's planner leaves some clauses unread. Each is either put in other words here, one kind a file, or refused
//! with its place: a clause that is dropped in silence gives wrong rows.

mod any_of;
mod arrays;
mod ast;
mod casts;
mod chains;
mod column_case;
mod column_names;
mod cte;
mod distinct_on;
mod fetch;
mod field_access;
mod from_first;
mod function_clauses;
mod function_names;
mod grouping;
pub(crate) mod hive;
mod in_as_value;
mod innermost;
mod insert;
mod intervals;
mod joins;
mod like;
mod order_by_all;
mod quantified;
mod refused;
mod rlike;
mod row_in;
mod rows;
mod session_values;
mod set_operations;
mod shift_defaults;
mod similar_to;
mod strings;
mod subqueries;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod trim;
mod unnest;
mod unsigned;
mod using;
mod where_aliases;
mod wildcards;
mod windows;

pub(crate) use ast::constraint_of;
pub(super) use ast::{query_of, select_of, table_of};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, OrderBy, Query, Select, SetExpr, Statement, TableFactor, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

pub(crate) use column_case::{ColumnSpellings, fold_column_case};
pub(crate) use column_names::{name_casts, remember_names, tell_all_apart};
pub(crate) use session_values::fill_in_session_values;
pub(crate) use unsigned::sign_what_is_negated;
pub(crate) use using::{ColumnsOf, answer, next_question};
pub(crate) use where_aliases::resolve_where_aliases;

use super::dialect::Dialect;
use super::source::Source;
use super::visit::visit_mut;
use crate::error::{Error, Result};

/// Rewrites every query inside `part`, however deep.
pub(crate) fn to_datafusion(part: &mut impl VisitMut, dialect: Dialect, source: &Arc<Source>) -> Result<()> {
    let mut rewriter = Rewriter { source, near: Span::empty(), with_names: cte::WithNames::default() };
    let prepared = chains::balance_all(part).and_then(|()| match dialect {
        Dialect::Ansi => Ok(()),
        Dialect::Hive => hive::to_ansi(part),
    });
    let flow = match rewriter.outcome(prepared) {
        ControlFlow::Continue(()) => visit_mut(part, &mut rewriter),
        refused => refused,
    };
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter<'a> {
    source: &'a Arc<Source>,
    /// The last place that was passed, for clauses whose nodes have none.
    near: Span,
    with_names: cte::WithNames,
}

/// A clause that cannot be run, and where it stands.
struct Refusal {
    message: String,
    help: Option<String>,
    span: Span,
}

impl Refusal {
    fn new(message: impl Into<String>, span: Span) -> Self {
        Refusal { message: message.into(), help: None, span }
    }

    fn help(mut self, line: impl Into<String>) -> Self {
        self.help = Some(line.into());
        self
    }

    fn in_source(self, source: &Arc<Source>) -> Error {
        let mut error = Error::statement(self.message);
        if self.span != Span::empty() {
            error = error.at(source, self.span);
        }
        match self.help {
            Some(line) => error.help(line),
            None => error,
        }
    }
}

impl Rewriter<'_> {
    fn pass(&mut self, span: Span) {
        if span != Span::empty() {
            self.near = span;
        }
    }

    fn outcome(&self, result: std::result::Result<(), Refusal>) -> ControlFlow<Error> {
        let Err(mut refusal) = result else { return ControlFlow::Continue(()) };
        if refusal.span == Span::empty() {
            refusal.span = self.near;
        }
        ControlFlow::Break(refusal.in_source(self.source))
    }

    fn query(&mut self, query: &mut Query) -> std::result::Result<(), Refusal> {
        self.with_names.enter(query)?;
        refused::in_query(query)?;
        cte::to_datafusion(query)?;
        set_operations::to_datafusion(query)?;
        fetch::to_limit(query)?;
        order_by_all::to_positions(query)?;
        distinct_on::choose_before_sorting(query);
        match query.body.as_mut() {
            SetExpr::Select(select) => self.select(select, query.order_by.as_mut()),
            _ => query.order_by.as_mut().map_or(Ok(()), windows::inline_none),
        }
    }

    /// `order_by` is the one behind the SELECT, if it is the query's only one: names there have the SELECT's scope.
    fn select(&mut self, select: &mut Select, mut order_by: Option<&mut OrderBy>) -> std::result::Result<(), Refusal> {
        self.pass(select.select_token.0.span);
        refused::in_select(select)?;
        strings::refuse_side_by_side(select, self.source)?;
        wildcards::refuse(select)?;
        from_first::with_all_columns(select);
        casts::keep_names(select);
        field_access::keep_names(select);
        shift_defaults::keep_names(select);
        joins::in_select(select)?;
        windows::inline(select, order_by.as_deref_mut())?;
        windows::refuse_misplaced(select)?;
        using::to_conditions(select, order_by.as_deref_mut());
        wildcards::fold_names(select);
        distinct_on::sort_once(select, order_by.as_deref_mut());
        subqueries::in_filters(select)?;
        subqueries::outside_of_filters(select, order_by)?;
        grouping::to_datafusion(select)
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<Error> {
        let Statement::Insert(insert) = statement else { return ControlFlow::Continue(()) };
        self.pass(insert.insert_token.0.span);
        self.outcome(insert::to_datafusion(insert))
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let result = self.query(query);
        self.outcome(result)
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.with_names.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let result = self.select(select, None);
        self.outcome(result)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let result = tables::to_datafusion(factor)
            .and_then(|()| unnest::of_columns(factor))
            .and_then(|()| joins::in_table_factor(factor));
        self.outcome(result)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        arrays::to_function(expr);
        field_access::to_strings(expr);
        casts::with_length(expr);
        intervals::sign_of_all(expr);
        rlike::to_operator(expr);
        shift_defaults::to_condition(expr);
        let result = like::to_datafusion(expr)
            .and_then(|()| similar_to::to_regular_expression(expr))
            .and_then(|()| rows::compare_columns(expr))
            .and_then(|()| trim::to_datafusion(expr, self.source));
        self.outcome(result)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Identifier(name) => self.pass(name.span),
            Expr::Value(value) => self.pass(value.span),
            _ => {}
        }
        any_of::to_list(expr);
        quantified::to_aggregates(expr);
        let result = refused::in_expr(expr).and_then(|()| match expr {
            Expr::Function(function) => function_clauses::refuse(function),
            _ => Ok(()),
        });
        self.outcome(result)
    }
}
