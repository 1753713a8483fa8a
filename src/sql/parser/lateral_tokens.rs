//! `LATERAL VIEW explode(a) e AS x` → `CROSS JOIN LATERAL explode(a) AS e (x)`, with OUTER `LEFT JOIN LATERAL … ON TRUE`
//!
//! sqlparser reads LATERAL VIEW behind all joins only, and takes the next word for a column where there is no AS, be it ORDER or JOIN. As a join
//! it may stand wherever Hive has it. What the function is, and what its columns are called, is decided by a rewrite
//! (`rewrite/hive/lateral_views.rs`).

use std::ops::Range;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

/// Words that end a LATERAL VIEW, and are no names unless they are quoted.
const CLAUSES: &[&str] = &[
    "AS",
    "CLUSTER",
    "CROSS",
    "DISTRIBUTE",
    "EXCEPT",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INSERT",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIMIT",
    "MINUS",
    "NATURAL",
    "ON",
    "ORDER",
    "QUALIFY",
    "RIGHT",
    "SELECT",
    "SORT",
    "UNION",
    "WHERE",
    "WINDOW",
];

/// `ranges` are the places of the tokens in the text; each new token gets that of the one it belongs to.
pub(super) fn to_joins(tokens: &mut Vec<TokenWithSpan>, ranges: &mut Vec<Range<usize>>) {
    if !(0..tokens.len()).any(|index| is_view(tokens, index)) {
        return;
    }
    let old = std::mem::take(tokens).into_iter().zip(std::mem::take(ranges)).collect::<Vec<_>>();
    let given: Vec<TokenWithSpan> = old.iter().map(|(token, _)| token.clone()).collect();
    let mut new = Output { old: &old, tokens: Vec::with_capacity(old.len()), ranges: Vec::with_capacity(old.len()) };
    let mut index = 0;
    let mut views = 0;
    while index < old.len() {
        match is_view(&given, index).then(|| view(&given, index)).flatten() {
            Some(view) => {
                views += 1;
                new.view(&view, index, views);
                index = view.end;
            }
            None => {
                new.copy(index);
                index += 1;
            }
        }
    }
    let Output { tokens: new_tokens, ranges: new_ranges, .. } = new;
    (*tokens, *ranges) = (new_tokens, new_ranges);
}

/// The parts of a LATERAL VIEW, by the positions of their tokens.
struct View {
    outer: bool,
    /// From the function's name to its closing parenthesis.
    call: Range<usize>,
    table: Option<usize>,
    columns: Vec<usize>,
    /// Of the first token behind it.
    end: usize,
}

fn is_view(tokens: &[TokenWithSpan], index: usize) -> bool {
    is_keyword(tokens, Some(index), Keyword::LATERAL) && is_keyword(tokens, next(tokens, index + 1), Keyword::VIEW)
}

fn view(tokens: &[TokenWithSpan], index: usize) -> Option<View> {
    let mut at = next(tokens, next(tokens, index + 1)? + 1)?;
    let outer = is_keyword(tokens, Some(at), Keyword::OUTER);
    if outer {
        at = next(tokens, at + 1)?;
    }
    let close = closing(tokens, at)?;
    let mut view = View { outer, call: at..close + 1, table: None, columns: Vec::new(), end: close + 1 };
    let mut here = next(tokens, view.end);
    if let Some(name) = here.filter(|name| is_name(tokens, *name)) {
        view.table = Some(name);
        view.end = name + 1;
        here = next(tokens, view.end);
    }
    let says_as = is_keyword(tokens, here, Keyword::AS);
    if let Some(word) = here.filter(|_| says_as) {
        view.end = word + 1;
        here = next(tokens, view.end);
    }
    while let Some(name) = here.filter(|name| is_name(tokens, *name) || says_as && is_word(tokens, *name)) {
        view.columns.push(name);
        view.end = name + 1;
        let comma = next(tokens, view.end).filter(|comma| tokens.get(*comma).is_some_and(|t| t.token == Token::Comma));
        here = comma.and_then(|comma| next(tokens, comma + 1)).filter(|name| is_name(tokens, *name));
    }
    Some(view)
}

/// The next token that is no blank.
fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len())
        .find(|index| !matches!(tokens.get(*index).map(|token| &token.token), Some(Token::Whitespace(_))))
}

/// The parenthesis that closes the first one from here.
fn closing(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut open = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen if open == 1 => return Some(index),
            Token::RParen => open = open.checked_sub(1)?,
            Token::SemiColon => return None,
            _ => {}
        }
    }
    None
}

