//! Tables of many small files.
//!
//! Each file costs an open, a footer and a look at its statistics, whatever is in it. Below a megabyte a file that is the greater part of the
//! work. Told for more than a hundred files of less than a megabyte on average, as the plan's own listing has them.

use super::{Check, Subject, words};
use crate::explain::report::{Finding, Severity};
use crate::names::quote_identifier;

const FEW: usize = 100;
const SMALL: u64 = 1_000_000;

#[derive(Debug)]
pub struct SmallFiles;

impl Check for SmallFiles {
    fn code(&self) -> &'static str {
        "OST008"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for (name, table) in subject.files {
            let average = table.bytes / (table.files as u64).max(1);
            if table.files <= FEW || average >= SMALL {
                continue;
            }
            let quoted = quote_identifier(&name.name);
            let merged = quote_identifier(&format!("{}_merged", name.name)).into_owned();
            // Folders of partitions have a file each at least.
            let partitions = match table.partition_columns.as_slice() {
                [] => String::new(),
                columns => format!("; it is partitioned by {}: fewer columns make fewer files", words::list(columns)),
            };
            found.push(Finding {
                code: "OST008",
                severity: Severity::Advice,
                span: subject.place_of_table(name),
                message: format!(
                    "{} has {} files of {} on average{partitions}",
                    name.name,
                    words::count(table.files as u64),
                    words::bytes(average),
                ),
                fix: Some(format!("CREATE TABLE {merged} STORED AS PARQUET AS SELECT * FROM {quoted}")),
                saved_rows: 0.0,
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::look_with;
    use super::SmallFiles;
    use crate::catalog::model::FileFormat::Parquet;
    use crate::explain::report::PlanNode;
    use crate::optimizer::testing::Lab;

    fn messages(files: usize, bytes: u64, partitions: &[&str]) -> Vec<String> {
        let lab = Lab::new("CREATE TABLE t (id BIGINT)");
        let files = [("t", Parquet, files, bytes, partitions)];
        let found = look_with(&SmallFiles, &lab, "SELECT id FROM t", &files, &PlanNode::default());
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn many_small_files_are_told() {
        assert_eq!(messages(1200, 12_000_000, &[]), ["t has 1,200 files of 10.0 kB on average"]);
        assert!(messages(1200, 12_000_000, &["day", "hour"])[0].contains("partitioned by day and hour"));
    }

    #[test]
    fn few_or_large_ones_are_not() {
        assert!(messages(100, 1000, &[]).is_empty());
        assert!(messages(1000, 1_000_000_000, &[]).is_empty());
        assert!(messages(0, 0, &[]).is_empty());
    }
}
