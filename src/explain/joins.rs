//! The verdict on each table that is joined: removed, removable if a constraint were declared, or needed.
//!
//! What is known comes from three places. A table of which no scan is left in the plan is removed, whoever did it. Why it went, or why it
//! stays, the trace tells of a *set of tables*: the side of a join that was looked at. A view, a CTE and a derived table are the set of the
//! tables in them, so the set is all it takes to find the join in the text.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::logical_expr::JoinType;

use super::mentions::{Joined, Mention, MentionKind, Mentions, without_marks};
use super::report::{Need, Place, UsedConstraint, Verdict};
use crate::catalog::model::TableName;
use crate::optimizer::facts::Because;
use crate::optimizer::trace::{Change, Event, Kept, MissingConstraint, Trace, mentions};

/// What became of the tables.
pub struct Outcome<'a> {
    pub mentions: &'a Mentions,
    pub trace: &'a Trace,
    /// Why joins stay; what comes later counts more.
    pub kept: &'a [Kept],
    /// The mentions that the optimized plan scans.
    pub left: &'a BTreeSet<usize>,
    /// Those that it does not, with the rule that dropped the last scan.
    pub lost: &'a BTreeMap<usize, String>,
    /// Tables of this database are called by their names alone.
    pub database: &'a str,
}

/// One verdict a table behind the first of each FROM; on the first one, and on that of EXISTS and IN, if it goes or could go.
pub fn verdicts(outcome: &Outcome<'_>) -> Vec<Verdict> {
    let events = outcome.trace.events();
    let mut found: Vec<(Option<Place>, Verdict)> = Vec::new();
    for (number, mention) in outcome.mentions.iter() {
        let Some(join) = join_of(outcome.mentions, number, mention) else { continue };
        let judged = judge(outcome, &events, number);
        let stands_first = matches!(mention.joined, Joined::First | Joined::Tested { .. });
        if stands_first && judged.need == Need::Needed {
            continue;
        }
        let span = Place::new(if stands_first { mention.factor } else { mention.join }, mention.view.as_ref());
        let verdict = Verdict {
            table: table_of(mention, outcome.database),
            alias: mention.alias.clone(),
            join,
            span: span.clone(),
            verdict: judged.need,
            because: without_marks(&judged.because),
            constraints: judged.constraints,
            added_filter: judged.added_filter.as_deref().map(without_marks),
            missing: judged.missing,
        };
        // A view that is read twice says the same twice.
        if !found.iter().any(|(_, other)| *other == verdict) {
            found.push((span, verdict));
        }
    }
    // In the order of the text, that of the statement before those of views.
    found.sort_by(|(a, _), (b, _)| in_text(a.as_ref()).cmp(&in_text(b.as_ref())));
    found.into_iter().map(|(_, verdict)| verdict).collect()
}

fn in_text(place: Option<&Place>) -> (Option<&str>, u64, u64) {
    place.map_or((None, 0, 0), |place| (place.view.as_deref(), place.line, place.column))
}

/// The kind of join as it is called in the report; `None`: it is not joined, or it reads nothing.
fn join_of(all: &Mentions, number: usize, mention: &Mention) -> Option<&'static str> {
    if mention.kind == MentionKind::Function {
        return None;
    }
    match mention.joined {
        Joined::Inner => Some("inner"),
        Joined::Left => Some("left"),
        Joined::Right => Some("right"),
        Joined::Full => Some("full"),
        Joined::Cross => Some("cross"),
        Joined::Semi => Some("semi"),
        Joined::Anti => Some("anti"),
        Joined::Tested { negated: false } => Some("semi"),
        Joined::Tested { negated: true } => Some("anti"),
        // It is joined to what comes next.
        Joined::First => {
            let next = all.iter().find(|(other, next)| {
                *other > number
                    && next.from == mention.from
                    && next.parent == mention.parent
                    && next.joined != Joined::First
            });
            next.and_then(|(other, next)| join_of(all, other, next))
        }
    }
}

