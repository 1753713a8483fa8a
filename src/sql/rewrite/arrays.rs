//! `ARRAY[(SELECT max(a) FROM x)]` → `make_array((SELECT max(a) FROM x))`
//!
//! DataFusion plans what stands in an array literal as if nothing stood around it: a name that WITH defines would be that of
//! a real table, and a lambda's parameter unknown. The function is what it makes of the literal anyway.

use sqlparser::ast::{Array, Expr, Spanned};

use super::ast::call;

pub(super) fn to_function(expr: &mut Expr) {
    let Expr::Array(Array { elem, .. }) = expr else { return };
    if elem.iter().all(is_literal) {
        return;
    }
    let elements = std::mem::take(elem);
    let span = elements.first().map_or(sqlparser::tokenizer::Span::empty(), Spanned::span);
    *expr = call("make_array", elements, span);
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_literal(expr),
        Expr::Array(Array { elem, .. }) => elem.iter().all(is_literal),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn elements_that_depend_on_what_is_around_are_arguments() {
        assert_eq!(
            rewritten("WITH t AS (SELECT 100 AS a) SELECT ARRAY[(SELECT max(a) FROM t)]"),
            "WITH t AS (SELECT 100 AS a) SELECT make_array((SELECT max(a) FROM t))"
        );
        assert_eq!(
            rewritten("SELECT list_transform(xs, x -> [x, [x]]) FROM t"),
            "SELECT list_transform(xs, x -> make_array(x, make_array(x))) FROM t"
        );
    }

    #[test]
    fn literals_are_left_alone() {
        unchanged("SELECT [1, -2], ARRAY['a'], [[1], [2]], []");
    }
}
