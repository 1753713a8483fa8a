//! `\d`, `\dt`, `\dv`: tables and views.

use async_trait::async_trait;

use super::arguments::Argument;
use super::describe::describe;
use super::{Call, Completes, Group, MetaCommand, batch};
use crate::catalog::model::Relation;
use crate::cli::runner::Ended;
use crate::error::{Error, Result};
use crate::names::nearest;

/// Lists tables and views, or tells about one.
pub(super) struct Describe;

#[async_trait(?Send)]
impl MetaCommand for Describe {
    fn names(&self) -> &'static [&'static str] {
        &["\\d", "\\d+"]
    }

    fn arguments(&self) -> &'static str {
        "[name]"
    }

    fn help(&self) -> &'static str {
        "list tables and views, or the columns of one; \\d+ tells more"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let more = call.name.ends_with('+');
        match call.arguments.optional(&call.runner.session)? {
            Some(word) if !is_pattern(&word) => describe(call, &word, more).await,
            pattern => list(call, pattern.as_ref(), more, |_| true).await,
        }
    }
}

/// Lists tables.
pub(super) struct Tables;

#[async_trait(?Send)]
impl MetaCommand for Tables {
    fn names(&self) -> &'static [&'static str] {
        &["\\dt", "\\dt+", ".tables"]
    }

    fn arguments(&self) -> &'static str {
        "[pattern]"
    }

    fn help(&self) -> &'static str {
        "list tables; .tables lists views as well"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let pattern = call.arguments.optional(&call.runner.session)?;
        let (more, views) = (call.name.ends_with('+'), call.name == ".tables");
        list(call, pattern.as_ref(), more, |relation| views || matches!(relation, Relation::Table(_))).await
    }
}

/// Lists views.
pub(super) struct Views;

#[async_trait(?Send)]
impl MetaCommand for Views {
    fn names(&self) -> &'static [&'static str] {
        &["\\dv", "\\dv+"]
    }

    fn arguments(&self) -> &'static str {
        "[pattern]"
    }

    fn help(&self) -> &'static str {
        "list views"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let pattern = call.arguments.optional(&call.runner.session)?;
        let more = call.name.ends_with('+');
        list(call, pattern.as_ref(), more, |relation| matches!(relation, Relation::View(_))).await
    }
}

/// Shows the relations that `wanted` takes, of the current database or that of the pattern.
async fn list(
    call: Call<'_>,
    pattern: Option<&Argument>,
    more: bool,
    wanted: impl Fn(&Relation) -> bool + Send,
) -> Result<Ended> {
    let found = matching(&call, pattern).await?;
    let kept: Vec<&Relation> = found.iter().filter(|relation| wanted(relation)).collect();
    let column = |value: fn(&Relation) -> Option<String>| kept.iter().map(|relation| value(relation)).collect();
    let mut columns: Vec<(&str, Vec<Option<String>>)> = vec![
        ("name", column(|relation| Some(relation.name().name.clone()))),
        ("type", column(|relation| Some(kind(relation).to_string()))),
    ];
    if more {
        columns.push(("format", column(|relation| table(relation).map(|table| table.format.to_string()))));
        columns.push(("location", column(|relation| table(relation).map(|table| table.location.clone()))));
    }
    let comments: Vec<Option<String>> = column(|relation| match relation {
        Relation::Table(table) => table.comment.clone(),
        Relation::View(view) => view.comment.clone(),
    });
    if more || comments.iter().any(Option::is_some) {
        columns.push(("comment", comments));
    }
    let rows = batch(columns)?;
    call.runner.show_batch(rows).await
}

fn kind(relation: &Relation) -> &'static str {
    match relation {
        Relation::Table(_) => "table",
        Relation::View(_) => "view",
    }
}

fn table(relation: &Relation) -> Option<&crate::catalog::model::Table> {
    match relation {
        Relation::Table(table) => Some(table),
        Relation::View(_) => None,
    }
}

/// The relations whose names match `sales.ord*`, `ord*` or nothing at all.
pub(super) async fn matching(call: &Call<'_>, pattern: Option<&Argument>) -> Result<Vec<Relation>> {
    let session = &call.runner.session;
    let metastore = session.metastore();
    let text = pattern.map_or("*", |word| word.text.as_str());
    let (database, name) = match text.split_once('.') {
        Some((database, name)) => (database.to_lowercase(), name),
        None => (session.database(), text),
    };
    if metastore.database(&database).await?.is_none() {
        let databases = metastore.databases().await?;
        let error = Error::usage(format!("no database \"{database}\""));
        let error = match pattern {
            Some(word) => error.at(call.arguments.source(), call.arguments.span(word)),
            None => error,
        };
        return Err(match nearest(&database, databases.iter().map(|database| database.name.as_str())) {
            Some(near) => error.help(format!("did you mean \"{near}\"?")),
            None => error.help("\\l lists them"),
        });
    }
    let mut relations = metastore.relations(&database).await?;
    if let Some(word) = pattern {
        let pattern = compile(call, word, name)?;
        relations.retain(|relation| pattern.matches(&relation.name().name.to_lowercase()));
    }
    Ok(relations)
}

/// `ord*`, `ord?rs`, and `ord%` as in LIKE.
fn is_pattern(word: &Argument) -> bool {
    word.quote.is_none() && word.text.contains(['*', '?', '%'])
}

/// A pattern that is compared with names in lower case.
pub(super) fn compile(call: &Call<'_>, word: &Argument, pattern: &str) -> Result<glob::Pattern> {
    glob::Pattern::new(&pattern.to_lowercase().replace('%', "*"))
        .map_err(|error| call.arguments.error(word, format!("this is not a pattern: {}", error.msg)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;

    #[tokio::test]
    async fn tables_and_views_are_listed_by_pattern() {
        let mut shell = tpch().await;
        shell.run("create view big_orders as select * from orders where o_totalprice > 100000;").await.unwrap();
        let all = shell.shows("\\d").await;
        assert!(all.contains("lineitem") && all.contains("big_orders"), "{all}");
        let tables = shell.shows("\\dt").await;
        assert!(tables.contains("lineitem") && !tables.contains("big_orders"), "{tables}");
        let views = shell.shows("\\dv").await;
        assert!(!views.contains("lineitem") && views.contains("big_orders"), "{views}");
        let some = shell.shows("\\d *ORD*").await;
        assert!(some.contains("big_orders") && some.contains("│ orders") && !some.contains("nation"), "{some}");
        assert!(shell.shows(".tables part%").await.contains("partsupp"));
    }

    #[tokio::test]
    async fn more_says_where_and_how_tables_are_stored() {
        let mut shell = tpch().await;
        shell.runner.options.output.width = None;
        let more = shell.shows("\\dt+ nation").await;
        assert!(more.contains("nation.parquet") && more.contains("PARQUET"), "{more}");
    }

    #[tokio::test]
    async fn another_database_is_named_before_a_dot() {
        let mut shell = tpch().await;
        shell.run("create database sales; create view sales.v as select 1 as a;").await.unwrap();
        let shown = shell.shows("\\d sales.*").await;
        assert!(shown.contains("│ v") && !shown.contains("nation"), "{shown}");
        let error = shell.run("\\dt slaes.*").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"sales\"?"]);
        assert_eq!(error.position().unwrap().span.start.column, 5);
    }
}
