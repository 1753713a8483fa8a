//! `encode` and `decode`: text in bytes of a character set, and back
//!
//! DataFusion's functions of these names are about base64 and hexadecimal.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::exec_err;
use datafusion::error::Result;

use crate::functions::columns::{BytesBuilder, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "encode",
                syntax: "encode(text, character set)",
                line: "The bytes of a text in US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16.",
                example: "SELECT octet_length(encode('äb', 'UTF-16LE')), octet_length(encode('äb', 'ISO-8859-1'))",
                gives: "4,2",
            },
            &[Kind::Text, Kind::Text],
            Gives::Bytes,
            encode,
        )
        .entry(),
        Function::new(
            Help {
                name: "decode",
                syntax: "decode(bytes, character set)",
                line: "The text that bytes are in US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16.",
                example: "SELECT decode(encode('äb', 'UTF-16'), 'utf-16')",
                gives: "äb",
            },
            &[Kind::TextOrBytes, Kind::Text],
            Gives::Text,
            decode,
        )
        .entry(),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16BigEndian,
    Utf16LittleEndian,
    /// With a mark of the order of bytes in front.
    Utf16,
}

impl Charset {
    fn named(name: &str) -> Result<Self> {
        match name.to_ascii_uppercase().as_str() {
            "US-ASCII" | "ASCII" => Ok(Charset::Ascii),
            "ISO-8859-1" | "LATIN1" => Ok(Charset::Latin1),
            "UTF-8" | "UTF8" => Ok(Charset::Utf8),
            "UTF-16BE" => Ok(Charset::Utf16BigEndian),
            "UTF-16LE" => Ok(Charset::Utf16LittleEndian),
            "UTF-16" => Ok(Charset::Utf16),
            _ => exec_err!(
                "there is no character set '{name}': US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE and UTF-16 are known"
            ),
        }
    }

    /// `None` if the character set lacks a character.
    fn encode(self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        let limit = match self {
            Charset::Utf8 => {
                out.extend_from_slice(text.as_bytes());
                return Some(());
            }
            Charset::Utf16 | Charset::Utf16BigEndian => {
                if matches!(self, Charset::Utf16) && !text.is_empty() {
                    out.extend_from_slice(&[0xFE, 0xFF]);
                }
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
                return Some(());
            }
            Charset::Utf16LittleEndian => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
                return Some(());
            }
            Charset::Ascii => 0x80,
            Charset::Latin1 => 0x100,
        };
        for c in text.chars() {
            out.push(if u32::from(c) < limit { c as u8 } else { return None });
        }
        Some(())
    }

    /// `None` if the bytes are no text.
    fn decode(self, bytes: &[u8], out: &mut String) -> Option<()> {
        match self {
            Charset::Utf8 => out.push_str(std::str::from_utf8(bytes).ok()?),
            Charset::Ascii => out.push_str(std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?),
            Charset::Latin1 => out.extend(bytes.iter().copied().map(char::from)),
            Charset::Utf16BigEndian => decode_utf16(bytes, u16::from_be_bytes, out)?,
            Charset::Utf16LittleEndian => decode_utf16(bytes, u16::from_le_bytes, out)?,
            Charset::Utf16 => match bytes {
                [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes, out)?,
                [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes, out)?,
                bytes => decode_utf16(bytes, u16::from_be_bytes, out)?,
            },
        }
        Some(())
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, out: &mut String) -> Option<()> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    for c in char::decode_utf16(pairs.iter().copied().map(unit)) {
        out.push(c.ok()?);
    }
    rest.is_empty().then_some(())
}

fn encode(call: &Call) -> Result<ArrayRef> {
    let (texts, names) = (call.texts(0)?, call.texts(1)?);
    let mut builder = BytesBuilder::new();
    let mut bytes = Vec::new();
    for row in 0..call.rows {
        match (texts.get(row), names.get(row)) {
            (Some(text), Some(name)) => {
                bytes.clear();
                if Charset::named(name)?.encode(text, &mut bytes).is_none() {
                    return exec_err!("'{text}' has a character that {name} lacks");
                }
                builder.push(Some(&bytes))?;
            }
            _ => builder.push(None)?,
        }
    }
    Ok(builder.finish())
}

fn decode(call: &Call) -> Result<ArrayRef> {
    let (bytes, names) = (call.bytes(0)?, call.texts(1)?);
    texts(call.rows, |row, text| match (bytes.get(row), names.get(row)) {
        (Some(bytes), Some(name)) => match Charset::named(name)?.decode(bytes, text) {
            Some(()) => Ok(true),
            None => exec_err!("the bytes are not text in {name}"),
        },
        _ => Ok(false),
    })
}
