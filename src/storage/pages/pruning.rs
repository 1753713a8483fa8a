//! Row groups whose statistics say that no row of theirs is wanted.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ParquetOptions;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, ParquetFileMetrics, RowGroupAccessPlanFilter};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use parquet::file::metadata::ParquetMetaData;

/// Knows the condition on a file's rows, which may become narrower while it is read.
pub(super) struct GroupPruner {
    condition: Option<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    footer: Arc<ParquetMetaData>,
    most_in_list: usize,
    /// How often the condition had changed when it was looked at.
    generation: u64,
}

impl GroupPruner {
    pub(super) fn new(
        condition: Option<Arc<dyn PhysicalExpr>>,
        schema: SchemaRef,
        footer: Arc<ParquetMetaData>,
        options: &ParquetOptions,
    ) -> Self {
        let condition = condition.filter(|_| options.pruning);
        GroupPruner { condition, schema, footer, most_in_list: options.max_in_list_size, generation: 0 }
    }

    /// The row groups of which rows may be wanted, of those that are `here`.
    pub(super) fn groups(&mut self, here: impl Fn(usize) -> bool, metrics: &ParquetFileMetrics) -> Vec<usize> {
        let mut plan = ParquetAccessPlan::new_none(self.footer.num_row_groups());
        (0..self.footer.num_row_groups()).filter(|group| here(*group)).for_each(|group| plan.scan(group));
        let mut plan = RowGroupAccessPlanFilter::new(plan);
        match self.condition() {
            Some(condition) => self.prune(&mut plan, &condition, metrics),
            None => metrics.row_groups_pruned_statistics.add_matched(plan.remaining_row_group_count()),
        }
        // There are none to be asked.
        metrics.row_groups_pruned_bloom_filter.add_matched(plan.remaining_row_group_count());
        plan.row_group_indexes().collect()
    }

    /// Whether rows of a group may still be wanted, by what has become known since it was looked at last.
    pub(super) fn is_wanted(&mut self, group: usize) -> bool {
        let generation = self.condition.as_ref().map_or(0, snapshot_generation);
        if generation == self.generation {
            return true;
        }
        let Some(condition) = self.condition() else { return true };
        let mut plan = ParquetAccessPlan::new_none(self.footer.num_row_groups());
        plan.scan(group);
        let mut plan = RowGroupAccessPlanFilter::new(plan);
        self.prune(&mut plan, &condition, &ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new()));
        !plan.is_empty()
    }

    /// As it is now.
    fn condition(&mut self) -> Option<Arc<PruningPredicate>> {
        let condition = self.condition.as_ref()?;
        self.generation = snapshot_generation(condition);
        PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&self.schema))
            .with_max_in_list_size(self.most_in_list)
            .build(Arc::clone(condition))
    }

    fn prune(&self, plan: &mut RowGroupAccessPlanFilter, condition: &PruningPredicate, metrics: &ParquetFileMetrics) {
        let schema = self.footer.file_metadata().schema_descr();
        plan.prune_by_statistics(&self.schema, schema, self.footer.row_groups(), condition, metrics);
    }
}
