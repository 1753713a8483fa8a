//! `\q`: leave.

use async_trait::async_trait;

use super::arguments::Arguments;
use super::{Call, Group, InScript, MetaCommand};
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::session::Session;

/// Leaves the shell; in a script, the script.
pub(super) struct Quit;

#[async_trait(?Send)]
impl MetaCommand for Quit {
    fn names(&self) -> &'static [&'static str] {
        &["\\q", "quit", "exit", ".quit", ".exit", "!quit", "!q"]
    }

    fn help(&self) -> &'static str {
        "leave the shell, or the script that it stands in"
    }

    fn group(&self) -> Group {
        Group::General
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        call.arguments.none()?;
        Ok(Ended::Quit)
    }

    fn read(&self, arguments: &Arguments, _: &Session) -> Result<InScript> {
        arguments.none()?;
        Ok(InScript::Quits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;
    use crate::sql::source::Source;

    #[tokio::test]
    async fn the_rest_of_a_script_is_not_run() {
        let mut shell = shell().await;
        for quit in ["\\q", "quit;", "EXIT;", ".exit\n;", "!quit;", "quit; select 3 as b;", "exit ;"] {
            let source = Source::new("t", format!("select 1 as a;\n{quit}\nselect 2 as b;"));
            let ended = shell.runner.run_script(&source, None, &mut shell.meta).await;
            assert_eq!(ended, Ended::Done, "{quit} is no failure");
            let shown = shell.shown();
            assert!(shown.contains('a') && !shown.contains('b'), "{quit}: {shown}");
        }
    }
}
