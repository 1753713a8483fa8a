//! Estimates that are far below what came.
//!
//! Joins pick their build side, and memory is laid out, by estimated rows. Only where the query was run (ANALYZE), and only at the node where the
//! error begins: above it every estimate is off too. An estimate that is too high is not told: a LIMIT or a join's filter that
//! ends a scan early looks the same.

use super::{Check, Subject, words};
use crate::explain::report::{Finding, PlanNode, Severity};

const FACTOR: u64 = 10;
/// Fewer rows are no matter.
const MANY: u64 = 1_000;

#[derive(Debug)]
pub struct Misestimate;

impl Check for Misestimate {
    fn code(&self) -> &'static str {
        "OST010"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        if subject.analyzed {
            descend(subject.tree, &mut found);
        }
        found
    }
}

/// Whether the error is in `node` or below it.
fn descend(node: &PlanNode, found: &mut Vec<Finding>) -> bool {
    let mut below = false;
    for child in &node.children {
        below |= descend(child, found);
    }
    let (Some(estimated), Some(actual)) = (node.estimated_rows, node.actual_rows) else { return below };
    if below || actual < MANY || actual / FACTOR < estimated.max(1) {
        return below;
    }
    let is_scan = node.node == "TableScan";
    let advice = if is_scan {
        "the table's files have changed or have no statistics: a copy in Parquet (CREATE TABLE … STORED AS PARQUET AS SELECT …) has exact ones"
    } else {
        "declare the keys of the tables below, or split the query with CREATE TABLE … AS at this node"
    };
    found.push(Finding {
        code: "OST010",
        severity: Severity::Advice,
        span: None,
        message: format!(
            "{} {} was estimated at {} rows and gave {}, {} times as many",
            node.node,
            node.detail,
            words::count(estimated),
            words::count(actual),
            words::count(actual / estimated.max(1)),
        ),
        fix: Some(advice.to_owned()),
        saved_rows: actual as f64,
    });
    true
}

#[cfg(test)]
mod tests {
    use super::super::testing::look_with;
    use super::Misestimate;
    use crate::explain::report::PlanNode;
    use crate::optimizer::testing::Lab;

    fn node(node: &'static str, estimated: u64, actual: u64, children: Vec<PlanNode>) -> PlanNode {
        let (estimated_rows, actual_rows) = (Some(estimated), Some(actual));
        PlanNode { node, detail: "x".to_owned(), estimated_rows, actual_rows, children, ..PlanNode::default() }
    }

    fn messages(tree: &PlanNode) -> Vec<String> {
        let lab = Lab::new("CREATE TABLE t (id BIGINT)");
        let found = look_with(&Misestimate, &lab, "SELECT id FROM t", &[], tree);
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn the_node_where_the_error_begins_is_told() {
        let scan = node("TableScan", 1000, 1000, vec![]);
        let tree = node("Sort", 3, 5000, vec![node("Join", 10, 5000, vec![scan])]);
        assert_eq!(messages(&tree), ["Join x was estimated at 10 rows and gave 5,000, 500 times as many"]);
    }

    #[test]
    fn small_errors_few_rows_and_high_estimates_are_not() {
        assert!(messages(&node("Join", 600, 5000, vec![])).is_empty());
        assert!(messages(&node("Join", 1, 900, vec![])).is_empty());
        assert!(messages(&node("TableScan", 1_000_000, 1000, vec![])).is_empty());
    }
}
