//! Partitions and files of a table: SHOW PARTITIONS, ADD and DROP PARTITION, TRUNCATE, LOAD DATA, MSCK REPAIR.
//!
//! What partitions a table has is what its folders say, whenever it is looked at.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use sqlparser::ast::{Expr, ObjectName, Spanned};

use super::partition_filter::PartitionFilter;
use crate::catalog::model::{Partition, Table};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::insert::{PartitionColumn, Replaces, partition_of, partition_spec};
use crate::sql::source::{Source, Span};
use crate::sql::statement::{Load, NewPartition, ParsedStatement, Truncate};
use crate::storage::commit::Staging;
use crate::storage::listing;
use crate::storage::location::Location;
use crate::storage::partitions::{NULL_PARTITION, key_and_value};

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
                let values = partition.values.iter().map(|value| value.as_deref());
                folders_of(columns.iter().map(|column| column.name.as_str()).zip(values))
            };
            let mut names: Vec<String> = listed.iter().map(name).collect();
            names.retain(|name| matches(&format!("{name}/"), &wanted));
            names.sort_unstable();
            return Ok(names);
        }
        let location = self.location(&table.location)?;
        let mut names = match location.local_root() {
            Some(root) => folders(&root, table.partition_columns.as_ref().map_or(0, Vec::len))?,
            None => {
                let store = self.context.state().runtime_env().object_store(location.store())?;
                let found = listing::list(&store, &location).await?;
                let files = found.files.iter().filter_map(|file| location.below(&file.location));
                files.filter_map(|file| Some(file.rsplit_once('/')?.0.to_string())).collect()
            }
        };
        names.retain(|name| matches(&format!("{name}/"), &wanted));
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
        let wanted = partition_spec(&truncate.partition, &table, &parsed.source)?;
        require_values(&wanted)?;
        let replaces = if wanted.is_empty() { Replaces::Everything } else { Replaces::Partitions(values(&wanted)) };
        self.delete_rows(&table, replaces).await
    }

    /// Takes files out of a table.
    async fn delete_rows(&self, table: &Table, replaces: Replaces) -> Result<()> {
        let location = self.location(&table.location)?;
        let root = local_root(table, &location)?;
        if !root.exists() {
            return Ok(());
        }
        let lock = self.write_lock(&root).await?;
        let replaced = self.replaced_files(&location, &replaces, &[]).await?;
        Staging::begin(&root)?.commit(&lock, replaced)
    }

    pub(in crate::session) async fn add_partitions(
        &self,
        table: &Table,
        partitions: &[NewPartition],
        if_not_exists: bool,
        source: &Arc<Source>,
    ) -> Result<()> {
        require_partitions(table)?;
        let root = local_root(table, &self.location(&table.location)?)?;
        let count = table.partition_columns.as_ref().map_or(0, Vec::len);
        let there = folders(&root, count)?;
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
            match there.iter().any(|name| matches(&format!("{name}/"), &wanted)) {
                true if if_not_exists => {}
                true => {
                    return Err(Error::statement(format!(
                        "{} has this partition already: {}",
                        table.name,
                        folder_of(&wanted)
                    ))
                    .help("ADD IF NOT EXISTS leaves it"));
                }
                false => made.push(folder_of(&wanted)),
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
        let root = local_root(table, &self.location(&table.location)?)?;
        let there = folders(&root, table.partition_columns.as_ref().map_or(0, Vec::len))?;
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
            self.delete_rows(table, Replaces::Folders(gone.clone())).await?;
            gone.iter().for_each(|folder| unlink_empty(&root, folder));
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
        if !from.is_local() {
            return Err(at(Error::statement("LOAD DATA takes files of this machine's disk")
                .help("CREATE EXTERNAL TABLE over them, and INSERT INTO … SELECT")));
        }
        let location = self.location(&table.location)?;
        let root = local_root(&table, &location)?;
        let lock = self.write_lock(&root).await?;
        let staging = Staging::begin(&root)?;
        let folder = staging.folder().join(folder_of(&wanted));
        let failed = |path: &Path, error: std::io::Error| {
            Error::storage(format!("{} cannot be loaded: {error}", path.display()))
        };
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let mut moved = Vec::new();
        for file in &found.files {
            let path = crate::storage::location::local_path(&file.location);
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Files of one name may come from several loads.
            let to = folder.join(format!("{}_{name}", uuid::Uuid::new_v4().simple()));
            std::fs::copy(&path, &to).map_err(|error| failed(&path, error))?;
            moved.push(path);
        }
        let replaces = match (load.overwrite, wanted.is_empty()) {
            (false, _) => Replaces::Nothing,
            (true, true) => Replaces::Everything,
            (true, false) => Replaces::Partitions(values(&wanted)),
        };
        let replaced = self.replaced_files(&location, &replaces, &staging.files()?).await?;
        staging.commit(&lock, replaced)?;
        if !load.copies {
            for path in moved {
                std::fs::remove_file(&path).map_err(|error| {
                    Error::storage(format!("the rows are loaded, but {} could not be deleted: {error}", path.display()))
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

/// The values of a clause as folders have them.
fn values(partition: &[PartitionColumn]) -> Vec<(String, Option<String>)> {
    partition.iter().map(|column| (column.name.clone(), column.text())).collect()
}

/// Whether a path's folders have all values of a clause; columns without one match any.
pub(in crate::session) fn matches(path: &str, wanted: &[PartitionColumn]) -> bool {
    let has = partition_of(path);
    wanted
        .iter()
        .filter(|column| column.value.is_some())
        .all(|column| has.contains(&(column.name.clone(), column.text())))
}

/// `dt=2024-01-01/country=KR`
pub(super) fn folder_of(partition: &[PartitionColumn]) -> String {
    let texts: Vec<Option<String>> = partition.iter().map(PartitionColumn::text).collect();
    folders_of(partition.iter().map(|column| column.name.as_str()).zip(texts.iter().map(Option::as_deref)))
}

/// A value as Hive has it in a folder's name: letters beyond ASCII stay as they are.
fn escaped(value: &str) -> String {
    let mut name = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '['
            | ']'
            | '^'
            | '\0'..='\x1F'
            | '\x7F' => {
                name.push_str(&format!("%{:02X}", u32::from(c)));
            }
            _ => name.push(c),
        }
    }
    name
}

fn folders_of<'a>(values: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let folder = |(column, value): (&str, Option<&str>)| match value {
        Some(text) => format!("{column}={}", escaped(text)),
        None => format!("{column}={NULL_PARTITION}"),
    };
    values.map(folder).collect::<Vec<_>>().join("/")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_folder_names_are_escaped_as_hive_does() {
        assert_eq!(escaped("a/b=c %"), "a%2Fb%3Dc %25");
        assert_eq!(escaped("größe 한국\t"), "größe 한국%09");
        assert_eq!(
            folders_of([("dt", Some("2024-01-01")), ("country", None)].into_iter()),
            "dt=2024-01-01/country=__HIVE_DEFAULT_PARTITION__"
        );
    }
}
