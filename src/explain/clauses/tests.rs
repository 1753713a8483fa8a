use std::sync::Arc;

use super::*;
use crate::sql::dialect::Dialect;
use crate::sql::parser::parse_query;

fn verdicts_of(sql: &str, events: &[(Clause, &str)]) -> Vec<String> {
    with_joins(sql, events, &[])
}

fn with_joins(sql: &str, events: &[(Clause, &str)], joins: &[Verdict]) -> Vec<String> {
    let ast = parse_query(sql, Dialect::Ansi, "q.sql").unwrap();
    let sqlparser::ast::Statement::Query(query) = *ast else { panic!("no query: {sql}") };
    let source = Source::new("q.sql", sql);
    let trace = Trace::default();
    for (clause, because) in events {
        trace.record(Event {
            rule: "a_rule",
            change: Change::Clause(*clause),
            because: because.to_string(),
            constraints: vec![],
            added_filter: None,
        });
    }
    let texts = [QueryText { query, source: Arc::clone(&source), view: None }];
    let line = |verdict: &ClauseVerdict| {
        let text = verdict.span.as_ref().map_or_else(String::new, |place| {
            let at = |line, column| source.offset(sqlparser::tokenizer::Location::new(line, column));
            source.text()[at(place.line, place.column)..at(place.end_line, place.end_column)].to_string()
        });
        format!("{} {} [{text}]", verdict.clause, verdict.verdict.words())
    };
    verdicts(&texts, &trace, joins).iter().map(line).collect()
}

#[test]
fn clauses_have_their_places() {
    assert_eq!(
        verdicts_of("SELECT /* all */ DISTINCT a, b FROM t GROUP BY a,\n b ORDER BY a, b + 1 LIMIT 5", &[]),
        [
            "DISTINCT needed [DISTINCT]",
            "GROUP BY needed [GROUP BY a,\n b]",
            "ORDER BY needed [ORDER BY a, b + 1]",
            "LIMIT needed [LIMIT 5]",
        ]
    );
}

#[test]
fn a_union_that_keeps_duplicates_is_not_looked_at() {
    assert_eq!(verdicts_of("SELECT a FROM t UNION SELECT b FROM t", &[]), ["UNION needed [UNION ]"]);
    assert!(verdicts_of("SELECT a FROM t UNION ALL SELECT b FROM t", &[]).is_empty());
}

#[test]
fn the_one_clause_of_its_kind_is_the_one_that_went() {
    let removed = verdicts_of("SELECT DISTINCT a FROM t ORDER BY a", &[(Clause::Distinct, "a is a key")]);
    assert_eq!(removed, ["DISTINCT removed [DISTINCT]", "ORDER BY needed [ORDER BY a]"]);
    let keys = verdicts_of("SELECT a FROM t ORDER BY a, b", &[(Clause::OrderByKeys, "b follows from a")]);
    assert_eq!(keys, ["ORDER BY key removed [ORDER BY a, b]"]);
}

#[test]
fn a_clause_goes_with_the_query_around_it() {
    let sql = "SELECT DISTINCT t.a FROM t LEFT JOIN (SELECT DISTINCT a FROM u) x ON t.a = x.a";
    let join = |verdict| Verdict {
        table: "x".to_string(),
        alias: "x".to_string(),
        join: "left",
        span: Some(Place { line: 1, column: 38, end_line: 1, end_column: 79, view: None }),
        verdict,
        because: String::new(),
        constraints: vec![],
        added_filter: None,
        missing: vec![],
    };
    let removed = ["DISTINCT needed [DISTINCT]", "DISTINCT removed [DISTINCT]"];
    assert_eq!(with_joins(sql, &[], &[join(Need::Removed)]), removed);
    let needed = ["DISTINCT needed [DISTINCT]", "DISTINCT needed [DISTINCT]"];
    assert_eq!(with_joins(sql, &[], &[join(Need::Needed)]), needed);
}

#[test]
fn what_nobody_wrote_is_not_told() {
    let sql = "SELECT (SELECT max(b) FROM u WHERE u.a = t.a) FROM t";
    assert!(verdicts_of(sql, &[(Clause::GroupBy, "a is a key")]).is_empty());
}

#[test]
fn which_of_two_went_is_not_claimed() {
    let sql = "SELECT DISTINCT a FROM (SELECT DISTINCT a FROM t) x";
    assert_eq!(verdicts_of(sql, &[(Clause::Distinct, "a is a key")]), ["DISTINCT removed []"]);
    assert_eq!(verdicts_of(sql, &[]).len(), 2);
}

#[test]
fn what_a_rule_says_twice_stands_there_once() {
    let twice = [(Clause::Limit, "there is one row"), (Clause::Limit, "there is one row")];
    assert_eq!(verdicts_of("SELECT a FROM t LIMIT 3", &twice), ["LIMIT removed [LIMIT 3]"]);
}
