//! Reads CSV files in a scan.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    CsvSource, FileGroupPartitioner, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_expr::projection::ProjectionExprs;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::decoder::Decoder;
use super::dialect::Dialect;
use super::header::Layout;
use super::splits::Splits;
use crate::storage::format::text::bytes_of;
use crate::storage::forward::describe_by_inner;
use crate::storage::location::Location;

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
    describe_by_inner!();

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

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(CsvTableSource { batch_size, ..self.with_inner(self.inner.with_batch_size(batch_size)) })
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
                        let header = start_of_file(&table, &store, &meta, &decoder).await?;
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
    decoder: &Decoder,
) -> DataFusionResult<Option<Layout>> {
    if !table.dialect.header {
        return Ok(None);
    }
    let mut pieces = bytes_of(store, meta, table.dialect.compression, None).await?;
    let mut start = decoder.fresh();
    while start.layout().is_none() {
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
    Ok(start.layout().cloned())
}
