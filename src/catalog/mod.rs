//! Names to tables: databases, tables, views, constraints and statistics, in memory, in a file, or in another program's
//! metastore.

pub mod catalogs;
pub mod constraints;
pub mod evidence;
pub mod hive;
pub mod information_schema;
pub mod layered;
pub mod memory;
pub mod model;
pub mod provider;
mod rules;
pub mod show_create;
pub mod sqlite;
pub mod statistics;
#[cfg(test)]
mod suite;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::names::nearest;
use evidence::{Evidence, FileFingerprint, FileSet};
use model::{
    Constraint, Database, Partition, Relation, RelationEntry, Table, TableName, TableStatistics, split_database,
};
use statistics::PartitionStatistics;

pub use catalogs::Catalogs;
pub use memory::MemoryMetastore;
pub use provider::{OstrichCatalog, RelationResolver};
pub use sqlite::SqliteMetastore;

/// The name by which queries may put our catalog in front of a database: `ostrich.default.orders`.
pub const CATALOG: &str = "ostrich";

/// What to do when the name to be created is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// An error: plain CREATE.
    Fail,
    /// Nothing: CREATE … IF NOT EXISTS.
    Keep,
    /// Take its place: CREATE OR REPLACE.
    Replace,
}

/// A change to a table, made while nobody else changes it. (A name of its own, because `async_trait` would tie the
/// reference to the call's other lifetimes.)
pub type TableChange = Box<dyn FnOnce(&mut Table) -> Result<()> + Send>;

/// Where names are kept. Every call is one transaction: it happens as a whole or not at all, and other processes see
/// it at once.
///
/// Names are matched exactly; folding case is the front end's work. A name that is not there is an error that says
/// which one was meant ([`unknown_database`], [`unknown_relation`]).
///
/// A foreign key names the table it references. It goes along when that table is renamed, and stays when the table is
/// dropped, which statements refuse to do. Who uses a foreign key must look whether the table is there.
#[async_trait]
pub trait Metastore: Send + Sync + Debug {
    /// All databases, by name.
    async fn databases(&self) -> Result<Vec<Database>>;

    async fn database(&self, name: &str) -> Result<Option<Database>>;

    /// Returns whether it was created: `false` means that it was there and `if_exists` said to keep it. Replacing one
    /// gives it the new comment and location; what it holds stays.
    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool>;

    /// Drops a database; with `cascade` also what it holds, else a database that is not empty is an error. The
    /// database `default` stays. Returns the tables and views that went with it, by name: the caller may have files to
    /// delete.
    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>>;

    /// All tables and views of a database, by name.
    async fn relations(&self, database: &str) -> Result<Vec<Relation>>;

    /// The names of all tables and views of a database, by name: also of those that cannot be read.
    async fn relation_names(&self, database: &str) -> Result<Vec<RelationEntry>> {
        Ok(self.relations(database).await?.iter().map(RelationEntry::from).collect())
    }

    /// The partitions of a table, if the catalog lists them; `None`: the names of folders tell.
    async fn partitions(&self, _table: &TableName) -> Result<Option<Vec<Partition>>> {
        Ok(None)
    }

    /// `None` also when the database is not there.
    async fn relation(&self, name: &TableName) -> Result<Option<Relation>>;

    /// Returns whether it was created: `false` means that it was there and `if_exists` said to keep it. A view never
    /// replaces a table nor a table a view.
    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool>;

    /// Drops a table or view that must be there, and returns what it was.
    async fn drop_relation(&self, name: &TableName) -> Result<Relation>;

    /// Gives a table or view another name, which must be free; foreign keys that reference the table go along. The
    /// files of a managed table stay where they are.
    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()>;

    /// Reads a table, lets `change` alter it, and stores the outcome, with no other writer in between. An error from
    /// `change` leaves all as it was. `change` must not touch the table's name, nor call the metastore.
    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()>;

    /// The evidence on a table's constraints, without its lists of files; nothing for an unknown table. Evidence goes with
    /// its constraint: when that is dropped or declared anew, or its table is dropped or replaced.
    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>>;

    /// The files behind a constraint's evidence, one list for each of its digests; no list if there is no evidence.
    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>>;

    /// Stores evidence in the place of older one. `constraint` is what was checked: if the table has it no more, or another
    /// one of its name, that is an error.
    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()>;

    /// Forgets the evidence on a constraint, if there is any.
    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()>;

    /// Whether a name means a table or view of this session alone, which may hide another one.
    async fn is_of_session(&self, _name: &TableName) -> Result<bool> {
        Ok(false)
    }

    /// What ANALYZE found in each folder of a table, by folder; nothing for an unknown table. It goes with its table: when
    /// that is dropped or replaced. What is known of the table as a whole is [`Table::statistics`].
    async fn partition_statistics(&self, _table: &TableName) -> Result<Vec<PartitionStatistics>> {
        Ok(Vec::new())
    }

    /// The files that ANALYZE looked at, in the order of their paths.
    async fn analyzed_files(&self, _table: &TableName) -> Result<Vec<FileFingerprint>> {
        Ok(Vec::new())
    }

    /// Stores what ANALYZE found: of the table as a whole, and of the folders that it looked at, in the place of what was
    /// known of them. Folders in `gone` are forgotten.
    async fn store_statistics(
        &self,
        table: &TableName,
        _whole: &TableStatistics,
        _folders: &[PartitionStatistics],
        _gone: &[String],
    ) -> Result<()> {
        Err(Error::statement(format!("the statistics of {table} cannot be kept: its catalog is another program's")))
    }
}

/// The error for a database that is not there, with the nearest name that is.
pub async fn unknown_database(metastore: &dyn Metastore, name: &str) -> Error {
    let error = Error::statement(format!("no database \"{name}\""));
    let databases = match metastore.databases().await {
        Ok(databases) => databases,
        // What is not answered may be there.
        Err(error) if split_database(name).0 != CATALOG => return error,
        Err(_) => Vec::new(),
    };
    match nearest(name, databases.iter().map(|database| database.name.as_str())) {
        Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
        None => error,
    }
}

/// The error for a table or view that is not there, with the nearest name that is: in its database, or else the same
/// name in another one.
pub async fn unknown_relation(metastore: &dyn Metastore, name: &TableName) -> Error {
    match metastore.database(&name.database).await {
        Ok(Some(_)) => {}
        Ok(None) => return unknown_database(metastore, &name.database).await,
        Err(error) => return error,
    }
    let error = Error::statement(format!("no table or view \"{}\" in {}", name.name, name.database));
    let beside = metastore.relations(&name.database).await.unwrap_or_default();
    if let Some(meant) = nearest(&name.name, beside.iter().map(|relation| relation.name().name.as_str())) {
        return error.help(format!("did you mean \"{meant}\"?"));
    }
    for database in metastore.databases().await.unwrap_or_default() {
        let elsewhere = TableName::new(database.name, name.name.as_str());
        if let Ok(Some(_)) = metastore.relation(&elsewhere).await {
            return error.help(format!("did you mean {elsewhere}?"));
        }
    }
    error
}
