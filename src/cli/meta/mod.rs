//! Commands to the shell: `\d orders`, `.tables`, `quit`.
//!
//! One struct a command, with its help and its tests beside it; [`COMMANDS`] lists them all. The help of `\?`,
//! completion and suggestions come from that list, so a new command is a file and a line here.

mod arguments;
mod buffer;
mod connect;
mod constraints;
mod databases;
mod describe;
mod edit;
mod execute;
mod expanded;
mod explain;
mod functions;
mod help;
mod history;
pub(super) mod include;
mod last;
mod output;
mod profile;
mod pset;
mod quit;
mod relations;
mod schema;
mod system;
#[cfg(test)]
mod testing;
mod timing;
mod variables;
mod watch;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use futures::future::LocalBoxFuture;

pub(super) use self::arguments::expand_home;
use self::arguments::{Argument, Arguments};
pub(super) use self::pset::OPTIONS;
use super::output::Format;
use super::runner::{Ended, MetaCommands, Runner};
use super::shell::history::History;
use crate::error::{Error, Result};
use crate::names::nearest;
use crate::session::Session;
use crate::sql::source::Span;
use crate::sql::splitter::{Piece, PieceKind};
use crate::sql::statement::{ParsedStatement, Statement};

/// A command to the shell.
#[async_trait(?Send)]
pub(super) trait MetaCommand: Send + Sync {
    /// What it is called; the usual name comes first. Names that begin with neither `\`, `.` nor `!` are words that are
    /// also understood: `quit`.
    fn names(&self) -> &'static [&'static str];

    /// What may stand behind it, as in `[name]`; empty if nothing.
    fn arguments(&self) -> &'static str {
        ""
    }

    /// What it does, in a few words.
    fn help(&self) -> &'static str;

    fn group(&self) -> Group;

    /// What its arguments are, for completion.
    fn completes(&self) -> Completes {
        Completes::Nothing
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended>;

    /// What it means to somebody who reads a script and runs nothing of it.
    ///
    /// # Errors
    ///
    /// If it is called wrongly.
    fn read(&self, arguments: &Arguments, session: &Session) -> Result<InScript> {
        let _ = (arguments, session);
        Ok(InScript::Nothing)
    }
}

/// What a command in a script means for the statements behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InScript {
    /// A file runs first.
    Runs {
        path: String,
        place: Span,
    },
    /// The script ends.
    Quits,
    Nothing,
}

/// What a piece of a script means if it is a command; `None` if it is none.
///
/// # Errors
///
/// If there is no such command, or it is called wrongly.
pub(super) fn read(piece: &Piece, session: &Session) -> Result<Option<InScript>> {
    if piece.kind() != PieceKind::MetaCommand && !is_word_command(piece) {
        return Ok(None);
    }
    let (command, _, arguments) = command(piece)?;
    command.read(&arguments, session).map(Some).map_err(|error| error.at(piece.source(), piece.span()))
}

/// The command that a piece is, by the name that was used, and its arguments.
fn command(piece: &Piece) -> Result<(&'static dyn MetaCommand, &'static str, Arguments)> {
    let written = Written::read(piece);
    let Some((command, name)) = find(written.name) else {
        let place = piece.source().span(written.place);
        return Err(unknown(written.name).at(piece.source(), place));
    };
    let arguments = Arguments::new(piece.source(), written.rest, usage(command, name));
    Ok((command, name, arguments))
}

/// A command with what it may work on.
pub(super) struct Call<'a> {
    /// The name that was used.
    pub name: &'static str,
    arguments: Arguments,
    pub runner: &'a mut Runner,
    pub meta: &'a mut Meta,
}

impl Call<'_> {
    /// A statement that stands for the command; its place is that of the word.
    fn parsed(&self, statement: Statement, word: &Argument) -> ParsedStatement {
        ParsedStatement {
            statement,
            source: Arc::clone(self.arguments.source()),
            span: self.arguments.span(word),
            dialect: self.runner.session.dialect(),
            notes: Vec::new(),
        }
    }
}

/// The parts of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    General,
    Statement,
    Tables,
    Files,
    Display,
    Variables,
}

impl Group {
    const ALL: [Group; 6] =
        [Group::General, Group::Statement, Group::Tables, Group::Files, Group::Display, Group::Variables];

    fn title(self) -> &'static str {
        match self {
            Group::General => "General",
            Group::Statement => "The statement just typed, or the last one",
            Group::Tables => "Tables and functions",
            Group::Files => "Files and programs",
            Group::Display => "How results look",
            Group::Variables => "Variables: ${name} puts in text, :name binds a value",
        }
    }
}

