//! `\g` and `\gx`: run the statement, with its result at another place or in another shape.

use async_trait::async_trait;

use super::buffer::take_statement;
use super::output::target;
use super::{Call, Completes, Group, MetaCommand, expanded};
use crate::cli::runner::{Ended, Expanded};
use crate::error::Result;

/// Runs it, and sends the result to a file or program if one is named.
pub(super) struct Execute;

#[async_trait(?Send)]
impl MetaCommand for Execute {
    fn names(&self) -> &'static [&'static str] {
        &["\\g"]
    }

    fn arguments(&self) -> &'static str {
        "[file | |program]"
    }

    fn help(&self) -> &'static str {
        "run it, with the result to a file or program"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        execute(call).await
    }
}

/// Runs it with one line a column.
pub(super) struct ExecuteVertically;

#[async_trait(?Send)]
impl MetaCommand for ExecuteVertically {
    fn names(&self) -> &'static [&'static str] {
        &["\\gx", "\\G"]
    }

    fn arguments(&self) -> &'static str {
        "[file | |program]"
    }

    fn help(&self) -> &'static str {
        "the same, one line a column"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let usual = call.runner.options.clone();
        expanded::set(&mut call.runner.options, Expanded::On);
        let Call { name, arguments, runner, meta } = call;
        let ended = execute(Call { name, arguments, runner: &mut *runner, meta }).await;
        runner.options.expanded = usual.expanded;
        runner.options.output.format = usual.output.format;
        ended
    }
}

async fn execute(call: Call<'_>) -> Result<Ended> {
    let redirection = target(&call)?;
    let piece = take_statement(call.runner)?;
    Ok(match redirection {
        None => call.runner.run_statement_piece(&piece, None).await,
        Some((target, format)) => call.runner.run_redirected(&piece, target, format).await,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;

    #[tokio::test]
    async fn the_statement_before_it_is_run() {
        let mut shell = shell().await;
        let shown = shell.shows("select 1 as one\n\\g").await;
        assert_eq!(shown.matches("one").count(), 1, "once, and only here: {shown}");
        assert!(shell.shows("\\g").await.contains("one"), "the last one again");
        assert!(shell.shows("select 7 as seven \\gx").await.contains("seven | 7"));
        assert!(shell.shows("select 8 as eight;").await.contains("│ eight"), "only that once");
    }

    #[tokio::test]
    async fn a_file_takes_the_result_of_this_statement_only() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("out.csv");
        let shown = shell.shows(&format!("select 1 as a, 'x,y' as b \\g '{}'\nselect 2 as c;", path.display())).await;
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a,b\n1,\"x,y\"\n");
        assert!(shown.contains("│ c") && !shown.contains('b'), "{shown}");
    }

    #[tokio::test]
    async fn a_failed_statement_leaves_no_file() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("out.csv");
        let ended = shell.run(&format!("select nothing \\g '{}'", path.display())).await.unwrap();
        assert_eq!(ended, Ended::Failed(1));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_program_reads_the_result() {
        let mut shell = shell().await;
        let path = shell.folder.path().join("sorted");
        shell.run("\\pset format csv").await.unwrap();
        shell
            .run(&format!("select * from (values (1), (3), (2)) t(a) \\g | sort -r > '{}'", path.display()))
            .await
            .unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a\n3\n2\n1\n");
    }
}
