//! Relations that are joined without a condition.
//!
//! ```sql
//! SELECT … FROM orders o, customer c, region r WHERE o.customer_id = c.id   -- nothing says which region
//! ```
//!
//! Looked for in the optimized plan, where conditions of WHERE have found their joins. Nothing is said of a side with one row at
//! most (a scalar aggregate, a key fixed to a value), of one that reads no table (`VALUES`, `unnest`), nor of semi joins, which
//! ask only whether there is a row.

use datafusion::common::JoinType;
use datafusion::logical_expr::{Join, LogicalPlan};

use super::joined::{name_of, tables_in};
use super::{Check, Subject, walk, words};
use crate::explain::mentions::Joined;
use crate::explain::report::{Finding, Place, Severity};
use crate::optimizer::facts::{Facts, FactsCache, InstanceTag, KnownTable};

#[derive(Debug)]
pub struct CrossJoin;

impl Check for CrossJoin {
    fn code(&self) -> &'static str {
        "OST002"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        walk::each_node(subject.optimized, &mut |node, _| {
            if let LogicalPlan::Join(join) = node
                && is_cross(join)
            {
                let (left, right) = (cache.of_input(&join.left), cache.of_input(&join.right));
                if multiplies(&join.left, &left) && multiplies(&join.right, &right) {
                    found.push(finding(join, &left, &right, subject));
                }
            }
        });
        found
    }
}

fn is_cross(join: &Join) -> bool {
    matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full)
        && join.on.is_empty()
        && join.filter.is_none()
}

fn multiplies(side: &LogicalPlan, facts: &Facts) -> bool {
    facts.at_most_one_row().is_none() && reads_a_table(side)
}

fn reads_a_table(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::TableScan(_)) || plan.inputs().into_iter().any(reads_a_table)
}

fn finding(join: &Join, left: &Facts, right: &Facts, subject: &Subject<'_>) -> Finding {
    let (one, other) = (shown(&join.left), shown(&join.right));
    let pairs = match (left.rows.most, right.rows.most) {
        (Some(left), Some(right)) => {
            let pairs = left.saturating_mul(right);
            Some((
                format!(": up to {} × {} = {} pairs", words::count(left), words::count(right), words::count(pairs)),
                pairs,
            ))
        }
        _ => None,
    };
    let tag = first_tag(&join.right);
    let mention = tag.and_then(|tag| subject.mentions.of_tag(tag));
    // Whoever writes CROSS JOIN means it.
    let meant = mention.is_some_and(|mention| mention.joined == Joined::Cross);
    Finding {
        code: "OST002",
        severity: if meant { Severity::Advice } else { Severity::Warning },
        span: mention.and_then(|mention| Place::new(mention.factor, mention.view.as_ref())),
        message: format!(
            "every row of {one} is paired with every row of {other}{}; no condition says which belong together",
            pairs.as_ref().map_or("", |(text, _)| text)
        ),
        fix: Some(if meant {
            format!("if not all pairs are wanted, write JOIN {other} ON … with the columns that belong together")
        } else {
            format!("add the condition that relates {one} and {other}, or write CROSS JOIN if all pairs are wanted")
        }),
        saved_rows: pairs.map_or(0.0, |(_, pairs)| pairs as f64),
    }
}

/// A side in few words.
fn shown(side: &LogicalPlan) -> String {
    match side {
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::TableScan(_) => name_of(side),
        _ => words::list(&tables_in(side)),
    }
}

fn first_tag(plan: &LogicalPlan) -> Option<&InstanceTag> {
    match plan {
        LogicalPlan::TableScan(scan) => KnownTable::of(&scan.source).and_then(KnownTable::tag),
        _ => plan.inputs().into_iter().find_map(first_tag),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, look_with};
    use super::CrossJoin;
    use crate::explain::report::PlanNode;
    use crate::optimizer::testing::Lab;

    const TABLES: &str = "
        CREATE TABLE a (id BIGINT PRIMARY KEY, x BIGINT);
        CREATE TABLE b (id BIGINT PRIMARY KEY, x BIGINT);
        INSERT INTO a VALUES (1, 1), (2, 2), (3, 3);
        INSERT INTO b VALUES (1, 1), (2, 2);
    ";

    fn is_silent(sql: &str) {
        assert_eq!(look(&CrossJoin, TABLES, sql), vec![], "{sql}");
    }

    #[test]
    fn a_forgotten_condition_is_found_with_the_number_of_pairs() {
        let lab = Lab::new(TABLES).with_file_facts();
        let found = look_with(&CrossJoin, &lab, "SELECT a.x, b.x FROM a, b WHERE a.x > 1", &[], &PlanNode::default());
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("= 6 pairs"), "{}", found[0].message);
    }

    #[test]
    fn conditions_in_where_count() {
        is_silent("SELECT a.x, b.x FROM a, b WHERE a.id = b.id");
        is_silent("SELECT a.x, b.x FROM a, b WHERE a.id < b.id");
        is_silent("SELECT a.x, b.x FROM a JOIN b ON a.id = b.id WHERE a.id = 1");
    }

    #[test]
    fn one_row_multiplies_nothing() {
        is_silent("SELECT a.x, m FROM a CROSS JOIN (SELECT max(x) AS m FROM b) s");
        is_silent("SELECT a.x, b.x FROM a CROSS JOIN b WHERE b.id = 2");
        is_silent("SELECT a.x FROM a WHERE a.x > (SELECT avg(x) FROM b)");
    }

    #[test]
    fn rows_that_the_query_itself_lists_are_meant() {
        is_silent("SELECT a.x, v.k FROM a CROSS JOIN (VALUES (1), (2)) AS v (k)");
    }

    #[test]
    fn existence_is_no_cross_join() {
        is_silent("SELECT a.x FROM a WHERE EXISTS (SELECT 1 FROM b)");
    }
}
