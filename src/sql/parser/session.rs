//! USE, SET and RESET.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::{Parsed, words};
use crate::sql::statement::{Set, Show, Statement, StatementText};

pub(super) fn use_database(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["USE"])?;
    if matches!(parser.peek_nth_token_ref(1).token, Token::Word(_)) {
        let _ = words::take(parser, &["DATABASE"]) || words::take(parser, &["SCHEMA"]);
    }
    Ok(Statement::Use(words::database(parser)?))
}

/// `SET`, `SET name`, `SET name = value`, `SET name TO value`. The value is the text up to the end, as in Hive; quotes around all of
/// it are taken off.
pub(super) fn set(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    words::expect(parser, &["SET"])?;
    // `SET SESSION x = y`, as PostgreSQL and Tajo have it, and `SET CATALOG d`, which is Tajo's USE.
    if words::peek(parser, 0).as_deref() == Some("SESSION") && words::peek(parser, 1).is_some_and(|word| word != "TO") {
        parser.next_token();
    } else if words::peek(parser, 0).as_deref() == Some("CATALOG")
        && words::peek(parser, 1).is_some_and(|word| word != "TO")
    {
        parser.next_token();
        return Ok(Statement::Use(parser.parse_identifier()?));
    }
    if parser.peek_token_ref().token == Token::EOF {
        return Ok(Statement::Show(Show::Settings { prefix: None }));
    }
    let start = parser.peek_token_ref().span;
    let name = name(parser, text)?;
    let name_span = Span::new(start.start, start.end);
    if parser.peek_token_ref().token == Token::EOF {
        return Ok(Statement::Show(Show::Settings { prefix: Some(name) }));
    }
    if !parser.consume_token(&Token::Eq) && !words::take(parser, &["TO"]) {
        return words::unexpected(parser, "'=' and a value");
    }
    let value = rest(parser, text);
    Ok(Statement::Set(Set { name, value: unquoted(value), name_span }))
}

pub(super) fn reset(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    words::expect(parser, &["RESET"])?;
    Ok(Statement::Reset(name(parser, text)?))
}

/// Tajo's word for RESET.
pub(super) fn unset(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    words::expect(parser, &["UNSET"])?;
    Ok(Statement::Reset(name(parser, text)?))
}

/// A setting's name runs to the next blank or `=`: it may hold `.`, `:` and `-`.
fn name(parser: &mut Parser, text: &StatementText) -> Parsed<String> {
    if !matches!(parser.peek_token_ref().token, Token::Word(_) | Token::SingleQuotedString(_)) {
        return words::unexpected(parser, "a setting's name");
    }
    let start = text.ranges.get(token_index(parser)).map_or(0, |range| range.start);
    let mut end = start;
    while let Some(token) = parser.peek_token_no_skip_opt() {
        match token {
            Token::Word(_)
            | Token::Period
            | Token::Colon
            | Token::Minus
            | Token::SingleQuotedString(_)
            | Token::Number(_, _) => {
                end = text.ranges.get(parser.index()).map_or(text.text.len(), |range| range.end);
                parser.next_token_no_skip();
            }
            _ => break,
        }
    }
    Ok(unquoted(text.text.get(start..end).unwrap_or_default()))
}

/// The text from here to the end; the tokens are taken.
fn rest<'a>(parser: &mut Parser, text: &'a StatementText) -> &'a str {
    let start = text.ranges.get(token_index(parser)).map_or(text.text.len(), |range| range.start);
    while parser.next_token().token != Token::EOF {}
    text.text.get(start..).unwrap_or_default().trim()
}

/// The index of the next token that is not blank; blanks before it are taken.
fn token_index(parser: &mut Parser) -> usize {
    while let Some(Token::Whitespace(_)) = parser.peek_token_no_skip_opt() {
        parser.next_token_no_skip();
    }
    parser.index()
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) if !inner.replace("''", "").contains('\'') => inner.replace("''", "'"),
        _ => value.to_string(),
    }
}

/// The next token, blank or not; `None` at the end.
trait PeekNoSkip {
    fn peek_token_no_skip_opt(&self) -> Option<Token>;
}

impl PeekNoSkip for Parser<'_> {
    fn peek_token_no_skip_opt(&self) -> Option<Token> {
        match self.peek_token_no_skip().token {
            Token::EOF => None,
            token => Some(token),
        }
    }
}
