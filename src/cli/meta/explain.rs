//! `\explain`: what a statement needs and what it costs.

use std::sync::Arc;

use async_trait::async_trait;

use super::buffer::take_statement;
use super::{Call, Completes, Group, MetaCommand};
use crate::cli::runner::{Ended, LastRun, Runner};
use crate::error::{Error, Result};
use crate::sql::source::Source;
use crate::sql::splitter::{Piece, split_from};
use crate::sql::statement::TuneForm;

/// Runs EXPLAIN TUNE, or with a word EXPLAIN RULES or DataFusion's EXPLAIN.
pub(super) struct Explain;

/// Which explanation is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Tune(TuneForm),
    /// The options of a plain EXPLAIN.
    Plan(String),
}

#[async_trait(?Send)]
impl MetaCommand for Explain {
    fn names(&self) -> &'static [&'static str] {
        &["\\explain"]
    }

    fn arguments(&self) -> &'static str {
        "[analyze] [json] | rules | plan [options] [query]"
    }

    fn help(&self) -> &'static str {
        "say which joins it needs and what it costs, as EXPLAIN TUNE does"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    fn completes(&self) -> Completes {
        Completes::Words(&["analyze", "json", "rules", "plan"])
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let (wanted, query) = read(call.arguments.raw());
        let last = call.runner.last.clone();
        let piece = match query {
            "" => take_statement(call.runner)?,
            query => {
                let source = call.arguments.source();
                let start = query.as_ptr() as usize - source.text().as_ptr() as usize;
                piece_of(source, start..start + query.len(), call.runner)?
            }
        };
        let ended = match wanted {
            Wanted::Tune(form) => call.runner.tune_statement_piece(&piece, form).await,
            Wanted::Plan(options) => explain_plan(&options, &piece, call.runner).await?,
        };
        keep_last(last, piece, call.runner);
        Ok(ended)
    }
}

/// The words in front, and the query behind them.
fn read(text: &str) -> (Wanted, &str) {
    let (mut analyze, mut json) = (false, false);
    let mut rest = text.trim();
    loop {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match word.to_ascii_lowercase().as_str() {
            "tune" => {}
            "analyze" => analyze = true,
            "json" => json = true,
            "format" => {
                let (name, further) =
                    behind.trim_start().split_once(char::is_whitespace).unwrap_or((behind.trim(), ""));
                json = name.eq_ignore_ascii_case("json");
                rest = further.trim_start();
                continue;
            }
            "rules" => return (Wanted::Tune(TuneForm::Rules), behind.trim_start()),
            "plan" => {
                let (options, query) = options_of_plan(behind.trim_start());
                return (Wanted::Plan(options), query);
            }
            _ => return (Wanted::Tune(TuneForm::Report { analyze, json }), rest),
        }
        rest = behind.trim_start();
    }
}

/// `analyze verbose format tree select …`: the options, and the query.
fn options_of_plan(text: &str) -> (String, &str) {
    let mut rest = text;
    loop {
        let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = match word.to_ascii_lowercase().as_str() {
            "analyze" | "verbose" => behind.trim_start(),
            "format" => {
                behind.trim_start().split_once(char::is_whitespace).map_or("", |(_, further)| further.trim_start())
            }
            _ => break,
        };
    }
    (text.strip_suffix(rest).unwrap_or(text).trim_end().to_string(), rest)
}

/// The query on the command's line, with its places.
fn piece_of(source: &Arc<Source>, place: std::ops::Range<usize>, runner: &Runner) -> Result<Piece> {
    // What follows on the next line is no part of it.
    let text = source.text().get(..place.end).unwrap_or_default();
    let source = Source::new(source.name(), text);
    let pieces = split_from(&source, runner.session.dialect(), place.start);
    match pieces.as_slice() {
        [piece] => Ok(piece.clone()),
        _ => Err(Error::statement("only one statement can be explained")),
    }
}

async fn explain_plan(options: &str, piece: &Piece, runner: &mut Runner) -> Result<Ended> {
    let space = if options.is_empty() { "" } else { " " };
    let source = Source::new(piece.source().name(), format!("EXPLAIN {options}{space}{}", piece.text()));
    let pieces = runner.session.split(&source);
    let [explain] = pieces.as_slice() else {
        return Err(Error::statement("the statement cannot be explained"));
    };
    Ok(runner.run_statement_piece(explain, None).await)
}

/// What \g runs again is the statement, not its explanation.
fn keep_last(last: Option<LastRun>, piece: Piece, runner: &mut Runner) {
    match (last, &mut runner.last) {
        (Some(last), now) => *now = Some(last),
        (None, Some(now)) => now.piece = piece,
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;
    use super::*;

    #[test]
    fn words_stand_in_front_of_the_query() {
        let tune = |analyze, json| Wanted::Tune(TuneForm::Report { analyze, json });
        assert_eq!(read(""), (tune(false, false), ""));
        assert_eq!(read("Analyze select 1"), (tune(true, false), "select 1"));
        assert_eq!(read("analyze format json"), (tune(true, true), ""));
        assert_eq!(
            read("json with x as (select 1) select * from x"),
            (tune(false, true), "with x as (select 1) select * from x")
        );
        assert_eq!(read("rules select 1"), (Wanted::Tune(TuneForm::Rules), "select 1"));
        assert_eq!(read("plan"), (Wanted::Plan(String::new()), ""));
        assert_eq!(
            read("plan analyze format tree select 1"),
            (Wanted::Plan("analyze format tree".to_string()), "select 1")
        );
    }

    #[tokio::test]
    async fn the_last_statement_is_explained_and_stays_the_last() {
        let mut shell = tpch().await;
        shell.run("select count(*) from nation join region on n_regionkey = r_regionkey;").await.unwrap();
        shell.shown();
        let report = shell.shows("\\explain").await;
        assert!(report.contains("TableScan") && report.contains("inner region"), "{report}");
        assert!(shell.shows("\\p").await.starts_with("select count(*)"));
        let analyzed = shell.shows("select * from region \\explain analyze").await;
        assert!(analyzed.contains("est. rows"), "{analyzed}");
        let rules = shell.shows("\\explain rules").await;
        assert!(rules.contains("-- the optimized plan"), "{rules}");
    }

    #[tokio::test]
    async fn a_query_behind_it_is_explained_at_its_place() {
        let mut shell = tpch().await;
        let report = shell.shows("\n\\explain select 1 from nation cross join region").await;
        assert!(report.contains("2:42  cross region"), "{report}");
    }

    #[tokio::test]
    async fn the_plan_of_datafusion_is_there_too() {
        let mut shell = tpch().await;
        shell.run("select count(*) from nation where n_regionkey = 1;").await.unwrap();
        shell.shown();
        let plan = shell.shows("\\explain plan").await;
        assert!(plan.contains("nation") && plan.contains("n_regionkey"), "{plan}");
        let analyzed = shell.shows("select * from region \\explain plan analyze").await;
        assert!(analyzed.contains("output_rows"), "{analyzed}");
    }

    #[tokio::test]
    async fn what_has_no_query_is_an_error_of_the_statement() {
        let mut shell = tpch().await;
        assert_eq!(shell.run("show tables \\explain").await.unwrap(), Ended::Failed(1));
    }
}
