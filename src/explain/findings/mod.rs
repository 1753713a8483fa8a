//! Advice beyond unneeded joins: what makes a query slow, or gives other rows than were meant. One check a file.
//!
//! | code | finds | file |
//! |---|---|---|
//! | OST001 | a sum or count over rows that joins have multiplied | `multiplied_rows` |
//! | OST002 | a join without a condition | `cross_join` |
//! | OST003 | a function or cast on a filtered column or join key | `computed_column` |
//! | OST004 | a LEFT JOIN that a condition above makes an inner join | `undone_left_join` |
//! | OST005 | UNION where UNION ALL gives the same rows | `union_distinct` |
//! | OST006 | DISTINCT that takes back what a join has multiplied | `distinct_over_fan_out` |
//! | OST007 | NOT IN over a column that may be NULL | `not_in_nullable` |
//! | OST008 | many small files | `small_files` |
//! | OST009 | large CSV or JSON | `text_files` |
//! | OST010 | an estimate ten times too low | `misestimate` |
//! | OST012 | ORDER BY whose order is lost | `unused_order` |
//! | OST013 | a CTE that nothing reads | `dead_cte` |
//! | OST014 | a join of columns of different types | `converted_join_key` |
//!
//! A finding states what it rests on. Where a check cannot be sure, it says nothing: advice that is wrong once is not read again.

mod computed_column;
mod converted_join_key;
mod cross_join;
mod dead_cte;
mod distinct_over_fan_out;
mod joined;
mod misestimate;
mod multiplied_rows;
mod not_in_nullable;
mod places;
mod small_files;
#[cfg(test)]
mod testing;
mod text_files;
mod undone_left_join;
mod union_distinct;
mod unused_order;
mod walk;
mod words;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::Query;

use super::mentions::Mentions;
use super::report::{Finding, PlanNode, Verdict};
use crate::catalog::model::{FileFormat, TableName};
use crate::optimizer::trace::Trace;
use crate::sql::source::Source;

/// Looks for one thing. Its file's doc gives an example, and when it must be silent.
pub trait Check: Debug + Send + Sync {
    /// `OST001`: never given to another check.
    fn code(&self) -> &'static str;

    /// What it found, in any order. A check that cannot tell finds nothing.
    fn look(&self, subject: &Subject<'_>) -> Vec<Finding>;
}

/// Everything that is known of a statement.
pub struct Subject<'a> {
    /// The statement's query, and that of every view it reads.
    pub queries: &'a [QueryText],
    /// Every table in FROM, numbered; scans of the plans bear these numbers ([`KnownTable::tag`](crate::optimizer::facts::KnownTable::tag)).
    pub mentions: &'a Mentions,
    /// The plan as it was written.
    pub written: &'a LogicalPlan,
    pub optimized: &'a LogicalPlan,
    /// The optimized plan with estimates, and after ANALYZE with actual figures.
    pub tree: &'a PlanNode,
    pub verdicts: &'a [Verdict],
    pub trace: &'a Trace,
    pub state: &'a SessionState,
    /// The files of each table that the optimized plan reads.
    pub files: &'a BTreeMap<TableName, TableFiles>,
    pub analyzed: bool,
}

/// A query in the words that DataFusion's planner gets; names, literals and operators keep their places in the text.
#[derive(Debug, Clone)]
pub struct QueryText {
    pub query: Box<Query>,
    pub source: Arc<Source>,
    /// Set if the text is that of a view.
    pub view: Option<TableName>,
}

/// A table's files, from the listing that the plan was made on.
#[derive(Debug, Clone)]
pub struct TableFiles {
    pub format: FileFormat,
    pub files: usize,
    pub bytes: u64,
    pub partition_columns: Vec<String>,
    /// Rows by the files' own statistics.
    pub rows: Option<u64>,
}

/// All checks.
pub fn all() -> Vec<Arc<dyn Check>> {
    vec![
        Arc::new(multiplied_rows::MultipliedRows),
        Arc::new(cross_join::CrossJoin),
        Arc::new(computed_column::ComputedColumn),
        Arc::new(undone_left_join::UndoneLeftJoin),
        Arc::new(union_distinct::UnionDistinct),
        Arc::new(distinct_over_fan_out::DistinctOverFanOut),
        Arc::new(not_in_nullable::NotInNullable),
        Arc::new(small_files::SmallFiles),
        Arc::new(text_files::TextFiles),
        Arc::new(misestimate::Misestimate),
        Arc::new(unused_order::UnusedOrder),
        Arc::new(dead_cte::DeadCte),
        Arc::new(converted_join_key::ConvertedJoinKey),
    ]
}

/// What all checks find, the one that would save most first.
pub fn find(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = all().iter().flat_map(|check| check.look(subject)).collect();
    found.sort_by(|a, b| {
        (b.saved_rows.total_cmp(&a.saved_rows))
            .then_with(|| a.severity.cmp(&b.severity))
            .then_with(|| a.code.cmp(b.code))
            .then_with(|| a.span.cmp(&b.span))
    });
    found
}
