//! No output: the query runs to its end, for timing and for its effects.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::{RowWriter, Summary};
use crate::error::Result;

pub(super) struct NoneWriter;

impl RowWriter for NoneWriter {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &RecordBatch) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Summary) -> Result<()> {
        Ok(())
    }

    fn wants_more(&self) -> bool {
        true
    }
}
