//! Reads CSV files in a scan.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{CsvSource, FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::OnceCell;

use super::columns::{ColumnBuilder, WrongValue};
use super::dialect::{Dialect, after_lines};
use super::header::{self, Layout};
use super::records::{Malformed, Splitter, Step, after_byte_order_mark};
use crate::error::{Error, Result};
use crate::storage::format::text::bytes_of;
use crate::storage::location::Location;

/// The most bytes of text that one column of a batch may have.
const MAX_COLUMN_BYTES: usize = 1 << 30;

/// How the files of a table are read.
#[derive(Debug)]
pub(crate) struct CsvTable {
    pub(crate) dialect: Dialect,
    /// Whether the columns were declared, so that headers may differ from them.
    pub(crate) declared: bool,
    /// Columns whose values come from folder names, even where the files have them too.
    pub(crate) in_folder_names: Vec<String>,
    pub(crate) location: Arc<Location>,
}

/// The reader of a scan. DataFusion's own, which it is built around, cannot tell an empty string from NULL, takes header
/// names for granted, and splits large files within quoted text.
#[derive(Clone)]
pub(crate) struct CsvTableSource {
    /// Keeps the projection, and is what the scan would be elsewhere.
    inner: Arc<dyn FileSource>,
    table: Arc<CsvTable>,
    batch_size: usize,
    splits: Arc<Splits>,
}

impl CsvTableSource {
    pub(crate) fn new(schema: TableSchema, table: CsvTable) -> Self {
        let syntax = table.dialect.syntax;
        let options = datafusion::config::CsvOptions {
            has_header: Some(table.dialect.header),
            delimiter: syntax.delimiter,
            quote: syntax.quote.unwrap_or(0),
            escape: syntax.escape,
            comment: syntax.comment,
            newlines_in_values: Some(true),
            truncated_rows: Some(table.dialect.ragged),
            ..Default::default()
        };
        CsvTableSource {
            inner: Arc::new(CsvSource::new(schema).with_csv_options(options)),
            table: Arc::new(table),
            batch_size: 8192,
            splits: Arc::default(),
        }
    }

    fn with_inner(&self, inner: Arc<dyn FileSource>) -> Self {
        CsvTableSource { inner, ..self.clone() }
    }
}

impl FileSource for CsvTableSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        _partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let schema = Arc::clone(self.inner.table_schema().file_schema());
        let projection = match self.inner.projection() {
            Some(projection) => SplitProjection::new(&schema, projection),
            None => SplitProjection::unprojected(self.inner.table_schema()),
        };
        let mut range_starts: HashMap<Path, Vec<u64>> = HashMap::new();
        for file in base_config.file_groups.iter().flat_map(|group| group.iter()) {
            if let Some(range) = &file.range {
                let start = u64::try_from(range.start).unwrap_or_default();
                range_starts.entry(file.object_meta.location.clone()).or_default().push(start);
            }
        }
        for starts in range_starts.values_mut() {
            starts.sort_unstable();
        }
        let opener = CsvOpener {
            table: Arc::clone(&self.table),
            store: object_store,
            columns: projection.file_indices.clone(),
            schema: Arc::clone(&schema),
            batch_size: self.batch_size,
            splits: Arc::clone(&self.splits),
            range_starts,
        };
        ProjectionOpener::try_new(projection, Arc::new(opener), &schema)
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(CsvTableSource { batch_size, ..self.with_inner(self.inner.with_batch_size(batch_size)) })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> DataFusionResult<Option<FileScanConfig>> {
        // A record's start can only be found by reading all before it, which is quick on the local disk alone.
        if !self.table.location.is_local() || self.table.dialect.compression != CompressionTypeVariant::UNCOMPRESSED {
            return Ok(None);
        }
        let groups = datafusion::datasource::physical_plan::FileGroupPartitioner::new()
            .with_target_partitions(target_partitions)
            .with_repartition_file_min_size(repartition_file_min_size)
            .with_preserve_order_within_groups(output_ordering.is_some())
            .repartition_file_groups(&config.file_groups);
        Ok(groups.map(|groups| {
            let mut config = config.clone();
            config.file_groups = groups;
            config
        }))
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| Arc::new(self.with_inner(inner)) as Arc<dyn FileSource>))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

