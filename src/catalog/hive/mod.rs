//! A Hive Metastore as a catalog: databases, tables, partitions, constraints and statistics of somebody else, to be read.
//!
//! Nothing of it is changed. What it lacks of ours, the evidence on constraints, is kept while the session lasts. Its
//! tables are called by its name and that of their database: `hive.sales.orders`.

mod client;
mod constraints;
mod options;
mod partitions;
mod spark;
mod statistics;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod types;
mod views;
mod wire;

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;

pub use options::{Address, HiveOptions};

use self::client::{Client, Failure};
use self::constraints::Declared;
use self::wire::{First, Read, Value};
use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::model::{
    Constraint, Database, Partition, Relation, RelationEntry, Table, TableName, in_catalog, split_database,
};
use super::{IfExists, Metastore, TableChange, rules, unknown_database, unknown_relation};
use crate::error::{Error, Result};

/// The name of the metastore that is set under `[catalog.hive]`.
pub const HIVE: &str = "hive";

/// How many tables or partitions are asked for at once.
const AT_ONCE: usize = 500;

/// How many tables' constraints are asked for at once.
const TABLES_AT_ONCE: usize = 4;

/// What Hive calls its own catalog, where a call asks for one.
const HIVES_CATALOG: &str = "hive";

/// A metastore behind Thrift.
#[derive(Debug)]
pub struct HiveMetastore {
    /// What it is called here.
    name: String,
    client: Client,
    /// By table.
    evidence: Mutex<BTreeMap<TableName, Vec<Kept>>>,
}

/// Evidence with the files that it was found on.
#[derive(Debug)]
struct Kept {
    evidence: Evidence,
    files: Vec<FileSet>,
}

impl HiveMetastore {
    /// It is first talked to when somebody asks for something.
    pub fn new(name: impl Into<String>, options: HiveOptions) -> Self {
        HiveMetastore { name: name.into(), client: Client::new(options), evidence: Mutex::default() }
    }

    /// The database as the metastore calls it.
    fn own_name(&self, database: &str) -> String {
        split_database(database).1.to_lowercase()
    }

    async fn call<T: Read + Send + 'static>(&self, method: &'static str, arguments: &[(i16, Value<'_>)]) -> Result<T> {
        let answer = self.client.call(method, arguments).await;
        answer.map_err(|failure| failure.into_error(method, self.client.options()))
    }

    /// The same; `None` if the metastore's version does not know the method.
    async fn call_if_known<T: Read + Send + 'static>(
        &self,
        method: &'static str,
        arguments: &[(i16, Value<'_>)],
    ) -> Result<Option<T>> {
        match self.client.call(method, arguments).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::UnknownMethod) => Ok(None),
            Err(failure) => Err(failure.into_error(method, self.client.options())),
        }
    }

    /// The metastore's own words on a table; `None` if it is not there.
    async fn table(&self, database: &str, name: &str) -> Result<Option<wire::Table>> {
        let not_there = |failure| match failure {
            Failure::Declared(2, _) => Ok(None),
            failure => Err(failure),
        };
        let request = [(1, Value::Struct(vec![(1, Value::Text(database)), (2, Value::Text(name))]))];
        let found = self.client.call::<First<wire::Table>>("get_table_req", &request).await;
        let found = found.map(|found| Some(found.0)).or_else(not_there);
        let found = match found {
            // Before Hive 2.3.
            Err(Failure::UnknownMethod) => {
                let arguments = [(1, Value::Text(database)), (2, Value::Text(name))];
                self.client.call::<wire::Table>("get_table", &arguments).await.map(Some).or_else(not_there)
            }
            found => found,
        };
        found.map_err(|failure| failure.into_error("get_table", self.client.options()))
    }

