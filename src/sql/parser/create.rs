//! CREATE DATABASE, CREATE [EXTERNAL] TABLE (with columns, constraints and AS), CREATE VIEW.

use sqlparser::ast::Ident;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::row_format::Storage;
use super::{Parsed, constraint, query, tajo, words};
use crate::sql::statement::{
    ColumnDefinition, ConstraintDefinition, CreateDatabase, CreateTable, CreateView, PartitionColumn, Statement,
    StatementText,
};

const NO_FUNCTIONS: &str =
    "functions cannot be defined in SQL, nor Java code run; \\df lists the functions that there are";

pub(super) fn create(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    words::expect(parser, &["CREATE"])?;
    let or_replace = words::take(parser, &["OR", "REPLACE"]);
    let made_so = matches!(words::peek(parser, 1).as_deref(), Some("TABLE" | "EXTERNAL" | "VIEW"));
    let temporary = made_so && (words::take(parser, &["TEMPORARY"]) || words::take(parser, &["TEMP"]));
    let new = New { or_replace, temporary };
    if words::take(parser, &["EXTERNAL", "TABLE"]) {
        return table(parser, true, new);
    }
    if words::take(parser, &["TABLE"]) {
        return table(parser, false, new);
    }
    if words::take(parser, &["VIEW"]) {
        return view(parser, text, new);
    }
    let span = parser.peek_token_ref().span;
    match words::peek(parser, 0).as_deref() {
        Some("DATABASE" | "SCHEMA") if !or_replace => {
            parser.next_token();
            database(parser)
        }
        Some("TEMPORARY" | "TEMP") if !matches!(words::peek(parser, 1).as_deref(), Some("FUNCTION" | "MACRO")) => {
            parser.next_token();
            words::unexpected(parser, "TABLE, EXTERNAL TABLE or VIEW")
        }
        Some("FUNCTION" | "TEMPORARY" | "TEMP") => words::refuse(NO_FUNCTIONS, span),
        Some("INDEX") => words::refuse("there are no indexes on files; partition or sort the data", span),
        Some("MATERIALIZED") => words::refuse("materialized views are not supported; use CREATE TABLE … AS", span),
        _ => words::unexpected(parser, "DATABASE, TABLE, EXTERNAL TABLE or VIEW"),
    }
}

/// What stands before the word for what is made.
#[derive(Debug, Clone, Copy)]
struct New {
    or_replace: bool,
    temporary: bool,
}

fn database(parser: &mut Parser) -> Parsed<Statement> {
    let if_not_exists = words::if_not_exists(parser);
    let name = words::database(parser)?;
    let mut database = CreateDatabase { name, if_not_exists, comment: None, location: None };
    loop {
        if words::take(parser, &["COMMENT"]) {
            database.comment = Some(words::string(parser)?.0);
        } else if words::take(parser, &["LOCATION"]) {
            database.location = Some(words::string(parser)?.0);
        } else {
            return Ok(Statement::CreateDatabase(database));
        }
    }
}

fn table(parser: &mut Parser, external: bool, New { or_replace, temporary }: New) -> Parsed<Statement> {
    let if_not_exists = words::if_not_exists(parser);
    let name = parser.parse_object_name(false)?;
    let mut table = CreateTable {
        name,
        temporary,
        external,
        or_replace,
        if_not_exists,
        columns: Vec::new(),
        names: Vec::new(),
        constraints: Vec::new(),
        comment: None,
        partitioned_by: Vec::new(),
        format: None,
        location: None,
        options: Vec::new(),
        properties: Vec::new(),
        buckets: None,
        query: None,
        like: None,
    };
    let names_only = matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
        && matches!(parser.peek_nth_token_ref(2).token, Token::Comma | Token::RParen);
    if parser.peek_token_ref().token == Token::LParen && names_only {
        table.names = words::names_in_parentheses(parser)?;
    } else if parser.peek_token_ref().token == Token::LParen {
        (table.columns, table.constraints) = columns_and_constraints(parser)?;
    }
    let mut storage = Storage::default();
    // Clauses come in any order: every engine prints them in another.
    loop {
        if words::take(parser, &["COMMENT"]) {
            table.comment = Some(words::string(parser)?.0);
        } else if words::take(parser, &["PARTITIONED", "BY"]) || words::take(parser, &["PARTITION", "BY", "COLUMN"]) {
            table.partitioned_by = partition_columns(parser)?;
        } else if words::take(parser, &["USING"]) {
            tajo::using(parser, &mut table)?;
        } else if tajo::options_come_next(parser) {
            tajo::options(parser, &mut table)?;
        } else if storage.clause(parser)? {
            // It keeps what it read.
        } else if words::take(parser, &["STORED", "AS"]) {
            if !storage.stored_as(parser) {
                table.format = Some(words::format(parser)?);
            }
        } else if words::take(parser, &["LOCATION"]) {
            table.location = Some(words::string(parser)?);
        } else if words::take(parser, &["OPTIONS"]) {
            table.options.extend(words::pairs(parser)?);
        } else if words::take(parser, &["WITH", "HEADER", "ROW"]) {
            table.options.push(("header".to_string(), "true".to_string()));
        } else if words::take(parser, &["TBLPROPERTIES"]) {
            table.properties.extend(words::pairs(parser)?);
        } else if table.like.is_none() && table.columns.is_empty() && words::take(parser, &["LIKE"]) {
            table.like = Some(parser.parse_object_name(false)?);
        } else if words::take(parser, &["AS"]) || query::begins(parser) {
            table.query = Some(parser.parse_query()?);
            break;
        } else if !table.names.is_empty() {
            return words::unexpected(parser, "AS and a query, since the columns have no types");
        } else {
            break;
        }
    }
    storage.finish(&mut table)?;
    Ok(Statement::CreateTable(Box::new(table)))
}