struct CsvOpener {
    table: Arc<CsvTable>,
    store: Arc<dyn ObjectStore>,
    /// The columns to read, as numbers in `schema`.
    columns: Vec<usize>,
    /// The columns of the table's files.
    schema: SchemaRef,
    batch_size: usize,
    splits: Arc<Splits>,
    /// For files that are read in ranges, where these start.
    range_starts: HashMap<Path, Vec<u64>>,
}

impl FileOpener for CsvOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let table = Arc::clone(&self.table);
        let store = Arc::clone(&self.store);
        let mut decoder =
            Decoder::new(Arc::clone(&table), &self.schema, &self.columns, self.batch_size, &file.object_meta);
        let splits = Arc::clone(&self.splits);
        let starts = self.range_starts.get(&file.object_meta.location).cloned().unwrap_or_default();
        Ok(Box::pin(async move {
            let meta = file.object_meta;
            let range = match &file.range {
                None => None,
                Some(range) => {
                    let (start, end) = (range.start.max(0) as u64, range.end.max(0) as u64);
                    let records = splits.of(&table, &store, &meta, &starts).await?;
                    let aligned = records.range(start, end, meta.size);
                    if start > 0 {
                        let header = start_of_file(&table, &store, &meta, &mut decoder).await?;
                        decoder.starts_at(header, aligned.start);
                    }
                    Some(aligned)
                }
            };
            let pieces = bytes_of(&store, &meta, table.dialect.compression, range).await?;
            let state = Some((pieces, decoder, false));
            let batches = futures::stream::try_unfold(state, move |state| {
                let (store, meta) = (Arc::clone(&store), meta.clone());
                async move {
                    let Some((mut pieces, mut decoder, mut ended)) = state else { return Ok(None) };
                    loop {
                        match decoder.next_batch(ended) {
                            Ok(Some(batch)) => return Ok(Some((batch, Some((pieces, decoder, ended))))),
                            Ok(None) if ended => return Ok(None),
                            Ok(None) => {}
                            Err(failure) => return Err(decoder.failed(failure, &store, &meta).await.into()),
                        }
                        match pieces.try_next().await? {
                            Some(piece) => decoder.push(&piece),
                            None => ended = true,
                        }
                    }
                }
            });
            Ok(batches.boxed())
        }))
    }
}

/// Reads as much of a file's start as its header takes, into a decoder that will read from the middle.
async fn start_of_file(
    table: &CsvTable,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    decoder: &mut Decoder,
) -> DataFusionResult<Option<Layout>> {
    if !table.dialect.header {
        return Ok(None);
    }
    let mut pieces = bytes_of(store, meta, table.dialect.compression, None).await?;
    let mut start = Decoder { buffer: Vec::new(), ..decoder.fresh() };
    while start.layout.is_none() {
        let piece = pieces.try_next().await?;
        let ended = piece.is_none();
        if let Some(piece) = piece {
            start.push(&piece);
        }
        match start.read_header(ended) {
            Ok(_) if ended => break,
            Ok(_) => {}
            Err(failure) => return Err(start.failed(failure, store, meta).await.into()),
        }
    }
    Ok(start.layout)
}

