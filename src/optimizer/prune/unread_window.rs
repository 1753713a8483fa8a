//! A window function whose result nobody reads
//!
//! ```sql
//! SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY a ORDER BY b) AS n FROM t)
//! SELECT id FROM t
//! ```
//!
//! Safe always: a window function gives every row of its input one more column, and drops and repeats none. DataFusion does it as well,
//! but later; here it frees the columns that the function reads, and with them the joins that they come from.
//!
//! A window function that is read by another one, or by a filter (`WHERE n = 1`), is read.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Window};

use super::{Context, Needs, PruneRule};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct UnreadWindow;

impl PruneRule for UnreadWindow {
    fn name(&self) -> &'static str {
        "unread_window"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Window(window) = plan else { return Ok(None) };
        let first = window.input.schema().fields().len();
        let is_read = |index: usize| needs.columns.contains(&(first + index));
        let numbered = || window.window_expr.iter().enumerate();
        if numbered().all(|(index, _)| is_read(index)) {
            return Ok(None);
        }
        let read: Vec<Expr> = numbered().filter(|(index, _)| is_read(*index)).map(|(_, expr)| expr.clone()).collect();
        let unread: Vec<&Expr> = numbered().filter(|(index, _)| !is_read(*index)).map(|(_, expr)| expr).collect();
        let rewritten = if read.is_empty() {
            window.input.as_ref().clone()
        } else {
            LogicalPlan::Window(Window::try_new(read, Arc::clone(&window.input))?)
        };
        for expr in unread {
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::Window),
                because: format!("nobody reads {}", expr.human_display()),
                constraints: vec![],
                added_filter: None,
            });
        }
        Ok(Some(rewritten))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{joins, lab};

    const RULE: &str = "unread_window";

    #[test]
    fn a_window_that_nobody_reads_goes() {
        let lab = lab();
        let sql =
            "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY day) AS n FROM orders)";
        fires(&lab, RULE, sql);
        fires(
            &lab,
            RULE,
            "SELECT id, m FROM (SELECT id, sum(amount) OVER (PARTITION BY note) AS n, max(day) OVER (PARTITION BY note) AS m FROM orders)",
        );
    }

    #[test]
    fn a_window_that_is_read_stays() {
        let lab = lab();
        stays(
            &lab,
            RULE,
            "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY day) AS n FROM orders) WHERE n = 1",
        );
        stays(&lab, RULE, "SELECT max(n) FROM (SELECT count(*) OVER (PARTITION BY customer_id) AS n FROM orders)");
    }

    #[test]
    fn with_it_goes_the_join_that_it_reads() {
        let lab = lab();
        let sql = "SELECT id FROM (SELECT o.id, count(*) OVER (PARTITION BY c.vip) AS n
                   FROM orders o LEFT JOIN customer c ON o.customer_id = c.id)";
        assert_eq!(joins(&lab.pruned(sql)), 0);
        lab.assert_same_rows(sql);
    }

    #[test]
    fn an_unread_scalar_subquery_goes() {
        let lab = lab();
        let sql = "SELECT id FROM (SELECT id, (SELECT max(amount) FROM orders o WHERE o.customer_id = c.id) AS m,
                   (SELECT count(*) FROM loose) AS n FROM customer c)";
        assert_eq!(joins(&lab.pruned(sql)), 0);
        assert!(!lab.pruned(sql).display_indent().to_string().contains("orders"));
        lab.assert_same_rows(sql);
    }
}