fn table_of(mention: &Mention, database: &str) -> String {
    match &mention.kind {
        MentionKind::Table(name) | MentionKind::View(name) => called(name, database),
        MentionKind::Cte { name, .. } => name.clone(),
        MentionKind::Derived | MentionKind::Function => mention.alias.clone(),
    }
}

/// A table's name as one writes it when `database` is in use.
pub fn called(name: &TableName, database: &str) -> String {
    if name.database == database || name.database.is_empty() { name.name.clone() } else { name.to_string() }
}

struct Judged {
    need: Need,
    because: String,
    constraints: Vec<UsedConstraint>,
    added_filter: Option<String>,
    missing: Vec<String>,
}

impl Judged {
    fn needed(because: impl Into<String>) -> Self {
        Judged {
            need: Need::Needed,
            because: because.into(),
            constraints: Vec::new(),
            added_filter: None,
            missing: Vec::new(),
        }
    }

    fn removed(because: impl Into<String>) -> Self {
        Judged { need: Need::Removed, ..Judged::needed(because) }
    }
}

fn judge(outcome: &Outcome<'_>, events: &[Event], number: usize) -> Judged {
    let tables = outcome.mentions.tables_of(number);
    if tables.is_empty() {
        return without_tables(events);
    }
    if tables.is_disjoint(outcome.left) {
        return gone(outcome, events, &tables);
    }
    // What is gone from a view or a derived table is not in the plan that was judged.
    let tables = tables.intersection(outcome.left).copied().collect();
    let kept = best(outcome.kept.iter(), &tables, |kept| mentions(&kept.tables));
    let Some(kept) = kept.filter(|_| !is_another(outcome.mentions, outcome.left, number, &tables)) else {
        return Judged::needed(changed(events, &tables).unwrap_or_else(|| match outcome.mentions.get(number) {
            Some(Mention { joined: Joined::Right, .. }) => "all of its rows go through the join".to_string(),
            _ => "no rule could show that the rows are the same without it".to_string(),
        }));
    };
    if kept.missing.is_empty() {
        return Judged::needed(changed(events, &tables).unwrap_or_else(|| kept.because.clone()));
    }
    if kept.missing.iter().any(is_on_files) {
        let because = format!("{}; constraints can be declared on tables of the catalog, not on files", kept.because);
        return Judged::needed(because);
    }
    let mut missing: Vec<String> = kept.missing.iter().map(|constraint| constraint.ddl()).collect();
    missing.dedup();
    Judged { need: Need::RemovableIf, missing, ..Judged::needed(kept.because.clone()) }
}

/// Whether a set of tables means another mention than this one, which stands first in its FROM: what the trace says of the one table in
/// a CTE is said of the CTE where it is joined.
fn is_another(all: &Mentions, left: &BTreeSet<usize>, number: usize, tables: &BTreeSet<usize>) -> bool {
    let stands_first = |mention: &Mention| mention.joined == Joined::First;
    all.get(number).is_some_and(stands_first)
        && all.iter().any(|(other, mention)| {
            let of_other = || all.tables_of(other).intersection(left).copied().collect::<BTreeSet<_>>();
            other != number && !stands_first(mention) && of_other() == *tables
        })
}

/// Whether a constraint would be on a file that was named by its path.
fn is_on_files(missing: &MissingConstraint) -> bool {
    let has_no_database = |table: &TableName| table.database.is_empty();
    match missing {
        MissingConstraint::Unique { table, .. } | MissingConstraint::Unchecked { table, .. } => has_no_database(table),
        MissingConstraint::ForeignKey { table, parent, .. } => has_no_database(table) || has_no_database(parent),
    }
}