    async fn tables(&self, database: &str, names: &[String]) -> Result<Vec<wire::Table>> {
        let mut tables = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let request = [(1, Value::Struct(vec![(1, Value::Text(database)), (2, Value::Texts(names))]))];
            let known =
                self.call_if_known::<First<Vec<wire::Table>>>("get_table_objects_by_name_req", &request).await?;
            match known {
                Some(found) => tables.extend(found.0),
                None => {
                    let arguments = [(1, Value::Text(database)), (2, Value::Texts(names))];
                    tables.extend(self.call::<Vec<wire::Table>>("get_table_objects_by_name", &arguments).await?);
                }
            }
        }
        Ok(tables)
    }

    /// A table or view of ours, with its constraints.
    async fn relation_of(&self, name: TableName, found: &wire::Table) -> Result<Relation> {
        let mut relation = table::relation(name, found)?;
        if let Relation::Table(table) = &mut relation {
            let columns = table.columns.iter().chain(table.partition_columns.iter().flatten());
            let columns: Vec<_> = columns.cloned().collect();
            let declared = self.declared(&found.database, &found.name).await?;
            table.constraints = declared.constraints(&self.name, &columns);
        }
        Ok(relation)
    }

    async fn declared(&self, database: &str, table: &str) -> Result<Declared> {
        let in_request = [(1, Value::Struct(vec![(1, Value::Text(database)), (2, Value::Text(table))]))];
        let as_child = [(1, Value::Struct(vec![(3, Value::Text(database)), (4, Value::Text(table))]))];
        let with_catalog = [(
            1,
            Value::Struct(vec![(1, Value::Text(HIVES_CATALOG)), (2, Value::Text(database)), (3, Value::Text(table))]),
        )];
        let (primary_keys, foreign_keys, unique, not_null) = futures::try_join!(
            self.constraints("get_primary_keys", &in_request),
            self.constraints("get_foreign_keys", &as_child),
            self.constraints("get_unique_constraints", &with_catalog),
            self.constraints("get_not_null_constraints", &with_catalog),
        )?;
        Ok(Declared { primary_keys, unique, not_null, foreign_keys })
    }

    /// One kind of constraints. A metastore that does not know the kind, or has none of it to tell, has none: rows can be read
    /// without.
    async fn constraints<T: Read + Send + 'static>(
        &self,
        method: &'static str,
        request: &[(i16, Value<'_>)],
    ) -> Result<Vec<T>> {
        match self.client.call::<First<Vec<T>>>(method, request).await {
            Ok(found) => Ok(found.0),
            Err(Failure::UnknownMethod | Failure::Declared(..)) => Ok(Vec::new()),
            Err(Failure::Error(error)) => Err(error),
        }
    }

    /// What Hive's ANALYZE … FOR COLUMNS found, where Hive takes it for right.
    async fn column_statistics(&self, found: &wire::Table) -> Result<Vec<wire::ColumnStatistics>> {
        if !statistics::has_columns(found) {
            return Ok(Vec::new());
        }
        let columns: Vec<String> = found.storage.columns.iter().map(|column| column.name.clone()).collect();
        let request = [(
            1,
            Value::Struct(vec![
                (1, Value::Text(&found.database)),
                (2, Value::Text(&found.name)),
                (3, Value::Texts(&columns)),
            ]),
        )];
        match self.client.call::<First<Vec<wire::ColumnStatistics>>>("get_table_statistics_req", &request).await {
            Ok(found) => Ok(found.0),
            // Plans are made without them, too.
            Err(Failure::UnknownMethod | Failure::Declared(..)) => Ok(Vec::new()),
            Err(Failure::Error(error)) => Err(error),
        }
    }

    fn read_only<T>(&self, what: &str) -> Result<T> {
        Err(read_only(&self.name, what))
    }
}

/// The error for a statement that would change another program's catalog.
pub fn read_only(catalog: &str, what: &str) -> Error {
    Error::statement(format!("{what} cannot be changed: the catalog {catalog} is a Hive Metastore, which is only read"))
        .help("in the catalog ostrich, which is Ostrich's own, there can be tables and views of any data: CREATE TABLE ostrich.default.…")
}

#[async_trait]
impl Metastore for HiveMetastore {
    async fn databases(&self) -> Result<Vec<Database>> {
        let mut names = self.call::<Vec<String>>("get_all_databases", &[]).await?;
        names.sort_unstable();
        Ok(names.into_iter().map(|name| Database::new(in_catalog(&self.name, &name))).collect())
    }

