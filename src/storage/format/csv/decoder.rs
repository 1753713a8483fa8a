//! From the bytes of one CSV file to batches, and from what goes wrong to a message with its line.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::error::Result as DataFusionResult;
use futures::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStore};

use super::columns::{ColumnBuilder, WrongValue};
use super::header::{self, Layout};
use super::records::{FieldText, Malformed, Splitter, Step, after_byte_order_mark};
use super::source::CsvTable;
use crate::error::{Error, Result};
use crate::sql::types::display_name;
use crate::storage::format::text::bytes_of;

/// The most bytes of text that one column of a batch may have.
const MAX_COLUMN_BYTES: usize = 1 << 30;

/// What stopped the decoder. Lines count from 1 in the bytes that it was given.
pub(super) enum Failure {
    Malformed(Malformed),
    Fields {
        line: u64,
        found: usize,
        expected: usize,
    },
    Value {
        line: u64,
        wrong: WrongValue,
    },
    /// Already in words.
    Told(Error),
}

/// Makes batches of the bytes of one file.
pub(super) struct Decoder {
    table: Arc<CsvTable>,
    shown: String,
    schema: SchemaRef,
    columns: Vec<usize>,
    projected: SchemaRef,
    batch_size: usize,
    splitter: Splitter,
    builders: Vec<ColumnBuilder>,
    /// The lines that the rows of the present batch began on.
    lines: Vec<u64>,
    buffer: Vec<u8>,
    /// Where the next record starts in the buffer.
    at: usize,
    /// How long the buffer must be before it is worth looking at the record at its end again.
    wanted: usize,
    /// Lines at the start that are still to be passed over.
    to_skip: usize,
    at_start: bool,
    layout: Option<Layout>,
    /// Where the bytes begin in the file.
    offset: u64,
}

impl Decoder {
    pub(super) fn new(
        table: Arc<CsvTable>,
        schema: &SchemaRef,
        columns: &[usize],
        batch_size: usize,
        meta: &ObjectMeta,
    ) -> Self {
        let fields: Vec<FieldRef> = columns.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
        let layout = (!table.dialect.header).then(|| Layout::positional(schema.fields().len()));
        Decoder {
            shown: table.location.show(&meta.location),
            schema: Arc::clone(schema),
            columns: columns.to_vec(),
            batch_size,
            splitter: Splitter::new(table.dialect.syntax),
            builders: fields.iter().map(|field| ColumnBuilder::new(field, batch_size)).collect(),
            projected: Arc::new(Schema::new(fields)),
            lines: Vec::with_capacity(batch_size),
            buffer: Vec::new(),
            at: 0,
            wanted: 0,
            to_skip: table.dialect.skip,
            at_start: true,
            layout,
            offset: 0,
            table,
        }
    }

    /// Another decoder of the same file that has read nothing yet.
    pub(super) fn fresh(&self) -> Self {
        Decoder {
            table: Arc::clone(&self.table),
            shown: self.shown.clone(),
            schema: Arc::clone(&self.schema),
            columns: Vec::new(),
            projected: Arc::clone(&self.projected),
            batch_size: self.batch_size,
            splitter: Splitter::new(self.table.dialect.syntax),
            builders: Vec::new(),
            lines: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            wanted: 0,
            to_skip: self.table.dialect.skip,
            at_start: true,
            layout: None,
            offset: 0,
        }
    }

    /// Which field is which column, once the header was read.
    pub(super) fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// Prepares for bytes from the middle of the file.
    pub(super) fn starts_at(&mut self, header: Option<Layout>, offset: u64) {
        if header.is_some() {
            self.layout = header;
        }
        self.at_start = false;
        self.to_skip = 0;
        self.offset = offset;
    }

