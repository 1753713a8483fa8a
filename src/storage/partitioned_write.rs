//! Rows to the folders of their partitions, with few files open at a time.
//!
//! Each open file holds rows in memory until there are enough for a row group. So only some partitions are open at once: when rows
//! come for more, those that are open are closed, and the rest of the rows is sorted by partition (on disk, if memory does not
//! suffice) and written one partition after the other. Files of about a given size come of closing one and opening the next.
//!
//! A batch of rows that come in no order has some for each partition. A file takes many at a time: what a column's encoder does for
//! each batch costs more than what it does for a hundred rows.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::{BatchCoalescer, SortOptions, partition, take_record_batch};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, UInt64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::FileSinkConfig;
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, LexRequirement, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::format::TableFormat;
use super::location::local_path;
use super::task;
use crate::error::Error;

/// Partitions that are open at once.
const MOST_OPEN: usize = 64;

/// Batches that wait for a file to take them.
const BATCHES_AHEAD: usize = 2;

/// Rows that a file takes at a time.
const ROWS_AT_ONCE: usize = 8192;

/// Bytes of a file on this machine that are written at a time.
const LOCAL_BUFFER: usize = 1 << 20;

/// What a write may make. Travels in the session's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteLimits {
    /// More partitions are an error.
    pub max_partitions: usize,
    /// Bytes of a file, about; `None`: as many as there are.
    pub target_file_size: Option<u64>,
}

impl Default for WriteLimits {
    fn default() -> Self {
        WriteLimits { max_partitions: 10_000, target_file_size: None }
    }
}

/// Writes rows whose partition columns are the texts of folder names.
#[derive(Debug)]
pub(super) struct PartitionedSink {
    format: Arc<dyn TableFormat>,
    state: SessionState,
    /// For the whole write: its place is the table's folder.
    sink: FileSinkConfig,
    limits: WriteLimits,
    /// What rows are sorted by within a file.
    order: Option<LexRequirement>,
    schema: SchemaRef,
    /// Places of the partition columns in `schema`, in the order of folders.
    keys: Vec<usize>,
    /// Places of the others, and their schema.
    rest: Vec<usize>,
    file_schema: SchemaRef,
}

