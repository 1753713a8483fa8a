//! Memory for operators of which some can spill: half of it for whoever asks, the rest in equal shares.
//!
//! A plan has dozens of operators that could spill, most of which hold little, or nothing. In DataFusion's `FairSpillPool` each may have an
//! equal share from the start: with 19 GB for forty of them, one spilled 16 million groups when it had half a gigabyte, and took ten
//! times as long. In its `GreedyMemoryPool` the first takes all, and the next has nothing to begin with. So the first half
//! goes to whoever asks; of the rest an operator gets what does not bring it above an equal share of all.
//!
//! Repartitionings always have a little: when two of their inputs go to disk at the same time, DataFusion 55.2 waits for a file that nobody
//! writes to any more, and the statement never ends (apache/datafusion#24883).

use std::fmt::{self, Display, Formatter};

use datafusion::common::resources_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};
use parking_lot::Mutex;

/// Bytes that a partition of a repartitioning may have in any case. What waits for its reader is a few batches, unless the reader does not read.
const OF_REPARTITIONING: usize = 16 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct SharedPool {
    limit: usize,
    given: Mutex<Given>,
}

/// Bytes that are reserved, and operators that may reserve.
#[derive(Debug, Default)]
struct Given {
    /// Operators that can spill.
    spillers: usize,
    to_spillers: usize,
    to_others: usize,
}

impl Given {
    fn to(&mut self, consumer: &MemoryConsumer) -> &mut usize {
        if consumer.can_spill() { &mut self.to_spillers } else { &mut self.to_others }
    }

    fn total(&self) -> usize {
        self.to_spillers.saturating_add(self.to_others)
    }
}

impl SharedPool {
    pub(super) fn new(limit: usize) -> Self {
        SharedPool { limit, given: Mutex::default() }
    }

    /// What an operator that has `size` bytes may still get.
    fn available(&self, given: &Given, consumer: &MemoryConsumer, size: usize) -> usize {
        let free = self.limit.saturating_sub(given.total());
        if !consumer.can_spill() {
            return free;
        }
        let for_all = (self.limit / 2).saturating_sub(given.total());
        let share = self.limit.saturating_sub(given.to_others) / given.spillers.max(1);
        free.min(for_all.max(share.saturating_sub(size)))
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.given.lock().spillers += 1;
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            let mut given = self.given.lock();
            given.spillers = given.spillers.saturating_sub(1);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.given.lock().to(reservation.consumer()) += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut given = self.given.lock();
        let to = given.to(reservation.consumer());
        *to = to.saturating_sub(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut given = self.given.lock();
        let mut available = self.available(&given, consumer, reservation.size());
        if consumer.name().starts_with("RepartitionExec") {
            available = available.max(OF_REPARTITIONING.saturating_sub(reservation.size()));
        }
        if additional > available {
            // In the words of DataFusion's pools, which are understood where errors are told.
            return resources_err!(
                "Failed to allocate additional {} for {} with {} already allocated for this reservation - {} remain available for the total memory pool: {}",
                human_readable_size(additional),
                consumer.name(),
                human_readable_size(reservation.size()),
                human_readable_size(available),
                self
            );
        }
        *given.to(consumer) += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.given.lock().total()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl Display for SharedPool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(pool_size: {})", self.name(), human_readable_size(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use datafusion::arrow::array::RecordBatch;

    use super::*;
    use crate::session::{Session, SessionOptions};

    #[test]
    fn one_may_have_half_and_the_others_still_their_share() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let spiller = || MemoryConsumer::new("spiller").with_can_spill(true).register(&pool);
        let (first, second, idle) = (spiller(), spiller(), [spiller(), spiller()]);
        first.try_grow(500).unwrap();
        assert!(first.try_grow(1).is_err(), "above half, only up to a share");
        second.try_grow(250).unwrap();
        assert!(second.try_grow(1).is_err(), "a quarter for each of four");
        first.shrink(300);
        // 450 are given, so 50 are for whoever asks.
        second.try_grow(50).unwrap();
        assert!(second.try_grow(1).is_err());
        first.try_grow(50).unwrap();
        assert!(first.try_grow(1).is_err());
        drop(idle);
        first.try_grow(250).unwrap();
        assert_eq!(pool.reserved(), 800);
    }

    #[test]
    fn what_cannot_spill_gets_what_is_left_and_nobody_more_than_that() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let spiller = MemoryConsumer::new("spiller").with_can_spill(true).register(&pool);
        let other = MemoryConsumer::new("other").register(&pool);
        other.try_grow(900).unwrap();
        assert!(spiller.try_grow(101).is_err());
        spiller.try_grow(100).unwrap();
        let error = other.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("for other with"), "{error}");
        drop(other);
        assert_eq!(pool.reserved(), 100);
    }

    #[test]
    fn repartitionings_have_a_little_in_any_case() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let consumer = |name: &str| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let (other, repartitioning) = (consumer("other"), consumer("RepartitionExec[1]"));
        other.try_grow(500).unwrap();
        repartitioning.try_grow(OF_REPARTITIONING).unwrap();
        assert!(repartitioning.try_grow(1).is_err());
        assert!(other.try_grow(1).is_err());
    }

    /// The statements of the report, which stood still within a few attempts.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_statement_ends_however_little_memory_there_is() {
        let options = SessionOptions { memory_limit: Some(2 << 20), ..SessionOptions::default() };
        let session = Session::open(options).await.unwrap();
        session.query("SET datafusion.execution.target_partitions = 2").await.unwrap();
        session.query("SET datafusion.execution.batch_size = 64").await.unwrap();
        for _ in 0..8 {
            let sql = "SELECT g, count(DISTINCT t) FROM (SELECT value % 13 AS g, md5(CAST(value % 337 AS VARCHAR)) AS t
                       FROM generate_series(1, 40000)) GROUP BY g";
            let rows = tokio::time::timeout(Duration::from_secs(60), session.query(sql)).await.expect("an end");
            assert_eq!(rows.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 13);
        }
    }
}
