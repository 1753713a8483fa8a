//! `\watch`: the same statement again and again.

use std::time::Duration;

use async_trait::async_trait;

use super::buffer::take_statement;
use super::{Call, Group, MetaCommand};
use crate::cli::runner::Ended;
use crate::cli::signals::Interrupt;
use crate::error::Result;

const INTERVAL: Duration = Duration::from_secs(2);

/// Runs it again and again until Ctrl-C.
pub(super) struct Watch;

#[async_trait(?Send)]
impl MetaCommand for Watch {
    fn names(&self) -> &'static [&'static str] {
        &["\\watch"]
    }

    fn arguments(&self) -> &'static str {
        "[seconds] [c=times]"
    }

    fn help(&self) -> &'static str {
        "run it every 2 seconds, or so many, until Ctrl-C"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let (mut interval, mut times) = (INTERVAL, u64::MAX);
        for word in call.arguments.words(2, &call.runner.session)? {
            let (name, value) = word.text.split_once('=').unwrap_or(("i", &word.text));
            match (name, value.parse::<f64>().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds))) {
                ("i" | "interval", Some(seconds)) => interval = Duration::from_secs_f64(seconds),
                ("c" | "count", Some(_)) if value.parse::<u64>().is_ok_and(|times| times > 0) => {
                    times = value.parse().unwrap_or(times);
                }
                _ => {
                    return Err(call
                        .arguments
                        .error(&word, "this is neither a number of seconds nor of times")
                        .help("\\watch 5 is every 5 seconds, \\watch 5 c=3 that three times"));
                }
            }
        }
        let piece = take_statement(call.runner)?;
        // Each result is of its moment: a pager would stop the clock.
        let pager = std::mem::replace(&mut call.runner.options.pager, false);
        let mut ended = Ended::Done;
        for run in 1..=times {
            let now = chrono::Local::now().format("%Y-%m-%d %H:%M:%S");
            call.runner.say(&format!("{now}, every {}", humantime::format_duration(interval)));
            ended = call.runner.run_statement_piece(&piece, None).await;
            if ended != Ended::Done || run == times {
                break;
            }
            tokio::select! {
                interrupt = call.runner.signals.wait() => {
                    ended = Ended::Stopped(interrupt);
                    break;
                }
                () = tokio::time::sleep(interval) => {}
            }
        }
        call.runner.options.pager = pager;
        // Ctrl-C is how it is meant to end.
        if ended == Ended::Stopped(Interrupt::Interrupted) {
            call.runner.signals.clear();
            ended = Ended::Done;
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;

    #[tokio::test]
    async fn the_statement_runs_so_many_times() {
        let mut shell = shell().await;
        let shown = shell.shows("select 1 as one \\watch 0 c=3").await;
        assert_eq!(shown.matches("one").count(), 3, "{shown}");
    }

    #[tokio::test]
    async fn a_failure_ends_it() {
        let mut shell = shell().await;
        assert_eq!(shell.run("select nothing \\watch 0").await.unwrap(), Ended::Failed(1));
    }

    #[tokio::test]
    async fn nonsense_is_refused() {
        let mut shell = shell().await;
        for arguments in ["often", "-1", "c=0", "1e99", "nan"] {
            assert!(shell.run(&format!("select 1 \\watch {arguments}")).await.is_err(), "{arguments}");
        }
    }
}
