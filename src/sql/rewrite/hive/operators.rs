//! Operators that mean something else: `a / b` → `hive_divide(a, b)`
//!
//! `/` never is a whole-number division, by zero it is NULL, as are `%` and DIV; subscripts of arrays begin at 0 and may be out of range.
//! SUBSTRING and POSITION are functions like any other.

use sqlparser::ast::{AccessExpr, BinaryOperator, Expr, Spanned, Subscript, UnaryOperator, Value};

use super::super::ast::{call, folded, number, string, string_literal};

pub(super) fn to_functions(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { op, .. } => {
            let function = match op {
                BinaryOperator::Divide => "hive_divide",
                BinaryOperator::Modulo => "hive_mod",
                BinaryOperator::MyIntegerDivide => "hive_div",
                BinaryOperator::BitwiseXor => {
                    *op = BinaryOperator::PGBitwiseXor;
                    return;
                }
                _ => return,
            };
            let span = expr.span();
            let Expr::BinaryOp { left, right, .. } = take(expr) else { return };
            *expr = call(function, vec![with_type(*left), with_type(*right)], span);
        }
        Expr::UnaryOp { op, expr: inner } => {
            let function = match op {
                UnaryOperator::BangNot => {
                    *op = UnaryOperator::Not;
                    return;
                }
                UnaryOperator::BitwiseNot => "bitwise_not",
                UnaryOperator::Minus if string_literal(inner).is_some() => "negative",
                UnaryOperator::Plus if string_literal(inner).is_some() => "positive",
                _ => return,
            };
            let span = expr.span();
            let Expr::UnaryOp { expr: inner, .. } = take(expr) else { return };
            *expr = call(function, vec![*inner], span);
        }
        Expr::RLike { .. } => {
            let span = expr.span();
            let Expr::RLike { negated, expr: text, pattern, .. } = take(expr) else { return };
            let matches = call("rlike", vec![*text, *pattern], span);
            *expr = match negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matches) },
                false => matches,
            };
        }
        Expr::Extract { .. } => {
            let span = expr.span();
            let Expr::Extract { field, expr: date, .. } = take(expr) else { return };
            // Each part of a date is a function of its name.
            let part = field.to_string().to_lowercase();
            let function = match part.as_str() {
                "week" => "weekofyear",
                "doy" => "dayofyear",
                "dow" => "dayofweek",
                part => part,
            };
            *expr = call(function, vec![*date], span);
        }
        Expr::CompoundFieldAccess { root, access_chain }
            if access_chain.iter().any(is_subscript) || !matches!(**root, Expr::Identifier(_)) =>
        {
            let span = expr.span();
            let Expr::CompoundFieldAccess { root, access_chain } = take(expr) else { return };
            *expr = access_chain.into_iter().fold(*root, |value, access| match access {
                AccessExpr::Dot(Expr::Identifier(field)) if is_name(&value) => match value {
                    Expr::CompoundIdentifier(mut names) => {
                        names.push(field);
                        Expr::CompoundIdentifier(names)
                    }
                    Expr::Identifier(name) => Expr::CompoundIdentifier(vec![name, field]),
                    value => value,
                },
                AccessExpr::Subscript(Subscript::Index { index }) => call("hive_index", vec![value, index], span),
                AccessExpr::Dot(Expr::Identifier(field)) => {
                    call("hive_field", vec![value, string(folded(&field), field.span)], span)
                }
                access => Expr::CompoundFieldAccess { root: Box::new(value), access_chain: vec![access] },
            });
        }
        Expr::Substring { .. } => {
            let span = expr.span();
            let Expr::Substring { expr: text, substring_from, substring_for, .. } = take(expr) else { return };
            let start = substring_from.map_or_else(|| number(1, span), |start| *start);
            let arguments = [*text, start].into_iter().chain(substring_for.map(|length| *length)).collect();
            *expr = call("substr", arguments, span);
        }
        Expr::Position { .. } => {
            let span = expr.span();
            let Expr::Position { expr: part, r#in: text } = take(expr) else { return };
            *expr = call("locate", vec![*part, *text], span);
        }
        _ => {}
    }
}

/// A whole number as the INT that it is to Hive, if there is room for it.
pub(super) fn with_type(expr: Expr) -> Expr {
    let number = match &expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => inner.as_ref(),
        number => number,
    };
    let is_int = match number {
        Expr::Value(value) => matches!(&value.value, Value::Number(text, _) if text.parse::<i32>().is_ok()),
        _ => false,
    };
    let span = expr.span();
    if is_int { call("hive_cast", vec![expr, string("INT", span)], span) } else { expr }
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Tuple(Vec::new()))
}

fn is_subscript(access: &AccessExpr) -> bool {
    matches!(access, AccessExpr::Subscript(Subscript::Index { .. }))
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn operators_are_calls() {
        for (operation, becomes) in [
            ("a / b", "hive_divide(a, b)"),
            ("a + b DIV c * 2 - d", "a + hive_div(b, c) * 2 - d"),
            ("a * b div c", "hive_div(a * b, c)"),
            ("a % 2", "hive_mod(a, hive_cast(2, 'INT'))"),
            ("-a", "-a"),
            ("-'5'", "negative('5')"),
            ("-1", "-1"),
            ("t.a[0]", "hive_index(t.a, 0)"),
            ("a <=> b", "a <=> b"),
            ("a[0]", "hive_index(a, 0)"),
            ("a['k'].f[1]", "hive_index(hive_field(hive_index(a, 'k'), 'f'), 1)"),
            ("max(struct(a, b)).col2", "hive_field(max(struct(a, b)), 'col2')"),
            ("! a", "NOT a"),
            ("a ^ b", "a # b"),
            ("~a", "bitwise_not(a)"),
            ("a RLIKE b", "rlike(a, b)"),
            ("a NOT REGEXP b", "NOT rlike(a, b)"),
            ("extract(week FROM a)", "weekofyear(a)"),
            ("a + b || c", "a + b || c"),
            ("substring(a, 2)", "substr(a, 2)"),
            ("array(1, 2)", "array(1, 2)"),
            ("a == b", "a = b"),
        ] {
            assert_eq!(
                rewritten_hive(&format!("SELECT {operation} AS x FROM t")),
                format!("SELECT {becomes} AS x FROM t")
            );
        }
    }
}
