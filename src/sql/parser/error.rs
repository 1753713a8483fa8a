//! sqlparser's errors to ours: in our words, at the token that was not expected.

use std::sync::Arc;

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use crate::error::Error;
use crate::names::nearest;
use crate::sql::source::Source;

/// `tokens` are those of the statement; they tell how long the offending one is and whether it looks like a misspelt keyword.
pub(super) fn convert(error: ParserError, source: &Arc<Source>, statement: Span, tokens: &[TokenWithSpan]) -> Error {
    let message = match error {
        // The parser tries another reading when it meets its limit, and then complains of something else.
        _ if nesting(tokens) > super::NESTING_LIMIT => return nests_too_deep(source, statement),
        ParserError::RecursionLimitExceeded => return nests_too_deep(source, statement),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (message, location) = split_location(&message);
    let offending = location.and_then(|location| tokens.iter().find(|token| token.span.start == location));
    let end =
        tokens.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_))).map(|token| token.span.end);
    let span = match (offending, location) {
        (Some(token), _) => token.span,
        (None, Some(location)) => Span::new(location, location),
        // Nothing was left to read: the place is behind the last token.
        (None, None) => end.map_or(statement, |end| Span::new(end, end)),
    };
    let error = Error::statement(reword(message)).at(source, span);
    // What is refused in words of our own was understood.
    let was_expected = message.starts_with("Expected: ");
    match offending.filter(|_| was_expected).and_then(|token| misspelt_keyword(token, tokens)) {
        Some(keyword) => error.help(format!("did you mean {keyword}?")),
        None => error,
    }
}

fn nests_too_deep(source: &Arc<Source>, statement: Span) -> Error {
    Error::statement(format!(
        "this statement nests deeper than {} levels of parentheses, subqueries or operators",
        super::NESTING_LIMIT
    ))
    .at(source, statement)
    .help("split it with WITH, or into several statements")
}

/// How deep parentheses, CASE and signs in front of an expression nest.
fn nesting(tokens: &[TokenWithSpan]) -> usize {
    let is_word = |token: &Token, text: &str| matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text));
    let (mut open, mut signs, mut deepest) = (0_usize, 0_usize, 0_usize);
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket => open += 1,
            Token::RParen | Token::RBracket => open = open.saturating_sub(1),
            word if is_word(word, "CASE") => open += 1,
            word if is_word(word, "END") => open = open.saturating_sub(1),
            _ => {}
        }
        signs = match token {
            Token::Minus | Token::Plus | Token::Tilde | Token::LParen => signs + 1,
            word if is_word(word, "NOT") => signs + 1,
            _ => 0,
        };
        deepest = deepest.max(open).max(signs);
    }
    deepest
}

/// sqlparser puts the place at the end of its message.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let parts = || {
        let (text, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((text, Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?)))
    };
    match parts() {
        Some((text, location)) => (text, (location.line > 0).then_some(location)),
        None => (message, None),
    }
}

fn reword(message: &str) -> String {
    let Some((expected, found)) = message.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: "))
    else {
        return message.to_string();
    };
    match found {
        "EOF" => format!("expected {expected}, but the statement ends here"),
        _ => format!("expected {expected}, found {found}"),
    }
}

/// The words that begin a clause or statement: a word near one of them that could not be read was probably meant as that one.
const CLAUSES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "CROSS",
    "OUTER",
    "ON",
    "USING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WITH",
    "VALUES",
    "INSERT",
    "INTO",
    "CREATE",
    "EXTERNAL",
    "TABLE",
    "VIEW",
    "DATABASE",
    "DROP",
    "ALTER",
    "SHOW",
    "TABLES",
    "DATABASES",
    "COLUMNS",
    "DESCRIBE",
    "EXPLAIN",
    "ANALYZE",
    "COPY",
    "STORED",
    "LOCATION",
    "OPTIONS",
    "PARTITIONED",
    "TBLPROPERTIES",
    "COMMENT",
    "CONSTRAINT",
    "PRIMARY",
    "FOREIGN",
    "UNIQUE",
    "REFERENCES",
    "QUALIFY",
    "WINDOW",
    "PARTITION",
    "DISTINCT",
    "BETWEEN",
    "EXISTS",
    "RESET",
    "BY",
    "AS",
];

/// The offending word, or the one before it (`SELECT * FORM t`: `t` offends, `FORM` was taken for an alias).
fn misspelt_keyword(offending: &TokenWithSpan, tokens: &[TokenWithSpan]) -> Option<&'static str> {
    let before = tokens
        .iter()
        .take_while(|token| token.span.start < offending.span.start)
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .last();
    [Some(offending), before].into_iter().flatten().find_map(|token| {
        let Token::Word(word) = &token.token else { return None };
        if word.quote_style.is_some() || word.value.len() < 3 {
            return None;
        }
        let upper = word.value.to_uppercase();
        if CLAUSES.contains(&upper.as_str()) {
            return None;
        }
        let found = nearest(&upper, CLAUSES.iter().copied().filter(|clause| clause.len() > 2))?;
        CLAUSES.iter().copied().find(|clause| *clause == found)
    })
}
