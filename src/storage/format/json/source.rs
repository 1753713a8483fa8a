//! Reads JSON files in a scan.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroupPartitioner, FileOpenFuture, FileOpener, FileScanConfig, FileSource, JsonSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_expr::projection::ProjectionExprs;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectMeta, ObjectStore};

use super::Layout;
use super::array::ArrayUnwrapper;
use crate::error::{Error, Result};
use crate::storage::format::text::{bytes_of, line_from, start_of};
use crate::storage::forward::describe_by_inner;
use crate::storage::location::Location;

/// How the files of a table are read.
#[derive(Debug)]
pub(crate) struct JsonTable {
    pub(crate) compression: CompressionTypeVariant,
    /// `None`: each file as its first character tells.
    pub(crate) layout: Option<Layout>,
    pub(crate) location: Arc<Location>,
}

/// The reader of a scan. It differs from DataFusion's own in that each file may be lines or an array, that errors have
/// their line, and that all of a compressed file is read.
#[derive(Clone)]
pub(crate) struct JsonTableSource {
    /// Keeps the projection, and is what the scan would be elsewhere.
    inner: Arc<dyn FileSource>,
    table: Arc<JsonTable>,
    batch_size: usize,
}

impl JsonTableSource {
    pub(crate) fn new(schema: TableSchema, table: JsonTable) -> Self {
        let lines = table.layout != Some(Layout::Array);
        let inner = JsonSource::new(schema).with_newline_delimited(lines);
        JsonTableSource { inner: Arc::new(inner), table: Arc::new(table), batch_size: 8192 }
    }

    fn with_inner(&self, inner: Arc<dyn FileSource>) -> Self {
        JsonTableSource { inner, ..self.clone() }
    }

    /// DataFusion's reader of the same rows.
    pub(crate) fn plain(&self) -> Arc<dyn FileSource> {
        Arc::clone(&self.inner)
    }
}

impl FileSource for JsonTableSource {
    describe_by_inner!();

    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let schema = Arc::clone(self.inner.table_schema().file_schema());
        let projection = match self.inner.projection() {
            Some(projection) => SplitProjection::new(&schema, projection),
            None => SplitProjection::unprojected(self.inner.table_schema()),
        };
        let opener = JsonOpener {
            table: Arc::clone(&self.table),
            store: object_store,
            schema: Arc::new(schema.project(&projection.file_indices)?),
            batch_size: self.batch_size,
        };
        ProjectionOpener::try_new(projection, Arc::new(opener), &schema)
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(JsonTableSource { batch_size, ..self.with_inner(self.inner.with_batch_size(batch_size)) })
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> DataFusionResult<Option<FileScanConfig>> {
        // Only lines can be told apart in the middle of a file.
        if self.table.layout == Some(Layout::Array) || self.table.compression != CompressionTypeVariant::UNCOMPRESSED {
            return Ok(None);
        }
        let groups = FileGroupPartitioner::new()
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
}

struct JsonOpener {
    table: Arc<JsonTable>,
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    batch_size: usize,
}

/// How much of a file is looked at to tell lines from an array.
const START: usize = 64 * 1024;

impl FileOpener for JsonOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let (table, store) = (Arc::clone(&self.table), Arc::clone(&self.store));
        let (schema, batch_size) = (Arc::clone(&self.schema), self.batch_size);
        Ok(Box::pin(async move {
            let meta = file.object_meta;
            let (start, is_whole) = start_of(&store, &meta, table.compression, START).await?;
            let layout = table.layout.unwrap_or_else(|| Layout::of(&start));
            let one_a_line = layout == Layout::Lines && has_whole_first_line(&start, is_whole);
            let range = match file.range {
                None => None,
                Some(range) if !one_a_line => {
                    // Whoever has the start of the file reads all of it.
                    if range.start > 0 {
                        return Ok(futures::stream::empty().boxed());
                    }
                    None
                }
                Some(range) => {
                    let (start, end) = (range.start.max(0) as u64, range.end.max(0) as u64);
                    let (start, end) = (line_from(&store, &meta, start).await?, line_from(&store, &meta, end).await?);
                    Some(start..end)
                }
            };
            let offset = range.as_ref().map_or(0, |range| range.start);
            let pieces = bytes_of(&store, &meta, table.compression, range).await?;
            let state = Reading {
                decoder: decoder(&schema, batch_size)?,
                unwrapper: (layout == Layout::Array).then(ArrayUnwrapper::default),
                pieces: if offset == 0 { without_byte_order_mark(pieces) } else { pieces },
                rest: Bytes::new(),
                ended: false,
            };
            let context = Arc::new(Context { table, store, meta, schema, one_a_line });
            let batches = futures::stream::try_unfold(state, move |mut state| {
                let context = Arc::clone(&context);
                async move {
                    match state.next().await {
                        Ok(Some(batch)) => Ok(Some((batch, state))),
                        Ok(None) => Ok(None),
                        Err(Stop::Store(error)) => Err(error),
                        Err(Stop::Json(why)) => Err(context.failed(&why).await.into()),
                    }
                }
            });
            Ok(batches.boxed())
        }))
    }
}

