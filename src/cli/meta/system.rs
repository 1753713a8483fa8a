//! `\!`: the system's shell.

use std::process::Command;

use async_trait::async_trait;

use super::{Call, Group, MetaCommand};
use crate::cli::runner::{Ended, Runner};
use crate::error::{Error, Result};

/// Runs a command of the system.
pub(super) struct System;

#[async_trait(?Send)]
impl MetaCommand for System {
    fn names(&self) -> &'static [&'static str] {
        &["\\!", ".shell", ".system", "!sh"]
    }

    fn arguments(&self) -> &'static str {
        "[command]"
    }

    fn help(&self) -> &'static str {
        "run a command of the system, or open a shell"
    }

    fn group(&self) -> Group {
        Group::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let mut command = match call.arguments.raw() {
            "" => Command::new(std::env::var_os("SHELL").unwrap_or_else(|| "sh".into())),
            text => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(text);
                command
            }
        };
        let status = run_on_terminal(call.runner, &mut command)?;
        match status.code() {
            Some(0) => Ok(Ended::Done),
            Some(code) => Err(Error::statement(format!("the command ended with exit code {code}"))),
            None => Err(Error::statement("the command was ended by a signal")),
        }
    }
}

/// Runs a program that has the terminal until it ends.
pub(super) fn run_on_terminal(runner: &Runner, command: &mut Command) -> Result<std::process::ExitStatus> {
    let lent = runner.signals.lend_terminal();
    let status = command
        .status()
        .map_err(|error| Error::usage(format!("{} cannot be started: {error}", command.get_program().display())));
    // A Ctrl-C in it was not meant for us.
    runner.signals.clear();
    drop(lent);
    status
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn the_command_is_run_as_written() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("it's here");
        shell.run(&format!("\\! echo 'a;  b' > \"{}\"", path.display())).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a;  b\n");
    }

    #[tokio::test]
    async fn a_failure_is_told() {
        let error = shell().await.run("\\!exit 3").await.unwrap_err();
        assert!(error.message().contains("exit code 3"), "{error}");
    }
}
