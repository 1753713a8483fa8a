//! Tab: what may stand at the cursor.
//!
//! The statement is unfinished and perhaps wrong, so this looks at the words before the cursor, and at the tables that
//! the whole statement names. What it offers comes from [`Names`], which does not wait for long.

mod command;
mod files;
mod scope;

use std::path::Path;

use rustyline::completion::Pair as Candidate;
use sqlparser::tokenizer::Token;

use self::scope::{Lexeme, common_tables, lexemes, sources};
use super::keywords::{CREATED, DROPPED, EXPLAINED, KEYWORDS, SHOWN, STATEMENTS, TYPES};
use super::names::Names;
use crate::catalog::model::{TableName, beside, in_catalog};
use crate::names::quote_identifier;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind, split};

/// The line editor's list cannot be longer, and nobody reads as many.
const MOST: usize = 2000;

/// Where the completed word begins, and what can take its place.
pub(super) type Completion = (usize, Vec<Candidate>);

/// Completes the word before `cursor`.
pub(super) fn complete(text: &str, cursor: usize, names: &Names, base: &Path) -> Completion {
    let Some(before) = text.get(..cursor) else { return (cursor, Vec::new()) };
    let start = statement_start(before, names);
    let typed = text.get(start..cursor).unwrap_or_default();
    let blank = typed.len() - typed.trim_start().len();
    let (from, mut candidates) = match command::complete(typed.trim_start(), names, base) {
        Some((from, candidates)) => (blank + from, candidates),
        None => {
            let statement = Statement::new(text.get(start..).unwrap_or_default(), cursor - start, names);
            statement.complete(base)
        }
    };
    candidates.truncate(MOST);
    (start + from, candidates)
}

/// The tables that the statement at the cursor names: their columns may be wanted soon.
pub(super) fn tables_named(text: &str, cursor: usize, names: &Names) -> Vec<TableName> {
    let Some(before) = text.get(..cursor) else { return Vec::new() };
    let start = statement_start(before, names);
    let at_hand = names.at_hand();
    let (lexemes, _) = lexemes(text.get(start..).unwrap_or_default(), at_hand.dialect);
    sources(&lexemes, &at_hand.database).into_iter().map(|source| source.table).collect()
}

/// Where the statement or command begins that the cursor, at the end of `before`, stands in.
fn statement_start(before: &str, names: &Names) -> usize {
    let pieces = split(&Source::new("", before), names.at_hand().dialect);
    match pieces.last() {
        None => 0,
        // Its `;` is behind us.
        Some(last) if last.kind() == PieceKind::Statement => before.len(),
        Some(last) if last.kind() == PieceKind::MetaCommand && before.ends_with('\n') => before.len(),
        Some(last) => Piece::start(last),
    }
}

/// A statement that is being typed.
struct Statement<'a> {
    text: &'a str,
    cursor: usize,
    /// Up to the cursor.
    before: Vec<Lexeme>,
    /// Where a string, name or comment begins that is open at the cursor.
    open: Option<usize>,
    /// All of it.
    all: Vec<Lexeme>,
    names: &'a Names,
    at_hand: std::sync::Arc<super::names::AtHand>,
}

/// What a word at the cursor can be.
enum Wanted {
    /// One of these words.
    Words(Vec<&'static str>),
    Relations,
    Databases,
    Settings(&'static [&'static str]),
    /// A column, a function, a word.
    Expression,
    /// The name of something new.
    Nothing,
}

impl<'a> Statement<'a> {
    fn new(text: &'a str, cursor: usize, names: &'a Names) -> Self {
        let at_hand = names.at_hand();
        let (before, open) = lexemes(text.get(..cursor).unwrap_or_default(), at_hand.dialect);
        let (mut all, _) = lexemes(text, at_hand.dialect);
        // Tables of the next statement are none of this one's.
        let is_end = |lexeme: &Lexeme| lexeme.token == Token::SemiColon && lexeme.range.start >= cursor;
        all.truncate(all.iter().position(is_end).unwrap_or(all.len()));
        Statement { text, cursor, before, open, all, names, at_hand }
    }

