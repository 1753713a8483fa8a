//! Regular expressions that are written out are checked when a statement is planned, so that an error stands where the pattern does

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::parser::{CopyToSource, Statement as PlannedStatement};
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, Visitor};

use crate::error::{Error, Result};
use crate::functions::hive::text::check_pattern;
use crate::sql::source::Source;
use crate::sql::visit::visit;

/// Functions of the hive dialect whose second argument is a pattern.
const WITH_PATTERN: &[&str] =
    &["rlike", "regexp", "regexp_like", "regexp_extract", "regexp_extract_all", "regexp_replace", "split"];

pub(super) fn check(statement: &PlannedStatement, source: &Arc<Source>) -> Result<()> {
    let mut patterns = Patterns { source };
    let flow = match statement {
        PlannedStatement::Statement(ast) => visit(ast.as_ref(), &mut patterns),
        PlannedStatement::Explain(explain) => return check(&explain.statement, source),
        PlannedStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => visit(query.as_ref(), &mut patterns),
            CopyToSource::Relation(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Patterns<'a> {
    source: &'a Arc<Source>,
}

impl Visitor for Patterns<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let Some(Expr::Value(pattern)) = pattern_of(function) else { return ControlFlow::Continue(()) };
        let Value::SingleQuotedString(text) = &pattern.value else { return ControlFlow::Continue(()) };
        match check_pattern(text) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Error::from(error).at(self.source, pattern.span)),
        }
    }
}

fn pattern_of(function: &Function) -> Option<&Expr> {
    let name = function.name.0.last()?.as_ident()?;
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.get(1) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)))
            if WITH_PATTERN.iter().any(|known| name.value.eq_ignore_ascii_case(known)) =>
        {
            Some(pattern)
        }
        _ => None,
    }
}
