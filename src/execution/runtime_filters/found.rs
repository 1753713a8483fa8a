//! The keys that a join has found on its build side, on their way to the scans that ask for them.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use parking_lot::{Mutex, RwLock};

use super::keys::Kind;
use super::membership::Membership;
use crate::storage::KeyFilter;

/// The keys of all partitions of a build side, once they are known.
pub(super) struct FoundKeys {
    pub(super) kind: Kind,
    /// Of each partition, since it was started.
    partitions: Mutex<Vec<Option<PartitionKeys>>>,
    /// Of the last run of all partitions.
    known: RwLock<Option<Arc<KnownKeys>>>,
}

/// The keys of one partition.
pub(super) struct PartitionKeys {
    pub(super) keys: Vec<u64>,
    /// For `keys`.
    pub(super) memory: MemoryReservation,
}

/// The keys of a join.
pub(super) struct KnownKeys {
    pub(super) members: Membership,
    /// Rows of the build side that have one.
    pub(super) count: usize,
    /// Is given back with the keys.
    _memory: MemoryReservation,
}

impl KnownKeys {
    /// Which rows of a column may have one of the keys, of which NULL is none. `numbers` is room for those of the column.
    pub(super) fn keep(&self, kind: Kind, column: &ArrayRef, numbers: &mut Vec<u64>) -> Result<BooleanBuffer> {
        let nulls = kind.numbers(column, numbers)?;
        let keep = self.members.keep(numbers);
        Ok(match nulls {
            Some(nulls) => &keep & nulls.inner(),
            None => keep,
        })
    }

    /// The part of the numbers from the first to the last key that is one, at most: a key may be in several rows.
    pub(super) fn density(&self) -> f64 {
        self.members.range_bits().map_or(0.0, |bits| self.count as f64 / bits as f64)
    }
}

impl FoundKeys {
    pub(super) fn new(kind: Kind, partitions: usize) -> Self {
        let partitions = (0..partitions).map(|_| None).collect();
        FoundKeys { kind, partitions: Mutex::new(partitions), known: RwLock::default() }
    }

    /// A partition begins, perhaps once more: nothing is known of its keys, and so nothing of all.
    pub(super) fn started(&self, partition: usize) {
        if let Some(slot) = self.partitions.lock().get_mut(partition) {
            *slot = None;
        }
        *self.known.write() = None;
    }

    /// All keys of a partition are there.
    pub(super) fn finished(&self, partition: usize, keys: PartitionKeys) {
        let mut partitions = self.partitions.lock();
        let Some(slot) = partitions.get_mut(partition) else { return };
        *slot = Some(keys);
        if partitions.iter().any(Option::is_none) {
            return;
        }
        // None stays: a partition that runs again alone is not all of them.
        let parts: Vec<PartitionKeys> = partitions.iter_mut().filter_map(Option::take).collect();
        let keys: Vec<&[u64]> = parts.iter().map(|part| part.keys.as_slice()).collect();
        let members = Membership::of(self.kind, &keys);
        let count = keys.iter().map(|keys| keys.len()).sum();
        // One reservation stays, for what the keys have become.
        let Some(memory) = parts.into_iter().map(|part| part.memory).next_back() else { return };
        memory.resize(members.bytes());
        *self.known.write() = Some(Arc::new(KnownKeys { members, count, _memory: memory }));
    }

    /// `None` as long as a partition may bring more.
    pub(super) fn known(&self) -> Option<Arc<KnownKeys>> {
        self.known.read().clone()
    }
}

impl KeyFilter for FoundKeys {
    fn keep(&self, values: &ArrayRef) -> Result<Option<BooleanBuffer>> {
        self.known().map(|known| known.keep(self.kind, values, &mut Vec::new())).transpose()
    }
}

impl Debug for FoundKeys {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "keys of {:?} rows", self.known().map(|known| known.count))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};

    use super::*;

    fn keys(pool: &Arc<dyn MemoryPool>, keys: &[u64]) -> PartitionKeys {
        let memory = MemoryConsumer::new("test").register(pool);
        memory.grow(size_of_val(keys));
        PartitionKeys { keys: keys.to_vec(), memory }
    }

    fn known(found: &FoundKeys, asked: &[u64]) -> Option<Vec<bool>> {
        found.known().map(|known| known.members.keep(asked).iter().collect())
    }

    #[test]
    fn nothing_is_known_before_all_partitions_are_there_and_while_one_runs_again() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1 << 20));
        let found = FoundKeys::new(Kind::Integers, 2);
        found.started(0);
        found.started(1);
        found.finished(1, keys(&pool, &[7]));
        assert_eq!(known(&found, &[3, 7, 9]), None);
        found.finished(0, keys(&pool, &[3]));
        assert_eq!(known(&found, &[3, 7, 9]), Some(vec![true, true, false]));
        assert_eq!(found.known().map(|known| known.count), Some(2));
        // One partition again: what the other had found is gone, so nothing will be known until it runs, too.
        found.started(0);
        assert_eq!(known(&found, &[3]), None);
        found.finished(0, keys(&pool, &[5]));
        assert_eq!(known(&found, &[5]), None);
        found.started(1);
        found.finished(1, keys(&pool, &[6]));
        assert_eq!(known(&found, &[3, 5, 6, 7]), Some(vec![false, true, true, false]));
        drop(found);
        assert_eq!(pool.reserved(), 0);
    }
}
