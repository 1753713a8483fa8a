//! Arrow IPC: the file format (Feather version 2) and the stream format.
//!
//! DataFusion takes all files of a scan for what the first one is, and their columns for the table's, by place. The reader
//! here gives each file a reader of its own kind and makes its columns fit by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::convert::try_schema_from_ipc_buffer;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    ArrowSource, FileOpenFuture, FileOpener, FileScanConfig, FileSinkConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, LexRequirement};
use datafusion::physical_expr_adapter::{PhysicalExprAdapterFactory as _, replace_columns_with_literals};
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::options::Options;
use super::{Reading, TableFormat, first_bytes, schemas_of, stated_schema};
use crate::catalog::model::FileFormat;
use crate::error::Result;
use crate::storage::adapter::CaseInsensitiveAdapterFactory;
use crate::storage::errors::{damaged, from_datafusion};
use crate::storage::forward::describe_by_inner;
use crate::storage::schema;

/// Enough for the schema message of most files.
const START: u64 = 64 * 1024;

/// What the file format begins with; the stream format does not.
const MAGIC: &[u8] = b"ARROW1";

#[derive(Debug)]
pub(crate) struct ArrowIpc;

impl ArrowIpc {
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        Options::new("Arrow", given).finish()?;
        Ok(ArrowIpc)
    }
}

/// The schema at the start of a file; `Err(None)` if more bytes are needed.
fn schema_at_start(start: &[u8]) -> Result<Schema, Option<String>> {
    if start.starts_with(b"FEA1") {
        return Err(Some("it is in the first version of Feather, which is no Arrow".to_string()));
    }
    // Writers fill up to their alignment after the magic letters, to 8 bytes or to 64.
    let mut message = if start.starts_with(MAGIC) { start.get(8..).unwrap_or_default() } else { start };
    while start.starts_with(MAGIC) && message.starts_with(&[0; 8]) {
        message = &message[8..];
    }
    let (marker, rest) = message.split_at_checked(4).ok_or(None)?;
    let length = if marker == [0xFF; 4] { rest.get(..4).ok_or(None)? } else { marker };
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    if u64::from(length) > 256 * 1024 * 1024 {
        return Err(Some("it does not begin with a schema".to_string()));
    }
    if message.len() < length as usize + 8 {
        return Err(None);
    }
    try_schema_from_ipc_buffer(message).map_err(|error| Some(error.to_string()))
}

#[async_trait]
impl TableFormat for ArrowIpc {
    fn kind(&self) -> FileFormat {
        FileFormat::Arrow
    }

    fn fingerprint(&self) -> String {
        "arrow".to_string()
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        let schemas = schemas_of(self, reading, files).await?;
        schema::merge(&schemas, |file| reading.shown(&files[file]))
    }

    async fn physical_schema(&self, reading: &Reading<'_>, file: &ObjectMeta) -> Result<Option<SchemaRef>> {
        let read = async {
            let mut count = START;
            loop {
                let start = first_bytes(reading, file, count).await?;
                match schema_at_start(&start) {
                    Ok(schema) => return Ok(schema.fields().clone()),
                    Err(None) if count < file.size => count *= 16,
                    Err(why) => {
                        let why = why.unwrap_or_else(|| "it breaks off".to_string());
                        return Err(damaged(FileFormat::Arrow, &reading.shown(file), &why));
                    }
                }
            }
        };
        stated_schema(self, reading, file, read).await
    }

    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        let known = reading.caches.schemas(reading.location.store().as_str(), &self.fingerprint());
        let schemas = files.iter().filter_map(|file| Some((file.location.to_string(), known.get(file)?)));
        Ok(Arc::new(ArrowTableSource {
            inner: Arc::new(ArrowSource::new_file_source(schema)),
            schemas: Arc::new(schemas.collect()),
        }))
    }

    fn extension(&self) -> String {
        "arrow".to_string()
    }

    async fn writer(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        ArrowFormat.create_writer_physical_plan(input, state, sink, order).await.map_err(from_datafusion)
    }
}

/// The reader of a scan.
#[derive(Clone)]
pub(crate) struct ArrowTableSource {
    /// Keeps the projection.
    inner: Arc<dyn FileSource>,
    /// The columns of each file, by its path.
    schemas: Arc<HashMap<String, SchemaRef>>,
}

