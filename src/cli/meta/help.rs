//! `\?`: the commands, from their own words.

use async_trait::async_trait;

use super::{COMMANDS, Call, Completes, Group, MetaCommand, find, unknown};
use crate::cli::output::display;
use crate::cli::runner::Ended;
use crate::error::Result;

/// Lists all commands, or tells about one.
pub(super) struct Help;

#[async_trait(?Send)]
impl MetaCommand for Help {
    fn names(&self) -> &'static [&'static str] {
        &["\\?", "\\h", "help", ".help", "!help"]
    }

    fn arguments(&self) -> &'static str {
        "[command]"
    }

    fn help(&self) -> &'static str {
        "list the commands, or tell about one"
    }

    fn group(&self) -> Group {
        Group::General
    }

    fn completes(&self) -> Completes {
        Completes::Commands
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let text = match call.arguments.optional(&call.runner.session)? {
            None => overview(),
            Some(word) => {
                let bare = format!("\\{}", word.text);
                let found = find(&word.text).or_else(|| find(&bare));
                let (command, _) = found.ok_or_else(|| {
                    let span = call.arguments.span(&word);
                    unknown(if word.text.starts_with(['\\', '.', '!']) { &word.text } else { &bare })
                        .at(call.arguments.source(), span)
                })?;
                about(command)
            }
        };
        call.runner.print(&text)
    }
}

fn overview() -> String {
    let mut text =
        String::from("SQL statements end with ; and may go over several lines. Tab completes, Ctrl-R searches.\n");
    for group in Group::ALL {
        text.push_str(&format!("\n{}\n", group.title()));
        for command in COMMANDS.iter().filter(|command| command.group() == group) {
            let usage = usage(*command);
            let gap = " ".repeat(24_usize.saturating_sub(display::width(&usage)).max(2));
            text.push_str(&format!("  {usage}{gap}{}\n", command.help()));
        }
    }
    text
}

fn about(command: &dyn MetaCommand) -> String {
    let mut text = format!("{}\n  {}\n", usage(command), command.help());
    if let [_, others @ ..] = command.names()
        && !others.is_empty()
    {
        text.push_str(&format!("  also: {}\n", others.join(", ")));
    }
    text
}

fn usage(command: &dyn MetaCommand) -> String {
    format!("{} {}", command.names().first().copied().unwrap_or_default(), command.arguments()).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;

    #[test]
    fn every_command_is_in_the_overview() {
        let text = overview();
        for command in COMMANDS {
            assert!(text.contains(&format!("  {}", usage(*command))), "{}", usage(*command));
        }
    }

    #[tokio::test]
    async fn one_command_is_explained_with_its_other_names() {
        let mut shell = shell().await;
        let text = shell.shows("\\? \\i").await;
        assert!(text.contains("\\i file") && text.contains("source"), "{text}");
        assert_eq!(shell.shows("\\? i").await, text, "the backslash may be left out");
        assert!(shell.shows("help").await.contains("\\timing"));
        let error = shell.run("\\? tming").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \\timing?"]);
    }
}