    async fn database(&self, name: &str) -> Result<Option<Database>> {
        let own = self.own_name(name);
        let found = match self.client.call::<wire::Database>("get_database", &[(1, Value::Text(&own))]).await {
            Ok(found) => found,
            Err(Failure::Declared(1, _)) => return Ok(None),
            Err(failure) => return Err(failure.into_error("get_database", self.client.options())),
        };
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Some(Database {
            name: in_catalog(&self.name, &found.name),
            comment: given(found.description),
            location: given(found.location).map(|location| table::folder(&location)),
        }))
    }

    async fn create_database(&self, database: &Database, _: IfExists) -> Result<bool> {
        self.read_only(&format!("the database {}", database.name))
    }

    async fn drop_database(&self, name: &str, _: bool) -> Result<Vec<Relation>> {
        self.read_only(&format!("the database {name}"))
    }

    async fn relations(&self, database: &str) -> Result<Vec<Relation>> {
        let names: Vec<String> = self.relation_names(database).await?.into_iter().map(|entry| entry.name).collect();
        let tables = self.tables(&self.own_name(database), &names).await?;
        let read = |index: usize| {
            let found = &tables[index];
            let name = TableName::new(in_catalog(&self.name, &found.database), found.name.as_str());
            self.relation_of(name, found)
        };
        let mut read = futures::stream::iter(0..tables.len()).map(read).buffered(TABLES_AT_ONCE);
        let mut relations = Vec::with_capacity(tables.len());
        while let Some(relation) = read.next().await {
            match relation {
                Ok(relation) => relations.push(relation),
                Err(error) if error.kind() == crate::error::ErrorKind::Storage => return Err(error),
                // It cannot be read; whoever names it is told why.
                Err(_) => {}
            }
        }
        relations.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(relations)
    }

    async fn relation_names(&self, database: &str) -> Result<Vec<RelationEntry>> {
        let own = self.own_name(database);
        let arguments = [(1, Value::Text(&own)), (2, Value::Text("*")), (3, Value::Texts(&[]))];
        let known = self.call_if_known::<Vec<wire::TableMeta>>("get_table_meta", &arguments).await?;
        let mut entries: Vec<RelationEntry> = match known {
            // The name of the database is a pattern there.
            Some(found) => found
                .into_iter()
                .filter(|found| found.database.eq_ignore_ascii_case(&own))
                .map(|found| RelationEntry { is_view: table::is_view(&found.kind), name: found.name })
                .collect(),
            None => self
                .call::<Vec<String>>("get_all_tables", &[(1, Value::Text(&own))])
                .await?
                .into_iter()
                .map(|name| RelationEntry { name, is_view: false })
                .collect(),
        };
        if entries.is_empty() && self.database(database).await?.is_none() {
            return Err(unknown_database(self, database).await);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    async fn relation(&self, name: &TableName) -> Result<Option<Relation>> {
        let found = self.table(&self.own_name(&name.database), &name.name.to_lowercase()).await?;
        let Some(found) = found else { return Ok(None) };
        let name = TableName::new(in_catalog(&self.name, &found.database), found.name.as_str());
        let mut relation = self.relation_of(name, &found).await?;
        if let Relation::Table(table) = &mut relation {
            let of_columns = self.column_statistics(&found).await?;
            table.statistics = statistics::of_table(&found, &table.columns, &of_columns);
        }
        Ok(Some(relation))
    }

    async fn partitions(&self, name: &TableName) -> Result<Option<Vec<Partition>>> {
        let (database, own) = (self.own_name(&name.database), name.name.to_lowercase());
        let Some(found) = self.table(&database, &own).await? else { return Ok(None) };
        if found.partition_keys.is_empty() || !spark::has_partitions_in_metastore(&found) {
            return Ok(None);
        }
        let arguments = [(1, Value::Text(&database)), (2, Value::Text(&own)), (3, Value::Short(-1))];
        let names = self.call::<Vec<String>>("get_partition_names", &arguments).await?;
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let arguments = [(1, Value::Text(&database)), (2, Value::Text(&own)), (3, Value::Texts(names))];
            all.extend(self.call::<Vec<wire::Partition>>("get_partitions_by_names", &arguments).await?);
        }
        partitions::partitions(&found, all).map(Some).map_err(|error| error.context(format!("table {name}")))
    }

    async fn create_relation(&self, relation: &Relation, _: IfExists) -> Result<bool> {
        self.read_only(&relation.name().to_string())
    }

    async fn drop_relation(&self, name: &TableName) -> Result<Relation> {
        self.read_only(&name.to_string())
    }

    async fn rename_relation(&self, from: &TableName, _: &TableName) -> Result<()> {
        self.read_only(&from.to_string())
    }

    async fn update_table(&self, name: &TableName, _: TableChange) -> Result<()> {
        self.read_only(&name.to_string())
    }

    async fn evidence(&self, table: &TableName) -> Result<Vec<Evidence>> {
        let all = self.evidence.lock();
        Ok(all.get(table).into_iter().flatten().map(|kept| kept.evidence.clone()).collect())
    }

    async fn evidence_files(&self, table: &TableName, constraint: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        let all = self.evidence.lock();
        let kept = all.get(table).into_iter().flatten().find(|kept| kept.evidence.constraint == constraint);
        Ok(kept.map(|kept| kept.files.iter().map(|files| files.files().to_vec()).collect()).unwrap_or_default())
    }

    async fn store_evidence(
        &self,
        name: &TableName,
        constraint: &Constraint,
        evidence: &Evidence,
        files: &[FileSet],
    ) -> Result<()> {
        let table: Table = match self.relation(name).await? {
            Some(Relation::Table(table)) => table,
            Some(Relation::View(_)) => return Err(rules::not_a_table(name)),
            None => return Err(unknown_relation(self, name).await),
        };
        rules::check_evidence(&table, constraint, evidence, files)?;
        let mut all = self.evidence.lock();
        let of_table = all.entry(name.clone()).or_default();
        of_table.retain(|kept| kept.evidence.constraint != evidence.constraint);
        of_table.push(Kept { evidence: evidence.clone(), files: files.to_vec() });
        Ok(())
    }

    async fn delete_evidence(&self, table: &TableName, constraint: &str) -> Result<()> {
        if let Some(of_table) = self.evidence.lock().get_mut(table) {
            of_table.retain(|kept| kept.evidence.constraint != constraint);
        }
        Ok(())
    }
}
