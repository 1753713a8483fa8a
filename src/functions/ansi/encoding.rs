//! `encode`, `decode` and `digest`, all from text to text
//!
//! DataFusion's base64 has no padding, which PostgreSQL's and Tajo's has; its `digest` gives bytes.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::functions::crypto;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::functions::columns::{Bytes, push_hex, texts};
use crate::functions::define::{Call, Function, Gives, Kind, cast_to};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "encode",
                syntax: "encode(text or bytes, 'base64' | 'hex' | 'unicode')",
                line: "A text in base64, in hexadecimal digits, or with \\u and a code for each character that is not ASCII.",
                example: r"SELECT encode('tajo', 'base64'), encode('tajo', 'hex'), encode('ä', 'unicode')",
                gives: r"dGFqbw==,74616a6f,\u00E4",
            },
            &[Kind::TextOrBytes, Kind::Text],
            Gives::Text,
            encode,
        )
        .entry(),
        Function::new(
            Help {
                name: "decode",
                syntax: "decode(text, 'base64' | 'hex' | 'unicode')",
                line: "The text that encode was given.",
                example: r"SELECT decode('dGFqbw==', 'base64'), decode('74616a6f', 'hex'), decode('\u00e4', 'unicode')",
                gives: "tajo,tajo,ä",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            decode,
        )
        .entry(),
        Function::new(
            Help {
                name: "digest",
                syntax: "digest(text or bytes, algorithm)",
                line: "The digest by md5, sha1, sha224, sha256, sha384, sha512, blake2b, blake2s or blake3, in hexadecimal digits.",
                example: "SELECT digest('tajo', 'md5'), digest('tajo', 'sha1')",
                gives: "742721b3a79f71a9491681b8e8a7ce85,02b0e20540b89f0b735092bbac8093eb2e3804cf",
            },
            &[Kind::TextOrBytes, Kind::Text],
            Gives::Text,
            digest,
        )
        .entry(),
    ]
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[derive(Debug, Clone, Copy)]
enum Form {
    Base64,
    Hex,
    Unicode,
}

impl Form {
    fn named(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "base64" => Ok(Form::Base64),
            "hex" => Ok(Form::Hex),
            "unicode" => Ok(Form::Unicode),
            _ => exec_err!("'{name}' is no encoding: base64, hex and unicode are known"),
        }
    }
}

fn encode(call: &Call) -> Result<ArrayRef> {
    let (values, forms) = (call.bytes(0)?, call.texts(1)?);
    texts(call.rows, |row, out| {
        let (Some(bytes), Some(form)) = (values.get(row), forms.get(row)) else { return Ok(false) };
        match Form::named(form)? {
            Form::Base64 => push_base64(bytes, out),
            Form::Hex => push_hex(bytes, out),
            Form::Unicode => push_unicode(&String::from_utf8_lossy(bytes), out),
        }
        Ok(true)
    })
}

fn push_base64(bytes: &[u8], out: &mut String) {
    let digit = |group: u32, shift: u32| ALPHABET[(group >> shift & 63) as usize];
    let (groups, rest) = bytes.as_chunks::<3>();
    let mut push = |digits: [u8; 4]| out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    for [first, second, third] in groups {
        let group = u32::from_be_bytes([0, *first, *second, *third]);
        push([digit(group, 18), digit(group, 12), digit(group, 6), digit(group, 0)]);
    }
    match rest {
        [first] => {
            let group = u32::from_be_bytes([0, *first, 0, 0]);
            push([digit(group, 18), digit(group, 12), b'=', b'=']);
        }
        [first, second] => {
            let group = u32::from_be_bytes([0, *first, *second, 0]);
            push([digit(group, 18), digit(group, 12), digit(group, 6), b'=']);
        }
        _ => {}
    }
}

fn push_unicode(text: &str, out: &mut String) {
    use std::fmt::Write;

    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
}

fn decode(call: &Call) -> Result<ArrayRef> {
    let (values, forms) = (call.texts(0)?, call.texts(1)?);
    let mut bytes = Vec::new();
    texts(call.rows, |row, out| {
        let (Some(text), Some(form)) = (values.get(row), forms.get(row)) else { return Ok(false) };
        bytes.clear();
        let is_valid = match Form::named(form)? {
            Form::Base64 => from_base64(text, &mut bytes),
            Form::Hex => from_hex(text, &mut bytes),
            Form::Unicode => {
                from_unicode(text, out);
                return Ok(true);
            }
        };
        match std::str::from_utf8(&bytes) {
            Ok(decoded) if is_valid.is_some() => out.push_str(decoded),
            Ok(_) => return exec_err!("'{text}' is not {form}"),
            Err(_) => return exec_err!("'{text}' is {form} of bytes that are no text"),
        }
        Ok(true)
    })
}

