//! All rows of a group in one place, and its result.
//!
//! Where groups do not fit into memory, what is known of them goes to disk in [`parts`](super::parts), by a hash of their values. At the end a
//! part is read after the other, and may go to disk in parts of its own. (Graefe, *Query Evaluation Techniques for Large Databases*, 1993,
//! section 4.)

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::{ExecutionPlan as _, SpillManager};
use futures::TryStreamExt as _;

use super::parts::{DEEPEST, Part, Parts};
use super::rows::Leaving;
use super::state::GroupState;

/// Bytes that are taken in any case: fewer are not worth files.
const LITTLE: usize = 1 << 18;

pub(super) struct Complete {
    aggregation: Arc<AggregateExec>,
    /// Rows, and then the parts of those that went to disk.
    input: Option<SendableRecordBatchStream>,
    groups: GroupState,
    leaving: Leaving,
    metrics: BaselineMetrics,
    /// An order of the input is one of the groups, as those above know: a part that was on disk would come too late.
    has_order: bool,
    /// Of what is known of groups.
    spills: Arc<SpillManager>,
    writing: Option<Parts>,
    depth: u32,
    waiting: Vec<Part>,
}

impl Complete {
    pub(super) fn new(
        aggregation: Arc<AggregateExec>,
        input: SendableRecordBatchStream,
        leaving: Leaving,
        metrics: BaselineMetrics,
        spills: SpillManager,
    ) -> Result<Self> {
        let groups = GroupState::new(&aggregation)?;
        Ok(Complete {
            has_order: aggregation.properties().output_ordering().is_some(),
            aggregation,
            input: Some(input),
            groups,
            leaving,
            metrics,
            spills: Arc::new(spills),
            writing: None,
            depth: 0,
            waiting: Vec::new(),
        })
    }

    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let elapsed = self.metrics.elapsed_compute().clone();
            let timer = elapsed.timer();
            if let Some(batch) = self.leaving.next()? {
                return Ok(Some(batch));
            }
            timer.done();
            let Some(input) = &mut self.input else {
                let Some(part) = self.waiting.pop() else { return Ok(None) };
                self.input = Some(part.groups);
                self.depth = part.depth;
                self.groups = GroupState::merging(&self.aggregation, self.spills.schema())?;
                continue;
            };
            let batch = input.try_next().await?;
            let _timer = elapsed.timer();
            match batch {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => {
                    self.groups.add(&batch)?;
                    self.make_room()?;
                }
                None => {
                    self.input = None;
                    self.end()?;
                }
            }
        }
    }

    fn make_room(&mut self) -> Result<()> {
        let size = self.groups.size();
        match self.leaving.memory.try_resize(size) {
            Ok(()) => Ok(()),
            Err(_) if size < LITTLE => {
                self.leaving.memory.resize(size);
                Ok(())
            }
            Err(error) if self.has_order || self.groups.len() < 2 || self.depth > DEEPEST => Err(error),
            Err(_) => {
                let keys = self.aggregation.group_expr().num_group_exprs();
                let parts = self.writing.take();
                let parts = parts.unwrap_or_else(|| Parts::new(Arc::clone(&self.spills), keys, self.depth));
                self.writing = Some(self.spilled_to(parts)?);
                Ok(())
            }
        }
    }

    fn spilled_to(&mut self, mut parts: Parts) -> Result<Parts> {
        let groups = self.groups.take_states(self.spills.schema(), false)?;
        parts.write(groups, self.leaving.batch_size)?;
        self.leaving.memory.free();
        Ok(parts)
    }

    /// After the last row of the input or of a part.
    fn end(&mut self) -> Result<()> {
        match self.writing.take() {
            None => self.leaving.begin(self.groups.take_results(&self.aggregation.schema())?),
            Some(parts) => {
                let parts = self.spilled_to(parts)?.finish();
                self.waiting.extend(parts);
            }
        }
        Ok(())
    }
}
