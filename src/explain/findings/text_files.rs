//! CSV and JSON that is read again and again.
//!
//! Text has to be parsed whole for each query: no column and no row group can be skipped, and there are no statistics. Told of a
//! table of more than 100 MB, and of one of more than 10 MB that the plan scans several times. Small tables are not worth a copy.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use super::{Check, Subject, words};
use crate::catalog::model::TableName;
use crate::explain::report::{Finding, Severity};
use crate::names::quote_identifier;
use crate::optimizer::facts::KnownTable;

const LARGE: u64 = 100_000_000;
const LARGE_IF_REPEATED: u64 = 10_000_000;

#[derive(Debug)]
pub struct TextFiles;

impl Check for TextFiles {
    fn code(&self) -> &'static str {
        "OST009"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for (name, table) in subject.files {
            if !table.format.is_text() {
                continue;
            }
            let scans = scans(subject.optimized, name);
            if scans == 0 || table.bytes < if scans > 1 { LARGE_IF_REPEATED } else { LARGE } {
                continue;
            }
            let times = if scans > 1 { format!("{scans} times in this query") } else { "in each query".to_owned() };
            let copy = quote_identifier(&format!("{}_parquet", name.name)).into_owned();
            found.push(Finding {
                code: "OST009",
                severity: Severity::Advice,
                span: subject.place_of_table(name),
                message: format!(
                    "{} is {} of {}, which is parsed whole {times}",
                    name.name,
                    words::bytes(table.bytes),
                    table.format.name(),
                ),
                fix: Some(format!(
                    "CREATE TABLE {copy} STORED AS PARQUET AS SELECT * FROM {}, and read {copy}",
                    quote_identifier(&name.name)
                )),
                saved_rows: table.rows.unwrap_or(0) as f64 * scans as f64,
            });
        }
        found
    }
}

/// How many scans of the table the plan has.
fn scans(plan: &LogicalPlan, table: &TableName) -> usize {
    let mut scans = 0;
    // Counting cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && KnownTable::of(&scan.source).is_some_and(|known| known.facts().name == *table)
        {
            scans += 1;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    scans
}

#[cfg(test)]
mod tests {
    use super::super::testing::look_with;
    use super::TextFiles;
    use crate::catalog::model::FileFormat::{self, Csv, Json, Parquet};
    use crate::explain::report::PlanNode;
    use crate::optimizer::testing::Lab;

    fn messages(format: FileFormat, bytes: u64, sql: &str) -> Vec<String> {
        let lab = Lab::new("CREATE TABLE t (id BIGINT, x BIGINT)");
        let found = look_with(&TextFiles, &lab, sql, &[("t", format, 1, bytes, &[])], &PlanNode::default());
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn large_text_is_told() {
        let once = messages(Csv, 200_000_000, "SELECT id FROM t");
        assert_eq!(once, ["t is 200.0 MB of CSV, which is parsed whole in each query"]);
        let twice = messages(Json, 20_000_000, "SELECT a.id FROM t a JOIN t b ON a.x = b.x + 1");
        assert_eq!(twice, ["t is 20.0 MB of JSON, which is parsed whole 2 times in this query"]);
    }

    #[test]
    fn small_text_and_parquet_are_not() {
        assert!(messages(Csv, 20_000_000, "SELECT id FROM t").is_empty());
        assert!(messages(Csv, 2_000_000, "SELECT a.id FROM t a JOIN t b ON a.x = b.x + 1").is_empty());
        assert!(messages(Parquet, 200_000_000, "SELECT id FROM t").is_empty());
        assert!(messages(Csv, 200_000_000, "SELECT 1").is_empty());
    }
}
