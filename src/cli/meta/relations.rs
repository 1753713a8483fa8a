//! `\d`, `\dt`, `\dv`: tables and views.

use async_trait::async_trait;

use super::arguments::Argument;
use super::describe::describe;
use super::{Call, Completes, Group, MetaCommand, batch};
use crate::catalog::model::{Relation, RelationEntry};
use crate::cli::runner::Ended;
use crate::error::{Error, Result};

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
            pattern => list(call, pattern.as_ref(), more, Wanted::All).await,
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
        let more = call.name.ends_with('+');
        let wanted = if call.name == ".tables" { Wanted::All } else { Wanted::Tables };
        list(call, pattern.as_ref(), more, wanted).await
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
        list(call, pattern.as_ref(), more, Wanted::Views).await
    }
}

/// A table or view in a list.
struct Shown {
    name: String,
    is_view: bool,
    format: Option<String>,
    location: Option<String>,
    comment: Option<String>,
}

impl From<RelationEntry> for Shown {
    fn from(entry: RelationEntry) -> Self {
        Shown { name: entry.name, is_view: entry.is_view, format: None, location: None, comment: None }
    }
}

impl From<Relation> for Shown {
    fn from(relation: Relation) -> Self {
        let mut shown = Shown::from(RelationEntry::from(&relation));
        shown.comment = relation.comment().map(str::to_string);
        if let Relation::Table(table) = relation {
            shown.format = Some(table.format.to_string());
            shown.location = Some(table.location);
        }
        shown
    }
}

/// Which relations a list is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    Tables,
    Views,
}

/// Shows relations of the current database or that of the pattern.
async fn list(call: Call<'_>, pattern: Option<&Argument>, more: bool, wanted: Wanted) -> Result<Ended> {
    let place = place(&call, pattern).await?;
    let session = &call.runner.session;
    let mut shown: Vec<Shown> = match more || !session.catalogs().is_others(&place.database) {
        true => session.metastore().relations(&place.database).await?.into_iter().map(Shown::from).collect(),
        // Another program's may be thousands, and may not be readable: their names are enough.
        false => session.metastore().relation_names(&place.database).await?.into_iter().map(Shown::from).collect(),
    };
    shown.retain(|shown| {
        let is_wanted = match wanted {
            Wanted::All => true,
            Wanted::Tables => !shown.is_view,
            Wanted::Views => shown.is_view,
        };
        is_wanted && place.matches(&shown.name)
    });
    let column = |value: fn(&Shown) -> Option<String>| shown.iter().map(value).collect();
    let mut columns: Vec<(&str, Vec<Option<String>>)> = vec![
        ("name", column(|shown| Some(shown.name.clone()))),
        ("type", column(|shown| Some(if shown.is_view { "view" } else { "table" }.to_string()))),
    ];
    if more {
        columns.push(("format", column(|shown| shown.format.clone())));
        columns.push(("location", column(|shown| shown.location.clone())));
    }
    if more || shown.iter().any(|shown| shown.comment.is_some()) {
        columns.push(("comment", column(|shown| shown.comment.clone())));
    }
    let rows = batch(columns)?;
    call.runner.show_batch(rows).await
}

/// A database, and which names in it are meant.
struct Place {
    database: String,
    /// `None`: all.
    names: Option<glob::Pattern>,
}

impl Place {
    fn matches(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.matches(&name.to_lowercase()))
    }
}

/// What `hive.sales.ord*`, `sales.ord*`, `ord*` or nothing at all means.
async fn place(call: &Call<'_>, pattern: Option<&Argument>) -> Result<Place> {
    let session = &call.runner.session;
    let Some(word) = pattern else { return Ok(Place { database: session.database(), names: None }) };
    let (database, name) = match word.text.rsplit_once('.') {
        Some((database, name)) => {
            let meant = session.database_meant(&database.to_lowercase()).await;
            let at = |error: Error| error.at(call.arguments.source(), call.arguments.span(word));
            (meant.map_err(at)?, name)
        }
        None => (session.database(), word.text.as_str()),
    };
    Ok(Place { database, names: Some(compile(call, word, name)?) })
}

/// The relations that a pattern means, or all of the current database.
pub(super) async fn matching(call: &Call<'_>, pattern: Option<&Argument>) -> Result<Vec<Relation>> {
    let place = place(call, pattern).await?;
    let mut relations = call.runner.session.metastore().relations(&place.database).await?;
    relations.retain(|relation| place.matches(&relation.name().name));
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
