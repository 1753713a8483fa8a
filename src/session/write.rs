//! Rows and files into a table's folder, in the place of others or beside them, all at once (`storage/commit`).
//!
//! What INSERT, CREATE TABLE … AS, TRUNCATE, LOAD DATA and DROP PARTITION have in common.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::Session;
use super::ddl::table::fields_of;
use super::insert::all_columns;
use super::plan::Planned;
use crate::catalog::model::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::source::Source;
use crate::storage::Partitions;
use crate::storage::commit::{self, TableWrite};
use crate::storage::listing;
use crate::storage::location::{Location, Scheme};

/// What the rows of a write replace.
#[derive(Debug, Clone)]
pub(super) enum Replaces {
    Nothing,
    Everything,
    /// The partitions that have these values, whether new rows come or not. Each is given with the place of its column among the
    /// partition columns; a NULL stands for the partition of NULL.
    Partitions(Vec<(usize, ScalarValue)>),
    /// The partitions into which rows come.
    Touched,
    /// The files in these folders.
    Folders(HashSet<String>),
    /// These files.
    Files(HashSet<String>),
}

impl Session {
    /// The folder of a table, if files can come and go there.
    pub(super) async fn folder_to_write(&self, table: &Table) -> Result<Location> {
        let location = self.location(&table.location)?;
        let cannot =
            |why: &str| Error::statement(format!("the files of {} cannot be changed: {location} {why}", table.name));
        if location.is_glob() {
            return Err(cannot("is a glob").help("a table that is written to has a folder as its LOCATION"));
        }
        if location.scheme() == Scheme::Http {
            return Err(cannot("is on a web server"));
        }
        if location.is_folder() {
            return Ok(location);
        }
        // Without a slash at its end, it may be either.
        let store = self.context.state().runtime_env().object_store(location.store())?;
        let found = listing::list(&store, &location).await?;
        match found.files.iter().any(|file| location.below(&file.location) == Some("")) {
            true => Err(cannot("is a single file").help("a table that is written to has a folder as its LOCATION")),
            false => Ok(location.into_folder()),
        }
    }

    /// Begins a write to a folder that nobody else is kept from yet: see [`TableWrite::lock`].
    pub(super) async fn begin_write(&self, folder: &Location) -> Result<Box<dyn TableWrite>> {
        commit::begin(&self.context.runtime_env(), folder, self.own_settings().patience()).await
    }

    /// The same, with all others kept from changing the folder: for statements that read what they replace.
    pub(super) async fn begin_locked_write(&self, folder: &Location) -> Result<Box<dyn TableWrite>> {
        let mut write = self.begin_write(folder).await?;
        match write.lock().await {
            Ok(()) => Ok(write),
            Err(error) => {
                write.abandon().await;
                Err(error)
            }
        }
    }

    /// Writes rows that have the table's columns into new files, and makes them part of the table.
    pub(super) async fn write(
        &self,
        table: &Table,
        folder: &Location,
        rows: (LogicalPlan, SessionState),
        mut write: Box<dyn TableWrite>,
        replaces: Replaces,
        source: &Arc<Source>,
    ) -> Result<Option<u64>> {
        let written = async {
            let count = self.write_files(table, write.target(), rows, source).await?;
            let replaced = self.replaced_files(table, folder, &replaces, write.as_mut()).await?;
            Ok::<_, Error>((count, replaced))
        };
        match written.await {
            Ok((count, replaced)) => write.commit(replaced).await.map(|()| count),
            Err(error) => {
                write.abandon().await;
                Err(match error.kind() {
                    // A disk that is full does not say whose.
                    ErrorKind::Resources => {
                        error.context(folder).help("the rows that were there before are still there")
                    }
                    _ => error,
                })
            }
        }
    }

