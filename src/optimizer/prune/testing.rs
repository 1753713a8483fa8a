//! Whether a rule fires, for the rules' tests.

use std::collections::HashSet;

use crate::optimizer::testing::Lab;

/// The rule alone fires on the query, and the rows stay the same with it, with all rules, and with none. What it says of itself, one line
/// an event, with the constraints it names.
pub(super) fn fires(lab: &Lab, rule: &str, sql: &str) -> String {
    let said = says(lab, rule, sql);
    assert!(!said.is_empty(), "{rule} leaves {sql}\n{}", lab.optimized(sql, &[rule]).display_indent());
    assert_same_rows(lab, rule, sql);
    said.join("\n")
}

/// The rule alone leaves the query as it is; the rows stay the same as well.
pub(super) fn stays(lab: &Lab, rule: &str, sql: &str) {
    let said = says(lab, rule, sql);
    assert!(said.is_empty(), "{rule} changes {sql}: {said:?}\n{}", lab.optimized(sql, &[rule]).display_indent());
    assert_same_rows(lab, rule, sql);
}

fn assert_same_rows(lab: &Lab, rule: &str, sql: &str) {
    let all: HashSet<String> = super::all().iter().map(|rule| rule.name().to_string()).collect();
    let others = all.iter().filter(|name| *name != rule).cloned().collect();
    let plain = lab.rows(sql, &all);
    assert_eq!(lab.rows(sql, &others), plain, "{rule}: {sql}\n{}", lab.optimized(sql, &[rule]).display_indent());
    assert_eq!(lab.rows(sql, &HashSet::new()), plain, "all rules: {sql}\n{}", lab.pruned(sql).display_indent());
}

fn says(lab: &Lab, rule: &str, sql: &str) -> Vec<String> {
    let (_, trace) = lab.traced(sql, &[rule]);
    let events = trace.events().into_iter().filter(|event| event.rule == rule);
    let said = events.map(|event| {
        let constraints: HashSet<String> =
            event.constraints.iter().map(|known| format!("{}: {}", known.table.name, known.name)).collect();
        let mut constraints: Vec<String> = constraints.into_iter().collect();
        constraints.sort();
        if constraints.is_empty() { event.because } else { format!("{} [{}]", event.because, constraints.join(", ")) }
    });
    said.collect()
}