/// What a command's arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completes {
    Nothing,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `\pset`: an option, then its value.
    Options,
    Relations,
    Databases,
    Functions,
    Files,
    Variables,
    Commands,
}

/// All commands, in the order of the help.
pub(super) const COMMANDS: &[&dyn MetaCommand] = &[
    &quit::Quit,
    &help::Help,
    &connect::Connect,
    &edit::Edit,
    &execute::Execute,
    &execute::ExecuteVertically,
    &watch::Watch,
    &explain::Explain,
    &last::Last,
    &buffer::Print,
    &buffer::Reset,
    &relations::Describe,
    &relations::Tables,
    &relations::Views,
    &schema::Schema,
    &constraints::Constraints,
    &profile::Profile,
    &databases::Databases,
    &functions::Functions,
    &include::Include,
    &include::IncludeRelative,
    &output::Output,
    &history::ShowHistory,
    &system::System,
    &pset::Pset,
    &pset::Mode,
    &expanded::Vertical,
    &timing::Timing,
    &variables::Set,
    &variables::Unset,
];

/// What commands remember between them.
#[derive(Default)]
pub struct Meta {
    /// There when somebody types.
    pub(super) shell: Option<ShellState>,
    /// How deep scripts read scripts.
    depth: usize,
}

/// What the shell and its commands share.
pub(super) struct ShellState {
    pub history: History,
    /// A statement that came out of the editor: to be run if it is complete, else to go on with.
    pub edited: Option<String>,
}

impl MetaCommands for Meta {
    fn is_command(&self, piece: &Piece) -> bool {
        is_word_command(piece)
    }

    fn run_meta<'a>(&'a mut self, runner: &'a mut Runner, piece: &'a Piece) -> LocalBoxFuture<'a, Result<Ended>> {
        Box::pin(async move {
            let (command, name, arguments) = command(piece)?;
            command.run(Call { name, arguments, runner, meta: self }).await
        })
    }
}

/// A command's line, cut behind the name.
struct Written<'a> {
    name: &'a str,
    /// The name, in the source.
    place: Range<usize>,
    /// What follows, in the source.
    rest: Range<usize>,
}

impl<'a> Written<'a> {
    fn read(piece: &'a Piece) -> Self {
        let length = name_length(piece.text());
        let body = piece.body();
        let middle = body.start + length;
        Written {
            name: piece.text().get(..length).unwrap_or_default(),
            place: body.start..middle,
            rest: middle..body.end,
        }
    }
}

/// The command's name at the start of `text`.
pub(super) fn name_of(text: &str) -> &str {
    text.get(..name_length(text)).unwrap_or_default()
}

/// How far a command's name goes: `\d+` of `\d+ t`, `\!` of `\!ls`, `\o` of `\o|less`, `.tables` of `.tables;`.
fn name_length(text: &str) -> usize {
    let mut characters = text.char_indices();
    let first = characters.next().map(|(_, first)| first);
    match (first, characters.next()) {
        (Some('\\' | '!'), Some((at, second))) if !second.is_alphanumeric() && !second.is_whitespace() => {
            at + second.len_utf8()
        }
        (Some('\\' | '!' | '.'), _) | (Some(_), None) => {
            let of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '+';
            text.char_indices().skip(1).find(|(_, c)| !of_name(*c)).map_or(text.len(), |(at, _)| at)
        }
        _ => text.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(text.len()),
    }
}

/// Whether a piece is a command though it ends as a statement does: `source file;`, `help;`. No SQL statement is that.
pub(super) fn is_word_command(piece: &Piece) -> bool {
    if !matches!(piece.kind(), PieceKind::Statement | PieceKind::LastStatement | PieceKind::Unfinished) {
        return false;
    }
    // Of an unfinished piece, the text begins where the quote is open.
    let text = piece.full_text().trim_start();
    let (name, rest) = text.split_at_checked(name_length(text)).unwrap_or((text, ""));
    let is_bare = rest.trim().trim_end_matches(';').is_empty();
    match find(name) {
        // `source` takes the path of a file; the others stand alone.
        Some((command, _)) if !name.starts_with('\\') => is_bare != (command.names().contains(&"source")),
        _ => false,
    }
}

