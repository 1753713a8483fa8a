//! `\o`: results to a file or a program.

use async_trait::async_trait;

use super::arguments::expand_home;
use super::{Call, Completes, Group, MetaCommand};
use crate::cli::output::Format;
use crate::cli::output::file::OutputFile;
use crate::cli::runner::Ended;
use crate::cli::target::{Target, format_of_file};
use crate::error::Result;

/// Sends all results from now on to a file or program, or back to the screen.
pub(super) struct Output;

#[async_trait(?Send)]
impl MetaCommand for Output {
    fn names(&self) -> &'static [&'static str] {
        &["\\o", "\\out", ".output"]
    }

    fn arguments(&self) -> &'static str {
        "[file | |program]"
    }

    fn help(&self) -> &'static str {
        "send results to a file or program from now on, or back here"
    }

    fn group(&self) -> Group {
        Group::Files
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let (target, format) = target(&call)?.unwrap_or((Target::Stdout, None));
        call.runner.redirect(target, format)?;
        Ok(Ended::Done)
    }
}

/// The file or program that is named, and the format that a file's name asks for.
pub(super) fn target(call: &Call<'_>) -> Result<Option<(Target, Option<Format>)>> {
    if let Some(program) = call.arguments.program() {
        return if program.is_empty() {
            Err(call.arguments.missing("program"))
        } else {
            Ok(Some((Target::program(program)?, None)))
        };
    }
    let Some(word) = call.arguments.optional(&call.runner.session)? else { return Ok(None) };
    let path = expand_home(&word.text);
    let file =
        OutputFile::create(&path).map_err(|error| error.at(call.arguments.source(), call.arguments.span(&word)))?;
    Ok(Some((Target::File(file), format_of_file(&path))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn results_go_to_the_file_until_they_come_back() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("two results");
        shell.run(&format!("\\o '{}'\nselect 1 as a;\nselect 2 as b;", path.display())).await.unwrap();
        assert!(!path.exists(), "it appears as a whole");
        shell.shown();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("│ a") && text.contains("│ b"), "{text}");
    }

    #[tokio::test]
    async fn the_name_tells_the_format_unless_one_was_chosen() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("rows.json");
        shell.run(&format!("\\o {}\nselect 1 as a;", path.display())).await.unwrap();
        shell.shown();
        assert_eq!(std::fs::read_to_string(&path).unwrap().replace(char::is_whitespace, ""), "[{\"a\":1}]");
        shell.run(&format!("\\pset format csv\n\\o {}\nselect 1 as a;", path.display())).await.unwrap();
        shell.shown();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n1\n");
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let error = shell().await.run("\\o /no/such/folder/x").await.unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 4);
        assert!(shell().await.run("\\o |").await.is_err());
    }
}
