//! What stands behind a command's name: words, quoted as in psql, that know their places.
//!
//! `'a b'` is one word, with `''` for a quote in it; `"A b"` is one too. `${name}` is replaced as in statements. A `;`
//! at the end is taken off, because fingers put it there.

use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer};

use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;

/// The rest of a command's line.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Arguments {
    source: Arc<Source>,
    range: Range<usize>,
    /// How the command is written, for errors: `\c [database]`.
    usage: String,
}

/// A word of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    /// Without its quotes.
    pub text: String,
    /// With them, in the source.
    range: Range<usize>,
    pub quote: Option<char>,
}

impl Arguments {
    pub(super) fn new(source: &Arc<Source>, range: Range<usize>, usage: String) -> Self {
        let text = source.text().get(range.clone()).unwrap_or_default();
        let start = range.start + (text.len() - text.trim_start().len());
        let end = range.start + text.trim_end().len();
        Arguments { source: Arc::clone(source), range: start..end.max(start), usage }
    }

    /// All of it as it was written: for commands that hand it on.
    pub(super) fn raw(&self) -> &str {
        self.source.text().get(self.range.clone()).unwrap_or_default()
    }

    /// `| program`: what is behind the bar.
    pub(super) fn program(&self) -> Option<&str> {
        self.raw().strip_prefix('|').map(str::trim)
    }

    /// The words, of which there may be `most`.
    ///
    /// # Errors
    ///
    /// Usage: an open quote, an unknown variable, one word too many.
    pub(super) fn words(&self, most: usize, session: &Session) -> Result<Vec<Argument>> {
        let mut words = self.split()?;
        for word in &mut words {
            word.text = self.expand(word, session)?;
        }
        match words.get(most) {
            None => Ok(words),
            Some(extra) if extra.quote.is_none() && extra.text.starts_with('\\') => Err(self
                .error(extra, "a command ends with its line")
                .help("write the next command on a line of its own")),
            Some(extra) => {
                Err(self.error(extra, "this is one argument too many").help(format!("usage: {}", self.usage)))
            }
        }
    }

    /// For a command without arguments.
    pub(super) fn none(&self) -> Result<()> {
        match self.split()?.first() {
            None => Ok(()),
            Some(extra) => Err(self.error(extra, "this command takes no arguments")),
        }
    }

    /// The one argument that must be there. `what`: the word for it.
    pub(super) fn one(&self, what: &str, session: &Session) -> Result<Argument> {
        let mut words = self.words(1, session)?;
        words.pop().ok_or_else(|| self.missing(what))
    }

    /// The one argument that may be there.
    pub(super) fn optional(&self, session: &Session) -> Result<Option<Argument>> {
        Ok(self.words(1, session)?.pop())
    }

