//! Texts that are looked at once a batch for whether they are UTF-8: most are ASCII, and short, so that asking each takes longer than
//! copying it.

use datafusion::arrow::array::{BinaryViewArray, StringViewArray};

/// Longer values are held in a buffer, others in the view itself.
const INLINE: u32 = 12;

/// The texts that bytes stand for, with a replacement for what is no UTF-8.
pub(super) fn texts(bytes: &BinaryViewArray) -> StringViewArray {
    if is_ascii(bytes) {
        // SAFETY: whatever part of ASCII a view is of, it is UTF-8.
        return unsafe { bytes.clone().to_string_view_unchecked() };
    }
    let lossy = |_| bytes.iter().map(|value| value.map(String::from_utf8_lossy)).collect();
    bytes.clone().to_string_view().unwrap_or_else(lossy)
}

/// Whether all bytes are ASCII: those in the buffers, and those in the views.
fn is_ascii(bytes: &BinaryViewArray) -> bool {
    const ABOVE_ASCII: u128 = 0x8080_8080_8080_8080_8080_8080;
    let in_view = |view: &u128| if *view as u32 <= INLINE { *view >> 32 } else { 0 };
    bytes.data_buffers().iter().all(|buffer| buffer.is_ascii())
        && bytes.views().iter().fold(0, |bits, view| bits | in_view(view)) & ABOVE_ASCII == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_text_is_what_its_bytes_are(
            values in prop::collection::vec(
                prop::option::weighted(0.9, prop_oneof![
                    4 => "[a-c]{0,20}".prop_map(String::into_bytes),
                    1 => "[aä€😀]{0,8}".prop_map(String::into_bytes),
                    1 => prop::collection::vec(any::<u8>(), 0..20),
                ]),
                0..6,
            ),
        ) {
            let bytes: BinaryViewArray = values.iter().map(Option::as_ref).collect();
            let expected: Vec<_> =
                values.iter().map(|value| value.as_ref().map(|value| String::from_utf8_lossy(value))).collect();
            let found = texts(&bytes);
            prop_assert!(found.iter().eq(expected.iter().map(Option::as_deref)), "{found:?} for {values:?}");
            prop_assert!(!is_ascii(&bytes) || values.iter().flatten().all(|value| value.is_ascii()));
        }
    }
}
