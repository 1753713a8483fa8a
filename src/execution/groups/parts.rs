//! Groups that do not fit into memory, on disk in parts that do.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::spill::spill_pool::{SpillPoolSink, spsc_channel};

use super::rows::GroupRows;

/// Bits of a hash that say which part a group is in.
const BITS: u32 = 4;
/// Another than that by which rows came to this partition.
const SEED: u64 = 0x05_7121C4;

/// Parts of parts of parts: more are not made.
pub(super) const DEEPEST: u32 = u64::BITS / BITS - 1;

/// A part of the groups, each of which is in it as often as it was spilled.
pub(super) struct Part {
    pub(super) groups: SendableRecordBatchStream,
    /// In how many parts it is a part.
    pub(super) depth: u32,
}

/// Parts that are being written.
pub(super) struct Parts {
    manager: Arc<SpillManager>,
    open: Vec<Option<(SpillPoolSink, SendableRecordBatchStream)>>,
    /// The columns of a group's values come first.
    keys: usize,
    depth: u32,
}

impl Parts {
    /// Of groups whose first `keys` columns are their values, at this depth.
    pub(super) fn new(manager: Arc<SpillManager>, keys: usize, depth: u32) -> Self {
        Parts { manager, open: (0..1 << BITS).map(|_| None).collect(), keys, depth }
    }

    /// Writes all groups.
    pub(super) fn write(&mut self, mut groups: GroupRows, batch_size: usize) -> Result<()> {
        while let Some(batch) = groups.next(batch_size << BITS)? {
            for (part, rows) in self.rows_of_parts(&batch)?.into_iter().enumerate() {
                if rows.is_empty() {
                    continue;
                }
                let rows = take_record_batch(&batch, &UInt32Array::from(rows))?;
                let open = self.open[part].get_or_insert_with(|| spsc_channel(usize::MAX, Arc::clone(&self.manager)));
                open.0.push_batch(&rows)?;
            }
        }
        Ok(())
    }

    fn rows_of_parts(&self, batch: &RecordBatch) -> Result<Vec<Vec<u32>>> {
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(&batch.columns()[..self.keys], &RandomState::with_seed(SEED), &mut hashes)?;
        let mut parts = vec![Vec::new(); 1 << BITS];
        for (row, hash) in (0..).zip(hashes) {
            parts[(hash >> (BITS * self.depth)) as usize % (1 << BITS)].push(row);
        }
        Ok(parts)
    }

    /// The parts that there are.
    pub(super) fn finish(self) -> Vec<Part> {
        // A sink that is dropped has written all.
        let parts = self.open.into_iter().flatten().map(|(_sink, groups)| groups);
        parts.map(|groups| Part { groups, depth: self.depth + 1 }).collect()
    }
}
