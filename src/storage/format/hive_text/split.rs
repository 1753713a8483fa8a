//! Texts between delimiters.

use memchr::{memchr, memchr2};

/// The parts of a text between a delimiter's occurrences, those behind an escape not counted. There is always one part.
pub(super) struct Parts<'a> {
    /// `None` behind the last part.
    rest: Option<&'a [u8]>,
    delimiter: u8,
    escape: Option<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(text: &'a [u8], delimiter: u8, escape: Option<u8>) -> Self {
        Parts { rest: Some(text), delimiter, escape }
    }

    /// All that is left, whatever it has in it.
    pub(super) fn rest(&mut self) -> Option<&'a [u8]> {
        self.rest.take()
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = match self.escape {
            None => find(self.delimiter, rest),
            Some(escape) => find_plain(self.delimiter, escape, rest),
        };
        match end {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => self.rest.take(),
        }
    }
}

/// The first place of a byte. Most fields are so short that a call costs more than the search.
#[inline]
fn find(byte: u8, text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let wanted = ONES * u64::from(byte);
    let mut at = 0;
    while at < 16
        && let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>)
    {
        // Bytes that are equal become zero, and the lowest zero is found for certain.
        let differences = u64::from_le_bytes(*word) ^ wanted;
        let zeros = differences.wrapping_sub(ONES) & !differences & HIGH;
        if zeros != 0 {
            return Some(at + (zeros.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    memchr(byte, &text[at..]).map(|found| at + found)
}

/// The first place of a byte that no escape stands before.
pub(super) fn find_plain(byte: u8, escape: u8, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let place = at + memchr2(byte, escape, text.get(at..)?)?;
        if text[place] == escape {
            at = place + 2;
        } else {
            return Some(place);
        }
    }
}

/// A map's entry: its key, and its value if there is one.
pub(super) fn key_and_value(entry: &[u8], delimiter: u8, escape: Option<u8>) -> (&[u8], Option<&[u8]>) {
    let at = match escape {
        None => find(delimiter, entry),
        Some(escape) => find_plain(delimiter, escape, entry),
    };
    match at {
        Some(at) => (&entry[..at], Some(&entry[at + 1..])),
        None => (entry, None),
    }
}

/// Replaces what is in `plain` by a text without its escapes. Behind one, `n` and `r` stand for the ends of lines.
pub(super) fn unescape(text: &[u8], escape: u8, plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = text;
    while let Some(at) = memchr(escape, rest) {
        plain.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(b'n') => plain.push(b'\n'),
            Some(b'r') => plain.push(b'\r'),
            Some(byte) => plain.push(*byte),
            // An escape at the end makes nothing plain, and stays.
            None => plain.push(escape),
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str, escape: Option<u8>) -> Vec<String> {
        let parts = Parts::new(text.as_bytes(), b',', escape);
        parts.map(|part| String::from_utf8(part.to_vec()).unwrap()).collect()
    }

    #[test]
    fn there_is_always_one_part() {
        assert_eq!(parts("", None), [""]);
        assert_eq!(parts(",", None), ["", ""]);
        assert_eq!(parts("a,,b", None), ["a", "", "b"]);
    }

    #[test]
    fn an_escape_hides_a_delimiter() {
        assert_eq!(parts("a\\,b,c\\\\,d\\", Some(b'\\')), ["a\\,b", "c\\\\", "d\\"]);
        assert_eq!(parts("a\\,b", None), ["a\\", "b"]);
        assert_eq!(key_and_value(b"a\\:b:c:d", b':', Some(b'\\')), (b"a\\:b".as_slice(), Some(b"c:d".as_slice())));
        assert_eq!(key_and_value(b"ab", b':', None), (b"ab".as_slice(), None));
    }

    #[test]
    fn escapes_go() {
        let mut plain = Vec::new();
        unescape(b"a\\,\\\\\\n\\r\\t\\", b'\\', &mut plain);
        assert_eq!(plain, b"a,\\\n\rt\\");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_first_place_is_found(
            text in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..60),
            byte in 0_u8..4,
        ) {
            prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
        }
    }
}
