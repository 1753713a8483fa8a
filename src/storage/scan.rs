//! A reader of files that names the file in every failure.
//!
//! DataFusion's readers report what went wrong, not where. [`NamedSource`] stands around one of them in the scan, hands
//! everything through, and rewrites errors on their way out.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::{ConfigOptions, ExecutionOptions};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_adapter::DefaultPhysicalExprAdapterFactory;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::MetricBuilder;
use datafusion::physical_plan::{ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use object_store::ObjectStore;
use object_store::path::Path;

use super::counted::CountedStore;
use super::errors::read_error;
use super::format::plain_reader;
use super::forward::describe_by_inner;
use super::location::Location;
use super::pages::{KeyFilters, LastFile, PageMorselizer, Reading};
use super::pieces;
use crate::catalog::model::FileFormat;

/// How a file is called in errors.
#[derive(Debug, Clone)]
pub(crate) struct FileNames {
    pub(crate) location: Arc<Location>,
    pub(crate) format: FileFormat,
}

impl FileNames {
    fn name(&self, error: DataFusionError, file: &Path) -> DataFusionError {
        read_error(error, self.format, &self.location.show(file), self.location.store_scheme())
    }
}

/// A reader around another one; see the module's page.
#[derive(Clone)]
pub(crate) struct NamedSource {
    inner: Arc<dyn FileSource>,
    names: FileNames,
    /// Files are read page by page, where they can be.
    by_pages: Option<KeyFilters>,
    batch_size: usize,
    /// Row groups come in an order that only `inner` knows.
    is_reordered: bool,
}

impl NamedSource {
    pub(crate) fn new(inner: Arc<dyn FileSource>, names: FileNames) -> Self {
        let batch_size = ExecutionOptions::default().batch_size.get();
        NamedSource { inner, names, by_pages: None, batch_size, is_reordered: false }
    }

    /// The store, which counts what is read of it. DataFusion's reader of Parquet does so itself.
    fn counted(&self, store: Arc<dyn ObjectStore>, partition: usize) -> Arc<dyn ObjectStore> {
        if self.names.format == FileFormat::Parquet {
            return store;
        }
        let bytes = MetricBuilder::new(self.inner.metrics()).counter("bytes_scanned", partition);
        Arc::new(CountedStore::new(store, bytes))
    }

    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(NamedSource { inner, ..self.clone() })
    }

    /// Reads page by page what can be read so, and has the rest planned by `otherwise`.
    fn paged(
        &self,
        otherwise: Box<dyn Morselizer>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let Some((keys, source)) = self.by_pages.as_ref().zip(self.inner.downcast_ref::<ParquetSource>()) else {
            return Ok(otherwise);
        };
        let adapter = config.expr_adapter_factory.clone();
        let reading = Reading {
            source: source.clone(),
            keys: keys.clone(),
            adapter: adapter.unwrap_or_else(|| Arc::new(DefaultPhysicalExprAdapterFactory)),
            schema: config.projected_schema()?,
            batch_size: self.batch_size,
            partition,
            partitions: config.file_groups.len(),
            metrics: source.metrics().clone(),
            local: (config.object_store_url == ObjectStoreUrl::local_filesystem()).then(Arc::default),
            last: LastFile::default(),
        };
        Ok(Box::new(PageMorselizer { reading: Arc::new(reading), otherwise: Arc::from(otherwise) }))
    }
}

/// What a plan node reads with, if it is a scan of ours.
fn named_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &NamedSource)> {
    let config = plan.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<NamedSource>()?))
}

/// The same plan with DataFusion's own readers in its scans: what a plan has to be before it is sent elsewhere.
///
/// CSV keeps the reader of ours: DataFusion's gives other rows.
pub fn with_plain_readers(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match named_scan(&node) {
            None => Transformed::no(node),
            Some((config, named)) => {
                let plain = FileScanConfigBuilder::from(config.clone()).with_source(plain_reader(&named.inner)).build();
                Transformed::yes(DataSourceExec::from_data_source(plain) as Arc<dyn ExecutionPlan>)
            }
        })
    })
    .data()
}

/// The same scan, which reads its files page by page, and leaves out the rows of which `keys` say that they are of no use. Scans for which
/// that is not known to be right stay as they are.
pub(crate) fn read_by_pages(scan: Arc<dyn ExecutionPlan>, keys: KeyFilters) -> Arc<dyn ExecutionPlan> {
    let Some((config, named)) = named_scan(&scan) else { return scan };
    let Some(parquet) = named.inner.downcast_ref::<ParquetSource>() else { return scan };
    // Filters that nobody asks once more, and a number of rows that was promised.
    let asks_all = parquet.table_parquet_options().global.pushdown_filters || config.limit.is_some();
    let has_more_columns = !parquet.table_schema().virtual_columns().is_empty();
    if asks_all || has_more_columns || named.is_reordered {
        return scan;
    }
    let source = Arc::new(NamedSource { by_pages: Some(keys), ..named.clone() });
    DataSourceExec::from_data_source(FileScanConfigBuilder::from(config.clone()).with_source(source).build())
}

