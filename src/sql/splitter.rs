//! A script to its statements.
//!
//! `;` ends a statement, unless it stands in a string, a quoted name or a comment: only the dialect's tokenizer knows.
//! The pieces cover the text without gaps, so nothing a user wrote is lost or read twice. A `\` outside strings, names
//! and comments begins a command to the shell, which ends with the line, whatever quotes it holds: `\d orders`, and
//! `SELECT 1 \gx` as in psql.

use std::ops::Range;
use std::sync::Arc;

use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use super::dialect::Dialect;
use super::source::{Source, Span};
use crate::error::{Error, Result};

/// What a piece of a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// SQL with its `;`.
    Statement,
    /// SQL at the end of the text, without `;`.
    LastStatement,
    /// SQL without `;` that a command to the shell follows: `SELECT 1 \gx`. The command says what becomes of it.
    Pending,
    /// A command to the shell: `\d orders`.
    MetaCommand,
    /// Blanks, comments or a lone `;`: nothing to run.
    Blank,
    /// A string, name or comment that is open at the end of the text.
    Unfinished,
}

/// A piece of a script. The pieces of a text, joined in order, are the text.
#[derive(Debug, Clone)]
pub struct Piece {
    source: Arc<Source>,
    kind: PieceKind,
    /// All of it, in bytes.
    range: Range<usize>,
    /// From the first token to the last, without blanks and comments around them and without the `;`.
    body: Range<usize>,
    /// Why it is unfinished.
    unfinished: Option<String>,
}

impl Piece {
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub fn kind(&self) -> PieceKind {
        self.kind
    }

    /// Where the whole piece begins in the source, in bytes.
    pub fn start(&self) -> usize {
        self.range.start
    }

    /// The whole piece, with blanks, comments and `;`.
    pub fn full_text(&self) -> &str {
        &self.source.text()[self.range.clone()]
    }

    /// What is to be run.
    pub fn text(&self) -> &str {
        &self.source.text()[self.body.clone()]
    }

    /// Where [`Piece::text`] stands in the source, in bytes.
    pub fn body(&self) -> Range<usize> {
        self.body.clone()
    }

    /// Where [`Piece::text`] stands in the source.
    pub fn span(&self) -> Span {
        self.source.span(self.body.clone())
    }

    /// The error to show for an unfinished piece that nothing more will be added to.
    pub fn check_finished(&self) -> Result<()> {
        match &self.unfinished {
            Some(message) => {
                let span = self.source.span(self.body.start..self.body.start);
                Err(Error::statement(message.clone())
                    .at(&self.source, span)
                    .help("it is open until the end of the text"))
            }
            None => Ok(()),
        }
    }
}

/// Splits a script. Never fails: what cannot be read is the last piece, with kind [`PieceKind::Unfinished`].
pub fn split(source: &Arc<Source>, dialect: Dialect) -> Vec<Piece> {
    split_from(source, dialect, 0)
}

/// Splits a script from a byte on, where a piece begins: for scripts that change their dialect.
pub fn split_from(source: &Arc<Source>, dialect: Dialect, start: usize) -> Vec<Piece> {
    let text = source.text();
    let mut pieces = Vec::new();
    let mut start = start;
    while start < text.len() {
        // Most backslashes begin a command. If this one does not, only a look at the whole rest tells which one does.
        let nearest = text[start..].find('\\').map(|at| start + at);
        let command = match nearest {
            Some(at) if is_between_tokens(&text[start..at], dialect) => Some(at),
            Some(_) => first_backslash_token(&text[start..], dialect).map(|at| start + at),
            None => None,
        };
        let mut stretch = split_stretch(source, dialect, start..command.unwrap_or(text.len()));
        if command.is_some()
            && let Some(last) = stretch.last_mut()
            && last.kind == PieceKind::LastStatement
        {
            last.kind = PieceKind::Pending;
        }
        let first = stretch.iter().enumerate().find_map(|(at, piece)| Some((at, piece, line_command(piece)?)));
        if let Some((at, piece, LineCommand { begin, ends_with_statement })) = first {
            let end = if ends_with_statement { piece.range.end } else { end_of_line(text, begin) };
            let line = piece.range.start..end;
            stretch.truncate(at);
            pieces.extend(stretch);
            start = line.end;
            pieces.push(command_piece(source, line, begin));
            continue;
        }
        pieces.extend(stretch);
        let Some(command) = command else { break };
        start = end_of_line(text, command);
        pieces.push(command_piece(source, command..start, command));
    }
    pieces
}

fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

/// A command in the place of a statement.
struct LineCommand {
    begin: usize,
    /// It ends with its `;`, where others go on to the end of the line.
    ends_with_statement: bool,
}

/// A command that is none of SQL's and goes to the end of its line: `.mode csv`, `!quit`, and the bare words `quit`, `exit` and `help`,
/// behind whose `;` a statement may follow. No statement begins like that.
fn line_command(piece: &Piece) -> Option<LineCommand> {
    let begin = match piece.kind {
        PieceKind::Statement | PieceKind::LastStatement | PieceKind::Pending => piece.body.start,
        // The body begins at the quote that is open.
        PieceKind::Unfinished => piece.range.end - piece.full_text().trim_start().len(),
        PieceKind::Blank | PieceKind::MetaCommand => return None,
    };
    let line = piece.source.text()[begin..piece.range.end].lines().next()?;
    let word = line.trim_end().trim_end_matches(';').trim_end();
    let is_named = |sign: char| line.strip_prefix(sign).is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    let is_word = ["quit", "exit", "help"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let ends_with_statement = is_word && piece.kind == PieceKind::Statement;
    (is_named('.') || is_named('!') || is_word).then_some(LineCommand { begin, ends_with_statement })
}

/// Whether what follows `text` begins a token, and is not part of a string, a quoted name or a comment that is open.
fn is_between_tokens(text: &str, dialect: Dialect) -> bool {
    let mut tokens = Vec::new();
    let outcome = Tokenizer::new(dialect.tokens(), text).tokenize_with_location_into_buf(&mut tokens);
    outcome.is_ok() && (text.ends_with('\n') || !ends_in_line_comment(&tokens))
}

fn ends_in_line_comment(tokens: &[TokenWithSpan]) -> bool {
    tokens.last().is_some_and(|last| matches!(last.token, Token::Whitespace(Whitespace::SingleLineComment { .. })))
}

/// The byte where the first `\` stands that is a token of its own.
fn first_backslash_token(text: &str, dialect: Dialect) -> Option<usize> {
    let mut tokens = Vec::new();
    // What cannot be read, at the end, holds no tokens.
    let _ = Tokenizer::new(dialect.tokens(), text).tokenize_with_location_into_buf(&mut tokens);
    let index = tokens.iter().position(|token| token.token == Token::Backslash)?;
    TokenOffsets::new(text, &tokens).nth(index).map(|range| range.start)
}

/// A command from `begin` to the end of its line.
fn command_piece(source: &Arc<Source>, line: Range<usize>, begin: usize) -> Piece {
    let text = &source.text()[begin..line.end];
    Piece {
        source: Arc::clone(source),
        kind: PieceKind::MetaCommand,
        body: begin..begin + text.trim_end().len(),
        range: line,
        unfinished: None,
    }
}

/// Splits a stretch of pure SQL. An open string, name or comment makes its last piece unfinished.
fn split_stretch(source: &Arc<Source>, dialect: Dialect, stretch: Range<usize>) -> Vec<Piece> {
    let text = &source.text()[stretch.clone()];
    let mut tokens = Vec::new();
    let outcome = Tokenizer::new(dialect.tokens(), text).tokenize_with_location_into_buf(&mut tokens);
    let offsets = TokenOffsets::new(text, &tokens);
    let read_up_to = token_ranges(text, &tokens).last().map_or(0, |range| range.end);

    let mut pieces = Vec::new();
    let mut start = 0;
    let mut body: Option<Range<usize>> = None;
    let mut push = |range: Range<usize>, body: Option<Range<usize>>, kind: PieceKind, unfinished: Option<String>| {
        let kind = if body.is_none() && unfinished.is_none() { PieceKind::Blank } else { kind };
        let body = body.unwrap_or(range.end..range.end);
        pieces.push(Piece {
            source: Arc::clone(source),
            kind,
            range: stretch.start + range.start..stretch.start + range.end,
            body: stretch.start + body.start..stretch.start + body.end,
            unfinished,
        });
    };
    for (token, range) in tokens.iter().zip(offsets) {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                push(start..range.end, body.take(), PieceKind::Statement, None);
                start = range.end;
            }
            _ => body = Some(body.map_or(range.start, |body| body.start)..range.end),
        }
    }
    match outcome {
        Ok(()) if start < text.len() => push(start..text.len(), body, PieceKind::LastStatement, None),
        Ok(()) => {}
        Err(error) => {
            // What is open begins behind the last token that could be read; the tokenizer itself names the end for comments.
            let open_at = read_up_to.max(start);
            let message = lower_first(&error.message);
            push(start..text.len(), Some(open_at..text.len()), PieceKind::Unfinished, Some(message));
        }
    }
    pieces
}