impl PartitionedSink {
    /// `schema` is that of the rows.
    pub(super) fn try_new(
        format: Arc<dyn TableFormat>,
        state: SessionState,
        sink: FileSinkConfig,
        limits: WriteLimits,
        order: Option<LexRequirement>,
        schema: SchemaRef,
    ) -> Result<Self> {
        let keys: Vec<usize> =
            sink.table_partition_cols.iter().map(|(name, _)| schema.index_of(name)).collect::<Result<_, _>>()?;
        let rest: Vec<usize> = (0..schema.fields().len()).filter(|place| !keys.contains(place)).collect();
        let is_key = |field: &&FieldRef| sink.table_partition_cols.iter().any(|(name, _)| name == field.name());
        let fields = sink.output_schema.fields().iter().filter(|field| !is_key(field)).cloned();
        let file_schema = Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()));
        let format = if keys.is_empty() { format } else { format.beside_others().unwrap_or(format) };
        Ok(PartitionedSink { format, state, sink, limits, order, schema, keys, rest, file_schema })
    }

    /// DataFusion would divide the rows of each partition among several files.
    fn one_file_at_a_time(&self, context: &TaskContext) -> Result<Arc<TaskContext>> {
        let mut config = context.session_config().clone();
        let options = &mut config.options_mut().execution;
        options.minimum_parallel_output_files = ConfigNonZeroUsize::try_new(1)?;
        // Each open file has such a buffer. An object store asks for parts of some size; a disk takes any.
        if is_local(&self.sink) {
            options.objectstore_writer_buffer_size = LOCAL_BUFFER.min(options.objectstore_writer_buffer_size);
        }
        Ok(task::changed(context, config, context.runtime_env()))
    }

    fn keys_of(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.keys.iter().map(|place| Arc::clone(batch.column(*place))).collect()
    }

    /// The folder of a row, as a path below the table's.
    fn folder_of(&self, batch: &RecordBatch, row: usize) -> Result<Vec<String>> {
        let folder = |(place, (name, _)): (&usize, &(String, DataType))| {
            let column = batch.column(*place).as_string_opt::<i32>();
            let column = column.ok_or_else(|| DataFusionError::Internal(format!("{name} is no text")))?;
            Ok(format!("{name}={}", column.value(row)))
        };
        self.keys.iter().zip(&self.sink.table_partition_cols).map(folder).collect()
    }

    fn place_of(&self, folder: &[String]) -> Result<(object_store::path::Path, ListingTableUrl)> {
        let table = self.sink.table_paths.first();
        let table = table.ok_or_else(|| DataFusionError::Internal("rows are written to no place".to_string()))?;
        let path = folder.iter().fold(table.prefix().clone(), |path, part| path.join(part.as_str()));
        let mut url: url::Url = AsRef::<url::Url>::as_ref(&self.sink.object_store_url).clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path.as_ref().split('/')).push("");
        }
        Ok((path, ListingTableUrl::try_new(url, None)?))
    }

    /// The error for too many partitions comes before the first file of one too many is made.
    fn require_few(&self, partitions: usize) -> Result<()> {
        if partitions <= self.limits.max_partitions {
            return Ok(());
        }
        Err(Error::statement(format!("the rows are of more than {} partitions", self.limits.max_partitions))
            .help("partition by a column with fewer values: each value is a folder with a file of its own")
            .help("SET ostrich.write.max_partitions allows more")
            .into())
    }

    async fn open(&self, folder: &[String], context: &Arc<TaskContext>) -> Result<OpenFile> {
        let (path, url) = self.place_of(folder)?;
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let rows: Arc<dyn PartitionStream> =
            Arc::new(Once { schema: Arc::clone(&self.file_schema), receiver: Mutex::new(Some(receiver)) });
        let input = StreamingTableExec::try_new(Arc::clone(&self.file_schema), vec![rows], None, [], false, None)?;
        let sink = FileSinkConfig {
            table_paths: vec![url],
            table_partition_cols: Vec::new(),
            output_schema: Arc::clone(&self.file_schema),
            ..self.sink.clone()
        };
        let plan = self.format.writer(&self.state, Arc::new(input), sink, None).await?;
        let context = Arc::clone(context);
        let task = SpawnedTask::spawn(async move {
            let mut counts = plan.execute(0, context)?;
            let mut rows = 0;
            while let Some(batch) = counts.next().await {
                let batch = batch?;
                let counts = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
                rows += counts.into_iter().flatten().flatten().sum::<u64>();
            }
            Ok(rows)
        });
        Ok(OpenFile { sender, task, path, bytes: 0 })
    }

    /// The columns of rows that are stored in files.
    fn in_file(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.rest.iter().map(|place| Arc::clone(rows.column(*place))).collect();
        let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.file_schema), columns, &count)?)
    }

    fn open_partition(&self, folder: Vec<String>) -> OpenPartition {
        let waiting = BatchCoalescer::new(Arc::clone(&self.file_schema), ROWS_AT_ONCE)
            .with_biggest_coalesce_batch_size(Some(ROWS_AT_ONCE / 2));
        OpenPartition { folder, waiting, file: None }
    }

    /// Gives rows to a partition, and to its file when there are many. Returns how many rows are in files that it closed.
    async fn send(
        &self,
        partition: &mut OpenPartition,
        rows: RecordBatch,
        sizes: &mut Sizes,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        partition.waiting.push_batch(rows)?;
        let mut written = 0;
        while let Some(rows) = partition.waiting.next_completed_batch() {
            written += self.send_to_file(partition, rows, sizes, context).await?;
        }
        Ok(written)
    }

    /// Gives the partition's file what waits for it, and closes it. Returns how many rows are in files that it closed.
    async fn close(&self, mut partition: OpenPartition, sizes: &mut Sizes, context: &Arc<TaskContext>) -> Result<u64> {
        partition.waiting.finish_buffered_batch()?;
        let mut written = 0;
        while let Some(rows) = partition.waiting.next_completed_batch() {
            written += self.send_to_file(&mut partition, rows, sizes, context).await?;
        }
        Ok(written + if let Some(file) = partition.file { file.close().await? } else { 0 })
    }

    /// Gives rows to a partition's file, and closes it when it is large enough.
    async fn send_to_file(
        &self,
        partition: &mut OpenPartition,
        rows: RecordBatch,
        sizes: &mut Sizes,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let bytes = if self.limits.target_file_size.is_some() { bytes_of(&rows) } else { 0 };
        let mut file = match partition.file.take() {
            Some(file) => file,
            None => self.open(&partition.folder, context).await?,
        };
        if file.sender.send(rows).await.is_err() {
            // The file's own error says why it takes no more.
            file.close().await?;
            return Err(DataFusionError::Internal("a file was closed before its time".to_string()));
        }
        file.bytes += bytes;
        if self.limits.target_file_size.is_some_and(|target| sizes.expected(file.bytes) >= target) {
            let (path, bytes) = (file.path.clone(), file.bytes);
            let written = file.close().await?;
            sizes.learn(&self.sink, &path, bytes);
            return Ok(written);
        }
        partition.file = Some(file);
        Ok(0)
    }

    /// Writes rows that come sorted by partition.
    async fn write_sorted(
        &self,
        mut rows: SendableRecordBatchStream,
        mut seen: HashSet<Vec<String>>,
        mut sizes: Sizes,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let mut written = 0;
        let mut open: Option<OpenPartition> = None;
        while let Some(batch) = rows.next().await.transpose()? {
            let ranges: Vec<Range<usize>> = match self.keys.is_empty() {
                true => std::iter::once(0..batch.num_rows()).collect(),
                false => partition(&self.keys_of(&batch))?.ranges(),
            };
            for range in ranges {
                let folder = self.folder_of(&batch, range.start)?;
                let mut current = match open.take() {
                    Some(current) if current.folder == folder => current,
                    other => {
                        if let Some(done) = other {
                            written += self.close(done, &mut sizes, context).await?;
                        }
                        seen.insert(folder.clone());
                        self.require_few(seen.len())?;
                        self.open_partition(folder)
                    }
                };
                let part = self.in_file(&batch)?.slice(range.start, range.len());
                written += self.send(&mut current, part, &mut sizes, context).await?;
                open = Some(current);
            }
        }
        match open {
            Some(last) => Ok(written + self.close(last, &mut sizes, context).await?),
            None => Ok(written),
        }
    }

    /// The rows by partition, and in their order within each.
    fn sorted(&self, rows: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(&self.schema);
        let stream: Arc<dyn PartitionStream> =
            Arc::new(Given { schema: Arc::clone(&schema), rows: Mutex::new(Some(rows)) });
        let input: Arc<dyn ExecutionPlan> =
            Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), vec![stream], None, [], false, None)?);
        let by_key = self.keys.iter().map(|place| {
            let column = Arc::new(Column::new(schema.field(*place).name(), *place));
            PhysicalSortExpr::new(column, SortOptions::default())
        });
        let within = self.order.iter().flat_map(|order| order.iter()).map(|requirement| {
            PhysicalSortExpr::new(Arc::clone(&requirement.expr), requirement.options.unwrap_or_default())
        });
        match LexOrdering::new(by_key.chain(within)) {
            Some(order) => SortExec::new(order, input).execute(0, Arc::clone(context)),
            None => input.execute(0, Arc::clone(context)),
        }
    }

    /// Writes rows in any order. Returns how many there were.
    fn write_partitions<'a>(
        &'a self,
        mut data: SendableRecordBatchStream,
        context: &'a Arc<TaskContext>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let context = &self.one_file_at_a_time(context)?;
            let mut sizes = Sizes::default();
            if self.keys.is_empty() {
                return self.write_sorted(data, HashSet::new(), sizes, context).await;
            }
            let converter = RowConverter::new(vec![SortField::new(DataType::Utf8); self.keys.len()])?;
            let mut open: HashMap<Box<[u8]>, OpenPartition> = HashMap::new();
            let mut written = 0;
            while let Some(batch) = data.next().await.transpose()? {
                let groups = groups(&converter.convert_columns(&self.keys_of(&batch))?);
                let more = groups.iter().filter(|(key, _)| !open.contains_key(key)).count();
                self.require_few(open.len() + more)?;
                if open.len() + more > MOST_OPEN {
                    let mut seen = HashSet::new();
                    for (_, partition) in open {
                        seen.insert(partition.folder.clone());
                        written += self.close(partition, &mut sizes, context).await?;
                    }
                    let rest = futures::stream::once(async move { Ok(batch) }).chain(data);
                    let rest = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rest));
                    let sorted = self.sorted(rest, context)?;
                    return Ok(written + self.write_sorted(sorted, seen, sizes, context).await?);
                }
                let is_one = groups.len() == 1;
                let in_file = self.in_file(&batch)?;
                for (key, rows) in groups {
                    let partition = match open.entry(key) {
                        Entry::Occupied(partition) => partition.into_mut(),
                        Entry::Vacant(place) => {
                            let first = rows.first().copied().unwrap_or_default() as usize;
                            place.insert(self.open_partition(self.folder_of(&batch, first)?))
                        }
                    };
                    let part =
                        if is_one { in_file.clone() } else { take_record_batch(&in_file, &UInt32Array::from(rows))? };
                    written += self.send(partition, part, &mut sizes, context).await?;
                }
            }
            for (_, partition) in open {
                written += self.close(partition, &mut sizes, context).await?;
            }
            Ok(written)
        })
    }
}

