//! Partitions and files of a table: SHOW PARTITIONS, ADD and DROP PARTITION, TRUNCATE, LOAD DATA, MSCK REPAIR.
//!
//! What partitions a table has is what its folders say, whenever it is looked at.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use sqlparser::ast::{Expr, ObjectName, Spanned};

use super::partition_filter::PartitionFilter;
use crate::catalog::model::{Partition, Table, TableKind};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::ddl::table::fields_of;
use crate::session::partition_clause::{PartitionColumn, folder_of, partition_spec, values_of};
use crate::session::write::Replaces;
use crate::sql::source::{Source, Span};
use crate::sql::statement::{Load, NewPartition, ParsedStatement, Truncate};
use crate::storage::commit::Incoming;
use crate::storage::errors::{format_name, store_error};
use crate::storage::listing;
use crate::storage::location::{Location, local_path};
use crate::storage::magic::{format_by_start, tells_by_start};
use crate::storage::partitions::{NULL_PARTITION, folder_name, key_and_value, values_in_folders};

/// What makes the files of an external table Ostrich's own, as it does in Hive.
const PURGE: &str = "external.table.purge";

/// That files may be deleted without others in their place.
fn require_own_files(table: &Table) -> Result<()> {
    let purges = || table.properties.iter().any(|(key, value)| key == PURGE && value.eq_ignore_ascii_case("true"));
    if table.kind == TableKind::Managed || purges() {
        return Ok(());
    }
    Err(Error::statement(format!("{} is an external table: its files are not Ostrich's own", table.name))
        .help(format!("ALTER TABLE … SET TBLPROPERTIES ('{PURGE}' = 'true') says that they may be deleted")))
}

impl Session {
    /// The names of a table's partitions, `dt=2024-01-01/country=KR`, of those that match the clause.
    pub(in crate::session) async fn partitions(
        &self,
        name: &ObjectName,
        clause: &[Expr],
        source: &Arc<Source>,
    ) -> Result<Vec<String>> {
        let table = self.table_to_read(name, source).await?;
        let wanted = partition_spec(clause, &table, source)?;
        require_partitions(&table)?;
        if let Some(listed) = self.metastore.partitions(&table.name).await? {
            let columns = table.partition_columns.as_deref().unwrap_or_default();
            let name = |partition: &Partition| {
                let folders = columns
                    .iter()
                    .zip(&partition.values)
                    .map(|(column, value)| folder_name(&column.name, value.as_deref().unwrap_or(NULL_PARTITION)));
                folders.collect::<Vec<_>>().join("/")
            };
            let mut names: Vec<String> = listed.iter().map(name).collect();
            names.retain(|name| matches(&table, name, &wanted));
            names.sort_unstable();
            return Ok(names);
        }
        let location = self.location(&table.location)?;
        let mut names = self.partition_folders(&table, &location).await?;
        names.retain(|name| matches(&table, name, &wanted));
        Ok(names)
    }

