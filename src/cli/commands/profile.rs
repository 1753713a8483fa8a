//! `ostrich profile TABLE|FILE…`: columns, keys and foreign keys, as rows or as statements to paste.

use datafusion::arrow::array::RecordBatch;

use crate::cli::args::ProfileArguments;
use crate::cli::meta::batch;
use crate::cli::output::{Format, OutputOptions};
use crate::cli::runner::{Ended, Runner};
use crate::cli::shell::fitting::render;
use crate::error::{Error, ErrorKind, Result};
use crate::profile::{ColumnFacts, Profile, ProfileRequest, ProfileSource, TableProfile, ddl, profile, rows};

/// Values are shown up to so many characters: a table has to fit on a screen.
const SHOWN: usize = 24;

pub(in crate::cli) async fn run(arguments: &ProfileArguments, runner: &mut Runner) -> Ended {
    let request = ProfileRequest { names: arguments.tables.clone(), sample: arguments.sample, exact: arguments.exact };
    match show(&request, arguments.emit_ddl, runner).await {
        Ok(ended) => ended,
        Err(error) => runner.failed(&error),
    }
}

/// Looks, and shows what was found where results go.
pub(in crate::cli) async fn show(request: &ProfileRequest, emit_ddl: bool, runner: &mut Runner) -> Result<Ended> {
    let session = std::sync::Arc::clone(&runner.session);
    let timeout = session.timeout();
    let limit = async {
        match timeout {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let found = tokio::select! {
        biased;
        interrupt = runner.signals.wait() => return Ok(Ended::Stopped(interrupt)),
        () = limit => {
            let limit = humantime::format_duration(timeout.unwrap_or_default());
            return Err(Error::new(ErrorKind::Timeout, format!("stopped after {limit}"))
                .help("--sample looks at some of the rows only; --timeout allows more"));
        }
        found = profile(&session, request) => found?,
    };
    for note in &found.notes {
        runner.note(note);
    }
    if emit_ddl {
        return runner.print(&ddl::statements(&found));
    }
    let options = runner.output_options();
    if matches!(options.format, Format::Table | Format::Markdown | Format::Vertical) {
        let text = for_eyes(&found, &OutputOptions { max_rows: None, ..options })?;
        return runner.print(&text);
    }
    runner.show_batch(rows::rows(&found)?).await
}

/// For each table its columns, then its keys and foreign keys.
fn for_eyes(profile: &Profile, options: &OutputOptions) -> Result<String> {
    let mut text = String::new();
    for table in &profile.tables {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &title(table);
        text += &grid(columns(table)?, options)?;
        if table.keys.is_empty() && table.references.is_empty() {
            text += "No keys and no foreign keys were found.\n";
        } else {
            text += &grid(constraints(table)?, options)?;
        }
    }
    Ok(text)
}

fn grid(rows: RecordBatch, options: &OutputOptions) -> Result<String> {
    render(options, &rows.schema(), &[rows])
}

fn title(table: &TableProfile) -> String {
    let name = match &table.source {
        ProfileSource::Table(name) => format!("Table {name}"),
        ProfileSource::View(name) => format!("View {name}"),
        ProfileSource::File(file) => format!("File {}", file.location),
    };
    match table.sample {
        None => format!("{name}: {}\n", counted(table.rows)),
        Some(sample) => format!("{name}: a sample of {} ({sample}), which proves nothing\n", counted(table.rows)),
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_string() } else { format!("{rows} rows") }
}

fn columns(table: &TableProfile) -> Result<RecordBatch> {
    let all = &table.columns;
    let texts = |of: &dyn Fn(&ColumnFacts) -> Option<String>| all.iter().map(of).collect::<Vec<_>>();
    batch(vec![
        ("column_name", texts(&|column| Some(column.name.clone()))),
        ("data_type", texts(&|column| Some(crate::sql::types::display_name(&column.data_type)))),
        ("nulls", texts(&|column| Some(column.nulls.to_string()))),
        ("distinct", texts(&distinct)),
        ("min", texts(&|column| column.min.as_ref().map(|value| cut(&rows::value_text(value))))),
        ("max", texts(&|column| column.max.as_ref().map(|value| cut(&rows::value_text(value))))),
        ("top values", texts(&|column| or_blank(top(column)))),
    ])
}

/// `~` stands before an estimate.
fn distinct(column: &ColumnFacts) -> Option<String> {
    column.distinct.map(|distinct| match distinct.exact {
        true => distinct.count.to_string(),
        false => format!("~{}", distinct.count),
    })
}

fn top(column: &ColumnFacts) -> Option<String> {
    if column.top.is_empty() {
        return None;
    }
    let about = if column.top_is_exact { "" } else { "~" };
    let values = column.top.iter().map(|(value, count)| format!("{} ({about}{count})", cut(&rows::value_text(value))));
    Some(values.collect::<Vec<_>>().join(", "))
}

fn constraints(table: &TableProfile) -> Result<RecordBatch> {
    let keys = table.keys.iter().map(|key| (&key.kind, rows::note(key.weak, key.declared.as_deref())));
    let references = table.references.iter();
    let references = references.map(|found| (&found.kind, rows::note(found.weak, found.declared.as_deref())));
    let all: Vec<_> = keys.chain(references).collect();
    let note = |note: &Option<String>| match (table.sample, note) {
        (None, note) => note.clone(),
        (Some(_), None) => Some("sample".to_string()),
        (Some(_), Some(note)) => Some(format!("sample; {note}")),
    };
    let has_notes = all.iter().any(|(_, of_this)| note(of_this).is_some());
    let has_references = !table.references.is_empty();
    let mut columns = vec![
        ("found", all.iter().map(|(kind, _)| Some(kind.keywords().to_string())).collect::<Vec<_>>()),
        ("columns", all.iter().map(|(kind, _)| Some(kind.columns().join(", "))).collect()),
    ];
    if has_references {
        columns.push(("references", all.iter().map(|(kind, _)| or_blank(rows::references(kind))).collect()));
    }
    if has_notes {
        columns.push(("note", all.iter().map(|(_, of_this)| or_blank(note(of_this))).collect()));
    }
    batch(columns)
}

/// What there is nothing to say about stays empty: NULL would be a value.
fn or_blank(text: Option<String>) -> Option<String> {
    text.or_else(|| Some(String::new()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_string(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}
