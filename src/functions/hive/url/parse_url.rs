//! `parse_url` and `parse_url_tuple`: a part of an address, as it stands in it
//!
//! Datafusion-spark's function makes the address a canonical one first, and fails for what is none, where Hive gives NULL.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use crate::functions::columns::{Texts, parts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "parse_url",
                syntax: "parse_url(address, part[, key])",
                line: "HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO of an address, or the value of a key of its QUERY.",
                example: "SELECT parse_url('http://a.org/p?k=1#r', 'HOST'), parse_url('http://a.org/p?k=1#r', 'QUERY', 'k')",
                gives: "a.org,1",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            parse_url,
        )
        .optional(&[Kind::Text])
        .entry(),
        Function::new(
            Help {
                name: "parse_url_tuple",
                syntax: "parse_url_tuple(address, part, …)",
                line: "Several parts of an address ('QUERY:k' for the value of a key), as fields c0, c1, … of a struct.",
                example: "SELECT get_field(parse_url_tuple('http://a.org/p?k=1', 'PATH', 'QUERY:k'), 'c1')",
                gives: "1",
            },
            &[Kind::Text, Kind::Text],
            Gives::Of(|given| Ok(DataType::Struct(fields(given.len().saturating_sub(1))))),
            parse_url_tuple,
        )
        .rest(Kind::Text)
        .entry(),
    ]
}

fn fields(count: usize) -> Fields {
    (0..count).map(|index| Field::new(format!("c{index}"), DataType::Utf8View, true)).collect()
}

fn parse_url(call: &Call) -> Result<ArrayRef> {
    let addresses = call.texts(0)?;
    let names = call.texts(1)?;
    let keys = call.optional_texts(2)?;
    parts(&addresses, call.rows, |row| {
        let (Some(address), Some(name)) = (addresses.get(row), names.get(row)) else { return Ok(None) };
        let part = match &keys {
            None => part(address, name, None),
            Some(keys) => keys.get(row).and_then(|key| part(address, name, Some(key))),
        };
        Ok(part.map(|part| place_in(address, part)))
    })
}

fn parse_url_tuple(call: &Call) -> Result<ArrayRef> {
    let addresses = call.texts(0)?;
    let columns = call.texts_from(1)?.into_iter().map(|names| column(&addresses, &names, call.rows));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(fields(columns.len()), columns, None)?))
}

fn column(addresses: &Texts, names: &Texts, rows: usize) -> Result<ArrayRef> {
    parts(addresses, rows, |row| {
        let (Some(address), Some(name)) = (addresses.get(row), names.get(row)) else { return Ok(None) };
        let part = match name.split_once(':') {
            Some((name, key)) => part(address, name, Some(key)),
            None => part(address, name, None),
        };
        Ok(part.map(|part| place_in(address, part)))
    })
}

/// Where a part that was cut out of a text lies in it.
fn place_in(text: &str, part: &str) -> (usize, usize) {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    (start, start + part.len())
}

fn part<'a>(address: &'a str, name: &str, key: Option<&str>) -> Option<&'a str> {
    let address = address.trim();
    let (before, reference) = split_off(address, '#');
    let (protocol, after) = before.split_once(':')?;
    let is_protocol = protocol.starts_with(|c: char| c.is_ascii_alphabetic())
        && protocol.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !is_protocol || before.contains(char::is_whitespace) {
        return None;
    }
    let (authority, file) = match after.strip_prefix("//") {
        Some(after) => {
            let (authority, file) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
            (Some(authority), file)
        }
        None => (None, after),
    };
    let (path, query) = split_off(file, '?');
    let user_info = authority.and_then(|authority| authority.rsplit_once('@'));
    if let Some(key) = key {
        // Only a query has keys.
        return if name == "QUERY" { value_of(query?, key) } else { None };
    }
    match name {
        "HOST" => {
            let host = user_info.map_or(authority?, |(_, host)| host);
            let host = match host.strip_prefix('[') {
                Some(_) => host.find(']').map_or(host, |end| &host[..=end]),
                None => host.split_once(':').map_or(host, |(host, _)| host),
            };
            (!host.is_empty()).then_some(host)
        }
        "PATH" => Some(path),
        "QUERY" => query,
        "REF" => reference,
        "PROTOCOL" => Some(protocol),
        "FILE" => Some(file),
        "AUTHORITY" => authority.filter(|authority| !authority.is_empty()),
        "USERINFO" => user_info.map(|(user_info, _)| user_info),
        _ => None,
    }
}

fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn value_of<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_address() {
        let address = "https://me:pw@Host.org:8080/a%20b/c.html?k1=v1&k2=&k=3#end";
        for (name, expected) in [
            ("HOST", Some("Host.org")),
            ("PATH", Some("/a%20b/c.html")),
            ("QUERY", Some("k1=v1&k2=&k=3")),
            ("REF", Some("end")),
            ("PROTOCOL", Some("https")),
            ("FILE", Some("/a%20b/c.html?k1=v1&k2=&k=3")),
            ("AUTHORITY", Some("me:pw@Host.org:8080")),
            ("USERINFO", Some("me:pw")),
            ("host", None),
        ] {
            assert_eq!(part(address, name, None), expected, "{name}");
        }
        assert_eq!(part(address, "QUERY", Some("k")), Some("3"));
        assert_eq!(part(address, "QUERY", Some("k2")), Some(""));
        assert_eq!(part(address, "QUERY", Some("x")), None);
        assert_eq!(part(address, "HOST", Some("k")), None);
        assert_eq!(part("http://[::1]:80", "HOST", None), Some("[::1]"));
        assert_eq!(part("http://a.org", "PATH", None), Some(""));
    }

    #[test]
    fn what_is_no_address_is_null() {
        for address in ["", "a.org/x", "://x", "http//x", "h ttp://x"] {
            assert_eq!(part(address, "HOST", None), None, "{address}");
        }
    }
}