/// Whether `plan` reads files, and leaves it to others to ask its filters of each row.
pub(crate) fn is_file_scan_that_filters_later(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some((_, named)) = named_scan(plan) else { return false };
    let parquet = named.inner.downcast_ref::<ParquetSource>();
    parquet.is_none_or(|parquet| !parquet.table_parquet_options().global.pushdown_filters)
}

impl FileSource for NamedSource {
    describe_by_inner!();

    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let store = self.counted(object_store, partition);
        let inner = self.inner.create_file_opener(store, base_config, partition)?;
        Ok(Arc::new(NamedOpener { inner, names: self.names.clone() }))
    }

    fn create_morselizer(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let store = self.counted(object_store, partition);
        let inner = self.inner.create_morselizer(store, base_config, partition)?;
        let inner = self.paged(inner, base_config, partition)?;
        Ok(Box::new(NamedMorselizer { inner, names: self.names.clone() }))
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let inner = self.inner.with_batch_size(batch_size);
        Arc::new(NamedSource { inner, batch_size, ..self.clone() })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        // What comes back is a copy of `config`, with this reader in it.
        pieces::split(self.inner.as_ref(), target_partitions, repartition_file_min_size, output_ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let mut pushed = self.inner.try_pushdown_filters(filters, config)?;
        pushed.updated_node = pushed.updated_node.map(|inner| self.around(inner));
        Ok(pushed)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        eq_properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.inner.try_pushdown_sort(order, eq_properties)? {
            SortOrderPushdownResult::Exact { inner } => SortOrderPushdownResult::Exact { inner: self.around(inner) },
            SortOrderPushdownResult::Inexact { inner } => {
                let inner = NamedSource { inner, is_reordered: true, ..self.clone() };
                SortOrderPushdownResult::Inexact { inner: Arc::new(inner) }
            }
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.around(inner)))
    }
}

struct NamedOpener {
    inner: Arc<dyn FileOpener>,
    names: FileNames,
}

impl FileOpener for NamedOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let path = file.object_meta.location.clone();
        let names = self.names.clone();
        let opening = self.inner.open(file).map_err(|error| names.name(error, &path))?;
        Ok(async move {
            let stream = opening.await.map_err(|error| names.name(error, &path))?;
            Ok(named_stream(stream, names, path))
        }
        .boxed())
    }
}

fn named_stream(
    stream: BoxStream<'static, Result<RecordBatch>>,
    names: FileNames,
    path: Path,
) -> BoxStream<'static, Result<RecordBatch>> {
    stream.map(move |batch| batch.map_err(|error| names.name(error, &path))).boxed()
}

#[derive(Debug)]
struct NamedMorselizer {
    inner: Box<dyn Morselizer>,
    names: FileNames,
}

impl Morselizer for NamedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let path = file.object_meta.location.clone();
        let names = self.names.clone();
        match self.inner.plan_file(file) {
            Ok(inner) => Ok(Box::new(NamedPlanner { inner, names, path })),
            Err(error) => Err(names.name(error, &path)),
        }
    }
}

#[derive(Debug)]
struct NamedPlanner {
    inner: Box<dyn MorselPlanner>,
    names: FileNames,
    path: Path,
}

impl MorselPlanner for NamedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let NamedPlanner { inner, names, path } = *self;
        let Some(mut plan) = inner.plan().map_err(|error| names.name(error, &path))? else { return Ok(None) };
        let around_planner = |inner: Box<dyn MorselPlanner>| -> Box<dyn MorselPlanner> {
            Box::new(NamedPlanner { inner, names: names.clone(), path: path.clone() })
        };
        let morsels = plan.take_morsels().into_iter().map(|inner| -> Box<dyn Morsel> {
            Box::new(NamedMorsel { inner, names: names.clone(), path: path.clone() })
        });
        let mut named = MorselPlan::new()
            .with_morsels(morsels.collect())
            .with_planners(plan.take_ready_planners().into_iter().map(around_planner).collect());
        if let Some(pending) = plan.take_pending_planner() {
            named.set_pending_planner(async move {
                match pending.await {
                    Ok(inner) => Ok(Box::new(NamedPlanner { inner, names, path }) as Box<dyn MorselPlanner>),
                    Err(error) => Err(names.name(error, &path)),
                }
            });
        }
        Ok(Some(named))
    }
}

#[derive(Debug)]
struct NamedMorsel {
    inner: Box<dyn Morsel>,
    names: FileNames,
    path: Path,
}

impl Morsel for NamedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        named_stream(self.inner.into_stream(), self.names, self.path)
    }
}
