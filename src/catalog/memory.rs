//! A catalog that lives as long as the process: what is used when nobody asked for a lasting one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::model::{
    Constraint, ConstraintKind, DEFAULT_DATABASE, Database, Relation, Table, TableName, TableStatistics,
};
use super::statistics::{self, PartitionStatistics};
use super::{IfExists, Metastore, TableChange, rules, unknown_database, unknown_relation};
use crate::error::Result;

/// A catalog in memory.
#[derive(Debug)]
pub struct MemoryMetastore {
    state: Mutex<State>,
}

/// Both in the order of their names, tables by database first.
#[derive(Debug, Default)]
struct State {
    databases: BTreeMap<String, Database>,
    relations: BTreeMap<TableName, Relation>,
    /// By table.
    evidence: BTreeMap<TableName, Vec<Kept>>,
    /// By table and folder.
    statistics: BTreeMap<TableName, BTreeMap<String, PartitionStatistics>>,
}

/// Evidence with the files that it was found on.
#[derive(Debug, Clone)]
struct Kept {
    evidence: Evidence,
    files: Vec<FileSet>,
}

impl Default for MemoryMetastore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryMetastore {
    /// A catalog with the empty database `default`.
    pub fn new() -> Self {
        let databases = BTreeMap::from([(DEFAULT_DATABASE.to_owned(), Database::new(DEFAULT_DATABASE))]);
        MemoryMetastore { state: Mutex::new(State { databases, ..State::default() }) }
    }

    /// A catalog with a database of any name, such as another program's has.
    #[cfg(test)]
    pub(super) fn with_database(name: &str) -> Self {
        let store = Self::new();
        store.state().databases.insert(name.to_owned(), Database::new(name));
        store
    }

    /// A copy of another catalog as it is now, without its evidence and the statistics of folders, to try changes on.
    ///
    /// # Errors
    ///
    /// Those of reading the other one.
    pub async fn copy_of(other: &dyn Metastore) -> Result<Self> {
        let mut state = State::default();
        for database in other.databases().await? {
            for relation in other.relations(&database.name).await? {
                state.relations.insert(relation.name().clone(), relation);
            }
            state.databases.insert(database.name.clone(), database);
        }
        Ok(MemoryMetastore { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method leaves the state half changed, so a panic in between does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn names_in(&self, database: &str) -> Vec<TableName> {
        self.relations.keys().filter(|name| name.database == database).cloned().collect()
    }

    fn remove(&mut self, name: &TableName) -> Option<Relation> {
        self.evidence.remove(name);
        self.statistics.remove(name);
        self.relations.remove(name)
    }

    fn evidence_of<'a>(&'a self, table: &TableName) -> impl Iterator<Item = &'a Kept> {
        self.evidence.get(table).into_iter().flatten()
    }

    fn forget(&mut self, table: &TableName, mut is_kept: impl FnMut(&str) -> bool) {
        if let Some(of_table) = self.evidence.get_mut(table) {
            of_table.retain(|kept| is_kept(&kept.evidence.constraint));
        }
    }
}

// Where a method returns `None` from inside the lock, the name was not there; the error for it asks the metastore for
// the names that are, and so must come after the lock.
#[async_trait]
impl Metastore for MemoryMetastore {
    async fn databases(&self) -> Result<Vec<Database>> {
        Ok(self.state().databases.values().cloned().collect())
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        Ok(self.state().databases.get(name).cloned())
    }

    async fn create_database(&self, database: &Database, if_exists: IfExists) -> Result<bool> {
        rules::check_database(database)?;
        let mut state = self.state();
        if state.databases.contains_key(&database.name) {
            match if_exists {
                IfExists::Fail => return Err(rules::database_taken(&database.name)),
                IfExists::Keep => return Ok(false),
                IfExists::Replace => {}
            }
        }
        state.databases.insert(database.name.clone(), database.clone());
        Ok(true)
    }

    async fn drop_database(&self, name: &str, cascade: bool) -> Result<Vec<Relation>> {
        let dropped = || {
            let mut state = self.state();
            let Some(_) = state.databases.get(name) else { return Ok(None) };
            if name == DEFAULT_DATABASE {
                return Err(rules::default_database_stays());
            }
            let names = state.names_in(name);
            if !names.is_empty() && !cascade {
                return Err(rules::database_not_empty(name, names.len()));
            }
            state.databases.remove(name);
            Ok(Some(names.iter().filter_map(|name| state.remove(name)).collect()))
        };
        match dropped()? {
            Some(relations) => Ok(relations),
            None => Err(unknown_database(self, name).await),
        }
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        let found = || {
            let state = self.state();
            state.databases.get(database)?;
            let names = state.names_in(database);
            Some(names.iter().filter_map(|name| state.relations.get(name)).cloned().collect())
        };
        match found() {
            Some(relations) => Ok(relations),
            None => Err(unknown_database(self, database).await),
        }
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        Ok(self.state().relations.get(name).cloned())
    }

    async fn create_relation(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        rules::check_relation(relation)?;
        let name = relation.name();
        let created = || {
            let mut state = self.state();
            if !state.databases.contains_key(&name.database) {
                return Ok(None);
            }
            if let Some(existing) = state.relations.get(name) {
                match if_exists {
                    IfExists::Fail => return Err(rules::relation_taken(existing)),
                    IfExists::Keep => return Ok(Some(false)),
                    IfExists::Replace => rules::check_replacement(existing, relation)?,
                }
            }
            state.remove(name);
            state.relations.insert(name.clone(), relation.clone());
            Ok(Some(true))
        };
        match created()? {
            Some(created) => Ok(created),
            None => Err(unknown_database(self, &name.database).await),
        }
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        let dropped = self.state().remove(name);
        match dropped {
            Some(relation) => Ok(relation),
            None => Err(unknown_relation(self, name).await),
        }
    }