fn word(tokens: &[TokenWithSpan], index: usize) -> Option<&Word> {
    match tokens.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

fn is_word(tokens: &[TokenWithSpan], index: usize) -> bool {
    word(tokens, index).is_some()
}

fn is_name(tokens: &[TokenWithSpan], index: usize) -> bool {
    word(tokens, index).is_some_and(|word| {
        word.keyword == Keyword::NoKeyword || !CLAUSES.contains(&word.value.to_ascii_uppercase().as_str())
    })
}

fn is_keyword(tokens: &[TokenWithSpan], index: Option<usize>, keyword: Keyword) -> bool {
    index.and_then(|index| word(tokens, index)).is_some_and(|word| word.keyword == keyword)
}

struct Output<'a> {
    old: &'a [(TokenWithSpan, Range<usize>)],
    tokens: Vec<TokenWithSpan>,
    ranges: Vec<Range<usize>>,
}

impl Output<'_> {
    fn copy(&mut self, index: usize) {
        if let Some((token, range)) = self.old.get(index) {
            self.tokens.push(token.clone());
            self.ranges.push(range.clone());
        }
    }

    /// A token of ours, and a blank behind it; it stands where an old one does.
    fn add(&mut self, token: Token, place: usize) {
        let Some((old, range)) = self.old.get(place) else { return };
        for token in [token, Token::Whitespace(Whitespace::Space)] {
            self.tokens.push(TokenWithSpan { token, span: old.span });
            self.ranges.push(range.clone());
        }
    }

    fn view(&mut self, view: &View, place: usize, number: usize) {
        self.add(Token::make_keyword(if view.outer { "LEFT" } else { "CROSS" }), place);
        self.add(Token::make_keyword("JOIN"), place);
        self.add(Token::make_keyword("LATERAL"), place);
        view.call.clone().for_each(|index| self.copy(index));
        let end = view.end.saturating_sub(1);
        self.add(Token::Whitespace(Whitespace::Space), end);
        self.add(Token::make_keyword("AS"), end);
        match view.table {
            Some(name) => self.copy(name),
            None => self.add(Token::make_word(&format!("_view{number}"), None), end),
        }
        for (position, column) in view.columns.iter().enumerate() {
            self.add(if position == 0 { Token::LParen } else { Token::Comma }, *column);
            self.copy(*column);
        }
        if !view.columns.is_empty() {
            self.add(Token::RParen, end);
        }
        if view.outer {
            self.add(Token::Whitespace(Whitespace::Space), end);
            self.add(Token::make_keyword("ON"), end);
            self.add(Token::make_keyword("TRUE"), end);
        }
        // What follows may begin without a blank.
        self.add(Token::Whitespace(Whitespace::Space), end);
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::tokenizer::Tokenizer;

    use super::*;
    use crate::sql::dialect::Dialect;

    fn joined(text: &str) -> String {
        let mut tokens = Vec::new();
        Tokenizer::new(Dialect::Hive.tokens(), text).tokenize_with_location_into_buf(&mut tokens).unwrap();
        let mut ranges = vec![0..0; tokens.len()];
        to_joins(&mut tokens, &mut ranges);
        assert_eq!(tokens.len(), ranges.len());
        let text: String = tokens.iter().map(|token| token.token.to_string()).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",").replace("( ", "(").replace(" )", ")")
    }

    #[test]
    fn views_are_joins_wherever_they_stand() {
        for (written, becomes) in [
            ("t LATERAL VIEW explode(a) e AS x", "t CROSS JOIN LATERAL explode(a) AS e(x)"),
            ("t LATERAL VIEW explode(a) e ORDER BY col", "t CROSS JOIN LATERAL explode(a) AS e ORDER BY col"),
            ("t LATERAL VIEW explode(a) e x JOIN u", "t CROSS JOIN LATERAL explode(a) AS e(x) JOIN u"),
            (
                "t LATERAL VIEW explode(m) AS k, v WHERE k = 1",
                "t CROSS JOIN LATERAL explode(m) AS _view1 (k, v) WHERE k = 1",
            ),
            (
                "t LATERAL VIEW OUTER explode(split(a, ',')) e AS x LATERAL VIEW explode(b) f AS y",
                "t LEFT JOIN LATERAL explode(split(a, ',')) AS e(x) ON TRUE CROSS JOIN LATERAL explode(b) AS f(y)",
            ),
            ("(SELECT 1 FROM t LATERAL VIEW explode(a) e)", "(SELECT 1 FROM t CROSS JOIN LATERAL explode(a) AS e)"),
        ] {
            assert_eq!(joined(written), becomes);
        }
    }

    #[test]
    fn what_is_no_view_is_left_alone() {
        for text in ["t CROSS JOIN LATERAL (SELECT 1) x", "LATERAL VIEW explode", "LATERAL VIEW explode(a"] {
            assert_eq!(joined(text), text);
        }
    }
}
