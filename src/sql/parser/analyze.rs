//! ANALYZE.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, partition, words};
use crate::sql::statement::{Analyze, Analyzed, Statement};

/// `ANALYZE [TABLE] t [PARTITION (…)] [COMPUTE STATISTICS [NOSCAN | FOR ALL COLUMNS | FOR COLUMNS [a, b]]]`, Hive's and Spark's
/// words, and `ANALYZE t [(a, b)]`, PostgreSQL's.
pub(super) fn analyze(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["ANALYZE"])?;
    let _ = words::take(parser, &["TABLE"]);
    if matches!(parser.peek_token_ref().token, Token::EOF) {
        return words::unexpected(parser, "a table's name");
    }
    let table = parser.parse_object_name(false)?;
    let partition = partition::clause(parser)?.unwrap_or_default();
    let what = if words::take(parser, &["COMPUTE", "STATISTICS"]) {
        statistics(parser)?
    } else if parser.peek_token_ref().token == Token::LParen {
        Analyzed::Columns(words::names_in_parentheses(parser)?)
    } else {
        Analyzed::AllColumns
    };
    Ok(Statement::Analyze(Analyze { table, partition, what }))
}

fn statistics(parser: &mut Parser) -> Parsed<Analyzed> {
    if words::take(parser, &["NOSCAN"]) {
        return Ok(Analyzed::Files);
    }
    if words::take(parser, &["FOR", "ALL", "COLUMNS"]) {
        return Ok(Analyzed::AllColumns);
    }
    if words::take(parser, &["FOR", "COLUMNS"]) {
        return match parser.peek_token_ref().token {
            Token::EOF => Ok(Analyzed::AllColumns),
            Token::LParen => words::names_in_parentheses(parser).map(Analyzed::Columns),
            _ => parser.parse_comma_separated(Parser::parse_identifier).map(Analyzed::Columns),
        };
    }
    Ok(Analyzed::Rows)
}
