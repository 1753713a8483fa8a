//! A runner for the tests of commands, whose results go to a file.

use std::path::Path;
use std::sync::Arc;

use super::{Meta, MetaCommands};
use crate::cli::config::OnError;
use crate::cli::output::file::OutputFile;
use crate::cli::output::{Destination, Format, OutputOptions};
use crate::cli::runner::{Ended, Expanded, RunOptions, Runner};
use crate::cli::signals::Signals;
use crate::cli::target::Target;
use crate::error::Result;
use crate::session::{Session, SessionOptions};
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind, split};

pub(super) fn pieces(text: &str) -> Vec<Piece> {
    split(&Source::new("t", text), Dialect::Ansi)
}

pub(super) struct TestShell {
    pub runner: Runner,
    pub meta: Meta,
    pub folder: tempfile::TempDir,
    shown: usize,
}

/// A shell without tables.
pub(super) async fn shell() -> TestShell {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::open(SessionOptions { base: Some(folder.path().to_path_buf()), ..Default::default() });
    let options = RunOptions {
        on_error: OnError::Stop,
        stats: false,
        timing: false,
        quiet: true,
        color: false,
        progress: false,
        output: OutputOptions { format: Format::Table, ..OutputOptions::new(Destination::File) },
        format_chosen: false,
        expanded: Expanded::Off,
        pager: false,
    };
    let target = Target::File(OutputFile::create(folder.path().join("shown_0")).unwrap());
    let runner = Runner::new(Arc::new(session.await.unwrap()), options, Signals::listen().unwrap(), target);
    TestShell { runner, meta: Meta::default(), folder, shown: 0 }
}

/// A shell with the tables of TPC-H.
pub(super) async fn tpch() -> TestShell {
    let shell = shell().await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tpch");
    shell.runner.session.register_data(&data.display().to_string()).await.unwrap();
    shell
}

impl TestShell {
    /// Runs a script. The error of a command comes back; that of a statement ends as [`Ended::Failed`].
    pub(super) async fn run(&mut self, script: &str) -> Result<Ended> {
        let source = Source::new("t", script);
        let mut ended = Ended::Done;
        for piece in self.runner.session.split(&source) {
            let is_command = piece.kind() == PieceKind::MetaCommand || self.meta.is_command(&piece);
            ended = if is_command {
                self.meta.run_meta(&mut self.runner, &piece).await?
            } else {
                self.runner.run_piece(&piece, None, &mut self.meta).await
            };
        }
        Ok(ended)
    }

    /// What was shown by this script.
    pub(super) async fn shows(&mut self, script: &str) -> String {
        self.shown();
        self.run(script).await.unwrap();
        self.shown()
    }

    /// What was shown since the last time.
    pub(super) fn shown(&mut self) -> String {
        let path = self.folder.path().join(format!("shown_{}", self.shown));
        self.shown += 1;
        let next = OutputFile::create(self.folder.path().join(format!("shown_{}", self.shown))).unwrap();
        self.runner.redirect(Target::File(next), None).unwrap();
        std::fs::read_to_string(path).unwrap()
    }
}
