//! Running a plan: on this machine now, on a cluster later, behind one trait.

pub(crate) mod compact_views;
mod distinct_limits;
mod empty_sums;
mod filter_pushdown;
pub(crate) mod groups;
pub(crate) mod kernels;
mod local;
pub mod memory;
mod memory_pool;
mod merge_join_filters;
mod mixing;
mod offsets;
mod one_input;
pub(crate) mod page_scans;
mod physical;
pub(crate) mod planning;
pub mod progress;
mod requirements;
pub(crate) mod running;
pub(crate) mod runtime_filters;
pub(crate) mod shared;
mod small_sides;
mod stand_in;
mod stoppable;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricValue;
use futures::future::BoxFuture;

pub use local::LocalExecutor;
pub use physical::with_physical_planner;

use crate::error::Result;

/// Is told the physical plan before it runs, so that others can watch its metrics.
pub type Started<'a> = &'a (dyn Fn(&Arc<dyn ExecutionPlan>) + Send + Sync);

/// Where plans are run.
pub trait Executor: Send + Sync + Debug {
    /// Plans the details, tells `started` the physical plan, and runs it up to its first rows. Dropping what is returned, or the
    /// future, stops the work.
    ///
    /// Not `async`: see "Build time" in CONTRIBUTING.md.
    fn execute<'a>(
        &'a self,
        state: &'a SessionState,
        plan: LogicalPlan,
        started: Started<'a>,
    ) -> BoxFuture<'a, Result<Execution>>;
}

/// A plan that is running.
pub struct Execution {
    /// Rows as they come; errors are DataFusion's.
    pub stream: SendableRecordBatchStream,
    /// The physical plan, whose metrics grow while the stream is read.
    pub plan: Arc<dyn ExecutionPlan>,
    /// Time from the logical plan to the start.
    pub planning: Duration,
    /// What the user should know about how it is run.
    pub notes: Vec<String>,
    /// Nothing was dropped from it, whatever the trace says.
    pub as_written: bool,
}

impl Execution {
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

/// What a plan has read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanTotals {
    pub bytes_scanned: u64,
    pub files_scanned: u64,
}

/// Adds up the scans of a plan, from its metrics.
pub fn scan_totals(plan: &Arc<dyn ExecutionPlan>) -> ScanTotals {
    let mut totals = ScanTotals::default();
    progress::for_each_scan(plan, &mut |scan, config| {
        let Some(metrics) = scan.metrics() else { return };
        if let Some(bytes) = metrics.sum_by_name("bytes_scanned") {
            totals.bytes_scanned += bytes.as_usize() as u64;
        }
        // A file that is read in several ranges is one file.
        let files: std::collections::HashSet<_> =
            config.file_groups.iter().flat_map(|group| group.iter()).map(|file| &file.object_meta.location).collect();
        let opened =
            metrics.sum(|metric| matches!(metric.value(), MetricValue::Count { name, .. } if name == "files_opened"));
        totals.files_scanned += match opened {
            Some(opened) => (opened.as_usize() as u64).min(files.len() as u64),
            None => files.len() as u64,
        };
    });
    totals
}
