//! `-row_number() OVER (…)` → `-ostrich_signed(row_number() OVER (…))`
//!
//! DataFusion counts rows, ranks and elements in unsigned numbers, and negates none of those. Types are not known here, so this is done to all
//! that is negated, and only when the planner has complained: what is signed already stays as it is when types are settled
//! (`functions/signed.rs`).

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{Expr, Ident, Select, SelectItem, Spanned, UnaryOperator, VisitorMut};

use super::ast::{call, each_expr};
use crate::sql::visit::visit_mut;

/// Whether there was something to do.
pub(crate) fn sign_what_is_negated(statement: &mut Statement) -> bool {
    let mut signer = Signer { changed: false };
    match statement {
        Statement::Statement(ast) => {
            let _ = visit_mut(ast.as_mut(), &mut signer);
        }
        Statement::Explain(explain) => return sign_what_is_negated(&mut explain.statement),
        Statement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let _ = visit_mut(query.as_mut(), &mut signer);
            }
        }
        _ => {}
    }
    signer.changed
}

struct Signer {
    changed: bool,
}

impl VisitorMut for Signer {
    type Break = ();

    /// An item without a name keeps the one that it would have.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let mut tried = expr.clone();
            let mut negates = false;
            let _ = each_expr(&mut tried, |part| {
                negates |= is_negation(part);
                Ok::<(), ()>(())
            });
            if negates {
                let alias = Ident::with_quote('"', expr.to_string());
                *item = SelectItem::ExprWithAlias { expr: tried, alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if is_negation(expr)
            && let Expr::UnaryOp { expr: negated, .. } = expr
        {
            let span = negated.span();
            let value = std::mem::replace(negated.as_mut(), Expr::Identifier(Ident::new("negated")));
            **negated = call("ostrich_signed", vec![value], span);
            self.changed = true;
        }
        ControlFlow::Continue(())
    }
}

/// Whether something is negated that is no constant.
fn is_negation(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            !matches!(expr.as_ref(), Expr::Value(_) | Expr::Interval(_))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    fn signed(sql: &str) -> Option<String> {
        let ast = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        let mut statement = Statement::Statement(Box::new(ast));
        sign_what_is_negated(&mut statement).then(|| statement.to_string())
    }

    #[test]
    fn what_is_negated_is_signed_and_keeps_its_name() {
        assert_eq!(
            signed("SELECT -rank() OVER (ORDER BY a), -1, -b AS x FROM t ORDER BY -c").unwrap(),
            "SELECT -ostrich_signed(rank() OVER (ORDER BY a)) AS \"-rank() OVER (ORDER BY a)\", -1, \
             -ostrich_signed(b) AS x FROM t ORDER BY -ostrich_signed(c)"
        );
    }

    #[test]
    fn constants_are_left_alone() {
        assert_eq!(signed("SELECT -1, -INTERVAL '1' DAY, +a FROM t"), None);
    }
}
