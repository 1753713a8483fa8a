//! `t TABLESAMPLE (10 PERCENT) s` → `(SELECT * FROM t WHERE rand() < 0.1) s`
//!
//! `n ROWS` is a LIMIT, and `BUCKET x OUT OF y ON c` is what Hive's hash of c leaves: those rows are the same in each run.

use sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, SetExpr, Spanned, TableAlias, TableFactor, TableSample, TableSampleBucket,
    TableSampleKind, TableSampleUnit, Value,
};
use sqlparser::tokenizer::Span;

use super::super::Refusal;
use super::super::ast::{all_columns, call, number, query_of, select_of};

pub(super) fn to_filter(factor: &mut TableFactor) -> Result<(), Refusal> {
    let TableFactor::Table { name, alias, sample, .. } = factor else { return Ok(()) };
    let Some(TableSampleKind::BeforeTableAlias(taken) | TableSampleKind::AfterTableAlias(taken)) = sample.take() else {
        return Ok(());
    };
    let span = name.span();
    let alias = alias.take().or_else(|| {
        let name = name.0.last()?.as_ident()?.clone();
        Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None })
    });
    let (filter, limit) = part(*taken, span)?;
    let table = std::mem::replace(factor, TableFactor::TableFunction { expr: number(0, span), alias: None });
    let mut select = select_of(vec![all_columns()], Some(table));
    select.selection = filter;
    let mut query = query_of(SetExpr::Select(Box::new(select)));
    query.limit_clause =
        limit.map(|limit| LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by: Vec::new() });
    *factor = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias, sample: None };
    Ok(())
}

/// The filter, or the limit, that leaves the sample.
fn part(sample: TableSample, span: Span) -> Result<(Option<Expr>, Option<Expr>), Refusal> {
    let less_than = |left: Expr, right: Expr| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Lt,
        right: Box::new(right),
    };
    if let Some(TableSampleBucket { bucket, total, on }) = sample.bucket {
        let (Some(bucket), Some(total)) = (whole(&bucket.value), whole(&total.value)) else {
            return Err(Refusal::new("TABLESAMPLE (BUCKET x OUT OF y): x and y are whole numbers", span));
        };
        if bucket == 0 || bucket > total {
            return Err(Refusal::new(format!("there is no bucket {bucket} out of {total}"), span));
        }
        let is_random =
            matches!(&on, Some(Expr::Function(function)) if function.name.to_string().eq_ignore_ascii_case("rand"));
        return match on {
            Some(column) if !is_random => {
                let hash = call("pmod", vec![call("hash", vec![column], span), number(total, span)], span);
                let right = number(bucket - 1, span);
                let same = Expr::BinaryOp { left: Box::new(hash), op: BinaryOperator::Eq, right: Box::new(right) };
                Ok((Some(same), None))
            }
            _ => {
                let share = 1.0 / total as f64;
                Ok((Some(less_than(call("random", vec![], span), number(share, span))), None))
            }
        };
    }
    let Some(quantity) = sample.quantity else {
        return Err(Refusal::new("TABLESAMPLE needs PERCENT, ROWS or BUCKET", span));
    };
    let value = match &quantity.value {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse::<f64>().ok(),
            _ => None,
        },
        _ => None,
    };
    let Some(value) = value else {
        return Err(Refusal::new("TABLESAMPLE takes a number of PERCENT or ROWS", span)
            .help("sizes such as 100M are not supported; use PERCENT"));
    };
    match quantity.unit {
        Some(TableSampleUnit::Percent) if value <= 100.0 => {
            Ok((Some(less_than(call("random", vec![], span), number(value / 100.0, span))), None))
        }
        Some(TableSampleUnit::Percent) => Err(Refusal::new("TABLESAMPLE takes at most 100 PERCENT", span)),
        Some(TableSampleUnit::Rows) if value.fract() == 0.0 => Ok((None, Some(quantity.value))),
        _ => Err(Refusal::new("TABLESAMPLE needs PERCENT, ROWS or BUCKET", span)),
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(text, _) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn samples_are_filters_and_limits() {
        for (from, becomes) in [
            ("t TABLESAMPLE (10 PERCENT) s", "(SELECT * FROM t WHERE random() < 0.1) s"),
            ("d.t TABLESAMPLE (5 ROWS)", "(SELECT * FROM d.t LIMIT 5) AS t"),
            (
                "t TABLESAMPLE (BUCKET 3 OUT OF 4 ON k) s",
                "(SELECT * FROM t WHERE pmod(hash(k), hive_cast(4, 'INT')) = 2) s",
            ),
            ("t TABLESAMPLE (BUCKET 1 OUT OF 4 ON rand()) s", "(SELECT * FROM t WHERE random() < 0.25) s"),
        ] {
            assert_eq!(rewritten_hive(&format!("SELECT a FROM {from}")), format!("SELECT a FROM {becomes}"));
        }
        refused_hive("SELECT a FROM ▸t TABLESAMPLE (BUCKET 5 OUT OF 4 ON k)", "there is no bucket 5 out of 4");
    }
}
