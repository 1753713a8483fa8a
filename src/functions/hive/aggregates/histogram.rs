//! A histogram of bins that follow the data: the two nearest are made one when there are too many
//!
//! By Ben-Haim and Tom-Tov, "A streaming parallel decision tree algorithm", 2010. Hive's has a generator of random numbers with a fixed
//! seed for pairs that are equally near, and so has this one: `histogram_numeric` gives the same bins for the same rows in the same order.
//!
//! With the ten thousand bins of `percentile_approx` a search for the nearest pair at each value would take too long. Values are sorted by
//! thousands there, and neighbours become one where there are too many; while there are not, all comes out as with the other.

use std::cmp::Ordering;

use crate::functions::hive::math::random::JavaRandom;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bin {
    pub(super) x: f64,
    /// How many values.
    pub(super) y: f64,
}

#[derive(Debug)]
pub(super) struct Histogram {
    /// In the order of `x`.
    pub(super) bins: Vec<Bin>,
    /// Values that have not been sorted into bins.
    pending: Vec<f64>,
    random: JavaRandom,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { bins: vec![], pending: vec![], random: JavaRandom::new(31183) }
    }
}

impl Histogram {
    /// One value, at once.
    pub(super) fn add(&mut self, value: f64, limit: usize) {
        let at = self.bins.partition_point(|bin| bin.x.total_cmp(&value) == Ordering::Less);
        match self.bins.get_mut(at) {
            Some(bin) if bin.x == value => bin.y += 1.0,
            _ => self.bins.insert(at, Bin { x: value, y: 1.0 }),
        }
        self.trim(limit);
    }

    /// Values, together with thousands of others later: with many bins, a search for each value would take too long.
    pub(super) fn add_later(&mut self, mut values: &[f64], limit: usize) {
        let most = limit.max(1024).saturating_mul(4);
        while !values.is_empty() {
            let (now, rest) = values.split_at(values.len().min(most - self.pending.len()));
            self.pending.extend_from_slice(now);
            if self.pending.len() == most {
                self.settle(limit);
            }
            values = rest;
        }
    }

    /// Sorts the values that wait into bins.
    pub(super) fn settle(&mut self, limit: usize) {
        if self.pending.is_empty() {
            return;
        }
        // Whole numbers in the same order are sorted in half the time.
        let mut keys: Vec<i64> = self.pending.iter().map(|value| ordered(value.to_bits().cast_signed())).collect();
        self.pending.clear();
        keys.sort_unstable();
        let value = |key: &i64| f64::from_bits(ordered(*key).cast_unsigned());
        let bins: Vec<Bin> = keys.iter().map(|key| Bin { x: value(key), y: 1.0 }).collect();
        self.bins = merged(&self.bins, &bins);
        self.condense(limit);
    }

    /// Bins that have been saved, as [`Self::add`] would merge them.
    pub(super) fn merge(&mut self, saved: &[f64], limit: usize) {
        self.join(saved);
        self.trim(limit);
    }

    /// Bins that have been saved, as [`Self::settle`] would merge them.
    pub(super) fn merge_later(&mut self, saved: &[f64], limit: usize) {
        self.settle(limit);
        self.join(saved);
        self.condense(limit);
    }

    fn join(&mut self, saved: &[f64]) {
        let bins: Vec<Bin> = saved.chunks_exact(2).map(|pair| Bin { x: pair[0], y: pair[1] }).collect();
        self.bins = merged(&self.bins, &bins);
    }

    pub(super) fn save(&self, saved: &mut Vec<f64>) {
        saved.extend(self.bins.iter().flat_map(|bin| [bin.x, bin.y]));
    }

    pub(super) fn size(&self) -> usize {
        self.bins.capacity() * size_of::<Bin>() + self.pending.capacity() * size_of::<f64>()
    }

    fn trim(&mut self, limit: usize) {
        while self.bins.len() > limit.max(1) {
            let mut nearest = (f64::INFINITY, 0, 0);
            for (index, pair) in self.bins.windows(2).enumerate() {
                let distance = pair[1].x - pair[0].x;
                if distance < nearest.0 || nearest.2 == 0 {
                    nearest = (distance, index, 1);
                } else if distance == nearest.0 {
                    nearest.2 += 1;
                    if self.random.next() <= 1.0 / f64::from(nearest.2) {
                        nearest.1 = index;
                    }
                }
            }
            let next = self.bins.remove(nearest.1 + 1);
            if let Some(bin) = self.bins.get_mut(nearest.1) {
                *bin = together(*bin, next);
            }
        }
    }

    /// Makes neighbours one where there are too many, so that each bin has about as many values; the ends stay what they are.
    fn condense(&mut self, limit: usize) {
        let limit = limit.max(3);
        if self.bins.len() <= limit {
            return;
        }
        let sum: f64 = self.bins.iter().map(|bin| bin.y).sum();
        let height = sum / (limit - 2) as f64;
        let last = self.bins.len() - 1;
        let mut kept: Vec<Bin> = Vec::with_capacity(limit);
        let (mut below, mut end, mut start) = (0.0, 0.0, 0);
        for (index, bin) in self.bins.iter().enumerate() {
            if index <= 1 || index == last || below >= end {
                kept.extend(all_together(&self.bins[start..index]));
                start = index;
                // Up to the next multiple, so that what one bin has too many does not shift all that follow.
                end = ((below / height).floor() + 1.0) * height;
            }
            below += bin.y;
        }
        kept.extend(all_together(&self.bins[start..]));
        self.bins = kept;
    }

