//! Partitions that get another name or another table: RENAME TO PARTITION, EXCHANGE PARTITION, SET LOCATION.
//!
//! A partition is a folder of its table, and lies nowhere else: its files are listed, locked and replaced with those of its table.
//! So a place can only be given to a partition if it is the one that it has. Files that move are linked to their new names and
//! committed as any write, so that no reader sees half of them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use sqlparser::ast::{Expr, ObjectName, Spanned};

use super::columns::former_names;
use super::partition::{folders, local_root, matches, require_partitions, require_values, unlink_empty};
use crate::catalog::model::{Table, TableKind};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::partition_clause::{PartitionColumn, folder_of, partition_spec};
use crate::session::write::is_in_one_of;
use crate::sql::source::{Source, Span};
use crate::storage::commit::{Staging, WriteLock};
use crate::storage::listing;
use crate::storage::location::Location;

impl Session {
    pub(super) async fn rename_partition(
        &self,
        table: &Table,
        from: &[Expr],
        to: &[Expr],
        source: &Arc<Source>,
    ) -> Result<()> {
        require_partitions(table)?;
        let location = self.location(&table.location)?;
        let root = local_root(table, &location)?;
        let count = table.partition_columns.as_ref().map_or(0, Vec::len);
        let (old, new) = (partition_spec(from, table, source)?, partition_spec(to, table, source)?);
        for (spec, clause) in [(&old, from), (&new, to)] {
            require_all_values(spec, count, clause, source)?;
        }
        let lock = self.write_lock(&root).await?;
        let there = folders(&root, count)?;
        let find = |spec: &[PartitionColumn]| there.iter().find(|name| matches(table, name, spec));
        let Some(old_folder) = find(&old) else {
            return Err(no_partition(table, &folder_of(&old)?).at(source, span_of(from)));
        };
        if let Some(taken) = find(&new) {
            return Err(
                Error::statement(format!("{} has a partition {taken} already", table.name)).at(source, span_of(to))
            );
        }
        let new_folder = folder_of(&new)?;
        let moved = self.files_in(&location, &HashSet::from([old_folder.clone()])).await?;
        if moved.is_empty() {
            make_folder(&root.join(&new_folder))?;
        } else {
            let staging = Staging::begin(&root)?;
            for file in &moved {
                let below = file.strip_prefix(old_folder.as_str()).unwrap_or(file).trim_start_matches('/');
                link(&root.join(file), &staging.folder().join(&new_folder).join(below))?;
            }
            staging.commit(&lock, moved)?;
        }
        unlink_empty(&root, old_folder);
        Ok(())
    }

    /// Moves the partitions that match from another table to this one, which must not have them yet.
    ///
    /// Two folders have no commit in common. The files become part of this table first, so that no row is ever lost; what dies between
    /// the two commits is finished by the same statement.
    pub(super) async fn exchange_partition(
        &self,
        table: &Table,
        partition: &[Expr],
        with: &ObjectName,
        source: &Arc<Source>,
    ) -> Result<()> {
        require_partitions(table)?;
        let other = self.table_to_change(with, source).await?;
        let at = |error: Error| error.at(source, with.span());
        require_same_layout(table, &other).map_err(at)?;
        let wanted = partition_spec(partition, table, source)?;
        require_values(&wanted)?;
        let (to, from) = (self.location(&table.location)?, self.location(&other.location)?);
        let (to_root, from_root) = (local_root(table, &to)?, local_root(&other, &from)?);
        if to_root == from_root {
            return Err(at(Error::statement(format!("{} and {} have the same files", table.name, other.name))));
        }
        // In one order whichever way round, so that two exchanges do not wait for each other.
        let (to_lock, from_lock) = if to_root < from_root {
            let to_lock = self.write_lock(&to_root).await?;
            (to_lock, self.write_lock(&from_root).await?)
        } else {
            let from_lock = self.write_lock(&from_root).await?;
            (self.write_lock(&to_root).await?, from_lock)
        };
        let there = folders(&from_root, table.partition_columns.as_ref().map_or(0, Vec::len))?;
        let moved: HashSet<String> = there.into_iter().filter(|name| matches(&other, name, &wanted)).collect();
        let files = self.files_in(&from, &moved).await?;
        if files.is_empty() {
            return Err(no_partition(&other, &folder_of(&wanted)?).at(source, span_of(partition)));
        }
        let taken = self.files_in(&to, &moved).await?;
        let is_half_done = !taken.is_empty()
            && taken.len() == files.len()
            && files.iter().all(|file| is_same_file(&from_root.join(file), &to_root.join(file)));
        if let Some(file) = taken.first().filter(|_| !is_half_done) {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            return Err(Error::statement(format!("{} has a partition {folder} already", table.name))
                .at(source, span_of(partition))
                .help("drop it first, or INSERT OVERWRITE it with a query"));
        }
        if !is_half_done {
            let staging = Staging::begin(&to_root)?;
            for file in &files {
                link(&from_root.join(file), &staging.folder().join(file))?;
            }
            staging.commit(&to_lock, Vec::new())?;
        }
        Staging::begin(&from_root)?.commit(&from_lock, files)?;
        moved.iter().for_each(|folder| unlink_empty(&from_root, folder));
        Ok(())
    }

