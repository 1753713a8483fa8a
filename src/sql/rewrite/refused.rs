//! Clauses that the parser reads and DataFusion would leave out in silence: each is an error instead.

use sqlparser::ast::{Expr, Query, Select, Spanned, TableFactor};

use super::Refusal;

pub(super) fn in_query(query: &Query) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(Refusal::new(format!("{what} is not supported"), query.span()));
    if !query.locks.is_empty() {
        return refuse("FOR UPDATE or FOR SHARE");
    }
    if query.for_clause.is_some() {
        return refuse("FOR XML, FOR JSON or FOR BROWSE");
    }
    if query.settings.is_some() {
        return refuse("SETTINGS behind a query");
    }
    if query.format_clause.is_some() {
        return refuse("FORMAT behind a query");
    }
    Ok(())
}

pub(super) fn in_select(select: &Select) -> Result<(), Refusal> {
    let refuse = |what: &str, span| Err(Refusal::new(format!("{what} is not supported"), span));
    let span = select.select_token.0.span;
    if let Some(into) = &select.into {
        return Err(
            Refusal::new("SELECT … INTO is not supported", into.name.span()).help("use CREATE TABLE … AS SELECT")
        );
    }
    if select.prewhere.is_some() {
        return refuse("PREWHERE", span);
    }
    if !select.connect_by.is_empty() {
        return Err(Refusal::new("CONNECT BY is not supported", span).help("use WITH RECURSIVE"));
    }
    if let Some(expr) = select.cluster_by.first() {
        return refuse("CLUSTER BY", expr.span());
    }
    if let Some(expr) = select.distribute_by.first() {
        return refuse("DISTRIBUTE BY", expr.span());
    }
    if let Some(expr) = select.sort_by.first() {
        return Err(Refusal::new("SORT BY is not supported", expr.span()).help("use ORDER BY"));
    }
    if select.value_table_mode.is_some() {
        return refuse("SELECT AS VALUE or AS STRUCT", span);
    }
    Ok(())
}

pub(super) fn in_table_factor(_factor: &TableFactor) -> Result<(), Refusal> {
    Ok(())
}

pub(super) fn in_expr(_expr: &Expr) -> Result<(), Refusal> {
    Ok(())
}
