//! The memory that values of columns may take while they are looked at.
//!
//! They take a share of what the session's queries may take, and ask its pool for each part of it: the plans that prove keys run
//! beside them, and spill when the pool says no.

use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Of the session's memory, one part in this many is for values.
const SHARE: usize = 4;
/// Where the pool has no bound.
const UNBOUNDED: usize = 1 << 30;

#[derive(Debug)]
pub(super) struct Budget {
    reservation: MemoryReservation,
    limit: usize,
}

impl Budget {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>) -> Arc<Self> {
        let limit = match pool.memory_limit() {
            MemoryLimit::Finite(limit) => limit / SHARE,
            _ => UNBOUNDED,
        };
        Arc::new(Budget { reservation: MemoryConsumer::new("profile").register(pool), limit })
    }

    /// What is left, shared among `columns`.
    pub(super) fn share(&self, columns: usize) -> usize {
        self.limit.saturating_sub(self.reservation.size()) / columns.max(1)
    }

    /// Memory that is held from now on, none of it yet.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

/// Memory that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds `bytes` in all. `false`: the pool has no more.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes {
            if self.budget.reservation.try_grow(bytes - self.bytes).is_err() {
                return false;
            }
        } else {
            self.budget.reservation.shrink(self.bytes - bytes);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.reservation.shrink(self.bytes);
    }
}
