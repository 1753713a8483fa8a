//! `SELECT EXISTS (SELECT k FROM u WHERE u.a = t.a)` → `SELECT (SELECT count(*) > 0 FROM u WHERE u.a = t.a)`
//!
//! DataFusion plans EXISTS and IN (SELECT …) as joins that filter, which know true and false only: in a filter, an IN for which it matters
//! that it is unknown becomes a value. Elsewhere, in the SELECT list, GROUP BY and ORDER BY, DataFusion finds out when the plan is
//! run, and then prints it. There EXISTS is a count, and IN what `in_as_value.rs` says.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, Ident, OrderBy, Query, Select, SelectItem, SetExpr, Spanned,
    TableAlias, TableFactor, UnaryOperator,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, call_of_all_rows, each_expr, folded, number, query_of, select_of};
use super::function_names::built_in;
use super::rows::not_one_column;
use super::{in_as_value, quantified, row_in, rows};

pub(super) fn outside_of_filters(select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<(), Refusal> {
    for item in &mut select.projection {
        let written = written(item);
        each_expr(item, as_value)?;
        // A column is called by what was asked for.
        if let (Some(name), SelectItem::UnnamedExpr(expr)) = (written, &*item)
            && expr.to_string() != name
        {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
        }
    }
    each_expr(&mut select.group_by, as_value)?;
    match order_by {
        Some(order_by) => each_expr(order_by, as_value),
        None => Ok(()),
    }
}

/// The text of an item without a name that has a condition with a subquery.
fn written(item: &mut SelectItem) -> Option<String> {
    let SelectItem::UnnamedExpr(expr) = &*item else { return None };
    let name = expr.to_string();
    let search = each_expr(item, |part| match part {
        Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => Err(()),
        _ => Ok(()),
    });
    search.is_err().then_some(name)
}

/// Where a condition stands, and so what unknown means there.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A term of WHERE: a row for which it is unknown goes, as for false.
    Term,
    /// Below OR and AND in there: unknown is still as good as false.
    Below,
    /// Anywhere else, such as below NOT: unknown is another value than false.
    Value,
}

/// IN (SELECT …) as a value where it is not a condition: below NOT, IS NULL and in arguments; NOT IN also below OR. DataFusion's joins
/// there know true and false only, so that a row came out for which the condition is unknown.
pub(super) fn in_filters(select: &mut Select) -> Result<(), Refusal> {
    let filters = [&mut select.selection, &mut select.having, &mut select.qualify];
    filters.into_iter().flatten().try_for_each(|filter| in_filter(filter, Place::Term))
}

fn in_filter(expr: &mut Expr, place: Place) -> Result<(), Refusal> {
    match expr {
        Expr::Nested(inner) => in_filter(inner, place),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            in_filter(left, place)?;
            in_filter(right, place)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            let below = if place == Place::Term { Place::Below } else { place };
            in_filter(left, below)?;
            in_filter(right, below)
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => match is_in(inner) {
            true if place == Place::Term => Ok(()),
            _ => in_filter(inner, Place::Value),
        },
        Expr::InSubquery { expr: value, subquery, negated } => {
            let is_condition = place == Place::Term || (place == Place::Below && !*negated);
            match rows::columns(value) {
                Some(row) if is_condition => {
                    *expr = row_in::as_condition(row, subquery, *negated)?;
                    Ok(())
                }
                _ if is_condition => {
                    name_value(&mut subquery.body);
                    Ok(())
                }
                _ => as_value(expr),
            }
        }
        Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            quantified::to_aggregates(expr);
            match expr {
                Expr::InSubquery { .. } => in_filter(expr, place),
                _ => Ok(()),
            }
        }
        _ => each_expr(expr, |part| match part {
            Expr::InSubquery { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => as_value(part),
            _ => Ok(()),
        }),
    }
}

