//! Runs statements and shows what they give: for scripts and for the shell alike.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::config::OnError;
use super::errors;
use super::output::file::OutputFile;
use super::output::stats::StatementStats;
use super::output::{Format, OutputOptions, RowWriter, Summary, writer};
use super::progress::Bar;
use super::signals::{Interrupt, Signals};
use super::text_result;
use crate::error::datafusion::in_statement;
use crate::error::{Error, ErrorKind, Result};
use crate::execution::scan_totals;
use crate::session::{Outcome, Rows, Session};
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind};
use crate::sql::statement::ParsedStatement;

/// How statements are run and shown.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub on_error: OnError,
    pub stats: bool,
    pub timing: bool,
    pub quiet: bool,
    /// Colour for errors and notes.
    pub color: bool,
    /// Whether somebody sees a progress bar on standard error.
    pub progress: bool,
    pub output: OutputOptions,
    /// Whether the format was chosen by the user: plans and definitions are else shown as text.
    pub format_chosen: bool,
}

/// Where results go.
#[derive(Debug)]
pub enum Target {
    Stdout,
    /// All results into one file, which appears when the last one is written.
    File(OutputFile),
    /// A file a result: `q05.csv`, `q05_2.csv`.
    Folder(PathBuf),
    /// A program's standard input.
    Pipe(std::process::Child),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All statements were run.
    Done,
    /// At least one failed; the exit code of the first.
    Failed(u8),
    /// A signal stopped it.
    Stopped(Interrupt),
    /// Whoever read the results has gone away: nothing more is wanted.
    Unread,
}

impl Ended {
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done | Ended::Unread => 0,
            Ended::Failed(code) => code,
            Ended::Stopped(interrupt) => interrupt.exit_code(),
        }
    }

    /// Whether what comes next is still to be run.
    pub(super) fn goes_on(self, on_error: OnError) -> bool {
        match self {
            Ended::Done => true,
            Ended::Failed(_) => on_error == OnError::Continue,
            Ended::Stopped(_) | Ended::Unread => false,
        }
    }
}

/// Runs statements one after the other on one session.
pub struct Runner {
    pub session: Arc<Session>,
    pub options: RunOptions,
    pub signals: Signals,
    target: Target,
    /// Statements so far, over all scripts.
    statements: u64,
    /// Results so far in the current script, for names of files.
    results: u64,
}

/// What runs the commands to the shell that a script may hold.
pub trait MetaCommands {
    /// Runs the command in `piece`.
    fn run_meta<'a>(
        &'a mut self,
        runner: &'a mut Runner,
        piece: &'a Piece,
    ) -> futures::future::BoxFuture<'a, Result<Ended>>;
}

impl Runner {
    pub fn new(session: Arc<Session>, options: RunOptions, signals: Signals, target: Target) -> Self {
        Runner { session, options, signals, target, statements: 0, results: 0 }
    }

    /// Runs all statements of a script. `file`: its path, if it has one.
    pub async fn run_script(&mut self, source: &Arc<Source>, file: Option<&str>, meta: &mut dyn MetaCommands) -> Ended {
        self.results = 0;
        let mut ended = Ended::Done;
        let mut dialect = self.session.dialect();
        let mut pieces = self.session.split(source);
        let mut next = 0;
        while let Some(piece) = pieces.get(next) {
            next += 1;
            let this = self.run_piece(piece, file, meta).await;
            if ended == Ended::Done || matches!(this, Ended::Stopped(_) | Ended::Unread) {
                ended = this;
            }
            if !this.goes_on(self.options.on_error) {
                break;
            }
            // SET ostrich.dialect changes how the rest is read.
            if self.session.dialect() != dialect {
                dialect = self.session.dialect();
                let rest = pieces.get(next).map_or(source.text().len(), Piece::start);
                pieces = crate::sql::splitter::split_from(source, dialect, rest);
                next = 0;
            }
        }
        ended
    }

