//! `ostrich check FILE…`: parses, resolves names and types, runs nothing.

use std::sync::Arc;

use futures::future::LocalBoxFuture;

use crate::cli::app::read_file;
use crate::cli::args::CheckArguments;
use crate::cli::errors;
use crate::cli::meta::include::{DEPTH, too_deep};
use crate::cli::meta::{InScript, read};
use crate::cli::runner::Ended;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind, split_from};

/// Reports every mistake of every file, not just the first, and of the files that those run.
pub(in crate::cli) async fn run(check: &CheckArguments, session: &Arc<Session>, color: bool) -> Result<Ended> {
    let mut checked = Checked { session, color, files: 0, statements: 0, mistakes: 0, code: None };
    for file in &check.files {
        let source = read_file(if file == "-" { "/dev/stdin" } else { file })?;
        checked.file(file, &source, 0).await;
    }
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let Checked { files, statements, mistakes, code, .. } = checked;
    eprintln!(
        "{files} file{}, {statements} statement{}, {mistakes} mistake{}",
        plural(files),
        plural(statements),
        plural(mistakes)
    );
    Ok(code.map_or(Ended::Done, Ended::Failed))
}

/// What was found so far.
struct Checked<'a> {
    session: &'a Arc<Session>,
    color: bool,
    files: u64,
    statements: u64,
    mistakes: u64,
    /// The exit code of the first mistake.
    code: Option<u8>,
}

impl Checked<'_> {
    fn mistake(&mut self, error: &Error) {
        self.mistakes += 1;
        self.code.get_or_insert(error.kind().exit_code());
        eprintln!("{}", errors::render(error, self.color).trim_end());
    }

    /// A file in the dialect of its name; `depth`: how many files run it.
    fn file<'s>(&'s mut self, path: &'s str, source: &'s Arc<Source>, depth: usize) -> LocalBoxFuture<'s, ()> {
        Box::pin(async move {
            self.files += 1;
            let around = self.session.dialect();
            self.session.set_dialect(Dialect::of_file(path).unwrap_or(around));
            self.pieces(source, depth).await;
            // What a file without a dialect of its own sets lasts, as when it runs.
            if depth == 0 || Dialect::of_file(path).is_some() {
                self.session.set_dialect(around);
            }
        })
    }

    async fn pieces(&mut self, source: &Arc<Source>, depth: usize) {
        let mut dialect = self.session.dialect();
        let mut pieces = self.session.split(source);
        let mut next = 0;
        while let Some(piece) = pieces.get(next) {
            next += 1;
            match self.piece(piece, depth).await {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) => self.mistake(&error),
            }
            // SET ostrich.dialect changes how the rest is read.
            if self.session.dialect() != dialect {
                dialect = self.session.dialect();
                let rest = pieces.get(next).map_or(source.text().len(), Piece::start);
                pieces = split_from(source, dialect, rest);
                next = 0;
            }
        }
    }

    /// Whether the script ends here.
    async fn piece(&mut self, piece: &Piece, depth: usize) -> Result<bool> {
        if piece.kind() == PieceKind::Blank {
            return Ok(false);
        }
        match read(piece, self.session)? {
            Some(InScript::Quits) => return Ok(true),
            Some(InScript::Runs { path, place }) => {
                let at = |error: Error| error.at(piece.source(), place);
                if depth >= DEPTH {
                    return Err(at(too_deep()));
                }
                let source = read_file(&path).map_err(at)?;
                self.file(&path, &source, depth + 1).await;
                return Ok(false);
            }
            Some(InScript::Nothing) => return Ok(false),
            None => {}
        }
        self.statements += 1;
        let parsed = self.session.parse(piece)?;
        self.session.check(&parsed).await?;
        Ok(false)
    }
}
