//! The groups of an aggregation, on their way out.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

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
