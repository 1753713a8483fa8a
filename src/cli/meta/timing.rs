//! `\timing`: how long each statement took.

use async_trait::async_trait;

use super::{Call, Completes, Group, MetaCommand};
use crate::cli::runner::Ended;
use crate::error::Result;

/// Shows the time of each statement, or stops doing so.
pub(super) struct Timing;

#[async_trait(?Send)]
impl MetaCommand for Timing {
    fn names(&self) -> &'static [&'static str] {
        &["\\timing", ".timer"]
    }

    fn arguments(&self) -> &'static str {
        "[on|off]"
    }

    fn help(&self) -> &'static str {
        "show how long each statement took"
    }

    fn group(&self) -> Group {
        Group::Display
    }

    fn completes(&self) -> Completes {
        Completes::Words(&["on", "off"])
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let word = call.arguments.optional(&call.runner.session)?;
        call.runner.options.timing = call.arguments.switch(word.as_ref(), call.runner.options.timing)?;
        call.runner.say(if call.runner.options.timing { "Timing is on." } else { "Timing is off." });
        Ok(Ended::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn it_is_switched_by_word_or_turned_over() {
        let mut shell = shell().await;
        for (command, expected) in
            [("\\timing", true), ("\\timing", false), (".timer on", true), ("\\timing OFF", false)]
        {
            shell.run(command).await.unwrap();
            assert_eq!(shell.runner.options.timing, expected, "after {command}");
        }
        let error = shell.run("\\timing maybe").await.unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 9);
    }
}
