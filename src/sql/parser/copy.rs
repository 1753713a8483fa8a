//! `COPY t | (query) TO 'place' [STORED AS f] [PARTITIONED BY (a)] [OPTIONS (…)]`, and PostgreSQL's and DuckDB's
//! `COPY t TO 'place' [WITH] (FORMAT csv, HEADER true, PARTITION_BY (a))`.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, words};
use crate::sql::statement::{Copy, CopySource, Statement};

pub(super) fn copy(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["COPY"])?;
    let source = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(query)
    } else {
        CopySource::Table(parser.parse_object_name(false)?)
    };
    let direction = parser.peek_token_ref().span;
    if words::take(parser, &["FROM"]) {
        return words::refuse("COPY … FROM is not supported; use INSERT INTO t SELECT * FROM 'file'", direction);
    }
    words::expect(parser, &["TO"])?;
    let (target, target_span) = words::string(parser)?;
    let mut copy = Copy { source, target, target_span, format: None, partitioned_by: Vec::new(), options: Vec::new() };
    loop {
        if words::take(parser, &["STORED", "AS"]) {
            copy.format = Some(words::format(parser)?);
        } else if words::take(parser, &["PARTITIONED", "BY"]) {
            copy.partitioned_by = words::names_in_parentheses(parser)?;
        } else if words::take(parser, &["OPTIONS"]) {
            copy.options.extend(words::pairs(parser)?);
        } else if words::take(parser, &["WITH"]) || parser.peek_token_ref().token == Token::LParen {
            options(parser, &mut copy)?;
        } else {
            return Ok(Statement::Copy(Box::new(copy)));
        }
    }
}

/// `(FORMAT csv, HEADER, DELIMITER ';', PARTITION_BY (a, b))`
fn options(parser: &mut Parser, copy: &mut Copy) -> Parsed<()> {
    parser.expect_token(&Token::LParen)?;
    loop {
        let key = words::key(parser)?;
        let _ = parser.consume_token(&Token::Eq);
        match key.to_ascii_lowercase().as_str() {
            "format" => copy.format = Some(words::format(parser)?),
            "partition_by" if parser.peek_token_ref().token == Token::LParen => {
                copy.partitioned_by = words::names_in_parentheses(parser)?;
            }
            "partition_by" => copy.partitioned_by = vec![parser.parse_identifier()?],
            _ if matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen) => {
                copy.options.push((key, "true".to_string()));
            }
            _ => {
                let value = words::value(parser)?;
                copy.options.push((key, value));
            }
        }
        if parser.consume_token(&Token::RParen) {
            return Ok(());
        }
        parser.expect_token(&Token::Comma)?;
    }
}
