//! `\l`, `\dn`: databases.

use async_trait::async_trait;

use super::relations::compile;
use super::{Call, Completes, Group, MetaCommand, batch};
use crate::catalog::model::split_database;
use crate::cli::runner::Ended;
use crate::error::Result;

/// Lists databases.
pub(super) struct Databases;

#[async_trait(?Send)]
impl MetaCommand for Databases {
    fn names(&self) -> &'static [&'static str] {
        &["\\l", "\\dn", ".databases"]
    }

    fn arguments(&self) -> &'static str {
        "[pattern]"
    }

    fn help(&self) -> &'static str {
        "list databases of the current catalog; SHOW CATALOGS lists catalogs"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Databases
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        let pattern = call.arguments.optional(session)?;
        let current = session.database();
        let mut databases = session.catalogs().databases_of(split_database(&current).0).await?;
        if let Some(word) = &pattern {
            let pattern = compile(&call, word, &word.text)?;
            databases.retain(|database| pattern.matches(&database.name.to_lowercase()));
        }
        let mark = |name: &str| Some(if name == current { "yes" } else { "" }.to_string());
        let rows = batch(vec![
            ("name", databases.iter().map(|database| Some(database.name.clone())).collect()),
            ("current", databases.iter().map(|database| mark(&database.name)).collect()),
            ("comment", databases.iter().map(|database| database.comment.clone()).collect()),
            ("location", databases.iter().map(|database| database.location.clone()).collect()),
        ])?;
        call.runner.show_batch(rows).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn databases_are_listed_and_the_current_one_is_marked() {
        let mut shell = shell().await;
        shell.run("create database sales comment 'what was sold';\n\\c sales").await.unwrap();
        let shown = shell.shows("\\l").await;
        let row = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap().to_string();
        assert!(row("sales").contains("yes") && row("sales").contains("what was sold"), "{shown}");
        assert!(!row("default").contains("yes"), "{shown}");
        assert!(!shell.shows("\\dn s*").await.contains("default"));
    }
}
