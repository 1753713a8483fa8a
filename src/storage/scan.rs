//! A reader of files that names the file in every failure.
//!
//! DataFusion's readers report what went wrong, not where. [`NamedSource`] stands around one of them in the scan, hands
//! everything through, and rewrites errors on their way out.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
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
}

impl NamedSource {
    pub(crate) fn new(inner: Arc<dyn FileSource>, names: FileNames) -> Self {
        NamedSource { inner, names }
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
        Arc::new(NamedSource { inner, names: self.names.clone() })
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

/// The same scan, which decodes the columns of its filters first, and of the others only the rows that are left. Other scans than of
/// Parquet files stay as they are.
pub(crate) fn filtered_first(scan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let Some((config, named)) = named_scan(&scan) else { return scan };
    let Some(parquet) = named.inner.downcast_ref::<ParquetSource>() else { return scan };
    let parquet = Arc::new(parquet.clone().with_pushdown_filters(true));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(named.around(parquet)).build();
    DataSourceExec::from_data_source(config)
}

/// Whether `plan` reads files, and does not ask its filters of each row while it decodes (see [`filtered_first`]).
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
        Ok(Box::new(NamedMorselizer { inner, names: self.names.clone() }))
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.around(self.inner.with_batch_size(batch_size))
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
        self.inner.repartitioned(target_partitions, repartition_file_min_size, output_ordering, config)
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
                SortOrderPushdownResult::Inexact { inner: self.around(inner) }
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