impl DataSink for PartitionedSink {
    fn schema(&self) -> &SchemaRef {
        &self.sink.output_schema
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn write_all<'s, 'c, 'r>(
        &'s self,
        data: SendableRecordBatchStream,
        context: &'c Arc<TaskContext>,
    ) -> BoxFuture<'r, Result<u64>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.write_partitions(data, context)
    }
}

/// The rows of each key, in the order in which keys first come.
fn groups(keys: &datafusion::arrow::row::Rows) -> Vec<(Box<[u8]>, Vec<u32>)> {
    let mut groups: Vec<(Box<[u8]>, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
    let mut last: Option<usize> = None;
    for (row, key) in (0_u32..).zip(keys) {
        let key: &[u8] = key.as_ref();
        // Rows of one partition mostly come together.
        let place = match last.filter(|last| groups.get(*last).is_some_and(|(known, _)| known.as_ref() == key)) {
            Some(place) => place,
            None => match places.get(key) {
                Some(place) => *place,
                None => {
                    groups.push((key.into(), Vec::new()));
                    places.insert(key.into(), groups.len() - 1);
                    groups.len() - 1
                }
            },
        };
        if let Some((_, rows)) = groups.get_mut(place) {
            rows.push(row);
        }
        last = Some(place);
    }
    groups
}

fn is_local(sink: &FileSinkConfig) -> bool {
    sink.object_store_url.as_str().starts_with("file:")
}

/// A partition that takes rows.
struct OpenPartition {
    folder: Vec<String>,
    /// Rows that no file has yet.
    waiting: BatchCoalescer,
    /// Opened when the first rows come.
    file: Option<OpenFile>,
}

struct OpenFile {
    sender: mpsc::Sender<RecordBatch>,
    task: SpawnedTask<Result<u64>>,
    /// The folder that it is in.
    path: object_store::path::Path,
    /// Of its rows in memory.
    bytes: u64,
}

impl OpenFile {
    /// Ends the file, and says how many rows it has.
    async fn close(self) -> Result<u64> {
        drop(self.sender);
        self.task.join_unwind().await.map_err(|error| DataFusionError::External(Box::new(error)))?
    }
}

/// What rows take in memory, without what they share with others.
fn bytes_of(rows: &RecordBatch) -> u64 {
    let of_column = |column: &ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) as u64
    };
    rows.columns().iter().map(of_column).sum()
}

