//! What the tuning EXPLAIN says, as types. Serialized, they are its JSON, field for field.

use std::sync::Arc;

use serde::Serialize;
use sqlparser::tokenizer::Span;

use crate::catalog::model::TableName;

/// The answer on one statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Every base-table scan left in the optimized plan; a table read twice stands twice.
    pub scans: Vec<String>,
    pub plan: PlanNode,
    /// One a table that is joined, in the order of the text.
    pub verdicts: Vec<Verdict>,
    pub clauses: Vec<ClauseVerdict>,
    /// The one that would save most first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// As it is given out: over several lines, for eyes too.
    pub fn to_json(&self) -> String {
        // It is made of names, numbers and texts; there is nothing that could not be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A node of the optimized plan. What is not known is `null`; what does not belong to the kind of node is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanNode {
    /// The name of DataFusion's `LogicalPlan` variant.
    pub node: &'static str,
    pub detail: String,
    pub estimated_rows: Option<u64>,
    pub actual_rows: Option<u64>,
    /// Time spent in the node itself, added up over threads.
    pub elapsed_ms: Option<f64>,
    /// How many times the estimate is off, never below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misestimate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_keys: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_keys: Option<usize>,
    /// Of a scan that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanFigures>,
    pub children: Vec<PlanNode>,
}

/// What a scan read, and what it did not have to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ScanFigures {
    pub files: Option<u64>,
    pub files_pruned: Option<u64>,
    pub row_groups: Option<u64>,
    pub row_groups_pruned: Option<u64>,
    pub bytes_scanned: Option<u64>,
}

/// A place in the text: lines and columns from 1, the end just behind the last character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub line: u64,
    pub column: u64,
    pub end_line: u64,
    pub end_column: u64,
    /// Set if the place is in the text of this view and not in the statement's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<Arc<str>>,
}

impl Place {
    /// `None` for the empty span of what has no place in the text.
    pub fn new(span: Span, view: Option<&TableName>) -> Option<Place> {
        if span == Span::empty() {
            return None;
        }
        Some(Place {
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
            view: view.map(|name| Arc::from(name.to_string())),
        })
    }
}

/// Whether something that the user wrote is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    Removed,
    RemovableIf,
    Needed,
}

impl Need {
    pub fn words(self) -> &'static str {
        match self {
            Need::Removed => "removed",
            Need::RemovableIf => "removable if",
            Need::Needed => "needed",
        }
    }
}

/// A constraint that a removal rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UsedConstraint {
    pub name: String,
    /// `rely`, `checked` or `files`.
    pub trust: &'static str,
}

/// The verdict on one table that is joined: a table, a view, a CTE or a derived table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub table: String,
    pub alias: String,
    /// The kind of join in the text: `inner`, `left`, `right`, `full`, `cross`, `semi`, `anti`.
    pub join: &'static str,
    pub span: Option<Place>,
    pub verdict: Need,
    pub because: String,
    pub constraints: Vec<UsedConstraint>,
    pub added_filter: Option<String>,
    /// Statements that would make it removable, were they true.
    pub missing: Vec<String>,
}

/// The verdict on a clause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClauseVerdict {
    pub clause: &'static str,
    pub span: Option<Place>,
    pub verdict: Need,
    pub because: String,
    pub constraints: Vec<UsedConstraint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rows may not be those that were meant.
    Warning,
    /// It could be faster.
    Advice,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        }
    }
}

/// Advice beyond the removal of joins and clauses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// `OST001`
    pub code: &'static str,
    pub severity: Severity,
    pub span: Option<Place>,
    /// What is the matter, with the evidence for it.
    pub message: String,
    /// What to do about it; SQL where it can be pasted.
    pub fix: Option<String>,
    /// For ranking: about how many rows need not be read, joined or sorted.
    #[serde(skip)]
    pub saved_rows: f64,
}
