//! Test data: the tables of TPC-H and TPC-DS as Parquet or CSV files, the same rows that the official generators make.
//!
//! One thread makes rows and reads them into batches, the other encodes and writes: about half the work each, and
//! memory is bounded by a few batches and one row group, besides the 300 MB of text that TPC-H takes its comments from.
//! The files of a run get their names together at its end.

mod file;
mod rows;
mod schema;
mod tpcds;
mod tpch;

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use self::file::{OVERWRITE_HELP, TableFile, io_error};
use self::rows::{BatchReader, RowSource};
use crate::error::{Error, ErrorKind, Result};
use crate::names::nearest;

/// Batches that may wait for the writer.
const QUEUED_BATCHES: usize = 4;

/// A benchmark whose tables can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// 8 tables of an order business; 6 million line items at scale 1.
    Tpch,
    /// 24 tables of a retailer with three sales channels, and one about the generator.
    Tpcds,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Suite::Tpch => "TPC-H",
            Suite::Tpcds => "TPC-DS",
        })
    }
}

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Parquet,
    /// With a header line; NULL is an empty field.
    Csv,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        }
    }
}

/// What to make, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    pub suite: Suite,
    /// About the gigabytes of raw data; may be a fraction.
    pub scale: f64,
    /// The folder for the files, one per table; created if missing.
    pub output: PathBuf,
    /// The tables to make; empty for all.
    pub tables: Vec<String>,
    pub format: Format,
    /// Replace files that are there already.
    pub overwrite: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The table being made.
    pub table: &'a str,
    /// Its number, from 1.
    pub table_number: usize,
    /// How many tables there are.
    pub tables: usize,
    /// Rows written so far, over all tables.
    pub rows: u64,
    /// Rows to expect over all tables; the tables of order lines and of returns are estimated, within a few percent.
    pub expected_rows: u64,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub tables: Vec<GeneratedTable>,
}

/// One table's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedTable {
    pub name: &'static str,
    pub path: PathBuf,
    pub rows: u64,
    pub bytes: u64,
}

/// Makes the tables of a request and tells `progress` after every batch; `ControlFlow::Break` stops the run.
///
/// After a failure or a stop the folder is as it was: files get their names when all of them are whole.
///
/// # Errors
///
/// Usage: a scale or table the suite does not have, a file that exists already. Storage: a folder or file that cannot
/// be written, a full disk. Cancelled: `progress` said so.
pub fn generate(
    request: &GenerateRequest,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Report> {
    let ddl = match request.suite {
        Suite::Tpch => tpch::DDL,
        Suite::Tpcds => tpcds::DDL,
    };
    let tables = chosen_tables(request)?;
    if !request.overwrite {
        let exists = tables.iter().map(|table| target(request, table.name)).find(|path| path.exists());
        if let Some(path) = exists {
            return Err(Error::usage(format!("{} exists already", path.display())).help(OVERWRITE_HELP));
        }
    }
    let folder = Folder::create(&request.output)?;

    let mut state = Progress {
        table: "",
        table_number: 0,
        tables: tables.len(),
        rows: 0,
        expected_rows: tables.iter().map(|table| table.expected_rows).sum(),
    };
    let mut finished = Vec::with_capacity(tables.len());
    for table in tables {
        let name = table.name;
        state = Progress { table: name, table_number: state.table_number + 1, ..state };
        let rows_before = state.rows;
        let file = TableFile::create(target(request, name))?;
        let schema = schema::schema_of(ddl, name)?;
        write_table(table, &schema, &file, request.format, &mut |rows| {
            state.rows += rows;
            match progress(state) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "stopped; no file was changed")),
            }
        })?;
        finished.push((name, file, state.rows - rows_before));
    }

    let mut report = Report { tables: Vec::with_capacity(finished.len()) };
    for (name, file, rows) in finished {
        let (path, bytes) = file.publish(request.overwrite)?;
        report.tables.push(GeneratedTable { name, path, rows, bytes });
    }
    folder.keep();
    Ok(report)
}

/// The names of a suite's tables.
pub fn table_names(suite: Suite) -> Vec<&'static str> {
    // The names are the same at every scale.
    suite_tables(suite, 1.0).map(|tables| tables.iter().map(|table| table.name).collect()).unwrap_or_default()
}

fn target(request: &GenerateRequest, table: &str) -> PathBuf {
    request.output.join(format!("{table}.{}", request.format.extension()))
}

