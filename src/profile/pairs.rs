//! Pairs of columns that may be keys, all looked at in one scan.
//!
//! A pair has two equal rows if and only if their hashes are seen twice. Of each pair's hashes only the smallest are kept, so that
//! memory is bounded: equal rows have equal hashes, so both are kept or none is, and a pair with many duplicates shows one of them
//! among the kept. A pair that is left over after this is proved by a plan of its own, unless all its hashes were kept: hashes that
//! all differ come from rows that all differ.

use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::hash_utils::{RandomState, create_hashes};

use super::column::mixed;
use super::scan::Watcher;
use crate::error::Result;

/// Hashes that are kept for each pair, and twice as many before the larger half goes.
const KEPT: usize = 1 << 14;

/// What a scan tells about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Two rows have the same hash.
    Duplicates,
    /// All rows were looked at, and all differ.
    Unique,
    /// Among the hashes that were kept, none was there twice.
    Open,
}

/// Some pairs, by the places of their columns in the scan.
pub(super) struct PairWatcher {
    pairs: Vec<((usize, usize), Hashes)>,
    random: RandomState,
    buffers: Vec<Option<Vec<u64>>>,
}

impl PairWatcher {
    pub(super) fn new(pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let pairs = pairs.into_iter().map(|pair| (pair, Hashes::new())).collect();
        PairWatcher { pairs, random: RandomState::with_seed(0), buffers: Vec::new() }
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = ((usize, usize), Verdict)> + '_ {
        self.pairs.iter().map(|(pair, hashes)| (*pair, hashes.verdict()))
    }
}

impl Watcher for PairWatcher {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.buffers.clear();
        self.buffers.resize(columns.len(), None);
        for ((one, other), kept) in self.pairs.iter_mut().filter(|(_, kept)| !kept.has_duplicate) {
            for place in [*one, *other] {
                if self.buffers[place].is_none() {
                    let mut hashes = vec![0; columns[place].len()];
                    create_hashes([&columns[place]], &self.random, &mut hashes)?;
                    self.buffers[place] = Some(hashes);
                }
            }
            let (Some(first), Some(second)) = (&self.buffers[*one], &self.buffers[*other]) else { continue };
            let (first_nulls, second_nulls) = (columns[*one].logical_nulls(), columns[*other].logical_nulls());
            let is_null = |row: usize| {
                first_nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
                    || second_nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
            };
            for (row, (first, second)) in first.iter().zip(second).enumerate() {
                // NULL is equal to nothing.
                if !is_null(row) {
                    kept.add(mixed(first.rotate_left(32) ^ mixed(*second)));
                }
            }
        }
        Ok(())
    }
}

/// The smallest hashes of a pair's rows.
struct Hashes {
    kept: HashSet<u64>,
    /// Larger hashes are not kept.
    most: u64,
    has_duplicate: bool,
}

impl Hashes {
    fn new() -> Self {
        Hashes { kept: HashSet::new(), most: u64::MAX, has_duplicate: false }
    }

    fn add(&mut self, hash: u64) {
        if hash > self.most || self.has_duplicate {
            return;
        }
        if !self.kept.insert(hash) {
            self.has_duplicate = true;
            self.kept = HashSet::new();
        } else if self.kept.len() >= 2 * KEPT {
            let mut all: Vec<u64> = self.kept.drain().collect();
            let (smaller, most, _) = all.select_nth_unstable(KEPT);
            self.most = *most;
            self.kept.extend(smaller.iter().copied());
            self.kept.insert(self.most);
        }
    }

    fn verdict(&self) -> Verdict {
        match (self.has_duplicate, self.most) {
            (true, _) => Verdict::Duplicates,
            (false, u64::MAX) => Verdict::Unique,
            (false, _) => Verdict::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;

    use super::*;

    fn verdict(first: Vec<Option<i64>>, second: Vec<Option<i64>>) -> Verdict {
        let mut watcher = PairWatcher::new([(0, 1)]);
        let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(first)), Arc::new(Int64Array::from(second))];
        watcher.add(&columns).unwrap();
        watcher.verdicts().next().unwrap().1
    }

    fn numbers(count: i64, of: impl Fn(i64) -> i64) -> Vec<Option<i64>> {
        (0..count).map(|row| Some(of(row))).collect()
    }

    #[test]
    fn small_tables_are_decided() {
        assert_eq!(verdict(numbers(100, |row| row / 10), numbers(100, |row| row % 10)), Verdict::Unique);
        assert_eq!(verdict(numbers(101, |row| row % 100 / 10), numbers(101, |row| row % 10)), Verdict::Duplicates);
        assert_eq!(verdict(numbers(100, |row| row / 10), numbers(100, |row| row / 10 + row % 2)), Verdict::Duplicates);
    }

    #[test]
    fn the_order_of_the_columns_counts() {
        // (1, 2) is not (2, 1).
        assert_eq!(verdict(vec![Some(1), Some(2)], vec![Some(2), Some(1)]), Verdict::Unique);
    }

    #[test]
    fn nulls_are_no_duplicates() {
        assert_eq!(verdict(vec![Some(1), Some(1)], vec![None, None]), Verdict::Unique);
    }

    #[test]
    fn of_large_tables_only_duplicates_are_certain() {
        let count = 200_000;
        assert_eq!(verdict(numbers(count, |row| row / 7), numbers(count, |row| row % 7)), Verdict::Open);
        assert_eq!(verdict(numbers(count, |row| row / 14), numbers(count, |row| row % 7)), Verdict::Duplicates);
    }
}