    /// `on` or `off`; without a word, the other one.
    pub(super) fn switch(&self, word: Option<&Argument>, is_on: bool) -> Result<bool> {
        let Some(word) = word else { return Ok(!is_on) };
        match word.text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Ok(true),
            "off" | "false" | "no" | "0" => Ok(false),
            _ => Err(self
                .error(word, format!("\"{}\" is neither on nor off", word.text))
                .help(format!("usage: {}", self.usage))),
        }
    }

    pub(super) fn missing(&self, what: &str) -> Error {
        Error::usage(format!("the {what} is missing")).help(format!("usage: {}", self.usage))
    }

    /// An error at a word.
    pub(super) fn error(&self, word: &Argument, message: impl Into<String>) -> Error {
        Error::usage(message).at(&self.source, self.span(word))
    }

    pub(super) fn span(&self, word: &Argument) -> Span {
        self.source.span(word.range.clone())
    }

    /// Where all of it stands.
    pub(super) fn place(&self) -> Span {
        self.source.span(self.range.clone())
    }

    /// The word with its quotes; its variables are replaced.
    pub(super) fn written<'a>(&'a self, word: &'a Argument) -> &'a str {
        let text = self.source.text().get(word.range.clone()).unwrap_or_default();
        if text.contains("${") { &word.text } else { text }
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The word as the name of a table, with its place. A word in single quotes is the path of a file.
    pub(super) fn object_name(&self, word: &Argument, dialect: Dialect) -> Result<ObjectName> {
        if word.quote == Some('\'') {
            return Ok(ObjectName::from(vec![Ident::with_quote_and_span('\'', self.span(word), word.text.as_str())]));
        }
        let written = self.written(word);
        let wrong = || self.error(word, format!("\"{}\" is not the name of a table", word.text));
        let mut tokens = Tokenizer::new(dialect.tokens(), written).tokenize_with_location().map_err(|_| wrong())?;
        let start = self.span(word).start;
        let moved = |at: Location| Location::new(at.line + start.line - 1, at.column + start.column - 1);
        for token in &mut tokens {
            token.span = Span::new(moved(token.span.start), moved(token.span.end));
        }
        let mut parser = Parser::new(dialect.tokens()).with_tokens_with_locations(tokens);
        let name = parser.parse_object_name(false).map_err(|_| wrong())?;
        if parser.peek_token_ref().token == Token::EOF { Ok(name) } else { Err(wrong()) }
    }

    fn split(&self) -> Result<Vec<Argument>> {
        let text = self.raw().strip_suffix(';').unwrap_or(self.raw());
        let mut words = Vec::new();
        let mut characters = text.char_indices().peekable();
        while let Some((start, first)) = characters.next() {
            if first.is_whitespace() {
                continue;
            }
            let mut word = String::new();
            let mut quote = matches!(first, '\'' | '"').then_some(first);
            let mut open = quote;
            let mut open_at = start;
            if quote.is_none() {
                word.push(first);
            }
            while let Some(&(at, c)) = characters.peek() {
                match open {
                    None if c.is_whitespace() => break,
                    None if matches!(c, '\'' | '"') => {
                        open = Some(c);
                        open_at = at;
                        quote = quote.or(Some(c));
                    }
                    Some(mark) if c == mark => {
                        // Doubled, it stands for itself.
                        if text.get(at + 1..).is_some_and(|rest| rest.starts_with(mark)) {
                            word.push(c);
                            characters.next();
                        } else {
                            open = None;
                        }
                    }
                    _ => word.push(c),
                }
                characters.next();
            }
            let end = characters.peek().map_or(text.len(), |(at, _)| *at);
            if open.is_some() {
                let place = self.source.span(self.range.start + open_at..self.range.start + open_at + 1);
                return Err(Error::usage("this quote is not closed").at(&self.source, place));
            }
            words.push(Argument { text: word, range: self.range.start + start..self.range.start + end, quote });
        }
        Ok(words)
    }

    /// Puts the values of `${name}` in.
    fn expand(&self, word: &Argument, session: &Session) -> Result<String> {
        let mut expanded = String::new();
        let mut rest = word.text.as_str();
        while let Some(start) = rest.find("${") {
            let Some(length) = rest.get(start..).and_then(|rest| rest.find('}')) else { break };
            let name = rest.get(start + 2..start + length).unwrap_or_default().trim();
            let value = match name.split_once(':') {
                Some(("env", name)) => std::env::var(name).ok(),
                Some(("hivevar", name)) => session.variable(name),
                _ => session.variable(name),
            };
            let value = value.ok_or_else(|| {
                self.error(word, format!("no variable \"{name}\"")).help(format!("\\set {name} VALUE defines it"))
            })?;
            expanded.push_str(rest.get(..start).unwrap_or_default());
            expanded.push_str(&value);
            rest = rest.get(start + length + 1..).unwrap_or_default();
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

/// `~/x` is in the user's home.
pub(in crate::cli) fn expand_home(path: &str) -> String {
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().display().to_string());
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            home().map_or_else(|| path.to_string(), |home| home + rest)
        }
        _ => path.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    fn arguments(line: &str) -> Arguments {
        let source = Source::new("t", line);
        let end = line.len();
        Arguments::new(&source, 2..end, "\\x [on]".to_string())
    }

    fn split(line: &str) -> Vec<(String, Option<char>)> {
        arguments(line).split().unwrap().into_iter().map(|word| (word.text, word.quote)).collect()
    }

    #[test]
    fn quotes_hold_blanks_together_and_are_doubled_inside() {
        assert_eq!(split(r"\x a  'b c' "), [("a".into(), None), ("b c".into(), Some('\''))]);
        assert_eq!(split(r#"\x 'it''s' "A ""b""" "#), [("it's".into(), Some('\'')), ("A \"b\"".into(), Some('"'))]);
        assert_eq!(split(r"\x dir/'my file'.sql"), [("dir/my file.sql".into(), Some('\''))]);
        assert_eq!(split(r"\x ''"), [(String::new(), Some('\''))]);
        assert_eq!(split(r"\x"), []);
    }

    #[test]
    fn a_semicolon_at_the_end_is_not_meant() {
        assert_eq!(split(r"\x orders;"), [("orders".into(), None)]);
        assert_eq!(split(r"\x 'a;'"), [("a;".into(), Some('\''))]);
    }

    #[test]
    fn words_know_their_places() {
        let arguments = arguments(r"\x 'é ü' abc 'x''y' z");
        let words = arguments.split().unwrap();
        let columns: Vec<_> = words
            .iter()
            .map(|word| {
                let span = arguments.span(word);
                (span.start.column, span.end.column)
            })
            .collect();
        assert_eq!(columns, [(4, 9), (10, 13), (14, 20), (21, 22)]);
    }

    #[test]
    fn an_open_quote_is_named_where_it_opens() {
        let error = arguments(r"\x a b'c").split().unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 7);
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
    }

    #[tokio::test]
    async fn too_many_words_are_refused_at_the_first_of_them() {
        let session = Session::open(SessionOptions::default()).await.unwrap();
        let error = arguments(r"\x on off").words(1, &session).unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 7);
        assert!(error.help_lines()[0].contains("\\x [on]"), "{error}");
        let error = arguments(r"\x on \d").words(1, &session).unwrap_err();
        assert!(error.message().contains("ends with its line"), "{error}");
        assert!(arguments(r"\x on").none().is_err());
    }

    #[tokio::test]
    async fn variables_are_put_in() {
        let session = Session::open(SessionOptions::default()).await.unwrap();
        session.set_variable("day", "2026-01-01");
        let words = arguments(r"\x out_${day}_${hivevar:day}.csv").words(1, &session).unwrap();
        assert_eq!(words[0].text, "out_2026-01-01_2026-01-01.csv");
        let error = arguments(r"\x ${nothing}").words(1, &session).unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 4);
    }

    #[test]
    fn a_name_keeps_its_place_and_its_quotes() {
        let arguments = arguments(r#"\x sales."Big Orders""#);
        let word = arguments.split().unwrap().remove(0);
        let name = arguments.object_name(&word, Dialect::Ansi).unwrap();
        let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        assert_eq!((parts[0].value.as_str(), parts[1].value.as_str()), ("sales", "Big Orders"));
        assert_eq!(parts[1].span.start.column, 10);
        let wrong = super::tests::arguments(r"\x a.b+c");
        let word = wrong.split().unwrap().remove(0);
        assert!(wrong.object_name(&word, Dialect::Ansi).is_err());
    }
}
