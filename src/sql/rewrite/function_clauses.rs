//! Words in and behind a function call that DataFusion would leave out.
//!
//! `upper(s) FILTER (WHERE …)`, `lag(DISTINCT b) OVER …`, `corr(DISTINCT x, y)`, `sum(a)(b)`, `count(u.*)`: the planner finds
//! the function and does not look at the rest. `percentile_cont(a, 0.5 ORDER BY b)` is computed over b, and
//! `array_agg(b ORDER BY 1)` sorts by the first column of FROM. Each is refused.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, OrderByExpr, Spanned, Value,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, folded};
use super::function_names::built_in;

pub(super) fn refuse(function: &Function) -> Result<(), Refusal> {
    let span = function.name.span();
    if function.parameters != FunctionArguments::None {
        return Err(Refusal::new(format!("{} takes one list of arguments", function.name), span));
    }
    let Some(name) = bare(&function.name).map(folded) else { return Ok(()) };
    let list = match &function.args {
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) if name == "array" => {
            return Err(Refusal::new("ARRAY(SELECT …) is not supported", span)
                .help("use (SELECT array_agg(x) FROM …); of no rows it makes NULL, not an empty array"));
        }
        FunctionArguments::Subquery(_) => {
            return Err(Refusal::new(format!("{name} takes no query as its argument"), span)
                .help("put the query into parentheses of its own"));
        }
        FunctionArguments::None => return Ok(()),
    };
    let call = Call { function, list, name: &name, span };
    call.refuse_on_scalar()?;
    call.refuse_names()?;
    call.refuse_star()?;
    call.refuse_distinct()?;
    call.refuse_nulls()?;
    call.refuse_order()
}

struct Call<'a> {
    function: &'a Function,
    list: &'a FunctionArgumentList,
    name: &'a str,
    span: Span,
}

