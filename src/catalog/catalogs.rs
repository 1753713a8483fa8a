//! Our own catalog, and those of other programs beside it.
//!
//! A database of another one is called by both names, `hive.sales`, and so is found where it belongs. What goes through
//! all databases goes through our own: a statement on it must neither wait for another program nor fail with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::model::{
    Constraint, Database, Partition, Relation, RelationEntry, TableName, TableStatistics, split_database,
};
use super::statistics::PartitionStatistics;
use super::{CATALOG, IfExists, Metastore, TableChange};
use crate::error::{Error, Result};
use crate::names::nearest;

/// All catalogs of a session.
#[derive(Debug)]
pub struct Catalogs {
    own: Arc<dyn Metastore>,
    others: BTreeMap<String, Arc<dyn Metastore>>,
}

impl Catalogs {
    pub fn new(own: Arc<dyn Metastore>) -> Self {
        Catalogs { own, others: BTreeMap::new() }
    }

    /// With another catalog, which answers to databases with its name in front.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, metastore: Arc<dyn Metastore>) -> Self {
        self.others.insert(name.into(), metastore);
        self
    }

    /// The names of all catalogs, our own first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [CATALOG].into_iter().chain(self.others.keys().map(String::as_str))
    }

    /// The other catalogs, by name.
    pub fn others(&self) -> impl Iterator<Item = (&str, &Arc<dyn Metastore>)> {
        self.others.iter().map(|(name, metastore)| (name.as_str(), metastore))
    }

    /// All databases of a catalog.
    ///
    /// # Errors
    ///
    /// Statement, for an unknown one.
    pub async fn databases_of(&self, catalog: &str) -> Result<Vec<Database>> {
        match self.others.get(catalog) {
            Some(other) => other.databases().await,
            None if catalog == CATALOG => self.own.databases().await,
            None => Err(self.unknown_catalog(catalog)),
        }
    }

    /// Whether a database is another program's.
    pub fn is_others(&self, database: &str) -> bool {
        self.others.contains_key(split_database(database).0)
    }

    /// The error for a catalog that is not there.
    pub fn unknown_catalog(&self, name: &str) -> Error {
        let error = Error::statement(format!("no catalog \"{name}\""));
        match nearest(name, self.names()) {
            Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
            None => error
                .help(format!("there are: {}", self.names().collect::<Vec<_>>().join(", ")))
                .help("[catalog.hive] in ostrich.toml names a Hive Metastore"),
        }
    }

    /// The same catalogs for one statement: what other programs say of a table is asked once, and holds to its end.
    #[must_use]
    pub fn for_statement(&self) -> Self {
        let remembering = |(name, metastore): (&String, &Arc<dyn Metastore>)| {
            let metastore: Arc<dyn Metastore> = Arc::new(Remembering::new(Arc::clone(metastore)));
            (name.clone(), metastore)
        };
        Catalogs { own: Arc::clone(&self.own), others: self.others.iter().map(remembering).collect() }
    }

    fn of(&self, database: &str) -> &dyn Metastore {
        self.others.get(split_database(database).0).unwrap_or(&self.own).as_ref()
    }
}

#[async_trait]
impl Metastore for Catalogs {
    /// Those of our own.
    async fn databases(&self) -> Result<Vec<Database>> {
        self.own.databases().await
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        self.of(name).database(name).await
    }

    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool> {
        self.of(&database.name).create_database(database, if_exists).await
    }

    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>> {
        self.of(name).drop_database(name, cascade).await
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        self.of(database).relations(database).await
    }

    async fn relation_names(&self, database: &str) -> Result<Vec<RelationEntry>> {
        self.of(database).relation_names(database).await
    }

    async fn partitions(&self, table: &TableName) -> Result<Option<Vec<Partition>>> {
        self.of(&table.database).partitions(table).await
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        self.of(&name.database).relation(name).await
    }

    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        self.of(&relation.name().database).create_relation(relation, if_exists).await
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        self.of(&name.database).drop_relation(name).await
    }

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()> {
        self.of(&from.database).rename_relation(from, to).await
    }

    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()> {
        self.of(&name.database).update_table(name, change).await
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        self.of(&table.database).evidence(table).await
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        self.of(&table.database).evidence_files(table, constraint).await
    }

    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        self.of(&table.database).store_evidence(table, constraint, evidence, files).await
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        self.of(&table.database).delete_evidence(table, constraint).await
    }

    async fn is_of_session(&self, name: &TableName) -> Result<bool> {
        self.of(&name.database).is_of_session(name).await
    }

    async fn partition_statistics(&self, table: &TableName) -> Result<Vec<PartitionStatistics>> {
        self.of(&table.database).partition_statistics(table).await
    }

    async fn analyzed_files(&self, table: &TableName) -> Result<Vec<FileFingerprint>> {
        self.of(&table.database).analyzed_files(table).await
    }

    async fn store_statistics(
        &self,
        table: &TableName,
        whole: &TableStatistics,
        folders: &[PartitionStatistics],
        gone: &[String],
    ) -> Result<()> {
        self.of(&table.database).store_statistics(table, whole, folders, gone).await
    }
}

