//! The groups of an aggregation, on their way out.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use super::keys::GroupValues;

/// Groups with what is known of them, batch by batch.
pub(super) struct GroupRows {
    schema: SchemaRef,
    keys: Box<dyn GroupValues>,
    aggregates: Vec<ArrayRef>,
    left: Range<usize>,
}

impl GroupRows {
    /// `len` groups.
    pub(super) fn new(schema: SchemaRef, keys: Box<dyn GroupValues>, aggregates: Vec<ArrayRef>, len: usize) -> Self {
        GroupRows { schema, keys, aggregates, left: 0..len }
    }

    /// The next up to `most` of them; `None` after the last.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let (start, len) = (self.left.start, self.left.len().min(most));
        self.left.start += len;
        let mut columns = self.keys.columns(start..start + len)?;
        columns.extend(self.aggregates.iter().map(|column| column.slice(start, len)));
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?))
    }
}

/// The groups of a partition that are on their way out, with the memory of all that it has.
pub(super) struct Leaving {
    rows: Option<GroupRows>,
    pub(super) memory: MemoryReservation,
    pub(super) batch_size: usize,
}

impl Leaving {
    /// There are none yet.
    pub(super) fn new(memory: MemoryReservation, batch_size: usize) -> Self {
        Leaving { rows: None, memory, batch_size }
    }

    pub(super) fn begin(&mut self, rows: GroupRows) {
        self.rows = Some(rows);
    }

    /// The next batch; `None` if there is none, and after the last, with which the memory goes.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let batch = rows.next(self.batch_size)?;
        if batch.is_none() {
            self.rows = None;
            self.memory.free();
        }
        Ok(batch)
    }
}
