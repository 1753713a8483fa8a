//! The interactive shell.
//!
//! Reads a statement or command, runs it, shows what it gives, and so on until `\q` or Ctrl-D. Ctrl-C clears the line or
//! stops the query; the shell lives on.

mod complete;
mod continuation;
mod editor;
pub(super) mod fitting;
mod helper;
mod highlight;
pub(super) mod history;
mod input;
mod keywords;
mod lookup;
mod names;
pub(super) mod pager;
mod terminal;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::editor::{Line, LineEditor, Tools};
use self::history::History;
use self::input::is_finished;
use self::names::Names;
use self::terminal::Terminal;
use super::app::terminal_width;
use super::meta::{Meta, ShellState};
use super::output::Destination;
use super::runner::{Ended, Runner};
use super::signals::Interrupt;
use crate::catalog::model::DEFAULT_DATABASE;
use crate::error::Result;
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind};

/// The source that errors name: what was typed, each statement from line 1.
const SOURCE: &str = "<shell>";
/// How long a new prompt waits for the names of tables.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the first prompt waits to be told how many tables there are.
const GREETING: Duration = Duration::from_secs(2);
/// How often the line editor is started again before the shell gives up.
const RESTARTS: usize = 3;

/// Runs the shell until the user leaves.
///
/// # Errors
///
/// Storage, if the terminal cannot be used.
pub async fn run(mut runner: Runner, meta: Meta) -> Result<Ended> {
    runner.options.pager = std::io::stdout().is_terminal();
    let names = Arc::new(Names::new(Arc::clone(&runner.session), Handle::current()));
    let history = history(&runner);
    greet(&runner).await;
    let mut shell = Shell { runner, meta, names, history, history_works: true, terminal: Terminal::remember() };
    shell.meta.shell = Some(ShellState { history: shell.history.clone(), edited: None });
    let ended = shell.talk().await?;
    Ok(shell.runner.finish(ended))
}

struct Shell {
    runner: Runner,
    meta: Meta,
    names: Arc<Names>,
    history: History,
    /// False once the user was told that it cannot be written.
    history_works: bool,
    terminal: Terminal,
}

impl Shell {
    /// Prompt after prompt, until the end.
    async fn talk(&mut self) -> Result<Ended> {
        let tools = Tools {
            names: Arc::clone(&self.names),
            history: self.history.clone(),
            base: self.runner.session.base().to_path_buf(),
            colors: self.runner.options.color,
            is_redirected: !std::io::stdout().is_terminal(),
        };
        let mut editor = LineEditor::start(tools.clone())?;
        let mut restarts = 0;
        // What the next prompt begins with.
        let mut begun = String::new();
        loop {
            let edited = self.meta.shell.as_mut().and_then(|shell| shell.edited.take());
            let text = match edited {
                Some(text) if is_finished(&text, self.runner.session.dialect()) => {
                    self.runner.say(&text);
                    text
                }
                edited => {
                    let begun = edited.unwrap_or_else(|| std::mem::take(&mut begun));
                    match self.read(&editor, &begun).await {
                        Ok(Line::Text(text)) => text,
                        Ok(Line::Cleared) => continue,
                        Ok(Line::End) => return Ok(Ended::Done),
                        Ok(Line::Failed(why)) if restarts < RESTARTS => {
                            self.runner.note(&format!("{why}; it is started again"));
                            editor = LineEditor::start(tools.clone())?;
                            restarts += 1;
                            continue;
                        }
                        Ok(Line::Failed(why)) => {
                            return Err(crate::Error::storage(format!("the terminal cannot be used: {why}")));
                        }
                        Err(ended) => return Ok(ended),
                    }
                }
            };
            self.remember(&text);
            if let Some(ended) = self.run(&text).await {
                return Ok(ended);
            }
            if let Some(piece) = self.runner.pending.take() {
                begun = piece.text().to_string();
            }
        }
    }

