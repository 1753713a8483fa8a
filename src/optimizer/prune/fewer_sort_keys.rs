//! ORDER BY keys that decide nothing
//!
//! ```sql
//! SELECT … FROM orders ORDER BY o_orderkey, o_orderdate DESC   -- o_orderkey is the key
//! SELECT … FROM orders ORDER BY o_orderkey
//!
//! SELECT … FROM t WHERE a = 1 ORDER BY a, b
//! SELECT … FROM t WHERE a = 1 ORDER BY b
//! ```
//!
//! A key decides between rows that agree in all keys before it. It goes if those determine it, NULL taken for equal to NULL, or
//! if it is constant. If no key stays, the sort goes, and its LIMIT stays.
//!
//! Not safe:
//!
//! - after a UNIQUE column that can be NULL: the rows without it are ordered by the next key;
//! - a key determined by a *later* one: `ORDER BY o_orderdate, o_orderkey`;
//! - after the key of an outer join's inner side, which is NULL in many rows;
//! - a volatile expression.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Limit, LogicalPlan, Sort, SortExpr, lit};

use super::exprs::{determined_by, names, position};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, ColumnSet};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct FewerSortKeys;

impl PruneRule for FewerSortKeys {
    fn name(&self) -> &'static str {
        "fewer_sort_keys"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = plan else { return Ok(None) };
        let schema = sort.input.schema();
        let facts = context.facts.of_input(&sort.input);
        let mut before = ColumnSet::new();
        let mut kept: Vec<SortExpr> = vec![];
        let mut gone: Vec<(String, Because)> = vec![];
        for key in &sort.expr {
            let (determined, constraints) = facts.closure(&before);
            match determined_by(&key.expr, schema) {
                Some(columns) if columns.is_subset(&determined) => {
                    let (constant, fixed_by) = facts.closure(&ColumnSet::new());
                    gone.push(if columns.is_subset(&constant) {
                        (format!("{} is the same in every row", key.expr), fixed_by)
                    } else {
                        (format!("{} is the same wherever {} is", key.expr, names(&before, schema)), constraints)
                    });
                }
                _ => {
                    before.extend(position(&key.expr, schema));
                    kept.push(key.clone());
                }
            }
        }
        if gone.is_empty() {
            return Ok(None);
        }
        let rewritten = match (kept.is_empty(), sort.fetch) {
            (false, fetch) => LogicalPlan::Sort(Sort { expr: kept, input: Arc::clone(&sort.input), fetch }),
            (true, None) => sort.input.as_ref().clone(),
            (true, Some(fetch)) => {
                let Ok(fetch) = i64::try_from(fetch) else { return Ok(None) };
                let fetch = Some(Box::new(lit(fetch)));
                LogicalPlan::Limit(Limit { skip: None, fetch, input: Arc::clone(&sort.input) })
            }
        };
        for (because, constraints) in gone {
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::OrderByKeys),
                because,
                constraints,
                added_filter: None,
            });
        }
        Ok(Some(rewritten))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "fewer_sort_keys";

    fn sort(lab: &Lab, sql: &str) -> String {
        let plan = lab.optimized(sql, &[RULE]).display_indent().to_string();
        plan.lines().find(|line| line.contains("Sort:")).unwrap_or_default().trim().to_string()
    }

    #[test]
    fn after_a_key_nothing_is_left_to_decide() {
        let lab = lab();
        // Nothing of this kind is left for DataFusion's own rule, which knows keys only.
        let sql = "SELECT o.id, c.name FROM orders o JOIN customer c ON o.customer_id = c.id
                   ORDER BY o.id DESC, c.name, o.amount";
        fires(&lab, RULE, sql);
        assert_eq!(sort(&lab, sql), "Sort: o.id DESC NULLS FIRST");
        fires(&lab, RULE, &format!("{sql} LIMIT 3"));
        let sql = "SELECT l.price FROM line l ORDER BY l.order_id, l.number, l.price + 1";
        fires(&lab, RULE, sql);
    }

    #[test]
    fn constants_decide_nothing() {
        let lab = lab();
        let sql = "SELECT b, c FROM loose WHERE a = 1 ORDER BY a, b LIMIT 2";
        assert_eq!(
            fires(&lab, RULE, sql),
            "loose.a ASC NULLS LAST is the same in every row".replace(" ASC NULLS LAST", "")
        );
        // All of them: the sort goes, its limit stays.
        fires(&lab, RULE, "SELECT a FROM loose WHERE a = 1 ORDER BY a LIMIT 1");
        fires(&lab, RULE, "SELECT a FROM loose WHERE a = 1 ORDER BY a");
    }

    #[test]
    fn equal_columns_decide_once() {
        let lab = lab();
        fires(
            &lab,
            RULE,
            "SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id ORDER BY c.id, o.customer_id, o.id LIMIT 4",
        );
    }

    #[test]
    fn rows_without_a_key_are_ordered_by_the_next() {
        let lab = lab();
        stays(&lab, RULE, "SELECT name, size FROM region ORDER BY name, size DESC LIMIT 3");
        stays(&lab, RULE, "SELECT id FROM customer ORDER BY email NULLS FIRST, id DESC LIMIT 2");
        stays(
            &lab,
            RULE,
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id ORDER BY c.id NULLS FIRST, o.id DESC LIMIT 2",
        );
    }

    #[test]
    fn a_later_key_does_not_help_an_earlier_one() {
        let lab = lab();
        stays(&lab, RULE, "SELECT id FROM orders ORDER BY day DESC, id LIMIT 2");
        stays(&lab, RULE, "SELECT id FROM (SELECT id, random() AS r FROM orders WHERE id = 1 OR id = 2) ORDER BY r");
    }
}
