use std::sync::Arc;

use super::*;
use crate::explain::mentions::Numbering;
use crate::optimizer::facts::{ConstraintRef, InstanceTag, Trust};
use crate::optimizer::trace::MissingConstraint;
use crate::sql::source::Source;

/// A statement's mentions, and what the rules are to have done.
struct Scene {
    mentions: Mentions,
    trace: Trace,
    left: BTreeSet<usize>,
    kept: Vec<Kept>,
}

impl Scene {
    /// Of `sql` all tables are left but those of these aliases.
    fn new(sql: &str, gone: &[&str]) -> Self {
        let statement = sqlparser::parser::Parser::parse_sql(&sqlparser::dialect::GenericDialect {}, sql).unwrap();
        let Some(sqlparser::ast::Statement::Query(mut query)) = statement.into_iter().next() else { panic!("{sql}") };
        let mut mentions = Mentions::default();
        let resolve = |name: &sqlparser::ast::ObjectName| Some(TableName::new("default", name.to_string()));
        let source = Source::new("q.sql", sql);
        Numbering { source: &source, view: None, parent: None, resolve: &resolve }.number(&mut query, &mut mentions);
        let tables = mentions.iter().filter(|(_, mention)| matches!(mention.kind, MentionKind::Table(_)));
        let left = tables.filter(|(_, mention)| !gone.contains(&mention.alias.as_str())).map(|(number, _)| number);
        Scene { left: left.collect(), mentions, trace: Trace::default(), kept: Vec::new() }
    }

    fn tags(&self, aliases: &[&str]) -> Vec<Option<InstanceTag>> {
        let tag = |alias: &&str| {
            let (number, mention) = self.mentions.iter().find(|(_, mention)| mention.alias == **alias).unwrap();
            let MentionKind::Table(table) = &mention.kind else { panic!("{alias} is no table") };
            Some(InstanceTag { mention: number, table: table.clone(), alias: mention.alias.clone() })
        };
        aliases.iter().map(tag).collect()
    }

    fn removed(&self, aliases: &[&str], because: &str) {
        self.trace.record(Event {
            rule: "a_rule",
            change: Change::JoinRemoved { join: JoinType::Inner, tables: self.tags(aliases) },
            because: because.to_string(),
            constraints: vec![Arc::new(ConstraintRef {
                table: TableName::new("default", "t"),
                name: "t_pkey".to_string(),
                trust: Trust::Checked,
            })],
            added_filter: Some("\"ostrich#0\".\"default\".\"t\".k IS NOT NULL".to_string()),
        });
    }

    fn keeps(&mut self, all: &[(&[&str], &str, &[MissingConstraint])]) {
        let kept = |(aliases, because, missing): &(&[&str], &str, &[MissingConstraint])| Kept {
            join: JoinType::Inner,
            tables: self.tags(aliases),
            because: because.to_string(),
            missing: missing.to_vec(),
        };
        self.kept = all.iter().map(kept).collect();
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let lost = self.mentions.iter().map(|(number, _)| (number, "eliminate_nothing".to_string())).collect();
        let outcome = Outcome {
            mentions: &self.mentions,
            trace: &self.trace,
            kept: &self.kept,
            left: &self.left,
            lost: &lost,
            database: "default",
        };
        verdicts(&outcome)
    }

    /// `alias join verdict because`
    fn lines(&self) -> Vec<String> {
        let line = |verdict: &Verdict| {
            format!("{} {} {}: {}", verdict.alias, verdict.join, verdict.verdict.words(), verdict.because)
        };
        self.verdicts().iter().map(line).collect()
    }
}

fn unique() -> MissingConstraint {
    MissingConstraint::Unique { table: TableName::new("default", "c"), columns: vec!["k".to_string()] }
}

#[test]
fn a_removal_is_told_with_its_constraints_and_in_the_users_names() {
    let scene = Scene::new("SELECT t.k FROM t\nLEFT JOIN u ON t.k = u.k", &["u"]);
    scene.removed(&["u"], "u.k is unique");
    let verdicts = scene.verdicts();
    let [verdict] = verdicts.as_slice() else { panic!("{verdicts:?}") };
    assert_eq!((verdict.table.as_str(), verdict.join, verdict.verdict), ("u", "left", Need::Removed));
    assert_eq!(verdict.because, "u.k is unique");
    assert_eq!(verdict.added_filter.as_deref(), Some("\"t\".k IS NOT NULL"));
    assert_eq!(verdict.constraints, [UsedConstraint { name: "t_pkey".to_string(), trust: "checked" }]);
    let place = verdict.span.clone().unwrap();
    assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 11, 2, 25));
}

#[test]
fn what_stays_says_why_or_what_would_help() {
    let mut scene = Scene::new("SELECT * FROM a JOIN b ON true LEFT JOIN c ON a.k = c.k JOIN d ON true", &[]);
    scene.keeps(&[(&["b"], "b.x is read", &[]), (&["c"], "c.k may repeat", &[unique()])]);
    assert_eq!(
        scene.lines(),
        [
            "b inner needed: b.x is read",
            "c left removable if: c.k may repeat",
            "d inner needed: no rule could show that the rows are the same without it",
        ]
    );
    let missing = &scene.verdicts()[1].missing;
    assert_eq!(missing.len(), 1);
    assert!(missing[0].starts_with("ALTER TABLE ") && missing[0].contains("UNIQUE (k)"), "{missing:?}");
}

