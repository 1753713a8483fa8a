//! `s SIMILAR TO 'a%|_b'` → `s ~ '^(?s:a.*|.b)$'`
//!
//! DataFusion takes SIMILAR TO for `~`: `%` and `_` would be no wildcards, and a match anywhere would do.

use sqlparser::ast::{BinaryOperator, Expr, Spanned};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{string, string_literal};
use super::like::{ends_with_escape, escape_of};

pub(super) fn to_regular_expression(expr: &mut Expr) -> Result<(), Refusal> {
    let Expr::SimilarTo { negated, expr: value, pattern, escape_char } = expr else { return Ok(()) };
    let span = pattern.span();
    let Some(text) = string_literal(pattern) else {
        return Err(Refusal::new("SIMILAR TO is supported for patterns that are literals", span)
            .help("use ~ and a regular expression: s ~ '^(a|b).*$'"));
    };
    let escape = escape_char.as_ref().map_or(Ok(Some('\\')), escape_of)?;
    let right = Box::new(string(regular_expression(text, escape, span)?, span));
    let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    *expr = Expr::BinaryOp { left: value.clone(), op, right };
    Ok(())
}

/// The regular expression that matches what an SQL pattern does.
fn regular_expression(pattern: &str, escape: Option<char>, span: Span) -> Result<String, Refusal> {
    let mut regex = String::from("^(?s:");
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            _ if Some(char) == escape => {
                let Some(literal) = chars.next() else { return Err(ends_with_escape(span)) };
                push_literal(&mut regex, literal);
            }
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '|' | '*' | '+' | '?' | '{' | '}' | ')' => regex.push(char),
            '(' => regex.push_str("(?:"),
            '[' => push_set(&mut regex, &mut chars, escape, span)?,
            _ => push_literal(&mut regex, char),
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

fn push_literal(regex: &mut String, char: char) {
    if char.is_ascii_punctuation() {
        regex.push('\\');
    }
    regex.push(char);
}

/// `[a-c]`, `[^a]`, `[[:digit:]]`, behind its bracket.
fn push_set(
    regex: &mut String,
    chars: &mut std::str::Chars<'_>,
    escape: Option<char>,
    span: Span,
) -> Result<(), Refusal> {
    let open = || Refusal::new("a [ in the pattern is not closed", span);
    regex.push('[');
    if chars.as_str().starts_with('^') {
        regex.push('^');
        chars.next();
    }
    let mut is_first = true;
    loop {
        let char = chars.next().ok_or_else(open)?;
        let rest = chars.as_str();
        match char {
            ']' if !is_first => break,
            '[' if rest.starts_with(':') => {
                let end = rest.find(":]").ok_or_else(open)? + ":]".len();
                let (class, behind) = rest.split_at(end);
                regex.push('[');
                regex.push_str(class);
                *chars = behind.chars();
            }
            // A range, unless it is the first or the last.
            '-' if !is_first && !rest.starts_with(']') => regex.push('-'),
            _ if Some(char) == escape => push_literal(regex, chars.next().ok_or_else(open)?),
            _ => push_literal(regex, char),
        }
        is_first = false;
    }
    regex.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn similar_to_matches_the_whole_string() {
        assert_eq!(
            rewritten("SELECT s SIMILAR TO 'a%|_(b|c)+{2}' FROM t"),
            "SELECT s ~ '^(?s:a.*|.(?:b|c)+{2})$' FROM t"
        );
        assert_eq!(
            rewritten("SELECT s NOT SIMILAR TO 'a!%.$' ESCAPE '!', s SIMILAR TO '\\%é' FROM t"),
            r"SELECT s !~ '^(?s:a\%\.\$)$', s ~ '^(?s:\%é)$' FROM t"
        );
        assert_eq!(
            rewritten("SELECT s SIMILAR TO '[^a-c%-][[:digit:]]%[]&&]' FROM t"),
            r"SELECT s ~ '^(?s:[^a-c\%\-][[:digit:]].*[\]\&\&])$' FROM t"
        );
    }

    #[test]
    fn regular_expressions_are_left_alone() {
        unchanged("SELECT s ~ 'a%', s LIKE 'a%' FROM t");
    }

    #[test]
    fn patterns_that_cannot_be_converted_are_refused() {
        refused("SELECT s SIMILAR TO ▸p FROM t", "SIMILAR TO is supported for patterns that are literals");
        refused("SELECT s SIMILAR TO ▸'a\\' FROM t", "the pattern ends with its escape character");
        refused("SELECT s SIMILAR TO ▸'[a' FROM t", "a [ in the pattern is not closed");
    }
}
