//! `TABLE t` → `SELECT * FROM t`
//!
//! sqlparser reads it, but takes the two tokens behind the name with it, be they `UNION ALL`, and forgets where the name stands. TABLE is also
//! a word of many other statements, so it counts only where a query may begin, and if nothing is behind the name but what may follow a
//! query.

use std::ops::Range;

use sqlparser::keywords::{Keyword, RESERVED_FOR_COLUMN_ALIAS};
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

/// `ranges` are the places of the tokens in the text; the new tokens get that of TABLE.
pub(super) fn to_selects(tokens: &mut Vec<TokenWithSpan>, ranges: &mut Vec<Range<usize>>) {
    for index in (0..tokens.len()).rev() {
        if !is_keyword(tokens, index, &[Keyword::TABLE]) || !may_begin(tokens, index) || !is_whole(tokens, index) {
            continue;
        }
        let (Some(span), Some(range)) = (tokens.get(index).map(|token| token.span), ranges.get(index).cloned()) else {
            continue;
        };
        let blank = || Token::Whitespace(Whitespace::Space);
        let words = [Token::make_keyword("SELECT"), blank(), Token::Mul, blank(), Token::make_keyword("FROM")];
        ranges.splice(index..=index, words.iter().map(|_| range.clone()));
        tokens.splice(index..=index, words.into_iter().map(|token| TokenWithSpan { token, span }));
    }
}

/// Whether a query may begin here, by what stands before.
fn may_begin(tokens: &[TokenWithSpan], index: usize) -> bool {
    use Keyword as K;
    let Some(before) = previous(tokens, index) else { return true };
    let follows = |words: &[Keyword]| previous(tokens, before).is_some_and(|at| is_keyword(tokens, at, words));
    match tokens.get(before).map(|token| &token.token) {
        Some(Token::LParen | Token::RParen) => true,
        Some(Token::Word(word)) => match word.keyword {
            K::UNION | K::EXCEPT | K::INTERSECT | K::MINUS | K::AS | K::EXPLAIN => true,
            K::ALL | K::DISTINCT => follows(&[K::UNION, K::EXCEPT, K::INTERSECT, K::MINUS]),
            K::NAME => follows(&[K::BY]),
            K::ANALYZE | K::VERBOSE => follows(&[K::EXPLAIN, K::ANALYZE]),
            _ => is_target_of_insert(tokens, before),
        },
        _ => false,
    }
}

/// Whether the name that ends here is that of `INSERT INTO name`.
fn is_target_of_insert(tokens: &[TokenWithSpan], last: usize) -> bool {
    let mut first = last;
    while let Some(name) = previous(tokens, first)
        .filter(|point| tokens.get(*point).is_some_and(|token| token.token == Token::Period))
        .and_then(|point| previous(tokens, point))
    {
        first = name;
    }
    previous(tokens, first).is_some_and(|at| is_keyword(tokens, at, &[Keyword::INTO]))
}

/// Whether a name comes next, and then the end of a query.
fn is_whole(tokens: &[TokenWithSpan], index: usize) -> bool {
    use Keyword as K;
    let mut at = next(tokens, index + 1);
    let is_name = |at: usize| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.quote_style.is_some() || !RESERVED_FOR_COLUMN_ALIAS.contains(&word.keyword),
        _ => false,
    };
    loop {
        let Some(name) = at.filter(|name| is_name(*name)) else { return false };
        at = next(tokens, name + 1);
        match at.and_then(|at| tokens.get(at)).map(|token| &token.token) {
            Some(Token::Period) => at = at.and_then(|point| next(tokens, point + 1)),
            None | Some(Token::RParen | Token::SemiColon | Token::EOF) => return true,
            Some(Token::Word(word)) => {
                let ends = [K::UNION, K::EXCEPT, K::INTERSECT, K::MINUS, K::ORDER, K::LIMIT, K::OFFSET, K::FETCH];
                return word.quote_style.is_none() && ends.contains(&word.keyword);
            }
            Some(_) => return false,
        }
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|index| tokens.get(*index).is_some_and(|token| !is_blank(token)))
}

fn previous(tokens: &[TokenWithSpan], before: usize) -> Option<usize> {
    (0..before).rev().find(|index| tokens.get(*index).is_some_and(|token| !is_blank(token)))
}

fn is_keyword(tokens: &[TokenWithSpan], index: usize, keywords: &[Keyword]) -> bool {
    matches!(tokens.get(index).map(|token| &token.token), Some(Token::Word(word)) if keywords.contains(&word.keyword))
}

#[cfg(test)]
mod tests {
    use sqlparser::tokenizer::Tokenizer;

    use super::*;
    use crate::sql::dialect::Dialect;

    fn read(text: &str) -> String {
        let mut tokens = Vec::new();
        Tokenizer::new(Dialect::Ansi.tokens(), text).tokenize_with_location_into_buf(&mut tokens).unwrap();
        let mut ranges = vec![0..0; tokens.len()];
        to_selects(&mut tokens, &mut ranges);
        assert_eq!(tokens.len(), ranges.len());
        tokens.iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn a_table_is_a_query() {
        for (written, becomes) in [
            ("TABLE t", "SELECT * FROM t"),
            ("table s.\"T x\" ORDER BY a", "SELECT * FROM s.\"T x\" ORDER BY a"),
            ("SELECT 1 UNION ALL TABLE t LIMIT 3", "SELECT 1 UNION ALL SELECT * FROM t LIMIT 3"),
            ("TABLE t EXCEPT TABLE u", "SELECT * FROM t EXCEPT SELECT * FROM u"),
            ("SELECT a FROM (TABLE t) x", "SELECT a FROM (SELECT * FROM t) x"),
            ("WITH x AS (TABLE t) TABLE x", "WITH x AS (SELECT * FROM t) SELECT * FROM x"),
            ("CREATE TABLE u AS TABLE t", "CREATE TABLE u AS SELECT * FROM t"),
            ("INSERT INTO s.u TABLE t", "INSERT INTO s.u SELECT * FROM t"),
            ("INSERT INTO u (a, b) TABLE t", "INSERT INTO u (a, b) SELECT * FROM t"),
            ("EXPLAIN ANALYZE TABLE t", "EXPLAIN ANALYZE SELECT * FROM t"),
        ] {
            assert_eq!(read(written), becomes);
        }
    }

    #[test]
    fn in_other_statements_the_word_stays() {
        for text in [
            "DROP TABLE t",
            "TRUNCATE TABLE t",
            "ANALYZE TABLE t",
            "CREATE TABLE t (a INT)",
            "INSERT INTO TABLE t SELECT 1",
            "SELECT 1 AS table FROM t",
            "SELECT 1 AS table, 2",
            "SELECT * FROM TABLE(f(1))",
            "TABLE t WHERE a",
            "EXPLAIN ANALYZE TABLE t COMPUTE STATISTICS",
        ] {
            assert_eq!(read(text), text);
        }
    }
}
