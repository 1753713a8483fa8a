//! From what a user may write to what DataFusion plans with the same meaning.
//!
//! DataFusion's planner leaves some clauses unread. Each is either put in other words here, one kind a file, or refused
//! with its place: a clause that is dropped in silence gives wrong rows.

mod column_case;
mod fetch;
mod grouping;
mod refused;

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, Query, Select, TableFactor, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

pub(crate) use column_case::{ColumnSpellings, fold_column_case};

use super::source::Source;
use crate::error::{Error, Result};

/// Rewrites every query inside `part`, however deep.
pub(crate) fn to_datafusion(part: &mut impl VisitMut, source: &Arc<Source>) -> Result<()> {
    match part.visit(&mut Rewriter { source }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter<'a> {
    source: &'a Arc<Source>,
}

/// A clause that cannot be run, and where it stands.
struct Refusal {
    message: String,
    help: Option<&'static str>,
    span: Span,
}

impl Refusal {
    fn new(message: impl Into<String>, span: Span) -> Self {
        Refusal { message: message.into(), help: None, span }
    }

    fn help(mut self, line: &'static str) -> Self {
        self.help = Some(line);
        self
    }
}

impl Rewriter<'_> {
    fn outcome(&self, result: std::result::Result<(), Refusal>) -> ControlFlow<Error> {
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => {
                let error = Error::statement(refusal.message).at(self.source, refusal.span);
                ControlFlow::Break(match refusal.help {
                    Some(line) => error.help(line),
                    None => error,
                })
            }
        }
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.outcome(refused::in_query(query).and_then(|()| fetch::to_limit(query)))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        self.outcome(refused::in_select(select).and_then(|()| grouping::modifiers_to_sets(select)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        self.outcome(refused::in_table_factor(factor))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        self.outcome(refused::in_expr(expr))
    }
}