    /// Writes rows into new files below `target`.
    async fn write_files(
        &self,
        table: &Table,
        target: String,
        (rows, state): (LogicalPlan, SessionState),
        source: &Arc<Source>,
    ) -> Result<Option<u64>> {
        let staged = Table { location: target, ..table.clone() };
        let open = self.tables.open(&self.context.state(), &staged).await?;
        // What the parts of a UNION have in common, for one, is not yet settled in the plan, and the sink takes batches as they come.
        let typed = rows.schema().columns().into_iter().zip(all_columns(table)).map(|(column, (name, data_type))| {
            Expr::Cast(Cast::new(Box::new(Expr::Column(column)), data_type)).alias(name)
        });
        let typed: Vec<Expr> = typed.collect();
        let rows = LogicalPlanBuilder::from(rows).project(typed)?.build()?;
        let sink = provider_as_source(Arc::new(open));
        let plan = LogicalPlanBuilder::insert_into(rows, table.name.name.as_str(), sink, InsertOp::Append)?.build()?;
        let mut execution = self.start(Planned { plan, state, names: Vec::new() }).await?;
        super::copy::count_written(&mut execution.stream, source).await
    }

    /// Takes files out of a table.
    pub(super) async fn delete_files(&self, table: &Table, folder: &Location, replaces: Replaces) -> Result<()> {
        let mut write = self.begin_locked_write(folder).await?;
        match self.replaced_files(table, folder, &replaces, write.as_mut()).await {
            Ok(replaced) => write.commit(replaced).await,
            Err(error) => {
                write.abandon().await;
                Err(error)
            }
        }
    }

    /// The files that a write replaces, below the table's folder. Others are kept from changing it from here on.
    pub(super) async fn replaced_files(
        &self,
        table: &Table,
        folder: &Location,
        replaces: &Replaces,
        write: &mut dyn TableWrite,
    ) -> Result<Vec<String>> {
        if matches!(replaces, Replaces::Nothing) {
            return Ok(Vec::new());
        }
        write.lock().await?;
        let store = self.context.state().runtime_env().object_store(folder.store())?;
        let found = listing::list(&store, folder).await?.files;
        let there = found.len();
        let named = |names: &dyn Fn(&str) -> bool| -> Vec<bool> {
            found.iter().map(|file| folder.below(&file.location).is_some_and(names)).collect()
        };
        let added = write.files()?;
        let goes: Vec<bool> = match replaces {
            Replaces::Nothing => Vec::new(),
            Replaces::Everything => vec![true; there],
            Replaces::Folders(folders) => named(&|file| is_in_one_of(file, folders)),
            Replaces::Files(files) => named(&|file| files.contains(file)),
            Replaces::Partitions(wanted) => {
                let values = partition_values(table, folder, &found, &[])?;
                values.iter().map(|has| wanted.iter().all(|(place, value)| has.get(*place) == Some(value))).collect()
            }
            Replaces::Touched => {
                let values = partition_values(table, folder, &found, &added)?;
                let (old, new) = values.split_at(there.min(values.len()));
                let touched: HashSet<_> = new.iter().collect();
                old.iter().map(|has| touched.contains(has)).collect()
            }
        };
        let replaced = found.iter().zip(goes).filter(|(_, goes)| *goes);
        Ok(replaced.filter_map(|(file, _)| folder.below(&file.location)).map(str::to_string).collect())
    }
}

/// Whether a file lies in one of the folders, or in a folder therein.
pub(super) fn is_in_one_of(file: &str, folders: &HashSet<String>) -> bool {
    let mut folder = file;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if folders.contains(above) {
            return true;
        }
        folder = above;
    }
    false
}

/// The values of the partition columns of files that are there and of files that come, in the columns' types: `month=01` and `month=1`
/// may be one partition.
///
/// # Errors
///
/// If a folder does not fit the table's declaration.
fn partition_values(
    table: &Table,
    folder: &Location,
    found: &[ObjectMeta],
    added: &[String],
) -> Result<Vec<Vec<ScalarValue>>> {
    let mut files = found.to_vec();
    for file in added {
        let path = format!("{}/{file}", folder.root());
        let location = Path::parse(&path).map_err(|error| Error::storage(format!("{path} is no path: {error}")))?;
        files.push(ObjectMeta { location, last_modified: Default::default(), size: 0, e_tag: None, version: None });
    }
    let columns = fields_of(table.partition_columns.as_deref().unwrap_or_default());
    let (partitions, rows) = Partitions::of(folder, &files, Some(&columns))?;
    let values = rows.iter().map(|row| partitions.rows().get(*row as usize).cloned().unwrap_or_default());
    Ok(values.collect())
}
