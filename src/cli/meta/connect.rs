//! `\c`: the current database.

use async_trait::async_trait;
use sqlparser::ast::Ident;

use super::{Call, Completes, Group, MetaCommand};
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::sql::statement::Statement;

/// Changes the current database, as USE does, or names it.
pub(super) struct Connect;

#[async_trait(?Send)]
impl MetaCommand for Connect {
    fn names(&self) -> &'static [&'static str] {
        &["\\c", "\\connect"]
    }

    fn arguments(&self) -> &'static str {
        "[database]"
    }

    fn help(&self) -> &'static str {
        "change to another database, or name the current one"
    }

    fn group(&self) -> Group {
        Group::General
    }

    fn completes(&self) -> Completes {
        Completes::Databases
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        if let Some(word) = call.arguments.optional(session)? {
            let span = call.arguments.span(&word);
            let name = match word.quote {
                Some(_) => Ident::with_quote_and_span('"', span, word.text.as_str()),
                None => Ident::with_span(span, word.text.as_str()),
            };
            session.execute(&call.parsed(Statement::Use(name), &word)).await?;
        }
        call.runner.say(&format!("You are in database \"{}\".", call.runner.session.database()));
        Ok(Ended::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn the_database_changes_and_an_unknown_one_is_named() {
        let mut shell = shell().await;
        shell.run("create database sales;\n\\c sales").await.unwrap();
        assert_eq!(shell.runner.session.database(), "sales");
        let error = shell.run("\\c sale").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"sales\"?"]);
        assert_eq!(error.position().unwrap().span.start.column, 4);
        assert_eq!(shell.runner.session.database(), "sales");
    }
}
