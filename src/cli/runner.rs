//! Runs statements and shows what they give: for scripts and for the shell alike.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use futures::future::LocalBoxFuture;

use super::config::OnError;
use super::errors;
use super::output::file::OutputFile;
use super::output::stats::StatementStats;
use super::output::{Format, OutputOptions, RowWriter, Summary, writer};
use super::progress::Bar;
use super::shell::fitting::FittingWriter;
use super::shell::pager::PagedScreen;
use super::signals::{Interrupt, Signals};
use super::target::{Target, result_file};
use super::text_result;
use crate::error::datafusion::in_statement;
use crate::error::{Error, ErrorKind, Result};
use crate::execution::scan_totals;
use crate::session::{Outcome, Rows, Session, cast_places};
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, PieceKind};
use crate::sql::statement::{ParsedStatement, Statement, Tune, TuneForm};

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
    /// Whether rows are shown one line a column in place of a table.
    pub expanded: Expanded,
    /// Whether results that are longer than the screen go through a pager.
    pub pager: bool,
}

/// `\x`: one line a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expanded {
    #[default]
    Off,
    On,
    /// Where a table would be wider than the screen.
    Auto,
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
    /// `\q`: the rest of this script, or the shell, is not wanted.
    Quit,
}

impl Ended {
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Done | Ended::Unread | Ended::Quit => 0,
            Ended::Failed(code) => code,
            Ended::Stopped(interrupt) => interrupt.exit_code(),
        }
    }

    /// Whether what comes next is still to be run.
    pub(super) fn goes_on(self, on_error: OnError) -> bool {
        match self {
            Ended::Done => true,
            Ended::Failed(_) => on_error == OnError::Continue,
            Ended::Stopped(_) | Ended::Unread | Ended::Quit => false,
        }
    }
}

/// Runs statements one after the other on one session.
pub struct Runner {
    pub session: Arc<Session>,
    pub options: RunOptions,
    pub signals: Signals,
    /// The statement that was run last, whatever came of it.
    pub last: Option<LastRun>,
    /// Counts the statements that may have changed what tables there are and what columns they have.
    pub changes: u64,
    /// A statement without `;` that waits for the command behind it: `SELECT 1 \gx`.
    pub pending: Option<Piece>,
    target: Target,
    /// The format that goes with the target, where its name tells one: `\o x.csv`.
    target_format: Option<Format>,
    /// Statements so far, over all scripts.
    statements: u64,
    /// Results so far in the current script, for names of files.
    results: u64,
    /// Results so far at the target, over all scripts.
    shown: u64,
    /// What the user was told about how the current statement is run.
    notes: Vec<String>,
    /// The joins that were not done.
    dropped: Vec<String>,
}

/// A statement that was run, and what is known of it.
#[derive(Debug, Clone)]
pub struct LastRun {
    pub piece: Piece,
    pub stats: StatementStats,
    pub notes: Vec<String>,
    /// The joins that were not needed and so were not done, a sentence each.
    pub dropped: Vec<String>,
}

/// What runs the commands to the shell that a script may hold.
pub trait MetaCommands: Send {
    /// Whether `piece` is a command although it does not begin with `\`: `quit;`, `source more.sql;`.
    fn is_command(&self, piece: &Piece) -> bool;

    /// Runs the command in `piece`.
    fn run_meta<'a>(&'a mut self, runner: &'a mut Runner, piece: &'a Piece) -> LocalBoxFuture<'a, Result<Ended>>;
}

