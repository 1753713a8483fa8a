//! Base64 as Hive reads and writes binary columns of text files.

use std::borrow::Cow;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a byte stands for: six bits, or one of the marks below.
const VALUES: [u8; 256] = values();

/// A letter that is passed over: a blank or the sign at the end.
const PASSED: u8 = 64;

/// No letter of base64.
const OTHER: u8 = 65;

const fn values() -> [u8; 256] {
    let mut values = [OTHER; 256];
    let mut index = 0;
    while index < 64 {
        values[LETTERS[index] as usize] = index as u8;
        index += 1;
    }
    // The letters for file names and URLs are read as well.
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values[b' ' as usize] = PASSED;
    values[b'\t' as usize] = PASSED;
    values[b'\r' as usize] = PASSED;
    values[b'\n' as usize] = PASSED;
    values[b'=' as usize] = PASSED;
    values
}

/// The bytes that a text stands for. A text with any other letter, or without a whole byte, stands for itself: Hive takes
/// it for bytes that were never encoded.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(|byte| VALUES[usize::from(*byte)] == OTHER) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text {
        if *byte == b'=' {
            break;
        }
        let value = VALUES[usize::from(*byte)];
        if value == PASSED {
            continue;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if bytes.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(bytes) }
}

/// Adds the text of bytes.
pub(crate) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    let letter = |bits: u8| LETTERS[usize::from(bits & 63)];
    for chunk in bytes.chunks(3) {
        let (a, b, c) = (chunk[0], chunk.get(1).copied(), chunk.get(2).copied());
        let (second, third) = (b.unwrap_or(0), c.unwrap_or(0));
        text.push(letter(a >> 2));
        text.push(letter(a << 4 | second >> 4));
        text.push(if b.is_some() { letter(second << 2 | third >> 6) } else { b'=' });
        text.push(if c.is_some() { letter(third) } else { b'=' });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_cannot_be_base64_stand_for_themselves() {
        for (text, bytes) in [
            ("YWJj", "abc".as_bytes()),
            ("YWI=", b"ab"),
            ("YWI", b"ab"),
            ("YW Jj", b"abc"),
            ("abc", b"i\xb7"),
            ("Y-_a", b"c\xef\xda"),
            ("a!c", b"a!c"),
            ("a", b"a"),
            ("==", b"=="),
            ("café", "café".as_bytes()),
            ("", b""),
        ] {
            assert_eq!(decode(text.as_bytes()).as_ref(), bytes, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            prop_assert_eq!(decode(&text).into_owned(), bytes);
        }
    }
}
