//! Queries and INSERT: sqlparser reads them; what must not reach DataFusion is refused or rewritten here.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, Statement as Ast, Value, VisitMut, VisitorMut};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, words};
use crate::error::{Error, Result};
use crate::names::nearest;
use crate::sql::dialect::Dialect;
use crate::sql::rewrite;
use crate::sql::source::Source;
use crate::sql::statement::{AlterAction, CopySource, CreateView, Describe, Statement};
use crate::sql::variables::{Variables, with_span};
use crate::sql::visit::visit_mut;

/// Whether a query comes next.
pub(super) fn begins(parser: &Parser) -> bool {
    let mut ahead = 0;
    while parser.peek_nth_token_ref(ahead).token == Token::LParen {
        ahead += 1;
    }
    matches!(words::peek(parser, ahead).as_deref(), Some("SELECT" | "WITH" | "VALUES" | "FROM"))
}

pub(super) fn query_or_insert(parser: &mut Parser) -> Parsed<Statement> {
    let span = parser.peek_token_ref().span;
    match words::peek(parser, 0).as_deref() {
        Some("INSERT" | "SELECT" | "WITH" | "VALUES" | "FROM") => {}
        _ if begins(parser) => {}
        _ => return words::unexpected(parser, "a SQL statement"),
    }
    match parser.parse_statement()? {
        statement @ Ast::Query(_) => Ok(Statement::Query(Box::new(statement))),
        Ast::Insert(insert) => Ok(Statement::Insert(Box::new(Ast::Insert(insert)))),
        _ => words::refuse("this statement is not supported", span),
    }
}

/// Binds `:name` values and rewrites the parts that DataFusion would read otherwise, in every query that the statement holds.
pub(super) fn finish(
    statement: &mut Statement,
    dialect: Dialect,
    variables: &Variables,
    source: &Arc<Source>,
) -> Result<()> {
    let finish_part = Finish { dialect, variables, source };
    match statement {
        Statement::Query(ast) | Statement::Insert(ast) | Statement::Describe(Describe::Query(ast)) => {
            finish_part.part(ast.as_mut())
        }
        Statement::Explain(explain) => finish(&mut explain.statement, dialect, variables, source),
        Statement::Tune(tune) => finish(&mut tune.statement, dialect, variables, source),
        Statement::Copy(copy) => match &mut copy.source {
            CopySource::Query(query) => finish_part.part(query.as_mut()),
            CopySource::Table(_) => Ok(()),
        },
        Statement::AlterTable(alter) if dialect == Dialect::Hive => {
            match &mut alter.action {
                AlterAction::AddColumns { columns, .. } | AlterAction::ReplaceColumns(columns) => {
                    columns.iter_mut().for_each(|column| rewrite::hive::types::to_ansi(&mut column.data_type));
                }
                AlterAction::ChangeColumn(change) => {
                    change.data_type.iter_mut().for_each(rewrite::hive::types::to_ansi);
                }
                _ => {}
            }
            Ok(())
        }
        Statement::CreateTable(create) if dialect == Dialect::Hive => {
            create.columns.iter_mut().for_each(|column| rewrite::hive::types::to_ansi(&mut column.data_type));
            let partitions = create.partitioned_by.iter_mut().filter_map(|column| column.data_type.as_mut());
            partitions.for_each(rewrite::hive::types::to_ansi);
            match &mut create.query {
                Some(query) => finish_part.part(query.as_mut()),
                None => Ok(()),
            }
        }
        Statement::CreateTable(create) => match &mut create.query {
            Some(query) => finish_part.part(query.as_mut()),
            None => Ok(()),
        },
        Statement::CreateView(view) => finish_part.view(view),
        Statement::ChangeRows(change) => finish_part.part(change.rows.as_mut()),
        Statement::Inserts(inserts) => {
            inserts.iter_mut().try_for_each(|insert| finish(insert, dialect, variables, source))
        }
        Statement::InsertDirectory(insert) => finish_part.part(insert.query.as_mut()),
        _ => Ok(()),
    }
}

struct Finish<'a> {
    dialect: Dialect,
    variables: &'a Variables,
    source: &'a Arc<Source>,
}

impl Finish<'_> {
    fn part(&self, part: &mut impl VisitMut) -> Result<()> {
        if let ControlFlow::Break(error) =
            visit_mut(part, &mut Binder { variables: self.variables, source: self.source })
        {
            return Err(error);
        }
        rewrite::to_datafusion(part, self.dialect, self.source)
    }

    /// A view keeps its text, so a value that is bound now would be lost later.
    fn view(&self, view: &mut CreateView) -> Result<()> {
        let unbound = Finish { variables: &Variables::default(), ..*self };
        unbound.part(view.query.as_mut()).map_err(|error| {
            if error.message().contains(":") {
                error.help("a view cannot hold bound values; use ${name}")
            } else {
                error
            }
        })
    }
}

/// Puts literals in the place of `:name`.
struct Binder<'a> {
    variables: &'a Variables,
    source: &'a Arc<Source>,
}

impl VisitorMut for Binder<'_> {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let Value::Placeholder(placeholder) = &value.value else { return ControlFlow::Continue(()) };
        let span = value.span;
        let Some(name) = placeholder.strip_prefix(':') else {
            return ControlFlow::Break(
                Error::statement(format!("placeholder {placeholder} has no value"))
                    .at(self.source, span)
                    .help("name it, as in :day, and give it with --var day=…"),
            );
        };
        match self.variables.bound_value(name) {
            Some(bound) => {
                *expr = Expr::Value(with_span(bound, span));
                ControlFlow::Continue(())
            }
            None => {
                let error = Error::statement(format!("variable \"{name}\" is not defined")).at(self.source, span);
                let known = nearest(name, self.variables.iter().map(|(name, _)| name));
                ControlFlow::Break(match known {
                    Some(known) => error.help(format!("did you mean :{known}?")),
                    None => error.help(format!("define it with --var {name}=… or \\set {name} …")),
                })
            }
        }
    }
}
