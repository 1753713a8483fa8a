//! Whether statistics count for the files as they are now, and what the planner may make of them.

use std::collections::{BTreeMap, HashMap};

use datafusion::catalog::TableProvider as _;
use parking_lot::Mutex;
use serde::Serialize;

use super::summary::bound;
use crate::catalog::Metastore;
use crate::catalog::evidence::{Difference, FileSet};
use crate::catalog::model::{Table, TableStatistics};
use crate::error::{Error, Result};
use crate::session::ddl::columns::former_names;
use crate::session::resolve::TableOpener;
use crate::sql::types::to_sql;
use crate::storage::{ColumnEstimates, Estimates, FileTable, FormerNames};

/// What became of the files since they were analyzed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Validity {
    Current,
    /// They hold about: files came, and those that there were are the same; or nobody knows. The clause says which.
    About(String),
    /// A clause: `part-3.parquet was changed since it was analyzed`.
    Stale(String),
}

impl Validity {
    /// What keeps the figures from being exact.
    pub(in crate::session) fn why_not(&self) -> Option<&str> {
        match self {
            Validity::Current => None,
            Validity::About(why) | Validity::Stale(why) => Some(why),
        }
    }
}

/// Lists of files that were compared, by their digests. Lists of a hundred thousand files are not compared for each statement.
#[derive(Debug, Default)]
pub(in crate::session) struct Comparisons(Mutex<HashMap<(String, String), Validity>>);

/// Comparisons that are remembered, at most.
const MOST_COMPARISONS: usize = 1000;

/// How a table's files are read. Statistics of another reading say nothing.
#[derive(Serialize)]
struct Subject<'a> {
    format: &'static str,
    options: &'a BTreeMap<String, String>,
    /// On the local disk the files' fingerprints tell two places apart, and a catalog's folder may be moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    /// Where columns are found by their places in a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<&'a str>,
    /// What columns are called in older files.
    #[serde(skip_serializing_if = "FormerNames::is_empty")]
    former_names: FormerNames,
}

pub(super) fn subject(table: &Table, open: &FileTable) -> Result<String> {
    let location = (!open.location().is_local()).then_some(table.location.as_str());
    let columns = match open.format().is_text() {
        true => table.columns.iter().map(|column| column.name.as_str()).collect(),
        false => Vec::new(),
    };
    let former_names = former_names(table);
    let subject = Subject { format: open.format().name(), options: &table.options, location, columns, former_names };
    serde_json::to_string(&subject).map_err(|error| Error::statement(format!("a table cannot be described: {error}")))
}

/// How far a table's statistics hold for the files as they were listed.
pub(in crate::session) async fn validity(
    metastore: &dyn Metastore,
    comparisons: &Comparisons,
    table: &Table,
    known: &TableStatistics,
    open: &FileTable,
    files: &FileSet,
) -> Result<Validity> {
    let Some(basis) = &known.basis else { return Ok(Validity::About("another catalog gave them".to_string())) };
    if basis.subject != subject(table, open)? {
        return Ok(Validity::Stale("the table's definition was changed since it was analyzed".to_string()));
    }
    if basis.digest == files.digest() {
        return Ok(match files.shows_changes() {
            true => Validity::Current,
            false => Validity::About("its files tell neither time nor tag".to_string()),
        });
    }
    let key = (basis.digest.clone(), files.digest().to_string());
    if let Some(known) = comparisons.0.lock().get(&key) {
        return Ok(known.clone());
    }
    let before = metastore.analyzed_files(&table.name).await?;
    let difference = Difference::between(&before, files.files());
    let validity = match difference.in_words("its file", None) {
        // Analyzed by another session since the table was looked up.
        None => Validity::Current,
        Some(words) if difference.only_added() && !before.is_empty() => {
            Validity::About(format!("{words} since it was analyzed"))
        }
        Some(words) => Validity::Stale(format!("{words} since it was analyzed")),
    };
    let mut kept = comparisons.0.lock();
    if kept.len() >= MOST_COMPARISONS {
        kept.clear();
    }
    kept.insert(key, validity.clone());
    Ok(validity)
}

/// What the planner may take for about right.
pub(in crate::session) async fn estimates(
    metastore: &dyn Metastore,
    opener: &TableOpener,
    table: &Table,
    open: &FileTable,
    files: &FileSet,
) -> Result<Option<Estimates>> {
    let Some(known) = &table.statistics else { return Ok(None) };
    let validity = validity(metastore, &opener.comparisons, table, known, open, files).await?;
    if matches!(validity, Validity::Stale(_)) {
        return Ok(None);
    }
    let schema = open.schema();
    let columns = schema.fields().iter().map(|field| {
        let of_type = |data_type: &Option<String>| {
            data_type.as_ref().is_none_or(|data_type| *data_type == to_sql(field.data_type()))
        };
        let Some(column) = known.columns.get(field.name()).filter(|column| of_type(&column.data_type)) else {
            return ColumnEstimates::default();
        };
        // Rows that came since may have other values.
        let bound = |text: &Option<String>| match validity {
            Validity::Current => text.as_deref().and_then(|text| bound(text, field.data_type())),
            _ => None,
        };
        ColumnEstimates {
            nulls: column.nulls,
            distinct: column.distinct,
            min: bound(&column.min),
            max: bound(&column.max),
        }
    });
    Ok(Some(Estimates { rows: known.rows, bytes: known.bytes, columns: columns.collect() }))
}