    pub(super) fn push(&mut self, piece: &Bytes) {
        self.buffer.drain(..self.at);
        self.wanted = self.wanted.saturating_sub(self.at);
        self.at = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// Looks at the next record. `None`: more bytes are needed.
    fn step(&mut self, ended: bool) -> Result<Option<Step>, Failure> {
        if self.at_start {
            if self.buffer.len() < 3 && !ended {
                return Ok(None);
            }
            match after_byte_order_mark(&self.buffer) {
                Ok(text) => self.at = text.start,
                Err(why) => {
                    let error = Error::storage(format!("{} cannot be read as CSV: {why}", self.shown));
                    return Err(Failure::Told(error.help("convert it to UTF-8")));
                }
            }
            self.at_start = false;
        }
        while self.to_skip > 0 {
            match memchr::memchr(b'\n', &self.buffer[self.at..]) {
                Some(end) => self.at += end + 1,
                None if ended => self.at = self.buffer.len(),
                None => return Ok(None),
            }
            self.to_skip -= 1;
            self.splitter.skip_lines(1);
        }
        if self.buffer.len() < self.wanted && !ended {
            return Ok(None);
        }
        match self.splitter.step(&self.buffer[self.at..], ended).map_err(Failure::Malformed)? {
            Step::Incomplete => {
                // A long quoted text would else be looked through again with every piece.
                self.wanted = self.at + 2 * (self.buffer.len() - self.at);
                Ok(None)
            }
            Step::End => Ok(None),
            step => Ok(Some(step)),
        }
    }

    /// Reads the header if it was not yet. Returns whether the layout is known.
    pub(super) fn read_header(&mut self, ended: bool) -> Result<bool, Failure> {
        while self.layout.is_none() {
            match self.step(ended)? {
                None => return Ok(false),
                Some(Step::Record(taken)) => {
                    let names = header::names(&mut self.splitter, &self.buffer[self.at..]);
                    self.at += taken;
                    let table = &self.table;
                    let layout =
                        Layout::by_header(&self.schema, &names, table.declared, &table.in_folder_names, &self.shown);
                    self.layout = Some(layout.map_err(Failure::Told)?);
                }
                Some(Step::Blank(taken) | Step::Comment(taken)) => self.at += taken,
                Some(Step::Incomplete | Step::End) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The next batch. `None`: more bytes are needed, or with `ended` that there are no more rows.
    pub(super) fn next_batch(&mut self, ended: bool) -> Result<Option<RecordBatch>, Failure> {
        if !self.read_header(ended)? {
            return Ok(None);
        }
        let Some(layout) = self.layout.clone() else { return Ok(None) };
        let fields: Vec<Option<usize>> =
            self.columns.iter().map(|column| layout.field_of.get(*column).copied().flatten()).collect();
        let null = self.table.dialect.null.clone();
        let null = null.as_bytes();
        let ragged = self.table.dialect.ragged;
        while self.lines.len() < self.batch_size && !self.is_full() {
            let taken = match self.step(ended)? {
                None if ended && !self.lines.is_empty() => return self.finish().map(Some),
                None => return Ok(None),
                Some(Step::Record(taken)) => taken,
                // The only column's empty field is a line of nothing.
                Some(Step::Blank(taken)) if layout.fields == 1 => {
                    let empty = FieldText { bytes: b"", quoted: false, raw: b"" };
                    for (builder, field) in self.builders.iter_mut().zip(&fields) {
                        builder.push(field.map(|_| empty), null);
                    }
                    self.lines.push(self.splitter.line());
                    self.at += taken;
                    continue;
                }
                Some(Step::Blank(taken) | Step::Comment(taken)) => {
                    self.at += taken;
                    continue;
                }
                Some(Step::Incomplete | Step::End) => return Ok(None),
            };
            let found = self.splitter.fields();
            if found != layout.fields && !(ragged && found < layout.fields) {
                let line = self.splitter.line();
                return Err(Failure::Fields { line, found, expected: layout.fields });
            }
            let data = &self.buffer[self.at..];
            for (builder, field) in self.builders.iter_mut().zip(&fields) {
                builder.push(field.and_then(|field| self.splitter.field(data, field)), null);
            }
            self.lines.push(self.splitter.line());
            self.at += taken;
        }
        self.finish().map(Some)
    }

    fn is_full(&self) -> bool {
        self.builders.iter().any(|builder| builder.bytes_len() > MAX_COLUMN_BYTES)
    }

    fn finish(&mut self) -> Result<RecordBatch, Failure> {
        let rows = self.lines.len();
        let mut columns = Vec::with_capacity(self.builders.len());
        for builder in &mut self.builders {
            columns.push(builder.finish().map_err(|wrong| Failure::Value {
                line: self.lines.get(wrong.row).copied().unwrap_or_default(),
                wrong,
            })?);
        }
        self.lines.clear();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
            .map_err(|error| Failure::Told(Error::storage(format!("{}: {error}", self.shown))))
    }

    /// The failure in words, with the line in the file.
    pub(super) async fn failed(&self, failure: Failure, store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Error {
        let shown = &self.shown;
        let before = match self.offset {
            0 => 0,
            offset => lines_before(store, meta, offset).await,
        };
        match failure {
            Failure::Told(error) => error,
            Failure::Malformed(Malformed { line, why }) => {
                Error::storage(format!("{shown}, line {}: {why}", before + line))
                    .help("the options \"quote\" and \"escape\" say how the file is written; quote '' means that it has no quotes")
            }
            Failure::Fields { line, found, expected } => {
                let line = before + line;
                let error = Error::storage(format!("{shown}, line {line}: {} in place of {expected}", fields(found)));
                if found < expected {
                    error.help("with the option \"ragged\" 'true' missing fields are NULL")
                } else {
                    error.help("the options \"delimiter\" and \"quote\" say how the file is written")
                }
            }
            Failure::Value { line, wrong: WrongValue { column, text: None, .. } } => {
                Error::storage(format!("{shown}, line {}: column \"{column}\" is no UTF-8", before + line))
                    .help("convert the file to UTF-8")
            }
            Failure::Value { line, wrong: WrongValue { column, text: Some(text), data_type, .. } } => {
                let text: String = text.chars().take(40).collect();
                let error = Error::statement(format!(
                    "{shown}, line {}: '{text}' in column \"{column}\" is no {}",
                    before + line,
                    display_name(&data_type)
                ));
                if self.table.declared {
                    error.help("declare the column as VARCHAR, or say by the option \"null\" which text means NULL")
                } else {
                    error.help("the type comes from the first lines: declare the columns with CREATE EXTERNAL TABLE, or say by the option \"null\" which text means NULL")
                }
            }
        }
    }
}

fn fields(count: usize) -> String {
    if count == 1 { "1 field".to_string() } else { format!("{count} fields") }
}

/// How many lines a file has before an offset; 0 if it cannot be read any more.
async fn lines_before(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, offset: u64) -> u64 {
    let count = async {
        let mut pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, Some(0..offset)).await?;
        let mut lines = 0;
        while let Some(piece) = pieces.try_next().await? {
            lines += memchr::memchr_iter(b'\n', &piece).count() as u64;
        }
        DataFusionResult::<u64>::Ok(lines)
    };
    count.await.unwrap_or_default()
}