impl ArrowTableSource {
    fn with_inner(&self, inner: Arc<dyn FileSource>) -> Self {
        ArrowTableSource { inner, schemas: Arc::clone(&self.schemas) }
    }

    /// DataFusion's reader of the same rows.
    pub(crate) fn plain(&self) -> Arc<dyn FileSource> {
        Arc::clone(&self.inner)
    }
}

impl FileSource for ArrowTableSource {
    describe_by_inner!();

    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let table_schema = self.inner.table_schema();
        let projection = match self.inner.projection() {
            Some(projection) => projection.clone(),
            None => {
                let schema = table_schema.table_schema();
                ProjectionExprs::from_indices(&(0..schema.fields().len()).collect::<Vec<_>>(), schema)
            }
        };
        Ok(Arc::new(ArrowOpener {
            output: Arc::new(projection.project_schema(table_schema.table_schema())?),
            table_schema: table_schema.clone(),
            schemas: Arc::clone(&self.schemas),
            projection,
            store: object_store,
            config: base_config.clone(),
            partition,
        }))
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(self.with_inner(self.inner.with_batch_size(batch_size)))
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> DataFusionResult<Option<FileScanConfig>> {
        self.inner.repartitioned(target_partitions, repartition_file_min_size, output_ordering, config)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| Arc::new(self.with_inner(inner)) as Arc<dyn FileSource>))
    }
}

struct ArrowOpener {
    table_schema: TableSchema,
    schemas: Arc<HashMap<String, SchemaRef>>,
    /// What the scan gives, as expressions on the table's columns.
    projection: ProjectionExprs,
    output: SchemaRef,
    store: Arc<dyn ObjectStore>,
    config: FileScanConfig,
    partition: usize,
}

impl ArrowOpener {
    /// The projection as expressions on the columns of one file.
    fn projection_of(&self, file: &PartitionedFile, physical: &SchemaRef) -> DataFusionResult<ProjectionExprs> {
        let partition: HashMap<String, ScalarValue> = self
            .table_schema
            .table_partition_cols()
            .iter()
            .map(|field| field.name().clone())
            .zip(file.partition_values.iter().cloned())
            .collect();
        let logical = Arc::clone(self.table_schema.file_schema());
        let adapter = CaseInsensitiveAdapterFactory.create(logical, Arc::clone(physical))?;
        self.projection.clone().try_map_exprs(|expr| adapter.rewrite(replace_columns_with_literals(expr, &partition)?))
    }
}

impl FileOpener for ArrowOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let physical = self.schemas.get(file.object_meta.location.as_ref());
        let physical = Arc::clone(physical.unwrap_or(self.table_schema.file_schema()));
        let projection = self.projection_of(&file, &physical)?;
        let (store, config, partition) = (Arc::clone(&self.store), self.config.clone(), self.partition);
        let output = Arc::clone(&self.output);
        Ok(Box::pin(async move {
            let magic = GetOptions { range: Some(GetRange::Bounded(0..MAGIC.len() as u64)), ..Default::default() };
            let start = store.get_opts(&file.object_meta.location, magic).await?.bytes().await?;
            let is_file = start.as_ref() == MAGIC;
            let mut file = PartitionedFile { partition_values: Vec::new(), ..file };
            if let (Some(range), false) = (&file.range, is_file) {
                // A stream has no index: whoever has its start reads all of it.
                if range.start > 0 {
                    return Ok(futures::stream::empty().boxed());
                }
                file.range = None;
            }
            let schema = TableSchema::from(&physical);
            let source: Arc<dyn FileSource> = match is_file {
                true => Arc::new(ArrowSource::new_file_source(schema)),
                false => Arc::new(ArrowSource::new_stream_file_source(schema)),
            };
            let source = source.try_pushdown_projection(&projection)?.unwrap_or(source);
            let opener = source.create_file_opener(store, &config, partition)?;
            let batches = opener.open(file)?.await?;
            let as_table = move |batch: RecordBatch| {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                Ok(RecordBatch::try_new_with_options(Arc::clone(&output), columns, &options)?)
            };
            Ok(batches.and_then(move |batch| std::future::ready(as_table(batch))).boxed())
        }))
    }
}
