//! `current_database()`, `current_schema()` → the name of the database that names without one mean
//!
//! DataFusion's functions do not know the session.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{Expr, FunctionArguments, Value, VisitorMut};

use crate::sql::visit::visit_mut;

/// Puts the session's values in the place of the functions that ask for them.
pub(crate) fn fill_in_session_values(statement: &mut Statement, database: &str) {
    let mut filler = Filler { database };
    match statement {
        Statement::Statement(ast) => {
            let _ = visit_mut(ast.as_mut(), &mut filler);
        }
        Statement::Explain(explain) => fill_in_session_values(&mut explain.statement, database),
        Statement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let _ = visit_mut(query.as_mut(), &mut filler);
            }
        }
        _ => {}
    }
}

struct Filler<'a> {
    database: &'a str,
}

impl VisitorMut for Filler<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let [name] = function.name.0.as_slice() else { return ControlFlow::Continue(()) };
        let name = name.as_ident().map(|ident| ident.value.to_lowercase());
        let takes_nothing = match &function.args {
            FunctionArguments::None => true,
            FunctionArguments::List(list) => list.args.is_empty(),
            FunctionArguments::Subquery(_) => false,
        };
        if takes_nothing && matches!(name.as_deref(), Some("current_database" | "current_schema")) {
            *expr = Expr::Value(Value::SingleQuotedString(self.database.to_string()).into());
        }
        ControlFlow::Continue(())
    }
}
