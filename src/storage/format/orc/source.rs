//! Reads ORC files in a scan: the columns that are wanted, and of the stripes those that can have rows for the query.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_expr_adapter::{
    PhysicalExprAdapter, PhysicalExprAdapterFactory as _, replace_columns_with_literals,
};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, apply_expression_roots};
use futures::{FutureExt as _, StreamExt as _};
use object_store::ObjectStore;
use orc_rust::array_decoder::NaiveStripeDecoder;
use orc_rust::projection::ProjectionMask;
use orc_rust::reader::metadata::FileMetadata;
use orc_rust::schema::RootDataType;
use orc_rust::stripe::{Stripe, StripeMetadata};

use super::footer::{FileReader, Footers, broken, fields_of, guarded, has_names};
use super::statistics::Stripes;
use crate::storage::adapter::CaseInsensitiveAdapterFactory;

/// The reader of a scan.
#[derive(Clone)]
pub(super) struct OrcSource {
    table_schema: TableSchema,
    projection: ProjectionExprs,
    /// What rows have to fulfil. The scan need not see to it.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    footers: Arc<Footers>,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl OrcSource {
    pub(super) fn new(table_schema: TableSchema, footers: Arc<Footers>) -> Self {
        let schema = table_schema.table_schema();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        OrcSource {
            projection: ProjectionExprs::from_indices(&all, schema),
            table_schema,
            predicate: None,
            footers,
            batch_size: 8192,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl FileSource for OrcSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        Ok(Arc::new(OrcOpener {
            output: Arc::new(self.projection.project_schema(self.table_schema.table_schema())?),
            source: self.clone(),
            store: object_store,
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(OrcSource { batch_size: batch_size.max(1), ..self.clone() })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.predicate.clone()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "orc"
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (t, &self.predicate) {
            (DisplayFormatType::Default | DisplayFormatType::Verbose, Some(predicate)) => {
                write!(f, ", predicate={predicate}")
            }
            _ => Ok(()),
        }
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; filters.len()]);
        if filters.is_empty() {
            return Ok(answer);
        }
        let predicate = conjunction(self.predicate.iter().cloned().chain(filters));
        Ok(answer.with_updated_node(Arc::new(OrcSource { predicate: Some(predicate), ..self.clone() })))
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let projection = self.projection.try_merge(projection)?;
        Ok(Some(Arc::new(OrcSource { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.predicate.iter().chain(self.projection.iter().map(|column| &column.expr)), f)
    }
}

struct OrcOpener {
    source: OrcSource,
    store: Arc<dyn ObjectStore>,
    /// The columns of the scan.
    output: SchemaRef,
}

/// How one file is read.
struct FilePlan {
    /// The file's columns that are read.
    read: SchemaRef,
    root: RootDataType,
    /// From these columns to those of the scan.
    projector: Projector,
    stripes: std::vec::IntoIter<StripeMetadata>,
}

impl OrcOpener {
    fn plan(&self, file: &PartitionedFile, footer: &FileMetadata) -> Result<FilePlan> {
        let in_table = self.source.table_schema.file_schema();
        let physical = physical_schema(footer, in_table)?;
        let partition: HashMap<String, ScalarValue> = self
            .source
            .table_schema
            .table_partition_cols()
            .iter()
            .map(|field| field.name().clone())
            .zip(file.partition_values.iter().cloned())
            .collect();
        let adapter = CaseInsensitiveAdapterFactory.create(Arc::clone(in_table), Arc::clone(&physical))?;
        let rewrite = |expr| adapter.rewrite(replace_columns_with_literals(expr, &partition)?);
        let projection = self.source.projection.clone().try_map_exprs(rewrite)?;
        let places = projection.column_indices();
        let read = Arc::new(physical.project(&places)?);
        let columns = footer.root_data_type().children();
        let wanted = places.iter().filter_map(|place| Some(columns.get(*place)?.data_type().column_index()));
        let mask = ProjectionMask::roots(footer.root_data_type(), wanted);
        let projection = projection.try_map_exprs(|expr| reassign_expr_columns(expr, &read))?;
        let predicate = self.source.predicate.clone();
        Ok(FilePlan {
            projector: projection.make_projector(&read)?,
            root: footer.root_data_type().project(&mask),
            read,
            stripes: self.stripes(file, footer, &physical, adapter.as_ref(), predicate, &partition).into_iter(),
        })
    }

    /// The stripes that start within the file's range and can have rows that the query asks for.
    fn stripes(
        &self,
        file: &PartitionedFile,
        footer: &FileMetadata,
        physical: &SchemaRef,
        adapter: &dyn PhysicalExprAdapter,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        partition: &HashMap<String, ScalarValue>,
    ) -> Vec<StripeMetadata> {
        let is_ours = |stripe: &&StripeMetadata| {
            let Ok(start) = i64::try_from(stripe.offset()) else { return false };
            file.range.as_ref().is_none_or(|range| (range.start..range.end).contains(&start))
        };
        let stripes: Vec<StripeMetadata> = footer.stripe_metadatas().iter().filter(is_ours).cloned().collect();
        let Some(predicate) = predicate.filter(|_| stripes.iter().any(|stripe| !stripe.column_statistics().is_empty()))
        else {
            return stripes;
        };
        // Where nothing can be told, all stripes are read.
        let keep = || -> Option<Vec<bool>> {
            let predicate = adapter.rewrite(replace_columns_with_literals(predicate, partition).ok()?).ok()?;
            let pruning =
                PruningPredicateBuilder::new().with_file_schema(Arc::clone(physical)).try_build(predicate).ok()?;
            pruning.prune(&Stripes { footer, stripes: &stripes, schema: physical }).ok()
        };
        match keep() {
            Some(keep) if keep.len() == stripes.len() => {
                stripes.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(stripe, _)| stripe).collect()
            }
            _ => stripes,
        }
    }
}

/// The columns of a file. Those without names have the table's by their places.
fn physical_schema(footer: &FileMetadata, in_table: &Schema) -> Result<SchemaRef> {
    let schema = Schema::new(fields_of(footer).map_err(broken)?);
    if has_names(&schema) {
        return Ok(Arc::new(schema));
    }
    let names = in_table.fields().iter().map(|field| Some(field.name())).chain(std::iter::repeat(None));
    let fields = schema.fields().iter().zip(names).map(|(field, name)| match name {
        Some(name) => Arc::new(field.as_ref().clone().with_name(name)),
        None => Arc::clone(field),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

impl FileOpener for OrcOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let opener =
            OrcOpener { source: self.source.clone(), store: Arc::clone(&self.store), output: Arc::clone(&self.output) };
        Ok(Box::pin(async move {
            let footer = opener.source.footers.of(&opener.store, &file.object_meta).await?;
            let plan = opener.plan(&file, &footer)?;
            let reader = OrcReader {
                bytes: FileReader::new(&opener.store, &file.object_meta),
                footer,
                plan,
                output: opener.output,
                batch_size: opener.source.batch_size,
                stripe: None,
            };
            let batches = futures::stream::try_unfold(reader, |mut reader| async move {
                Ok(reader.next().await?.map(|batch| (batch, reader)))
            });
            Ok(batches.boxed())
        }))
    }
}

struct OrcReader {
    bytes: FileReader,
    footer: Arc<FileMetadata>,
    plan: FilePlan,
    output: SchemaRef,
    batch_size: usize,
    /// The stripe that is being read.
    stripe: Option<NaiveStripeDecoder>,
}

impl OrcReader {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let damaged = |error: orc_rust::error::OrcError| DataFusionError::External(Box::new(error));
        loop {
            if let Some(stripe) = &mut self.stripe {
                match guarded(|| stripe.next())? {
                    Some(batch) => return self.in_scan(&batch.map_err(damaged)?).map(Some),
                    None => self.stripe = None,
                }
            }
            let Some(info) = self.plan.stripes.next() else { return Ok(None) };
            let reading = Stripe::new_async(&mut self.bytes, &self.footer, &self.plan.root, &info);
            let stripe = match std::panic::AssertUnwindSafe(reading).catch_unwind().await {
                Ok(stripe) => stripe.map_err(damaged)?,
                Err(_) => return Err(broken("the footer of a stripe is damaged")),
            };
            let (read, batch_size) = (Arc::clone(&self.plan.read), self.batch_size);
            self.stripe = Some(guarded(|| NaiveStripeDecoder::new(stripe, read, batch_size))?.map_err(damaged)?);
        }
    }

    fn in_scan(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.plan.read), columns, &options)?;
        let columns = self.plan.projector.project_batch(&batch)?.columns().to_vec();
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.output), columns, &options)?)
    }
}
