//! How much memory queries may take, and how much they took.
//!
//! Operators ask the pool before they grow; those that can, spill to disk when it says no. The bound is 80 % of what the
//! machine or the control group gives, so that a query which does not fit is an error of its own and not the death of the
//! process.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};

use super::memory_pool::SharedPool;

/// How many of the largest consumers an error names.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// 80 % of the memory that this process may use, in bytes.
pub fn default_limit() -> usize {
    /// When the system does not say: little enough for any machine that runs this.
    const UNKNOWN: u64 = 4 << 30;
    let available = match sysinfo::System::new() {
        Ok(mut system) => {
            system.refresh_memory();
            match system.cgroup_limits() {
                Some(limits) if limits.total_memory > 0 => system.total_memory().min(limits.total_memory),
                _ => system.total_memory(),
            }
        }
        Err(_) => UNKNOWN,
    };
    usize::try_from(available / 10 * 8).unwrap_or(usize::MAX).max(64 << 20)
}

/// A bounded pool that remembers its highest mark.
pub struct TrackedPool {
    inner: TrackConsumersPool<SharedPool>,
    peak: AtomicUsize,
}

impl TrackedPool {
    /// A pool of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(TrackedPool {
            inner: TrackConsumersPool::new(SharedPool::new(limit), CONSUMERS_NAMED),
            peak: AtomicUsize::new(0),
        })
    }

    /// The most bytes that were reserved at one time since [`TrackedPool::reset_peak`].
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    pub fn reset_peak(&self) {
        self.peak.store(self.inner.reserved(), Ordering::Relaxed);
    }

    fn note(&self) {
        self.peak.fetch_max(self.inner.reserved(), Ordering::Relaxed);
    }
}

impl fmt::Debug for TrackedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedPool").field("inner", &self.inner).field("peak", &self.peak()).finish()
    }
}

impl fmt::Display for TrackedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

impl MemoryPool for TrackedPool {
    fn name(&self) -> &str {
        "ostrich"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.note();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> datafusion::error::Result<()> {
        self.inner.try_grow(reservation, additional)?;
        self.note();
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.inner.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_mark_stays_after_memory_is_given_back() {
        let pool = TrackedPool::new(1000);
        let shared: Arc<dyn MemoryPool> = Arc::clone(&pool) as Arc<dyn MemoryPool>;
        let reservation = MemoryConsumer::new("test").register(&shared);
        reservation.try_grow(700).unwrap();
        reservation.shrink(600);
        assert_eq!(pool.peak(), 700);
        assert!(reservation.try_grow(950).is_err(), "the bound holds");
        pool.reset_peak();
        assert_eq!(pool.peak(), 100);
    }
}
