//! An operator of the plan whose work another one does.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};

use super::Kernels;
use crate::execution::stand_in::looks_as_planned;

/// Shows and answers for the operator that was planned, and runs the quicker one. Both have the same input.
#[derive(Debug)]
pub(super) struct KernelExec {
    planned: Arc<dyn ExecutionPlan>,
    quicker: Arc<dyn ExecutionPlan>,
    kernels: Kernels,
}

impl KernelExec {
    /// The operator with a quicker one in it, or itself if it has none.
    pub(super) fn in_place_of(
        planned: Arc<dyn ExecutionPlan>,
        kernels: &Kernels,
    ) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        Ok(match kernels.quicker(&planned)? {
            Some(quicker) => Transformed::yes(Arc::new(KernelExec { planned, quicker, kernels: kernels.clone() })),
            None => Transformed::no(planned),
        })
    }

    fn for_planned(&self, planned: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(KernelExec::in_place_of(planned, &self.kernels)?.data)
    }
}

impl DisplayAs for KernelExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        self.planned.fmt_as(format, f)
    }
}

impl ExecutionPlan for KernelExec {
    looks_as_planned!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.quicker.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.quicker.metrics()
    }
}