    /// Runs one piece of a script and reports its failure.
    pub async fn run_piece(&mut self, piece: &Piece, file: Option<&str>, meta: &mut dyn MetaCommands) -> Ended {
        match piece.kind() {
            PieceKind::Blank => return Ended::Done,
            PieceKind::MetaCommand => {
                return match meta.run_meta(self, piece).await {
                    Ok(ended) => ended,
                    Err(error) => self.failed(&error.at(piece.source(), piece.span())),
                };
            }
            PieceKind::Statement | PieceKind::LastStatement | PieceKind::Unfinished => {}
        }
        self.statements += 1;
        let mut stats = StatementStats {
            statement: self.statements,
            file: file.map(str::to_string),
            line: piece.span().start.line,
            ..StatementStats::default()
        };
        let start = Instant::now();
        let outcome = self.run_within_limits(piece, file, &mut stats).await;
        stats.elapsed_ms = start.elapsed();
        stats.peak_memory_bytes = self.session.peak_memory() as u64;
        if let Some(plan) = self.session.running_plan() {
            let totals = scan_totals(&plan);
            stats.bytes_scanned = totals.bytes_scanned;
            stats.files_scanned = totals.files_scanned;
        }
        let ended = match outcome {
            Ok(ended) => ended,
            Err(error) => {
                stats.error = Some(error.message().to_string());
                self.failed(&error)
            }
        };
        if let Ended::Stopped(_) = ended {
            stats.error = Some("cancelled".to_string());
        }
        if self.options.timing {
            eprintln!("Time: {}", in_words(stats.elapsed_ms));
        }
        if self.options.stats {
            // If standard error is gone there is no one left to tell.
            let _ = stats.write(&mut std::io::stderr());
        }
        ended
    }

    /// Shows an error; the exit code it stands for.
    pub fn failed(&self, error: &Error) -> Ended {
        eprintln!("{}", errors::render(error, self.options.color).trim_end());
        Ended::Failed(error.kind().exit_code())
    }

    /// Says something that is neither result nor error.
    pub fn note(&self, text: &str) {
        if !self.options.quiet {
            eprintln!("note: {text}");
        }
    }

    async fn run_within_limits(
        &mut self,
        piece: &Piece,
        file: Option<&str>,
        stats: &mut StatementStats,
    ) -> Result<Ended> {
        let parsed = self.session.parse(piece)?;
        stats.kind = parsed.statement.kind().to_string();
        let timeout = self.session.timeout();
        let signals = self.signals.clone();
        let session = Arc::clone(&self.session);
        let mut bar = Bar::watch(&session, self.options.progress && !self.options.quiet);
        let work = self.run_statement(&parsed, file, stats, &mut bar);
        let limit = async {
            match timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            interrupt = signals.wait() => Ok(Ended::Stopped(interrupt)),
            () = limit => {
                let limit = humantime::format_duration(timeout.unwrap_or_default());
                Err(Error::new(ErrorKind::Timeout, format!("stopped after {limit}"))
                    .at(&parsed.source, parsed.span)
                    .help("--timeout or SET ostrich.execution.timeout allows more"))
            }
            outcome = work => outcome,
        }
    }

    async fn run_statement(
        &mut self,
        parsed: &ParsedStatement,
        file: Option<&str>,
        stats: &mut StatementStats,
        bar: &mut Bar,
    ) -> Result<Ended> {
        match self.session.execute(parsed).await? {
            Outcome::Done { rows } => {
                bar.finish();
                if let Some(rows) = rows {
                    stats.rows = rows;
                    if !self.options.quiet {
                        eprintln!("{} {} written", rows, if rows == 1 { "row" } else { "rows" });
                    }
                }
                Ok(Ended::Done)
            }
            Outcome::Rows(rows) => {
                bar.finish();
                stats.planning_ms = rows.planning;
                for note in &rows.notes {
                    self.note(note);
                }
                self.show(rows, parsed, file, stats).await
            }
        }
    }

    /// Writes rows to where results go.
    async fn show(
        &mut self,
        rows: Rows,
        parsed: &ParsedStatement,
        file: Option<&str>,
        stats: &mut StatementStats,
    ) -> Result<Ended> {
        self.results += 1;
        let mut options = self.options.output.clone();
        let (mut writer, finished) = match &mut self.target {
            Target::Stdout => {
                (result_writer(&options, parsed, self.options.format_chosen, Box::new(std::io::stdout()))?, None)
            }
            Target::File(output) => {
                if options.format.is_binary() && self.results > 1 {
                    return Err(
                        Error::usage("a file of this format holds one result").help("-o DIR/ writes a file a result")
                    );
                }
                options.destination = output.destination();
                (result_writer(&options, parsed, self.options.format_chosen, output.sink()?)?, None)
            }
            Target::Folder(folder) => {
                let output = OutputFile::create(result_file(folder, file, self.results, options.format))?;
                options.destination = output.destination();
                (result_writer(&options, parsed, self.options.format_chosen, output.sink()?)?, Some(output))
            }
            Target::Pipe(child) => {
                let sink: Box<dyn Write + Send> = match child.stdin.as_ref().map(clone_pipe) {
                    Some(pipe) => pipe?,
                    None => Box::new(std::io::sink()),
                };
                (result_writer(&options, parsed, self.options.format_chosen, sink)?, None)
            }
        };
        let capped =
            options.max_rows.is_some() && matches!(options.format, Format::Table | Format::Markdown | Format::Vertical);
        let wants_more = stream_rows(rows, writer.as_mut(), &parsed.source, stats).await?;
        if let Some(output) = finished {
            output.commit()?;
        }
        if !wants_more && !capped && options.format != Format::None {
            return Ok(Ended::Unread);
        }
        Ok(Ended::Done)
    }