/// Gives the column of IN (SELECT …) a name, if it is computed: DataFusion finds an aggregate's only by its name.
fn name_value(body: &mut SetExpr) {
    match body {
        SetExpr::Query(query) => name_value(&mut query.body),
        SetExpr::SetOperation { left, .. } => name_value(left),
        SetExpr::Select(select) => {
            if let [SelectItem::UnnamedExpr(expr)] = select.projection.as_slice()
                && matches!(expr, Expr::Function(_) | Expr::BinaryOp { .. } | Expr::Case { .. })
            {
                let alias = Ident::new(quantified::VALUE);
                select.projection = vec![SelectItem::ExprWithAlias { expr: expr.clone(), alias }];
            }
        }
        _ => {}
    }
}

fn is_in(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_in(inner),
        Expr::InSubquery { negated, .. } => !negated,
        _ => false,
    }
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) },
        false => expr,
    }
}

fn as_value(expr: &mut Expr) -> Result<(), Refusal> {
    quantified::to_aggregates(expr);
    match expr {
        Expr::InSubquery { expr: value, subquery, negated } => {
            let refuse = |message: &str, help: &str| Err(Refusal::new(message, value.span()).help(help));
            if matches!(value.as_ref(), Expr::Tuple(_)) {
                return refuse(
                    "IN (SELECT …) with several columns is not supported as a value",
                    "use EXISTS (SELECT 1 FROM … WHERE … = …), or LEFT JOIN the query",
                );
            }
            if is_of_several_rows(value) {
                return refuse(
                    "IN (SELECT …) of an aggregate or a window is not supported as a value",
                    "compute it in a subquery in FROM, and use its column",
                );
            }
            if gives_several_columns(subquery) {
                return Err(not_one_column(subquery.span()));
            }
            *expr = negated_if(*negated, in_as_value::by_counts(value, subquery));
            Ok(())
        }
        Expr::Exists { subquery, negated } => {
            let count = count_of(subquery).unwrap_or_else(|| count_of_all(subquery));
            *expr = negated_if(*negated, Expr::Subquery(Box::new(count)));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a query is seen to give more than one column; what `*` stands for is not known here.
fn gives_several_columns(query: &Query) -> bool {
    matches!(query.body.as_ref(), SetExpr::Select(select) if select.projection.len() > 1)
}

/// Whether aggregates or windows are computed.
fn is_of_several_rows(value: &Expr) -> bool {
    let mut value = value.clone();
    let search = each_expr(&mut value, |expr| match expr {
        Expr::Function(call) if call.over.is_some() || is_aggregate(call) => Err(()),
        _ => Ok(()),
    });
    search.is_err()
}

fn is_aggregate(call: &Function) -> bool {
    bare(&call.name).is_some_and(|name| built_in().is_aggregate(&folded(name)))
}

/// `SELECT … FROM u WHERE …` → `SELECT count(*) > 0 FROM u WHERE …`, if that is sure to tell whether there are rows.
fn count_of(query: &Query) -> Option<Query> {
    let mut query = query.clone();
    if query.limit_clause.is_some() || query.fetch.is_some() || !query.pipe_operators.is_empty() {
        return None;
    }
    query.order_by = None;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let is_grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(expressions, modifiers) => !expressions.is_empty() || !modifiers.is_empty(),
    };
    if is_grouped
        || select.having.is_some()
        || select.qualify.is_some()
        || select.top.is_some()
        || select.from.is_empty()
        || !select.projection.iter().all(keeps_rows)
    {
        return None;
    }
    select.distinct = None;
    select.projection = vec![has_rows()];
    Some(query)
}

/// `SELECT count(*) > 0 FROM (query) AS _rows`
fn count_of_all(query: &Query) -> Query {
    let rows = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query.clone()),
        alias: Some(TableAlias { explicit: true, name: Ident::new(quantified::ROWS), columns: Vec::new(), at: None }),
        sample: None,
    };
    query_of(SetExpr::Select(Box::new(select_of(vec![has_rows()], Some(rows)))))
}

