//! `(x).b`, `f(y).b` and `x['a'].b`: fields of what is no plain column
//!
//! DataFusion takes a field's name behind a column, and behind anything else only as a string. An unquoted name is folded to lower case, as
//! behind a column.

use sqlparser::ast::{AccessExpr, Expr, Select, SelectItem, Value};

/// A column of the result is called by the field, as that of `x.b` is. A name in HAVING or QUALIFY could mean it then: it keeps the text there.
pub(super) fn keep_names(select: &mut Select) {
    if select.having.is_some() || select.qualify.is_some() {
        return;
    }
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let Expr::CompoundFieldAccess { root, access_chain } = &*expr else { continue };
        let is_of_column = matches!(root.as_ref(), Expr::Identifier(_)) && access_chain.iter().all(is_name);
        if let (false, Some(AccessExpr::Dot(Expr::Identifier(name)))) = (is_of_column, access_chain.last()) {
            let alias = name.clone();
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

fn is_name(access: &AccessExpr) -> bool {
    matches!(access, AccessExpr::Dot(Expr::Identifier(_)))
}

pub(super) fn to_strings(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return };
    // Of `t.x.b['a'].c` the first names may be those of a schema, a table and a column.
    let first = match root.as_ref() {
        Expr::Identifier(_) => access_chain.iter().position(|access| !is_name(access)).unwrap_or(access_chain.len()),
        _ => 0,
    };
    for access in access_chain.iter_mut().skip(first) {
        if let AccessExpr::Dot(field) = access
            && let Expr::Identifier(name) = field
        {
            let text = if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() };
            *field = Expr::Value(Value::SingleQuotedString(text).with_span(name.span));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn fields_of_expressions_are_named_by_strings() {
        assert_eq!(rewritten("SELECT (x).B FROM t"), "SELECT (x).'b' AS B FROM t");
        assert_eq!(rewritten("SELECT (f(x)).b.\"C\" FROM t"), "SELECT (f(x)).'b'.'C' AS \"C\" FROM t");
        assert_eq!(rewritten("SELECT t.x.a['k'].b FROM t"), "SELECT t.x.a['k'].'b' AS b FROM t");
    }

    #[test]
    fn fields_of_columns_are_left_alone() {
        unchanged("SELECT x.a, t.x.a, t.x.a['k'] FROM t");
    }
}
