//! Where a function is called in the text
//!
//! DataFusion says which function does not take its arguments, but not where it stands.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, Statement as PlannedStatement};
use sqlparser::ast::{Expr, FunctionArguments, Visitor};
use sqlparser::tokenizer::Span;

use crate::sql::visit::visit;

/// The calls of a statement.
#[derive(Debug, Default)]
pub(super) struct CallPlaces {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    name: String,
    arguments: usize,
    span: Span,
}

impl CallPlaces {
    pub(super) fn of(statement: &PlannedStatement) -> Self {
        let mut places = CallPlaces::default();
        places.collect(statement);
        places
    }

    fn collect(&mut self, statement: &PlannedStatement) {
        match statement {
            PlannedStatement::Statement(ast) => {
                let _ = visit(ast.as_ref(), self);
            }
            PlannedStatement::Explain(explain) => self.collect(&explain.statement),
            PlannedStatement::CopyTo(copy) => {
                if let CopyToSource::Query(query) = &copy.source {
                    let _ = visit(query.as_ref(), self);
                }
            }
            _ => {}
        }
    }

    /// Where the call stands that an error complains of; `None` if that may be one of several.
    pub(super) fn of_error(&self, error: &DataFusionError) -> Option<Span> {
        let message = error.to_string();
        let (_, call) = message.split_once("No function matches the given name and argument types '")?;
        let (call, _) = call.split_once("'. ")?;
        let (name, types) = call.split_once('(')?;
        let arguments = count(types.strip_suffix(')').unwrap_or(types));
        let mut found = self.calls.iter().filter(|call| call.name == name && call.arguments == arguments);
        let first = found.next()?;
        // A rewrite may have written one call twice.
        found.all(|other| other.span == first.span).then_some(first.span)
    }
}

impl Visitor for CallPlaces {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && name.span != Span::empty()
        {
            let arguments = match &function.args {
                FunctionArguments::List(list) => list.args.len(),
                _ => 0,
            };
            self.calls.push(Call { name: name.value.to_lowercase(), arguments, span: name.span });
        }
        ControlFlow::Continue(())
    }
}

/// How many types a list has.
fn count(types: &str) -> usize {
    if types.trim().is_empty() {
        return 0;
    }
    let mut open = 0_usize;
    let mut commas = 0;
    for character in types.chars() {
        match character {
            '(' | '<' | '[' => open += 1,
            ')' | '>' | ']' => open = open.saturating_sub(1),
            ',' if open == 0 => commas += 1,
            _ => {}
        }
    }
    commas + 1
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn types_are_counted_at_the_outermost_level() {
        assert_eq!(count(""), 0);
        assert_eq!(count("Utf8"), 1);
        assert_eq!(count("List(Int64, field: 'element'), Decimal128(3, 1)"), 2);
    }
}