    fn complete(&self, base: &Path) -> Completion {
        let nothing = (self.cursor, Vec::new());
        if let Some(open) = self.open {
            let rest = self.text.get(open..self.cursor).unwrap_or_default();
            let quote = open + (rest.len() - rest.trim_start().len());
            return match self.text.get(quote..self.cursor).and_then(|rest| rest.chars().next()) {
                Some('\'') => self.path_in_quotes(quote + 1, base),
                Some('"' | '`') => self.word(quote, true),
                _ => nothing,
            };
        }
        if self.is_in_comment() {
            return nothing;
        }
        let start = match self.before.last() {
            Some(last) if last.range.end == self.cursor && matches!(last.token, Token::Word(_)) => last.range.start,
            _ => self.cursor,
        };
        if let Some(completion) = self.setting(start) {
            return completion;
        }
        self.word(start, false)
    }

    /// A comment to the end of the line, with the cursor in it.
    fn is_in_comment(&self) -> bool {
        let last = self.before.last().map_or(0, |lexeme| lexeme.range.end);
        let blank = self.text.get(last..self.cursor).unwrap_or_default();
        blank.rfind("--").is_some_and(|at| !blank.get(at..).unwrap_or_default().contains('\n'))
    }

    fn path_in_quotes(&self, start: usize, base: &Path) -> Completion {
        let typed = self.text.get(start..self.cursor).unwrap_or_default().replace("''", "'");
        let mut candidates = files::paths(&typed, base);
        let is_closed = self.text.get(self.cursor..).is_some_and(|rest| rest.starts_with('\''));
        let only_one = candidates.len() == 1;
        for candidate in &mut candidates {
            candidate.replacement = candidate.replacement.replace('\'', "''");
            if only_one && !is_closed && !candidate.replacement.ends_with('/') {
                candidate.replacement.push('\'');
            }
        }
        (start, candidates)
    }

    /// `SET a.b`: settings have dots in their names.
    fn setting(&self, start: usize) -> Option<Completion> {
        let first = self.before.first()?.keyword()?;
        let words: &'static [&'static str] = match first.as_str() {
            "SET" | "RESET" => &[],
            "SHOW" => SHOWN,
            _ => return None,
        };
        let begin = self.before.get(1).map_or(start, |second| second.range.start);
        let typed = self.text.get(begin..self.cursor)?;
        if typed.contains(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))) {
            return None;
        }
        Some((begin, self.choose(typed, &Wanted::Settings(words))))
    }

    /// A word that begins at `start`; `quoted`: with a `"`.
    fn word(&self, start: usize, quoted: bool) -> Completion {
        let end = self.before.iter().take_while(|lexeme| lexeme.range.end <= start).count();
        let (before, _) = self.before.split_at_checked(end).unwrap_or((&self.before, &[]));
        let (before, qualifiers) = qualifiers(before);
        let typed = self.text.get(start + usize::from(quoted)..self.cursor).unwrap_or_default();
        let wanted = wanted(before);
        let mut candidates = if qualifiers.is_empty() {
            self.choose(typed, &wanted)
        } else {
            self.qualified(typed, &wanted, &qualifiers)
        };
        if quoted {
            let quote = |name: &str| format!("\"{}\"", name.trim_matches('"'));
            candidates.retain(|candidate| !candidate.replacement.ends_with(['(', ' ', '.']));
            for candidate in &mut candidates {
                candidate.replacement = quote(&candidate.replacement);
            }
        }
        if self.at_hand.dialect == Dialect::Hive {
            for candidate in &mut candidates {
                candidate.replacement = in_backticks(&candidate.replacement);
            }
        }
        (start, candidates)
    }

    /// Behind `o.`, `sales.`, `sales.orders.` or `hive.sales.`.
    fn qualified(&self, typed: &str, wanted: &Wanted, qualifiers: &[String]) -> Vec<Candidate> {
        let relations = |database: &str| named(typed, self.names.relations(database).iter());
        let columns = |table: &TableName| named(typed, self.names.columns(table).iter());
        let current = self.at_hand.database.as_str();
        let is_catalog = |name: &String| self.at_hand.catalogs.contains(name);
        match (wanted, qualifiers) {
            (Wanted::Databases, [catalog]) => named(typed, self.names.databases(catalog).iter()),
            (Wanted::Relations, [catalog]) if is_catalog(catalog) => {
                with_dot(typed, self.names.databases(catalog).iter())
            }
            (Wanted::Relations, [database]) => relations(&beside(current, database)),
            (Wanted::Relations, [catalog, database]) => relations(&in_catalog(catalog, database)),
            (_, [qualifier]) => {
                let sources = sources(&self.all, &self.at_hand.database);
                match sources.iter().find(|source| source.alias == *qualifier || source.table.name == *qualifier) {
                    Some(source) => columns(&source.table),
                    None if self.names.databases_here().contains(qualifier) => relations(&beside(current, qualifier)),
                    None => columns(&TableName::new(self.at_hand.database.as_str(), qualifier.as_str())),
                }
            }
            (_, [database, table]) => columns(&TableName::new(beside(current, database), table.as_str())),
            (_, [.., catalog, database, table]) => {
                columns(&TableName::new(in_catalog(catalog, database), table.as_str()))
            }
            _ => Vec::new(),
        }
    }

    fn choose(&self, typed: &str, wanted: &Wanted) -> Vec<Candidate> {
        match wanted {
            Wanted::Nothing => Vec::new(),
            Wanted::Words(words) => spelled(typed, words),
            Wanted::Databases => {
                let mut found = named(typed, self.names.databases_here().iter());
                found.extend(with_dot(typed, self.at_hand.catalogs.iter()));
                found
            }
            Wanted::Settings(words) => {
                let mut found = spelled(typed, words);
                let typed = typed.to_lowercase();
                // Hundreds, which are of no use before one has said which sort.
                let settings = self.at_hand.settings.iter().filter(|name| name.starts_with(&typed));
                found.extend(settings.map(|name| plain(name)));
                found
            }
            Wanted::Relations => {
                let common = common_tables(&self.all);
                let relations = self.names.relations(&self.at_hand.database);
                let mut found = named(typed, common.iter().chain(relations.iter()));
                if !typed.is_empty() {
                    found.extend(self.databases_with_dot(typed));
                    found.extend(spelled(typed, &["LATERAL", "SELECT", "VALUES"]));
                }
                found
            }
            Wanted::Expression => self.expression(typed),
        }
    }

    fn databases_with_dot(&self, typed: &str) -> Vec<Candidate> {
        with_dot(typed, self.names.databases_here().iter().chain(&self.at_hand.catalogs))
    }

    fn expression(&self, typed: &str) -> Vec<Candidate> {
        let sources = sources(&self.all, &self.at_hand.database);
        let mut columns: Vec<String> = Vec::new();
        for source in &sources {
            columns.extend(self.names.columns(&source.table).iter().cloned());
        }
        columns.sort();
        columns.dedup();
        let mut found = named(typed, columns.iter());
        // Without a letter, functions and words would be hundreds; columns are what is meant.
        if typed.is_empty() && !found.is_empty() {
            return found;
        }
        let aliases = sources.iter().map(|source| &source.alias);
        found.extend(named(typed, aliases).into_iter().map(|alias| plain(&format!("{}.", alias.replacement))));
        let lower = typed.to_lowercase();
        let functions = self.at_hand.functions.iter().filter(|name| name.starts_with(&lower));
        found.extend(functions.map(|name| plain(&format!("{name}("))));
        if !typed.is_empty() {
            let behind_cast =
                self.before.iter().rev().nth(1).is_some_and(|lexeme| {
                    lexeme.keyword().as_deref() == Some("AS") || lexeme.token == Token::DoubleColon
                });
            if behind_cast {
                found.extend(spelled(typed, TYPES));
            }
            found.extend(spelled(typed, KEYWORDS));
        }
        found
    }
}

