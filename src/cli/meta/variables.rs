//! `\set` and `\unset`: variables.

use async_trait::async_trait;

use super::arguments::{Argument, Arguments};
use super::{Call, Completes, Group, InScript, MetaCommand, batch};
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::names::nearest;
use crate::session::Session;

/// Defines a variable, or lists them.
pub(super) struct Set;

#[async_trait(?Send)]
impl MetaCommand for Set {
    fn names(&self) -> &'static [&'static str] {
        &["\\set"]
    }

    fn arguments(&self) -> &'static str {
        "[name value]"
    }

    fn help(&self) -> &'static str {
        "define a variable, or list them"
    }

    fn group(&self) -> Group {
        Group::Variables
    }

    fn completes(&self) -> Completes {
        Completes::Variables
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        // As in psql, the words of a value are joined.
        let words = call.arguments.words(usize::MAX, session)?;
        match words.split_first() {
            None => {
                let (names, values): (Vec<_>, Vec<_>) = session.variables().into_iter().unzip();
                let rows = batch(vec![("name", some(names)), ("value", some(values))])?;
                call.runner.show_batch(rows).await
            }
            Some((name, values)) => {
                define(session, name, values);
                Ok(Ended::Done)
            }
        }
    }

    /// Statements behind it may use the variable.
    fn read(&self, arguments: &Arguments, session: &Session) -> Result<InScript> {
        if let Some((name, values)) = arguments.words(usize::MAX, session)?.split_first() {
            define(session, name, values);
        }
        Ok(InScript::Nothing)
    }
}

fn define(session: &Session, name: &Argument, values: &[Argument]) {
    let value: String = values.iter().map(|word| word.text.as_str()).collect();
    session.set_variable(&name.text, &value);
}

/// Removes a variable.
pub(super) struct Unset;

#[async_trait(?Send)]
impl MetaCommand for Unset {
    fn names(&self) -> &'static [&'static str] {
        &["\\unset"]
    }

    fn arguments(&self) -> &'static str {
        "name"
    }

    fn help(&self) -> &'static str {
        "remove a variable"
    }

    fn group(&self) -> Group {
        Group::Variables
    }

    fn completes(&self) -> Completes {
        Completes::Variables
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        let word = call.arguments.one("name", session)?;
        if session.unset_variable(&word.text) {
            return Ok(Ended::Done);
        }
        let error = call.arguments.error(&word, format!("no variable \"{}\"", word.text));
        let names = session.variables();
        Err(match nearest(&word.text, names.iter().map(|(name, _)| name.as_str())) {
            Some(near) => error.help(format!("did you mean \"{near}\"?")),
            None => error.help("\\set lists them"),
        })
    }
}

fn some(values: Vec<String>) -> Vec<Option<String>> {
    values.into_iter().map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn a_variable_is_defined_used_listed_and_removed() {
        let mut shell = shell().await;
        let shown = shell.shows("\\set day 2026-01-31\n\\set day2 ${day}\nselect '${day2}' as d;").await;
        assert!(shown.contains("2026-01-31"), "{shown}");
        let listed = shell.shows("\\set").await;
        assert!(listed.contains("day2"), "{listed}");
        shell.run("\\unset day2").await.unwrap();
        assert!(!shell.shows("\\set").await.contains("day2"));
        let error = shell.run("\\unset dya").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"day\"?"]);
    }
}
