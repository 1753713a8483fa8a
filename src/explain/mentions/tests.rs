use std::sync::Arc;

use sqlparser::ast::{ObjectName, Statement as Ast};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::*;

/// The mentions of a query as lines, and the query with their numbers in it.
fn numbered(sql: &str) -> (Vec<String>, String) {
    let mut parsed = Parser::new(&GenericDialect {}).try_with_sql(sql).unwrap();
    let Ast::Query(mut query) = parsed.parse_statement().unwrap() else { panic!("no query: {sql}") };
    let source = Source::new("q.sql", sql);
    let resolve = |name: &ObjectName| {
        let parts: Vec<String> = name.0.iter().map(|part| part.as_ident().unwrap().value.clone()).collect();
        match parts.as_slice() {
            [table] => Some(TableName::new("default", table.as_str())),
            [database, table] => Some(TableName::new(database.as_str(), table.as_str())),
            _ => None,
        }
    };
    let mut mentions = Mentions::default();
    Numbering { source: &source, view: None, parent: None, resolve: &resolve }.number(&mut query, &mut mentions);
    let lines = mentions.iter().map(|(number, mention)| line(&source, number, mention, &mentions)).collect();
    (lines, query.to_string())
}

/// `1 t c Left 2:6 customer AS c ON c.id = o.id`
fn line(source: &Arc<Source>, number: usize, mention: &Mention, mentions: &Mentions) -> String {
    let text = text_of(source, mention.join);
    let kind = match &mention.kind {
        MentionKind::Table(name) => name.to_string(),
        MentionKind::View(name) => format!("view {name}"),
        MentionKind::Cte { name, .. } => format!("cte {name} {:?}", mentions.tables_of(number)),
        MentionKind::Derived => format!("derived {:?}", mentions.tables_of(number)),
        MentionKind::Function => "function".to_string(),
    };
    let start = mention.join.start;
    format!("{kind} {} {:?} {}:{} {text}", mention.alias, mention.joined, start.line, start.column)
}

fn text_of(source: &Source, span: Span) -> String {
    let lines: Vec<&str> = source.text().lines().collect();
    let mut text = String::new();
    for number in span.start.line..=span.end.line {
        let line: Vec<char> = lines[number as usize - 1].chars().collect();
        let from = if number == span.start.line { span.start.column as usize - 1 } else { 0 };
        let to = if number == span.end.line { span.end.column as usize - 1 } else { line.len() };
        text.extend(&line[from..to]);
        if number < span.end.line {
            text.push('⏎');
        }
    }
    text
}

