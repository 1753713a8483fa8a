//! Hive's other INSERTs: into a folder, and several from one source.

use sqlparser::ast::{self, TableWithJoins};
use sqlparser::parser::Parser;

use super::row_format::Storage;
use super::{Parsed, query, words};
use crate::sql::statement::{InsertDirectory, Statement};

/// Whether `INSERT OVERWRITE [LOCAL] DIRECTORY` comes next.
pub(super) fn is_into_directory(parser: &Parser) -> bool {
    let local = words::peek(parser, 2).as_deref() == Some("LOCAL");
    words::peek(parser, 1).as_deref() == Some("OVERWRITE")
        && words::peek(parser, if local { 3 } else { 2 }).as_deref() == Some("DIRECTORY")
}

/// `INSERT OVERWRITE [LOCAL] DIRECTORY 'place' [ROW FORMAT …] [STORED AS …] SELECT …`
pub(super) fn into_directory(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["INSERT", "OVERWRITE"])?;
    let _ = words::take(parser, &["LOCAL"]);
    words::expect(parser, &["DIRECTORY"])?;
    let (place, place_span) = words::string(parser)?;
    let mut storage = Storage::default();
    let mut format = None;
    loop {
        if words::take(parser, &["STORED", "AS"]) {
            if !storage.stored_as(parser) {
                format = Some(words::format(parser)?);
            }
        } else if !storage.clause(parser)? {
            break;
        }
    }
    let (format, options) = storage.format_and_options(format)?;
    let query = parser.parse_query()?;
    Ok(Statement::InsertDirectory(Box::new(InsertDirectory { place, place_span, format, options, query })))
}

/// `FROM t SELECT …`, or `FROM t INSERT … SELECT … INSERT … SELECT …`
pub(super) fn from_first(parser: &mut Parser) -> Parsed<Statement> {
    let Some(inserts) = parser.maybe_parse(inserts)? else { return query::query_or_insert(parser) };
    Ok(Statement::Inserts(inserts))
}

fn inserts(parser: &mut Parser) -> Parsed<Vec<ast::Statement>> {
    words::expect(parser, &["FROM"])?;
    let from = parser.parse_comma_separated(Parser::parse_table_and_joins)?;
    let mut inserts = Vec::new();
    while words::peek(parser, 0).as_deref() == Some("INSERT") {
        inserts.push(insert(parser, &from)?);
    }
    if inserts.is_empty() { words::unexpected(parser, "INSERT or SELECT") } else { Ok(inserts) }
}

fn insert(parser: &mut Parser, from: &[TableWithJoins]) -> Parsed<ast::Statement> {
    let token = parser.next_token();
    let statement = parser.parse_insert(token)?;
    let ast::Statement::Insert(mut insert) = statement else {
        return words::unexpected(parser, "INSERT … SELECT …");
    };
    let Some(ast::SetExpr::Select(select)) = insert.source.as_mut().map(|source| source.body.as_mut()) else {
        return words::unexpected(parser, "SELECT");
    };
    if !select.from.is_empty() {
        return words::unexpected(parser, "SELECT without FROM, which stands at the beginning");
    }
    select.from = from.to_vec();
    Ok(ast::Statement::Insert(insert))
}
