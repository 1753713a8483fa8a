//! Results to bytes: one format a file, all behind [`RowWriter`].
//!
//! A query's batches go out as they come, in constant memory. Only the formats with aligned columns look ahead, and
//! only as far as it takes to know how wide the columns are. A reader that goes away (`| head`) is not an error: the
//! writer stops wanting rows, and that is all.

mod arrow;
mod csv;
pub mod display;
pub mod file;
mod grid;
mod json;
mod limit;
mod markdown;
mod names;
mod none;
mod parquet;
mod sink;
pub mod stats;
mod storable;
mod table;
#[cfg(test)]
mod testing;
mod value;
mod vertical;

use std::io::Write;
use std::time::Duration;

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use sink::Sink;

/// How many rows a table on a terminal shows when nothing else is said.
pub const DEFAULT_TERMINAL_ROWS: usize = 40;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// Aligned columns in a frame, for eyes
    #[value(alias = "aligned", alias = "text")]
    Table,
    /// Comma-separated values; NULL is an empty field, an empty string is ""
    Csv,
    /// Tab-separated values with backslash escapes; NULL is \N
    Tsv,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    #[value(alias = "ndjson")]
    Jsonl,
    /// A Markdown table
    #[value(alias = "md")]
    Markdown,
    /// One line a column
    #[value(alias = "expanded", alias = "line")]
    Vertical,
    /// A Parquet file, compressed with zstd
    Parquet,
    /// Arrow IPC: a file with -o, a stream to a pipe
    Arrow,
    /// Nothing: runs the query and throws the rows away
    None,
}

impl Format {
    /// The format when none is asked for: a table for eyes, CSV for programs.
    pub fn default_for(destination: Destination) -> Self {
        match destination {
            Destination::Terminal => Format::Table,
            Destination::Pipe | Destination::File => Format::Csv,
        }
    }

    /// Bytes that are not text, and that a terminal must not get.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow)
    }
}

/// Where the bytes end up, as far as the format depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A person's screen: no binary formats.
    Terminal,
    /// Another program that reads front to back.
    Pipe,
    /// A file (or standard output redirected to one), which is read back in any order.
    File,
}

/// How results are to look.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    pub format: Format,
    pub destination: Destination,
    /// Whether the column names come first: table, csv, tsv, markdown.
    pub header: bool,
    /// What stands for NULL in the text formats; `None`: what the format does by itself.
    pub null: Option<String>,
    /// At most so many rows are shown: table, markdown, vertical. The other formats are for programs and are never cut.
    pub max_rows: Option<usize>,
    /// ANSI colours: table and vertical.
    pub color: bool,
    /// Columns of the terminal, so that no line of a table wraps; `None`: lines may be as long as they like.
    pub width: Option<usize>,
}

impl OutputOptions {
    /// What `destination` gets when nothing is said: to a terminal a table of at most 40 rows, else CSV without a cap.
    pub fn new(destination: Destination) -> Self {
        let max_rows = (destination == Destination::Terminal).then_some(DEFAULT_TERMINAL_ROWS);
        OutputOptions {
            format: Format::default_for(destination),
            destination,
            header: true,
            null: None,
            max_rows,
            color: false,
            width: None,
        }
    }
}

/// What is known of a result at its end, for the last line of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// How many rows the result has, when the caller counted those that were not shown.
    pub total_rows: Option<u64>,
    /// Shown behind the number of rows.
    pub elapsed: Option<Duration>,
}

/// Writes one result: [`begin`](RowWriter::begin) once, [`write`](RowWriter::write) for each batch while
/// [`wants_more`](RowWriter::wants_more), [`finish`](RowWriter::finish) once. When the query fails half-way, `finish` is
/// not called.
///
/// All three fail with an [`ErrorKind::Storage`](crate::ErrorKind::Storage) error when the bytes cannot be written (disk
/// full), but not when the reader has gone away: then everything is `Ok` and `wants_more` is false.
pub trait RowWriter: Send {
    /// Takes the result's columns. Fails if the format cannot hold them.
    fn begin(&mut self, schema: &SchemaRef) -> Result<()>;

    /// Takes some rows, which must have the schema given to `begin`. What can be written by now has reached the sink
    /// when it returns.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is left and flushes the sink.
    fn finish(&mut self, summary: &Summary) -> Result<()>;

    /// Whether reading on can change what is written. A writer with a cap on its rows wants one row more than it
    /// shows, so that it can say truthfully whether there are more; rows past the cap may still be given, and are only
    /// counted.
    fn wants_more(&self) -> bool;
}

/// The writer for `options.format`, on `sink`. It needs no buffer: the writer has one.
///
/// # Errors
///
/// A usage error for a binary format on a terminal.
pub fn writer(options: &OutputOptions, sink: Box<dyn Write + Send>) -> Result<Box<dyn RowWriter>> {
    if options.format.is_binary() && options.destination == Destination::Terminal {
        let name = format_name(options.format);
        return Err(Error::usage(format!("{name} is a binary format and would garble the terminal"))
            .help(format!("write it to a file with -o FILE.{name}, or pipe it into another program")));
    }
    let sink = Sink::new(sink);
    Ok(match options.format {
        Format::Table => Box::new(table::writer(options, sink)),
        Format::Csv => Box::new(csv::DelimitedWriter::csv(options, sink)),
        Format::Tsv => Box::new(csv::DelimitedWriter::tsv(options, sink)),
        Format::Json => Box::new(json::JsonWriter::array(sink)),
        Format::Jsonl => Box::new(json::JsonWriter::lines(sink)),
        Format::Markdown => Box::new(markdown::writer(options, sink)),
        Format::Vertical => Box::new(vertical::VerticalWriter::new(options, sink)),
        Format::Parquet => Box::new(parquet::ParquetWriter::new(sink)),
        Format::Arrow => Box::new(arrow::ArrowWriter::new(options.destination, sink)),
        Format::None => Box::new(none::NoneWriter),
    })
}

fn format_name(format: Format) -> String {
    format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
}
