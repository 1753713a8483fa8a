//! DISTINCT that takes back what a join has multiplied.
//!
//! ```sql
//! SELECT DISTINCT o.id, o.day FROM orders o JOIN line l ON l.order_id = o.id WHERE l.price > 100     -- before
//! SELECT o.id, o.day FROM orders o
//! WHERE EXISTS (SELECT 1 FROM line l WHERE l.order_id = o.id AND l.price > 100)                      -- after
//! ```
//!
//! Said only if the two are the same: the output tells apart the rows of all relations that it reads, no column of the others is read, and
//! at least one of these multiplies rows (by the known keys). The same for GROUP BY without aggregates. Nothing is said of
//! outer joins: one whose columns nobody reads is not needed at all, and the verdict on it says so.

use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::joined::{Joined, Parts, Unit, in_from};
use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Severity};
use crate::optimizer::facts::{ColumnSet, FactsCache, plain_column};
use crate::optimizer::prune::is_volatile;

#[derive(Debug)]
pub struct DistinctOverFanOut;

impl Check for DistinctOverFanOut {
    fn code(&self) -> &'static str {
        "OST006"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        walk::each_node(subject.written, &mut |node, _| {
            let Some((clause, output, input)) = distinct(node) else { return };
            if let Some(joined) = Joined::of(input, &cache) {
                found.extend(hides_fan_out(clause, output, &joined, subject));
            }
        });
        found
    }
}

/// The clause, what it makes distinct, and the rows below.
fn distinct(node: &LogicalPlan) -> Option<(&'static str, &[Expr], &LogicalPlan)> {
    match node {
        LogicalPlan::Distinct(Distinct::All(input)) => match input.as_ref() {
            LogicalPlan::Projection(projection) => Some(("DISTINCT", &projection.expr, &projection.input)),
            _ => None,
        },
        LogicalPlan::Aggregate(node) if node.aggr_expr.is_empty() => Some(("GROUP BY", &node.group_expr, &node.input)),
        _ => None,
    }
}

fn hides_fan_out(clause: &str, output: &[Expr], joined: &Joined<'_>, subject: &Subject<'_>) -> Option<Finding> {
    if output.iter().any(|expr| is_volatile(expr) || has_subquery(expr)) {
        return None;
    }
    let mut plain = ColumnSet::new();
    let mut read = Vec::new();
    for expr in output {
        plain.extend(plain_column(expr, joined.schema));
        read.extend(joined.units_read(expr));
    }
    let unread: Vec<usize> = (0..joined.units.len()).filter(|unit| !read.contains(unit)).collect();
    if read.is_empty() || unread.iter().filter_map(|unit| joined.units.get(*unit)).any(|unit| unit.optional) {
        return None;
    }
    let (determined, _) = joined.facts.closure(&plain);
    for unit in &read {
        if !joined.key_of(*unit)?.is_subset(&determined) {
            return None;
        }
    }
    let grain = joined.grain(&ColumnSet::new())?;
    let culprits: Vec<String> = grain
        .iter()
        .filter(|unit| unread.contains(unit))
        .filter_map(|unit| joined.units.get(*unit))
        .map(Unit::name)
        .collect();
    if culprits.is_empty() {
        return None;
    }
    // With a condition that may leave one row of several, it is not sure that there is anything to take back.
    if unread.iter().any(|unit| joined.conditions.iter().any(|condition| joined.may_pin(condition, *unit))) {
        return None;
    }
    let mut names: Vec<String> = read.iter().filter_map(|unit| joined.units.get(*unit)).map(Unit::name).collect();
    names.dedup();
    Some(Finding {
        code: "OST006",
        severity: Severity::Advice,
        span: subject.place_of_any(output),
        message: format!(
            "{clause} is there only because {} multiplies the rows of {}, of which it reads a key; no column of {} is read",
            words::list(&culprits),
            words::list(&names),
            words::list(&unread.iter().filter_map(|unit| joined.units.get(*unit)).map(Unit::name).collect::<Vec<_>>()),
        ),
        fix: Some(exists(clause, joined, &unread)),
        saved_rows: joined.facts.rows.most.unwrap_or(0) as f64,
    })
}

fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_))))
        .unwrap_or(true)
}

/// `EXISTS (SELECT 1 FROM line AS l WHERE …)` in place of the relations that are not read.
fn exists(clause: &str, joined: &Joined<'_>, unread: &[usize]) -> String {
    let from: Vec<String> =
        unread.iter().filter_map(|unit| joined.units.get(*unit)).map(|unit| in_from(unit.plan)).collect();
    let conditions: Vec<String> = joined
        .conditions
        .iter()
        .filter(|condition| condition.units.iter().any(|unit| unread.contains(unit)))
        .map(|condition| match condition.parts {
            Parts::Equal(left, right) => format!("{} = {}", words::sql(left), words::sql(right)),
            Parts::Other(expr) => words::all_of([expr]),
        })
        .collect();
    format!(
        "drop {clause} and the join, and write WHERE EXISTS (SELECT 1 FROM {} WHERE {})",
        from.join(", "),
        conditions.join(" AND ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::look;
    use super::DistinctOverFanOut;

    const TABLES: &str = "
        CREATE TABLE orders (id BIGINT PRIMARY KEY, day DATE, customer_id BIGINT);
        CREATE TABLE customer (id BIGINT PRIMARY KEY, name TEXT);
        CREATE TABLE line (order_id BIGINT, number BIGINT, price BIGINT, PRIMARY KEY (order_id, number));
    ";

    fn is_silent(sql: &str) {
        assert_eq!(look(&DistinctOverFanOut, TABLES, sql), vec![], "{sql}");
    }

    #[test]
    fn existence_is_meant() {
        for sql in [
            "SELECT DISTINCT o.id, o.day FROM orders o JOIN line l ON l.order_id = o.id WHERE l.price > 100",
            "SELECT o.id, o.day FROM orders o JOIN line l ON l.order_id = o.id WHERE l.price > 100 GROUP BY o.id, o.day",
        ] {
            let found = look(&DistinctOverFanOut, TABLES, sql);
            assert_eq!(found.len(), 1, "{sql}");
            assert!(found[0].message.contains("because l multiplies the rows of o"), "{}", found[0].message);
            let fix = found[0].fix.as_ref().unwrap();
            assert!(fix.contains("EXISTS (SELECT 1 FROM line AS l WHERE ") && fix.contains("l.price > 100"), "{fix}");
        }
    }

    #[test]
    fn a_third_relation_goes_along() {
        let sql = "SELECT DISTINCT c.id, c.name FROM customer c JOIN orders o ON o.customer_id = c.id \
                   JOIN line l ON l.order_id = o.id";
        let found = look(&DistinctOverFanOut, TABLES, sql);
        assert_eq!(found.len(), 1);
        assert!(found[0].fix.as_ref().unwrap().contains("FROM orders AS o, line AS l WHERE"), "{found:?}");
    }

    #[test]
    fn where_the_output_has_no_key_distinct_is_needed_anyway() {
        is_silent("SELECT DISTINCT o.day FROM orders o JOIN line l ON l.order_id = o.id");
        is_silent("SELECT DISTINCT l.order_id, o.day FROM orders o JOIN line l ON l.order_id = o.id");
    }

    #[test]
    fn where_nothing_is_multiplied_it_is_silent() {
        is_silent("SELECT DISTINCT o.id, o.day FROM orders o JOIN customer c ON c.id = o.customer_id");
        is_silent("SELECT DISTINCT o.id FROM orders o JOIN line l ON l.order_id = o.id AND l.number = 1");
        is_silent("SELECT DISTINCT o.id FROM orders o LEFT JOIN line l ON l.order_id = o.id");
        is_silent("SELECT o.id, count(*) FROM orders o JOIN line l ON l.order_id = o.id GROUP BY o.id");
    }
}
