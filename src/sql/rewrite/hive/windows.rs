//! `last_value(a, true) OVER (…)` → `last_value(a) IGNORE NULLS OVER (…)`

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, NullTreatment, Value};

use super::super::ast::{bare, folded};

pub(super) fn ignore_nulls(expr: &mut Expr) {
    let Expr::Function(function) = expr else { return };
    let is_value = bare(&function.name)
        .is_some_and(|name| matches!(folded(name).as_str(), "first_value" | "last_value" | "first" | "last"));
    let FunctionArguments::List(list) = &mut function.args else { return };
    if !is_value || list.args.len() != 2 {
        return;
    }
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(flag)))) = list.args.last() else { return };
    let Value::Boolean(ignores) = flag.value else { return };
    list.args.pop();
    if ignores {
        function.null_treatment = Some(NullTreatment::IgnoreNulls);
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn the_second_argument_says_whether_nulls_count() {
        assert_eq!(
            rewritten_hive(
                "SELECT last_value(a, true) OVER (ORDER BY b) AS x, first_value(a, false) OVER (ORDER BY b) AS y FROM t"
            ),
            "SELECT last_value(a) IGNORE NULLS OVER (ORDER BY b) AS x, first_value(a) OVER (ORDER BY b) AS y FROM t"
        );
    }
}
