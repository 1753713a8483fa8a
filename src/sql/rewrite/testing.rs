//! What the tests of the rules share: a statement in, its rewritten text or its refusal out.

use crate::error::Error;
use crate::sql::dialect::Dialect;
use crate::sql::parser;
use crate::sql::source::Source;
use crate::sql::splitter;
use crate::sql::statement::Statement;
use crate::sql::variables::Variables;

fn rewrite(sql: &str, dialect: Dialect) -> Result<String, Error> {
    let pieces = splitter::split(&Source::new("q.sql", sql), dialect);
    let [piece] = pieces.as_slice() else { panic!("not one statement: {sql}") };
    match parser::parse(piece, dialect, &Variables::default())?.statement {
        Statement::Query(ast) | Statement::Insert(ast) => Ok(ast.to_string()),
        other => panic!("not a query: {}", other.kind()),
    }
}

/// The query of the hive dialect, rewritten, for rules that go on when the tables are open.
#[track_caller]
pub(crate) fn parsed_hive(sql: &str) -> Box<sqlparser::ast::Statement> {
    match parser::parse_query(sql, Dialect::Hive, "q.sql") {
        Ok(query) => query,
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// The statement as DataFusion gets it.
#[track_caller]
pub(crate) fn rewritten(sql: &str) -> String {
    rewritten_in(sql, Dialect::Ansi)
}

/// The same, of a statement in the hive dialect.
#[track_caller]
pub(crate) fn rewritten_hive(sql: &str) -> String {
    rewritten_in(sql, Dialect::Hive)
}

#[track_caller]
fn rewritten_in(sql: &str, dialect: Dialect) -> String {
    match rewrite(sql, dialect) {
        Ok(text) => text,
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// Asserts that a statement means the same to DataFusion, and is left as it is.
#[track_caller]
pub(crate) fn unchanged(sql: &str) {
    assert_eq!(rewritten(sql), sql);
}

/// Asserts that a statement is refused where `▸` stands (which is not part of it), and returns the first line of help.
#[track_caller]
pub(crate) fn refused(marked: &str, message: &str) -> String {
    refused_in(marked, message, Dialect::Ansi)
}

/// The same, of a statement in the hive dialect.
#[track_caller]
pub(crate) fn refused_hive(marked: &str, message: &str) -> String {
    refused_in(marked, message, Dialect::Hive)
}

#[track_caller]
fn refused_in(marked: &str, message: &str, dialect: Dialect) -> String {
    let Some((before, after)) = marked.split_once('▸') else { panic!("no ▸ in {marked}") };
    let sql = format!("{before}{after}");
    let place = Source::new("q.sql", sql.as_str()).location(before.len());
    let error = match rewrite(&sql, dialect) {
        Ok(text) => panic!("not refused: {sql} became {text}"),
        Err(error) => error,
    };
    let start = error.position().map(|position| position.span.start);
    assert_eq!((error.message(), start), (message, Some(place)), "{sql}");
    error.help_lines().first().cloned().unwrap_or_default()
}