/// The command of this name. Words may be written in any case.
pub(super) fn find(name: &str) -> Option<(&'static dyn MetaCommand, &'static str)> {
    let matches = |known: &str| {
        if known.starts_with(['\\', '.', '!']) { known == name } else { known.eq_ignore_ascii_case(name) }
    };
    COMMANDS.iter().find_map(|command| {
        let known = command.names().iter().find(|known| matches(known))?;
        Some((*command, *known))
    })
}

/// Commands of psql and DuckDB that are statements or something else here.
const OF_OTHERS: &[(&str, &str)] = &[
    ("\\copy", "COPY t TO 'file.csv' writes a file, and FROM 'file.csv' reads one: both in SQL"),
    ("\\echo", "SELECT 'text' shows a text; \\! echo text does too"),
    ("\\qecho", "SELECT 'text' shows a text"),
    (".import", "CREATE TABLE t AS SELECT * FROM 'file.csv' reads a file"),
    (".open", "ostrich --catalog DIR opens a catalog"),
    (".headers", "--no-header leaves out the line of names"),
    ("\\begin", "there are no transactions over several statements"),
];

fn unknown(name: &str) -> Error {
    let error = Error::usage(format!("no command {name}"));
    if let Some((_, help)) = OF_OTHERS.iter().find(|(known, _)| *known == name) {
        return error.help(*help);
    }
    let names = COMMANDS.iter().flat_map(|command| command.names()).copied();
    let same_sort = |known: &&str| known.get(..1) == name.get(..1);
    match nearest(name, names.filter(same_sort)) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => error.help("\\? lists them"),
    }
}

fn only_in_the_shell(name: &str) -> Error {
    Error::usage(format!("{name} is for the shell: in a script nobody types"))
}

/// Whether a format is for people: then titles and notes may stand around the rows.
fn eyes(format: Format) -> bool {
    matches!(format, Format::Table | Format::Vertical | Format::Markdown)
}

/// Texts as rows.
pub(super) fn batch(columns: Vec<(&str, Vec<Option<String>>)>) -> Result<RecordBatch> {
    let columns =
        columns.into_iter().map(|(name, values)| (name, Arc::new(StringArray::from(values)) as ArrayRef, true));
    RecordBatch::try_from_iter_with_nullable(columns)
        .map_err(|error| datafusion::error::DataFusionError::from(error).into())
}

fn usage(command: &dyn MetaCommand, name: &str) -> String {
    format!("{name} {}", command.arguments()).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::{pieces, shell};
    use super::*;

    #[test]
    fn every_name_is_there_once_and_every_command_has_help() {
        let mut seen = BTreeSet::new();
        for command in COMMANDS {
            assert!(!command.help().is_empty());
            for name in command.names() {
                assert!(seen.insert(*name), "{name} is there twice");
            }
        }
    }

    #[test]
    fn names_end_where_arguments_begin() {
        for (text, name) in [
            ("\\d+ orders", "\\d+"),
            ("\\!ls -l", "\\!"),
            ("\\o|less", "\\o"),
            ("\\?", "\\?"),
            (".tables;", ".tables"),
            ("!quit", "!quit"),
            ("quit;", "quit"),
            ("source a.sql;", "source"),
            ("\\", "\\"),
            ("\\é x", "\\é"),
        ] {
            assert_eq!(&text[..name_length(text)], name, "of {text}");
        }
    }

    #[test]
    fn words_are_commands_only_alone() {
        let is_command = |piece: &Piece| piece.kind() == PieceKind::MetaCommand || is_word_command(piece);
        let is = |text: &str| pieces(text).first().is_some_and(is_command);
        assert!(is("quit"));
        assert!(is("EXIT ;"));
        assert!(is("source more.sql;"));
        assert!(is(".mode csv"));
        assert!(is("!quit"));
        assert!(is(".nonsense 'open"));
        assert!(!is("quit and go"));
        assert!(!is("source"));
        assert!(!is("help me"));
        assert!(!is("select 1"));
    }

    #[tokio::test]
    async fn an_unknown_command_is_named_with_the_one_that_was_meant() {
        let mut shell = shell().await;
        let error = shell.run("select 1;\n\\timign on").await.unwrap_err();
        assert_eq!(error.message(), "no command \\timign");
        assert_eq!(error.help_lines(), ["did you mean \\timing?"]);
        let span = error.position().unwrap().span;
        assert_eq!((span.start.line, span.start.column, span.end.column), (2, 1, 8));
        let error = shell.run(".tabels").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean .tables?"]);
        let error = shell.run("\\zzzzzz").await.unwrap_err();
        assert_eq!(error.help_lines(), ["\\? lists them"]);
    }
}
