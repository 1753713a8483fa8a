//! The tables that a statement reads, by the names its columns are reached by.
//!
//! The statement is still being typed, so nothing can be parsed: tables are what stands behind FROM, JOIN and INTO, and
//! behind commas in FROM.

use std::ops::Range;

use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::super::keywords::is_keyword;
use crate::catalog::model::{TableName, beside, in_catalog};
use crate::sql::dialect::Dialect;
use crate::sql::splitter::token_ranges;

/// A token that is not blank, with its place.
#[derive(Debug, Clone)]
pub(super) struct Lexeme {
    pub token: Token,
    pub range: Range<usize>,
}

/// A table that a statement reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub table: TableName,
    /// `o` in `orders o`, else the table's own name.
    pub alias: String,
}

/// The tokens of `text` that can be read, and where the rest begins if some cannot.
pub(super) fn lexemes(text: &str, dialect: Dialect) -> (Vec<Lexeme>, Option<usize>) {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let outcome = Tokenizer::new(dialect.tokens(), text).tokenize_with_location_into_buf(&mut tokens);
    let ranges = token_ranges(text, &tokens);
    let rest = ranges.last().map_or(0, |range| range.end);
    let lexemes = tokens
        .into_iter()
        .zip(ranges)
        .filter(|(token, _)| !matches!(token.token, Token::Whitespace(_)))
        .map(|(token, range)| Lexeme { token: token.token, range })
        .collect();
    (lexemes, outcome.is_err().then_some(rest))
}

impl Lexeme {
    /// A bare word in capitals.
    pub(super) fn keyword(&self) -> Option<String> {
        match &self.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// A word that can be a name, as it is matched: bare ones in lower case.
    pub(super) fn name(&self) -> Option<String> {
        match &self.token {
            Token::Word(Word { value, quote_style: None, .. }) if !is_keyword(value) => Some(value.to_lowercase()),
            Token::Word(Word { value, quote_style: Some(_), .. }) => Some(value.clone()),
            Token::SingleQuotedString(path) => Some(path.clone()),
            _ => None,
        }
    }
}

/// The tables of a statement, in its order.
pub(super) fn sources(lexemes: &[Lexeme], database: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut next = 0;
    // Whether a comma at this depth of brackets parts tables, innermost last.
    let mut in_from = vec![false];
    while let Some(lexeme) = lexemes.get(next) {
        next += 1;
        let mut expects_table = false;
        match (&lexeme.token, lexeme.keyword().as_deref()) {
            (Token::LParen, _) => in_from.push(false),
            (Token::RParen, _) if in_from.len() > 1 => {
                in_from.pop();
            }
            (Token::Comma, _) => expects_table = in_from.last() == Some(&true),
            (_, Some("FROM")) => {
                expects_table = true;
                if let Some(innermost) = in_from.last_mut() {
                    *innermost = true;
                }
            }
            (_, Some("JOIN" | "INTO" | "DESCRIBE" | "DESC" | "TABLE")) => expects_table = true,
            (_, Some("WHERE" | "GROUP" | "ORDER" | "HAVING" | "LIMIT" | "UNION" | "SELECT" | "ON" | "USING")) => {
                if let Some(innermost) = in_from.last_mut() {
                    *innermost = false;
                }
            }
            _ => {}
        }
        // Behind ON, another table may follow its join after a comma: rare, and only columns would be missing.
        if expects_table && let Some((source, after)) = source(lexemes, next, database) {
            sources.push(source);
            next = after;
        }
    }
    sources
}

/// `[[catalog.]database.]table [[AS] alias]`, and where it ends.
fn source(lexemes: &[Lexeme], start: usize, database: &str) -> Option<(Source, usize)> {
    let mut parts = vec![lexemes.get(start)?.name()?];
    let mut next = start + 1;
    while lexemes.get(next).is_some_and(|lexeme| lexeme.token == Token::Period)
        && let Some(part) = lexemes.get(next + 1).and_then(Lexeme::name)
    {
        parts.push(part);
        next += 2;
    }
    // A function in FROM is no table.
    if lexemes.get(next).is_some_and(|lexeme| lexeme.token == Token::LParen) {
        return None;
    }
    let table = match parts.as_slice() {
        [beside_it, table] => TableName::new(beside(database, beside_it), table.as_str()),
        [.., catalog, database, table] => TableName::new(in_catalog(catalog, database), table.as_str()),
        [table] => TableName::new(database, table.as_str()),
        [] => return None,
    };
    let has_as = lexemes.get(next).and_then(Lexeme::keyword).as_deref() == Some("AS");
    let alias = lexemes.get(next + usize::from(has_as)).filter(|lexeme| matches!(lexeme.token, Token::Word(_)));
    let alias = alias.and_then(Lexeme::name);
    let after = next + usize::from(has_as) + usize::from(alias.is_some());
    let alias = alias.unwrap_or_else(|| table.name.clone());
    Some((Source { table, alias }, after))
}

/// Names that WITH gives to queries.
pub(super) fn common_tables(lexemes: &[Lexeme]) -> Vec<String> {
    let has_with = lexemes.iter().any(|lexeme| lexeme.keyword().as_deref() == Some("WITH"));
    let triples = lexemes.windows(3).filter(|triple| {
        has_with
            && matches!(triple, [_, as_word, open]
                if as_word.keyword().as_deref() == Some("AS") && open.token == Token::LParen)
    });
    triples.filter_map(|triple| triple.first().and_then(Lexeme::name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let (lexemes, _) = lexemes(text, Dialect::Ansi);
        sources(&lexemes, "default").into_iter().map(|source| format!("{}={}", source.alias, source.table)).collect()
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        assert_eq!(found("select * from orders"), ["orders=default.orders"]);
        assert_eq!(
            found(
                "select o. from orders o join sales.customer as c on o.a = c.a, nation n where x in (select 1 from part)"
            ),
            ["o=default.orders", "c=sales.customer", "part=default.part"]
        );
        assert_eq!(found("select * from a, b x, \"C d\" where"), ["a=default.a", "x=default.b", "C d=default.C d"]);
        assert_eq!(found("insert into t select * from u"), ["t=default.t", "u=default.u"]);
        assert_eq!(found("select f(a, b) from t"), ["t=default.t"]);
        assert_eq!(found("select * from 'x.parquet' p"), ["p=default.x.parquet"]);
    }

    #[test]
    fn functions_and_unfinished_names_are_no_tables() {
        assert_eq!(found("select * from generate_series(1, 2) g"), Vec::<String>::new());
        assert_eq!(found("select * from "), Vec::<String>::new());
        assert_eq!(found("select * from where"), Vec::<String>::new());
        assert_eq!(found("select * from t where"), ["t=default.t"]);
    }

    #[test]
    fn names_of_with_are_known() {
        let (lexemes, rest) =
            lexemes("with a as (select 1), b as (select 2) select cast(x as (y)) from 'open", Dialect::Ansi);
        assert_eq!(common_tables(&lexemes)[..2], ["a", "b"]);
        assert!(rest.is_some());
    }
}
