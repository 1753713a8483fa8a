//! A catalog that lasts: one SQLite file in a folder, used by several processes at once.
//!
//! The folder holds `catalog.sqlite` and, under `warehouse/`, the files of managed tables; it can be copied or moved
//! as a whole. Readers see one state of the catalog for the length of a call, writers come one after the other.

mod evidence;
mod file;
mod location;
mod migrations;
mod rows;
mod statistics;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::model::{Constraint, DEFAULT_DATABASE, Database, Relation, TableName, TableStatistics};
use super::statistics::PartitionStatistics;
use super::{IfExists, Metastore, TableChange, rules, unknown_database, unknown_relation};
use crate::error::{Error, Result};
use location::Folder;

/// The catalog's file in its folder.
pub const FILE_NAME: &str = "catalog.sqlite";

/// The folder of managed tables in the catalog's folder.
pub const WAREHOUSE: &str = "warehouse";

/// A catalog in a SQLite file.
#[derive(Debug)]
pub struct SqliteMetastore {
    connection: Mutex<Connection>,
    file: PathBuf,
    folder: Folder,
}

/// Why a transaction ended without effect.
#[derive(Debug)]
enum Failure {
    /// SQLite could not do it.
    Sqlite(rusqlite::Error),
    /// We did not want it, or found something stored that we cannot read.
    Refused(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Refused(error)
    }
}

type Outcome<T> = std::result::Result<T, Failure>;

impl SqliteMetastore {
    /// Opens the catalog in `dir`. A folder without one gets one, and a missing folder is made.
    ///
    /// A file that is damaged, read-only, of a newer version of Ostrich or no catalog at all is an error of kind
    /// `Storage`, and stays as it is.
    pub fn open(dir: &Path) -> Result<Self> {
        refuse_other_folder(dir)?;
        let folder = Folder::open(dir)?;
        let file = folder.path().join(FILE_NAME);
        let connection = file::open(&file)?;
        Ok(SqliteMetastore { connection: Mutex::new(connection), file, folder })
    }

    /// The catalog's folder, as an absolute path.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where managed tables lie unless their database says otherwise. Not made before something is written to it.
    pub fn warehouse(&self) -> PathBuf {
        self.folder.path().join(WAREHOUSE)
    }

    /// Runs `work` on one unchanging state of the catalog.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Result<T> {
        self.transaction(TransactionBehavior::Deferred, work)
    }

    /// Runs `work` while nobody else writes, from before its first look at the data: a transaction that begins by
    /// reading and writes later may find that what it read is no longer true.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Result<T> {
        self.transaction(TransactionBehavior::Immediate, work)
    }

    fn transaction<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Outcome<T>,
    ) -> Result<T> {
        // A panic in `work` drops its transaction, which rolls back: the connection is as good as before.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let transaction = connection.transaction_with_behavior(behavior)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|failure| match failure {
            Failure::Sqlite(error) => file::storage_error(&self.file, &error),
            Failure::Refused(error) => error,
        })
    }
}

/// A folder with other things in it was named by mistake more likely than not: a catalog is not put among them. Hidden files do not
/// count; they come from the system or from Git.
fn refuse_other_folder(dir: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    let first = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .find(|name| !name.starts_with('.'));
    match first {
        // Looked for last: another process may be making the catalog.
        Some(other) if !dir.join(FILE_NAME).exists() => {
            Err(Error::usage(format!("{} is no catalog: it has no {FILE_NAME}, but {other}", dir.display()))
                .help("give a new or empty folder to --catalog, or that of a catalog; data is registered with --data"))
        }
        _ => Ok(()),
    }
}

