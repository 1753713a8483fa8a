//! The rows of a shared subplan: in memory as far as that goes, the rest on disk.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{ByteViewType, DataType};
use datafusion::common::internal_datafusion_err;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, SpillManager};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

type SpillFile = Arc<dyn datafusion::execution::spill_file::SpillFile>;
type Wait = Shared<BoxFuture<'static, std::result::Result<Arc<Rows>, Arc<DataFusionError>>>>;

/// The rows of all partitions of one subplan.
#[derive(Debug)]
pub(super) struct Spool {
    partitions: usize,
    started: Mutex<Started>,
}

#[derive(Debug, Default)]
struct Started {
    /// Empty until somebody reads; none after all have read.
    partitions: Vec<Option<Waited>>,
    /// The statement has ended. Who asks now, as a task that has not yet heard of it, must not start everything again.
    is_over: bool,
}

/// A partition that is made or was made, and how many have still to read it.
#[derive(Clone)]
struct Waited {
    rows: Wait,
    readers: usize,
}

impl std::fmt::Debug for Waited {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Waited").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// The rows of one partition.
struct Rows {
    in_memory: Vec<RecordBatch>,
    /// After those in memory.
    on_disk: Option<(SpillManager, SpillFile)>,
    /// Is given back when the last reader has read.
    _memory: MemoryReservation,
}

impl Spool {
    pub(super) fn new(partitions: usize) -> Self {
        Spool { partitions, started: Mutex::default() }
    }

    /// The rows of a partition, when they are all there. The first call starts `plan`. After `readers` calls for a partition the spool
    /// lets go of it.
    pub(super) async fn read(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        partition: usize,
        readers: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let wait = self.wait_for(plan, partition, readers, context).ok_or_else(|| {
            internal_datafusion_err!(
                "partition {partition} of a shared subplan was read by more than {readers} readers, or after its statement"
            )
        })?;
        let rows = wait.await.map_err(DataFusionError::Shared)?;
        let on_disk = match &rows.on_disk {
            None => stream::empty().boxed(),
            Some((manager, file)) => manager.read_spill_as_stream(Arc::clone(file), None)?.boxed(),
        };
        // By position: the rows stay alive for as long as they are read.
        let in_memory = stream::iter(0..rows.in_memory.len()).map(move |index| Ok(rows.in_memory[index].clone()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(plan.schema(), in_memory.chain(on_disk))))
    }

    /// Starts all partitions at once: those of one plan can depend on each other.
    fn wait_for(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        partition: usize,
        readers: usize,
        context: &Arc<TaskContext>,
    ) -> Option<Wait> {
        let mut started = self.started.lock();
        if started.is_over {
            return None;
        }
        let started = &mut started.partitions;
        if started.iter().all(Option::is_none) {
            *started = (0..self.partitions)
                .map(|partition| Some(Waited { rows: start(plan, partition, context), readers }))
                .collect();
        }
        let slot = started.get_mut(partition)?;
        let waited = slot.as_mut()?;
        waited.readers = waited.readers.saturating_sub(1);
        if waited.readers == 0 { slot.take().map(|waited| waited.rows) } else { Some(waited.rows.clone()) }
    }

