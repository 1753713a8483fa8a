//! `ostrich explain`: what the queries of a script need, as text or JSON.
//!
//! A query may read what the statements before it make. Statements without a query are run for that, and CREATE VIEW too; none that
//! writes data is. In a lasting catalog an explanation changes nothing: there only SET, RESET and USE are run.

use serde::Serialize;

use crate::cli::app::read;
use crate::cli::args::{CommonArguments, ExplainArguments, Script};
use crate::cli::meta::Meta;
use crate::cli::output::Format;
use crate::cli::runner::{Ended, MetaCommands, Runner, within_limits};
use crate::error::{Error, ErrorKind, Result};
use crate::explain::report::Report;
use crate::explain::text;
use crate::explain::verify::Comparison;
use crate::sql::dialect::Dialect;
use crate::sql::splitter::{Piece, PieceKind};
use crate::sql::statement::{ParsedStatement, Statement};

/// Explains every query of the scripts.
pub(in crate::cli) async fn run(
    arguments: &ExplainArguments,
    common: &CommonArguments,
    scripts: &[Script],
    runner: &mut Runner,
    meta: &mut Meta,
    lasting: bool,
) -> Result<Ended> {
    let json = is_json(runner, common.format_typed)?;
    let mut pieces = Vec::new();
    for script in scripts {
        let (source, file) = read(script)?;
        if let Some(dialect) = Dialect::of_file(source.name()) {
            runner.session.set_dialect(dialect);
        }
        let of_script = runner.session.split(&source).into_iter().filter(|piece| piece.kind() != PieceKind::Blank);
        pieces.push((of_script.collect::<Vec<_>>(), file));
    }
    let several = pieces.iter().map(|(pieces, _)| pieces.len()).sum::<usize>() > 1;
    let mut explain = Explain { arguments, lasting, json, several, explained: Vec::new(), texts: 0 };
    let mut ended = Ended::Done;
    'scripts: for (pieces, file) in pieces {
        for piece in pieces {
            let this = match explain.piece(&piece, file.as_deref(), runner, meta).await {
                Ok(ended) => ended,
                Err(error) => runner.failed(&error),
            };
            if this == Ended::Quit {
                break;
            }
            if ended == Ended::Done || matches!(this, Ended::Stopped(_) | Ended::Unread) {
                ended = this;
            }
            // That rows differ is an answer, and no reason to leave the others unanswered.
            let differs = this == Ended::Failed(ErrorKind::Check.exit_code());
            if !differs && !this.goes_on(runner.options.on_error) {
                break 'scripts;
            }
        }
    }
    let text = match explain.explained.as_slice() {
        _ if !json => return Ok(ended),
        [] if ended != Ended::Done => return Ok(ended),
        [one] => serde_json::to_string_pretty(one),
        all => serde_json::to_string_pretty(all),
    };
    let text = text.map_err(|error| Error::statement(format!("the report cannot be written: {error}")))?;
    match runner.print(&format!("{text}\n"))? {
        Ended::Done => Ok(ended),
        other => Ok(other),
    }
}

/// `typed`: the format stands on the command line.
fn is_json(runner: &Runner, typed: bool) -> Result<bool> {
    match runner.output_options().format {
        Format::Json | Format::Jsonl => Ok(true),
        Format::Table => Ok(false),
        // A setting for results is none for reports.
        _ if !runner.options.format_chosen || !typed => Ok(false),
        _ => Err(Error::usage("an explanation is written as text or json").help("--format text or --format json")),
    }
}

struct Explain<'a> {
    arguments: &'a ExplainArguments,
    /// The catalog is not this process's own.
    lasting: bool,
    json: bool,
    /// There may be more than one query: each has its place in front.
    several: bool,
    explained: Vec<Explained>,
    /// Texts that were written.
    texts: usize,
}

/// One query.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<Comparison>,
}

impl Explain<'_> {
    async fn piece(
        &mut self,
        piece: &Piece,
        file: Option<&str>,
        runner: &mut Runner,
        meta: &mut Meta,
    ) -> Result<Ended> {
        if piece.kind() == PieceKind::MetaCommand || meta.is_command(piece) {
            return Ok(runner.run_piece(piece, file, meta).await);
        }
        let parsed = runner.session.parse(piece)?;
        let mut ended = Ended::Done;
        if parsed.statement.query().is_some() {
            ended = self.query(&parsed, runner).await?;
        }
        if ended == Ended::Done && self.is_run(&parsed.statement) {
            ended = runner.run_statement_piece(piece, file).await;
        }
        Ok(ended)
    }

    /// Whether queries further down may need what this statement does.
    fn is_run(&self, statement: &Statement) -> bool {
        match statement {
            Statement::Set(_) | Statement::Reset(_) | Statement::Use(_) => true,
            Statement::CreateDatabase(_)
            | Statement::DropDatabase(_)
            | Statement::CreateView(_)
            | Statement::AlterTable(_)
            | Statement::Drop(_) => !self.lasting,
            Statement::CreateTable(create) => !self.lasting && create.query.is_none(),
            _ => false,
        }
    }

    async fn query(&mut self, parsed: &ParsedStatement, runner: &mut Runner) -> Result<Ended> {
        let session = &runner.session;
        let (analyze, verify) = (self.arguments.analyze, self.arguments.verify);
        let work = async {
            let report = session.tune(parsed, analyze).await?;
            let verified = match verify {
                true => Some(session.verify(parsed).await?),
                false => None,
            };
            Ok::<_, Error>(Explained { report, verified })
        };
        let explained = match within_limits(&runner.signals, session.timeout(), parsed, work).await? {
            Ok(explained) => explained,
            Err(interrupt) => return Ok(Ended::Stopped(interrupt)),
        };
        let differs = explained.verified.as_ref().is_some_and(|verified| !verified.is_same());
        if self.json {
            self.explained.push(explained);
        } else {
            let written = runner.print(&self.text(&explained, parsed, runner.output_options().color))?;
            if written != Ended::Done {
                return Ok(written);
            }
        }
        match differs {
            true => {
                let error = Error::new(ErrorKind::Check, "the rows with pruning are not those without it")
                    .at(&parsed.source, parsed.span)
                    .help("a constraint that is trusted (RELY) may not hold; if none is used, this is a defect of Ostrich")
                    .help("queries with random(), now() or a LIMIT without an order may differ by right");
                Ok(runner.failed(&error))
            }
            false => Ok(Ended::Done),
        }
    }

    fn text(&mut self, explained: &Explained, parsed: &ParsedStatement, color: bool) -> String {
        let mut text = String::new();
        if self.several {
            let space = if self.texts > 0 { "\n" } else { "" };
            let start = parsed.span.start;
            text.push_str(&format!("{space}-- {}:{}:{}\n", parsed.source.name(), start.line, start.column));
        }
        self.texts += 1;
        text.push_str(&text::render(&explained.report, color));
        if let Some(verified) = &explained.verified {
            text.push_str(&text::render_comparison(verified, color));
        }
        text
    }
}
