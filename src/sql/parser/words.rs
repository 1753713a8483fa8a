//! Small steps on the token stream that the statements share.

use sqlparser::ast::Ident;
use sqlparser::keywords::{ALL_KEYWORDS, Keyword};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token};

use super::Parsed;
use crate::catalog::model::FileFormat;

/// The unquoted word `ahead` tokens on, in capitals; `None` if there is none.
pub(super) fn peek(parser: &Parser, ahead: usize) -> Option<String> {
    match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(word) if word.quote_style.is_none() => {
            let upper = word.value.to_uppercase();
            // Of Hive's quoted names only this is left: that they are no keywords.
            let was_quoted = word.keyword == Keyword::NoKeyword && ALL_KEYWORDS.binary_search(&upper.as_str()).is_ok();
            (!was_quoted).then_some(upper)
        }
        _ => None,
    }
}

/// Takes the words if they come next, all or none of them.
pub(super) fn take(parser: &mut Parser, words: &[&str]) -> bool {
    let all = words.iter().enumerate().all(|(ahead, word)| peek(parser, ahead).as_deref() == Some(*word));
    if all {
        words.iter().for_each(|_| {
            parser.next_token();
        });
    }
    all
}

/// Takes the words or says that they were expected.
pub(super) fn expect(parser: &mut Parser, words: &[&str]) -> Parsed<()> {
    if take(parser, words) { Ok(()) } else { unexpected(parser, &words.join(" ")) }
}

/// An error at the next token.
pub(super) fn unexpected<T>(parser: &Parser, expected: &str) -> Parsed<T> {
    parser.expected_ref(expected, parser.peek_token_ref())
}

/// An error of ours at a place. The position is written as sqlparser writes it, so that all errors of parsing are read alike.
pub(super) fn refuse<T>(message: &str, span: Span) -> Parsed<T> {
    Err(ParserError::ParserError(format!("{message}{}", span.start)))
}

pub(super) fn if_not_exists(parser: &mut Parser) -> bool {
    take(parser, &["IF", "NOT", "EXISTS"])
}

pub(super) fn if_exists(parser: &mut Parser) -> bool {
    take(parser, &["IF", "EXISTS"])
}

/// The name of a database, `sales`, or of one in another catalog, `hive.sales`: then as one name, with both parts as they
/// are meant.
pub(super) fn database(parser: &mut Parser) -> Parsed<Ident> {
    let first = parser.parse_identifier()?;
    if !parser.consume_token(&Token::Period) {
        return Ok(first);
    }
    let second = parser.parse_identifier()?;
    let meant = |ident: &Ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    let name = format!("{}.{}", meant(&first), meant(&second));
    Ok(Ident::with_quote_and_span('"', Span::new(first.span.start, second.span.end), name))
}

/// `'text'`, with its place.
pub(super) fn string(parser: &mut Parser) -> Parsed<(String, Span)> {
    let span = parser.peek_token_ref().span;
    Ok((parser.parse_literal_string()?, span))
}

/// `(a, b)`
pub(super) fn names_in_parentheses(parser: &mut Parser) -> Parsed<Vec<Ident>> {
    parser.expect_token(&Token::LParen)?;
    let names = parser.parse_comma_separated(|parser| parser.parse_identifier())?;
    parser.expect_token(&Token::RParen)?;
    Ok(names)
}

/// `('key' = 'value', 'key' 'value', key value, …)`: keys may be dotted names, values strings, numbers or words.
pub(super) fn pairs(parser: &mut Parser) -> Parsed<Vec<(String, String)>> {
    parser.expect_token(&Token::LParen)?;
    if parser.consume_token(&Token::RParen) {
        return Ok(Vec::new());
    }
    let pairs = parser.parse_comma_separated(|parser| {
        let key = key(parser)?;
        let _ = parser.consume_token(&Token::Eq);
        Ok((key, value(parser)?))
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(pairs)
}

/// A key of an option list: `'a.b'` or `a.b`.
pub(super) fn key(parser: &mut Parser) -> Parsed<String> {
    let token = parser.next_token();
    let mut key = match token.token {
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => return Ok(text),
        Token::Word(word) => word.value,
        _ => return parser.expected("an option's name", token),
    };
    while parser.consume_token(&Token::Period) {
        key.push('.');
        key.push_str(&parser.parse_identifier()?.value);
    }
    Ok(key)
}

/// A value of an option list.
pub(super) fn value(parser: &mut Parser) -> Parsed<String> {
    let token = parser.next_token();
    match token.token {
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) | Token::EscapedStringLiteral(text) => {
            Ok(text)
        }
        Token::Number(text, _) => Ok(text),
        Token::Minus => Ok(format!("-{}", parser.parse_number_value()?)),
        Token::Word(word) => Ok(word.value),
        _ => parser.expected("an option's value", token),
    }
}

/// The name of a file format behind STORED AS or FORMAT.
pub(super) fn format(parser: &mut Parser) -> Parsed<FileFormat> {
    let token = parser.next_token();
    let name = match &token.token {
        Token::Word(word) => word.value.clone(),
        Token::SingleQuotedString(text) => text.clone(),
        _ => return parser.expected("a file format: PARQUET, CSV, JSON, AVRO or ARROW", token),
    };
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "JSONL" | "NDJSON" => Ok(FileFormat::Json),
        "IPC" => Ok(FileFormat::Arrow),
        _ => match FileFormat::ALL.into_iter().find(|format| format.name() == upper) {
            Some(format) => Ok(format),
            None => refuse(
                &format!(
                    "unknown file format {name}; the formats are PARQUET, CSV, JSON, AVRO, ARROW, ORC and TEXTFILE"
                ),
                token.span,
            ),
        },
    }
}
