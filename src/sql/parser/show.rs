//! SHOW … and DESCRIBE.

use sqlparser::ast::Ident;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, partition, query, words};
use crate::sql::statement::{Describe, Show, Statement};

pub(super) fn show(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["SHOW"])?;
    let what = words::peek(parser, 0);
    if words::take(parser, &["CREATE", "TABLE"]) || words::take(parser, &["CREATE", "VIEW"]) {
        return Ok(Statement::Show(Show::CreateTable(parser.parse_object_name(false)?)));
    }
    let show = match what.as_deref() {
        Some("CATALOGS") => {
            parser.next_token();
            Show::Catalogs { like: like(parser)? }
        }
        Some("DATABASES" | "SCHEMAS") => {
            parser.next_token();
            let catalog = match words::take(parser, &["IN"]) || words::take(parser, &["FROM"]) {
                true => Some(parser.parse_identifier()?),
                false => None,
            };
            Show::Databases { catalog, like: like(parser)? }
        }
        Some("TABLES") => {
            parser.next_token();
            Show::Tables { database: in_database(parser)?, like: like(parser)? }
        }
        Some("VIEWS") => {
            parser.next_token();
            Show::Views { database: in_database(parser)?, like: like(parser)? }
        }
        Some("COLUMNS") => {
            parser.next_token();
            columns(parser)?
        }
        Some("FUNCTIONS") => {
            parser.next_token();
            Show::Functions { like: like(parser)? }
        }
        Some("VARIABLES") => {
            parser.next_token();
            Show::Variables
        }
        Some("ALL" | "SETTINGS") => {
            parser.next_token();
            Show::Settings { prefix: None }
        }
        Some("PARTITIONS") => {
            parser.next_token();
            let table = parser.parse_object_name(false)?;
            Show::Partitions { table, partition: partition::clause(parser)?.unwrap_or_default() }
        }
        Some("CREATE") | None => {
            return words::unexpected(
                parser,
                "TABLES, DATABASES, CATALOGS, VIEWS, COLUMNS, CREATE TABLE, FUNCTIONS, VARIABLES, ALL or a setting",
            );
        }
        Some(_) => Show::Settings { prefix: Some(words::key(parser)?) },
    };
    Ok(Statement::Show(show))
}

/// `COLUMNS IN t [IN db] [LIKE 'x%']`
fn columns(parser: &mut Parser) -> Parsed<Show> {
    if !words::take(parser, &["IN"]) {
        words::expect(parser, &["FROM"])?;
    }
    let mut table = parser.parse_object_name(false)?;
    if words::take(parser, &["IN"]) || words::take(parser, &["FROM"]) {
        let database = parser.parse_object_name(false)?;
        table.0.splice(0..0, database.0);
    }
    Ok(Show::Columns { table, like: like(parser)? })
}

fn in_database(parser: &mut Parser) -> Parsed<Option<Ident>> {
    if words::take(parser, &["IN"]) || words::take(parser, &["FROM"]) {
        return words::database(parser).map(Some);
    }
    Ok(None)
}

/// `LIKE 'pattern'`, or the pattern alone, as Hive has it.
fn like(parser: &mut Parser) -> Parsed<Option<String>> {
    let named = words::take(parser, &["LIKE"]);
    match parser.peek_token_ref().token {
        Token::SingleQuotedString(_) => Ok(Some(words::string(parser)?.0)),
        _ if named => words::unexpected(parser, "a pattern in quotes"),
        _ => Ok(None),
    }
}

pub(super) fn describe(parser: &mut Parser) -> Parsed<Statement> {
    parser.next_token();
    let span = parser.peek_token_ref().span;
    // FORMATTED is a table's name too, so it is Hive's word only with a name behind it.
    let names_follow = matches!(parser.peek_nth_token_ref(1).token, Token::Word(_));
    let mut formatted = false;
    match words::peek(parser, 0).as_deref() {
        Some("FORMATTED" | "EXTENDED") if names_follow => {
            parser.next_token();
            formatted = true;
            if words::peek(parser, 0).as_deref() == Some("TABLE")
                && matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
            {
                parser.next_token();
            }
        }
        Some("DATABASE" | "SCHEMA" | "FUNCTION") if names_follow => {
            return words::refuse("only tables, views and queries can be described", span);
        }
        Some("TABLE") if names_follow => {
            parser.next_token();
        }
        _ => {}
    }
    if !formatted && query::begins(parser) {
        let query = parser.parse_query()?;
        return Ok(Statement::Describe(Describe::Query(Box::new(sqlparser::ast::Statement::Query(query)))));
    }
    let table = parser.parse_object_name(true)?;
    // The column may stand before the partition or behind it.
    let mut column = column_of_table(parser)?;
    let clause = partition::clause(parser)?;
    if column.is_none() {
        column = column_of_table(parser)?;
    }
    Ok(Statement::Describe(match (formatted, column) {
        (true, column) => Describe::Formatted { table, column, partition: clause.unwrap_or_default() },
        (false, Some(column)) => Describe::Column(table, column),
        // A partition has the table's columns.
        (false, None) => Describe::Table(table),
    }))
}

fn column_of_table(parser: &mut Parser) -> Parsed<Option<Ident>> {
    match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_some() || !word.value.eq_ignore_ascii_case("PARTITION") => {
            parser.parse_identifier().map(Some)
        }
        _ => Ok(None),
    }
}