    /// The partition folders below a table's folder, sorted. On a disk of this machine also those without files.
    async fn partition_folders(&self, table: &Table, location: &Location) -> Result<Vec<String>> {
        let mut names = match location.local_root() {
            Some(root) => folders(&root, table.partition_columns.as_ref().map_or(0, Vec::len))?,
            None => {
                let store = self.context.state().runtime_env().object_store(location.store())?;
                let found = listing::list(&store, location).await?;
                let files = found.files.iter().filter_map(|file| location.below(&file.location));
                files.filter_map(|file| Some(file.rsplit_once('/')?.0.to_string())).collect()
            }
        };
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    pub(in crate::session) async fn repair(&self, table: &ObjectName) -> Result<()> {
        self.require_own(&self.table_name(table)?)?;
        // A folder that does not fit the declaration is told now.
        self.statement_tables(&self.database()).open(table).await.map(drop)
    }

    pub(in crate::session) async fn truncate(&self, truncate: &Truncate, parsed: &ParsedStatement) -> Result<()> {
        let table = self.table_to_change(&truncate.table, &parsed.source).await?;
        require_own_files(&table).map_err(|error| error.at(&parsed.source, truncate.table.span()))?;
        let wanted = partition_spec(&truncate.partition, &table, &parsed.source)?;
        require_values(&wanted)?;
        let replaces = match wanted.is_empty() {
            true => Replaces::Everything,
            false => Replaces::Partitions(values_of(&wanted, &table)),
        };
        let folder = self.folder_to_write(&table).await?;
        match folder.local_root() {
            Some(root) if !root.exists() => Ok(()),
            _ => self.delete_files(&table, &folder, replaces).await,
        }
    }

    pub(in crate::session) async fn add_partitions(
        &self,
        table: &Table,
        partitions: &[NewPartition],
        if_not_exists: bool,
        source: &Arc<Source>,
    ) -> Result<()> {
        require_partitions(table)?;
        let location = self.folder_to_write(table).await?;
        let Some(root) = location.local_root() else {
            return Err(Error::statement(format!(
                "no empty partition can be added to {}: {location} is on an object store, which has no empty folders",
                table.name
            ))
            .help("a partition is there as soon as it has rows: INSERT INTO … PARTITION, or LOAD DATA"));
        };
        let count = table.partition_columns.as_ref().map_or(0, Vec::len);
        let there = self.partition_folders(table, &location).await?;
        let mut made = Vec::new();
        for partition in partitions {
            let wanted = partition_spec(&partition.values, table, source)?;
            if wanted.len() != count || wanted.iter().any(|column| column.value.is_none()) {
                return Err(Error::statement(format!(
                    "ADD PARTITION needs a value for each partition column of {}",
                    table.name
                )));
            }
            if let Some((place, span)) = &partition.place {
                self.require_own_place(table, &wanted, place, *span, source)?;
            }
            match there.iter().any(|name| matches(table, name, &wanted)) {
                true if if_not_exists => {}
                true => {
                    return Err(Error::statement(format!(
                        "{} has this partition already: {}",
                        table.name,
                        folder_of(&wanted)?
                    ))
                    .help("ADD IF NOT EXISTS leaves it"));
                }
                false => made.push(folder_of(&wanted)?),
            }
        }
        for folder in made {
            let path = root.join(folder);
            std::fs::create_dir_all(&path)
                .map_err(|error| Error::storage(format!("{} cannot be made: {error}", path.display())))?;
        }
        Ok(())
    }

    pub(in crate::session) async fn drop_partitions(
        &self,
        table: &Table,
        partitions: &[Vec<Expr>],
        if_exists: bool,
        source: &Arc<Source>,
    ) -> Result<()> {
        require_partitions(table)?;
        require_own_files(table)?;
        let location = self.folder_to_write(table).await?;
        let there = self.partition_folders(table, &location).await?;
        for partition in partitions {
            let filter = PartitionFilter::read(partition, table, source)?;
            let gone: HashSet<String> = there.iter().filter(|name| filter.accepts(name)).cloned().collect();
            if gone.is_empty() {
                if if_exists {
                    continue;
                }
                let span = Span::union_iter(partition.iter().map(Spanned::span));
                return Err(Error::statement(format!("{} has no such partition", table.name))
                    .at(source, span)
                    .help("SHOW PARTITIONS lists them; DROP IF EXISTS passes over it"));
            }
            self.delete_files(table, &location, Replaces::Folders(gone.clone())).await?;
            if let Some(root) = location.local_root() {
                gone.iter().for_each(|folder| unlink_empty(&root, folder));
            }
        }
        Ok(())
    }

    /// Files become part of the table as they are. Without LOCAL they are moved.
    pub(in crate::session) async fn load(&self, load: &Load, parsed: &ParsedStatement) -> Result<()> {
        let table = self.table_to_change(&load.table, &parsed.source).await?;
        let wanted = partition_spec(&load.partition, &table, &parsed.source)?;
        let count = table.partition_columns.as_ref().map_or(0, Vec::len);
        if wanted.len() != count || wanted.iter().any(|column| column.value.is_none()) {
            return Err(Error::statement(format!(
                "LOAD DATA needs a value for each of the {count} partition columns of {}",
                table.name
            )));
        }
        let at = |error: Error| error.at(&parsed.source, load.place_span);
        let from = self.location(&load.place).map_err(at)?;
        let store = self.context.state().runtime_env().object_store(from.store())?;
        let found = listing::list(&store, &from).await.map_err(at)?;
        if found.files.is_empty() {
            return Err(at(found.nothing(&from)));
        }
        for meta in &found.files {
            require_format(&store, &from, meta, &table).await.map_err(at)?;
        }
        let folder = self.folder_to_write(&table).await?;
        let replaces = match (load.overwrite, wanted.is_empty()) {
            (false, _) => Replaces::Nothing,
            (true, true) => Replaces::Everything,
            (true, false) => Replaces::Partitions(values_of(&wanted, &table)),
        };
        let below = folder_of(&wanted)?;
        let below = if below.is_empty() { below } else { format!("{below}/") };
        let mut write = self.begin_locked_write(&folder).await?;
        let loaded = async {
            for meta in &found.files {
                write.add(&Incoming { location: &from, store: &store, meta }, &below).await?;
            }
            self.replaced_files(&table, &folder, &replaces, write.as_mut()).await
        };
        match loaded.await {
            Ok(replaced) => write.commit(replaced).await?,
            Err(error) => {
                write.abandon().await;
                return Err(error);
            }
        }
        if !load.copies {
            for file in &found.files {
                let deleted = match from.is_local() {
                    true => std::fs::remove_file(local_path(&file.location)).map_err(|error| error.to_string()),
                    false => store.delete(&file.location).await.map_err(|error| error.to_string()),
                };
                deleted.map_err(|error| {
                    let name = from.show(&file.location);
                    Error::storage(format!("the rows are loaded, but {name} could not be deleted: {error}"))
                })?;
            }
        }
        Ok(())
    }
}

pub(super) fn require_partitions(table: &Table) -> Result<()> {
    match table.partition_columns.as_ref().is_none_or(Vec::is_empty) {
        true => Err(Error::statement(format!("{} is not partitioned", table.name))),
        false => Ok(()),
    }
}

/// A column without a value must not pass for one that is NULL, nor for all values: rows go.
pub(super) fn require_values(partition: &[PartitionColumn]) -> Result<()> {
    match partition.iter().find(|column| column.value.is_none()) {
        Some(column) => Err(Error::statement(format!("PARTITION needs a value for {} here", column.name))
            .help("a column that is left out stands for all of its values")),
        None => Ok(()),
    }
}

pub(super) fn local_root(table: &Table, location: &Location) -> Result<std::path::PathBuf> {
    match location.local_root() {
        Some(root) if location.is_folder() => Ok(root),
        _ => Err(Error::statement(format!(
            "the files of {} cannot be changed: {location} is no folder on this machine",
            table.name
        ))),
    }
}

/// Takes folders away that hold no file.
pub(super) fn unlink_empty(root: &Path, folder: &str) {
    let mut folder = Some(root.join(folder));
    while let Some(empty) = folder.filter(|folder| folder != root) {
        if std::fs::remove_dir(&empty).is_err() {
            break;
        }
        folder = empty.parent().map(Path::to_path_buf);
    }
}

/// Whether folders have all values of a clause; columns without one match any.
pub(in crate::session) fn matches(table: &Table, folders: &str, wanted: &[PartitionColumn]) -> bool {
    let columns = fields_of(table.partition_columns.as_deref().unwrap_or_default());
    let wanted = values_of(wanted, table);
    match values_in_folders(folders, &columns) {
        Some(has) => wanted.iter().all(|(place, value)| has.get(*place) == Some(value)),
        None => wanted.is_empty(),
    }
}

/// Files become part of a table as they are: one of another format would give rows of nonsense, or none at all.
async fn require_format(store: &Arc<dyn ObjectStore>, from: &Location, meta: &ObjectMeta, table: &Table) -> Result<()> {
    let shown = from.show(&meta.location);
    let found = format_by_start(store, meta).await.map_err(|error| store_error(&error, &shown, from.store_scheme()))?;
    let wanted = format_name(table.format);
    let what = match found {
        Some(found) if found != table.format => format!("is {}", format_name(found)),
        None if meta.size > 0 && tells_by_start(table.format) => format!("is not {wanted}"),
        _ => return Ok(()),
    };
    Err(Error::statement(format!("{shown} {what}, and {} is stored as {}", table.name, table.format.name())).help(
        format!(
            "LOAD DATA adds files as they are; INSERT INTO {} SELECT * FROM '{shown}' converts the rows",
            table.name.name
        ),
    ))
}

/// The partition folders below a table's folder, also those without files.
pub(super) fn folders(root: &Path, depth: usize) -> Result<Vec<String>> {
    let mut level = vec![String::new()];
    for _ in 0..depth {
        let mut deeper = Vec::new();
        for folder in &level {
            let path = root.join(folder);
            let entries = match std::fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::storage(format!("{} cannot be read: {error}", path.display()))),
            };
            for entry in entries.flatten() {
                if let Ok(name) = entry.file_name().into_string()
                    && key_and_value(&name).is_some()
                    && entry.path().is_dir()
                {
                    deeper.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
                }
            }
        }
        level = deeper;
    }
    Ok(level)
}
