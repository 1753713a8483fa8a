//! `ostrich generate tpch|tpcds`: test data.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::args::{CommonArguments, GenerateArguments};
use crate::cli::runner::Ended;
use crate::cli::signals::Signals;
use crate::error::{Error, Result};
use crate::generate;

pub(in crate::cli) async fn run(arguments: &GenerateArguments, common: &CommonArguments) -> Result<Ended> {
    let request = arguments.request(common)?;
    let bar =
        if std::io::stderr().is_terminal() && !common.quiet { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{msg:>24} {bar:30.cyan/dim} {human_pos} rows") {
        bar.set_style(style);
    }
    let watched = bar.clone();
    let signals = Signals::listen()?;
    let signals_seen = signals.clone();
    // Making data is work for the processor alone: it has a thread of its own.
    let report = tokio::task::spawn_blocking(move || {
        generate::generate(&request, &mut |progress: generate::Progress<'_>| {
            watched.set_length(progress.expected_rows.max(1));
            watched.set_position(progress.rows);
            watched.set_message(format!("{} ({} of {})", progress.table, progress.table_number, progress.tables));
            if signals_seen.arrived().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    })
    .await
    .map_err(|error| Error::statement(format!("making data stopped: {error}")))?;
    bar.finish_and_clear();
    if let Some(interrupt) = signals.arrived() {
        return Ok(Ended::Stopped(interrupt));
    }
    let report = report?;
    if !common.quiet {
        for table in &report.tables {
            eprintln!("{}: {} rows, {}", table.path.display(), table.rows, bytesize::ByteSize(table.bytes));
        }
    }
    Ok(Ended::Done)
}