/// `(a INT COMMENT '…' NOT NULL, …, PRIMARY KEY (a) RELY)`
fn columns_and_constraints(parser: &mut Parser) -> Parsed<(Vec<ColumnDefinition>, Vec<ConstraintDefinition>)> {
    parser.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    let mut constraints = Vec::new();
    loop {
        if constraint::comes_next(parser) {
            constraints.push(constraint::table_constraint(parser)?);
        } else {
            let (column, own) = column(parser)?;
            columns.push(column);
            constraints.extend(own);
        }
        if parser.consume_token(&Token::RParen) {
            return Ok((columns, constraints));
        }
        if !parser.consume_token(&Token::Comma) {
            return words::unexpected(parser, "',' or ')' after a column");
        }
    }
}

/// `name TYPE [NOT NULL …] [COMMENT '…']`
pub(super) fn column(parser: &mut Parser) -> Parsed<(ColumnDefinition, Vec<ConstraintDefinition>)> {
    let name = parser.parse_identifier()?;
    let data_type = parser.parse_data_type()?;
    let mut column = ColumnDefinition { name, data_type, comment: None };
    let mut constraints = Vec::new();
    loop {
        let span = parser.peek_token_ref().span;
        if words::take(parser, &["COMMENT"]) {
            column.comment = Some(words::string(parser)?.0);
        } else if words::take(parser, &["NULL"]) {
            // Columns are nullable unless they say otherwise.
        } else if words::take(parser, &["DEFAULT"]) {
            return words::refuse("DEFAULT values are not supported: files hold no defaults", span);
        } else if let Some(constraint) = constraint::column_constraint(parser, &column.name)? {
            constraints.push(constraint);
        } else {
            return Ok((column, constraints));
        }
    }
}

/// `(dt DATE COMMENT '…', country)`
fn partition_columns(parser: &mut Parser) -> Parsed<Vec<PartitionColumn>> {
    parser.expect_token(&Token::LParen)?;
    let columns = parser.parse_comma_separated(|parser| {
        let name: Ident = parser.parse_identifier()?;
        let data_type = match &parser.peek_token_ref().token {
            Token::Word(word) if word.value.eq_ignore_ascii_case("COMMENT") => None,
            Token::Word(_) => Some(parser.parse_data_type()?),
            _ => None,
        };
        let comment = if words::take(parser, &["COMMENT"]) { Some(words::string(parser)?.0) } else { None };
        Ok(PartitionColumn { name, data_type, comment })
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn view(parser: &mut Parser, text: &StatementText, New { or_replace, temporary }: New) -> Parsed<Statement> {
    let if_not_exists = words::if_not_exists(parser);
    let name = parser.parse_object_name(false)?;
    let columns = match parser.peek_token_ref().token {
        Token::LParen => words::names_in_parentheses(parser)?,
        _ => Vec::new(),
    };
    let comment = if words::take(parser, &["COMMENT"]) { Some(words::string(parser)?.0) } else { None };
    words::expect(parser, &["AS"])?;
    // What is stored is the text, so that comments and layout survive.
    let start = text.ranges.get(parser.index()).map_or(text.text.len(), |range| range.start);
    let query = parser.parse_query()?;
    let sql = text.text.get(start..).unwrap_or_default().trim().to_string();
    Ok(Statement::CreateView(CreateView { name, temporary, or_replace, if_not_exists, columns, comment, query, sql }))
}
