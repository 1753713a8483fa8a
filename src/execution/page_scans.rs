//! Parquet files are read page by page, with what joins have found.
//!
//! See [`crate::storage`]'s `pages` for how. The filters above a scan stay: they ask the rows that are left, or all if the files have to be
//! read otherwise.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use super::one_input::over_inputs;
use super::runtime_filters::{filtered_column, keys_for_input};
use crate::storage::{KeyFilters, read_by_pages};

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "page_scans";

/// See the module. To run when nothing else will change the scans.
#[derive(Debug)]
pub(super) struct PageScans;

impl PhysicalOptimizerRule for PageScans {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        paged(plan, Vec::new())
    }
}

/// `keys`: what is known of the columns of the plan's output.
fn paged(plan: Arc<dyn ExecutionPlan>, keys: KeyFilters) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.children().is_empty() {
        return Ok(read_by_pages(plan, keys));
    }
    let keys = match plan.downcast_ref::<FilterExec>() {
        Some(filter) => through_filter(filter, keys),
        None => keys_for_input(&plan),
    };
    let children = plan.children().into_iter().map(|child| paged(Arc::clone(child), keys.clone()));
    let children = children.collect::<Result<Vec<_>>>()?;
    over_inputs(plan, children)
}

/// The same of the filter's input, if a row that is missing in it is missing in the output only.
fn through_filter(filter: &FilterExec, keys: KeyFilters) -> KeyFilters {
    if filter.fetch().is_some() {
        return Vec::new();
    }
    let of_input = |(column, key)| filtered_column(filter, column).map(|column| (column, key));
    keys.into_iter().filter_map(of_input).collect()
}
