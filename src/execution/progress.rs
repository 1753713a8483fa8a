//! How far a running plan has come.
//!
//! What there is to read is known from the plan's scans, what has been read from their metrics. A scan's share is that of
//! its bytes. Files that were pruned count as done. An estimate may be wrong, so what is shown never goes back, and never
//! says that all is done before it is.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// The most that an unfinished plan shows.
const ALMOST_DONE: f64 = 0.99;

/// Follows one plan.
#[derive(Debug)]
pub struct Progress {
    plan: Arc<dyn ExecutionPlan>,
    shown: f64,
}

impl Progress {
    pub fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        Progress { plan, shown: 0.0 }
    }

    /// The part that is done, from 0 to 1, never less than before; `None` if the plan reads no files.
    pub fn fraction(&mut self) -> Option<f64> {
        let mut total = 0.0;
        let mut done = 0.0;
        for_each_scan(&self.plan, &mut |scan, config| {
            let bytes: f64 =
                config.file_groups.iter().flat_map(|group| group.iter()).map(|file| file.effective_size() as f64).sum();
            total += bytes;
            done += bytes * scan_fraction(scan, config);
        });
        if total <= 0.0 {
            return None;
        }
        self.shown = self.shown.max((done / total).clamp(0.0, ALMOST_DONE));
        Some(self.shown)
    }
}

/// The part of a scan that is done: by its rows where their number is known, else by its files.
fn scan_fraction(scan: &DataSourceExec, config: &FileScanConfig) -> f64 {
    let Some(metrics) = scan.metrics() else { return 0.0 };
    let files = config.file_groups.iter().map(|group| group.len()).sum::<usize>().max(1) as f64;
    let processed = metrics.sum_by_name("files_processed").or_else(|| metrics.sum_by_name("files_opened"));
    let by_files = processed.map_or(0.0, |count| count.as_usize() as f64) / files;
    let rows = match config.statistics().num_rows {
        Precision::Exact(rows) | Precision::Inexact(rows) => rows as f64,
        Precision::Absent => 0.0,
    };
    let by_rows = if rows > 0.0 { metrics.output_rows().unwrap_or(0) as f64 / rows } else { 0.0 };
    // With one range of a file a partition, the count of files jumps to the end at once: rows tell better.
    let fraction = if rows > 0.0 && files <= scan.properties().output_partitioning().partition_count() as f64 {
        by_rows
    } else {
        by_files.max(by_rows)
    };
    fraction.clamp(0.0, 1.0)
}

/// Calls `visit` for each scan of files in the plan.
pub(crate) fn for_each_scan(plan: &Arc<dyn ExecutionPlan>, visit: &mut impl FnMut(&DataSourceExec, &FileScanConfig)) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>()
    {
        visit(scan, config);
    }
    for child in plan.children() {
        for_each_scan(child, visit);
    }
}
