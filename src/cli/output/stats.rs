//! `--stats`: one line of JSON a statement, for whoever watches jobs.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::sink::write_error;
use crate::error::Result;

/// What one statement did. The keys of the line are these fields, in this order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatementStats {
    /// Its number within the run, from 1.
    pub statement: u64,
    /// The file it is in, as the user wrote it; `null` for `-e` and the shell.
    pub file: Option<String>,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// `select`, `insert`, `create_table`, …
    pub kind: String,
    /// From reading the statement to its last row.
    #[serde(serialize_with = "milliseconds")]
    pub elapsed_ms: Duration,
    /// The part of it before the first operator ran.
    #[serde(serialize_with = "milliseconds")]
    pub planning_ms: Duration,
    /// Rows that came out, or that were written.
    pub rows: u64,
    pub bytes_scanned: u64,
    pub files_scanned: u64,
    pub peak_memory_bytes: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl StatementStats {
    /// Writes the line to `out`, which is standard error. A reader that has gone away is no failure.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        let mut line = serde_json::to_vec(self).map_err(write_error)?;
        line.push(b'\n');
        match out.write_all(&line).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(write_error(error)),
            _ => Ok(()),
        }
    }
}

/// To the microsecond: finer is noise.
fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stats: &StatementStats) -> String {
        let mut out = Vec::new();
        stats.write(&mut out).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_line_is_the_documented_one() {
        let stats = StatementStats {
            statement: 1,
            file: Some("q05.sql".to_string()),
            line: 3,
            kind: "select".to_string(),
            elapsed_ms: Duration::from_micros(41_300),
            planning_ms: Duration::from_nanos(3_100_400),
            rows: 5,
            bytes_scanned: 10_485_760,
            files_scanned: 4,
            peak_memory_bytes: 73_400_320,
            error: None,
        };
        assert_eq!(
            line(&stats),
            "{\"statement\":1,\"file\":\"q05.sql\",\"line\":3,\"kind\":\"select\",\"elapsed_ms\":41.3,\"planning_ms\":3.1,\
             \"rows\":5,\"bytes_scanned\":10485760,\"files_scanned\":4,\"peak_memory_bytes\":73400320,\"error\":null}\n"
        );
    }

    #[test]
    fn an_error_stays_on_the_line() {
        let stats = StatementStats { error: Some("no table \"a\"\nnear b".to_string()), ..Default::default() };
        assert_eq!(line(&stats).matches('\n').count(), 1);
        assert!(line(&stats).ends_with("\"error\":\"no table \\\"a\\\"\\nnear b\"}\n"));
    }
}
