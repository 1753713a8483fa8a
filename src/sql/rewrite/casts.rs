//! `CAST(s AS VARCHAR(3))` → `substr(CAST(s AS VARCHAR), 1, 3)`, `CAST(x AS FLOAT(53))` → `CAST(x AS DOUBLE)`
//!
//! DataFusion reads the types and leaves the length unread: strings would keep what the standard cuts off, and FLOAT(53)
//! would have the precision of FLOAT(24). CHAR(n) is cut and loses its blanks at the end, which do not count when values of
//! that type are compared.
//!
//! Left as they are: CHAR without a length, and FLOAT, which has 32 bits here as in DuckDB and Hive, but 64 in PostgreSQL.

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, Expr, Select, SelectItem, Spanned};

use super::ast::{call, number};

/// Bits of a FLOAT(p) that a 32-bit float still has.
const SINGLE_PRECISION: u64 = 24;

pub(super) fn with_length(expr: &mut Expr) {
    let Expr::Cast { data_type, .. } = expr else { return };
    if let DataType::Float(ExactNumberInfo::Precision(bits)) = data_type
        && *bits > SINGLE_PRECISION
    {
        *data_type = DataType::Double(ExactNumberInfo::None);
    }
    let Some((length, trims)) = take_length(data_type) else { return };
    let span = expr.span();
    let whole = std::mem::replace(expr, number(0, span));
    let cut = call("substr", vec![whole, number(1, span), number(length, span)], span);
    *expr = if trims { call("rtrim", vec![cut], span) } else { cut };
}

/// The length of a string type, and whether blanks at the end do not count; the type then has none.
pub(super) fn take_length(data_type: &mut DataType) -> Option<(u64, bool)> {
    let of = |length: &Option<CharacterLength>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    };
    let (length, trims) = match data_type {
        DataType::Varchar(length)
        | DataType::Nvarchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length) => (of(length)?, false),
        DataType::Char(length) | DataType::Character(length) => (of(length)?, true),
        DataType::String(length) => ((*length)?, false),
        _ => return None,
    };
    *data_type = DataType::Varchar(None);
    Some((length, trims))
}

/// A column that is cast keeps its name: `SELECT CAST(s AS VARCHAR(3))` → `SELECT substr(…) AS s`. Not beside HAVING and
/// QUALIFY: there DataFusion would take the name for the one in the SELECT list.
pub(super) fn keep_names(select: &mut Select) {
    if select.having.is_some() || select.qualify.is_some() {
        return;
    }
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr @ Expr::Cast { .. }) = item else { continue };
        let Expr::Cast { expr: inner, data_type, .. } = &*expr else { continue };
        let name = match inner.as_ref() {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        let Some(alias) = name.cloned() else { continue };
        if take_length(&mut data_type.clone()).is_some() {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn strings_are_cut_to_their_length() {
        assert_eq!(
            rewritten("SELECT CAST(s || 'x' AS VARCHAR(3)) FROM t WHERE s::varchar(2) = 'ab'"),
            "SELECT substr(CAST(s || 'x' AS VARCHAR), 1, 3) FROM t WHERE substr(s::VARCHAR, 1, 2) = 'ab'"
        );
        assert_eq!(
            rewritten("SELECT TRY_CAST(1 AS CHARACTER VARYING(3)), CAST('a' AS CHAR(5)) FROM t"),
            "SELECT substr(TRY_CAST(1 AS VARCHAR), 1, 3), rtrim(substr(CAST('a' AS VARCHAR), 1, 5)) FROM t"
        );
    }

    #[test]
    fn a_column_keeps_its_name() {
        assert_eq!(
            rewritten("SELECT CAST(t.s AS VARCHAR(3)), CAST(s AS VARCHAR(3)) AS x FROM t"),
            "SELECT substr(CAST(t.s AS VARCHAR), 1, 3) AS s, substr(CAST(s AS VARCHAR), 1, 3) AS x FROM t"
        );
        assert_eq!(
            rewritten("SELECT CAST(s AS VARCHAR(1)) FROM t GROUP BY s HAVING s = 'ab'"),
            "SELECT substr(CAST(s AS VARCHAR), 1, 1) FROM t GROUP BY s HAVING s = 'ab'"
        );
    }

    #[test]
    fn wide_floats_are_double() {
        assert_eq!(rewritten("SELECT CAST(a AS FLOAT(53)) FROM t"), "SELECT CAST(a AS DOUBLE) FROM t");
        unchanged("SELECT CAST(a AS FLOAT(24)), CAST(a AS FLOAT), CAST(a AS REAL) FROM t");
    }

    #[test]
    fn other_casts_are_left_alone() {
        unchanged("SELECT CAST(s AS VARCHAR), CAST(s AS CHAR), CAST(b AS DECIMAL(10,2)), CAST(s AS INT) FROM t");
    }
}
