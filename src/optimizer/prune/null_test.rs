//! IS NULL and IS NOT NULL of a column that is never NULL
//!
//! ```sql
//! SELECT count(*) FROM orders WHERE o_orderkey IS NOT NULL AND (o_custkey IS NULL OR o_total > 5)   -- both are NOT NULL
//! SELECT count(*) FROM orders WHERE (false OR o_total > 5)
//! ```
//!
//! Safe if the column is NOT NULL **in the plan**: by a constraint, by the files' null counts, by a filter below.
//! Not safe:
//!
//! - above an outer join that may put NULLs into the column: `FROM o LEFT JOIN c ON … WHERE c.id IS NULL` asks for the rows without
//!   a match, NOT NULL or not;
//! - in the totals of GROUPING SETS.
//!
//! In the ON of an outer join it is safe: there both sides' rows are as they come in.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan, lit};

use super::exprs::{groups_plainly, name, position};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::Because;
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct NullTest;

impl PruneRule for NullTest {
    fn name(&self) -> &'static str {
        "null_test"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        if !tests_for_null(plan) {
            return Ok(None);
        }
        let mut folded = Folded { plan, context, columns: vec![] };
        let rewritten = match plan {
            LogicalPlan::Filter(filter) => {
                let predicate = folded.fold(filter.predicate.clone())?;
                if folded.columns.is_empty() {
                    return Ok(None);
                }
                let is_true = |expr: &Expr| *expr == lit(true);
                let kept = split_conjunction_owned(predicate).into_iter().filter(|expr| !is_true(expr));
                match conjunction(kept) {
                    None => filter.input.as_ref().clone(),
                    Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::clone(&filter.input))?),
                }
            }
            LogicalPlan::Join(join) => {
                let Some(filter) = join.filter.clone() else { return Ok(None) };
                let filter = folded.fold(filter)?;
                if folded.columns.is_empty() {
                    return Ok(None);
                }
                let is_true = |expr: &Expr| *expr == lit(true);
                let kept = conjunction(split_conjunction_owned(filter).into_iter().filter(|expr| !is_true(expr)));
                LogicalPlan::Join(Join::try_new(
                    Arc::clone(&join.left),
                    Arc::clone(&join.right),
                    join.on.clone(),
                    kept,
                    join.join_type,
                    join.join_constraint,
                    join.null_equality,
                    join.null_aware,
                )?)
            }
            // Grouping sets have no names of their own.
            LogicalPlan::Aggregate(node) if !node.group_expr.is_empty() && !groups_plainly(node) => return Ok(None),
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => {
                let names = NamePreserver::new(plan);
                let mut exprs = vec![];
                for expr in plan.expressions() {
                    let saved = names.save(&expr);
                    exprs.push(saved.restore(folded.fold(expr)?));
                }
                if folded.columns.is_empty() {
                    return Ok(None);
                }
                let inputs = plan.inputs().into_iter().cloned().collect();
                plan.with_new_exprs(exprs, inputs)?
            }
            _ => return Ok(None),
        };
        for (column, constraints) in folded.columns {
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::Predicate),
                because: format!("{column} is never NULL here"),
                constraints,
                added_filter: None,
            });
        }
        Ok(Some(rewritten))
    }
}

/// Whether there is anything to fold. Most nodes have nothing, and are not copied for it.
fn tests_for_null(plan: &LogicalPlan) -> bool {
    let mut found = false;
    // The closure never fails.
    let _ = plan.apply_expressions(|expr| {
        found |= matches!(expr.exists(|expr| Ok(matches!(expr, Expr::IsNull(_) | Expr::IsNotNull(_)))), Ok(true));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// The columns whose tests were folded, by name.
struct Folded<'a> {
    plan: &'a LogicalPlan,
    context: &'a Context<'a>,
    columns: Vec<(String, Because)>,
}

impl Folded<'_> {
    fn fold(&mut self, expr: Expr) -> Result<Expr> {
        let folded = expr.transform_up(|expr| {
            let (tested, answer) = match &expr {
                Expr::IsNull(tested) => (tested, false),
                Expr::IsNotNull(tested) => (tested, true),
                _ => return Ok(Transformed::no(expr)),
            };
            match self.never_null(tested) {
                None => Ok(Transformed::no(expr)),
                Some(column) => {
                    if !self.columns.contains(&column) {
                        self.columns.push(column);
                    }
                    Ok(Transformed::yes(lit(answer)))
                }
            }
        })?;
        Ok(folded.data)
    }

    /// The column's name and why it is never NULL, if it is a column and is not.
    fn never_null(&self, expr: &Expr) -> Option<(String, Because)> {
        if !matches!(expr, Expr::Column(_)) {
            return None;
        }
        self.plan.inputs().into_iter().find_map(|input| {
            let column = position(expr, input.schema())?;
            let facts = self.context.facts.of(input);
            let because = facts.is_not_null(column)?;
            Some((name(column, input.schema()), because.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "null_test";

    #[test]
    fn a_column_that_is_never_null() {
        let lab = lab();
        assert_eq!(
            fires(&lab, RULE, "SELECT id FROM customer WHERE name IS NOT NULL"),
            "customer.name is never NULL here [customer: not null name]"
        );
        fires(&lab, RULE, "SELECT id FROM customer WHERE id IS NULL OR age > 30");
        fires(&lab, RULE, "SELECT id, name IS NULL, CASE WHEN vip IS NOT NULL THEN 1 END AS v FROM customer");
        fires(&lab, RULE, "SELECT count(*) FILTER (WHERE day IS NOT NULL) FROM orders");
        fires(
            &lab,
            RULE,
            "SELECT o.id, c.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id AND c.vip IS NOT NULL AND o.day IS NOT NULL",
        );
    }

    #[test]
    fn file_statistics_and_filters_say_so_too() {
        let lab = lab();
        stays(&lab, RULE, "SELECT number FROM line WHERE price > 5 AND part_id IS NOT NULL");
        stays(&lab, RULE, "SELECT x FROM loose WHERE x IS NOT NULL");
        fires(&lab, RULE, "SELECT a IS NULL FROM loose WHERE a > 1");
        let lab = lab.with_file_facts();
        stays(&lab, RULE, "SELECT a FROM loose WHERE a IS NOT NULL");
        fires(&lab, RULE, "SELECT a FROM void WHERE a IS NOT NULL");
    }

    #[test]
    fn an_outer_join_puts_nulls_there() {
        let lab = lab();
        stays(&lab, RULE, "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id WHERE c.id IS NULL");
        stays(&lab, RULE, "SELECT o.id, c.name IS NULL FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id");
        stays(
            &lab,
            RULE,
            "SELECT c.id FROM orders o RIGHT JOIN customer c ON o.referrer_id = c.id WHERE o.day IS NULL",
        );
        stays(&lab, RULE, "SELECT vip, vip IS NULL, count(*) FROM customer GROUP BY ROLLUP (vip)");
    }
}
