//! `1e2` → `hive_cast(1e2, 'DOUBLE')`, `10L` → `hive_cast(10, 'BIGINT')`
//!
//! Numbers with an exponent are DOUBLE, those with a letter have its type; without one, those with a point are DECIMAL as they are in ansi.

use sqlparser::ast::{Expr, Value};

use super::super::ast::{call, number, string};

pub(super) fn with_types(expr: &mut Expr) {
    let Expr::Value(value) = expr else { return };
    let Value::Number(text, _) = &value.value else { return };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let data_type = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "L" => "BIGINT",
        "S" => "SMALLINT",
        "Y" => "TINYINT",
        "BD" => return value.value = Value::Number(digits.to_string(), false),
        "D" => "DOUBLE",
        "F" => "REAL",
        "" if text.contains(['e', 'E']) => "DOUBLE",
        _ => return,
    };
    let span = value.span;
    let literal = match data_type {
        // As a text: the parser reads it as a DECIMAL.
        "DOUBLE" | "REAL" => string(digits, span),
        _ => number(digits, span),
    };
    *expr = call("hive_cast", vec![literal, string(data_type, span)], span);
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn numbers_have_their_type() {
        assert_eq!(
            rewritten_hive("SELECT 1e2 AS a, 1.5 AS b, 2D AS c, 1 AS d, 10L AS e, 3y AS f, 1.50BD AS g"),
            "SELECT hive_cast('1e2', 'DOUBLE') AS a, 1.5 AS b, hive_cast('2', 'DOUBLE') AS c, 1 AS d, \
             hive_cast(10, 'BIGINT') AS e, hive_cast(3, 'TINYINT') AS f, 1.50 AS g"
        );
    }
}
