//! Groups of eight numbers of a few bits each, into numbers of 32 bits.
//!
//! Every column with a dictionary goes through here, number by number. Where the processor has AVX2, a group is unpacked at once:
//! its bytes are dealt out so that each number's are in a place of its own, which is shifted and masked.

/// Numbers that lie packed together, in as many bytes as each of them has bits.
pub(super) const GROUP: usize = 8;

/// Fills `numbers`, whose count is a multiple of [`GROUP`], from groups of `width` bytes (1 to 32). All of the groups have to be in
/// `packed`; bytes behind them may be looked at. Gives the greatest number.
pub(super) fn unpack_groups(width: usize, packed: &[u8], numbers: &mut [u32]) -> u32 {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_groups_of::<$width>(packed, numbers.as_chunks_mut().0),)*
                _ => 0,
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

fn unpack_groups_of<const WIDTH: usize>(packed: &[u8], groups: &mut [[u32; GROUP]]) -> u32 {
    let (done, greatest) = vectors::unpack::<WIDTH>(packed, groups);
    greatest.max(one_by_one::<WIDTH>(&packed[done * WIDTH..], &mut groups[done..]))
}

/// With the width known, where each number lies is known, too, and the compiler leaves shifts and masks alone.
fn one_by_one<const WIDTH: usize>(packed: &[u8], groups: &mut [[u32; GROUP]]) -> u32 {
    let mask = (1_u64 << WIDTH) - 1;
    let mut greatest = 0;
    for (group, numbers) in packed.chunks_exact(WIDTH).zip(groups) {
        // A number ends at most 40 bits behind the byte in which it begins.
        let mut padded = [0; 40];
        padded[..WIDTH].copy_from_slice(group);
        for (place, number) in numbers.iter_mut().enumerate() {
            let bit = place * WIDTH;
            let word = padded[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            *number = ((word >> (bit % 8)) & mask) as u32;
            greatest = greatest.max(*number);
        }
    }
    greatest
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_loadu_si256, _mm256_max_epu32, _mm256_set_m128i,
        _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srlv_epi32, _mm256_storeu_si256,
    };

    use super::GROUP;

    /// Numbers of more bits may begin in one byte and end in the fifth.
    const WIDEST: usize = 25;
    /// What is loaded for each half of a group.
    const LOADED: usize = 16;

    /// As many groups as can be unpacked at once: how many, and the greatest number in them.
    pub(super) fn unpack<const WIDTH: usize>(packed: &[u8], groups: &mut [[u32; GROUP]]) -> (usize, u32) {
        if WIDTH > WIDEST || !is_x86_feature_detected!("avx2") {
            return (0, 0);
        }
        // SAFETY: the processor has AVX2.
        unsafe { unpack_with_avx2::<WIDTH>(packed, groups) }
    }

    #[target_feature(enable = "avx2")]
    fn unpack_with_avx2<const WIDTH: usize>(packed: &[u8], groups: &mut [[u32; GROUP]]) -> (usize, u32) {
        let (bytes, shifts) = const { (bytes_of(WIDTH), shifts_of(WIDTH)) };
        // SAFETY: both are arrays of 32 bytes.
        let (bytes, shifts) = unsafe { (load_whole(bytes.as_ptr().cast()), load_whole(shifts.as_ptr().cast())) };
        let mask = _mm256_set1_epi32(((1_u64 << WIDTH) - 1) as i32);
        let mut greatest = _mm256_setzero_si256();
        let mut done = 0;
        for (place, numbers) in groups.iter_mut().enumerate() {
            let Some(group) = packed.get(place * WIDTH..).filter(|group| group.len() >= second_half(WIDTH) + LOADED)
            else {
                break;
            };
            // SAFETY: there are 16 bytes from the beginning of each half on.
            let (first, second) = unsafe { (load(group.as_ptr()), load(group.as_ptr().add(second_half(WIDTH)))) };
            let dealt = _mm256_shuffle_epi8(_mm256_set_m128i(second, first), bytes);
            let unpacked = _mm256_and_si256(_mm256_srlv_epi32(dealt, shifts), mask);
            greatest = _mm256_max_epu32(greatest, unpacked);
            // SAFETY: there is room for eight numbers of 32 bits.
            unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), unpacked) };
            done += 1;
        }
        let mut each = [0_u32; GROUP];
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(each.as_mut_ptr().cast(), greatest) };
        (done, each.into_iter().max().unwrap_or(0))
    }

    /// # Safety
    ///
    /// There are 16 bytes from there on.
    #[target_feature(enable = "avx2")]
    unsafe fn load(from: *const u8) -> __m128i {
        // SAFETY: the caller sees to it; no alignment is asked for.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    /// # Safety
    ///
    /// There are 32 bytes from there on.
    #[target_feature(enable = "avx2")]
    unsafe fn load_whole(from: *const u8) -> __m256i {
        // SAFETY: the caller sees to it; no alignment is asked for.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    /// The byte of a group in which its fifth number begins.
    const fn second_half(width: usize) -> usize {
        4 * width / 8
    }

    /// The bit with which a number begins, counted from the first byte of its half.
    const fn bit(width: usize, number: usize) -> usize {
        number * width - if number < 4 { 0 } else { 8 * second_half(width) }
    }

    /// For each byte of the eight numbers, which byte of its half comes there.
    const fn bytes_of(width: usize) -> [u8; 4 * GROUP] {
        let mut bytes = [0; 4 * GROUP];
        let mut at = 0;
        // Wider ones are not unpacked with them.
        while at < bytes.len() && width <= WIDEST {
            bytes[at] = (bit(width, at / 4) / 8 + at % 4) as u8;
            at += 1;
        }
        bytes
    }

    /// By how many bits each of the eight numbers is too high.
    const fn shifts_of(width: usize) -> [u32; GROUP] {
        let mut shifts = [0; GROUP];
        let mut number = 0;
        while number < GROUP {
            shifts[number] = (bit(width, number) % 8) as u32;
            number += 1;
        }
        shifts
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod vectors {
    /// None are unpacked at once.
    pub(super) fn unpack<const WIDTH: usize>(_: &[u8], _: &mut [[u32; super::GROUP]]) -> (usize, u32) {
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// At once and one by one the same comes out, whatever lies behind the groups.
        #[test]
        fn groups_are_unpacked_number_by_number(width in 1_usize..=32, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
            let number = |place: usize| (0..width).map(|low| bit(place * width + low) << low).sum::<u32>();
            for behind in [0, 20] {
                let groups = bytes.len().saturating_sub(behind) / width;
                let expected: Vec<u32> = (0..groups * GROUP).map(number).collect();
                let mut numbers = vec![0; expected.len()];
                let greatest = unpack_groups(width, &bytes, &mut numbers);
                prop_assert_eq!(greatest, expected.iter().copied().max().unwrap_or(0));
                prop_assert_eq!(numbers, expected);
            }
        }
    }
}