#[test]
fn joins_have_their_kind_and_their_place() {
    let (lines, sql) = numbered(
        "SELECT *\nFROM orders o\n  JOIN customer c ON o.custkey = c.custkey\n  LEFT JOIN db.nation\n    ON c.n = nation.n\n  CROSS JOIN x, y",
    );
    assert_eq!(
        lines,
        [
            "default.orders o First 2:6 orders o",
            "default.customer c Inner 3:8 customer c ON o.custkey = c.custkey",
            "db.nation nation Left 4:13 db.nation⏎    ON c.n = nation.n",
            "default.x x Cross 6:14 x",
            "default.y y Cross 6:17 y",
        ]
    );
    assert!(sql.contains(r#""ostrich#1"."default"."customer" c"#), "{sql}");
    assert!(sql.contains(r#""ostrich#2"."db"."nation" ON"#), "{sql}");
}

#[test]
fn a_comma_is_a_join_if_there_is_a_filter() {
    let (lines, _) = numbered("SELECT * FROM a, b WHERE a.x = b.x");
    assert_eq!(lines, ["default.a a First 1:15 a", "default.b b Inner 1:18 b"]);
}

#[test]
fn a_cte_is_no_table_and_stands_for_those_in_its_query() {
    let (lines, sql) = numbered(
        "WITH c AS (SELECT * FROM t JOIN u ON t.a = u.a), d AS (SELECT * FROM c)\nSELECT * FROM d JOIN c ON true JOIN t ON true",
    );
    assert_eq!(
        lines,
        [
            "default.t t First 1:26 t",
            "default.u u Inner 1:33 u ON t.a = u.a",
            "cte c {0, 1} c First 1:70 c",
            "cte d {0, 1} d First 2:15 d",
            "cte c {0, 1} c Inner 2:22 c ON true",
            "default.t t Inner 2:37 t ON true",
        ]
    );
    assert!(sql.ends_with(r#"FROM d JOIN c ON true JOIN "ostrich#5"."default"."t" ON true"#), "{sql}");
}

#[test]
fn a_recursive_cte_reads_itself_and_no_table() {
    let (lines, _) = numbered(
        "WITH RECURSIVE r AS (SELECT 1 AS n FROM t UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r",
    );
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("cte r {} r First"), "{lines:?}");
    assert!(lines[2].starts_with("cte r {0} r First"), "{lines:?}");
}

#[test]
fn a_name_is_a_table_again_behind_the_with() {
    let (lines, _) = numbered("SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) x JOIN c ON true");
    assert!(lines[1].starts_with("cte c"), "{lines:?}");
    assert!(lines[2].starts_with("default.c c Inner"), "{lines:?}");
}

#[test]
fn subqueries_in_expressions_are_found_wherever_they_stand() {
    let (lines, _) = numbered(
        "SELECT (SELECT max(x) FROM a), CASE WHEN y IN (SELECT z FROM b) THEN 1 END FROM c
         JOIN d ON EXISTS (SELECT 1 FROM e WHERE e.k NOT IN (SELECT k FROM f))
         GROUP BY 1 HAVING count(*) > (SELECT 1 FROM g) ORDER BY (SELECT 1 FROM h)",
    );
    let found: Vec<String> =
        lines.iter().map(|line| line.split(' ').skip(1).take(5).collect::<Vec<_>>().join(" ")).collect();
    let first = |found: &str| found.split(' ').next().unwrap_or_default().to_string();
    let mut names: Vec<String> = found.iter().map(|line| first(line)).collect();
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    let of = |name: &str| found.iter().find(|line| first(line) == name).unwrap().clone();
    assert!(of("b").starts_with("b Tested { negated: false"), "{found:?}");
    assert!(of("e").starts_with("e Tested { negated: false"), "{found:?}");
    assert!(of("f").starts_with("f Tested { negated: true"), "{found:?}");
    assert!(of("a").starts_with("a First"), "{found:?}");
}

#[test]
fn derived_tables_hold_theirs() {
    let (lines, _) = numbered("SELECT * FROM t LEFT JOIN (SELECT k FROM u JOIN v ON true) AS x ON t.k = x.k");
    assert!(lines[1].starts_with("derived {2, 3} x Left 1:27 "), "{lines:?}");
    assert!(lines[1].ends_with("(SELECT k FROM u JOIN v ON true) AS x ON t.k = x.k"), "{lines:?}");
}

#[test]
fn joins_in_parentheses_belong_to_the_from_around_them() {
    let (lines, _) = numbered("SELECT * FROM a LEFT JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x");
    assert!(lines[1].starts_with("default.b b Left 1:28"), "{lines:?}");
    assert_eq!(lines[2], "default.c c Inner 1:35 c ON b.x = c.x");
}

#[test]
fn using_ends_with_its_parenthesis() {
    let (lines, _) = numbered("SELECT * FROM a JOIN b USING (x, y )");
    assert_eq!(lines[1], "default.b b Inner 1:22 b USING (x, y )");
}

#[test]
fn functions_are_no_tables() {
    let (lines, sql) = numbered("SELECT * FROM generate_series(1, (SELECT max(x) FROM t)) AS g(n)");
    assert!(lines[0].starts_with("function g"), "{lines:?}");
    assert!(lines[1].starts_with("default.t t"), "{lines:?}");
    assert!(sql.contains("FROM generate_series(1"), "{sql}");
}

#[test]
fn a_star_behind_a_table_goes_along() {
    let (_, sql) = numbered("SELECT t.*, u.* FROM t JOIN db.u ON true, x AS y");
    assert!(sql.starts_with(r#"SELECT "ostrich#0"."default"."t".*, u.* FROM"#), "{sql}");
    let (_, sql) = numbered("SELECT db.u.*, y.* FROM db.u JOIN x AS y ON true");
    assert!(sql.starts_with(r#"SELECT "ostrich#0"."db"."u".*, y.* FROM"#), "{sql}");
}

#[test]
fn each_branch_of_a_union_has_its_own() {
    let (lines, _) = numbered("SELECT * FROM t UNION ALL SELECT * FROM t JOIN t AS u ON true");
    let froms: Vec<&str> = lines.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(froms, ["t", "t", "u"]);
}

#[test]
fn marks_go_out_of_texts() {
    for (text, clean) in [
        ("ostrich#3.default.orders.id = o.id", "orders.id = o.id"),
        ("\"ostrich#12\".\"default\".\"Odd Name\".id", "\"Odd Name\".id"),
        ("\"ostrich#12\".default.t.a + ostrich#1.db.u.b", "t.a + u.b"),
        ("TableScan: ostrich#0.default.t", "TableScan: t"),
        ("LIKE 'ostrich#'", "LIKE 'ostrich#'"),
        ("ostrich#7 alone", "ostrich#7 alone"),
        ("ostrich#7", "ostrich#7"),
    ] {
        let cleaned = without_marks(text);
        assert_eq!(cleaned, clean);
    }
    assert_eq!(number_of(&catalog_of(17)), Some(17));
    assert_eq!(number_of("ostrich"), None);
}
