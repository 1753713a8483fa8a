//! `SELECT EXISTS (SELECT k FROM u WHERE u.a = t.a)` → `SELECT (SELECT count(*) > 0 FROM u WHERE u.a = t.a)`
//!
//! DataFusion plans EXISTS and IN (SELECT …) as joins that filter. Elsewhere, in the SELECT list, GROUP BY and ORDER BY, it
//! finds out when the plan is run, and then prints it. In the SELECT list EXISTS is a count, if its query is simple enough;
//! the others are refused.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, OrderBy,
    Query, Select, SelectItem, SetExpr, Spanned, UnaryOperator,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{call, each_expr, number};

pub(super) fn outside_of_filters(select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<(), Refusal> {
    each_expr(&mut select.projection, as_value)?;
    each_expr(&mut select.group_by, |expr| refuse(expr, "GROUP BY"))?;
    match order_by {
        Some(order_by) => each_expr(order_by, |expr| refuse(expr, "ORDER BY")),
        None => Ok(()),
    }
}

fn refuse(expr: &Expr, clause: &str) -> Result<(), Refusal> {
    let (what, span) = match expr {
        Expr::InSubquery { expr: value, .. } => ("IN (SELECT …)", value.span()),
        Expr::Exists { subquery, .. } => ("EXISTS", subquery.span()),
        _ => return Ok(()),
    };
    Err(Refusal::new(format!("{what} is not supported in {clause}"), span)
        .help("select it in a subquery in FROM, and use its column"))
}

fn as_value(expr: &mut Expr) -> Result<(), Refusal> {
    match expr {
        Expr::InSubquery { expr: value, .. } => {
            Err(Refusal::new("IN (SELECT …) is not supported in the SELECT list", value.span())
                .help("use EXISTS (SELECT 1 FROM … WHERE … = …), or LEFT JOIN the query"))
        }
        Expr::Exists { subquery, negated } => {
            let span = subquery.span();
            let Some(count) = count_of(subquery) else {
                return Err(Refusal::new("EXISTS over this query is not supported in the SELECT list", span)
                    .help("use EXISTS (SELECT 1 FROM … WHERE …), or put the query into a WITH"));
            };
            let count = Expr::Subquery(Box::new(count));
            *expr = match negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(count) },
                false => count,
            };
            Ok(())
        }
        _ => Ok(()),
    }
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
    select.projection = vec![SelectItem::UnnamedExpr(Expr::BinaryOp {
        left: Box::new(count_star()),
        op: BinaryOperator::Gt,
        right: Box::new(number(0, Span::empty())),
    })];
    Some(query)
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

fn count_star() -> Expr {
    let mut count = call("count", Vec::new(), Span::empty());
    if let Expr::Function(function) = &mut count {
        function.args = FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)],
            clauses: Vec::new(),
        });
    }
    count
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
            "SELECT CASE WHEN NOT (SELECT count(*) > 0 FROM u WHERE u.a = t.a) THEN 1 END FROM t"
        );
    }

    #[test]
    fn filters_are_left_alone() {
        unchanged("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AND a IN (SELECT a FROM u)");
        unchanged("SELECT a FROM t GROUP BY a HAVING a NOT IN (SELECT a FROM u)");
        unchanged("SELECT (SELECT max(k) FROM u WHERE a IN (SELECT a FROM t)) AS m, a IN (1, 2) FROM t");
    }

    #[test]
    fn queries_that_count_otherwise_are_refused() {
        let message = "EXISTS over this query is not supported in the SELECT list";
        refused("SELECT EXISTS (▸SELECT max(k) FROM u)", message);
        refused("SELECT EXISTS (▸SELECT 1 FROM u GROUP BY k)", message);
        refused("SELECT EXISTS (▸SELECT 1 FROM u LIMIT 0)", message);
        refused("SELECT NOT EXISTS (▸SELECT 1 UNION SELECT 2)", message);
        refused(
            "SELECT sum(CASE WHEN ▸a IN (SELECT a FROM u) THEN 1 END) FROM t",
            "IN (SELECT …) is not supported in the SELECT list",
        );
        refused("SELECT a FROM t ORDER BY ▸a IN (SELECT a FROM u)", "IN (SELECT …) is not supported in ORDER BY");
        refused("SELECT count(*) FROM t GROUP BY EXISTS (▸SELECT 1 FROM u)", "EXISTS is not supported in GROUP BY");
    }
}