impl Runner {
    pub fn new(session: Arc<Session>, options: RunOptions, signals: Signals, target: Target) -> Self {
        Runner {
            session,
            options,
            signals,
            last: None,
            changes: 0,
            pending: None,
            target,
            target_format: None,
            statements: 0,
            results: 0,
            shown: 0,
            notes: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Runs all statements of a script. `file`: its path, if it has one.
    pub async fn run_script(&mut self, source: &Arc<Source>, file: Option<&str>, meta: &mut dyn MetaCommands) -> Ended {
        // A statement that waits outside is none of this script's.
        let outer = self.pending.take();
        let around = self.session.dialect();
        let own = file.and_then(Dialect::of_file);
        if let Some(own) = own {
            self.session.set_dialect(own);
        }
        let ended = self.run_pieces(source, file, meta).await;
        if own.is_some() {
            self.session.set_dialect(around);
        }
        self.pending = outer;
        ended
    }

    async fn run_pieces(&mut self, source: &Arc<Source>, file: Option<&str>, meta: &mut dyn MetaCommands) -> Ended {
        self.results = 0;
        let mut ended = Ended::Done;
        let mut dialect = self.session.dialect();
        let mut pieces = self.session.split(source);
        let mut next = 0;
        while let Some(piece) = pieces.get(next) {
            next += 1;
            let this = self.run_piece(piece, file, meta).await;
            if this == Ended::Quit {
                return ended;
            }
            if ended == Ended::Done || matches!(this, Ended::Stopped(_) | Ended::Unread) {
                ended = this;
            }
            if !this.goes_on(self.options.on_error) {
                return ended;
            }
            // SET ostrich.dialect changes how the rest is read.
            if self.session.dialect() != dialect {
                dialect = self.session.dialect();
                let rest = pieces.get(next).map_or(source.text().len(), Piece::start);
                pieces = crate::sql::splitter::split_from(source, dialect, rest);
                next = 0;
            }
        }
        // No command ran it, and nothing follows: it is the last statement.
        match self.pending.take() {
            Some(piece) if ended == Ended::Done => self.run_statement_piece(&piece, file).await,
            _ => ended,
        }
    }

    /// Runs one piece of a script and reports its failure.
    pub async fn run_piece(&mut self, piece: &Piece, file: Option<&str>, meta: &mut dyn MetaCommands) -> Ended {
        match piece.kind() {
            PieceKind::Blank => Ended::Done,
            PieceKind::Pending => {
                self.pending = Some(piece.clone());
                Ended::Done
            }
            PieceKind::MetaCommand => self.run_command(piece, meta).await,
            _ if meta.is_command(piece) => self.run_command(piece, meta).await,
            PieceKind::Statement | PieceKind::LastStatement | PieceKind::Unfinished => {
                if let Some(open) = self.pending.take() {
                    let error = Error::statement("this statement has no end: a command stands in it")
                        .at(open.source(), open.span())
                        .help("end it with ; or with \\g before the command");
                    return self.failed(&error);
                }
                self.run_statement_piece(piece, file).await
            }
        }
    }

    async fn run_command(&mut self, piece: &Piece, meta: &mut dyn MetaCommands) -> Ended {
        match meta.run_meta(self, piece).await {
            Ok(ended) => ended,
            Err(error) => self.failed(&error.at(piece.source(), piece.span())),
        }
    }

    /// Runs a statement, whatever it is, and reports its failure.
    pub async fn run_statement_piece(&mut self, piece: &Piece, file: Option<&str>) -> Ended {
        self.run_or_tune(piece, None, file).await
    }

    /// Explains a statement as EXPLAIN TUNE or EXPLAIN RULES in front of it would, and reports its failure. It keeps its places.
    pub async fn tune_statement_piece(&mut self, piece: &Piece, form: TuneForm) -> Ended {
        self.run_or_tune(piece, Some(form), None).await
    }

    async fn run_or_tune(&mut self, piece: &Piece, form: Option<TuneForm>, file: Option<&str>) -> Ended {
        self.statements += 1;
        self.notes.clear();
        self.dropped.clear();
        let mut stats = StatementStats {
            statement: self.statements,
            file: file.map(str::to_string),
            line: piece.span().start.line,
            ..StatementStats::default()
        };
        let start = Instant::now();
        let outcome = self.run_within_limits(piece, form, file, &mut stats).await;
        stats.elapsed_ms = start.elapsed();
        stats.peak_memory_bytes = self.session.peak_memory() as u64;
        if let Some(plan) = self.session.running_plan() {
            let totals = scan_totals(&plan);
            stats.bytes_scanned = totals.bytes_scanned;
            stats.files_scanned = totals.files_scanned;
        }
        if !matches!(stats.kind.as_str(), "" | "select" | "explain" | "show" | "describe" | "set" | "reset") {
            self.changes += 1;
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
        self.last = Some(LastRun {
            piece: piece.clone(),
            stats,
            notes: std::mem::take(&mut self.notes),
            dropped: std::mem::take(&mut self.dropped),
        });
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

    /// Answers a command that changed something: `Timing is on.`
    pub fn say(&self, text: &str) {
        if !self.options.quiet {
            eprintln!("{text}");
        }
    }

    async fn run_within_limits(
        &mut self,
        piece: &Piece,
        form: Option<TuneForm>,
        file: Option<&str>,
        stats: &mut StatementStats,
    ) -> Result<Ended> {
        let mut parsed = self.session.parse(piece)?;
        if let Some(form) = form {
            parsed.statement = tuned(parsed.statement, form).map_err(|error| error.at(&parsed.source, parsed.span))?;
        }
        stats.kind = parsed.statement.kind().to_string();
        let signals = self.signals.clone();
        let session = Arc::clone(&self.session);
        let mut bar = Bar::watch(&session, self.options.progress && !self.options.quiet);
        let work = self.run_statement(&parsed, file, stats, &mut bar);
        let done = within_limits(&signals, session.timeout(), &parsed, work).await?;
        Ok(done.unwrap_or_else(Ended::Stopped))
    }

    async fn run_statement(
        &mut self,
        parsed: &ParsedStatement,
        file: Option<&str>,
        stats: &mut StatementStats,
        bar: &mut Bar,
    ) -> Result<Ended> {
        let is_plain = !self.options.format_chosen || self.output_options().format == Format::Table;
        let color = is_plain && self.output_options().color;
        for note in &parsed.notes {
            self.note(note);
        }
        match self.session.execute_in_color(parsed, color).await? {
            Outcome::Done { rows } => {
                bar.finish();
                if let Some(rows) = rows {
                    stats.rows = rows;
                    if !self.options.quiet {
                        let done = match parsed.statement.kind() {
                            "delete" => "deleted",
                            "update" => "updated",
                            _ => "written",
                        };
                        eprintln!("{} {} {done}", rows, if rows == 1 { "row" } else { "rows" });
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
                self.notes = parsed.notes.iter().chain(&rows.notes).cloned().collect();
                self.dropped.clone_from(&rows.dropped);
                let shown = self.show(rows, text_result::is_text(&parsed.statement), &parsed.source, file, stats).await;
                shown.map_err(|error| cast_places::point(error, parsed)).map_err(|error| match error.kind() {
                    ErrorKind::Usage => error.at(&parsed.source, parsed.span),
                    _ => error,
                })
            }
        }
    }

    /// Writes rows to where results go. `is_text`: they are lines of a text.
    async fn show(
        &mut self,
        rows: Rows,
        is_text: bool,
        source: &Arc<Source>,
        file: Option<&str>,
        stats: &mut StatementStats,
    ) -> Result<Ended> {
        self.results += 1;
        self.shown += 1;
        let options = self.output_options();
        let mut finished = None;
        let sink = match &self.target {
            Target::Folder(folder) => {
                let output = OutputFile::create(result_file(folder, file, self.results, options.format))?;
                finished.insert(output).sink()?
            }
            _ if options.format.is_binary() && self.shown > 1 => {
                return Err(Error::usage("a file of this format holds one result, and this would be the second")
                    .help("-o DIR/ writes a file a result"));
            }
            _ => self.sink()?,
        };
        let plain = !self.options.format_chosen || options.format == Format::Table;
        let mut writer: Box<dyn RowWriter> = if is_text && plain {
            Box::new(text_result::TextWriter::new(sink))
        } else if self.options.expanded == Expanded::Auto && options.format == Format::Table {
            Box::new(FittingWriter::new(options.clone(), sink))
        } else {
            writer(&options, sink)?
        };
        let capped =
            options.max_rows.is_some() && matches!(options.format, Format::Table | Format::Markdown | Format::Vertical);
        let wants_more = stream_rows(rows, writer.as_mut(), source, stats).await?;
        drop(writer);
        if let Some(output) = finished {
            output.commit()?;
        }
        if !wants_more && !capped && options.format != Format::None {
            return Ok(Ended::Unread);
        }
        Ok(Ended::Done)
    }

    /// Shows what a command answers: all its rows, in the format and at the place of results.
    pub async fn show_batch(&mut self, batch: RecordBatch) -> Result<Ended> {
        let schema = batch.schema();
        let stream = RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)]));
        let rows = Rows {
            stream: Box::pin(stream),
            plan: None,
            planning: Duration::ZERO,
            notes: Vec::new(),
            dropped: Vec::new(),
        };
        let cap = self.options.output.max_rows.take();
        let source = Source::new("", "");
        let shown = self.show(rows, false, &source, None, &mut StatementStats::default()).await;
        self.options.output.max_rows = cap;
        shown
    }

    /// Shows what a statement gave that a command has run.
    pub async fn show_outcome(&mut self, outcome: Outcome, parsed: &ParsedStatement) -> Result<Ended> {
        match outcome {
            Outcome::Done { .. } => Ok(Ended::Done),
            Outcome::Rows(rows) => {
                let is_text = text_result::is_text(&parsed.statement);
                self.show(rows, is_text, &parsed.source, None, &mut StatementStats::default()).await
            }
        }
    }

    /// Shows a text in the place of results.
    pub fn print(&self, text: &str) -> Result<Ended> {
        write_all(self.sink()?.as_mut(), text.as_bytes())
    }

    /// How results look at the place where they go now.
    pub fn output_options(&self) -> OutputOptions {
        let mut options = self.target.options(&self.options.output);
        if let Some(format) = self.target_format {
            options.format = format;
        }
        if self.options.expanded == Expanded::On && options.format == Format::Table {
            options.format = Format::Vertical;
        }
        options
    }

    /// The bytes' way out. Results that are files of their own have another.
    fn sink(&self) -> Result<Box<dyn Write + Send>> {
        match &self.target {
            Target::Stdout | Target::Folder(_) if self.options.pager => Ok(Box::new(PagedScreen::new(&self.signals))),
            Target::Stdout | Target::Folder(_) => Ok(Box::new(std::io::stdout())),
            Target::File(output) => output.sink(),
            Target::Pipe(child) => Target::pipe(child),
        }
    }

    /// Sends results elsewhere from now on; what was written so far to a file is kept. `format`: what goes with the
    /// target, unless the user has chosen one.
    ///
    /// # Errors
    ///
    /// Storage, if what was written so far cannot be kept; results go to the new place all the same.
    pub fn redirect(&mut self, target: Target, format: Option<Format>) -> Result<()> {
        self.target_format = format.filter(|_| !self.options.format_chosen);
        self.results = 0;
        self.shown = 0;
        std::mem::replace(&mut self.target, target).close()
    }

    /// Runs the statement with its result sent elsewhere, only this once.
    pub async fn run_redirected(&mut self, piece: &Piece, target: Target, format: Option<Format>) -> Ended {
        let format = format.filter(|_| !self.options.format_chosen);
        let usual = (std::mem::replace(&mut self.target, target), std::mem::replace(&mut self.target_format, format));
        let counts = (std::mem::take(&mut self.results), std::mem::take(&mut self.shown));
        let ended = self.run_statement_piece(piece, None).await;
        (self.results, self.shown) = counts;
        let once = std::mem::replace(&mut self.target, usual.0);
        self.target_format = usual.1;
        match (ended, once) {
            // A file of half a result does not take its name.
            (Ended::Failed(_) | Ended::Stopped(_), Target::File(_)) => ended,
            (_, once) => match once.close() {
                Ok(()) => ended,
                Err(error) => self.failed(&error),
            },
        }
    }

    /// Ends the run: a file takes its name if all went well.
    pub fn finish(mut self, ended: Ended) -> Ended {
        match ended {
            Ended::Done | Ended::Unread | Ended::Quit => match self.redirect(Target::Stdout, None) {
                Ok(()) => ended,
                Err(error) => self.failed(&error),
            },
            Ended::Failed(_) | Ended::Stopped(_) => {
                if let Target::File(output) = &self.target
                    && self.shown > 0
                {
                    self.note(&format!("{} was not written: not all statements were run", output.path().display()));
                }
                ended
            }
        }
    }
}

/// Writes a text that is no result.
pub(super) fn write_all(sink: &mut dyn Write, text: &[u8]) -> Result<Ended> {
    match sink.write_all(text).and_then(|()| sink.flush()) {
        Ok(()) => Ok(Ended::Done),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Ended::Unread),
        Err(error) => Err(Error::storage(format!("cannot write the output: {error}"))),
    }
}

/// The statement with EXPLAIN TUNE or EXPLAIN RULES in front of it.
fn tuned(statement: Statement, form: TuneForm) -> Result<Statement> {
    match statement {
        Statement::Tune(tune) => Ok(Statement::Tune(tune)),
        Statement::Explain(explain) => tuned(explain.statement, form),
        statement if statement.query().is_some() => Ok(Statement::Tune(Box::new(Tune { form, statement }))),
        _ => Err(Error::statement("there is no query in this statement to explain")),
    }
}

/// Does the work on a statement unless a signal comes first.
///
/// # Errors
///
/// Those of the work, and that the time is up.
pub(super) async fn within_limits<T>(
    signals: &Signals,
    timeout: Option<Duration>,
    parsed: &ParsedStatement,
    work: impl Future<Output = Result<T>>,
) -> Result<std::result::Result<T, Interrupt>> {
    let limit = async {
        match timeout {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        interrupt = signals.wait() => Ok(Err(interrupt)),
        () = limit => {
            let limit = humantime::format_duration(timeout.unwrap_or_default());
            Err(Error::new(ErrorKind::Timeout, format!("stopped after {limit}"))
                .at(&parsed.source, parsed.span)
                .help("--timeout or SET ostrich.execution.timeout allows more"))
        }
        outcome = work => outcome.map(Ok),
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

pub(super) fn in_words(duration: Duration) -> String {
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
    fn the_first_failure_gives_the_exit_code() {
        assert_eq!(Ended::Failed(3).exit_code(), 3);
        assert_eq!(Ended::Stopped(Interrupt::Terminated).exit_code(), 143);
        assert!(Ended::Failed(1).goes_on(OnError::Continue));
        assert!(!Ended::Failed(1).goes_on(OnError::Stop));
        assert!(!Ended::Unread.goes_on(OnError::Continue));
    }
}
