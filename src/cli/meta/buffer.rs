//! `\p` and `\r`: the statement that is being typed, or the last one.

use async_trait::async_trait;

use super::{Call, Group, MetaCommand};
use crate::cli::runner::{Ended, Runner};
use crate::error::{Error, Result};
use crate::sql::splitter::Piece;

/// Shows it.
pub(super) struct Print;

#[async_trait(?Send)]
impl MetaCommand for Print {
    fn names(&self) -> &'static [&'static str] {
        &["\\p", "\\print"]
    }

    fn help(&self) -> &'static str {
        "show it"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        call.arguments.none()?;
        let text = format!("{}\n", statement(call.runner)?.text());
        call.runner.print(&text)
    }
}

/// Forgets what was typed so far.
pub(super) struct Reset;

#[async_trait(?Send)]
impl MetaCommand for Reset {
    fn names(&self) -> &'static [&'static str] {
        &["\\r", "\\reset"]
    }

    fn help(&self) -> &'static str {
        "forget what was typed of it so far"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        call.arguments.none()?;
        call.runner.pending = None;
        call.runner.say("The statement is cleared.");
        Ok(Ended::Done)
    }
}

/// The statement that waits for a command, else the last one.
pub(super) fn statement(runner: &Runner) -> Result<Piece> {
    let last = || runner.last.as_ref().map(|last| last.piece.clone());
    runner.pending.clone().or_else(last).ok_or_else(|| Error::usage("there is no statement yet"))
}

/// The same, and it waits no longer.
pub(super) fn take_statement(runner: &mut Runner) -> Result<Piece> {
    let piece = statement(runner)?;
    runner.pending = None;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn what_is_being_typed_goes_before_the_last_one() {
        let mut shell = shell().await;
        assert!(shell.run("\\p").await.unwrap_err().message().contains("no statement yet"));
        shell.run("select 1 as one;").await.unwrap();
        assert_eq!(shell.shows("\\p").await, "select 1 as one\n");
        assert_eq!(shell.shows("select 2 \\p").await, "select 2\n");
        shell.run("\\r").await.unwrap();
        assert_eq!(shell.shows("\\p").await, "select 1 as one\n");
    }
}
