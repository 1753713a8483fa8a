//! Tokens as Hive reads them.
//!
//! - `` `Name` `` is a name, and the same in any case: the quotes only keep it from being a keyword.
//! - `"x"` is a string as `'x'` is.
//! - In strings, `\001` and `\u0001` are characters by their number, `\%` and `\_` stay as they are (LIKE reads them), and strings that
//!   follow each other are one.
//! - `STRUCT<a: INT>` is `STRUCT<a INT>`.
//! - In OVER (…), DISTRIBUTE BY is PARTITION BY, and SORT BY is ORDER BY.
//! - `10L`, `5S`, `3Y`, `2.5BD` and `2D` are numbers.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

/// To be called with tokens whose strings still have their backslashes.
pub(super) fn read(tokens: &mut [TokenWithSpan]) {
    for token in tokens.iter_mut() {
        let read = match &mut token.token {
            Token::SingleQuotedString(text) => Token::SingleQuotedString(unescape(text, '\'')),
            Token::DoubleQuotedString(text) => Token::SingleQuotedString(unescape(text, '"')),
            Token::Word(word) if word.quote_style == Some('`') => Token::Word(Word {
                value: std::mem::take(&mut word.value).replace("``", "`"),
                quote_style: None,
                keyword: Keyword::NoKeyword,
            }),
            Token::Word(word) => match number(&word.value) {
                Some(number) => number,
                None => continue,
            },
            _ => continue,
        };
        token.token = read;
    }
    join_numbers(tokens);
    join_strings(tokens);
    drop_colons_of_fields(tokens);
    name_clauses_of_windows(tokens);
}

/// What is to be said of hints, once for all of a statement.
pub(super) fn ignored_hints(tokens: &[TokenWithSpan]) -> Vec<String> {
    let hints: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match &token.token {
            Token::Whitespace(Whitespace::MultiLineComment(text)) => text.strip_prefix('+').map(str::trim),
            _ => None,
        })
        .collect();
    match hints.as_slice() {
        [] => Vec::new(),
        hints => vec![format!("hints have no effect: the plan is the optimizer's ({})", hints.join("; "))],
    }
}

fn blank() -> Token {
    Token::Whitespace(Whitespace::Space)
}

/// `1.5BD` and `1e3D` are a number and a word to the tokenizer.
fn join_numbers(tokens: &mut [TokenWithSpan]) {
    for index in 1..tokens.len() {
        let (before, after) = tokens.split_at_mut(index);
        let (Some(first), Some(second)) = (before.last_mut(), after.first_mut()) else { continue };
        let (Token::Number(digits, false), Token::Word(letters)) = (&first.token, &second.token) else { continue };
        if letters.quote_style.is_some() || letters.value.chars().any(|letter| !letter.is_ascii_alphabetic()) {
            continue;
        }
        if let Some(joined) = number(&format!("{digits}{}", letters.value)) {
            first.token = joined;
            first.span.end = second.span.end;
            second.token = blank();
        }
    }
}

fn join_strings(tokens: &mut [TokenWithSpan]) {
    let mut first: Option<usize> = None;
    for index in 0..tokens.len() {
        match &tokens[index].token {
            Token::Whitespace(_) => {}
            Token::SingleQuotedString(text) => match first {
                None => first = Some(index),
                Some(first) => {
                    let rest = text.clone();
                    if let Token::SingleQuotedString(text) = &mut tokens[first].token {
                        text.push_str(&rest);
                    }
                    tokens[index].token = blank();
                }
            },
            _ => first = None,
        }
    }
}

fn drop_colons_of_fields(tokens: &mut [TokenWithSpan]) {
    // How many `<` are open since the outermost STRUCT's.
    let mut open = 0_usize;
    let mut before = Token::EOF;
    for token in tokens.iter_mut() {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::Lt if open > 0 || is_keyword(&before, Keyword::STRUCT) => open += 1,
            Token::Gt => open = open.saturating_sub(1),
            Token::ShiftRight => open = open.saturating_sub(2),
            Token::Colon if open > 0 && matches!(before, Token::Word(_)) => token.token = blank(),
            _ => {}
        }
        before = token.token.clone();
    }
}

