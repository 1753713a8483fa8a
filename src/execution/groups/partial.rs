//! The first step of an aggregation in two: groups of a partition's rows, of which others make one.
//!
//! It is there to leave few rows to the second step, and need not find all rows of a group for that. So it keeps few groups, which fit into
//! the cache, where more would be no gain: rows of a group tend to come together. How many rows there were a group decides when there are
//! [`FIRST`] groups, and with each doubling:
//!
//! - many, or as many as when there were half the groups: the groups go out, and it begins with none;
//! - hardly more than one, of very many groups: the rows go out as they come;
//! - otherwise it goes on with more groups.
//!
//! (Graefe, *Query Evaluation Techniques for Large Databases*, 1993, section 4.2, has early aggregation in memory that does not hold all
//! groups.)

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::TryStreamExt as _;

use super::rows::Leaving;
use super::state::GroupState;

/// So many groups are kept without a question. Tests have fewer, and do not need many rows to see what becomes of them.
const FIRST: usize = if cfg!(test) { 1 << 10 } else { 1 << 14 };
/// With so many rows a group there is no need to keep more groups.
const MANY: f64 = 8.0;
/// There have to be so many times as many rows a group with twice as many groups.
const GAIN: f64 = 1.15;
/// With fewer rows a group, and so many groups, grouping is no gain. What is seen of fewer groups could be the beginning of all others.
const NO_GAIN: [(usize, f64); 2] = [(FIRST << 2, 1.05), (FIRST << 4, LITTLE)];
const LITTLE: f64 = 1.25;

pub(super) struct Partial {
    input: SendableRecordBatchStream,
    groups: GroupState,
    schema: SchemaRef,
    leaving: Leaving,
    metrics: BaselineMetrics,
    /// A row is a group of its own, when nothing is grouped.
    may_pass: bool,
    passes: bool,
    /// Since there was no group.
    rows: usize,
    most_groups: usize,
    /// Rows a group, with half of the most groups.
    rate: f64,
    /// More groups were no gain.
    come_together: bool,
    has_ended: bool,
}

impl Partial {
    /// With several grouping sets a row is several groups, so rows may not pass.
    pub(super) fn new(
        input: SendableRecordBatchStream,
        groups: GroupState,
        schema: SchemaRef,
        leaving: Leaving,
        metrics: BaselineMetrics,
    ) -> Self {
        Partial {
            input,
            may_pass: groups.has_one_set(),
            groups,
            schema,
            leaving,
            metrics,
            passes: false,
            rows: 0,
            most_groups: FIRST,
            rate: 0.0,
            come_together: false,
            has_ended: false,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let elapsed = self.metrics.elapsed_compute().clone();
            let timer = elapsed.timer();
            if let Some(batch) = self.leaving.next()? {
                return Ok(Some(batch));
            }
            timer.done();
            if self.has_ended {
                return Ok(None);
            }
            let batch = self.input.try_next().await?;
            let _timer = elapsed.timer();
            match batch {
                None => {
                    self.has_ended = true;
                    self.leave(false)?;
                }
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) if self.passes => return self.groups.rows_as_groups(&batch, &self.schema).map(Some),
                Some(batch) => {
                    self.rows += self.groups.add(&batch)?;
                    self.make_room()?;
                }
            }
        }
    }

    /// Decides what becomes of the groups if they are many; see the module.
    fn make_room(&mut self) -> Result<()> {
        let groups = self.groups.len();
        if self.leaving.memory.try_resize(self.groups.size()).is_err() {
            return self.leave(false);
        }
        if groups < self.most_groups {
            return Ok(());
        }
        let rate = self.rows as f64 / groups as f64;
        let is_no_gain = NO_GAIN.iter().any(|(many, few)| groups >= *many && rate < *few);
        self.come_together = rate >= LITTLE && (self.come_together || rate >= MANY || rate < self.rate * GAIN);
        if is_no_gain && self.may_pass {
            self.passes = true;
            self.leave(false)
        } else if self.come_together || is_no_gain {
            let again = self.most_groups == FIRST;
            (self.most_groups, self.rate) = (FIRST, 0.0);
            self.leave(again)
        } else {
            (self.most_groups, self.rate) = (self.most_groups * 2, rate);
            Ok(())
        }
    }

    /// Memory for as many groups is kept if there will be as many `again`.
    fn leave(&mut self, again: bool) -> Result<()> {
        self.leaving.begin(self.groups.take_states(&self.schema, again)?);
        self.rows = 0;
        Ok(())
    }
}