    pub(super) async fn set_location(
        &self,
        table: &Table,
        partition: &[Expr],
        place: &str,
        place_span: Span,
        source: &Arc<Source>,
    ) -> Result<()> {
        if !partition.is_empty() {
            require_partitions(table)?;
            let spec = partition_spec(partition, table, source)?;
            require_all_values(&spec, table.partition_columns.as_ref().map_or(0, Vec::len), partition, source)?;
            return self.require_own_place(table, &spec, place, place_span, source);
        }
        let at = |error: Error| error.at(source, place_span);
        if table.kind == TableKind::Managed {
            return Err(at(Error::statement(format!(
                "the files of {} are Ostrich's own, and stay in its warehouse",
                table.name
            ))
            .help("CREATE EXTERNAL TABLE names files that lie elsewhere; COPY … TO writes rows to another place")));
        }
        let location = self.location(place).map_err(at)?;
        let location = if self.location(&table.location)?.is_folder() { location.into_folder() } else { location };
        let mut moved = table.clone();
        moved.location = location.absolute();
        // A place whose files do not fit the table is told now.
        self.tables.open(&self.context.state(), &moved).await.map_err(at)?;
        self.change(&table.name, move |table| {
            table.location = moved.location;
            Ok(())
        })
        .await
    }

    /// A partition has its place by its values, and can have no other.
    pub(super) fn require_own_place(
        &self,
        table: &Table,
        spec: &[PartitionColumn],
        place: &str,
        place_span: Span,
        source: &Arc<Source>,
    ) -> Result<()> {
        let at = |error: Error| error.at(source, place_span);
        let own = self.location(&table.location)?.join(&format!("{}/", folder_of(spec)?))?;
        let given = self.location(place).map_err(at)?.into_folder();
        if own.absolute() == given.absolute() {
            return Ok(());
        }
        Err(at(Error::statement(format!(
            "a partition lies in its table's folder: this one in {own}, and nowhere else"
        ))
        .help("LOAD DATA INPATH … INTO TABLE … PARTITION (…) takes files from elsewhere")
        .help("a table of its own over the other place, and a view with UNION ALL, may do")))
    }

    /// Keeps all others from changing a folder on a disk of this machine.
    async fn write_lock(&self, root: &Path) -> Result<WriteLock> {
        WriteLock::wait(root, self.own_settings().patience().lock_timeout).await
    }

    /// The data files in some folders of a table, below its location.
    async fn files_in(&self, location: &Location, folders: &HashSet<String>) -> Result<Vec<String>> {
        let store = self.context.state().runtime_env().object_store(location.store())?;
        let found = listing::list(&store, location).await?.files;
        let files = found.iter().filter_map(|file| location.below(&file.location));
        Ok(files.filter(|file| is_in_one_of(file, folders)).map(str::to_string).collect())
    }
}

fn require_all_values(spec: &[PartitionColumn], count: usize, clause: &[Expr], source: &Arc<Source>) -> Result<()> {
    require_values(spec)?;
    match spec.len() == count {
        true => Ok(()),
        false => Err(Error::statement(format!("one partition is named by the values of all {count} columns"))
            .at(source, span_of(clause))),
    }
}

fn span_of(clause: &[Expr]) -> Span {
    Span::union_iter(clause.iter().map(Spanned::span))
}

fn no_partition(table: &Table, folder: &str) -> Error {
    Error::statement(format!("{} has no partition {folder}", table.name)).help("SHOW PARTITIONS lists them")
}

/// Files can change their table only if both read them in the same way.
fn require_same_layout(one: &Table, other: &Table) -> Result<()> {
    let columns = |table: &Table| -> Vec<_> {
        let all = table.columns.iter().chain(table.partition_columns.iter().flatten());
        all.map(|column| (column.name.clone(), column.data_type.clone())).collect()
    };
    let differ =
        if columns(one) != columns(other) || one.partition_columns.is_some() != other.partition_columns.is_some() {
            "columns"
        } else if one.format != other.format || one.options != other.options {
            "formats"
        } else if former_names(one) != former_names(other) {
            "names for columns in older files"
        } else {
            return Ok(());
        };
    Err(Error::statement(format!("{} and {} have different {differ}", one.name, other.name))
        .help("INSERT INTO … SELECT copies rows from one to the other"))
}

fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::storage(format!("{} cannot be made: {error}", path.display())))
}

/// The same file under a second name; a copy where that cannot be.
fn link(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| Error::storage(format!("{} cannot be moved to {}: {error}", from.display(), to.display())))
}

/// Whether two names are of one file.
#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    identity(one).is_some_and(|file| identity(other) == Some(file))
}

#[cfg(not(unix))]
fn is_same_file(_one: &Path, _other: &Path) -> bool {
    false
}