/// A catalog that is asked about each table once.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn Metastore>,
    relations: Mutex<HashMap<TableName, Option<Relation>>>,
    partitions: Mutex<HashMap<TableName, Option<Vec<Partition>>>>,
}

impl Remembering {
    fn new(inner: Arc<dyn Metastore>) -> Self {
        Remembering { inner, relations: Mutex::default(), partitions: Mutex::default() }
    }
}

#[async_trait]
impl Metastore for Remembering {
    async fn databases(&self) -> Result<Vec<Database>> {
        self.inner.databases().await
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        self.inner.database(name).await
    }

    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool> {
        self.inner.create_database(database, if_exists).await
    }

    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>> {
        self.inner.drop_database(name, cascade).await
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        self.inner.relations(database).await
    }

    async fn relation_names(&self, database: &str) -> Result<Vec<RelationEntry>> {
        self.inner.relation_names(database).await
    }

    async fn partitions(&self, table: &TableName) -> Result<Option<Vec<Partition>>> {
        if let Some(known) = self.partitions.lock().get(table) {
            return Ok(known.clone());
        }
        let found = self.inner.partitions(table).await?;
        self.partitions.lock().insert(table.clone(), found.clone());
        Ok(found)
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        if let Some(known) = self.relations.lock().get(name) {
            return Ok(known.clone());
        }
        let found = self.inner.relation(name).await?;
        self.relations.lock().insert(name.clone(), found.clone());
        Ok(found)
    }

    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        self.relations.lock().clear();
        self.inner.create_relation(relation, if_exists).await
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        self.relations.lock().clear();
        self.inner.drop_relation(name).await
    }

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()> {
        self.relations.lock().clear();
        self.inner.rename_relation(from, to).await
    }

    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()> {
        self.relations.lock().clear();
        self.inner.update_table(name, change).await
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        self.inner.evidence(table).await
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        self.inner.evidence_files(table, constraint).await
    }

    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        self.inner.store_evidence(table, constraint, evidence, files).await
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        self.inner.delete_evidence(table, constraint).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryMetastore;
    use super::super::suite::{self, create, create_database, table};
    use super::*;
    use crate::catalog::model::Table;

    suite::metastore_suite!((Catalogs::new(Arc::new(MemoryMetastore::new())), ()));

    /// A catalog in memory in the place of another program's; its database cannot be made by a statement.
    async fn with_other() -> (Catalogs, Arc<MemoryMetastore>) {
        let other = Arc::new(MemoryMetastore::with_database("other.sales"));
        let in_other = Table { name: TableName::new("other.sales", "t"), ..table("t") };
        other.create_relation(&Relation::Table(in_other), IfExists::Fail).await.unwrap();
        let own: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
        (Catalogs::new(own).with("other", Arc::clone(&other) as _), other)
    }

    #[tokio::test]
    async fn names_lead_to_their_catalog() {
        let (catalogs, _) = with_other().await;
        create_database(&catalogs, "sales").await;
        create(&catalogs, Table { name: TableName::new("sales", "own"), ..table("own") }).await;
        let names = async |database: &str| {
            let entries = catalogs.relation_names(database).await.unwrap();
            entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        assert_eq!((names("sales").await, names("other.sales").await), (vec!["own".into()], vec!["t".to_string()]));
        let all = catalogs.databases().await.unwrap();
        assert_eq!(all.iter().map(|database| database.name.as_str()).collect::<Vec<_>>(), ["default", "sales"]);
        assert_eq!(catalogs.names().collect::<Vec<_>>(), ["ostrich", "other"]);
        assert!(catalogs.is_others("other.sales") && !catalogs.is_others("sales"));
        let error = catalogs.databases_of("othr").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"other\"?"]);
    }

    #[tokio::test]
    async fn a_statement_sees_one_state_of_another_catalog() {
        let (catalogs, other) = with_other().await;
        let name = TableName::new("other.sales", "t");
        let statement = catalogs.for_statement();
        assert!(statement.relation(&name).await.unwrap().is_some());
        other.drop_relation(&name).await.unwrap();
        assert!(statement.relation(&name).await.unwrap().is_some());
        assert!(catalogs.for_statement().relation(&name).await.unwrap().is_none());
    }
}
