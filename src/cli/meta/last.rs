//! `\last`: what is known of the statement that was run last.

use async_trait::async_trait;

use super::{Call, Group, MetaCommand, batch};
use crate::cli::runner::{Ended, LastRun, in_words};
use crate::error::{Error, Result};

/// Shows its time, rows, bytes, memory and notes.
pub(super) struct Last;

#[async_trait(?Send)]
impl MetaCommand for Last {
    fn names(&self) -> &'static [&'static str] {
        &["\\last"]
    }

    fn help(&self) -> &'static str {
        "show the last one's time, rows, bytes read, memory and notes"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        call.arguments.none()?;
        let last = call.runner.last.as_ref().ok_or_else(|| Error::usage("there is no statement yet"))?;
        let (names, values) =
            facts(last).into_iter().map(|(name, value)| (Some(name.to_string()), Some(value))).unzip();
        let rows = batch(vec![("fact", names), ("value", values)])?;
        call.runner.show_batch(rows).await
    }
}

fn facts(last: &LastRun) -> Vec<(&'static str, String)> {
    let stats = &last.stats;
    let mut facts = vec![
        ("statement", last.piece.text().split_whitespace().collect::<Vec<_>>().join(" ")),
        ("kind", stats.kind.clone()),
        ("rows", stats.rows.to_string()),
        ("time", in_words(stats.elapsed_ms)),
        ("planning", in_words(stats.planning_ms)),
        ("files read", stats.files_scanned.to_string()),
        ("bytes read", bytes(stats.bytes_scanned)),
        ("peak memory", bytes(stats.peak_memory_bytes)),
    ];
    facts.extend(last.notes.iter().map(|note| ("note", note.clone())));
    facts.extend(last.dropped.iter().map(|join| ("join dropped", join.clone())));
    facts.extend(stats.error.iter().map(|error| ("error", error.clone())));
    facts
}

/// `12.3 MB`, in powers of ten.
pub(super) fn bytes(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().si().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;
    use super::*;

    #[tokio::test]
    async fn the_facts_are_those_of_the_last_statement() {
        let mut shell = tpch().await;
        assert!(shell.run("\\last").await.is_err());
        shell.run("select *\nfrom nation;").await.unwrap();
        shell.shown();
        let shown = shell.shows("\\last").await;
        assert!(shown.contains("select * from nation"), "{shown}");
        let row = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap().to_string();
        assert!(row("│ rows").contains(" 25 "), "{shown}");
        assert!(row("files read").contains(" 1 "), "{shown}");
        shell.run("select nothing;").await.unwrap();
        shell.shown();
        assert!(shell.shows("\\last").await.contains("error"));
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(12_345_678), "12.3 MB");
    }
}
