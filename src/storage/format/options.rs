//! Reads OPTIONS: key and value texts, with lower-case keys.

use std::collections::BTreeMap;
use std::str::FromStr;

use datafusion::common::parsers::CompressionTypeVariant;

use crate::error::{Error, Result};
use crate::names::nearest;

/// The options of one table, from which a format takes those that it knows.
pub(crate) struct Options<'a> {
    format: &'static str,
    given: &'a BTreeMap<String, String>,
    known: Vec<&'static str>,
}

impl<'a> Options<'a> {
    /// `format` is the format's name for messages.
    pub(crate) fn new(format: &'static str, given: &'a BTreeMap<String, String>) -> Self {
        Options { format, given, known: Vec::new() }
    }

    /// The text of an option under the first of its names. The further names are what other engines call it.
    pub(crate) fn text(&mut self, names: &[&'static str]) -> Option<&'a str> {
        self.known.extend(names);
        names.iter().find_map(|name| self.given.get(*name)).map(String::as_str)
    }

    pub(crate) fn boolean(&mut self, names: &[&'static str]) -> Result<Option<bool>> {
        let Some(text) = self.text(names) else { return Ok(None) };
        parse_boolean(text).map(Some).ok_or_else(|| self.wrong(names[0], text, "true or false"))
    }

    pub(crate) fn number<N: FromStr>(&mut self, names: &[&'static str]) -> Result<Option<N>> {
        let Some(text) = self.text(names) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| self.wrong(names[0], text, "a whole number"))
    }

    /// One character of one byte. `\t` and `\x01` may be spelled out; an empty text is `Some(None)`: none at all.
    pub(crate) fn character(&mut self, names: &[&'static str]) -> Result<Option<Option<u8>>> {
        let Some(text) = self.text(names) else { return Ok(None) };
        parse_character(text)
            .map(Some)
            .ok_or_else(|| self.wrong(names[0], text, "one character, such as ; or \\t or \\x01"))
    }

    /// How files are compressed as a whole; `None` or `auto`: as their extension says.
    pub(crate) fn compression(&mut self) -> Result<Option<CompressionTypeVariant>> {
        let Some(text) = self.text(&["compression", "compress"]) else { return Ok(None) };
        Ok(Some(match text.trim().to_ascii_lowercase().as_str() {
            "auto" => return Ok(None),
            "none" | "uncompressed" => CompressionTypeVariant::UNCOMPRESSED,
            "gzip" | "gz" => CompressionTypeVariant::GZIP,
            "bzip2" | "bz2" => CompressionTypeVariant::BZIP2,
            "xz" => CompressionTypeVariant::XZ,
            "zstd" | "zst" => CompressionTypeVariant::ZSTD,
            _ => return Err(self.wrong("compression", text, "gzip, bzip2, xz, zstd or none")),
        }))
    }

    /// The error for a value that an option cannot have.
    pub(crate) fn wrong(&self, name: &str, value: &str, expected: &str) -> Error {
        Error::statement(format!("the {} option \"{name}\" cannot be '{value}'", self.format))
            .help(format!("it takes {expected}"))
    }

    /// Refuses options that nothing asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(unknown) = self.given.keys().find(|key| !self.known.contains(&key.as_str())) else { return Ok(()) };
        let error = Error::statement(format!("there is no {} option \"{unknown}\"", self.format));
        Err(match nearest(unknown, self.known.iter().copied()) {
            Some(known) => error.help(format!("did you mean \"{known}\"?")),
            None if self.known.is_empty() => error.help(format!("{} files have no options", self.format)),
            None => error.help(format!("there are {}", self.known.join(", "))),
        })
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn parse_character(text: &str) -> Option<Option<u8>> {
    match text {
        "" => Some(None),
        "\\t" | "tab" => Some(Some(b'\t')),
        "\\\\" => Some(Some(b'\\')),
        "\\0" => Some(Some(0)),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() => Some(Some(*byte)),
            [b'\\', b'x' | b'u', digits @ ..] => {
                let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                u8::try_from(code).ok().filter(u8::is_ascii).map(Some)
            }
            // Hive writes control characters in octal: '\001'.
            [b'\\', digits @ ..] if digits.len() == 3 => {
                let code = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?;
                code.is_ascii().then_some(Some(code))
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn unknown_options_name_the_nearest() {
        let given = given(&[("headr", "true")]);
        let mut options = Options::new("CSV", &given);
        options.boolean(&["header", "has_header"]).unwrap();
        let error = options.finish().unwrap_err();
        assert_eq!(error.message(), "there is no CSV option \"headr\"");
        assert_eq!(error.help_lines(), ["did you mean \"header\"?"]);
    }

    #[test]
    fn wrong_values_say_what_is_expected() {
        let given = given(&[("header", "perhaps"), ("skip", "-1"), ("delimiter", "ab")]);
        let mut options = Options::new("CSV", &given);
        assert!(options.boolean(&["header"]).unwrap_err().help_lines()[0].contains("true or false"));
        assert!(options.number::<usize>(&["skip"]).is_err());
        assert!(options.character(&["delimiter"]).is_err());
    }

    #[test]
    fn characters_may_be_spelled_out() {
        for (text, byte) in [(";", b';'), ("\\t", b'\t'), ("\\x01", 1), ("\\u0001", 1), ("\\001", 1), ("\\\\", b'\\')] {
            assert_eq!(parse_character(text), Some(Some(byte)), "{text}");
        }
        assert_eq!(parse_character(""), Some(None));
        assert_eq!(parse_character("é"), None);
    }
}