    /// Reads a statement or command. `Err`: a signal ends the shell.
    async fn read(&self, editor: &LineEditor, begun: &str) -> std::result::Result<Line, Ended> {
        let names = Arc::clone(&self.names);
        let refreshed = tokio::spawn(async move { names.refresh().await });
        // If it takes longer, it goes on behind the prompt.
        let _ = tokio::time::timeout(PATIENCE, refreshed).await;
        let session = &self.runner.session;
        let prompt = prompt(&session.database());
        let line = editor.read(&prompt, session.dialect(), begun);
        tokio::pin!(line);
        loop {
            tokio::select! {
                line = &mut line => return Ok(line),
                interrupt = self.runner.signals.wait() => match interrupt {
                    Interrupt::Interrupted => self.runner.signals.clear(),
                    Interrupt::Terminated => {
                        self.terminal.restore();
                        return Err(Ended::Stopped(interrupt));
                    }
                },
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if !self.history.remember(text) && self.history_works {
            self.history_works = false;
            self.runner.note("the history cannot be saved; this session's is lost at its end");
        }
    }

    /// Runs all statements and commands of what was typed. `Some`: the shell ends.
    async fn run(&mut self, text: &str) -> Option<Ended> {
        let mut rest = text;
        while let Some((piece, after)) = self.first_piece(rest) {
            rest = text.get(text.len() - after.len()..).unwrap_or_default();
            if piece.kind() == PieceKind::Pending {
                self.runner.pending = Some(piece);
                continue;
            }
            if self.runner.options.output.destination == Destination::Terminal {
                self.runner.options.output.width = terminal_width();
            }
            self.runner.signals.clear();
            let changes = self.runner.changes;
            let ended = self.runner.run_piece(&piece, None, &mut self.meta).await;
            if self.runner.changes != changes {
                self.names.forget_columns();
            }
            match ended {
                Ended::Done => {}
                Ended::Quit => return Some(Ended::Done),
                // A pager that was left early is no reason to leave as well.
                Ended::Unread if std::io::stdout().is_terminal() => {}
                Ended::Stopped(Interrupt::Interrupted) => {
                    eprintln!("cancelled");
                    self.runner.signals.clear();
                    break;
                }
                Ended::Stopped(Interrupt::Terminated) | Ended::Unread => return Some(ended),
                Ended::Failed(_) => {
                    if self.first_piece(rest).is_some() {
                        self.runner.note("what follows was not run");
                    }
                    break;
                }
            }
        }
        None
    }

    /// The first statement or command of `text` as a text of its own, so that its lines count from 1, and what follows it.
    fn first_piece<'t>(&self, text: &'t str) -> Option<(Piece, &'t str)> {
        let source = Source::new(SOURCE, text);
        let pieces = self.runner.session.split(&source);
        let index = pieces.iter().position(|piece| piece.kind() != PieceKind::Blank)?;
        let found = pieces.get(index)?;
        let end = pieces.get(index + 1).map_or(source.text().len(), Piece::start);
        let after = text.get(text.len() - (source.text().len() - end)..).unwrap_or_default();
        if found.kind() == PieceKind::Pending {
            return Some((found.clone(), after));
        }
        let own = Source::new(SOURCE, found.full_text().trim_start());
        let piece = self.runner.session.split(&own).into_iter().find(|piece| piece.kind() != PieceKind::Blank)?;
        Some((piece, after))
    }
}

/// `ostrich> `, and in another database `ostrich:sales> `.
fn prompt(database: &str) -> String {
    if database == DEFAULT_DATABASE { "ostrich> ".to_string() } else { format!("ostrich:{database}> ") }
}

/// The history of the user, or one that is gone with the session if there is no place for it.
fn history(runner: &Runner) -> History {
    let Some(file) = History::usual_file() else { return History::in_memory() };
    History::open(&file).unwrap_or_else(|error| {
        runner.note(error.message());
        History::in_memory()
    })
}

async fn greet(runner: &Runner) {
    let session = &runner.session;
    let database = session.database();
    let names = tokio::time::timeout(GREETING, session.metastore().relation_names(&database)).await;
    runner.say(&format!("ostrich {}: SQL over lake files. \\? for help, \\q to leave.", env!("CARGO_PKG_VERSION")));
    let tables = match names {
        Ok(Ok(names)) => names.len(),
        Ok(Err(error)) => return runner.note(error.message()),
        // Another program's catalog takes its time; the prompt need not.
        Err(_) => return,
    };
    runner.say(&match tables {
        0 if session.catalogs().is_others(&database) => {
            format!("No tables in {database}; SHOW DATABASES lists others.")
        }
        0 => "No tables yet: FROM 'file.parquet' reads a file, --data DIR makes tables of a folder.".to_string(),
        1 => "1 table; \\d lists it.".to_string(),
        tables => format!("{tables} tables; \\d lists them."),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_names_a_database_that_is_not_the_usual_one() {
        assert_eq!(prompt("default"), "ostrich> ");
        assert_eq!(prompt("sales"), "ostrich:sales> ");
    }
}