    async fn rename_relation(&self, from: &TableName, to: &TableName) -> Result<()> {
        rules::check_relation_name(to)?;
        let renamed = || {
            let mut state = self.state();
            if !state.relations.contains_key(from) {
                return Ok(Renamed::NoSuchRelation);
            }
            if !state.databases.contains_key(&to.database) {
                return Ok(Renamed::NoSuchDatabase);
            }
            if let Some(existing) = state.relations.get(to) {
                return Err(rules::new_name_taken(existing));
            }
            if let Some(evidence) = state.evidence.remove(from) {
                state.evidence.insert(to.clone(), evidence);
            }
            if let Some(statistics) = state.statistics.remove(from) {
                state.statistics.insert(to.clone(), statistics);
            }
            if let Some(mut relation) = state.relations.remove(from) {
                match &mut relation {
                    Relation::Table(table) => table.name = to.clone(),
                    Relation::View(view) => view.name = to.clone(),
                }
                state.relations.insert(to.clone(), relation);
            }
            for relation in state.relations.values_mut() {
                if let Relation::Table(table) = relation {
                    follow_rename(table, from, to);
                }
            }
            Ok(Renamed::Done)
        };
        match renamed()? {
            Renamed::Done => Ok(()),
            Renamed::NoSuchRelation => Err(unknown_relation(self, from).await),
            Renamed::NoSuchDatabase => Err(unknown_database(self, &to.database).await),
        }
    }

    async fn update_table(&self, name: &TableName, change: TableChange) -> Result<()> {
        let updated = || {
            let mut state = self.state();
            match state.relations.get_mut(name) {
                None => Ok(None),
                Some(Relation::View(_)) => Err(rules::not_a_table(name)),
                Some(Relation::Table(table)) => {
                    let mut changed = table.clone();
                    change(&mut changed)?;
                    rules::check_updated(name, &changed)?;
                    let before = std::mem::replace(table, changed.clone());
                    state.forget(name, |constraint| {
                        let of = |table: &Table| table.constraints.iter().find(|c| c.name == constraint).cloned();
                        of(&before).map(|constraint| constraint.kind) == of(&changed).map(|constraint| constraint.kind)
                    });
                    Ok(Some(()))
                }
            }
        };
        match updated()? {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, name).await),
        }
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        Ok(self.state().evidence_of(table).map(|kept| kept.evidence.clone()).collect())
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        let state = self.state();
        let kept = state.evidence_of(table).find(|kept| kept.evidence.constraint == constraint);
        Ok(kept.map_or_else(Vec::new, |kept| kept.files.iter().map(|files| files.files().to_vec()).collect()))
    }

    async fn store_evidence(
        &self,
        table: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        let stored = || {
            let mut state = self.state();
            match state.relations.get(table) {
                None => return Ok(None),
                Some(Relation::View(_)) => return Err(rules::not_a_table(table)),
                Some(Relation::Table(found)) => rules::check_evidence(found, constraint, evidence, files)?,
            }
            state.forget(table, |other| other != constraint.name);
            let of_table = state.evidence.entry(table.clone()).or_default();
            of_table.push(Kept { evidence: evidence.clone(), files: files.to_vec() });
            of_table.sort_by(|a, b| a.evidence.constraint.cmp(&b.evidence.constraint));
            Ok(Some(()))
        };
        match stored()? {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, table).await),
        }
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        self.state().forget(table, |other| other != constraint);
        Ok(())
    }

    async fn partition_statistics(&self, table: &TableName) -> Result<Vec<PartitionStatistics>> {
        Ok(self.state().statistics.get(table).into_iter().flat_map(BTreeMap::values).cloned().collect())
    }

    async fn analyzed_files(&self, table: &TableName) -> Result<Vec<FileFingerprint>> {
        Ok(statistics::files_of(self.partition_statistics(table).await?))
    }

    async fn store_statistics(
        &self,
        table: &TableName,
        whole: &TableStatistics,
        folders: &[PartitionStatistics],
        gone: &[String],
    ) -> Result<()> {
        let stored = || {
            let mut state = self.state();
            match state.relations.get_mut(table) {
                None => return Ok(None),
                Some(Relation::View(_)) => return Err(rules::not_a_table(table)),
                Some(Relation::Table(found)) => found.statistics = Some(whole.clone()),
            }
            let of_table = state.statistics.entry(table.clone()).or_default();
            of_table.retain(|folder, _| !gone.contains(folder));
            of_table.extend(folders.iter().map(|statistics| (statistics.folder.clone(), statistics.clone())));
            Ok(Some(()))
        };
        match stored()? {
            Some(()) => Ok(()),
            None => Err(unknown_relation(self, table).await),
        }
    }
}

enum Renamed {
    Done,
    NoSuchRelation,
    NoSuchDatabase,
}

/// Makes a table's foreign keys name what they reference by its new name.
fn follow_rename(table: &mut Table, from: &TableName, to: &TableName) {
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::ForeignKey { references, .. } if references == from => *references = to.clone(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::suite;

    suite::metastore_suite!((MemoryMetastore::new(), ()));

    #[test]
    fn no_update_is_lost() {
        let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
        suite::increments_from_many_threads(vec![store; 4]);
    }
}