/// The byte ranges of tokens, from their lines and columns, in one pass.
struct TokenOffsets<'a> {
    text: &'a str,
    tokens: std::slice::Iter<'a, TokenWithSpan>,
    at: usize,
    line: u64,
    column: u64,
}

impl<'a> TokenOffsets<'a> {
    fn new(text: &'a str, tokens: &'a [TokenWithSpan]) -> Self {
        TokenOffsets { text, tokens: tokens.iter(), at: 0, line: 1, column: 1 }
    }

    fn advance(&mut self, line: u64, column: u64) -> usize {
        while (self.line, self.column) < (line, column) {
            let Some(character) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else { break };
            self.at += character.len_utf8();
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

impl Iterator for TokenOffsets<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let span = self.tokens.next()?.span;
        let start = self.advance(span.start.line, span.start.column);
        let end = self.advance(span.end.line, span.end.column);
        Some(start..end)
    }
}

/// Byte ranges of `tokens` in `text`.
pub(crate) fn token_ranges(text: &str, tokens: &[TokenWithSpan]) -> Vec<Range<usize>> {
    TokenOffsets::new(text, tokens).collect()
}

fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &str) -> Vec<(PieceKind, String)> {
        split(&Source::new("t", text), Dialect::Ansi)
            .into_iter()
            .map(|piece| (piece.kind(), piece.text().to_string()))
            .collect()
    }

    #[test]
    fn semicolons_in_strings_names_and_comments_do_not_split() {
        let text = "select ';', \";\", `;` -- ;\n/* ; */ from t; select 2";
        assert_eq!(
            pieces(text),
            vec![
                (PieceKind::Statement, "select ';', \";\", `;` -- ;\n/* ; */ from t".to_string()),
                (PieceKind::LastStatement, "select 2".to_string()),
            ]
        );
    }

    #[test]
    fn blanks_and_comments_are_nothing_to_run() {
        let kinds: Vec<_> =
            pieces(" ; -- only a comment\n;\nselect 1;\n\n").into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [PieceKind::Blank, PieceKind::Blank, PieceKind::Statement, PieceKind::Blank]);
    }

    #[test]
    fn an_open_string_is_unfinished_and_named_at_its_start() {
        let source = Source::new("t", "select 1;\nselect 'abc;\n");
        let pieces = split(&source, Dialect::Ansi);
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[1].kind(), PieceKind::Unfinished);
        let error = pieces[1].check_finished().unwrap_err();
        let start = error.position().unwrap().span.start;
        assert_eq!((start.line, start.column), (2, 8));
    }

    #[test]
    fn an_open_comment_is_named_at_its_start() {
        let source = Source::new("t", "select 1;\n select 2 /* abc;\n\n");
        let pieces = split(&source, Dialect::Ansi);
        let error = pieces[1].check_finished().unwrap_err();
        let start = error.position().unwrap().span.start;
        assert_eq!((start.line, start.column), (2, 11));
    }

    #[test]
    fn a_backslash_line_is_a_command_only_between_statements() {
        let text = "\\timing on\nselect '\n\\d inside\n';\n  \\d orders' \nselect 1;";
        assert_eq!(
            pieces(text),
            vec![
                (PieceKind::MetaCommand, "\\timing on".to_string()),
                (PieceKind::Statement, "select '\n\\d inside\n'".to_string()),
                (PieceKind::Blank, String::new()),
                (PieceKind::MetaCommand, "\\d orders'".to_string()),
                (PieceKind::Statement, "select 1".to_string()),
            ]
        );
    }

    #[test]
    fn a_command_may_stand_behind_the_statement_that_it_is_about() {
        let text = "select 1 \\gx\nselect '\\g', 2 -- \\g\n, 3 \\g 'it''s\nselect 4;";
        assert_eq!(
            pieces(text),
            vec![
                (PieceKind::Pending, "select 1".to_string()),
                (PieceKind::MetaCommand, "\\gx".to_string()),
                (PieceKind::Pending, "select '\\g', 2 -- \\g\n, 3".to_string()),
                (PieceKind::MetaCommand, "\\g 'it''s".to_string()),
                (PieceKind::Statement, "select 4".to_string()),
            ]
        );
    }

    #[test]
    fn commands_of_other_shells_end_with_their_line() {
        let text = "-- first\n.mode json\nselect .5, 1;!quit\nselect 2;\nQuit;\n.read it's\nselect 3;\nexit";
        assert_eq!(
            pieces(text),
            vec![
                (PieceKind::MetaCommand, ".mode json".to_string()),
                (PieceKind::Statement, "select .5, 1".to_string()),
                (PieceKind::MetaCommand, "!quit".to_string()),
                (PieceKind::Statement, "select 2".to_string()),
                (PieceKind::MetaCommand, "Quit;".to_string()),
                (PieceKind::MetaCommand, ".read it's".to_string()),
                (PieceKind::Statement, "select 3".to_string()),
                (PieceKind::MetaCommand, "exit".to_string()),
            ]
        );
    }

    #[test]
    fn a_backslash_in_a_comment_or_an_open_string_is_no_command() {
        assert_eq!(pieces("select 1; -- see \\d"), pieces("select 1; -- see d"));
        assert_eq!(pieces("/* \n\\d\n*/ select 1;"), vec![(PieceKind::Statement, "select 1".to_string())]);
        let kinds: Vec<_> = pieces("select 'a\n\\d b").into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [PieceKind::Unfinished]);
    }

    #[test]
    fn positions_are_those_of_the_file() {
        let source = Source::new("t", "select 1;\r\n\r\n  select 'é', 2;");
        let pieces = split(&source, Dialect::Ansi);
        let start = pieces[1].span().start;
        assert_eq!((start.line, start.column), (3, 3));
    }

    proptest! {
        #[test]
        fn no_text_is_lost_or_invented(text in "(\\PC|[;'\"`\\\\/*\\-$ \n\r\t]){0,200}") {
            for dialect in [Dialect::Ansi, Dialect::Hive] {
                let source = Source::new("t", text.clone());
                let joined: String = split(&source, dialect).iter().map(Piece::full_text).collect();
                prop_assert_eq!(joined.as_str(), source.text());
            }
        }

        #[test]
        fn any_bytes_split_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for dialect in [Dialect::Ansi, Dialect::Hive] {
                let source = Source::new("t", text.clone());
                let joined: String = split(&source, dialect).iter().map(Piece::full_text).collect();
                prop_assert_eq!(joined.as_str(), source.text());
            }
        }

        /// Statements that hold no `;` of their own come back as they were written.
        #[test]
        fn statements_come_back_whole(statements in proptest::collection::vec("[a-z]{1,8}( '[a-z;]{0,5}'| [0-9]{1,3}){0,4}", 1..8)) {
            let text = statements.join(" ;\n");
            let found: Vec<String> = pieces(&text).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(found, statements);
        }
    }
}
