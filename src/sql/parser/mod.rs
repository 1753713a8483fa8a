//! A statement's text to a [`Statement`].
//!
//! The first words decide: statements on the catalog and the session are read here, one kind a file, on sqlparser's
//! token stream; queries are left to sqlparser itself.

mod alter;
mod analyze;
pub(crate) mod change_rows;
mod columns;
mod constraint;
mod copy;
mod create;
mod drop;
mod error;
mod explain;
mod hive_tokens;
mod insert;
mod lateral_tokens;
mod partition;
mod query;
mod refused;
mod row_format;
mod session;
mod show;
mod table_tokens;
mod tajo;
mod tokens;
mod words;

use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::dialect::Dialect;
use super::splitter::Piece;
use super::statement::{ParsedStatement, Statement, StatementText};
use super::types;
use super::variables::Variables;
use crate::error::{Error, Result};

/// How deep expressions, subqueries and parentheses may nest. Deeper ones are an error, not a crash.
const NESTING_LIMIT: usize = 300;

/// What reading a part of a statement gives; positions are in the text until [`error::convert`] finds them.
type Parsed<T> = std::result::Result<T, sqlparser::parser::ParserError>;

/// Parses a piece of a script after filling in its variables.
pub fn parse(piece: &Piece, dialect: Dialect, variables: &Variables) -> Result<ParsedStatement> {
    piece.check_finished()?;
    let source = piece.source();
    let (text, tokens) = tokens::read(piece, dialect, variables)?;
    types::check_nesting(tokens.iter().map(|token| &token.token)).map_err(|error| error.at(source, piece.span()))?;
    let mut parser =
        Parser::new(dialect.tokens()).with_recursion_limit(NESTING_LIMIT).with_tokens_with_locations(tokens.clone());
    let mut statement = refused::programs(&tokens)
        .and_then(|()| statement(&mut parser, &text))
        .and_then(|statement| match parser.peek_token_ref().token {
            Token::EOF => Ok(statement),
            _ => parser.expected_ref("end of statement", parser.peek_token_ref()),
        })
        .map_err(|error| error::convert(error, source, piece.span(), &tokens))?;
    query::finish(&mut statement, dialect, variables, source)?;
    let notes = if dialect == Dialect::Hive { hive_tokens::ignored_hints(&tokens) } else { Vec::new() };
    Ok(ParsedStatement { statement, source: source.clone(), span: piece.span(), dialect, notes })
}

/// Parses the stored text of a view.
pub fn parse_query(sql: &str, dialect: Dialect, name: &str) -> Result<Box<sqlparser::ast::Statement>> {
    let source = super::source::Source::new(name, sql);
    let pieces = super::splitter::split(&source, dialect);
    let [piece] = pieces.as_slice() else {
        return Err(Error::statement(format!("the definition of {name} is not one query")));
    };
    match parse(piece, dialect, &Variables::default())?.statement {
        Statement::Query(query) => Ok(query),
        _ => Err(Error::statement(format!("the definition of {name} is not a query"))),
    }
}

/// Reads one statement from where the parser stands.
fn statement(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    refused::statement(parser)?;
    let first = words::peek(parser, 0);
    match first.as_deref() {
        Some("CREATE") => create::create(parser, text),
        Some("DROP") => drop::drop(parser),
        Some("ALTER") => alter::alter(parser),
        Some("SHOW") => show::show(parser),
        Some("DESCRIBE" | "DESC") => show::describe(parser),
        Some("USE") => session::use_database(parser),
        Some("SET") => session::set(parser, text),
        Some("RESET") => session::reset(parser, text),
        Some("COPY") => copy::copy(parser),
        Some("DELETE" | "UPDATE") => change_rows::delete_or_update(parser),
        Some("ANALYZE") => analyze::analyze(parser),
        Some("MSCK") => partition::msck(parser),
        Some("TRUNCATE") => partition::truncate(parser),
        Some("LOAD") => partition::load(parser),
        Some("INSERT") if insert::is_into_directory(parser) => insert::into_directory(parser),
        Some("INSERT") if insert::is_into_location(parser) => insert::into_location(parser),
        Some("FROM") => insert::from_first(parser),
        Some("WITH") => insert::with_first(parser),
        Some("UNSET") => session::unset(parser, text),
        Some("EXPLAIN") => explain::explain(parser, text),
        _ => query::query_or_insert(parser),
    }
}
