//! What every rule did, with which constraints, and for what stays, what stopped it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::logical_expr::JoinType;
use parking_lot::Mutex;

use super::facts::{Because, InstanceTag};
use crate::catalog::model::TableName;

/// What a rule changed.
#[derive(Debug, Clone)]
pub struct Event {
    /// The rule's name, which is its file's stem.
    pub rule: &'static str,
    pub change: Change,
    /// A sentence without a full stop, in the user's words: `orders.o_custkey references the primary key of customer, and no
    /// other column of customer is read`.
    pub because: String,
    pub constraints: Because,
    /// A predicate that the rule put in place of what went, as SQL.
    pub added_filter: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Change {
    /// A join went, and with it the tables of one side.
    JoinRemoved { join: JoinType, tables: Vec<Option<InstanceTag>> },
    /// A join became another kind of join (outer to inner, inner to semi, …).
    JoinChanged { from: JoinType, to: JoinType, tables: Vec<Option<InstanceTag>> },
    /// A clause went or became smaller.
    Clause(Clause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clause {
    Distinct,
    GroupBy,
    GroupByKeys,
    DistinctAggregate,
    OrderBy,
    OrderByKeys,
    Limit,
    Union,
    Predicate,
    Subquery,
    Window,
}

impl Clause {
    /// The words in EXPLAIN.
    pub fn words(self) -> &'static str {
        match self {
            Clause::Distinct => "DISTINCT",
            Clause::GroupBy => "GROUP BY",
            Clause::GroupByKeys => "GROUP BY key",
            Clause::DistinctAggregate => "DISTINCT in aggregate",
            Clause::OrderBy => "ORDER BY",
            Clause::OrderByKeys => "ORDER BY key",
            Clause::Limit => "LIMIT",
            Clause::Union => "UNION",
            Clause::Predicate => "predicate",
            Clause::Subquery => "subquery",
            Clause::Window => "window",
        }
    }
}

/// Why a join stays: the first condition that failed.
#[derive(Debug, Clone)]
pub struct Kept {
    pub join: JoinType,
    /// The side that was looked at.
    pub tables: Vec<Option<InstanceTag>>,
    pub because: String,
    /// Constraints that, if declared and true, would let it go. Empty: the join is needed.
    pub missing: Vec<MissingConstraint>,
}

/// A constraint that would help.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MissingConstraint {
    Unique {
        table: TableName,
        columns: Vec<String>,
    },
    ForeignKey {
        table: TableName,
        columns: Vec<String>,
        parent: TableName,
        parent_columns: Vec<String>,
    },
    /// One that is declared, and has no evidence for the files of now.
    Unchecked {
        table: TableName,
        name: String,
    },
}

impl MissingConstraint {
    /// The statement to paste.
    pub fn ddl(&self) -> String {
        use crate::names::quote_identifier as quote;
        let list = |columns: &[String]| columns.iter().map(|c| quote(c).into_owned()).collect::<Vec<_>>().join(", ");
        let table = crate::catalog::show_create::qualified_name;
        match self {
            MissingConstraint::Unique { table: t, columns } => {
                format!("ALTER TABLE {} ADD UNIQUE ({}) VALIDATE", table(t), list(columns))
            }
            MissingConstraint::ForeignKey { table: t, columns, parent, parent_columns } => format!(
                "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({}) VALIDATE",
                table(t),
                list(columns),
                table(parent),
                list(parent_columns)
            ),
            MissingConstraint::Unchecked { table: t, name } => {
                format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table(t), quote(name))
            }
        }
    }
}

/// Collects events of one statement. Cheap when nobody listens.
#[derive(Debug, Default)]
pub struct Trace {
    events: Mutex<Vec<Event>>,
    kept: Mutex<Vec<Kept>>,
}

impl Trace {
    pub fn record(&self, event: Event) {
        let mut events = self.events.lock();
        // The optimizer puts some clauses back in each of its passes (IS NOT NULL on join keys), and they go again.
        let is_known = |known: &Event| {
            matches!((&known.change, &event.change), (Change::Clause(one), Change::Clause(other)) if one == other)
                && (known.rule, &known.because, &known.constraints) == (event.rule, &event.because, &event.constraints)
        };
        if !events.iter().any(is_known) {
            events.push(event);
        }
    }

    /// Forgets everything: another statement begins.
    pub fn clear(&self) {
        self.events.lock().clear();
        self.kept.lock().clear();
    }

    /// Why each join went that went, a sentence each.
    pub fn removed_joins(&self) -> Vec<String> {
        let events = self.events.lock();
        let removed = events.iter().filter(|event| matches!(event.change, Change::JoinRemoved { .. }));
        removed.map(|event| event.because.clone()).collect()
    }

    /// The optimizer runs several passes: the last one's word on the joins that stay counts.
    pub fn set_kept(&self, kept: Vec<Kept>) {
        *self.kept.lock() = kept;
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    pub fn kept(&self) -> Vec<Kept> {
        self.kept.lock().clone()
    }
}

/// The mentions among `tables`, for messages and for telling which went.
pub fn mentions(tables: &[Option<InstanceTag>]) -> BTreeSet<usize> {
    tables.iter().flatten().map(|tag| tag.mention).collect()
}

/// A trace shared by the rules of one statement.
pub type SharedTrace = Arc<Trace>;
