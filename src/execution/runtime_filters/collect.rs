//! Keeps the keys of a join's build side, and gives its rows.

use std::fmt::{self, Formatter};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::Stream;

use super::found::{FoundKeys, PartitionKeys};
use crate::execution::one_input::{looks_like_its_input, statistics_of_input};

/// More keys of a partition are not kept: what is filtered by them is no longer few, nor is their memory.
const MOST_KEYS: usize = 4_000_000;

/// Gives its input's rows, and keeps their keys for the filters that ask for them.
#[derive(Debug)]
pub(super) struct CollectKeysExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Collected>,
}

/// A key of the rows, and who wants it.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    pub(super) key: Arc<dyn PhysicalExpr>,
    pub(super) found: Arc<FoundKeys>,
}

impl CollectKeysExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<Collected>) -> Self {
        CollectKeysExec { input, keys }
    }

    /// The keys that are kept.
    pub(super) fn found(&self) -> impl Iterator<Item = &Arc<FoundKeys>> {
        self.keys.iter().map(|collected| &collected.found)
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        CollectKeysExec { input, keys: self.keys.clone() }
    }
}

impl DisplayAs for CollectKeysExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(|collected| collected.key.to_string()).collect();
        let keys = keys.join(", ");
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "CollectKeysExec: keys=[{keys}]"),
            DisplayFormatType::TreeRender => writeln!(f, "keys={keys}"),
        }
    }
}

impl ExecutionPlan for CollectKeysExec {
    fn name(&self) -> &'static str {
        "CollectKeysExec"
    }

    looks_like_its_input!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut keys = self.keys.iter().map(|collected| &collected.key);
        keys.try_fold(TreeNodeRecursion::Continue, |next, key| next.visit_sibling(|| visit(key)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let keys = self.keys.iter().map(|collected| {
            collected.found.started(partition);
            let memory = MemoryConsumer::new("runtime filter").register(context.memory_pool());
            Collecting { collected: collected.clone(), kept: Some(PartitionKeys { keys: Vec::new(), memory }) }
        });
        let keys = keys.collect();
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(KeysOfRows { input, keys, numbers: Vec::new(), partition }))
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(statistics_of_input(inputs, &self.schema()))
    }
}

/// A key on the way.
struct Collecting {
    collected: Collected,
    /// `None` if there were too many, or all are there.
    kept: Option<PartitionKeys>,
}

impl Collecting {
    fn add(&mut self, batch: &RecordBatch, numbers: &mut Vec<u64>) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let column = self.collected.key.evaluate(batch)?.into_array(batch.num_rows())?;
        let nulls = self.collected.found.kind.numbers(&column, numbers)?;
        let keys = &mut kept.keys;
        // Doubled as vectors do it, but not before the memory is there.
        if keys.len() + numbers.len() > keys.capacity() {
            let more = numbers.len().max(keys.capacity());
            let fits = keys.len() + numbers.len() <= MOST_KEYS;
            if !fits || kept.memory.try_grow(more * size_of::<u64>()).is_err() {
                self.kept = None;
                return Ok(());
            }
            keys.reserve_exact(keys.capacity() + more - keys.len());
        }
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => keys.extend_from_slice(numbers),
            // A row without a key fits no other.
            Some(nulls) => keys.extend(nulls.inner().set_indices().map(|row| numbers[row])),
        }
        Ok(())
    }
}

struct KeysOfRows {
    input: SendableRecordBatchStream,
    keys: Vec<Collecting>,
    /// Of the batch at hand.
    numbers: Vec<u64>,
    partition: usize,
}

impl KeysOfRows {
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.keys.iter_mut().try_for_each(|key| key.add(batch, &mut self.numbers))
    }
}

impl Stream for KeysOfRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.input.as_mut().poll_next(context));
        Poll::Ready(match next {
            Some(Ok(batch)) => Some(self.add(&batch).map(|()| batch)),
            None => {
                let partition = self.partition;
                for key in &mut self.keys {
                    if let Some(kept) = key.kept.take() {
                        key.collected.found.finished(partition, kept);
                    }
                }
                None
            }
            failed => {
                self.keys.clear();
                failed
            }
        })
    }
}

impl RecordBatchStream for KeysOfRows {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
