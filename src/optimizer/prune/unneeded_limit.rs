//! A LIMIT that is never reached
//!
//! ```sql
//! SELECT max(x) FROM t LIMIT 10
//! SELECT max(x) FROM t
//!
//! SELECT * FROM customer WHERE c_custkey = 7 LIMIT 1   -- c_custkey is the key
//! SELECT * FROM customer WHERE c_custkey = 7
//! ```
//!
//! Safe if the input has at most as many rows as the LIMIT lets through, and nothing is skipped.
//! Not safe:
//!
//! - with an OFFSET: `LIMIT 1 OFFSET 1` of one row is none;
//! - with a limit that is not known now (a parameter).

use datafusion::error::Result;
use datafusion::logical_expr::{FetchType, LogicalPlan, SkipType, Sort};

use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::RowBounds;
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct UnneededLimit;

impl PruneRule for UnneededLimit {
    fn name(&self) -> &'static str {
        "unneeded_limit"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let (fetch, input) = match plan {
            LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
                (SkipType::Literal(0), FetchType::Literal(Some(fetch))) => (fetch, &limit.input),
                _ => return Ok(None),
            },
            LogicalPlan::Sort(Sort { fetch: Some(fetch), input, .. }) => (*fetch, input),
            _ => return Ok(None),
        };
        let facts = context.facts.of_input(input);
        let RowBounds { most: Some(most), most_because, .. } = &facts.rows else { return Ok(None) };
        if u64::try_from(fetch).is_ok_and(|fetch| fetch < *most) {
            return Ok(None);
        }
        let rewritten = match plan {
            LogicalPlan::Sort(sort) => LogicalPlan::Sort(Sort { fetch: None, ..sort.clone() }),
            _ => input.as_ref().clone(),
        };
        // The same LIMIT may be there once more, where DataFusion pushed it down to.
        if !stops_below(input, fetch) {
            let rows = if *most == 1 { "row" } else { "rows" };
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::Limit),
                because: format!("there are at most {most} {rows}"),
                constraints: most_because.clone(),
                added_filter: None,
            });
        }
        Ok(Some(rewritten))
    }
}

/// Something below gives no more than so many rows because it is told so.
fn stops_below(plan: &LogicalPlan, rows: usize) -> bool {
    match plan {
        LogicalPlan::Projection(node) => stops_below(&node.input, rows),
        LogicalPlan::SubqueryAlias(node) => stops_below(&node.input, rows),
        LogicalPlan::Sort(node) => node.fetch == Some(rows) || stops_below(&node.input, rows),
        LogicalPlan::TableScan(node) => node.fetch == Some(rows),
        LogicalPlan::Limit(node) => {
            matches!(node.get_fetch_type(), Ok(FetchType::Literal(Some(fetch))) if fetch == rows)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "unneeded_limit";

    #[test]
    fn a_limit_that_is_not_reached() {
        let lab = lab();
        assert_eq!(fires(&lab, RULE, "SELECT max(a) FROM loose LIMIT 10"), "there are at most 1 row");
        assert_eq!(
            fires(&lab, RULE, "SELECT name FROM customer WHERE id = 2 LIMIT 1"),
            "there are at most 1 row [customer: primary key]"
        );
        fires(&lab, RULE, "SELECT * FROM (SELECT a FROM loose ORDER BY a LIMIT 3) LIMIT 5");
        fires(&lab.with_file_facts(), RULE, "SELECT id FROM orders LIMIT 6");
    }

    #[test]
    fn a_limit_that_may_be_reached() {
        let lab = lab();
        stays(&lab, RULE, "SELECT count(*) FROM (SELECT a FROM loose LIMIT 3)");
        stays(&lab, RULE, "SELECT max(a) FROM loose LIMIT 0");
        stays(&lab, RULE, "SELECT max(a) FROM loose LIMIT 1 OFFSET 1");
        stays(&lab, RULE, "SELECT count(*) FROM (SELECT name FROM customer WHERE name = 'ann' LIMIT 1)");
        let lab = lab.with_file_facts();
        stays(&lab, RULE, "SELECT count(*) FROM (SELECT id FROM orders LIMIT 5)");
    }
}
