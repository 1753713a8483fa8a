//! Drops the rows whose keys no join above has found.

use std::fmt::{self, Formatter};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::Stream;

use super::found::{FoundKeys, KnownKeys};
use crate::execution::one_input::{looks_like_its_input, statistics_of_input};
use crate::storage::{KeyFilter, KeyFilters};

/// Rows after which it is known whether a filter pays.
const SAMPLE: usize = 1 << 16;
/// It pays if it keeps at most this part of them: what it keeps is copied.
const MOST_KEPT: f64 = 0.7;
/// So many batches a filter rests that does not pay.
const REST: usize = 256;
/// A hash table of fewer keys answers as quickly as a filter.
const QUICK_TABLE: usize = 1 << 14;
/// A join has an array in place of a hash table where so large a part of the numbers from the first to the last key is one.
const DENSE: f64 = 0.15;

/// A key of a join.
#[derive(Debug, Clone)]
pub(super) struct RuntimeFilter {
    /// Of the rows to be filtered.
    key: Arc<dyn PhysicalExpr>,
    found: Arc<FoundKeys>,
    /// The join gets the rows next, and they only save it looking them up.
    is_next: bool,
}

impl RuntimeFilter {
    pub(super) fn new(key: Arc<dyn PhysicalExpr>, found: Arc<FoundKeys>, is_next: bool) -> Self {
        RuntimeFilter { key, found, is_next }
    }

    /// The keys, if they are known and worth being asked.
    fn known(&self) -> Option<Arc<KnownKeys>> {
        let known = self.found.known()?;
        let is_quick = known.count < QUICK_TABLE || known.density() >= DENSE;
        (!(self.is_next && is_quick)).then_some(known)
    }
}

/// Its input's rows without those whose keys were not found.
#[derive(Debug)]
pub(super) struct RuntimeFilterExec {
    input: Arc<dyn ExecutionPlan>,
    filters: Vec<RuntimeFilter>,
    metrics: ExecutionPlanMetricsSet,
}

impl RuntimeFilterExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, filters: Vec<RuntimeFilter>) -> Self {
        RuntimeFilterExec { input, filters, metrics: ExecutionPlanMetricsSet::new() }
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        RuntimeFilterExec::new(input, self.filters.clone())
    }

    /// The keys that are asked for.
    pub(super) fn found(&self) -> impl Iterator<Item = &Arc<FoundKeys>> {
        self.filters.iter().map(|filter| &filter.found)
    }

    /// The filters on columns of the input, to be asked before there are rows.
    pub(super) fn for_input(&self) -> KeyFilters {
        let on_column = |filter: &RuntimeFilter| {
            let column = filter.key.downcast_ref::<Column>()?;
            Some((column.index(), Arc::clone(&filter.found) as Arc<dyn KeyFilter>))
        };
        self.filters.iter().filter_map(on_column).collect()
    }
}

impl DisplayAs for RuntimeFilterExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        let keys: Vec<String> = self.filters.iter().map(|filter| filter.key.to_string()).collect();
        let keys = keys.join(", ");
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "RuntimeFilterExec: keys=[{keys}]"),
            DisplayFormatType::TreeRender => writeln!(f, "keys={keys}"),
        }
    }
}

impl ExecutionPlan for RuntimeFilterExec {
    fn name(&self) -> &'static str {
        "RuntimeFilterExec"
    }

    looks_like_its_input!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut keys = self.filters.iter().map(|filter| &filter.key);
        keys.try_fold(TreeNodeRecursion::Continue, |next, key| next.visit_sibling(|| visit(key)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch_size = context.session_config().batch_size();
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(Filtering {
            filters: self.filters.iter().cloned().map(Trial::of).collect(),
            kept: BatchCoalescer::new(input.schema(), batch_size)
                .with_biggest_coalesce_batch_size(Some(batch_size / 2)),
            input,
            is_at_end: false,
            numbers: Vec::new(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let all = statistics_of_input(inputs, &self.schema());
        Ok(Arc::new(Arc::unwrap_or_clone(all).to_inexact()))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }
}

/// A filter, and how it does.
struct Trial {
    filter: RuntimeFilter,
    seen: usize,
    kept: usize,
    /// Batches that it is still not asked for.
    rests: usize,
}

impl Trial {
    fn of(filter: RuntimeFilter) -> Self {
        Trial { filter, seen: 0, kept: 0, rests: 0 }
    }

    /// Which rows of the batch may stay; `None`: nothing is asked.
    fn keep(&mut self, batch: &RecordBatch, numbers: &mut Vec<u64>) -> Result<Option<BooleanBuffer>> {
        if self.rests > 0 {
            self.rests -= 1;
            return Ok(None);
        }
        let Some(known) = self.filter.known() else { return Ok(None) };
        let column = self.filter.key.evaluate(batch)?.into_array(batch.num_rows())?;
        let keep = known.keep(self.filter.found.kind, &column, numbers)?;
        self.seen += batch.num_rows();
        self.kept += keep.count_set_bits();
        if self.seen >= SAMPLE {
            if self.kept as f64 > MOST_KEPT * self.seen as f64 {
                self.rests = REST;
            }
            (self.seen, self.kept) = (0, 0);
        }
        Ok(Some(keep))
    }
}

struct Filtering {
    input: SendableRecordBatchStream,
    filters: Vec<Trial>,
    /// Rows that stay, on the way to whole batches.
    kept: BatchCoalescer,
    is_at_end: bool,
    /// Of the batch at hand.
    numbers: Vec<u64>,
    metrics: BaselineMetrics,
}

impl Filtering {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        let mut keep: Option<BooleanBuffer> = None;
        let mut rows = batch.num_rows();
        for filter in &mut self.filters {
            let Some(more) = filter.keep(&batch, &mut self.numbers)? else { continue };
            let both = match keep {
                Some(keep) => &keep & &more,
                None => more,
            };
            rows = both.count_set_bits();
            if rows == 0 {
                return Ok(());
            }
            keep = Some(both);
        }
        match keep.filter(|_| rows < batch.num_rows()) {
            Some(keep) => self.kept.push_batch_with_filter(batch, &BooleanArray::new(keep, None))?,
            None => {
                // What waits goes first, so that this one need not be copied.
                self.kept.finish_buffered_batch()?;
                self.kept.push_batch(batch)?;
            }
        }
        Ok(())
    }
}

impl Stream for Filtering {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(batch) = self.kept.next_completed_batch() {
                return self.metrics.record_poll(Poll::Ready(Some(Ok(batch))));
            }
            if self.is_at_end {
                return Poll::Ready(None);
            }
            let next = ready!(self.input.as_mut().poll_next(context));
            let time = self.metrics.elapsed_compute().clone();
            let _timer = time.timer();
            match next {
                Some(Ok(batch)) => self.add(batch)?,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.is_at_end = true;
                    self.kept.finish_buffered_batch()?;
                }
            }
        }
    }
}

impl RecordBatchStream for Filtering {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
