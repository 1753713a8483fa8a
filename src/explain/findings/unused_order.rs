//! ORDER BY whose order is lost before anybody sees it.
//!
//! ```sql
//! SELECT region, count(*) FROM (SELECT * FROM orders ORDER BY day) o GROUP BY region
//! ```
//!
//! A join, an aggregation, DISTINCT, UNION or another ORDER BY above makes an order of its own. Nothing is said of an ORDER BY with LIMIT, of one
//! whose order the output keeps, nor below windows and aggregates that take rows as they come (`array_agg`, `first_value`).

use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Expr, LogicalPlan, Sort};
use sqlparser::ast::{self, OrderBy, OrderByKind, Query, Spanned, Visitor};
use sqlparser::tokenizer::Span;

use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Place, Severity};
use crate::optimizer::facts::FactsCache;
use crate::sql::visit::visit;

#[derive(Debug)]
pub struct UnusedOrder;

impl Check for UnusedOrder {
    fn code(&self) -> &'static str {
        "OST012"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        walk::each_node(subject.written, &mut |node, needs| {
            let LogicalPlan::Sort(sort) = node else { return };
            if sort.fetch.is_some() || needs.order || sort.expr.is_empty() {
                return;
            }
            let rows = cache.of_input(&sort.input).rows.most;
            let figures = rows.map_or_else(String::new, |rows| format!(" of up to {} rows", words::count(rows)));
            let keys: Vec<String> = sort.expr.iter().map(|key| words::sql(&key.expr)).collect();
            let removed =
                if sorts(subject.optimized) < sorts(subject.written) { "; the optimizer drops it" } else { "" };
            found.push(Finding {
                code: "OST012",
                severity: Severity::Advice,
                span: place(sort, subject),
                message: format!(
                    "the order by {}{figures} is lost again: what stands around the subquery does not keep it{removed}",
                    keys.join(", ")
                ),
                fix: Some("drop the ORDER BY of the subquery, or give it the LIMIT that it was meant for".to_owned()),
                saved_rows: if removed.is_empty() { rows.unwrap_or(0) as f64 } else { 0.0 },
            });
        });
        found
    }
}

/// The place of the ORDER BY, if one with these columns stands in the text alone. The planner has dropped the columns' own places.
fn place(sort: &Sort, subject: &Subject<'_>) -> Option<Place> {
    let keys: Vec<String> = sort
        .expr
        .iter()
        .map(|key| match &key.expr {
            Expr::Column(column) => Some(column.name.to_lowercase()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let mut found = Orders { keys, found: Vec::new() };
    let mut places = Vec::new();
    for text in subject.queries {
        let _ = visit(&*text.query, &mut found);
        places.extend(found.found.drain(..).map(|span| Place::new(span, text.view.as_ref())));
    }
    match places.as_mut_slice() {
        [one] => one.take(),
        _ => None,
    }
}

/// The ORDER BY clauses without LIMIT whose columns have the names in `keys`.
struct Orders {
    keys: Vec<String>,
    found: Vec<Span>,
}

impl Visitor for Orders {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(OrderBy { kind: OrderByKind::Expressions(exprs), .. }) = &query.order_by
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && exprs.iter().map(|order| name_of(&order.expr)).eq(self.keys.iter().cloned().map(Some))
        {
            self.found.extend(exprs.iter().map(|order| order.expr.span()).reduce(|all, span| all.union(&span)));
        }
        ControlFlow::Continue(())
    }
}

fn name_of(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Identifier(name) => Some(name.value.to_lowercase()),
        ast::Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.to_lowercase()),
        _ => None,
    }
}

fn sorts(plan: &LogicalPlan) -> usize {
    let mut count = 0;
    // Counting cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        count += usize::from(matches!(node, LogicalPlan::Sort(_)));
        Ok(TreeNodeRecursion::Continue)
    });
    count
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, text_at};
    use super::UnusedOrder;

    const TABLES: &str =
        "CREATE TABLE t (id BIGINT PRIMARY KEY, x BIGINT); CREATE TABLE u (id BIGINT PRIMARY KEY, y BIGINT);";

    fn found(sql: &str) -> usize {
        look(&UnusedOrder, TABLES, sql).len()
    }

    #[test]
    fn an_order_that_is_lost_is_told() {
        let sql = "SELECT x, count(*) FROM (SELECT * FROM t ORDER BY id) s GROUP BY x";
        let findings = look(&UnusedOrder, TABLES, sql);
        assert_eq!(findings.len(), 1);
        assert_eq!(text_at(&findings[0], sql).as_deref(), Some("id"));
        assert_eq!(found("SELECT s.x FROM (SELECT * FROM t ORDER BY id) s JOIN u ON u.id = s.id"), 1);
        assert_eq!(found("SELECT x FROM (SELECT * FROM t ORDER BY id) s ORDER BY x"), 1);
        assert_eq!(found("SELECT x FROM t WHERE id IN (SELECT id FROM u ORDER BY y)"), 1);
    }

    #[test]
    fn an_order_that_is_seen_is_not() {
        assert_eq!(found("SELECT x FROM t ORDER BY id"), 0);
        assert_eq!(found("SELECT x FROM (SELECT * FROM t ORDER BY id) s"), 0);
        assert_eq!(found("SELECT x FROM (SELECT * FROM t ORDER BY id) s LIMIT 3"), 0);
        assert_eq!(found("SELECT x, count(*) FROM (SELECT * FROM t ORDER BY id LIMIT 5) s GROUP BY x"), 0);
        assert_eq!(found("SELECT array_agg(x) FROM (SELECT * FROM t ORDER BY id) s"), 0);
        assert_eq!(found("SELECT x, row_number() OVER () FROM (SELECT * FROM t ORDER BY id) s"), 0);
    }
}
