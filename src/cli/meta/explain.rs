//! `\explain`: the plan of the statement.

use async_trait::async_trait;

use super::buffer::take_statement;
use super::{Call, Completes, Group, MetaCommand};
use crate::cli::runner::Ended;
use crate::error::{Error, Result};
use crate::sql::source::Source;

/// Runs EXPLAIN on it.
pub(super) struct Explain;

#[async_trait(?Send)]
impl MetaCommand for Explain {
    fn names(&self) -> &'static [&'static str] {
        &["\\explain"]
    }

    fn arguments(&self) -> &'static str {
        "[analyze] [verbose] [format name]"
    }

    fn help(&self) -> &'static str {
        "show its plan, as EXPLAIN does"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    fn completes(&self) -> Completes {
        Completes::Words(&["analyze", "verbose", "format"])
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let words = call.arguments.words(usize::MAX, &call.runner.session)?;
        let last = call.runner.last.clone();
        let piece = take_statement(call.runner)?;
        let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        let text = format!("EXPLAIN {} {}", words.join(" "), piece.text());
        let source = Source::new(piece.source().name(), text.replacen("  ", " ", 1));
        let pieces = call.runner.session.split(&source);
        let [explain] = pieces.as_slice() else {
            return Err(Error::statement("the statement cannot be explained"));
        };
        let ended = call.runner.run_statement_piece(explain, None).await;
        // What \g runs again is the statement.
        match (last, &mut call.runner.last) {
            (Some(last), now) => *now = Some(last),
            (None, Some(now)) => now.piece = piece,
            (None, None) => {}
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;
    use super::*;

    #[tokio::test]
    async fn the_plan_of_the_last_statement_is_shown_and_it_stays_the_last() {
        let mut shell = tpch().await;
        shell.run("select count(*) from nation where n_regionkey = 1;").await.unwrap();
        shell.shown();
        let plan = shell.shows("\\explain").await;
        assert!(plan.contains("nation") && plan.contains("n_regionkey"), "{plan}");
        assert!(shell.shows("\\p").await.starts_with("select count(*)"));
        let analyzed = shell.shows("select * from region \\explain analyze").await;
        assert!(analyzed.contains("output_rows"), "{analyzed}");
    }

    #[tokio::test]
    async fn what_has_no_plan_is_an_error_of_the_statement() {
        let mut shell = tpch().await;
        assert_eq!(shell.run("show tables \\explain").await.unwrap(), Ended::Failed(1));
    }
}
