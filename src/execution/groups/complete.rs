//! All rows of a group in one place, and its result.
//!
//! Where groups do not fit into memory, what is known of them goes to disk in [`parts`](super::parts), by a hash of their values. At the end a
//! part is read after the other, and may go to disk in parts of its own. (Graefe, *Query Evaluation Techniques for Large Databases*, 1993,
//! section 4.)

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::{ExecutionPlan as _, SpillManager};
use futures::TryStreamExt as _;

use super::parts::{DEEPEST, Part, Parts};
use super::rows::GroupRows;
use super::state::GroupState;

/// Bytes that are taken in any case: fewer are not worth files.
const LITTLE: usize = 1 << 18;

pub(super) struct Complete {
    aggregation: Arc<AggregateExec>,
    /// Rows, and then the parts of those that went to disk.
    input: Option<SendableRecordBatchStream>,
    groups: GroupState,
    batch_size: usize,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
    /// An order of the input is one of the groups, as those above know: a part that was on disk would come too late.
    has_order: bool,
    /// Of what is known of groups.
    spills: Arc<SpillManager>,
    writing: Option<Parts>,
    depth: u32,
    waiting: Vec<Part>,
    leaving: Option<GroupRows>,
}

impl Complete {
    pub(super) fn new(
        aggregation: Arc<AggregateExec>,
        input: SendableRecordBatchStream,
        batch_size: usize,
        memory: MemoryReservation,
        metrics: BaselineMetrics,
        spills: SpillManager,
    ) -> Result<Self> {
        let groups = GroupState::new(&aggregation, *aggregation.mode())?;
        Ok(Complete {
            has_order: aggregation.properties().output_ordering().is_some(),
            aggregation,
            input: Some(input),
            groups,
            batch_size,
            memory,
            metrics,
            spills: Arc::new(spills),
            writing: None,
            depth: 0,
            waiting: Vec::new(),
            leaving: None,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let elapsed = self.metrics.elapsed_compute().clone();
            if let Some(leaving) = &mut self.leaving {
                let _timer = elapsed.timer();
                if let Some(batch) = leaving.next(self.batch_size)? {
                    return Ok(Some(batch));
                }
                self.leaving = None;
                self.memory.free();
            }
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
        match self.memory.try_resize(size) {
            Ok(()) => Ok(()),
            Err(_) if size < LITTLE => {
                self.memory.resize(size);
                Ok(())
            }
            Err(error) if self.has_order || self.groups.len() < 2 || self.depth > DEEPEST => Err(error),
            Err(_) => {
                let mut parts = match self.writing.take() {
                    Some(parts) => parts,
                    None => {
                        let keys = self.aggregation.group_expr().num_group_exprs();
                        Parts::new(Arc::clone(&self.spills), keys, self.depth)
                    }
                };
                self.spill(&mut parts)?;
                self.writing = Some(parts);
                Ok(())
            }
        }
    }

    fn spill(&mut self, parts: &mut Parts) -> Result<()> {
        let groups = self.groups.take_states(self.spills.schema(), false)?;
        parts.write(groups, self.batch_size)?;
        self.memory.free();
        Ok(())
    }

    /// After the last row of the input or of a part.
    fn end(&mut self) -> Result<()> {
        match self.writing.take() {
            None => self.leaving = Some(self.groups.take_results(&self.aggregation.schema())?),
            Some(mut parts) => {
                self.spill(&mut parts)?;
                self.waiting.extend(parts.finish());
            }
        }
        Ok(())
    }
}