fn from_base64(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (mut group, mut bits) = (0u32, 0);
    let mut digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    for byte in digits.by_ref() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => return None,
        };
        group = group << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((group >> bits) as u8);
            group &= (1 << bits) - 1;
        }
    }
    // Of a last digit that stands alone there is no byte.
    (bits < 6 && digits.all(|byte| byte == b'=')).then_some(())
}

fn from_hex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut high = None;
    for digit in digits {
        let digit = char::from(digit).to_digit(16)? as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    high.is_none().then_some(())
}

/// What is no code stays as it is.
fn from_unicode(text: &str, out: &mut String) {
    let unit = |text: &str| -> Option<u16> {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let first = unit(rest);
        let second = first.and_then(|_| unit(rest.get(6..)?));
        let decoded = first.and_then(|first| {
            let one = char::decode_utf16([first]).next()?.ok().map(|c| (c, 6));
            let two = || Some((char::decode_utf16([first, second?]).next()?.ok()?, 12));
            one.or_else(two)
        });
        let (c, length) = decoded.unwrap_or((c, c.len_utf8()));
        out.push(c);
        rest = &rest[length..];
    }
}

/// DataFusion's digests, datafusion-spark's SHA-1, and SHA-224, which neither has by this name.
fn digest(call: &Call) -> Result<ArrayRef> {
    let names = call.texts(1)?;
    let values = call.full_array(0)?;
    if let Some(Some(name)) = names.constant() {
        return digest_by(call, values, name);
    }
    // Which algorithm it is differs from row to row: each is run over all, and its rows taken.
    let mut found: Vec<(String, crate::functions::columns::Texts)> = Vec::new();
    for row in 0..call.rows {
        if let Some(name) = names.get(row)
            && !found.iter().any(|(other, _)| other == name)
        {
            let digests = digest_by(call, Arc::clone(&values), name)?;
            found.push((name.to_owned(), crate::functions::columns::Texts::new(&digests, false)?));
        }
    }
    texts(call.rows, |row, out| {
        let digests = names.get(row).and_then(|name| found.iter().find(|(other, _)| other == name));
        let digest = digests.and_then(|(_, digests)| digests.get(row));
        out.push_str(digest.unwrap_or_default());
        Ok(digest.is_some())
    })
}

fn digest_by(call: &Call, values: ArrayRef, name: &str) -> Result<ArrayRef> {
    let name = name.to_ascii_lowercase().replace("sha-", "sha");
    let spark_bits = match name.as_str() {
        "sha1" => Some(1),
        "sha224" => Some(224),
        _ => None,
    };
    let values = cast_to(&values, &DataType::BinaryView)?;
    let value_field = Arc::new(Field::new("value", DataType::BinaryView, true));
    let (function, second) = match spark_bits {
        Some(1) => (datafusion_spark::function::hash::sha1(), None),
        Some(bits) => (datafusion_spark::function::hash::sha2(), Some(ScalarValue::Int32(Some(bits)))),
        None => (crypto::digest(), Some(ScalarValue::Utf8(Some(name)))),
    };
    let return_type = if spark_bits.is_some() { DataType::Utf8 } else { DataType::Binary };
    let mut arguments = ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(values)],
        arg_fields: vec![value_field],
        number_rows: call.rows,
        return_field: Arc::new(Field::new("digest", return_type, true)),
        config_options: Arc::clone(&call.config),
    };
    if let Some(second) = second {
        arguments.arg_fields.push(Arc::new(Field::new("algorithm", second.data_type(), true)));
        arguments.args.push(ColumnarValue::Scalar(second));
    }
    let digests = function.inner().invoke_with_args(arguments)?.to_array(call.rows)?;
    if digests.data_type().is_string() {
        return cast_to(&digests, &DataType::Utf8View);
    }
    let digests = Bytes::new(&cast_to(&digests, &DataType::BinaryView)?, false)?;
    texts(call.rows, |row, out| Ok(digests.get(row).map(|bytes| push_hex(bytes, out)).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_there_and_back() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            let (mut out, mut bytes) = (String::new(), Vec::new());
            push_base64(text.as_bytes(), &mut out);
            assert_eq!(out, encoded);
            assert!(from_base64(encoded, &mut bytes).is_some());
            assert_eq!(bytes, text.as_bytes());
        }
        assert!(from_base64("Z", &mut Vec::new()).is_none());
        assert!(from_base64("Zg=x", &mut Vec::new()).is_none());
        assert!(from_base64("Z!", &mut Vec::new()).is_none());
    }

    #[test]
    fn codes_of_characters_go_there_and_back() {
        let (mut out, mut back) = (String::new(), String::new());
        push_unicode("a😀\n", &mut out);
        assert_eq!(out, r"a\uD83D\uDE00\u000A");
        from_unicode(&out, &mut back);
        assert_eq!(back, "a😀\n");
        back.clear();
        from_unicode(r"\u12\ud83dx\", &mut back);
        assert_eq!(back, r"\u12\ud83dx\");
    }
}
