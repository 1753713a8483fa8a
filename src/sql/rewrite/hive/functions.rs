//! Calls that need more than another function: `count(DISTINCT a, b)`, `sum(text)`
//!
//! - `count(DISTINCT a, b)` → `count(DISTINCT CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN struct(a, b) END)`: rows with a NULL
//!   do not count.
//! - `sum(a)` → `sum(hive_number(a))`: a text is made a DOUBLE, and NULL if it is none. Numbers stay what they are.
//! - `printf('%d', 1)` → `printf('%d', hive_cast(1, 'INT'))`: how a number is written depends on its width.
//! - `pmod(a, 3)` → `pmod(a, hive_cast(3, 'INT'))`, and shifts likewise: what they give depends on what they are given.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Spanned,
};

use super::super::ast::{bare, call, folded, joined};

/// Aggregates over numbers.
const OF_NUMBERS: &[&str] = &[
    "avg",
    "sum",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "std",
    "variance",
    "var_pop",
    "var_samp",
    "corr",
    "covar_pop",
    "covar_samp",
];

pub(super) fn to_ansi(expr: &mut Expr) {
    let span = expr.span();
    let Expr::Function(function) = expr else { return };
    let Some(name) = bare(&function.name).map(folded) else { return };
    if name == "map" && matches!(&function.args, FunctionArguments::List(list) if list.args.is_empty()) {
        *expr = call("hive_empty_map", vec![], span);
    } else if name == "count" {
        count_of_rows(function);
    } else if matches!(
        name.as_str(),
        "pmod" | "shiftleft" | "shiftright" | "shiftrightunsigned" | "printf" | "format_string"
    ) {
        each_value(function, super::operators::with_type);
    } else if OF_NUMBERS.contains(&name.as_str()) {
        each_value(function, |value| call("hive_number", vec![value], span));
    }
}

fn each_value(function: &mut Function, change: impl Fn(Expr) -> Expr) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
            let taken = std::mem::replace(value, Expr::Tuple(Vec::new()));
            *value = change(taken);
        }
    }
}

fn count_of_rows(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    if list.duplicate_treatment != Some(DuplicateTreatment::Distinct) || list.args.len() < 2 {
        return;
    }
    let values: Option<Vec<Expr>> = list
        .args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect();
    let Some(values) = values else { return };
    let span = values.first().map_or_else(sqlparser::tokenizer::Span::empty, Spanned::span);
    let present = values.iter().map(|value| Expr::IsNotNull(Box::new(value.clone()))).collect();
    let Some(condition) = joined(present, BinaryOperator::And) else { return };
    let all = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: call("struct", values, span) }],
        else_result: None,
    };
    list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(all))];
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn calls_in_other_words() {
        for (call, becomes) in [
            ("count(DISTINCT a, b)", "count(DISTINCT CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN struct(a, b) END)"),
            ("count(DISTINCT a)", "count(DISTINCT a)"),
            ("sum(a)", "sum(hive_number(a))"),
            ("max(a)", "max(a)"),
            ("pmod(a, 3)", "pmod(a, hive_cast(3, 'INT'))"),
        ] {
            assert_eq!(rewritten_hive(&format!("SELECT {call} AS x FROM t")), format!("SELECT {becomes} AS x FROM t"));
        }
    }
}
