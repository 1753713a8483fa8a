//! Reads files of lines in a scan.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, apply_expression_roots};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectMeta, ObjectStore};

use super::ranges::{lines_before, rows_within};
use super::splitter::{LineSplitter, MAX_LINE};
use super::{RowDecoder, RowFormat};
use crate::error::Error;
use crate::storage::format::text::bytes_of;
use crate::storage::location::Location;

/// The most bytes of lines that go into one batch.
const MAX_BATCH_BYTES: usize = 256 * 1024 * 1024;

/// The reader of a scan.
#[derive(Clone)]
pub(super) struct LineSource {
    format: Arc<dyn RowFormat>,
    location: Arc<Location>,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
    /// Whether a file may be given to several readers in parts.
    shares_files: bool,
}

impl LineSource {
    pub(super) fn new(
        format: Arc<dyn RowFormat>,
        location: Arc<Location>,
        schema: TableSchema,
        any_compressed: bool,
    ) -> Self {
        LineSource {
            shares_files: !any_compressed && format.layout().can_share_files(),
            format,
            location,
            projection: SplitProjection::unprojected(&schema),
            table_schema: schema,
            batch_size: 8192,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl FileSource for LineSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = Arc::clone(self.table_schema.file_schema());
        let opener = LineOpener {
            format: Arc::clone(&self.format),
            location: Arc::clone(&self.location),
            store: object_store,
            schema: Arc::clone(&schema),
            columns: self.projection.file_indices.clone(),
            batch_size: self.batch_size,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), &schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(LineSource { batch_size: batch_size.max(1), ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.name()
    }

    fn fmt_extra(&self, _: DisplayFormatType, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn supports_repartitioning(&self) -> bool {
        self.shares_files
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(LineSource { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct LineOpener {
    format: Arc<dyn RowFormat>,
    location: Arc<Location>,
    store: Arc<dyn ObjectStore>,
    /// The columns of the table's files.
    schema: SchemaRef,
    /// Those to read, as numbers in `schema`.
    columns: Vec<usize>,
    batch_size: usize,
}

impl FileOpener for LineOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let format = Arc::clone(&self.format);
        let compression = format.layout().compression_of(file.object_meta.location.filename().unwrap_or_default())?;
        let decoder = format.decoder(&self.schema, &self.columns, self.batch_size)?;
        let (store, location, batch_size) = (Arc::clone(&self.store), Arc::clone(&self.location), self.batch_size);
        Ok(Box::pin(async move {
            let meta = file.object_meta;
            let layout = format.layout();
            let range = match file.range {
                None => None,
                // Whoever has the start of a compressed file reads all of it.
                Some(range) if compression != CompressionTypeVariant::UNCOMPRESSED => {
                    if range.start > 0 {
                        return Ok(futures::stream::empty().boxed());
                    }
                    None
                }
                Some(range) => {
                    let wanted = range.start.max(0) as u64..range.end.max(0) as u64;
                    Some(rows_within(&store, &meta, layout, wanted).await?)
                }
            };
            let offset = range.as_ref().map_or(0, |range| range.start);
            let reader = LineReader {
                pieces: bytes_of(&store, &meta, compression, range).await?,
                lines: LineSplitter::new(&layout.end, offset == 0),
                decoder,
                batch_size,
                rows: 0,
                bytes: 0,
                line: 0,
                to_skip: if offset == 0 { layout.header } else { 0 },
                footer: layout.footer,
                held: VecDeque::new(),
                ended: false,
            };
            let context = Arc::new(Context { format, location, store, meta, offset });
            let batches = futures::stream::try_unfold(reader, move |mut reader| {
                let context = Arc::clone(&context);
                async move {
                    match reader.next().await {
                        Ok(Some(batch)) => Ok(Some((batch, reader))),
                        Ok(None) => Ok(None),
                        Err(Stop::Store(error)) => Err(error),
                        Err(Stop::Line(line, why)) => Err(context.failed(line, &why).await.into()),
                    }
                }
            });
            Ok(batches.boxed())
        }))
    }
}

/// What ends reading early.
enum Stop {
    Store(DataFusionError),
    /// A line, counted from 1 in what was read, and what is wrong with it.
    Line(u64, String),
}

struct LineReader {
    pieces: BoxStream<'static, Result<Bytes>>,
    lines: LineSplitter,
    decoder: Box<dyn RowDecoder>,
    batch_size: usize,
    /// Rows of the present batch, and the bytes of their lines.
    rows: usize,
    bytes: usize,
    line: u64,
    to_skip: usize,
    footer: usize,
    /// The last lines, which may be the footer.
    held: VecDeque<Vec<u8>>,
    ended: bool,
}

impl LineReader {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Stop> {
        loop {
            let is_full = self.read_lines()?;
            if is_full || (self.ended && self.rows > 0) {
                let rows = std::mem::take(&mut self.rows);
                self.bytes = 0;
                let batch = self.decoder.finish(rows);
                return batch.map(Some).map_err(|error| Stop::Store(error.into()));
            }
            if self.ended {
                return Ok(None);
            }
            match self.pieces.try_next().await.map_err(Stop::Store)? {
                Some(piece) => self.lines.push(piece),
                None => {
                    self.lines.end();
                    self.ended = true;
                }
            }
        }
    }

    /// Makes rows of the lines that are there. Returns whether the batch is full.
    fn read_lines(&mut self) -> Result<bool, Stop> {
        while self.rows < self.batch_size && self.bytes < MAX_BATCH_BYTES {
            let line = self.lines.next().map_err(|_| {
                Stop::Line(self.line + 1, format!("the line is longer than {} MiB", MAX_LINE / 1024 / 1024))
            })?;
            let Some(line) = line else { return Ok(false) };
            self.line += 1;
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            let wrong = |why| Stop::Line(self.line - self.footer as u64, why);
            if self.footer == 0 {
                self.bytes += line.len();
                self.decoder.push(line).map_err(wrong)?;
            } else {
                self.held.push_back(line.to_vec());
                if self.held.len() <= self.footer {
                    continue;
                }
                let line = self.held.pop_front().unwrap_or_default();
                self.bytes += line.len();
                self.decoder.push(&line).map_err(wrong)?;
            }
            self.rows += 1;
        }
        Ok(true)
    }
}

/// What the words of a failure need.
struct Context {
    format: Arc<dyn RowFormat>,
    location: Arc<Location>,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    /// Where reading began in the file.
    offset: u64,
}

impl Context {
    async fn failed(&self, line: u64, why: &str) -> Error {
        let before = match self.offset {
            0 => 0,
            offset => lines_before(&self.store, &self.meta, &self.format.layout().end, offset).await,
        };
        Error::storage(format!("{}, line {}: {why}", self.location.show(&self.meta.location), before + line))
    }
}