    /// Sends results elsewhere from now on; what was written so far to a file is kept.
    pub fn redirect(&mut self, target: Target) -> Result<()> {
        match std::mem::replace(&mut self.target, target) {
            Target::Stdout | Target::Folder(_) => Ok(()),
            Target::File(output) => output.commit(),
            Target::Pipe(mut child) => {
                drop(child.stdin.take());
                // The pager or program decides when it is done.
                let _ = child.wait();
                Ok(())
            }
        }
    }

    /// Ends the run: a file takes its name if all went well.
    pub fn finish(mut self, ended: Ended) -> Ended {
        match (ended, self.target) {
            (Ended::Done | Ended::Unread, target) => {
                self.target = Target::Stdout;
                let commit = match target {
                    Target::File(output) => output.commit(),
                    Target::Pipe(mut child) => {
                        drop(child.stdin.take());
                        let _ = child.wait();
                        Ok(())
                    }
                    Target::Stdout | Target::Folder(_) => Ok(()),
                };
                match commit {
                    Ok(()) => ended,
                    Err(error) => {
                        eprintln!("{}", errors::render(&error, self.options.color).trim_end());
                        Ended::Failed(error.kind().exit_code())
                    }
                }
            }
            (ended, _) => ended,
        }
    }
}

/// Writes rows as they come. Returns whether the reader would take more.
async fn stream_rows(
    mut rows: Rows,
    writer: &mut dyn RowWriter,
    source: &Arc<Source>,
    stats: &mut StatementStats,
) -> Result<bool> {
    writer.begin(&rows.schema())?;
    while writer.wants_more() {
        let Some(batch) = rows.stream.next().await else { break };
        let batch = batch.map_err(|error| in_statement(&error, source))?;
        stats.rows += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    let wants_more = writer.wants_more();
    drop(rows);
    writer.finish(&Summary::default())?;
    Ok(wants_more && writer.wants_more())
}

/// Plans and definitions are texts of several lines: shown as they are unless a format was asked for.
fn result_writer(
    options: &OutputOptions,
    parsed: &ParsedStatement,
    format_chosen: bool,
    sink: Box<dyn Write + Send>,
) -> Result<Box<dyn RowWriter>> {
    let plain = !format_chosen || options.format == Format::Table;
    if plain && text_result::is_text(&parsed.statement) {
        return Ok(Box::new(text_result::TextWriter::new(sink)));
    }
    writer(options, sink)
}

fn clone_pipe(stdin: &std::process::ChildStdin) -> Result<Box<dyn Write + Send>> {
    use std::os::fd::AsFd;
    let descriptor = stdin
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| Error::storage(format!("cannot write to the program: {error}")))?;
    Ok(Box::new(std::fs::File::from(descriptor)))
}

/// `out/q05.csv` for the first result of `queries/q05.sql`, `out/q05_2.csv` for the second.
fn result_file(folder: &Path, file: Option<&str>, number: u64, format: Format) -> PathBuf {
    let stem = file
        .and_then(|file| Path::new(file).file_stem())
        .map_or_else(|| "result".into(), |stem| stem.to_string_lossy());
    let extension = match format {
        Format::Table | Format::Vertical | Format::None => "txt",
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Json => "json",
        Format::Jsonl => "jsonl",
        Format::Markdown => "md",
        Format::Parquet => "parquet",
        Format::Arrow => "arrow",
    };
    match number {
        1 => folder.join(format!("{stem}.{extension}")),
        number => folder.join(format!("{stem}_{number}.{extension}")),
    }
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{:.3} ms", duration.as_secs_f64() * 1e3),
        1..60 => format!("{:.3} s", duration.as_secs_f64()),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_after_their_query_file() {
        let folder = Path::new("out");
        assert_eq!(result_file(folder, Some("queries/q05.sql"), 1, Format::Csv), Path::new("out/q05.csv"));
        assert_eq!(result_file(folder, Some("queries/q05.sql"), 2, Format::Parquet), Path::new("out/q05_2.parquet"));
        assert_eq!(result_file(folder, None, 1, Format::Jsonl), Path::new("out/result.jsonl"));
    }

    #[test]
    fn the_first_failure_gives_the_exit_code() {
        assert_eq!(Ended::Failed(3).exit_code(), 3);
        assert_eq!(Ended::Stopped(Interrupt::Terminated).exit_code(), 143);
        assert!(Ended::Failed(1).goes_on(OnError::Continue));
        assert!(!Ended::Failed(1).goes_on(OnError::Stop));
        assert!(!Ended::Unread.goes_on(OnError::Continue));
    }
}
