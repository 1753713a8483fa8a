//! Files with one row a line: what Hive's text formats have in common.
//!
//! Hive reads all of them by the same rules and leaves only the line itself to a SerDe: how a line ends, which lines at
//! the start and the end of a file are no rows, how the file is compressed, and how several readers share a large one.
//! Here a SerDe is a [`RowFormat`], and [`LineTable`] makes a format of it.

mod ranges;
mod source;
mod splitter;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::write::BatchSerializer;

pub(crate) use self::table::LineTable;
use super::options::Options;
use super::split_compression;
use crate::error::{Error, Result};

/// What ends a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// A line feed, a carriage return, or both: what Hadoop takes for a line's end.
    Any,
    /// This text alone. It is not empty.
    Text(Arc<[u8]>),
}

/// The lines of a table's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineLayout {
    pub(crate) end: LineEnd,
    /// Lines at the start of each file that are no rows.
    pub(crate) header: usize,
    /// Lines at the end of each file that are no rows.
    pub(crate) footer: usize,
    /// `None`: as each file's extension says.
    pub(crate) compression: Option<CompressionTypeVariant>,
}

impl LineLayout {
    /// Reads what Hive calls `line.delim`, `skip.header.line.count` and `skip.footer.line.count`, and `compression`.
    pub(crate) fn parse(options: &mut Options<'_>) -> Result<Self> {
        let end = match options.text(&["line.delim"]) {
            None | Some("\n" | "\r\n" | "\r" | "\\n" | "\\r\\n" | "") => LineEnd::Any,
            Some(text) => match text.trim().parse::<u8>() {
                Ok(b'\n' | b'\r') => LineEnd::Any,
                Ok(byte) => LineEnd::Text(Arc::new([byte])),
                Err(_) => LineEnd::Text(Arc::from(text.as_bytes())),
            },
        };
        Ok(LineLayout {
            end,
            header: options.number(&["skip.header.line.count"])?.unwrap_or(0),
            footer: options.number(&["skip.footer.line.count"])?.unwrap_or(0),
            compression: options.compression()?,
        })
    }

    /// The compression of a file with this name. Files of one table may differ in it.
    pub(crate) fn compression_of(&self, name: &str) -> Result<CompressionTypeVariant> {
        if let Some(compression) = self.compression {
            return Ok(compression);
        }
        let name = name.to_ascii_lowercase();
        let unknown = ["snappy", "lz4", "lzo", "lzop", "deflate"];
        if let Some((_, extension)) = name.rsplit_once('.')
            && unknown.contains(&extension)
        {
            return Err(Error::statement(format!("{name} is compressed with {extension}, which is not supported"))
                .help("text files may be compressed with gzip, bzip2, xz or zstd"));
        }
        Ok(split_compression(&name).1)
    }

    /// Whether several readers may share a file that is not compressed. The lines that a footer takes away are known at
    /// the end only, and a line's end of several bytes may be misread from its middle.
    fn can_share_files(&self) -> bool {
        self.footer == 0 && !matches!(&self.end, LineEnd::Text(text) if text.len() > 1)
    }
}

/// Makes rows of lines until there are enough for a batch.
pub(crate) trait RowDecoder: Send {
    /// Adds the row of a line, which has no line end any more. `Err` says why it is no row.
    fn push(&mut self, line: &[u8]) -> Result<(), String>;

    /// The rows since the last batch, as many as lines were added.
    fn finish(&mut self, rows: usize) -> Result<RecordBatch, ArrowError>;
}

/// A SerDe with the properties of one table.
pub(crate) trait RowFormat: Debug + Send + Sync {
    /// The name that EXPLAIN shows.
    fn name(&self) -> &'static str;

    fn layout(&self) -> &LineLayout;

    /// Refuses columns that the format cannot have.
    fn check(&self, schema: &Schema) -> Result<()>;

    /// A decoder for some of the columns of `schema`, those of the files.
    fn decoder(&self, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Box<dyn RowDecoder>>;

    /// What makes lines of rows with the columns of `schema`; an error if the format is only read.
    fn serializer(&self, schema: &Schema) -> Result<Arc<dyn BatchSerializer>>;
}
