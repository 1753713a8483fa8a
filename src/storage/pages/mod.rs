//! Parquet files read page by page, with conditions asked of dictionaries.
//!
//! Most columns of most files are codes of a dictionary. A condition need not be asked of each row then, but of each value once: what it
//! says is looked up by the row's code, before there is a value at all.
//!
//! ```text
//! l_discount BETWEEN 0.05 AND 0.07      11 values are compared, and 524,288 codes looked up in 11 bytes
//! ss_sold_date_sk among 30 dates        1,823 values, as above; what a join has found is known by then
//! the other columns                     are decoded for the rows that are left, and pages without such a row not even decompressed
//! ```
//!
//! (Abadi and others, *Integrating Compression and Execution in Column-Oriented Database Systems*, SIGMOD 2006.) DataFusion's reader makes
//! values of all codes first, and a bitmap of NULLs takes it as long as the values.
//!
//! A [`file`] is read so if all of its columns that are needed are flat, of a type that [`values`] knows, and in pages that are plain or
//! coded. The reader of DataFusion reads the others, and those of which the page [`index`] leaves few rows. What is left out here is asked
//! once more above the scan, so a [`condition`] that does not pay may rest.

mod bits;
mod chunk;
mod column;
mod condition;
mod file;
mod hybrid;
mod index;
mod known;
mod local;
mod pruning;
mod rows;
mod slices;
mod snappy;
#[cfg(test)]
mod tests;
mod unpack;
mod values;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::error::Result;
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use parking_lot::Mutex;

pub(crate) use condition::{KeyFilter, KeyFilters};
use file::{OpenFile, Opened};
use known::Known;
pub(super) use local::Spare;

/// What one partition of a scan reads, and how.
pub(super) struct Reading {
    /// Knows the columns, the conditions and where files are.
    pub(super) source: ParquetSource,
    /// On the scan's output.
    pub(super) keys: KeyFilters,
    /// Finds the table's columns in files.
    pub(super) adapter: Arc<dyn PhysicalExprAdapterFactory>,
    /// Of the scan's output.
    pub(super) schema: SchemaRef,
    pub(super) batch_size: usize,
    pub(super) partition: usize,
    /// How many partitions the scan has.
    pub(super) partitions: usize,
    pub(super) metrics: ExecutionPlanMetricsSet,
    /// If files are those of the local file system: memory for what is read of them.
    pub(super) local: Option<Arc<Spare>>,
    /// The file that was opened last.
    pub(super) last: LastFile,
}

/// What is known of one file.
#[derive(Default)]
pub(super) struct LastFile(Mutex<Option<(Path, Known)>>);

impl LastFile {
    fn of(&self, location: &Path) -> Option<Known> {
        let last = self.0.lock();
        last.as_ref().filter(|(known, _)| known == location).map(|(_, known)| known.clone())
    }

    fn remember(&self, location: &Path, known: &Known) {
        *self.0.lock() = Some((location.clone(), known.clone()));
    }
}

impl Debug for Reading {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.debug_struct("Reading").field("keys", &self.keys).field("partition", &self.partition).finish_non_exhaustive()
    }
}

/// Plans files that are read page by page. `otherwise` plans those that cannot be.
#[derive(Debug)]
pub(super) struct PageMorselizer {
    pub(super) reading: Arc<Reading>,
    pub(super) otherwise: Arc<dyn Morselizer>,
}

impl Morselizer for PageMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        Ok(Box::new(ToOpen { reading: Arc::clone(&self.reading), otherwise: Arc::clone(&self.otherwise), file }))
    }
}

#[derive(Debug)]
struct ToOpen {
    reading: Arc<Reading>,
    otherwise: Arc<dyn Morselizer>,
    file: PartitionedFile,
}

impl MorselPlanner for ToOpen {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let ToOpen { reading, otherwise, file } = *self;
        Ok(Some(MorselPlan::new().with_pending_planner(async move {
            let file = match file::open(&reading, file.clone()).await? {
                Opened::Otherwise => return otherwise.plan_file(file),
                Opened::Unwanted => None,
                Opened::ByPages(file) => Some(file),
            };
            Ok(Box::new(ToRead { reading, file }) as Box<dyn MorselPlanner>)
        })))
    }
}

/// A file that is open, if it has rows that are wanted.
struct ToRead {
    reading: Arc<Reading>,
    file: Option<Box<OpenFile>>,
}

impl Debug for ToRead {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.debug_struct("ToRead").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl MorselPlanner for ToRead {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        if self.file.is_none() {
            return Ok(None);
        }
        Ok(Some(MorselPlan::new().with_morsels(vec![self])))
    }
}

impl Morsel for ToRead {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Some(file) = self.file else { return stream::empty().boxed() };
        match rows::rows_of(*file, &self.reading.schema, self.reading.batch_size) {
            Ok(rows) => rows.boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}
