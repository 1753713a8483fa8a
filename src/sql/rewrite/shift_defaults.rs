//! `lag(x, 1, y) OVER w` → `CASE WHEN lag(1, 1) OVER w IS NULL THEN y ELSE lag(x, 1) OVER w END`
//!
//! DataFusion reads constants only as what `lag` and `lead` give where there is no such row. A NULL that they give may be one of `x`, so
//! whether there is a row is asked of a value that is never NULL. With IGNORE NULLS no value is NULL: `coalesce(lag(x, 1) IGNORE NULLS OVER
//! w, y)`. In both, `y` gets the type of `x`, as a constant does.

use std::ops::ControlFlow;

use sqlparser::ast::{
    CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    NullTreatment, Select, SelectItem, Spanned, Visitor, helpers::attached_token::AttachedToken,
};

use super::ast::{bare, call, each_expr, folded, number};
use crate::sql::visit::visit;

pub(super) fn to_condition(expr: &mut Expr) {
    let Expr::Function(function) = expr else { return };
    if !is_shift(function) {
        return;
    }
    let Some(default) = take_default(function) else { return };
    let span = function.span();
    let default = call("ostrich_of_type", vec![default, Expr::Function(function.clone())], span);
    if ignores_nulls(function) {
        *expr = call("coalesce", vec![Expr::Function(function.clone()), default], span);
        return;
    }
    let mut any_row = function.clone();
    if let FunctionArguments::List(list) = &mut any_row.args
        && let Some(value) = list.args.first_mut()
    {
        *value = FunctionArg::Unnamed(FunctionArgExpr::Expr(number(1, span)));
    }
    let condition = Expr::IsNull(Box::new(Expr::Function(any_row)));
    *expr = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: default }],
        else_result: Some(Box::new(Expr::Function(function.clone()))),
    };
}

/// A column is called by what was asked for: `SELECT lag(x, 1, y) OVER w` → `SELECT lag(x, 1, y) OVER w AS "lag(x, 1, y) OVER w"`.
pub(super) fn keep_names(select: &mut Select) {
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = &*item else { continue };
        let (expr, name) = (expr.clone(), expr.to_string());
        let search = each_expr(item, |part| match part {
            Expr::Function(function) if is_shift(function) && take_default(&mut function.clone()).is_some() => Err(()),
            _ => Ok(()),
        });
        if search.is_err() {
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
        }
    }
}

fn is_shift(function: &Function) -> bool {
    function.over.is_some() && bare(&function.name).is_some_and(|name| matches!(folded(name).as_str(), "lag" | "lead"))
}

/// The third argument, if it is not constant.
fn take_default(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let [_, _, FunctionArg::Unnamed(FunctionArgExpr::Expr(default))] = list.args.as_slice() else { return None };
    if visit(default, &mut Varying).is_continue() {
        return None;
    }
    let default = default.clone();
    list.args.pop();
    Some(default)
}

fn ignores_nulls(function: &Function) -> bool {
    let in_parentheses = match &function.args {
        FunctionArguments::List(list) => list.clauses.iter().find_map(|clause| match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => Some(*treatment),
            _ => None,
        }),
        _ => None,
    };
    function.null_treatment.or(in_parentheses) == Some(NullTreatment::IgnoreNulls)
}

/// Stops at what may have another value in each row. A call of constants becomes one when it is planned; it does no harm to take it
/// for more.
struct Varying;

impl Visitor for Varying {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::CompoundFieldAccess { .. }
            | Expr::Function(_)
            | Expr::Subquery(_)
            | Expr::Exists { .. }
            | Expr::InSubquery { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, rewritten_hive, unchanged};

    #[test]
    fn a_default_of_the_row_is_for_rows_that_are_not_there() {
        assert_eq!(
            rewritten("SELECT lag(a, 2, b) OVER (PARTITION BY c ORDER BY d) AS x FROM t"),
            "SELECT CASE WHEN lag(1, 2) OVER (PARTITION BY c ORDER BY d) IS NULL \
             THEN ostrich_of_type(b, lag(a, 2) OVER (PARTITION BY c ORDER BY d)) \
             ELSE lag(a, 2) OVER (PARTITION BY c ORDER BY d) END AS x FROM t"
        );
        assert_eq!(
            rewritten("SELECT lead(a, 1, b + 1) OVER w FROM t WINDOW w AS (ORDER BY d)"),
            "SELECT CASE WHEN lead(1, 1) OVER (ORDER BY d) IS NULL \
             THEN ostrich_of_type(b + 1, lead(a, 1) OVER (ORDER BY d)) ELSE lead(a, 1) OVER (ORDER BY d) END \
             AS \"lead(a, 1, b + 1) OVER w\" FROM t"
        );
    }

    #[test]
    fn without_nulls_a_null_says_that_there_is_no_row() {
        let becomes = "SELECT coalesce(lag(a, 1) IGNORE NULLS OVER (ORDER BY d), \
                       ostrich_of_type(b, lag(a, 1) IGNORE NULLS OVER (ORDER BY d))) AS x FROM t";
        assert_eq!(rewritten("SELECT lag(a, 1, b) IGNORE NULLS OVER (ORDER BY d) AS x FROM t"), becomes);
        assert_eq!(rewritten_hive("SELECT lag(a, 1, b) IGNORE NULLS OVER (ORDER BY d) AS x FROM t"), becomes);
    }

    #[test]
    fn constants_are_left_as_they_are() {
        unchanged(
            "SELECT lag(a, 1, 0) OVER (ORDER BY d), lead(a, 1, -1) OVER (ORDER BY d), lag(a) OVER (ORDER BY b) FROM t",
        );
        unchanged(
            "SELECT lag(a, 1, CAST('2024-01-01' AS DATE)) OVER (ORDER BY d), nth_value(a, 2) OVER (ORDER BY d) FROM t",
        );
    }
}