/// A side that reads no table can be told from others of that sort only if there is one.
fn without_tables(events: &[Event]) -> Judged {
    let mut removed =
        events.iter().filter(|event| matches!(&event.change, Change::JoinRemoved { tables, .. } if tables.is_empty()));
    match (removed.next(), removed.next()) {
        (Some(event), None) => by(event),
        _ => Judged::needed("it reads no table: there is no scan to save"),
    }
}

fn gone(outcome: &Outcome<'_>, events: &[Event], tables: &BTreeSet<usize>) -> Judged {
    let removals = || events.iter().filter(|event| matches!(event.change, Change::JoinRemoved { .. }));
    if let Some(event) = best(removals(), tables, tables_in) {
        return by(event);
    }
    // It may have gone in parts: what went last tells the most.
    let in_parts = removals().rev().find(|event| {
        let part = tables_in(event);
        !part.is_empty() && part.is_subset(tables)
    });
    if let Some(event) = in_parts {
        return by(event);
    }
    let rule = tables.iter().rev().find_map(|number| outcome.lost.get(number)).map_or("", String::as_str);
    Judged::removed(match rule {
        "" => "nothing of it is read".to_string(),
        "propagate_empty_relation" | "eliminate_filter" => {
            "no row of it can count: a condition is never true, or what it is joined to has no rows".to_string()
        }
        "optimize_projections" => "no column of it is read, nor does it decide how many rows there are".to_string(),
        "scalar_subquery_to_join" | "decorrelate_predicate_subquery" => "its subquery is never evaluated".to_string(),
        rule => format!("rule {rule} found that the rows are the same without it"),
    })
}

fn by(event: &Event) -> Judged {
    Judged {
        constraints: used(&event.constraints),
        added_filter: event.added_filter.clone(),
        ..Judged::removed(event.because.clone())
    }
}

pub(super) fn used(because: &Because) -> Vec<UsedConstraint> {
    let mut used: Vec<UsedConstraint> = because
        .iter()
        .map(|reference| UsedConstraint { name: reference.name.clone(), trust: reference.trust.word() })
        .collect();
    used.sort();
    used.dedup();
    used
}

/// Why the join is of another kind now than in the text.
fn changed(events: &[Event], tables: &BTreeSet<usize>) -> Option<String> {
    let event = events
        .iter()
        .rev()
        .find(|event| matches!(event.change, Change::JoinChanged { .. }) && tables_in(event) == *tables)?;
    let Change::JoinChanged { to, .. } = &event.change else { return None };
    Some(format!("it became {}: {}", in_words(*to), event.because))
}

fn in_words(join: JoinType) -> &'static str {
    match join {
        JoinType::Inner => "an inner join",
        JoinType::Left => "a left join",
        JoinType::Right => "a right join",
        JoinType::Full => "a full join",
        JoinType::LeftSemi | JoinType::RightSemi => "a semi join, which only tests for a match",
        JoinType::LeftAnti | JoinType::RightAnti => "an anti join, which only tests that there is no match",
        JoinType::LeftMark | JoinType::RightMark => "a mark join, which only tests for a match",
    }
}

fn tables_in(event: &Event) -> BTreeSet<usize> {
    match &event.change {
        Change::JoinRemoved { tables, .. } | Change::JoinChanged { tables, .. } => mentions(tables),
        Change::Clause(_) => BTreeSet::new(),
    }
}

/// What was said of exactly these tables, the last time; else of the smallest set that has them all.
fn best<'a, T>(
    said: impl DoubleEndedIterator<Item = &'a T>,
    tables: &BTreeSet<usize>,
    of: impl Fn(&T) -> BTreeSet<usize>,
) -> Option<&'a T> {
    let mut best: Option<(usize, &T)> = None;
    for one in said.rev() {
        let set = of(one);
        if tables.is_subset(&set) && best.is_none_or(|(size, _)| set.len() < size) {
            best = Some((set.len(), one));
        }
    }
    best.map(|(_, one)| one)
}

#[cfg(test)]
mod tests;
