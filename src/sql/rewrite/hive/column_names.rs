//! `SELECT a, a + 1 FROM t` → `SELECT a, a + 1 AS _c1 FROM t`
//!
//! An expression without an alias is called by its position, counted from 0. Behind `*` the position is not known here, and the name is
//! DataFusion's.

use sqlparser::ast::{Expr, Ident, Select, SelectItem};

pub(super) fn by_position(select: &mut Select) {
    for (position, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expr) if !is_name(expr) => {
                let expr = std::mem::replace(expr, Expr::Tuple(Vec::new()));
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("_c{position}")) };
            }
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => return,
            _ => {}
        }
    }
}

fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_name(inner),
        // A field of a struct keeps the field's name.
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn expressions_are_called_by_their_position() {
        assert_eq!(
            rewritten_hive("SELECT a, a + 1, t.b, count(*) AS n, 'x' FROM t GROUP BY a"),
            "SELECT a, a + 1 AS _c1, t.b, count(*) AS n, 'x' AS _c4 FROM t GROUP BY a"
        );
        assert_eq!(rewritten_hive("SELECT *, a + 1 FROM t"), "SELECT *, a + 1 FROM t");
    }
}
