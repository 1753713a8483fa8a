//! The verdict on each clause: DISTINCT, GROUP BY, ORDER BY, LIMIT, UNION.
//!
//! The trace says which clause went, but a node of a plan has no place in the text. Where a kind of clause stands in the text once, that is
//! the one. Where it stands several times, the removal is reported without a place, and nothing is said of the others: which of them it was
//! is not known.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    Distinct, GroupByExpr, LimitClause, OrderByKind, Query, Select, SetExpr, SetOperator, SetQuantifier, Spanned,
    Visitor,
};
use sqlparser::tokenizer::Span;

use super::findings::QueryText;
use super::joins::used;
use super::mentions::without_marks;
use super::report::{ClauseVerdict, Need, Place, Verdict};
use crate::catalog::model::TableName;
use crate::optimizer::trace::{Change, Clause, Event, Trace};
use crate::sql::source::Source;
use crate::sql::visit::visit;

/// A clause in the text.
struct Written {
    clause: Clause,
    span: Span,
    view: Option<TableName>,
}

/// `joins`: a clause goes with the query that it stands in.
pub fn verdicts(queries: &[QueryText], trace: &Trace, joins: &[Verdict]) -> Vec<ClauseVerdict> {
    let mut written = Vec::new();
    for text in queries {
        let mut found = Clauses { source: &text.source, view: text.view.as_ref(), found: &mut written };
        let _: ControlFlow<()> = visit(&text.query, &mut found);
    }
    let events = events(trace);
    let mut verdicts: Vec<ClauseVerdict> = Vec::new();
    for (clause, event) in &events {
        // A subquery that was made a join has groups that nobody wrote.
        if in_text(*clause).is_some_and(|clause| !written.iter().any(|place| place.clause == clause)) {
            continue;
        }
        let place = only(&written, *clause).and_then(|place| Place::new(place.span, place.view.as_ref()));
        let verdict = ClauseVerdict {
            clause: clause.words(),
            span: place,
            verdict: Need::Removed,
            because: without_marks(&event.because),
            constraints: used(&event.constraints),
        };
        if !verdicts.contains(&verdict) {
            verdicts.push(verdict);
        }
    }
    for place in &written {
        if events.iter().any(|(clause, _)| in_text(*clause) == Some(place.clause)) {
            continue;
        }
        let Some(because) = why_needed(place.clause) else { continue };
        let span = Place::new(place.span, place.view.as_ref());
        let around =
            joins.iter().find(|join| join.verdict == Need::Removed && contains(join.span.as_ref(), span.as_ref()));
        let (verdict, because) = match around {
            Some(join) => (Need::Removed, format!("it goes with {}", join.alias)),
            None => (Need::Needed, because.to_string()),
        };
        let clause = place.clause.words();
        verdicts.push(ClauseVerdict { clause, span, verdict, because, constraints: Vec::new() });
    }
    verdicts.sort_by(|a, b| a.span.cmp(&b.span));
    verdicts
}

/// Whether one place lies in another.
fn contains(outer: Option<&Place>, inner: Option<&Place>) -> bool {
    let (Some(outer), Some(inner)) = (outer, inner) else { return false };
    outer.view == inner.view
        && (outer.line, outer.column) <= (inner.line, inner.column)
        && (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
}

/// What the rules did to clauses, the same thing once: rules run several times.
fn events(trace: &Trace) -> Vec<(Clause, Event)> {
    trace
        .events()
        .into_iter()
        .filter_map(|event| match event.change {
            Change::Clause(clause) => Some((clause, event)),
            _ => None,
        })
        .collect()
}

/// The clause of the text that a change is a change of.
fn in_text(clause: Clause) -> Option<Clause> {
    match clause {
        Clause::Distinct => Some(Clause::Distinct),
        Clause::GroupBy | Clause::GroupByKeys => Some(Clause::GroupBy),
        Clause::OrderBy | Clause::OrderByKeys => Some(Clause::OrderBy),
        Clause::Limit => Some(Clause::Limit),
        Clause::Union => Some(Clause::Union),
        Clause::Predicate => Some(Clause::Predicate),
        Clause::DistinctAggregate | Clause::Subquery | Clause::Window => None,
    }
}

/// The place of a clause that stands in the text once.
fn only(written: &[Written], clause: Clause) -> Option<&Written> {
    let clause = in_text(clause)?;
    let mut places = written.iter().filter(|place| place.clause == clause);
    match (places.next(), places.next()) {
        (Some(place), None) => Some(place),
        _ => None,
    }
}

fn why_needed(clause: Clause) -> Option<&'static str> {
    match clause {
        Clause::Distinct => Some("no usable key shows that the rows are distinct without it"),
        Clause::GroupBy => {
            Some("its keys hold no usable key of the rows that are grouped, and none follows from the others")
        }
        Clause::OrderBy => Some("the order is seen, and no key follows from those before it"),
        Clause::Limit => Some("there may be more rows than it lets through"),
        Clause::Union => Some("nothing shows that the branches have no row in common"),
        _ => None,
    }
}

