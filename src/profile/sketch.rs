//! How many distinct values there are, about, in 16 kB: a HyperLogLog sketch over hashes.
//!
//! The highest bits of a hash choose a register, which keeps the longest run of zeros that the other bits began with. With 2^14
//! registers the standard error is 0.8 %.

const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;
/// The longest run that a register can hold: all bits of the hash but those that choose it, and one more.
const LONGEST_RUN: usize = (u64::BITS - BITS) as usize + 1;

/// A sketch of the values that were added.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    registers: Vec<u8>,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Sketch { registers: vec![0; REGISTERS] }
    }

    pub(super) fn add(&mut self, hash: u64) {
        let index = (hash >> (u64::BITS - BITS)) as usize;
        // The bit that is put in ends the run where the hash itself has no more bits.
        let run = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() + 1;
        if let Some(register) = self.registers.get_mut(index) {
            *register = (*register).max(u8::try_from(run).unwrap_or(u8::MAX));
        }
    }

    /// The estimate, by Ertl's improved formula: it is as good for few values as for many, and has no place where one way of
    /// estimating gives way to another.
    pub(super) fn count(&self) -> u64 {
        let mut with_run = [0_u32; LONGEST_RUN + 1];
        for register in &self.registers {
            if let Some(count) = with_run.get_mut(usize::from(*register)) {
                *count += 1;
            }
        }
        let registers = REGISTERS as f64;
        let share = |run: usize| with_run.get(run).map_or(0.0, |count| f64::from(*count)) / registers;
        let mut sum = tau(1.0 - share(LONGEST_RUN));
        for run in (1..LONGEST_RUN).rev() {
            sum = (sum + share(run)) / 2.0;
        }
        sum += sigma(share(0));
        (registers / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
    }
}

/// What registers without a value add: x + x² + 2x⁴ + 4x⁸ + ….
fn sigma(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight *= 2.0;
        if sum <= before {
            return sum;
        }
    }
}

/// What registers add whose run has ended because the hash has.
fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight /= 2.0;
        sum -= (1.0 - root).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash as good as any: the finalizer of splitmix64.
    fn hash(value: u64) -> u64 {
        let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    #[test]
    fn estimates_are_near_at_every_size() {
        for count in [0, 1, 100, 5_000, 40_000, 300_000, 2_000_000] {
            let mut sketch = Sketch::new();
            for value in 0..count {
                sketch.add(hash(value));
                sketch.add(hash(value));
            }
            let (estimate, count) = (sketch.count() as f64, count as f64);
            assert!((estimate - count).abs() <= count * 0.03 + 1.0, "{estimate} for {count}");
        }
    }
}