/// Takes `a.b.` off the end.
fn qualifiers(lexemes: &[Lexeme]) -> (&[Lexeme], Vec<String>) {
    let mut rest = lexemes;
    let mut qualifiers = Vec::new();
    while let [before @ .., name, Lexeme { token: Token::Period, .. }] = rest
        && let Some(name) = name.name()
    {
        qualifiers.push(name);
        rest = before;
    }
    qualifiers.reverse();
    (rest, qualifiers)
}

/// What may stand behind these words.
fn wanted(before: &[Lexeme]) -> Wanted {
    let words: Vec<String> = before.iter().map(|lexeme| lexeme.keyword().unwrap_or_default()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["EXPLAIN"] => Wanted::Words([EXPLAINED, STATEMENTS].concat()),
        [] | ["EXPLAIN", "ANALYZE" | "VERBOSE" | "TUNE" | "RULES"] | ["EXPLAIN", "TUNE", "ANALYZE"] => {
            Wanted::Words(STATEMENTS.to_vec())
        }
        ["UPDATE"] => Wanted::Relations,
        ["USE"] | ["DROP", "DATABASE"] | [.., "IN", "DATABASE"] | ["SHOW", "TABLES" | "VIEWS", "IN" | "FROM"] => {
            Wanted::Databases
        }
        ["CREATE"] | ["CREATE", "OR", "REPLACE"] => Wanted::Words(CREATED.to_vec()),
        ["DROP"] => Wanted::Words(DROPPED.to_vec()),
        ["CREATE", .., "TABLE" | "VIEW" | "DATABASE"] => Wanted::Nothing,
        ["DESCRIBE" | "DESC"] | ["DESCRIBE" | "DESC", "FORMATTED" | "EXTENDED"] | ["COPY"] => Wanted::Relations,
        ["SHOW", ..] | ["DROP", ..] | ["ALTER", ..] | ["ANALYZE", ..]
            if words.last().is_some_and(|last| matches!(*last, "TABLE" | "VIEW" | "FROM" | "IN" | "EXISTS")) =>
        {
            Wanted::Relations
        }
        [.., "FROM" | "JOIN" | "INTO"] => Wanted::Relations,
        [.., "AS"] if !is_open_cast(&words) => Wanted::Nothing,
        _ => clause(before),
    }
}

