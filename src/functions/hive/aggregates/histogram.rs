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

    /// One value, together with thousands of others later: with many bins, a search for each value would take too long.
    pub(super) fn add_later(&mut self, value: f64, limit: usize) {
        self.pending.push(value);
        if self.pending.len() >= 4 * limit.max(1024) {
            self.settle(limit);
        }
    }

    /// Sorts the values that wait into bins.
    pub(super) fn settle(&mut self, limit: usize) {
        if self.pending.is_empty() {
            return;
        }
        let mut values = std::mem::take(&mut self.pending);
        values.sort_unstable_by(f64::total_cmp);
        let bins = values.iter().map(|value| Bin { x: *value, y: 1.0 });
        self.bins = merged(std::mem::take(&mut self.bins).into_iter(), bins);
        values.clear();
        self.pending = values;
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
        let bins = saved.chunks_exact(2).map(|pair| Bin { x: pair[0], y: pair[1] });
        self.bins = merged(std::mem::take(&mut self.bins).into_iter(), bins);
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
        let (mut below, mut end) = (0.0, 0.0);
        for (index, bin) in self.bins.iter().enumerate() {
            match kept.last_mut() {
                Some(open) if index > 1 && index < last && below < end => *open = together(*open, *bin),
                _ => {
                    kept.push(*bin);
                    // Up to the next multiple, so that what one bin has too many does not shift all that follow.
                    end = ((below / height).floor() + 1.0) * height;
                }
            }
            below += bin.y;
        }
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

/// Both in the order of `x`; bins at the same place become one.
fn merged(a: impl Iterator<Item = Bin>, b: impl Iterator<Item = Bin>) -> Vec<Bin> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    let mut bins: Vec<Bin> = vec![];
    loop {
        let takes_a = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => a.x.total_cmp(&b.x) != Ordering::Greater,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return bins,
        };
        let Some(bin) = (if takes_a { a.next() } else { b.next() }) else {
            return bins;
        };
        match bins.last_mut() {
            Some(last) if last.x == bin.x => last.y += bin.y,
            _ => bins.push(bin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_lost_when_bins_become_one() {
        let mut histogram = Histogram::default();
        for value in 0..100_000 {
            histogram.add_later(f64::from(value * 7919 % 100_003), 100);
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
            later.add_later(value, 10);
        }
        later.settle(10);
        assert_eq!(later.quantile(0.6), histogram.quantile(0.6));
        let bins: Vec<(f64, f64)> = histogram.bins.iter().map(|bin| (bin.x, bin.y)).collect();
        assert_eq!(bins.get(..3), Some([(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)].as_slice()));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
