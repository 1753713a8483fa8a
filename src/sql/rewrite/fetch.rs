//! `FETCH FIRST 5 ROWS ONLY` → `LIMIT 5`

use sqlparser::ast::{Expr, LimitClause, Query, Spanned, Value};

use super::Refusal;

pub(super) fn to_limit(query: &mut Query) -> Result<(), Refusal> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    let span = fetch.quantity.as_ref().map_or_else(|| query.span(), Spanned::span);
    if fetch.with_ties {
        return Err(Refusal::new("FETCH … WITH TIES is not supported", span).help("use rank() and QUALIFY"));
    }
    if fetch.percent {
        return Err(Refusal::new("FETCH … PERCENT is not supported", span).help("use percent_rank() and QUALIFY"));
    }
    let quantity = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_string(), false).into()));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, limit_by, .. }) if limit_by.is_empty() => {
            *limit = Some(quantity);
        }
        None => {
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit: Some(quantity), offset: None, limit_by: Vec::new() });
        }
        Some(_) => return Err(Refusal::new("LIMIT and FETCH both say how many rows to return", span)),
    }
    Ok(())
}
