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

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn fetch_is_a_limit() {
        assert_eq!(rewritten("SELECT a FROM t FETCH FIRST ROW ONLY"), "SELECT a FROM t LIMIT 1");
        assert_eq!(
            rewritten("SELECT a FROM (SELECT a FROM t ORDER BY a OFFSET 2 FETCH NEXT 5 ROWS ONLY) x"),
            "SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 5 OFFSET 2) x"
        );
        unchanged("SELECT a FROM t LIMIT 5");
    }

    #[test]
    fn what_a_limit_cannot_say_is_refused() {
        refused("SELECT a FROM t FETCH FIRST ▸5 ROWS WITH TIES", "FETCH … WITH TIES is not supported");
        refused("SELECT a FROM t FETCH FIRST ▸5 PERCENT ROWS ONLY", "FETCH … PERCENT is not supported");
        refused("SELECT a FROM t LIMIT 3 FETCH FIRST ▸5 ROWS ONLY", "LIMIT and FETCH both say how many rows to return");
    }
}
