//! `a > ALL (SELECT b FROM t)` → `CASE WHEN (SELECT count(*) FROM t) = 0 THEN true WHEN NOT a > (SELECT max(b) FROM t) THEN false … END`
//!
//! DataFusion puts the left side into the subquery without a sign that it comes from outside: where both read a table of one name, a
//! column is compared with itself, and rows come that should not. With the number of rows, the number of values, the least and
//! the greatest, everything is said:
//!
//! | | no rows | | a value is NULL | else |
//! |---|---|---|---|---|
//! | `a > ALL` | true | false unless `a > max` | NULL | `a > max` |
//! | `a > ANY` | false | true if `a > min` | NULL | `a > min` |
//! | `a = ALL` | true | false if `a <> min OR a <> max` | NULL | `a = min` |
//! | `a <> ANY` | false | true if `a <> min OR a <> max` | NULL | `a <> min` |
//!
//! and likewise for the other comparisons. `= ANY` is IN, `<> ALL` is NOT IN.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, GroupByExpr, Ident, Query, SelectItem, SetExpr, Spanned, TableAlias,
    TableAliasColumnDef, TableFactor, UnaryOperator, Value, Visitor,
};
use sqlparser::tokenizer::Span;

use super::ast::{boolean, call, call_of_all_rows, is_only_body, number, query_of, select_of};
use crate::sql::visit::visit;

/// What the rows of the subquery, and their column, are called.
pub(crate) const ROWS: &str = "_rows";
pub(super) const VALUE: &str = "_value";

pub(super) fn to_aggregates(expr: &mut Expr) {
    let (left, op, right, any) = match &*expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, true),
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, false),
        _ => return,
    };
    let Some(subquery) = query_in(right) else { return };
    let quantified = match (op, any) {
        (BinaryOperator::Eq, true) => Expr::InSubquery { expr: left.clone(), subquery, negated: false },
        (BinaryOperator::NotEq, false) => Expr::InSubquery { expr: left.clone(), subquery, negated: true },
        (
            BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq,
            _,
        ) => compared(left, op, &subquery, any),
        _ => return,
    };
    *expr = quantified;
}

fn query_in(expr: &Expr) -> Option<Box<Query>> {
    match expr {
        Expr::Nested(inner) => query_in(inner),
        Expr::Subquery(query) => Some(query.clone()),
        _ => None,
    }
}

fn compared(left: &Expr, op: &BinaryOperator, subquery: &Query, any: bool) -> Expr {
    let span = left.span();
    let of = |function: &str, all_rows: bool| Box::new(aggregate(function, all_rows, subquery, span));
    let binary = |left: Box<Expr>, op: BinaryOperator, right: Box<Expr>| Expr::BinaryOp { left, op, right };
    let left = Box::new(Expr::Nested(Box::new(left.clone())));
    let (least, greatest) = (of("min", false), of("max", false));
    // Whether the comparison with the value that decides holds; and whether it holds for some, or fails for some.
    let (decides, at_extreme) = match (op, any) {
        (BinaryOperator::Gt | BinaryOperator::GtEq, true) | (BinaryOperator::Lt | BinaryOperator::LtEq, false) => {
            let compare = binary(left, op.clone(), least);
            (compare.clone(), compare)
        }
        (BinaryOperator::Eq | BinaryOperator::NotEq, _) => {
            let differs = |value| binary(left.clone(), BinaryOperator::NotEq, value);
            let some_differ = binary(Box::new(differs(least.clone())), BinaryOperator::Or, Box::new(differs(greatest)));
            let holds = match any {
                true => some_differ,
                false => negation(some_differ),
            };
            (holds, binary(left, op.clone(), least))
        }
        _ => {
            let compare = binary(left, op.clone(), greatest);
            (compare.clone(), compare)
        }
    };
    let when = |condition: Expr, result: Expr| CaseWhen { condition, result };
    let no_rows = binary(of("count", true), BinaryOperator::Eq, Box::new(number(0, span)));
    let has_nulls = binary(of("count", false), BinaryOperator::Lt, of("count", true));
    let decided = if any { decides } else { negation(decides) };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(no_rows, boolean(!any)),
            when(decided, boolean(any)),
            when(has_nulls, Expr::Value(Value::Null.with_empty_span())),
        ],
        else_result: Some(Box::new(at_extreme)),
    }
}