/// `CAST(x AS`: a type follows, and no new name.
fn is_open_cast(words: &[&str]) -> bool {
    words.iter().rev().take(8).any(|word| matches!(*word, "CAST" | "TRY_CAST"))
}

/// Decides by the clause that the end of `before` is in.
fn clause(before: &[Lexeme]) -> Wanted {
    let mut depth = 0_i64;
    for lexeme in before.iter().rev() {
        match &lexeme.token {
            Token::RParen => depth += 1,
            Token::LParen if depth > 0 => depth -= 1,
            // A bracket that is open: an expression, or a subquery that has just begun.
            Token::LParen => {
                let just_begun = before.last().is_some_and(|last| last.range == lexeme.range);
                return if just_begun { Wanted::Expression } else { continue };
            }
            _ if depth > 0 => {}
            _ => match lexeme.keyword().as_deref() {
                Some("FROM") => {
                    let at_comma = before.last().is_some_and(|last| last.token == Token::Comma);
                    return if at_comma { Wanted::Relations } else { after_table() };
                }
                Some("JOIN") => return after_table(),
                Some(
                    "SELECT" | "WHERE" | "ON" | "HAVING" | "BY" | "SET" | "VALUES" | "LIMIT" | "USING" | "WHEN"
                    | "THEN" | "ELSE" | "CASE" | "QUALIFY" | "FILTER",
                ) => return Wanted::Expression,
                _ => {}
            },
        }
    }
    Wanted::Expression
}

/// What follows the name of a table.
fn after_table() -> Wanted {
    Wanted::Words(vec![
        "ANTI JOIN",
        "AS",
        "CROSS JOIN",
        "EXCEPT",
        "FULL JOIN",
        "GROUP BY",
        "HAVING",
        "INNER JOIN",
        "INTERSECT",
        "JOIN",
        "LEFT JOIN",
        "LIMIT",
        "NATURAL JOIN",
        "ON",
        "ORDER BY",
        "RIGHT JOIN",
        "SELECT",
        "UNION",
        "USING",
        "WHERE",
    ])
}

fn plain(text: &str) -> Candidate {
    Candidate { display: text.to_string(), replacement: text.to_string() }
}

/// The names that begin with what was typed, in any case, as they have to be written.
fn named<'n>(typed: &str, names: impl Iterator<Item = &'n String>) -> Vec<Candidate> {
    let typed = typed.to_lowercase();
    names.filter(|name| name.to_lowercase().starts_with(&typed)).map(|name| plain(&quote_identifier(name))).collect()
}

/// Hive's quotes in the place of SQL's: there `"a b"` is a string.
fn in_backticks(name: &str) -> String {
    let (name, end) = name.strip_suffix('.').map_or((name, ""), |name| (name, "."));
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => format!("`{}`{end}", inner.replace("\"\"", "\"").replace('`', "``")),
        None => format!("{name}{end}"),
    }
}

/// The names of what has names in it.
fn with_dot<'n>(typed: &str, names: impl Iterator<Item = &'n String>) -> Vec<Candidate> {
    named(typed, names).into_iter().map(|found| plain(&format!("{}.", found.replacement))).collect()
}

/// The words that begin with what was typed, in the case of its letters, with a blank behind.
fn spelled(typed: &str, words: &[&str]) -> Vec<Candidate> {
    let upper = typed.to_uppercase();
    let is_lower = typed.chars().next().is_some_and(char::is_lowercase);
    let found = words.iter().filter(|word| word.starts_with(&upper));
    found
        .map(|word| {
            let word = if is_lower { word.to_lowercase() } else { (*word).to_string() };
            Candidate { replacement: format!("{word} "), display: word }
        })
        .collect()
}

#[cfg(test)]
mod tests;
