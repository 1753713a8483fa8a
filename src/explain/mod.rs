//! The tuning EXPLAIN: which joins and clauses a query needs, what the plan costs, and what could be better.

pub mod clauses;
pub mod findings;
pub mod joins;
pub mod mentions;
pub mod optimize;
pub mod plan_tree;
pub mod report;
pub mod rules_diff;
pub mod text;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::ExecutionPlan;

use crate::catalog::model::TableName;
use crate::optimizer::facts::KnownTable;
use findings::{QueryText, Subject, TableFiles};
use mentions::{MentionKind, Mentions, number_of};
use optimize::{Optimized, numbers, scans};
use report::Report;

/// All that a report is made of.
pub struct Explained<'a> {
    /// The statement's query, and those of the views it reads.
    pub queries: &'a [QueryText],
    pub mentions: &'a Mentions,
    /// The numbered plan as it was written.
    pub written: &'a LogicalPlan,
    pub optimized: &'a Optimized,
    /// What was made of the optimized plan, if it can be.
    pub physical: Option<&'a Arc<dyn ExecutionPlan>>,
    /// The physical plan was run to its end.
    pub analyzed: bool,
    pub files: &'a BTreeMap<TableName, TableFiles>,
    pub state: &'a SessionState,
    /// The database in use.
    pub database: &'a str,
}

pub fn report(explained: &Explained<'_>) -> Report {
    let optimized = explained.optimized;
    let left = left(&optimized.plan, explained.mentions);
    let verdicts = joins::verdicts(&joins::Outcome {
        mentions: explained.mentions,
        trace: &optimized.trace,
        kept: &optimized.kept,
        left: &left,
        lost: &optimized.lost,
        database: explained.database,
    });
    let plan = plan_tree::tree(&optimized.plan, explained.physical, explained.analyzed);
    let clauses = clauses::verdicts(explained.queries, &optimized.trace, &verdicts);
    let findings = findings::find(&Subject {
        queries: explained.queries,
        mentions: explained.mentions,
        written: explained.written,
        optimized: &optimized.plan,
        tree: &plan,
        verdicts: &verdicts,
        trace: &optimized.trace,
        state: explained.state,
        files: explained.files,
        analyzed: explained.analyzed,
    });
    let scans = scans(&optimized.plan).iter().map(|scan| scanned(scan, explained.database)).collect();
    Report { scans, plan, verdicts, clauses, findings }
}

/// The mentions that a plan still reads. A scan without a number may be any mention of its table.
fn left(plan: &LogicalPlan, mentions: &Mentions) -> BTreeSet<usize> {
    let mut left = numbers(plan);
    for scan in scans(plan) {
        let known = KnownTable::of(&scan.source);
        if known.is_some_and(|known| known.tag().is_some()) {
            continue;
        }
        let name = known.map_or_else(|| scan.table_name.table(), |known| known.facts().name.name.as_str());
        let of_table = mentions.iter().filter(|(_, mention)| match &mention.kind {
            MentionKind::Table(table) => table.name == name,
            _ => false,
        });
        left.extend(of_table.map(|(number, _)| number));
    }
    left
}

/// The name of the table that a scan reads.
fn scanned(scan: &TableScan, database: &str) -> String {
    if let Some(known) = KnownTable::of(&scan.source) {
        return joins::called(&known.tag().map_or(&known.facts().name, |tag| &tag.table).clone(), database);
    }
    let name = &scan.table_name;
    match (name.catalog(), name.schema()) {
        (Some(catalog), Some(schema)) if number_of(catalog).is_some() && schema != database => {
            format!("{schema}.{}", name.table())
        }
        (_, _) => name.table().to_string(),
    }
}
