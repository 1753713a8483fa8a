//! The names that completion offers: tables, columns, functions, settings.
//!
//! The line editor runs on a thread of its own and must not wait. What is at hand is copied here between statements;
//! columns, and tables of other databases, are looked up when somebody types the name they belong to.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::runtime::Handle;

use super::lookup::Lookup;
use crate::catalog::CATALOG;
use crate::catalog::model::{TableName, split_database};
use crate::session::Session;
use crate::sql::dialect::Dialect;

/// How long Tab waits for names that are not here yet. A local table is opened in a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(250);

/// The names of a session.
pub(super) struct Names {
    session: Arc<Session>,
    at_hand: RwLock<Arc<AtHand>>,
    columns: Lookup<TableName>,
    relations: Lookup<String>,
    /// Of catalogs of other programs.
    databases: Lookup<String>,
}

/// Names that cost nothing to get.
#[derive(Debug, Clone, Default)]
pub(super) struct AtHand {
    pub dialect: Dialect,
    pub database: String,
    /// Of our own catalog.
    pub databases: Vec<String>,
    /// Those of other programs.
    pub catalogs: Vec<String>,
    pub functions: Vec<String>,
    pub settings: Vec<String>,
    pub variables: Vec<String>,
}

impl Names {
    pub(super) fn new(session: Arc<Session>, runtime: Handle) -> Self {
        let (columns, relations) = (Lookup::new(runtime.clone()), Lookup::new(runtime.clone()));
        Names { session, at_hand: RwLock::default(), columns, relations, databases: Lookup::new(runtime) }
    }

    /// Looks again at what a statement may have changed. Tables are looked up anew in any case: another process may
    /// have made some.
    pub(super) async fn refresh(&self) {
        let session = &self.session;
        let before = self.at_hand();
        let databases = session.metastore().databases().await.unwrap_or_default();
        let functions = if before.functions.is_empty() {
            let mut names: Vec<String> = session.functions().into_iter().map(|function| function.name).collect();
            names.dedup();
            names
        } else {
            before.functions.clone()
        };
        let settings = if before.settings.is_empty() {
            session.settings().into_iter().map(|setting| setting.name).collect()
        } else {
            before.settings.clone()
        };
        let at_hand = AtHand {
            dialect: session.dialect(),
            database: session.database(),
            databases: databases.into_iter().map(|database| database.name).collect(),
            catalogs: session.catalogs().others().map(|(name, _)| name.to_string()).collect(),
            functions,
            settings,
            variables: session.variables().into_iter().map(|(name, _)| name).collect(),
        };
        self.relations.clear();
        self.databases.clear();
        let database = at_hand.database.clone();
        *self.at_hand.write() = Arc::new(at_hand);
        self.ask_for_relations(&database);
    }

    /// After a statement that may have changed tables: their columns are read again.
    pub(super) fn forget_columns(&self) {
        self.columns.clear();
    }

    #[cfg(test)]
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(super) fn at_hand(&self) -> Arc<AtHand> {
        Arc::clone(&self.at_hand.read())
    }

    /// The databases of a catalog, by their names in it.
    pub(super) fn databases(&self, catalog: &str) -> Arc<Vec<String>> {
        let (session, name) = (Arc::clone(&self.session), catalog.to_string());
        let found = self.databases.get(&catalog.to_string(), PATIENCE, || databases(session, name));
        found.unwrap_or_default()
    }

    /// The databases of the current catalog.
    pub(super) fn databases_here(&self) -> Arc<Vec<String>> {
        let at_hand = self.at_hand();
        match split_database(&at_hand.database).0 {
            CATALOG => Arc::new(at_hand.databases.clone()),
            other => self.databases(other),
        }
    }

    /// Tables and views of a database.
    pub(super) fn relations(&self, database: &str) -> Arc<Vec<String>> {
        let (session, name) = (Arc::clone(&self.session), database.to_string());
        let found = self.relations.get(&database.to_string(), PATIENCE, || relations(session, name));
        found.unwrap_or_default()
    }

    fn ask_for_relations(&self, database: &str) {
        let (session, name) = (Arc::clone(&self.session), database.to_string());
        self.relations.ask(&database.to_string(), || relations(session, name));
    }

    /// Columns of a table or view; empty where they are not known.
    pub(super) fn columns(&self, table: &TableName) -> Arc<Vec<String>> {
        let (session, name) = (Arc::clone(&self.session), table.clone());
        self.columns.get(table, PATIENCE, || async move { session.table_columns(&name).await }).unwrap_or_default()
    }

    /// Begins to look up columns that will probably be asked for.
    pub(super) fn ask_for_columns(&self, table: &TableName) {
        let (session, name) = (Arc::clone(&self.session), table.clone());
        self.columns.ask(table, || async move { session.table_columns(&name).await });
    }
}

async fn relations(session: Arc<Session>, database: String) -> Option<Vec<String>> {
    let entries = session.metastore().relation_names(&database).await.ok()?;
    Some(entries.into_iter().map(|entry| entry.name).collect())
}

async fn databases(session: Arc<Session>, catalog: String) -> Option<Vec<String>> {
    let databases = session.catalogs().databases_of(&catalog).await.ok()?;
    Some(databases.into_iter().map(|database| split_database(&database.name).1.to_string()).collect())
}
