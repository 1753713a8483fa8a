//! Names to tables: databases, tables, views, constraints and statistics, in memory or in a file.

pub mod model;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;
use model::{Database, Relation, Table, TableName};

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

/// Where names are kept. Every call is one transaction: it happens as a whole or not at all, and other processes see it at once.
///
/// Names are matched exactly; folding case is the front end's work.
#[async_trait]
pub trait Metastore: Send + Sync + Debug {
    /// All databases, by name.
    async fn databases(&self) -> Result<Vec<Database>>;

    async fn database(&self, name: &str) -> Result<Option<Database>>;

    /// Returns whether it was created: `false` means that it was there and `if_exists` said to keep it.
    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool>;

    /// Drops a database; with `cascade` also what it holds, else a database that is not empty is an error. The database `default` stays.
    async fn drop_database(&self, name: &str, cascade: bool) -> Result<()>;

    /// All tables and views of a database, by name.
    async fn relations(&self, database: &str) -> Result<Vec<Relation>>;

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>>;

    /// Returns whether it was created: `false` means that it was there and `if_exists` said to keep it. A view never replaces a
    /// table nor a table a view.
    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool>;

    /// Drops a table or view that must be there, and returns what it was.
    async fn drop_relation(&self, name: &TableName) -> Result<Relation>;

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()>;

    /// Reads a table, lets `change` alter it, and stores the outcome, with no other writer in between. An error from `change` leaves
    /// all as it was.
    async fn update_table(
        &self,
        name: &TableName,
        change: Box<dyn FnOnce(&mut Table) -> Result<()> + Send>,
    ) -> Result<()>;
}