/// What stopped the decoder. Lines count from 1 in the bytes that it was given.
enum Failure {
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
struct Decoder {
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
    fn new(table: Arc<CsvTable>, schema: &SchemaRef, columns: &[usize], batch_size: usize, meta: &ObjectMeta) -> Self {
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
    fn fresh(&self) -> Self {
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

    /// Prepares for bytes from the middle of the file.
    fn starts_at(&mut self, header: Option<Layout>, offset: u64) {
        if header.is_some() {
            self.layout = header;
        }
        self.at_start = false;
        self.to_skip = 0;
        self.offset = offset;
    }

    fn push(&mut self, piece: &Bytes) {
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
    fn read_header(&mut self, ended: bool) -> Result<bool, Failure> {
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
    fn next_batch(&mut self, ended: bool) -> Result<Option<RecordBatch>, Failure> {
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
                // The only column's NULL is written as nothing.
                Some(Step::Blank(taken)) if layout.fields == 1 => {
                    self.lines.push(self.splitter.line());
                    for builder in &mut self.builders {
                        builder.push(None, null);
                    }
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
    async fn failed(&self, failure: Failure, store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Error {
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
                    "{shown}, line {}: '{text}' in column \"{column}\" is no {data_type}",
                    before + line
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

/// Where records start in the files that are read in ranges. Found once for all the ranges of a file.
#[derive(Default)]
struct Splits(Mutex<HashMap<(Path, Vec<u64>), Arc<OnceCell<RecordStarts>>>>);

/// For the start of each range the first record that starts there or later.
#[derive(Debug, Clone, Default)]
struct RecordStarts(Vec<(u64, u64)>);

impl RecordStarts {
    /// The bytes of the records that start within a range.
    fn range(&self, start: u64, end: u64, size: u64) -> Range<u64> {
        let record_at = |place: u64| match place {
            0 => 0,
            _ => self.0.iter().find(|(start, _)| *start >= place).map_or(size, |(_, record)| *record),
        };
        let (start, end) = (record_at(start), if end >= size { size } else { record_at(end) });
        start..end.max(start)
    }
}

impl Splits {
    async fn of(
        &self,
        table: &CsvTable,
        store: &Arc<dyn ObjectStore>,
        meta: &ObjectMeta,
        starts: &[u64],
    ) -> DataFusionResult<RecordStarts> {
        let cell = {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(files.entry((meta.location.clone(), starts.to_vec())).or_default())
        };
        cell.get_or_try_init(|| find_record_starts(table, store, meta, starts)).await.cloned()
    }
}

/// Splits a file into records, without looking at their fields, and notes where they start.
async fn find_record_starts(
    table: &CsvTable,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    starts: &[u64],
) -> DataFusionResult<RecordStarts> {
    let plain = CompressionTypeVariant::UNCOMPRESSED;
    let mut found = Vec::with_capacity(starts.len());
    let mut wanted = starts.iter().copied().filter(|start| *start > 0).peekable();
    let mut splitter = Splitter::new(table.dialect.syntax);
    let mut pieces = bytes_of(store, meta, plain, None).await?;
    let (mut buffer, mut at, mut offset, mut ended) = (Vec::new(), 0_usize, 0_u64, false);
    let mut at_start = true;
    while wanted.peek().is_some() {
        if at_start && (buffer.len() >= PIECE_FOR_START || ended) {
            at = after_byte_order_mark(&buffer).map_or(0, |text| text.start);
            at = buffer.len() - after_lines(&buffer[at..], table.dialect.skip).len();
            at_start = false;
        }
        let step = if at_start { Step::Incomplete } else { splitter.step(&buffer[at..], ended).unwrap_or(Step::End) };
        match step {
            Step::Record(taken) | Step::Blank(taken) | Step::Comment(taken) => {
                at += taken;
                while wanted.next_if(|start| *start <= offset + at as u64).is_some_and(|start| {
                    found.push((start, offset + at as u64));
                    true
                }) {}
            }
            Step::Incomplete | Step::End if ended => break,
            Step::Incomplete | Step::End => {
                let long_record = buffer.len() - at;
                offset += at as u64;
                buffer.drain(..at);
                at = 0;
                // As much again as is there already, so that a long record is not looked at too often.
                while buffer.len() <= 2 * long_record || buffer.is_empty() {
                    match pieces.try_next().await? {
                        Some(piece) => buffer.extend_from_slice(&piece),
                        None => {
                            ended = true;
                            break;
                        }
                    }
                }
            }
        }
    }
    // Ranges that start in the last record have none of their own.
    found.extend(wanted.map(|start| (start, meta.size)));
    Ok(RecordStarts(found))
}

/// Enough for the lines that are passed over at the start of a file.
const PIECE_FOR_START: usize = 64 * 1024;
