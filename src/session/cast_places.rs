//! Where a cast stands that failed
//!
//! It fails when rows are read or constants computed, and nobody knows then where it was written. If the statement has one cast to the
//! type, it is that one.

use std::ops::ControlFlow;

use sqlparser::ast::{CastKind, Expr, Query, Spanned, Statement as Ast, Visitor};
use sqlparser::tokenizer::Span;

use crate::error::Error;
use crate::sql::statement::{ParsedStatement, Statement};
use crate::sql::types;
use crate::sql::visit::visit;

/// The error at its cast, if it is of one and that can be told.
pub(crate) fn point(error: Error, parsed: &ParsedStatement) -> Error {
    let place = error.failed_cast().and_then(|wanted| place(&parsed.statement, wanted));
    match place {
        Some(place) => error.at(&parsed.source, place),
        None => error,
    }
}

fn place(statement: &Statement, wanted: &str) -> Option<Span> {
    let mut casts = Casts { wanted, found: Vec::new() };
    match statement {
        Statement::Query(ast) | Statement::Insert(ast) => casts.in_ast(ast),
        other => casts.in_query(other.query()?),
    }
    let first = casts.found.first().copied()?;
    // A rewrite may have written one cast twice.
    casts.found.iter().all(|other| *other == first).then_some(first)
}

struct Casts<'a> {
    wanted: &'a str,
    found: Vec<Span>,
}

impl Casts<'_> {
    fn in_ast(&mut self, ast: &Ast) {
        let _ = visit(ast, self);
    }

    fn in_query(&mut self, query: &Query) {
        let _ = visit(query, self);
    }

    fn is_wanted(&self, data_type: &sqlparser::ast::DataType) -> bool {
        types::from_sql(data_type).is_ok_and(|data_type| {
            let name = types::to_sql(&data_type);
            let base = name.split('(').next().unwrap_or(&name).trim_end();
            base == self.wanted
        })
    }
}

impl Visitor for Casts<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let (data_type, span) = match expr {
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, data_type, .. } => (data_type, expr.span()),
            Expr::TypedString(text) => (&text.data_type, text.value.span),
            _ => return ControlFlow::Continue(()),
        };
        if span != Span::empty() && self.is_wanted(data_type) {
            self.found.push(span);
        }
        ControlFlow::Continue(())
    }
}