/// How large files become of rows that are so large in memory.
#[derive(Debug, Default)]
struct Sizes {
    in_memory: u64,
    in_files: u64,
}

impl Sizes {
    /// Before the first file is there, rows are taken to be as large in it as they are in memory.
    fn expected(&self, bytes: u64) -> u64 {
        if self.in_memory == 0 { bytes } else { (bytes as f64 * self.in_files as f64 / self.in_memory as f64) as u64 }
    }

    /// Looks at the newest file of a folder on this machine; elsewhere, nothing is learnt.
    fn learn(&mut self, sink: &FileSinkConfig, folder: &object_store::path::Path, bytes: u64) {
        if !is_local(sink) {
            return;
        }
        let files = std::fs::read_dir(local_path(folder)).into_iter().flatten().flatten();
        let newest = files.filter_map(|file| file.metadata().ok()).filter(|file| file.is_file());
        let newest = newest.max_by_key(|file| file.modified().ok()).map(|file| file.len());
        if let Some(size) = newest.filter(|size| *size > 0) {
            self.in_memory += bytes;
            self.in_files += size;
        }
    }
}

impl DisplayAs for PartitionedSink {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionedSink({})", self.format.kind().name())
    }
}

/// Rows from a channel, to be read once.
#[derive(Debug)]
struct Once {
    schema: SchemaRef,
    receiver: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let receiver = self.receiver.lock().take();
        let rows = futures::stream::unfold(receiver, |receiver| async move {
            let mut receiver = receiver?;
            let batch = receiver.recv().await?;
            Some((Ok(batch), Some(receiver)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// A stream as the input of a plan, to be read once.
struct Given {
    schema: SchemaRef,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

impl PartitionStream for Given {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let empty = || Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::empty())) as _;
        self.rows.lock().take().unwrap_or_else(empty)
    }
}
