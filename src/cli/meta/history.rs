//! `\s`: what was typed.

use async_trait::async_trait;

use super::arguments::expand_home;
use super::{Call, Completes, Group, MetaCommand, only_in_the_shell};
use crate::cli::runner::Ended;
use crate::error::{Error, Result};

/// Shows the history, or saves it.
pub(super) struct ShowHistory;

#[async_trait(?Send)]
impl MetaCommand for ShowHistory {
    fn names(&self) -> &'static [&'static str] {
        &["\\s"]
    }

    fn arguments(&self) -> &'static str {
        "[file]"
    }

    fn help(&self) -> &'static str {
        "show what was typed, or save it"
    }

    fn group(&self) -> Group {
        Group::Files
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let word = call.arguments.optional(&call.runner.session)?;
        let shell = call.meta.shell.as_ref().ok_or_else(|| only_in_the_shell(call.name))?;
        let mut text = shell.history.entries().join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        match word {
            None => call.runner.print(&text),
            Some(word) => {
                std::fs::write(expand_home(&word.text), text).map_err(|error| {
                    let place = call.arguments.span(&word);
                    Error::storage(format!("{} cannot be written: {error}", word.text))
                        .at(call.arguments.source(), place)
                })?;
                Ok(Ended::Done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ShellState;
    use super::super::testing::shell;
    use crate::cli::shell::history::History;

    #[tokio::test]
    async fn the_history_is_shown_and_saved_as_it_was_typed() {
        let mut shell = shell().await;
        let history = History::in_memory();
        history.remember("select 1\nfrom t;");
        history.remember("\\d");
        shell.meta.shell = Some(ShellState { history, edited: None });
        assert_eq!(shell.shows("\\s").await, "select 1\nfrom t;\n\\d\n");
        let path = shell.folder.path().join("h");
        shell.run(&format!("\\s {}", path.display())).await.unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "select 1\nfrom t;\n\\d\n");
    }

    #[tokio::test]
    async fn a_script_has_none() {
        let error = shell().await.run("\\s").await.unwrap_err();
        assert!(error.message().contains("\\s"), "{error}");
    }
}
