//! `CAST(s AS INT)` → `hive_cast(s, 'INT')`
//!
//! A text that is no number gives NULL, a number that is too large is cut as in Java, and a timestamp's text has a blank in it. None of it is
//! what an ansi cast does. VARCHAR(n) and CHAR(n) keep n characters.

use sqlparser::ast::{CastKind, Expr, Spanned};

use super::super::Refusal;
use super::super::ast::{call, number, string};
use super::super::casts::take_length;
use crate::sql::types;

pub(super) fn to_function(expr: &mut Expr) -> Result<(), Refusal> {
    let span = expr.span();
    let Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr: inner, data_type, format: None, .. } = expr
    else {
        return Ok(());
    };
    let length = take_length(data_type);
    super::types::to_ansi(data_type);
    let to = types::from_sql(data_type).map_err(|error| {
        let refusal = Refusal::new(error.message(), span);
        match error.help_lines().first() {
            Some(line) => refusal.help(line),
            None => refusal,
        }
    })?;
    let value = std::mem::replace(inner.as_mut(), number(0, span));
    let cast = call("hive_cast", vec![value, string(types::to_sql(&to), span)], span);
    *expr = match length {
        Some((length, trims)) => {
            let cut = call("substr", vec![cast, number(1, span), number(length, span)], span);
            if trims { call("rtrim", vec![cut], span) } else { cut }
        }
        None => cast,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn casts_are_calls() {
        for (cast, becomes) in [
            ("CAST(a AS int)", "hive_cast(a, 'INT')"),
            ("CAST(a AS STRING)", "hive_cast(a, 'VARCHAR')"),
            ("CAST(a AS decimal(10,2))", "hive_cast(a, 'DECIMAL(10, 2)')"),
            ("CAST(a AS VARCHAR(3))", "substr(hive_cast(a, 'VARCHAR'), 1, 3)"),
        ] {
            assert_eq!(rewritten_hive(&format!("SELECT {cast} AS x FROM t")), format!("SELECT {becomes} AS x FROM t"));
        }
    }
}
