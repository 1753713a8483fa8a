//! `.schema`: statements that make the tables.

use async_trait::async_trait;

use super::{Call, Completes, Group, MetaCommand};
use crate::catalog::show_create::create_statement;
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::sql::statement::{Show, Statement};

/// Shows the CREATE statement of a table or view, or of all.
pub(super) struct Schema;

#[async_trait(?Send)]
impl MetaCommand for Schema {
    fn names(&self) -> &'static [&'static str] {
        &[".schema", "\\sv"]
    }

    fn arguments(&self) -> &'static str {
        "[name]"
    }

    fn help(&self) -> &'static str {
        "show the CREATE statement of a table or view, or of all"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        if let Some(word) = call.arguments.optional(session)? {
            let name = call.arguments.object_name(&word, session.dialect())?;
            let parsed = call.parsed(Statement::Show(Show::CreateTable(name)), &word);
            let outcome = session.execute(&parsed).await?;
            return call.runner.show_outcome(outcome, &parsed).await;
        }
        let relations = session.metastore().relations(&session.database()).await?;
        let text: String = relations.iter().map(|relation| create_statement(relation) + ";\n").collect();
        call.runner.print(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;

    #[tokio::test]
    async fn statements_are_shown_that_make_the_tables() {
        let mut shell = tpch().await;
        let one = shell.shows(".schema region").await;
        assert!(one.starts_with("CREATE EXTERNAL TABLE") && !one.contains("nation"), "{one}");
        let all = shell.shows(".schema").await;
        assert_eq!(all.matches("CREATE EXTERNAL TABLE").count(), 8, "{all}");
        let error = shell.run(".schema regoin").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"region\"?"]);
    }
}
