//! One scan, many that look at it: each batch goes to a few threads, which do the work on values while the scan reads on.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::logical_expr::{LogicalPlanBuilder, lit};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Sample;
use super::column::mixed;
use super::raw::Raw;
use crate::error::{Error, Result};
use crate::session::Session;

/// Batches that wait for a thread.
const WAITING: usize = 4;

/// Looks at every batch of a scan.
pub(super) trait Watcher: Send + 'static {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()>;
}

/// Scans `columns` of a table or of a sample of it, and shows every batch to every watcher. Returns the number of rows, and the
/// watchers in their order.
pub(super) async fn scan<W: Watcher>(
    session: &Session,
    table: &Arc<Raw>,
    columns: &[usize],
    sample: Option<Sample>,
    watchers: Vec<W>,
) -> Result<(u64, Vec<W>)> {
    let (plan, mut picker) = sampled(table.scan_of(columns)?, sample)?;
    let mut watching = Watching::start(watchers);
    let mut stream = session.run_plan(plan.build()?).await?.stream;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let mut batch = batch.map_err(Error::from)?;
        if let Some(picker) = &mut picker {
            batch = picker.pick(&batch)?;
        }
        rows += batch.num_rows() as u64;
        if batch.num_rows() > 0 && !watching.show(&batch).await {
            break;
        }
    }
    drop(stream);
    Ok((rows, watching.finish().await?))
}

/// How many threads have work with so many columns.
pub(super) fn threads(session: &Session, parts: usize) -> usize {
    session.context().state().config().target_partitions().clamp(1, parts.max(1))
}

/// A scan of a sample: the first rows end it early, others are picked from what it gives.
fn sampled(plan: LogicalPlanBuilder, sample: Option<Sample>) -> Result<(LogicalPlanBuilder, Option<Picker>)> {
    match sample {
        None => Ok((plan, None)),
        Some(Sample::Rows(rows)) => {
            // A limit is a signed number in a plan.
            let most = i64::try_from(rows).unwrap_or(i64::MAX);
            Ok((plan.limit_by_expr(None, Some(lit(most)))?, None))
        }
        Some(Sample::Percent(percent)) => Ok((plan, Some(Picker::new(percent)))),
    }
}

/// Picks rows at random; the same ones in every run that meets the rows in the same order.
struct Picker {
    state: u64,
    /// A row is picked if its random number is not above.
    most: u64,
}

impl Picker {
    fn new(percent: f64) -> Self {
        Picker { state: 0, most: (percent / 100.0 * u64::MAX as f64) as u64 }
    }

    fn pick(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let picked: BooleanArray = (0..batch.num_rows())
            .map(|_| {
                self.state = self.state.wrapping_add(1);
                Some(mixed(self.state) <= self.most)
            })
            .collect();
        filter_record_batch(batch, &picked).map_err(|error| datafusion::error::DataFusionError::from(error).into())
    }
}

/// The watchers at work.
struct Watching<W> {
    senders: Vec<mpsc::Sender<Vec<ArrayRef>>>,
    tasks: JoinSet<Result<(usize, W)>>,
}

impl<W: Watcher> Watching<W> {
    fn start(watchers: Vec<W>) -> Self {
        let (mut senders, mut tasks) = (Vec::new(), JoinSet::new());
        for (place, mut watcher) in watchers.into_iter().enumerate() {
            let (sender, mut receiver) = mpsc::channel::<Vec<ArrayRef>>(WAITING);
            senders.push(sender);
            // This is work for the processor alone; it ends when the sender is gone.
            tasks.spawn_blocking(move || {
                while let Some(columns) = receiver.blocking_recv() {
                    watcher.add(&columns)?;
                }
                Ok((place, watcher))
            });
        }
        Watching { senders, tasks }
    }

    /// Whether all are still watching: one that failed has stopped.
    async fn show(&self, batch: &RecordBatch) -> bool {
        for sender in &self.senders {
            if sender.send(batch.columns().to_vec()).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn finish(&mut self) -> Result<Vec<W>> {
        self.senders.clear();
        let mut finished = Vec::new();
        while let Some(task) = self.tasks.join_next().await {
            finished.push(task.map_err(|error| Error::statement(format!("looking at values stopped: {error}")))??);
        }
        finished.sort_by_key(|(place, _)| *place);
        Ok(finished.into_iter().map(|(_, watcher)| watcher).collect())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn a_percentage_of_the_rows_is_picked() {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        let batch =
            RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(0..100_000)) as ArrayRef]).unwrap();
        let picked = Picker::new(10.0).pick(&batch).unwrap();
        assert!((9_500..10_500).contains(&picked.num_rows()), "{}", picked.num_rows());
        assert_eq!(Picker::new(100.0).pick(&batch).unwrap().num_rows(), 100_000);
        assert_eq!(Picker::new(10.0).pick(&batch).unwrap(), picked, "the same rows again");
    }
}
