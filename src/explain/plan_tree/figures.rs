//! What operators counted while they ran.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};

use crate::explain::report::ScanFigures;

/// Rows that an operator gave. One that does not count gives those of its input, if it is one that passes all of them on.
pub(super) fn rows(operator: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let mut operator = operator;
    loop {
        if let Some(rows) = operator.metrics().and_then(|metrics| metrics.output_rows()) {
            return Some(rows as u64);
        }
        operator = match operator.children().as_slice() {
            [only] if super::keeps_row_count(operator) => *only,
            _ => return None,
        };
    }
}

/// Milliseconds of work from `top` down to `bottom`, over all threads.
pub(super) fn elapsed(top: &Arc<dyn ExecutionPlan>, bottom: &Arc<dyn ExecutionPlan>) -> Option<f64> {
    let mut nanoseconds = None;
    let mut operator = top;
    loop {
        if let Some(more) = operator.metrics().and_then(|metrics| work(&metrics)) {
            *nanoseconds.get_or_insert(0) += more;
        }
        if Arc::ptr_eq(operator, bottom) {
            break;
        }
        operator = match operator.children().as_slice() {
            [only] => *only,
            _ => break,
        };
    }
    nanoseconds.map(|nanoseconds| (nanoseconds as f64 / 1e3).round() / 1e3)
}

/// A scan's time is that of reading and decoding; a hash join's that of its two sides.
fn work(metrics: &MetricsSet) -> Option<usize> {
    let named = |name: &str| metrics.sum_by_name(name).map(|value| value.as_usize());
    let compute = metrics.elapsed_compute().filter(|nanoseconds| *nanoseconds > 0);
    let sides = || match (named("build_time"), named("join_time")) {
        (None, None) => None,
        (build, join) => Some(build.unwrap_or(0) + join.unwrap_or(0)),
    };
    let scanning = named("time_elapsed_processing").filter(|nanoseconds| *nanoseconds > 0);
    match (scanning, compute) {
        (Some(scanning), compute) => Some(scanning.max(compute.unwrap_or(0))),
        (None, compute) => compute.or_else(sides),
    }
}

/// What a scan of files read and left out.
pub(super) fn scan(operator: &Arc<dyn ExecutionPlan>) -> Option<ScanFigures> {
    let scan = operator.downcast_ref::<DataSourceExec>()?;
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    // A file that is read in several ranges is one file.
    let files: HashSet<_> =
        config.file_groups.iter().flat_map(|group| group.iter()).map(|file| &file.object_meta.location).collect();
    let mut figures = ScanFigures { files: Some(files.len() as u64), ..ScanFigures::default() };
    let Some(metrics) = scan.metrics() else { return Some(figures) };
    figures.bytes_scanned = metrics.sum_by_name("bytes_scanned").map(|value| value.as_usize() as u64);
    figures.files_pruned = pruned(&metrics, "files_ranges_pruned_statistics").map(|(pruned, _)| pruned);
    // Groups that the statistics leave are looked at once more with the bloom filters.
    let by_statistics = pruned(&metrics, "row_groups_pruned_statistics");
    let by_bloom_filter = pruned(&metrics, "row_groups_pruned_bloom_filter").map_or(0, |(pruned, _)| pruned);
    if let Some((pruned, matched)) = by_statistics {
        figures.row_groups_pruned = Some(pruned + by_bloom_filter);
        figures.row_groups = Some(pruned + matched);
    }
    Some(figures)
}

/// Whether a scan of files asks a condition of its rows, or of row groups for all of theirs.
pub(super) fn has_filter(operator: &Arc<dyn ExecutionPlan>) -> bool {
    let source = operator.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
    let config = source.and_then(|source| source.downcast_ref::<FileScanConfig>());
    config.is_some_and(|config| config.file_source().filter().is_some())
}

/// How many were left out, and how many were not.
fn pruned(metrics: &MetricsSet, wanted: &str) -> Option<(u64, u64)> {
    let mut sum = None;
    for metric in metrics.iter() {
        if let MetricValue::PruningMetrics { name, pruning_metrics } = metric.value()
            && name == wanted
        {
            let (pruned, matched) = sum.get_or_insert((0, 0));
            *pruned += pruning_metrics.pruned() as u64;
            *matched += pruning_metrics.matched() as u64;
        }
    }
    sum
}
