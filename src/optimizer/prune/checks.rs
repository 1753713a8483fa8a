//! Tests of rules: which tables are left, and that the rows are the same.

use std::collections::HashSet;

use super::all;
use super::plans::names;
use crate::optimizer::testing::Lab;

/// The rule alone leaves exactly these tables (`orders and customer`), and the rows are the same.
#[track_caller]
pub fn fires(lab: &Lab, rule: &str, sql: &str, tables: &str) {
    let (plan, trace) = lab.traced(sql, &[rule]);
    let did = trace.events().iter().any(|event| event.rule == rule);
    assert!(did, "{rule} did nothing: {sql}\n{plan}");
    assert_eq!(names(&plan), tables, "{rule}: {sql}\n{plan}");
    same_rows(lab, rule, sql);
}

/// The rule does nothing; all rules together give the same rows.
#[track_caller]
pub fn stays(lab: &Lab, rule: &str, sql: &str) {
    let (plan, trace) = lab.traced(sql, &[rule]);
    let events = trace.events();
    assert!(events.is_empty(), "{rule} did something: {sql}\n{events:#?}\n{plan}");
    same_rows(lab, rule, sql);
}

/// With all rules, exactly these tables are left, and the rows are the same.
#[track_caller]
pub fn leaves(lab: &Lab, sql: &str, tables: &str) {
    let plan = lab.pruned(sql);
    assert_eq!(names(&plan), tables, "{sql}\n{plan}");
    assert_eq!(lab.rows(sql, &HashSet::new()), lab.rows(sql, &all_names()), "{sql}\n{plan}");
}

fn all_names() -> HashSet<String> {
    all().iter().map(|rule| rule.name().to_owned()).collect()
}

#[track_caller]
fn same_rows(lab: &Lab, rule: &str, sql: &str) {
    let names = all_names();
    let plain = lab.rows(sql, &names);
    let others = names.iter().filter(|name| *name != rule).cloned().collect();
    assert_eq!(lab.rows(sql, &others), plain, "{rule}: {sql}\n{}", lab.optimized(sql, &[rule]));
    assert_eq!(lab.rows(sql, &HashSet::new()), plain, "all rules: {sql}\n{}", lab.pruned(sql));
}