#[test]
fn the_first_table_is_there_only_if_it_goes_or_could() {
    let mut stays = Scene::new("SELECT 1 FROM a RIGHT JOIN b ON a.k = b.k", &[]);
    stays.keeps(&[(&["a"], "a.x is read", &[])]);
    assert_eq!(stays.lines(), ["b right needed: all of its rows go through the join"]);
    let goes = Scene::new("SELECT 1 FROM a RIGHT JOIN b ON a.k = b.k", &["a"]);
    goes.removed(&["a"], "a.k is unique");
    assert_eq!(goes.lines()[0], "a right removed: a.k is unique");
    assert_eq!(goes.lines().len(), 2);
    let alone = Scene::new("SELECT 1 FROM a", &["a"]);
    assert!(alone.lines().is_empty(), "it is not joined");
}

#[test]
fn subqueries_that_test_are_semi_and_anti_joins() {
    let sql = "SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b) AND x NOT IN (SELECT x FROM c)";
    assert!(Scene::new(sql, &[]).lines().is_empty());
    let scene = Scene::new(sql, &["b", "c"]);
    scene.removed(&["b"], "there is always one");
    scene.removed(&["c"], "there is never one");
    assert_eq!(scene.lines(), ["b semi removed: there is always one", "c anti removed: there is never one"]);
}

#[test]
fn a_derived_table_is_the_tables_in_it() {
    let sql = "SELECT 1 FROM t LEFT JOIN (SELECT k FROM u JOIN v ON true) x ON t.k = x.k";
    let scene = Scene::new(sql, &["u", "v"]);
    scene.removed(&["u", "v"], "x.k is unique");
    assert_eq!(scene.lines()[0], "x left removed: x.k is unique");
    let part = Scene::new(sql, &["v"]);
    part.removed(&["v"], "v.k is unique");
    assert_eq!(
        part.lines(),
        ["x left needed: no rule could show that the rows are the same without it", "v inner removed: v.k is unique",]
    );
}

#[test]
fn a_cte_goes_only_if_all_of_its_readings_go() {
    let sql = "WITH c AS (SELECT k FROM u) SELECT 1 FROM t JOIN c AS c1 ON true JOIN c AS c2 ON true";
    let both = Scene::new(sql, &["u"]);
    both.removed(&["u"], "nobody reads it");
    let removed: Vec<String> = both.lines();
    assert_eq!(removed, ["c1 inner removed: nobody reads it", "c2 inner removed: nobody reads it"]);
    let one = Scene::new(sql, &[]);
    one.removed(&["u"], "nobody reads it");
    assert!(one.lines().iter().all(|line| line.contains("needed")), "{:?}", one.lines());
}

#[test]
fn what_is_said_of_the_tables_in_a_cte_is_said_of_the_cte() {
    let sql = "WITH x AS (SELECT o.k FROM o LEFT JOIN c ON true) SELECT 1 FROM x AS a JOIN x AS b ON a.k = b.k";
    let mut scene = Scene::new(sql, &["c"]);
    scene.removed(&["c"], "c.k is unique");
    scene.keeps(&[(&["o"], "o.k may repeat", &[unique()])]);
    assert_eq!(scene.lines(), ["c left removed: c.k is unique", "b inner removable if: o.k may repeat"]);
}

#[test]
fn files_have_no_constraints() {
    let mut scene = Scene::new("SELECT 1 FROM a JOIN b ON true", &[]);
    let table = TableName::new("", "b.parquet");
    scene.keeps(&[(&["b"], "b.k may repeat", &[MissingConstraint::Unchecked { table, name: "k".to_string() }])]);
    assert_eq!(
        scene.lines(),
        ["b inner needed: b.k may repeat; constraints can be declared on tables of the catalog, not on files"]
    );
}

#[test]
fn what_datafusion_drops_is_removed_as_well() {
    let scene = Scene::new("SELECT 1 FROM a JOIN b ON true", &["a", "b"]);
    assert_eq!(
        scene.lines(),
        [
            "a inner removed: rule eliminate_nothing found that the rows are the same without it",
            "b inner removed: rule eliminate_nothing found that the rows are the same without it",
        ]
    );
}

#[test]
fn a_join_that_changed_says_so() {
    let scene = Scene::new("SELECT 1 FROM a JOIN b ON true", &[]);
    scene.trace.record(Event {
        rule: "inner_to_semi",
        change: Change::JoinChanged { from: JoinType::Inner, to: JoinType::LeftSemi, tables: scene.tags(&["b"]) },
        because: "no column of b is read".to_string(),
        constraints: vec![],
        added_filter: None,
    });
    assert_eq!(
        scene.lines(),
        ["b inner needed: it became a semi join, which only tests for a match: no column of b is read"]
    );
}

#[test]
fn the_smallest_set_that_has_all_tables_explains_best() {
    let mut scene = Scene::new("SELECT 1 FROM a JOIN b ON true JOIN c ON true JOIN d ON true", &[]);
    scene.keeps(&[(&["b", "c", "d"], "all three", &[]), (&["b", "c"], "two", &[]), (&["d"], "one", &[])]);
    assert_eq!(scene.lines(), ["b inner needed: two", "c inner needed: two", "d inner needed: one"]);
}
