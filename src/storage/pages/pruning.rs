//! Row groups whose statistics say that no row of theirs is wanted.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ParquetOptions;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, ParquetFileMetrics, RowGroupAccessPlanFilter};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use parking_lot::Mutex;
use parquet::file::metadata::ParquetMetaData;

/// The condition on a file's rows, which may become narrower while it is read.
pub(super) struct Pruning {
    condition: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    most_in_list: usize,
    /// What it says of statistics, and how often it had changed by then.
    last: Mutex<Option<(u64, Option<Arc<PruningPredicate>>)>>,
}

impl Pruning {
    pub(super) fn new(condition: Arc<dyn PhysicalExpr>, schema: SchemaRef, options: &ParquetOptions) -> Arc<Self> {
        Arc::new(Pruning { condition, schema, most_in_list: options.max_in_list_size, last: Mutex::new(None) })
    }

    fn generation(&self) -> u64 {
        snapshot_generation(&self.condition)
    }

    /// As it is now, and how often it has changed.
    fn of_statistics(&self) -> (u64, Option<Arc<PruningPredicate>>) {
        // Before it is looked at: what changes meanwhile is looked at once more.
        let generation = self.generation();
        let mut last = self.last.lock();
        match &*last {
            Some(known) if known.0 == generation => known.clone(),
            _ => {
                let predicate = PruningPredicateBuilder::new()
                    .with_file_schema(Arc::clone(&self.schema))
                    .with_max_in_list_size(self.most_in_list)
                    .build(Arc::clone(&self.condition));
                *last = Some((generation, predicate.clone()));
                (generation, predicate)
            }
        }
    }
}

/// Leaves out row groups of a piece of a file.
pub(super) struct GroupPruner {
    pruning: Option<Arc<Pruning>>,
    footer: Arc<ParquetMetaData>,
    /// How often the condition had changed when it was looked at.
    generation: u64,
}

impl GroupPruner {
    pub(super) fn new(pruning: Option<Arc<Pruning>>, footer: Arc<ParquetMetaData>) -> Self {
        GroupPruner { pruning, footer, generation: 0 }
    }

    /// The row groups of which rows may be wanted, of those that are `here`.
    pub(super) fn groups(&mut self, here: impl Fn(usize) -> bool, metrics: &ParquetFileMetrics) -> Vec<usize> {
        let mut plan = ParquetAccessPlan::new_none(self.footer.num_row_groups());
        (0..self.footer.num_row_groups()).filter(|group| here(*group)).for_each(|group| plan.scan(group));
        let mut plan = RowGroupAccessPlanFilter::new(plan);
        match self.as_it_is_now() {
            Some(predicate) => self.prune(&mut plan, &predicate, metrics),
            None => metrics.row_groups_pruned_statistics.add_matched(plan.remaining_row_group_count()),
        }
        // There are none to be asked.
        metrics.row_groups_pruned_bloom_filter.add_matched(plan.remaining_row_group_count());
        plan.row_group_indexes().collect()
    }

    /// Whether rows of a group may still be wanted, by what has become known since it was looked at last.
    pub(super) fn is_wanted(&mut self, group: usize) -> bool {
        let generation = self.pruning.as_ref().map_or(0, |pruning| pruning.generation());
        if generation == self.generation {
            return true;
        }
        let Some(predicate) = self.as_it_is_now() else { return true };
        let mut plan = ParquetAccessPlan::new_none(self.footer.num_row_groups());
        plan.scan(group);
        let mut plan = RowGroupAccessPlanFilter::new(plan);
        let metrics = ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new());
        self.prune(&mut plan, &predicate, &metrics);
        !plan.is_empty()
    }

    fn as_it_is_now(&mut self) -> Option<Arc<PruningPredicate>> {
        let (generation, predicate) = self.pruning.as_ref()?.of_statistics();
        self.generation = generation;
        predicate
    }

    fn prune(&self, plan: &mut RowGroupAccessPlanFilter, predicate: &PruningPredicate, metrics: &ParquetFileMetrics) {
        let schema = self.footer.file_metadata().schema_descr();
        plan.prune_by_statistics(predicate.schema(), schema, self.footer.row_groups(), predicate, metrics);
    }
}
