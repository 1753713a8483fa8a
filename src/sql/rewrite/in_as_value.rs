//! `SELECT a IN (SELECT b FROM u)` → `SELECT CASE WHEN (SELECT count(*) FROM u) = 0 THEN false WHEN … END`
//!
//! DataFusion plans IN (SELECT …) as a join that filters. As a value it is what three counts say:
//!
//! | no rows | a row is equal to `a` | `a` is NULL, or the value of a row | else |
//! |---|---|---|---|
//! | false | true | NULL | false |
//!
//! The equal rows are counted in a subquery around the given one, so that the columns of `a` cannot be taken for its.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Ident, Query, SelectItem, SetExpr, Spanned, Value};
use sqlparser::tokenizer::Span;

use super::ast::{boolean, call_of_all_rows, number, query_of, select_of};
use super::quantified::{VALUE, aggregate, rows_of};

/// The value of `value IN (subquery)`.
pub(super) fn by_counts(value: &Expr, subquery: &Query) -> Expr {
    let span = value.span();
    let value = Expr::Nested(Box::new(value.clone()));
    let binary = |left: Expr, op: BinaryOperator, right: Expr| Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    };
    let when = |condition: Expr, result: Expr| CaseWhen { condition, result };
    let rows = || aggregate("count", true, subquery, span);
    let no_rows = binary(rows(), BinaryOperator::Eq, number(0, span));
    let found = binary(equal_rows(&value, subquery, span), BinaryOperator::Gt, number(0, span));
    let has_nulls = binary(aggregate("count", false, subquery, span), BinaryOperator::Lt, rows());
    let unknown = binary(Expr::IsNull(Box::new(value)), BinaryOperator::Or, has_nulls);
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(no_rows, boolean(false)),
            when(found, boolean(true)),
            when(unknown, Expr::Value(Value::Null.with_empty_span())),
        ],
        else_result: Some(Box::new(boolean(false))),
    }
}

/// `(SELECT count(*) FROM (subquery) AS _rows (_value) WHERE _value = value)`
fn equal_rows(value: &Expr, subquery: &Query, span: Span) -> Expr {
    let count = SelectItem::UnnamedExpr(call_of_all_rows("count", span));
    let mut select = select_of(vec![count], Some(rows_of(subquery)));
    select.selection = Some(Expr::BinaryOp {
        left: Box::new(Expr::Identifier(Ident::new(VALUE))),
        op: BinaryOperator::Eq,
        right: Box::new(value.clone()),
    });
    Expr::Subquery(Box::new(query_of(SetExpr::Select(Box::new(select)))))
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten;

    #[test]
    fn what_three_counts_say() {
        let (rows, values) = ("(SELECT count(*) FROM u)", "(SELECT count(b) FROM u)");
        let equal = "(SELECT count(*) FROM (SELECT b FROM u) AS _rows (_value) WHERE _value = (a))";
        assert_eq!(
            rewritten("SELECT a, a NOT IN (SELECT b FROM u) AS x FROM t"),
            format!(
                "SELECT a, NOT CASE WHEN {rows} = 0 THEN false WHEN {equal} > 0 THEN true \
                 WHEN (a) IS NULL OR {values} < {rows} THEN NULL ELSE false END AS x FROM t"
            )
        );
    }
}