fn negation(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(expr))) }
}

/// The one expression of a query that is a filter over FROM and nothing else.
fn only_value(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let is_plain = is_only_body(query)
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && select.lateral_views.is_empty()
        && !select.from.is_empty()
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty());
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }]
            if is_plain && !has_call(value) =>
        {
            Some(value)
        }
        _ => None,
    }
}

/// Whether a function is called: it may be an aggregate or a window.
fn has_call(expr: &Expr) -> bool {
    visit(expr, &mut Calls).is_break()
}

struct Calls;

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(_)) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// `(SELECT function(value) FROM …)` where the subquery is a filter only, which may then read the query around it; else
/// `(SELECT function(_value) FROM (subquery) AS _rows (_value))`. Or of all rows.
pub(super) fn aggregate(function: &str, all_rows: bool, subquery: &Query, span: Span) -> Expr {
    let counted = |value: Expr| match all_rows {
        true => call_of_all_rows(function, span),
        false => call(function, vec![value], span),
    };
    if let Some(value) = only_value(subquery) {
        let mut query = subquery.clone();
        let item = SelectItem::UnnamedExpr(counted(value.clone()));
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.projection = vec![item];
        }
        return Expr::Subquery(Box::new(query));
    }
    let aggregate = counted(Expr::Identifier(Ident::new(VALUE)));
    let select = select_of(vec![SelectItem::UnnamedExpr(aggregate)], Some(rows_of(subquery)));
    Expr::Subquery(Box::new(query_of(SetExpr::Select(Box::new(select)))))
}

/// `(subquery) AS _rows (_value)`
pub(super) fn rows_of(subquery: &Query) -> TableFactor {
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(subquery.clone()),
        alias: Some(TableAlias {
            explicit: true,
            name: Ident::new(ROWS),
            columns: vec![TableAliasColumnDef::from_name(VALUE)],
            at: None,
        }),
        sample: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn membership_is_in() {
        assert_eq!(
            rewritten("SELECT a FROM t WHERE a = ANY (SELECT b FROM u) AND a <> ALL (SELECT b FROM u)"),
            "SELECT a FROM t WHERE a IN (SELECT b FROM u) AND a NOT IN (SELECT b FROM u)"
        );
    }

    #[test]
    fn an_order_is_decided_at_an_end() {
        let of = |aggregate: &str| format!("(SELECT {aggregate} FROM u)");
        let (rows, values) = (of("count(*)"), of("count(b)"));
        let (least, greatest) = (of("min(b)"), of("max(b)"));
        assert_eq!(
            rewritten("SELECT a FROM t WHERE a > ALL (SELECT b FROM u)"),
            format!(
                "SELECT a FROM t WHERE CASE WHEN {rows} = 0 THEN true WHEN NOT ((a) > {greatest}) THEN false \
                 WHEN {values} < {rows} THEN NULL ELSE (a) > {greatest} END"
            )
        );
        assert_eq!(
            rewritten("SELECT a FROM t WHERE a >= ANY (SELECT b FROM u)"),
            format!(
                "SELECT a FROM t WHERE CASE WHEN {rows} = 0 THEN false WHEN (a) >= {least} THEN true \
                 WHEN {values} < {rows} THEN NULL ELSE (a) >= {least} END"
            )
        );
    }

    #[test]
    fn a_query_of_more_parts_stays_a_whole() {
        let sql = rewritten("SELECT a FROM t WHERE a > ALL (SELECT max(b) FROM u GROUP BY c)");
        assert!(sql.contains("FROM (SELECT max(b) FROM u GROUP BY c) AS _rows (_value)"), "{sql}");
    }

    #[test]
    fn arrays_are_left_alone() {
        unchanged("SELECT a > ANY(xs) FROM t");
    }
}
