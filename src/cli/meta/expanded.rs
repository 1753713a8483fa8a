//! `\x`: one line a column.

use async_trait::async_trait;

use super::{Call, Completes, Group, MetaCommand};
use crate::cli::runner::{Ended, Expanded, RunOptions};
use crate::error::Result;

/// Shows rows one line a column in place of a table.
pub(super) struct Vertical;

#[async_trait(?Send)]
impl MetaCommand for Vertical {
    fn names(&self) -> &'static [&'static str] {
        &["\\x"]
    }

    fn arguments(&self) -> &'static str {
        "[on|off|auto]"
    }

    fn help(&self) -> &'static str {
        "show rows one line a column; auto: where a table would be too wide"
    }

    fn group(&self) -> Group {
        Group::Display
    }

    fn completes(&self) -> Completes {
        Completes::Words(&["on", "off", "auto"])
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let word = call.arguments.optional(&call.runner.session)?;
        let expanded = match &word {
            Some(word) if word.text.eq_ignore_ascii_case("auto") => Expanded::Auto,
            word => {
                let is_on = call.runner.options.expanded == Expanded::On;
                if call.arguments.switch(word.as_ref(), is_on)? { Expanded::On } else { Expanded::Off }
            }
        };
        set(&mut call.runner.options, expanded);
        call.runner.say(match expanded {
            Expanded::On => "Rows are shown one line a column.",
            Expanded::Off => "Rows are shown as a table.",
            Expanded::Auto => "Rows are shown as a table where it fits.",
        });
        Ok(Ended::Done)
    }
}

/// `\x` is about tables: who asks for it wants to see one or the other.
pub(super) fn set(options: &mut RunOptions, expanded: Expanded) {
    use crate::cli::output::Format;
    options.expanded = expanded;
    if expanded != Expanded::Off || options.output.format == Format::Vertical {
        options.output.format = Format::Table;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn rows_stand_upright_while_it_is_on() {
        let mut shell = shell().await;
        assert!(shell.shows("\\x\nselect 1 as a;").await.contains("-[ RECORD 1 ]"));
        assert!(shell.shows("\\x off\nselect 1 as a;").await.contains('│'));
    }

    #[tokio::test]
    async fn auto_decides_by_the_width() {
        let mut shell = shell().await;
        shell.runner.options.output.width = Some(30);
        let wide = shell.shows("\\x auto\nselect 'aaaaaaaaaaaaaaaaaaaa' as a, 'bbbbbbbbbbbbbbbbbbb' as b;").await;
        assert!(wide.contains("-[ RECORD 1 ]"), "{wide}");
        assert!(shell.shows("select 1 as a;").await.contains('│'));
    }

    #[tokio::test]
    async fn another_word_is_refused() {
        let error = shell().await.run("\\x sometimes").await.unwrap_err();
        assert!(error.message().contains("sometimes"), "{error}");
    }
}
