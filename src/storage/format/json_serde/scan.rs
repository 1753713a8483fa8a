//! Where the values of a JSON text start and end. What is passed over is checked, but nothing is built of it.

use memchr::memchr2;

/// How deep values may nest.
const MAX_DEPTH: usize = 256;

/// What is wrong with a text, and where: at the byte of this number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

/// Reads a JSON text from left to right.
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Scanner { text, at: 0 }
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, Wrong> {
        let why = if self.at >= self.text.len() { "the line ends within a value" } else { why };
        Err(Wrong { at: self.at, why })
    }

    /// The next byte that is no blank, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes a sign if it is next.
    fn take(&mut self, sign: u8) -> bool {
        let is_next = self.peek() == Some(sign);
        self.at += usize::from(is_next);
        is_next
    }

    /// Calls `each` with the name, as it is written between its quotes, and the value of every member of an object.
    pub(super) fn members(&mut self, mut each: impl FnMut(&'t [u8], &'t [u8])) -> Result<(), Wrong> {
        self.members_at(0, &mut each)
    }

    fn members_at(&mut self, depth: usize, each: &mut dyn FnMut(&'t [u8], &'t [u8])) -> Result<(), Wrong> {
        if !self.take(b'{') {
            return self.wrong("an object such as {\"a\": 1} is expected");
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.wrong("a name in double quotes is expected");
            }
            let name = self.string()?;
            if !self.take(b':') {
                return self.wrong("a colon is expected");
            }
            let value = self.value(depth + 1)?;
            each(name, value);
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.wrong("a comma or } is expected");
            }
        }
    }

    /// Calls `each` with every item of an array.
    pub(super) fn items(&mut self, mut each: impl FnMut(&'t [u8])) -> Result<(), Wrong> {
        self.items_at(0, &mut each)
    }

    fn items_at(&mut self, depth: usize, each: &mut dyn FnMut(&'t [u8])) -> Result<(), Wrong> {
        if !self.take(b'[') {
            return self.wrong("an array is expected");
        }
        if self.take(b']') {
            return Ok(());
        }
        loop {
            each(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.wrong("a comma or ] is expected");
            }
        }
    }

    /// Takes a value and returns its text.
    fn value(&mut self, depth: usize) -> Result<&'t [u8], Wrong> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{' | b'[') if depth > MAX_DEPTH => return self.wrong("the values nest too deep"),
            Some(b'{') => self.members_at(depth, &mut |_, _| {})?,
            Some(b'[') => self.items_at(depth, &mut |_| {})?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return self.wrong("a value is expected"),
        }
        Ok(&self.text[start..self.at])
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Wrong> {
        if !self.text[self.at..].starts_with(word) {
            return self.wrong("a value is expected");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Wrong> {
        self.at += usize::from(self.text.get(self.at) == Some(&b'-'));
        self.digits()?;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return self.wrong("a digit is expected");
        }
        self.at += count;
        Ok(())
    }

    /// Takes a string whose opening quote is next, and returns what is between its quotes.
    fn string(&mut self) -> Result<&'t [u8], Wrong> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.wrong("");
            };
            let place = at + found;
            if rest[found] == b'"' {
                self.at = place + 1;
                return Ok(&self.text[start..place]);
            }
            let is_known = match rest.get(found + 1) {
                Some(b'u') => rest.get(found + 2..found + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
                Some(letter) => b"\"\\/bfnrt".contains(letter),
                None => false,
            };
            if !is_known {
                self.at = place;
                return self.wrong("this escape is not known");
            }
            at = place + 2;
        }
    }
}

/// What is between the quotes of a string, without its escapes, in the place of what was in `plain`. Halves of a
/// surrogate pair that stand alone become the replacement character.
pub(super) fn unescape(text: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        plain.extend_from_slice(&rest[..at]);
        let letter = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        plain.push(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let first = hex(rest);
                rest = rest.get(4..).unwrap_or_default();
                let second = rest.strip_prefix(b"\\u").map(hex).filter(|second| (0xDC00..0xE000).contains(second));
                let code = match (first, second) {
                    (0xD800..0xDC00, Some(second)) => {
                        rest = rest.get(6..).unwrap_or_default();
                        0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
                    }
                    _ => first,
                };
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                let mut utf8 = [0; 4];
                plain.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                continue;
            }
            other => other,
        });
    }
    plain.extend_from_slice(rest);
}

/// The number of four hexadecimal digits.
fn hex(text: &[u8]) -> u32 {
    let digits = text.iter().take(4).map(|digit| char::from(*digit).to_digit(16).unwrap_or(0));
    digits.fold(0, |number, digit| number << 4 | digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(text: &str) -> Result<Vec<(String, String)>, Wrong> {
        let mut found = Vec::new();
        let shown = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
        Scanner::new(text.as_bytes()).members(|name, value| found.push((shown(name), shown(value))))?;
        Ok(found)
    }

    #[test]
    fn members_have_the_text_of_their_values() {
        let found = members(r#" { "a" : 1 , "b\"c":"x\\" ,"d":[1,{"e":null}], "f":{},"g":-1.5e+3,"h":true } rest"#);
        let expected = [
            ("a", "1"),
            ("b\\\"c", "\"x\\\\\""),
            ("d", "[1,{\"e\":null}]"),
            ("f", "{}"),
            ("g", "-1.5e+3"),
            ("h", "true"),
        ];
        assert_eq!(found.unwrap(), expected.map(|(name, value)| (name.to_string(), value.to_string())));
        assert_eq!(members("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_is_told_with_its_place() {
        for (text, at) in [
            ("[1]", 0),
            ("1", 0),
            ("{a:1}", 1),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,}", 7),
            ("{\"a\":1 2}", 7),
            ("{\"a\":\"x", 7),
            ("{\"a\":nul}", 5),
            ("{\"a\":1.}", 7),
            ("{\"a\":\"\\x\"}", 6),
            ("{\"a\":[1", 7),
        ] {
            assert_eq!(members(text).unwrap_err().at, at, "{text}");
        }
        assert!(members(&format!("{{\"a\":{}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn escapes_are_characters() {
        let mut plain = Vec::new();
        unescape(br#"a\n\u00e9\ud83d\ude00\ud83dx\/\""#, &mut plain);
        assert_eq!(String::from_utf8(plain).unwrap(), "a\n\u{e9}\u{1F600}\u{FFFD}x/\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_agrees_with_another_parser(text in r#"\{("a":)?[0-9\[\]{}:,"a-e\\. ]{0,12}\}"#) {
            let ours = members(&text).is_ok();
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(ours, "{}", text);
            }
        }
    }
}
