//! A session's own tables over a lasting catalog.
//!
//! `--data` and CREATE TEMPORARY make tables that are there for one session. They hide tables of the same name in the lasting
//! catalog, and nothing of them is written there.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::memory::MemoryMetastore;
use super::model::{Constraint, Database, Partition, Relation, TableName, TableStatistics};
use super::statistics::PartitionStatistics;
use super::{IfExists, Metastore, TableChange};
use crate::error::Result;

/// Reads both layers; creates in the lasting one; changes a relation where it is.
#[derive(Debug)]
pub struct LayeredMetastore {
    session: Arc<MemoryMetastore>,
    lasting: Arc<dyn Metastore>,
}

impl LayeredMetastore {
    pub fn new(session: Arc<MemoryMetastore>, lasting: Arc<dyn Metastore>) -> Self {
        LayeredMetastore { session, lasting }
    }

    /// The layer that a name is found in; for an unknown one the lasting layer, which has the better error.
    async fn layer_of(&self, name: &TableName) -> Result<&dyn Metastore> {
        match self.session.relation(name).await? {
            Some(_) => Ok(self.session.as_ref()),
            None => Ok(self.lasting.as_ref()),
        }
    }
}

#[async_trait]
impl Metastore for LayeredMetastore {
    async fn databases(&self) -> Result<Vec<Database>> {
        self.lasting.databases().await
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        self.lasting.database(name).await
    }

    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool> {
        self.lasting.create_database(database, if_exists).await
    }

    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>> {
        let mut dropped = self.lasting.drop_database(name, cascade).await?;
        // The session knows of a database only by its own tables in it.
        if self.session.database(name).await?.is_some() {
            dropped.extend(self.session.drop_database(name, true).await?);
        }
        Ok(dropped)
    }

    async fn is_of_session(&self, name: &TableName) -> Result<bool> {
        Ok(self.session.relation(name).await?.is_some())
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        let mut all: BTreeMap<String, Relation> = BTreeMap::new();
        for relation in self.lasting.relations(database).await? {
            all.insert(relation.name().name.clone(), relation);
        }
        if self.session.database(database).await?.is_some() {
            for relation in self.session.relations(database).await? {
                all.insert(relation.name().name.clone(), relation);
            }
        }
        Ok(all.into_values().collect())
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        match self.session.relation(name).await? {
            Some(relation) => Ok(Some(relation)),
            None => self.lasting.relation(name).await,
        }
    }

    async fn partitions(&self, table: &TableName) -> Result<Option<Vec<Partition>>> {
        self.layer_of(table).await?.partitions(table).await
    }

    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        self.layer_of(relation.name()).await?.create_relation(relation, if_exists).await
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        self.layer_of(name).await?.drop_relation(name).await
    }

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()> {
        self.layer_of(from).await?.rename_relation(from, to).await
    }

    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()> {
        self.layer_of(name).await?.update_table(name, change).await
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        self.layer_of(table).await?.evidence(table).await
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        self.layer_of(table).await?.evidence_files(table, constraint).await
    }

    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        self.layer_of(table).await?.store_evidence(table, constraint, evidence, files).await
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        self.layer_of(table).await?.delete_evidence(table, constraint).await
    }

    async fn partition_statistics(&self, table: &TableName) -> Result<Vec<PartitionStatistics>> {
        self.layer_of(table).await?.partition_statistics(table).await
    }

    async fn analyzed_files(&self, table: &TableName) -> Result<Vec<FileFingerprint>> {
        self.layer_of(table).await?.analyzed_files(table).await
    }

    async fn store_statistics(
        &self,
        table: &TableName,
        whole: &TableStatistics,
        folders: &[PartitionStatistics],
        gone: &[String],
    ) -> Result<()> {
        self.layer_of(table).await?.store_statistics(table, whole, folders, gone).await
    }
}
