//! Hive's and Tajo's other INSERTs: into a folder, and several from one source.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{self, Cte, TableAlias, TableAliasColumnDef, TableWithJoins, With};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::row_format::Storage;
use super::{Parsed, query, tajo, words};
use crate::sql::statement::{InsertDirectory, Statement};

/// Whether `INSERT OVERWRITE [LOCAL] DIRECTORY` comes next.
pub(super) fn is_into_directory(parser: &Parser) -> bool {
    let local = words::peek(parser, 2).as_deref() == Some("LOCAL");
    words::peek(parser, 1).as_deref() == Some("OVERWRITE")
        && words::peek(parser, if local { 3 } else { 2 }).as_deref() == Some("DIRECTORY")
}

/// `INSERT OVERWRITE [LOCAL] DIRECTORY 'place' [ROW FORMAT …] [STORED AS …] SELECT …`
pub(super) fn into_directory(parser: &mut Parser) -> Parsed<Statement> {
    Ok(Statement::InsertDirectory(Box::new(directory(parser)?)))
}

fn directory(parser: &mut Parser) -> Parsed<InsertDirectory> {
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
    Ok(InsertDirectory { place, place_span, overwrite: true, format, options, query })
}

/// Whether Tajo's `INSERT [OVERWRITE] INTO LOCATION` comes next.
pub(super) fn is_into_location(parser: &Parser) -> bool {
    let overwrite = usize::from(words::peek(parser, 1).as_deref() == Some("OVERWRITE"));
    words::peek(parser, 1 + overwrite).as_deref() == Some("INTO")
        && words::peek(parser, 2 + overwrite).as_deref() == Some("LOCATION")
}

/// `INSERT [OVERWRITE] INTO LOCATION 'place' [USING format [WITH (…)]] SELECT …`; texts with `|` between their fields if nothing is said.
pub(super) fn into_location(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["INSERT"])?;
    let overwrite = words::take(parser, &["OVERWRITE"]);
    words::expect(parser, &["INTO", "LOCATION"])?;
    let (place, place_span) = words::string(parser)?;
    let (format, options) = tajo::storage(parser)?;
    let format = Some(format);
    let query = parser.parse_query()?;
    Ok(Statement::InsertDirectory(Box::new(InsertDirectory { place, place_span, overwrite, format, options, query })))
}

/// `FROM t SELECT …`, or `FROM t INSERT … SELECT … INSERT … SELECT …`
pub(super) fn from_first(parser: &mut Parser) -> Parsed<Statement> {
    if !has_inserts(parser) {
        return query::query_or_insert(parser);
    }
    Ok(Statement::Inserts(inserts(parser)?))
}

/// `WITH x AS (…) FROM x INSERT … SELECT …`, or any other statement that begins with WITH. Each INSERT gets the queries.
pub(super) fn with_first(parser: &mut Parser) -> Parsed<Statement> {
    if !has_inserts(parser) {
        return query::query_or_insert(parser);
    }
    Ok(Statement::Inserts(with_inserts(parser)?))
}

/// Whether the statement begins with FROM, but for the queries of WITH, and has an INSERT behind it.
fn has_inserts(parser: &Parser) -> bool {
    let mut open = 0_usize;
    let mut after_from = false;
    for ahead in 0.. {
        match &parser.peek_nth_token_no_skip(ahead).token {
            Token::EOF | Token::SemiColon => return false,
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            Token::Word(word) if open == 0 => match word.keyword {
                Keyword::FROM => after_from = true,
                Keyword::INSERT => return after_from,
                Keyword::SELECT => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

fn with_inserts(parser: &mut Parser) -> Parsed<Vec<Statement>> {
    let with_token = AttachedToken(parser.next_token());
    let cte_tables = parser.parse_comma_separated(with_query)?;
    let mut inserts = inserts(parser)?;
    for statement in &mut inserts {
        if let Some(source) = statement.rows_of_insert() {
            if source.with.is_some() {
                return words::unexpected(parser, "one WITH, in front of FROM");
            }
            let with = With { with_token: with_token.clone(), recursive: false, cte_tables: cte_tables.clone() };
            source.with = Some(with);
        }
    }
    Ok(inserts)
}

/// `x [(a, b)] AS (SELECT …)`. sqlparser would take the FROM behind it for a part of it.
fn with_query(parser: &mut Parser) -> Parsed<Cte> {
    let name = parser.parse_identifier()?;
    let columns = match parser.peek_token_ref().token {
        Token::LParen => words::names_in_parentheses(parser)?,
        _ => Vec::new(),
    };
    let columns = columns.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
    words::expect(parser, &["AS"])?;
    parser.expect_token(&Token::LParen)?;
    let query = parser.parse_query()?;
    let closing_paren_token = AttachedToken(parser.expect_token(&Token::RParen)?);
    let alias = TableAlias { explicit: false, name, columns, at: None };
    Ok(Cte { alias, query, from: None, materialized: None, closing_paren_token })
}

fn inserts(parser: &mut Parser) -> Parsed<Vec<Statement>> {
    words::expect(parser, &["FROM"])?;
    let from = parser.parse_comma_separated(Parser::parse_table_and_joins)?;
    let mut inserts = Vec::new();
    while words::peek(parser, 0).as_deref() == Some("INSERT") {
        inserts.push(insert(parser, &from)?);
    }
    if inserts.is_empty() { words::unexpected(parser, "INSERT or SELECT") } else { Ok(inserts) }
}

fn insert(parser: &mut Parser, from: &[TableWithJoins]) -> Parsed<Statement> {
    let mut insert = match is_into_directory(parser) {
        true => into_directory(parser)?,
        false => {
            let token = parser.next_token();
            Statement::Insert(Box::new(parser.parse_insert(token)?))
        }
    };
    let Some(ast::SetExpr::Select(select)) = insert.rows_of_insert().map(|source| source.body.as_mut()) else {
        return words::unexpected(parser, "SELECT");
    };
    if !select.from.is_empty() {
        return words::unexpected(parser, "SELECT without FROM, which stands at the beginning");
    }
    select.from = from.to_vec();
    Ok(insert)
}
