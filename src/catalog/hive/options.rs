//! Where a metastore is, and how long it may take.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};

/// The port that Hive's metastore listens on unless it is told otherwise.
const DEFAULT_PORT: u16 = 9083;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Enough for a table with many thousands of partitions, of which it sends some hundreds at a time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What is set under `[catalog.hive]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiveOptions {
    /// Metastores over one database: the first that can be reached is asked.
    pub addresses: Vec<Address>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether names without a catalog mean this one.
    pub is_default: bool,
}

/// A metastore's host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thrift://{}:{}", self.host, self.port)
    }
}

impl HiveOptions {
    /// The metastore at `uri`, `thrift://host:port`; several with commas between them, as in `hive.metastore.uris`.
    ///
    /// # Errors
    ///
    /// Usage, if it is no such text.
    pub fn new(uri: &str) -> Result<Self> {
        let addresses = uri.split(',').map(|uri| address(uri.trim())).collect::<Result<_>>()?;
        Ok(HiveOptions {
            addresses,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            timeout: DEFAULT_TIMEOUT,
            is_default: false,
        })
    }

    /// The addresses as they are set.
    pub fn uri(&self) -> String {
        self.addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(",")
    }
}

fn address(uri: &str) -> Result<Address> {
    let wrong = || {
        Error::usage(format!("\"{uri}\" is not the address of a Hive Metastore"))
            .help("write thrift://host:port, such as thrift://localhost:9083")
    };
    let (scheme, rest) = uri.split_once("://").ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("thrift") {
        return Err(wrong());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // An IPv6 address stands in brackets: thrift://[::1]:9083.
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(wrong());
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port.parse().map_err(|_| wrong())?,
    };
    Ok(Address { host: host.to_string(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_perhaps_a_port() {
        let of = |uri| HiveOptions::new(uri).unwrap().addresses;
        let address = |host: &str, port| Address { host: host.into(), port };
        assert_eq!(of("thrift://meta.example:1234"), [address("meta.example", 1234)]);
        assert_eq!(of("thrift://meta"), [address("meta", 9083)]);
        assert_eq!(of("Thrift://[::1]:9083/"), [address("::1", 9083)]);
        assert_eq!(of("thrift://a:1, thrift://b:2"), [address("a", 1), address("b", 2)]);
        for wrong in
            ["", "meta:9083", "http://meta:9083", "thrift://", "thrift://a:x", "thrift://a:1/b", "thrift://a:1,"]
        {
            let error = HiveOptions::new(wrong).unwrap_err();
            assert!(error.help_lines()[0].contains("thrift://host:port"), "{wrong}");
        }
    }
}