/// A table to make.
struct Table {
    name: &'static str,
    expected_rows: u64,
    /// A text that means NULL in the generator's rows, besides the empty one.
    null_text: &'static str,
    /// Starts the generator. Some are slow to start, so only the thread that reads the rows does it.
    open: Box<dyn FnOnce() -> Result<RowSource> + Send>,
}

impl Table {
    fn new(name: &'static str, expected_rows: u64, open: impl FnOnce() -> Result<RowSource> + Send + 'static) -> Self {
        Table { name, expected_rows, null_text: "", open: Box::new(open) }
    }

    fn null_text(self, null_text: &'static str) -> Self {
        Table { null_text, ..self }
    }
}

fn suite_tables(suite: Suite, scale: f64) -> Result<Vec<Table>> {
    let scales = match suite {
        Suite::Tpch => tpch::SCALES,
        Suite::Tpcds => tpcds::SCALES,
    };
    if !scales.contains(&scale) {
        return Err(Error::usage(format!("{suite} has no scale {scale}")).help(format!(
            "a scale is a number from {} to {}; scale 1 is about 1 GB of text",
            scales.start(),
            scales.end()
        )));
    }
    match suite {
        Suite::Tpch => Ok(tpch::tables(scale)),
        Suite::Tpcds => tpcds::tables(scale),
    }
}

/// The tables that a request names, in the suite's order, each once.
fn chosen_tables(request: &GenerateRequest) -> Result<Vec<Table>> {
    let mut tables = suite_tables(request.suite, request.scale)?;
    let wanted: Vec<String> = request.tables.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
    for name in &wanted {
        if !tables.iter().any(|table| table.name == name) {
            let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
            let error = Error::usage(format!("{} has no table \"{name}\"", request.suite));
            return Err(match nearest(name, names.iter().copied()) {
                Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
                None => error.help(format!("the tables are: {}", names.join(", "))),
            });
        }
    }
    if !wanted.is_empty() {
        tables.retain(|table| wanted.iter().any(|name| name == table.name));
    }
    Ok(tables)
}

/// Writes all rows of a table; tells `written` how many rows each batch had.
fn write_table(
    table: Table,
    schema: &SchemaRef,
    file: &TableFile,
    format: Format,
    written: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let name = table.name;
    let (batches, reader) = read_in_thread(table, SchemaRef::clone(schema))?;
    let mut writer = file.writer(schema, format)?;
    let result = batches.into_iter().try_for_each(|batch| {
        let batch = batch?;
        writer.write(&batch)?;
        written(batch.num_rows() as u64)
    });
    // The channel is closed now, so a reader that is not done ends with its next batch.
    if reader.join().is_err() {
        return Err(Error::statement(format!("the generator of {name} failed"))
            .help("please report this with the command you gave"));
    }
    result?;
    writer.finish()
}

type Batches = Receiver<Result<RecordBatch>>;

fn read_in_thread(table: Table, schema: SchemaRef) -> Result<(Batches, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(QUEUED_BATCHES);
    let reader = std::thread::Builder::new()
        .name(format!("generate {}", table.name))
        .spawn(move || {
            if let Err(error) = send_batches(table, schema, &sender) {
                // Nobody listens any more: the writer has its own error to report.
                let _ = sender.send(Err(error));
            }
        })
        .map_err(|error| Error::new(ErrorKind::Resources, format!("cannot start a thread: {error}")))?;
    Ok((receiver, reader))
}

fn send_batches(table: Table, schema: SchemaRef, sender: &SyncSender<Result<RecordBatch>>) -> Result<()> {
    let source = (table.open)()?;
    let mut reader = BatchReader::new(schema, source, table.null_text)?;
    while let Some(batch) = reader.next_batch()? {
        if sender.send(Ok(batch)).is_err() {
            break;
        }
    }
    Ok(())
}

/// The output folder; removed again if this run made it and then failed.
struct Folder<'a> {
    path: &'a Path,
    made: bool,
}

impl<'a> Folder<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            return Err(Error::usage(format!(
                "{} is a file, and --output is the folder for the tables' files",
                path.display()
            ))
            .help("name another folder"));
        }
        let made = !path.exists();
        std::fs::create_dir_all(path).map_err(|error| io_error("create the folder", path, &error))?;
        Ok(Folder { path, made })
    }

    fn keep(mut self) {
        self.made = false;
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.made {
            // Only an empty folder is removed, and that it stays is no harm.
            let _ = std::fs::remove_dir(self.path);
        }
    }
}

#[cfg(test)]
mod tests;
