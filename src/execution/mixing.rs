//! Words into hashes: for tables of keys, and for filters by keys.

/// Factors with bits all over.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const SEED: u64 = 0xD1B5_4A32_D192_ED03;

/// Both words in one, each bit of which depends on all of theirs: the halves of their product folded together (Wang Yi's *wyhash*).
pub(super) fn mixed(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SEED) * u128::from(b ^ FACTOR);
    product as u64 ^ (product >> 64) as u64
}

/// Of a few words.
pub(super) fn hash<const N: usize>(words: &[u64; N]) -> u64 {
    words.iter().fold(FACTOR, |hash, word| mixed(hash, *word))
}
