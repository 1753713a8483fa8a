//! `EXPLAIN RULES`: what each optimizer rule changed, as differences between the plan before and after it.

use std::collections::HashSet;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use similar::{ChangeTag, TextDiff};

use super::optimize::with_rules;
use crate::optimizer::trace::{Change, SharedTrace};

/// The plan, the change of each rule that made one in the order in which they ran, and the plan that came out. Rules run in several
/// passes, so a rule can be there more than once.
pub fn changes(plan: &LogicalPlan, state: &SessionState, disabled: &HashSet<String>) -> Result<String> {
    let trace = SharedTrace::default();
    let mut text = section("the plan as it is written", &indented(plan));
    // What the analyzer makes of it comes before the first rule.
    let analyzed = state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
    let mut before = indented(&analyzed);
    if before != indented(plan) {
        text.push_str(&section("types are made to fit", &difference(&indented(plan), &before)));
    }
    let mut told = 0;
    let optimized = with_rules(plan, state, disabled, &trace, |plan, rule| {
        let after = indented(plan);
        if after == before {
            return;
        }
        let mut change = difference(&before, &after);
        let events = trace.events();
        for event in events.iter().skip(told) {
            let what = match &event.change {
                Change::JoinRemoved { .. } => "removed a join".to_string(),
                Change::JoinChanged { from, to, .. } => format!("made {to} of {from}"),
                Change::Clause(clause) => format!("dropped {}", clause.words()),
            };
            change.push_str(&format!("-- {} {what}: {}\n", event.rule, event.because));
        }
        told = events.len();
        text.push_str(&section(rule.name(), &change));
        before = after;
    })?;
    text.push_str(&section("the optimized plan", &indented(&optimized)));
    Ok(text.trim_end().to_string())
}

fn indented(plan: &LogicalPlan) -> String {
    format!("{}\n", plan.display_indent())
}

fn section(title: &str, body: &str) -> String {
    format!("-- {title}\n{body}\n")
}

/// Lines that went with `-`, lines that came with `+`, and two lines around them.
fn difference(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = String::new();
    for (index, group) in diff.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            lines.push_str("  …\n");
        }
        for operation in group {
            for change in diff.iter_changes(operation) {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                lines.push(sign);
                lines.push(' ');
                lines.push_str(change.value());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_stands_around_it() {
        let before = "a\nb\nc\nd\ne\nf\n";
        let after = "a\nb\nc\nx\ne\nf\n";
        assert_eq!(difference(before, after), "  b\n  c\n- d\n+ x\n  e\n  f\n");
        assert_eq!(difference(before, before), "");
    }

    #[test]
    fn distant_changes_are_told_apart() {
        let before = "a\n1\n2\n3\n4\n5\n6\nb\n";
        let after = "x\n1\n2\n3\n4\n5\n6\ny\n";
        assert_eq!(difference(before, after), "- a\n+ x\n  1\n  2\n  …\n  5\n  6\n- b\n+ y\n");
    }
}