// Where a transaction returns `None`, the name was not there; the error for it asks the metastore for the names that
// are, and so must come after the transaction.
#[async_trait]
impl Metastore for SqliteMetastore {
    async fn databases(&self) -> Result<Vec<Database>> {
        self.read(|tx| rows::databases(tx, &self.folder))
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        self.read(|tx| rows::database(tx, &self.folder, name))
    }

    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool> {
        rules::check_database(database)?;
        self.write(|tx| {
            if rows::database_id(tx, &database.name)?.is_none() {
                rows::insert_database(tx, &self.folder, database)?;
                return Ok(true);
            }
            match if_exists {
                IfExists::Fail => Err(rules::database_taken(&database.name).into()),
                IfExists::Keep => Ok(false),
                IfExists::Replace => {
                    rows::update_database(tx, &self.folder, database)?;
                    Ok(true)
                }
            }
        })
    }

    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>> {
        let dropped = self.write(|tx| {
            let Some(id) = rows::database_id(tx, name)? else { return Ok(None) };
            if name == DEFAULT_DATABASE {
                return Err(rules::default_database_stays().into());
            }
            let relations = rows::relations(tx, &self.folder, id)?;
            if !relations.is_empty() && !cascade {
                return Err(rules::database_not_empty(name, relations.len()).into());
            }
            rows::delete_database(tx, id)?;
            Ok(Some(relations))
        })?;
        match dropped {
            Some(relations) => Ok(relations),
            None => Err(unknown_database(self, name).await),
        }
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        let found = self.read(|tx| match rows::database_id(tx, database)? {
            Some(id) => rows::relations(tx, &self.folder, id).map(Some),
            None => Ok(None),
        })?;
        match found {
            Some(relations) => Ok(relations),
            None => Err(unknown_database(self, database).await),
        }
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        self.read(|tx| Ok(rows::relation(tx, &self.folder, name)?.map(|(_, relation)| relation)))
    }

    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        rules::check_relation(relation)?;
        let name = relation.name();
        let created = self.write(|tx| {
            let Some(database) = rows::database_id(tx, &name.database)? else { return Ok(None) };
            if let Some((id, existing)) = rows::relation(tx, &self.folder, name)? {
                match if_exists {
                    IfExists::Fail => return Err(rules::relation_taken(&existing).into()),
                    IfExists::Keep => return Ok(Some(false)),
                    IfExists::Replace => {
                        rules::check_replacement(&existing, relation)?;
                        rows::delete_relation(tx, id)?;
                    }
                }
            }
            rows::insert_relation(tx, &self.folder, database, relation)?;
            Ok(Some(true))
        })?;
        match created {
            Some(created) => Ok(created),
            None => Err(unknown_database(self, &name.database).await),
        }
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        let dropped = self.write(|tx| match rows::relation(tx, &self.folder, name)? {
            Some((id, relation)) => {
                rows::delete_relation(tx, id)?;
                Ok(Some(relation))
            }
            None => Ok(None),
        })?;
        match dropped {
            Some(relation) => Ok(relation),
            None => Err(unknown_relation(self, name).await),
        }
    }

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()> {
        rules::check_relation_name(to)?;
        let missing = self.write(|tx| {
            let Some((id, _)) = rows::relation(tx, &self.folder, from)? else { return Ok(Some(Missing::Relation)) };
            let Some(database) = rows::database_id(tx, &to.database)? else { return Ok(Some(Missing::Database)) };
            if let Some((_, existing)) = rows::relation(tx, &self.folder, to)? {
                return Err(rules::new_name_taken(&existing).into());
            }
            rows::rename_relation(tx, id, database, from, to)?;
            Ok(None)
        })?;
        match missing {
            None => Ok(()),
            Some(Missing::Relation) => Err(unknown_relation(self, from).await),
            Some(Missing::Database) => Err(unknown_database(self, &to.database).await),
        }
    }

    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()> {
        let updated = self.write(|tx| match rows::relation(tx, &self.folder, name)? {
            None => Ok(None),
            Some((_, Relation::View(_))) => Err(rules::not_a_table(name).into()),
            Some((id, Relation::Table(mut table))) => {
                let before = table.constraints.clone();
                change(&mut table)?;
                rules::check_updated(name, &table)?;
                rows::replace_table(tx, &self.folder, id, &table)?;
                evidence::delete_changed(tx, id, &before, &table.constraints)?;
                Ok(Some(()))
            }
        })?;
        match updated {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, name).await),
        }
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        self.read(|tx| evidence::load(tx, table))
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        self.read(|tx| evidence::load_files(tx, table, constraint))
    }

    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        let stored = self.write(|tx| match rows::relation(tx, &self.folder, table)? {
            None => Ok(None),
            Some((_, Relation::View(_))) => Err(rules::not_a_table(table).into()),
            Some((id, Relation::Table(found))) => {
                rules::check_evidence(&found, constraint, evidence, files)?;
                evidence::store(tx, id, evidence, files)?;
                Ok(Some(()))
            }
        })?;
        match stored {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, table).await),
        }
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        self.write(|tx| match rows::relation(tx, &self.folder, table)? {
            Some((id, _)) => evidence::delete(tx, id, constraint),
            None => Ok(()),
        })
    }

    async fn partition_statistics(&self, table: &TableName) -> Result<Vec<PartitionStatistics>> {
        self.read(|tx| statistics::load_folders(tx, table))
    }

    async fn analyzed_files(&self, table: &TableName) -> Result<Vec<FileFingerprint>> {
        self.read(|tx| statistics::load_files(tx, table))
    }

    async fn store_statistics(
        &self,
        table: &TableName,
        whole: &TableStatistics,
        folders: &[PartitionStatistics],
        gone: &[String],
    ) -> Result<()> {
        let stored = self.write(|tx| match rows::relation(tx, &self.folder, table)? {
            None => Ok(None),
            Some((_, Relation::View(_))) => Err(rules::not_a_table(table).into()),
            Some((id, Relation::Table(_))) => {
                statistics::replace(tx, id, whole)?;
                for folder in gone {
                    statistics::delete_folder(tx, id, folder)?;
                }
                for folder in folders {
                    statistics::store_folder(tx, id, folder)?;
                }
                Ok(Some(()))
            }
        })?;
        match stored {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, table).await),
        }
    }
}

enum Missing {
    Relation,
    Database,
}

#[cfg(test)]
mod tests;