struct Clauses<'a> {
    source: &'a Arc<Source>,
    view: Option<&'a TableName>,
    found: &'a mut Vec<Written>,
}

impl Clauses<'_> {
    fn add(&mut self, clause: Clause, span: Span) {
        if span != Span::empty() {
            self.found.push(Written { clause, span, view: self.view.cloned() });
        }
    }

    fn select(&mut self, select: &Select) {
        if matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_))) {
            let word = word_behind(self.source, select.select_token.0.span, "DISTINCT");
            self.add(Clause::Distinct, word);
        }
        if let Some(filter) = &select.selection {
            self.add(Clause::Predicate, filter.span());
        }
        if let GroupByExpr::Expressions(keys, _) = &select.group_by
            && !keys.is_empty()
        {
            let span = Span::union_iter(keys.iter().map(Spanned::span));
            self.add(Clause::GroupBy, with_word_before(self.source, span, "GROUP"));
        }
    }

    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                if *op == SetOperator::Union && !matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName)
                {
                    let word = with_word_before(self.source, right.span(), "UNION");
                    self.add(Clause::Union, Span::new(word.start, right.span().start));
                }
                self.body(left);
                self.body(right);
            }
            // Queries are visited by themselves.
            _ => {}
        }
    }
}

impl Visitor for Clauses<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.body(&query.body);
        if let Some(order_by) = &query.order_by
            && let OrderByKind::Expressions(keys) = &order_by.kind
        {
            let span = Span::union_iter(keys.iter().map(|key| key.expr.span()));
            self.add(Clause::OrderBy, with_word_before(self.source, span, "ORDER"));
        }
        if let Some(LimitClause::LimitOffset { limit: Some(limit), .. }) = &query.limit_clause {
            self.add(Clause::Limit, with_word_before(self.source, limit.span(), "LIMIT"));
        }
        ControlFlow::Continue(())
    }
}

/// The word behind a place, where only space and comments stand between.
fn word_behind(source: &Source, place: Span, word: &str) -> Span {
    let text = source.text();
    let mut rest = text.get(source.offset(place.end)..).unwrap_or_default();
    loop {
        let trimmed = rest.trim_start();
        let behind = if let Some(comment) = trimmed.strip_prefix("--") {
            comment.split_once('\n').map(|(_, behind)| behind)
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, behind)| behind)
        } else {
            None
        };
        match behind {
            Some(behind) => rest = behind,
            None => {
                rest = trimmed;
                break;
            }
        }
    }
    match rest.get(..word.len()) {
        Some(found) if found.eq_ignore_ascii_case(word) => {
            let at = text.len() - rest.len();
            source.span(at..at + word.len())
        }
        _ => place,
    }
}

/// The place together with the last `word` in front of it.
fn with_word_before(source: &Source, place: Span, word: &str) -> Span {
    let before = source.text().get(..source.offset(place.start)).unwrap_or_default();
    match before.to_ascii_uppercase().rfind(word) {
        Some(at) => Span::new(source.location(at), place.end),
        None => place,
    }
}

#[cfg(test)]
mod tests;