fn name_clauses_of_windows(tokens: &mut [TokenWithSpan]) {
    // How many parentheses are open since that of OVER.
    let mut open = 0_usize;
    let mut before = Token::EOF;
    for token in tokens.iter_mut() {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen if open > 0 || is_keyword(&before, Keyword::OVER) => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            Token::Word(word) if open == 1 && word.keyword == Keyword::DISTRIBUTE => {
                token.token = Token::make_keyword("PARTITION");
            }
            Token::Word(word) if open == 1 && word.keyword == Keyword::SORT => {
                token.token = Token::make_keyword("ORDER")
            }
            _ => {}
        }
        before = token.token.clone();
    }
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword)
}

/// A number with a letter for its type, which the tokenizer takes for a word.
fn number(word: &str) -> Option<Token> {
    if !word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole && digits.parse::<f64>().is_err() {
        return None;
    }
    match word[digits.len()..].to_ascii_uppercase().as_str() {
        "L" | "S" | "Y" if is_whole => {}
        "BD" | "D" | "F" => {}
        _ => return None,
    }
    // The letter stays; the type is made of it when the number is rewritten (`rewrite/hive/literals.rs`).
    Some(Token::Number(word.to_string(), false))
}

/// What a string between these quotes means.
fn unescape(written: &str, quote: char) -> String {
    if !written.contains(['\\', quote]) {
        return written.to_string();
    }
    let mut text = String::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => escaped(&mut rest, &mut text),
            // The tokenizer leaves two quotes only where one string ends and the next begins.
            character if character == quote && rest.as_str().starts_with(character) => {
                rest.next();
            }
            other => text.push(other),
        }
    }
    text
}

fn escaped(rest: &mut std::str::Chars<'_>, text: &mut String) {
    let octal = rest.as_str().get(..3).filter(|digits| {
        digits.starts_with(['0', '1', '2', '3']) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
    });
    let by_number = match octal {
        Some(digits) => u32::from_str_radix(digits, 8).ok().map(|code| (code, 3)),
        None => match rest.as_str().strip_prefix('u').and_then(|digits| digits.get(..4)) {
            Some(digits) => u32::from_str_radix(digits, 16).ok().map(|code| (code, 5)),
            None => None,
        },
    };
    if let Some((character, length)) = by_number.and_then(|(code, length)| Some((char::from_u32(code)?, length))) {
        text.push(character);
        rest.nth(length - 1);
        return;
    }
    match rest.next() {
        Some('0') => text.push('\0'),
        Some('b') => text.push('\u{8}'),
        Some('n') => text.push('\n'),
        Some('r') => text.push('\r'),
        Some('t') => text.push('\t'),
        Some('Z') => text.push('\u{1a}'),
        Some(wildcard @ ('%' | '_')) => {
            text.push('\\');
            text.push(wildcard);
        }
        Some(other) => text.push(other),
        None => text.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_strings() {
        for (written, means) in [
            (r"\001", "\u{1}"),
            (r"a\u0041b", "aAb"),
            (r"\n\t\\\'", "\n\t\\'"),
            (r"100\%\_", r"100\%\_"),
            (r"\d\.", "d."),
            ("it''s", "its"),
            ("say \"x\"", "say \"x\""),
            ("{\"a\":\"\"}", "{\"a\":\"\"}"),
            (r"\0", "\0"),
            (r"\u00", "u00"),
            (r"\999", "999"),
            ("é\\", "é\\"),
        ] {
            assert_eq!(unescape(written, '\''), means, "{written}");
        }
    }

    #[test]
    fn hints_are_noted_once() {
        let comment =
            |text: &str| TokenWithSpan::wrap(Token::Whitespace(Whitespace::MultiLineComment(text.to_string())));
        assert_eq!(
            ignored_hints(&[comment("+ MAPJOIN(t) "), comment(" no hint "), comment("+STREAMTABLE(u)")]),
            ["hints have no effect: the plan is the optimizer's (MAPJOIN(t); STREAMTABLE(u))"]
        );
        assert!(ignored_hints(&[comment("a")]).is_empty());
    }

    #[test]
    fn numbers_with_a_type() {
        for word in ["10L", "5s", "3Y", "2.5BD", "2D", "1e3D", ".5f"] {
            assert_eq!(number(word), Some(Token::Number(word.to_string(), false)), "{word}");
        }
        for word in ["2020_sales", "10x", "L", "1.5L", "1_000L"] {
            assert_eq!(number(word), None, "{word}");
        }
    }
}