fn decoder(schema: &SchemaRef, batch_size: usize) -> Result<Decoder, ArrowError> {
    // A column may be text because some values are and others are numbers.
    ReaderBuilder::new(Arc::clone(schema)).with_batch_size(batch_size).with_coerce_primitive(true).build_decoder()
}

/// Whether the first line is a value by itself. Else values go over several lines, and no line tells where one starts.
fn has_whole_first_line(start: &[u8], is_whole: bool) -> bool {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    match memchr::memchr(b'\n', text) {
        Some(end) => serde_json::from_slice::<serde::de::IgnoredAny>(&text[..end]).is_ok(),
        None => !is_whole,
    }
}

fn without_byte_order_mark(
    pieces: BoxStream<'static, DataFusionResult<Bytes>>,
) -> BoxStream<'static, DataFusionResult<Bytes>> {
    let mut is_first = true;
    pieces
        .map_ok(move |piece| {
            let is_start = std::mem::replace(&mut is_first, false);
            if is_start && piece.starts_with(b"\xEF\xBB\xBF") { piece.slice(3..) } else { piece }
        })
        .boxed()
}

/// What ends reading early.
enum Stop {
    Store(datafusion::error::DataFusionError),
    Json(String),
}

impl From<ArrowError> for Stop {
    fn from(error: ArrowError) -> Self {
        Stop::Json(reason(&error))
    }
}

/// Arrow's words without what they begin with.
fn reason(error: &ArrowError) -> String {
    match error {
        ArrowError::JsonError(why) | ArrowError::ParseError(why) | ArrowError::CastError(why) => why.clone(),
        other => other.to_string(),
    }
}

struct Reading {
    decoder: Decoder,
    unwrapper: Option<ArrayUnwrapper>,
    pieces: BoxStream<'static, DataFusionResult<Bytes>>,
    /// Bytes that the decoder has not taken yet.
    rest: Bytes,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Stop> {
        loop {
            if self.rest.is_empty() && !self.ended {
                match self.pieces.try_next().await.map_err(Stop::Store)? {
                    Some(piece) => {
                        self.rest = match &mut self.unwrapper {
                            None => piece,
                            Some(unwrapper) => {
                                let mut bytes = BytesMut::from(piece);
                                unwrapper.unwrap(&mut bytes).map_err(|why| Stop::Json(why.to_string()))?;
                                bytes.freeze()
                            }
                        };
                    }
                    None => {
                        self.ended = true;
                        if let Some(unwrapper) = &self.unwrapper {
                            unwrapper.finish().map_err(|why| Stop::Json(why.to_string()))?;
                        }
                    }
                }
            }
            if self.rest.is_empty() && self.ended {
                if self.decoder.has_partial_record() {
                    return Err(Stop::Json("the file ends within a value".to_string()));
                }
                return Ok(self.decoder.flush()?);
            }
            let taken = self.decoder.decode(&self.rest)?;
            let is_full = taken < self.rest.len();
            self.rest = self.rest.slice(taken..);
            if is_full && let Some(batch) = self.decoder.flush()? {
                return Ok(Some(batch));
            }
        }
    }
}

struct Context {
    table: Arc<JsonTable>,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    schema: SchemaRef,
    /// Whether each line is a value by itself.
    one_a_line: bool,
}

impl Context {
    /// The failure in words. The file is read once more to find the line.
    async fn failed(&self, why: &str) -> Error {
        let shown = self.table.location.show(&self.meta.location);
        let found = if self.one_a_line { self.find_line().await } else { None };
        let (place, why) = match found {
            Some((line, why)) => (format!("{shown}, line {line}"), why),
            None => (shown, why.to_string()),
        };
        Error::storage(format!("{place}: this is no JSON value of the table: {why}"))
            .help("each line is one object, or the file is one array of objects; the columns' types come from the first values")
    }

    /// The first line that cannot be read, and why.
    async fn find_line(&self) -> Option<(u64, String)> {
        let pieces = bytes_of(&self.store, &self.meta, self.table.compression, None).await.ok()?;
        let mut pieces = without_byte_order_mark(pieces);
        let mut text: Vec<u8> = Vec::new();
        let mut line = 0;
        loop {
            let piece = pieces.try_next().await.ok()?;
            let ended = piece.is_none();
            text.extend_from_slice(&piece.unwrap_or_default());
            let mut at = 0;
            while let Some(end) =
                memchr::memchr(b'\n', &text[at..]).or((ended && at < text.len()).then_some(text.len() - at))
            {
                line += 1;
                if let Some(why) = self.wrong_with(&text[at..at + end]) {
                    return Some((line, why));
                }
                at = (at + end + 1).min(text.len());
            }
            text.drain(..at);
            if ended {
                return None;
            }
        }
    }

    fn wrong_with(&self, line: &[u8]) -> Option<String> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
            return Some(error.to_string().replace("at line 1 column", "at character"));
        }
        let read = || {
            let mut decoder = decoder(&self.schema, 16)?;
            decoder.decode(line)?;
            decoder.flush()
        };
        read().err().map(|error| reason(&error))
    }
}