fn has_rows() -> SelectItem {
    SelectItem::UnnamedExpr(Expr::BinaryOp {
        left: Box::new(call_of_all_rows("count", Span::empty())),
        op: BinaryOperator::Gt,
        right: Box::new(number(0, Span::empty())),
    })
}

/// Whether an item gives a value for each row: an aggregate gives one for all, unnest() several or none.
fn keeps_rows(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        SelectItem::ExprWithAliases { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn exists_is_a_count_where_it_is_a_value() {
        assert_eq!(
            rewritten(
                "SELECT CASE WHEN NOT EXISTS (SELECT DISTINCT k FROM u WHERE u.a = t.a ORDER BY k) THEN 1 END FROM t"
            ),
            "SELECT CASE WHEN NOT (SELECT count(*) > 0 FROM u WHERE u.a = t.a) THEN 1 END \
             AS \"CASE WHEN NOT EXISTS (SELECT DISTINCT k FROM u WHERE u.a = t.a ORDER BY k) THEN 1 END\" FROM t"
        );
    }

    #[test]
    fn in_that_is_no_condition_is_a_value_in_filters_too() {
        for sql in [
            "SELECT a FROM t WHERE a = 1 OR a NOT IN (SELECT a FROM u)",
            "SELECT a FROM t WHERE NOT (a = 1 AND a IN (SELECT a FROM u))",
            "SELECT a FROM t WHERE (a IN (SELECT a FROM u)) IS NULL",
            "SELECT a FROM t WHERE coalesce(a IN (SELECT a FROM u), true)",
            "SELECT a FROM t GROUP BY a HAVING a = 1 OR NOT a IN (SELECT a FROM u)",
        ] {
            assert!(rewritten(sql).contains("CASE WHEN (SELECT count(*) FROM u) = 0"), "{sql}");
        }
        unchanged("SELECT a FROM t WHERE a = 1 OR (b = 2 AND a IN (SELECT a FROM u))");
        unchanged("SELECT a FROM t WHERE NOT a IN (SELECT a FROM u) AND NOT (a = 1 OR EXISTS (SELECT 1 FROM u))");
    }

    #[test]
    fn filters_are_left_alone() {
        unchanged("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AND a IN (SELECT a FROM u)");
        unchanged("SELECT a FROM t GROUP BY a HAVING a NOT IN (SELECT a FROM u)");
        unchanged("SELECT (SELECT max(k) FROM u WHERE a IN (SELECT a FROM t)) AS m, a IN (1, 2) FROM t");
    }

    #[test]
    fn rows_of_a_query_that_cannot_be_made_a_count_are_counted_around_it() {
        for query in
            ["SELECT max(k) FROM u", "SELECT 1 FROM u GROUP BY k", "SELECT 1 FROM u LIMIT 0", "SELECT 1 UNION SELECT 2"]
        {
            assert_eq!(
                rewritten(&format!("SELECT NOT EXISTS ({query}) AS x")),
                format!("SELECT NOT (SELECT count(*) > 0 FROM ({query}) AS _rows) AS x")
            );
        }
        assert_eq!(
            rewritten("SELECT count(*) FROM t GROUP BY EXISTS (SELECT 1 FROM u)"),
            "SELECT count(*) FROM t GROUP BY (SELECT count(*) > 0 FROM u)"
        );
    }

    #[test]
    fn what_is_no_value_is_refused() {
        refused(
            "SELECT (▸a, b) IN (SELECT a, k FROM u) FROM t",
            "IN (SELECT …) with several columns is not supported as a value",
        );
        refused("SELECT a IN (▸SELECT a, k FROM u) FROM t", "IN (SELECT …) takes one column");
        refused(
            "SELECT ▸max(a) + 1 IN (SELECT a FROM u) FROM t",
            "IN (SELECT …) of an aggregate or a window is not supported as a value",
        );
    }
}