    /// Hive's estimate of a quantile, which is between the bins in proportion.
    pub(super) fn quantile(&self, part: f64) -> Option<f64> {
        let sum: f64 = self.bins.iter().map(|bin| bin.y).sum();
        let mut below = 0.0;
        let mut previous: Option<Bin> = None;
        for bin in &self.bins {
            if (below + bin.y) / sum >= part {
                return Some(match previous {
                    None => bin.x,
                    Some(previous) => previous.x + (part * sum - below) * (bin.x - previous.x) / bin.y,
                });
            }
            below += bin.y;
            previous = Some(*bin);
        }
        previous.map(|bin| bin.x)
    }
}

fn together(a: Bin, b: Bin) -> Bin {
    let y = a.y + b.y;
    Bin { x: a.x * (a.y / y) + b.x / y * b.y, y }
}

/// Neighbours that become one, from the first to the last; `None` of none.
fn all_together(bins: &[Bin]) -> Option<Bin> {
    let (first, others) = bins.split_first()?;
    // Two numbers, not a bin: how many there are is known long before where they are.
    let (mut x, mut y) = (first.x, first.y);
    for bin in others {
        Bin { x, y } = together(Bin { x, y }, *bin);
    }
    Some(Bin { x, y })
}

/// The bits of a double as a number with the order of [`f64::total_cmp`], and of such a number the bits.
fn ordered(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Both in the order of `x`; bins at the same place become one.
fn merged(mut a: &[Bin], mut b: &[Bin]) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::with_capacity(a.len() + b.len());
    let mut push = |bin: &Bin| match bins.last_mut() {
        Some(last) if last.x == bin.x => last.y += bin.y,
        _ => bins.push(*bin),
    };
    while let ([first_of_a, rest_of_a @ ..], [first_of_b, rest_of_b @ ..]) = (a, b) {
        if first_of_a.x.total_cmp(&first_of_b.x) != Ordering::Greater {
            push(first_of_a);
            a = rest_of_a;
        } else {
            push(first_of_b);
            b = rest_of_b;
        }
    }
    a.iter().chain(b).for_each(push);
    bins
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_value_is_lost_when_bins_become_one() {
        let mut histogram = Histogram::default();
        for value in 0..100_000 {
            histogram.add_later(&[f64::from(value * 7919 % 100_003)], 100);
        }
        histogram.settle(100);
        assert!((90..=100).contains(&histogram.bins.len()), "{}", histogram.bins.len());
        assert_eq!(histogram.bins.first().map(|bin| bin.x), Some(0.0));
        assert_eq!(histogram.bins.iter().map(|bin| bin.y).sum::<f64>(), 100_000.0);
        assert!(histogram.bins.windows(2).all(|pair| pair[0].x < pair[1].x));
        let median = histogram.quantile(0.5).unwrap_or_default();
        assert!((median - 50_000.0).abs() < 2_000.0, "{median}");
        assert!((histogram.bins.iter().map(|bin| bin.x * bin.y).sum::<f64>() / 100_000.0 - 50_000.0).abs() < 10.0);
    }

    #[test]
    fn all_values_are_kept_where_there_are_bins_enough() {
        let mut histogram = Histogram::default();
        for value in [3.0, 1.0, 2.0, 2.0, f64::NAN] {
            histogram.add(value, 10);
        }
        let mut later = Histogram::default();
        for value in [3.0, 1.0, 2.0, 2.0, f64::NAN] {
            later.add_later(&[value], 10);
        }
        later.settle(10);
        assert_eq!(later.quantile(0.6), histogram.quantile(0.6));
        let bins: Vec<(f64, f64)> = histogram.bins.iter().map(|bin| (bin.x, bin.y)).collect();
        assert_eq!(bins.get(..3), Some([(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)].as_slice()));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn numbers_are_sorted_as_their_doubles(bits in prop::collection::vec(any::<u64>(), 0..50)) {
            let special = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -1.0];
            let mut doubles: Vec<f64> = bits.into_iter().map(f64::from_bits).chain(special).collect();
            let mut numbers: Vec<i64> = doubles.iter().map(|double| ordered(double.to_bits().cast_signed())).collect();
            doubles.sort_unstable_by(f64::total_cmp);
            numbers.sort_unstable();
            let sorted: Vec<u64> = numbers.into_iter().map(|number| ordered(number).cast_unsigned()).collect();
            prop_assert_eq!(sorted, doubles.into_iter().map(f64::to_bits).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_do_not_matter() {
        let values: Vec<f64> = (0..20_000).map(|value| f64::from(value * 7919 % 10_007)).collect();
        let (mut whole, mut single) = (Histogram::default(), Histogram::default());
        whole.add_later(&values, 100);
        values.iter().for_each(|value| single.add_later(&[*value], 100));
        whole.settle(100);
        single.settle(100);
        assert_eq!(whole.bins, single.bins);
    }
}