    /// Stops what is made and forgets what was.
    pub(super) fn clear(&self) {
        *self.started.lock() = Started { partitions: Vec::new(), is_over: true };
    }
}

fn start(plan: &Arc<dyn ExecutionPlan>, partition: usize, context: &Arc<TaskContext>) -> Wait {
    let (plan, context) = (Arc::clone(plan), Arc::clone(context));
    let task = SpawnedTask::spawn(async move { collect(&plan, partition, context).await });
    let rows = async move {
        match task.join().await {
            Ok(rows) => rows.map(Arc::new).map_err(Arc::new),
            Err(error) => Err(Arc::new(DataFusionError::ExecutionJoin(Box::new(error)))),
        }
    };
    rows.boxed().shared()
}

async fn collect(plan: &Arc<dyn ExecutionPlan>, partition: usize, context: Arc<TaskContext>) -> Result<Rows> {
    let memory =
        MemoryConsumer::new(format!("SharedExec[{partition}]")).with_can_spill(true).register(context.memory_pool());
    let mut input = plan.execute(partition, Arc::clone(&context))?;
    let mut in_memory = Vec::new();
    let mut spill = None;
    while let Some(batch) = input.try_next().await? {
        if batch.num_rows() == 0 {
            continue;
        }
        if spill.is_none() {
            if memory.try_grow(size(&batch)).is_ok() {
                in_memory.push(batch);
                continue;
            }
            let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
            let manager = SpillManager::new(context.runtime_env(), metrics, plan.schema())
                .with_compression_type(context.session_config().spill_compression());
            let file = manager.create_in_progress_file("rows that are read several times")?;
            spill = Some((manager, file));
        }
        if let Some((_, file)) = &mut spill {
            file.append_batch(&batch)?;
        }
    }
    let on_disk = match spill {
        None => None,
        Some((manager, mut file)) => file.finish()?.map(|file| (manager, file)),
    };
    Ok(Rows { in_memory, on_disk, _memory: memory })
}

/// Bytes of a batch's own rows: of a slice only the slice, since groupings give one large batch in slices.
fn size(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|column| {
            let fixed = column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
            let text = match column.data_type() {
                DataType::Utf8View => long_values(column.as_string_view()),
                DataType::BinaryView => long_values(column.as_binary_view()),
                _ => 0,
            };
            fixed + text
        })
        .sum()
}

/// Bytes that a view array keeps outside of its views.
fn long_values<T: ByteViewType + ?Sized>(array: &datafusion::arrow::array::GenericByteViewArray<T>) -> usize {
    const INLINE: u32 = 12;
    array.lengths().filter(|length| *length > INLINE).map(|length| length as usize).sum()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::common::collect as collect_stream;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    fn batches() -> Vec<RecordBatch> {
        let batch = |from: i64| {
            let numbers: ArrayRef = Arc::new((from..from + 100).collect::<Int64Array>());
            let texts = (from..from + 100).map(|number| Some(format!("a text that is not short, number {number}")));
            let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
            RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap()
        };
        (0..10).map(|index| batch(index * 100)).collect()
    }

    /// Reads the partitions of a spool twice each, with so much memory; the second value says whether anything was spilled.
    async fn read_twice(memory: usize) -> (Vec<usize>, bool) {
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(GreedyMemoryPool::new(memory))).build_arc();
        let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime.unwrap()).task_ctx();
        let batches = batches();
        let schema = batches[0].schema();
        let halves = [batches[..4].to_vec(), batches[4..].to_vec()];
        let plan = MemorySourceConfig::try_new_exec(&halves, schema, None).unwrap() as Arc<dyn ExecutionPlan>;
        let spool = Spool::new(2);
        let mut rows = Vec::new();
        let mut spilled = false;
        for partition in [0, 1, 0, 1] {
            let stream = spool.read(&plan, partition, 2, &context).await.unwrap();
            let read = collect_stream(stream).await.unwrap();
            spilled |= context.runtime_env().disk_manager.used_disk_space() > 0;
            assert_eq!(read, halves[partition]);
            rows.push(read.iter().map(RecordBatch::num_rows).sum());
        }
        assert_eq!(context.memory_pool().reserved(), 0);
        (rows, spilled)
    }

    #[tokio::test]
    async fn every_reader_gets_all_rows_in_their_order() {
        assert_eq!(read_twice(1 << 20).await, (vec![400, 600, 400, 600], false));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_on_disk() {
        assert_eq!(read_twice(20_000).await, (vec![400, 600, 400, 600], true));
    }

    /// A task that still runs when its statement has ended asks in vain, and does not start the subplan again.
    #[tokio::test]
    async fn nothing_starts_after_the_statement() {
        let context = SessionContext::new().task_ctx();
        let batches = batches();
        let schema = batches[0].schema();
        let plan = MemorySourceConfig::try_new_exec(&[batches], schema, None).unwrap() as Arc<dyn ExecutionPlan>;
        let spool = Spool::new(1);
        assert!(spool.read(&plan, 0, 2, &context).await.is_ok());
        spool.clear();
        assert!(spool.read(&plan, 0, 2, &context).await.is_err());
        assert_eq!(context.memory_pool().reserved(), 0);
    }

    #[test]
    fn a_slice_counts_as_much_as_it_has() {
        let batch = &batches()[0];
        assert!(size(&batch.slice(0, 1)) < size(batch) / 50);
        assert!(size(batch) > 100 * (8 + 16 + 30));
    }
}
