//! Clauses that the parser reads and DataFusion would leave out in silence, or refuse without their place: each is an error
//! instead.

use sqlparser::ast::{BinaryOperator, Expr, Query, Select, Spanned};

use super::Refusal;
use super::ast::string_literal;

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
    if select.top.is_some() {
        return Err(Refusal::new("TOP is not supported", span).help("use LIMIT behind the query"));
    }
    if let Some(view) = select.lateral_views.first() {
        return Err(
            Refusal::new("LATERAL VIEW is not supported", view.lateral_view.span()).help("use CROSS JOIN unnest(…)")
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

pub(super) fn in_expr(expr: &Expr) -> Result<(), Refusal> {
    let refuse = |what: &str, help: &str| Err(Refusal::new(format!("{what} is not supported"), expr.span()).help(help));
    match expr {
        // ^ binds stronger than * in PostgreSQL and weaker here, so it is not only a matter of the name.
        Expr::BinaryOp { op: BinaryOperator::BitwiseXor, right, .. } => {
            Err(Refusal::new("^ is a power to some and an exclusive or to others", right.span())
                .help("use power(a, b), or (a | b) - (a & b) for an exclusive or"))
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            let mut inner = timestamp.as_ref();
            while let Expr::Nested(nested) = inner {
                inner = nested;
            }
            if matches!(inner, Expr::AtTimeZone { .. }) {
                // The second one would have to give a time without a zone; DataFusion gives one with it.
                return Err(Refusal::new("AT TIME ZONE twice is not supported", time_zone.span())
                    .help("to_local_time(t AT TIME ZONE '…') takes the zone away"));
            }
            match string_literal(time_zone) {
                Some(_) => Ok(()),
                None => Err(Refusal::new("a time zone has to be a string", time_zone.span())
                    .help("name it: AT TIME ZONE 'Europe/Berlin'")),
            }
        }
        Expr::Substring { substring_from: Some(from), special: false, .. } if string_literal(from).is_some() => {
            Err(Refusal::new("substring with a pattern is not supported", from.span())
                .help("use regexp_match(s, 'pattern')[1]"))
        }
        Expr::Convert { .. } => refuse("CONVERT", "use CAST(x AS type) or TRY_CAST(x AS type)"),
        Expr::Collate { .. } => refuse("COLLATE", "strings are compared by their bytes; lower(s) takes case away"),
        Expr::IsNormalized { .. } => refuse("IS NORMALIZED", "strings are compared by their bytes"),
        Expr::InUnnest { .. } => refuse("IN UNNEST", "use x = ANY (array)"),
        Expr::MemberOf(_) => refuse("MEMBER OF", "use x = ANY (array)"),
        Expr::OuterJoin(_) => refuse("(+)", "use LEFT JOIN … ON"),
        Expr::MatchAgainst { .. } => refuse("MATCH … AGAINST", "use LIKE or ~"),
        Expr::Prior(_) => refuse("PRIOR", "use WITH RECURSIVE"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn clauses_behind_a_query_are_refused() {
        refused("▸SELECT a FROM t FOR UPDATE", "FOR UPDATE or FOR SHARE is not supported");
        refused("SELECT 1 FROM (▸SELECT a FROM t FOR SHARE OF t) x", "FOR UPDATE or FOR SHARE is not supported");
        refused("▸SELECT a FROM t FOR XML AUTO", "FOR XML, FOR JSON or FOR BROWSE is not supported");
    }

    #[test]
    fn clauses_of_a_select_are_refused() {
        refused("SELECT a INTO ▸x FROM t", "SELECT … INTO is not supported");
        refused("▸SELECT a FROM t START WITH a = 1 CONNECT BY PRIOR a = b", "CONNECT BY is not supported");
        refused("SELECT a FROM t CLUSTER BY ▸a", "CLUSTER BY is not supported");
        refused("SELECT a FROM t DISTRIBUTE BY ▸a", "DISTRIBUTE BY is not supported");
        refused("SELECT a FROM t SORT BY ▸a", "SORT BY is not supported");
        refused("▸SELECT TOP 1 a FROM t", "TOP is not supported");
        refused("SELECT y FROM t LATERAL VIEW ▸explode(b) x AS y", "LATERAL VIEW is not supported");
    }

    #[test]
    fn operators_of_another_meaning_are_refused() {
        refused("SELECT 2 * 3 ^ ▸2", "^ is a power to some and an exclusive or to others");
        refused(
            "SELECT (d AT TIME ZONE 'UTC') AT TIME ZONE ▸'America/New_York' FROM t",
            "AT TIME ZONE twice is not supported",
        );
        refused("SELECT d AT TIME ZONE ▸z FROM t", "a time zone has to be a string");
        refused("SELECT substring(s FROM ▸'b.d') FROM t", "substring with a pattern is not supported");
    }

    #[test]
    fn expressions_that_cannot_be_planned_are_refused_at_their_place() {
        refused("SELECT CONVERT(▸a, INT) FROM t", "CONVERT is not supported");
        refused("SELECT ▸s COLLATE \"C\" FROM t", "COLLATE is not supported");
        refused("SELECT ▸s IS NORMALIZED FROM t", "IS NORMALIZED is not supported");
        refused("SELECT ▸1 IN UNNEST([1, 2])", "IN UNNEST is not supported");
        refused("SELECT ▸1 MEMBER OF (2)", "MEMBER OF is not supported");
    }

    #[test]
    fn what_is_planned_is_left_alone() {
        unchanged("SELECT d AT TIME ZONE 'UTC', a & b | 1, SUBSTRING(s FROM 2 FOR 3) FROM t LIMIT 3 OFFSET 1");
        assert_eq!(rewritten("SELECT a FROM t LIMIT ALL"), "SELECT a FROM t");
    }
}