impl Call<'_> {
    fn is_distinct(&self) -> bool {
        self.list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
    }

    /// ORDER BY inside of the parentheses.
    fn order_by(&self) -> Option<&[OrderByExpr]> {
        self.list.clauses.iter().find_map(|clause| match clause {
            FunctionArgumentClause::OrderBy(keys) => Some(keys.as_slice()),
            _ => None,
        })
    }

    fn has_null_treatment(&self) -> bool {
        let inside =
            self.list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_)));
        inside || self.function.null_treatment.is_some()
    }

    fn refuse_on_scalar(&self) -> Result<(), Refusal> {
        if !built_in().is_scalar(self.name) {
            return Ok(());
        }
        let clause = match () {
            () if self.function.over.is_some() => "OVER",
            () if self.function.filter.is_some() => "FILTER",
            () if !self.function.within_group.is_empty() => "WITHIN GROUP",
            () if self.list.duplicate_treatment.is_some() => "DISTINCT or ALL",
            () if self.order_by().is_some() => "ORDER BY",
            () if self.has_null_treatment() => "IGNORE NULLS or RESPECT NULLS",
            () => return Ok(()),
        };
        let name = self.name;
        Err(Refusal::new(format!("{name} takes no {clause}: it is no aggregate or window function"), self.span))
    }

    fn refuse_names(&self) -> Result<(), Refusal> {
        if !matches!(self.name, "map" | "make_map") && !built_in().is_higher_order(self.name) {
            return Ok(());
        }
        let named = self.list.args.iter().find_map(|argument| match argument {
            FunctionArg::Named { name, .. } => Some(name.span),
            FunctionArg::ExprNamed { name, .. } => Some(name.span()),
            FunctionArg::Unnamed(_) => None,
        });
        match named {
            Some(span) => Err(Refusal::new(format!("{} takes no arguments by name", self.name), span)
                .help("give the arguments in their order")),
            None => Ok(()),
        }
    }

    fn refuse_star(&self) -> Result<(), Refusal> {
        if self.name != "count" {
            return Ok(());
        }
        for argument in &self.list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if self.is_distinct() => {
                    return Err(Refusal::new("count(DISTINCT *) is not supported", self.span)
                        .help("name the columns, or use SELECT count(*) FROM (SELECT DISTINCT * FROM …)"));
                }
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(table)) => {
                    return Err(Refusal::new(format!("count({table}.*) is not supported"), self.span)
                        .help("count(*) counts all rows; count(column) those where the column is not NULL"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn refuse_distinct(&self) -> Result<(), Refusal> {
        const LOOK_AT_ALL: &[&str] = &[
            "corr",
            "covar",
            "covar_pop",
            "covar_samp",
            "regr_avgx",
            "regr_avgy",
            "regr_count",
            "regr_intercept",
            "regr_r2",
            "regr_slope",
            "regr_sxx",
            "regr_sxy",
            "regr_syy",
            "approx_percentile_cont",
            "nth_value",
        ];
        if self.is_distinct() && (built_in().is_window(self.name) || LOOK_AT_ALL.contains(&self.name)) {
            return Err(Refusal::new(format!("{} takes no DISTINCT", self.name), self.span)
                .help("make the rows distinct in a subquery: FROM (SELECT DISTINCT …)"));
        }
        Ok(())
    }

    /// Without OVER the planner refuses them itself.
    fn refuse_nulls(&self) -> Result<(), Refusal> {
        if self.function.over.is_some() && self.has_null_treatment() && built_in().is_plain_about_nulls(self.name) {
            return Err(Refusal::new(format!("{} takes no IGNORE NULLS or RESPECT NULLS", self.name), self.span));
        }
        Ok(())
    }

    fn refuse_order(&self) -> Result<(), Refusal> {
        let Some(keys) = self.order_by() else { return Ok(()) };
        let by_number = keys.iter().find_map(|key| match &key.expr {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => Some(value.span),
            _ => None,
        });
        if let Some(span) = by_number {
            return Err(Refusal::new("a number in the ORDER BY of an aggregate is no position", span)
                .help("name the column or expression to sort by"));
        }
        let takes_sorted = matches!(
            self.name,
            "percentile_cont"
                | "quantile_cont"
                | "approx_percentile_cont"
                | "approx_percentile_cont_with_weight"
                | "percentile_disc"
                | "quantile_disc"
        );
        match (self.list.args.as_slice(), keys) {
            ([FunctionArg::Unnamed(FunctionArgExpr::Expr(value)), _, ..], [key])
                if takes_sorted && value.to_string() != key.expr.to_string() =>
            {
                Err(Refusal::new(format!("{} is computed over what it is sorted by", self.name), key.expr.span())
                    .help(format!("sort by its first argument: ORDER BY {value}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, unchanged};

    #[test]
    fn scalar_functions_take_no_clauses_of_aggregates() {
        for (clause, call) in [
            ("FILTER", "▸upper(s) FILTER (WHERE false)"),
            ("OVER", "▸abs(a) OVER (PARTITION BY b)"),
            ("DISTINCT or ALL", "▸concat(DISTINCT s, '-')"),
            ("ORDER BY", "▸abs(a ORDER BY b)"),
            ("IGNORE NULLS or RESPECT NULLS", "▸abs(a) IGNORE NULLS"),
            ("WITHIN GROUP", "▸abs(a) WITHIN GROUP (ORDER BY b)"),
            ("DISTINCT or ALL", "▸unnest(DISTINCT [1, 1])"),
        ] {
            let name = call.trim_start_matches('▸').split('(').next().unwrap_or_default();
            refused(
                &format!("SELECT {call} FROM t"),
                &format!("{name} takes no {clause}: it is no aggregate or window function"),
            );
        }
    }

    #[test]
    fn distinct_that_would_be_dropped_is_refused() {
        refused("SELECT ▸lag(DISTINCT b) OVER (ORDER BY b) FROM t", "lag takes no DISTINCT");
        refused("SELECT ▸ntile(DISTINCT 2) OVER (ORDER BY b) FROM t", "ntile takes no DISTINCT");
        refused("SELECT ▸corr(DISTINCT a, b) FROM t", "corr takes no DISTINCT");
        refused("SELECT ▸Regr_Slope(DISTINCT a, b) FROM t", "regr_slope takes no DISTINCT");
        unchanged("SELECT sum(DISTINCT a), count(DISTINCT a, b), string_agg(DISTINCT s, ',') FROM t");
    }

    #[test]
    fn nulls_that_no_one_looks_at_are_refused() {
        let message = "row_number takes no IGNORE NULLS or RESPECT NULLS";
        refused("SELECT ▸row_number() IGNORE NULLS OVER (ORDER BY a) FROM t", message);
        refused("SELECT ▸sum(b) IGNORE NULLS OVER () FROM t", "sum takes no IGNORE NULLS or RESPECT NULLS");
        refused(
            "SELECT ▸string_agg(s, ',') RESPECT NULLS OVER () FROM t",
            "string_agg takes no IGNORE NULLS or RESPECT NULLS",
        );
        unchanged("SELECT lag(b) IGNORE NULLS OVER (ORDER BY a), first_value(b) IGNORE NULLS OVER () FROM t");
    }

    #[test]
    fn counts_of_rows_that_are_not_counted_are_refused() {
        refused("SELECT ▸count(DISTINCT *) FROM t", "count(DISTINCT *) is not supported");
        refused("SELECT ▸count(u.*) FROM t LEFT JOIN u ON t.a = u.a", "count(u.*) is not supported");
        unchanged("SELECT count(*), count(DISTINCT a), count(u.a) FROM t");
    }

    #[test]
    fn orders_that_would_be_of_something_else_are_refused() {
        let message = "a number in the ORDER BY of an aggregate is no position";
        refused("SELECT array_agg(b ORDER BY ▸1) FROM t", message);
        refused("SELECT string_agg(s, ',' ORDER BY a, ▸2 DESC) FROM t", message);
        let message = "percentile_cont is computed over what it is sorted by";
        let help = refused("SELECT percentile_cont(a, 0.5 ORDER BY ▸b) FROM t", message);
        assert_eq!(help, "sort by its first argument: ORDER BY a");
        unchanged("SELECT percentile_cont(a, 0.5 ORDER BY a DESC), array_agg(b ORDER BY a, -b) FROM t");
        unchanged("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b), sum(a) OVER (ORDER BY 1) FROM t");
    }

    #[test]
    fn arguments_that_would_be_dropped_are_refused() {
        refused("SELECT ▸sum(a)(b) FROM t", "sum takes one list of arguments");
        refused("SELECT ▸ARRAY(SELECT a FROM t)", "ARRAY(SELECT …) is not supported");
        refused("SELECT make_map(▸k => 'a', v => 1)", "make_map takes no arguments by name");
        unchanged("SELECT make_map('a', 1), map([1], [2]), list_filter(xs, x -> x > 1), current_date, now() FROM t");
    }
}
