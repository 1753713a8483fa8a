//! The catalog as DataFusion's planner sees it: databases as schemas, their tables and views as table providers.
//!
//! Every look-up asks the metastore, so that what another process or the last statement made is there for the next one.
//! How a table is read is not known here: the session gives a [`RelationResolver`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableFunction, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::TableType;
use futures::executor::block_on;
use futures::future::{BoxFuture, ready};

use super::evidence::Standing;
use super::information_schema::InformationSchema;
use super::model::{Column, Relation, Table, TableName, in_catalog, split_database};
use super::{CATALOG, Metastore};
use crate::error::{Error, Result};

/// Turns what the catalog knows into something that can be scanned. Its methods are not `async`: see "Build time" in CONTRIBUTING.md.
pub trait RelationResolver: Send + Sync + Debug {
    fn resolve(&self, relation: Relation) -> BoxFuture<'_, Result<Arc<dyn TableProvider>>>;

    /// A name in FROM that is not in the metastore but is a path: `'dir/*.parquet'`. `None`: it is no path after all.
    fn resolve_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Arc<dyn TableProvider>>>>;

    /// How far the evidence on a table's constraints goes now, in their order; nothing if this one cannot tell.
    fn standings<'a>(&'a self, _table: &'a Table) -> BoxFuture<'a, Result<Vec<Standing>>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Why a table's statistics are not those of its files as they are now: `part-3.parquet was added since it was analyzed`.
    /// `None`: they are, or this one cannot tell.
    fn statistics_differ<'a>(&'a self, _table: &'a Table) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(ready(Ok(None)))
    }
}

/// The columns that a table has now, those from folder names last: the declared ones, or what its files have.
pub async fn columns_of(table: &Table, resolver: &dyn RelationResolver) -> Result<Vec<Column>> {
    match &table.partition_columns {
        Some(partition_columns) if !table.columns.is_empty() => {
            Ok(table.columns.iter().chain(partition_columns).cloned().collect())
        }
        _ => {
            let provider = resolver.resolve(Relation::Table(table.clone())).await?;
            let comment = |name: &str| {
                let mut declared = table.columns.iter().chain(table.partition_columns.iter().flatten());
                declared.find(|column| column.name == name).and_then(|column| column.comment.clone())
            };
            let column = |field: &FieldRef| Column {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                comment: comment(field.name()),
            };
            Ok(provider.schema().fields().iter().map(column).collect())
        }
    }
}

/// A metastore as a DataFusion catalog, to be registered as [`super::CATALOG`]; databases of catalogs of other programs
/// are found in it by both their names. By one name they are in [`OtherCatalog`].
///
/// It has its own `information_schema`, so `datafusion.catalog.information_schema` must stay off: else DataFusion
/// shows its own in place of ours.
#[derive(Debug)]
pub struct OstrichCatalog {
    metastore: Arc<dyn Metastore>,
    resolver: Arc<dyn RelationResolver>,
    information_schema: Arc<InformationSchema>,
    /// Those of catalogs of other programs, by the catalogs' names.
    others: BTreeMap<String, Arc<InformationSchema>>,
}

impl OstrichCatalog {
    /// `catalogs` is the session's list, which this catalog is going to be in; `table_functions` are the session's, for
    /// `information_schema.routines`.
    pub fn new(
        metastore: Arc<dyn Metastore>,
        resolver: Arc<dyn RelationResolver>,
        catalogs: &Arc<dyn CatalogProviderList>,
        table_functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        Self::with_others(metastore, [].into_iter(), resolver, catalogs, table_functions)
    }

    /// The same; `metastore` answers also for the databases of other catalogs, of which there is a metastore of its own.
    pub fn with_others<'m>(
        metastore: Arc<dyn Metastore>,
        others: impl Iterator<Item = (&'m str, &'m Arc<dyn Metastore>)>,
        resolver: Arc<dyn RelationResolver>,
        catalogs: &Arc<dyn CatalogProviderList>,
        table_functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        let schema_of = |name: &str, metastore: &Arc<dyn Metastore>| {
            Arc::new(InformationSchema::new(
                name.to_owned(),
                Arc::clone(metastore),
                Arc::clone(&resolver),
                Arc::downgrade(catalogs),
                table_functions.clone(),
            ))
        };
        let others = others.map(|(name, metastore)| (name.to_owned(), schema_of(name, metastore))).collect();
        let information_schema = schema_of(CATALOG, &metastore);
        OstrichCatalog { metastore, resolver, information_schema, others }
    }

    pub fn metastore(&self) -> &Arc<dyn Metastore> {
        &self.metastore
    }
}

// DataFusion asks for names without `await`. Blocking on the metastore's futures is safe for our own databases: their
// futures are done when they are first polled, so no thread ever sleeps on work that it should do itself. Those of other
// programs are asked for nothing here.

impl CatalogProvider for OstrichCatalog {
    fn schema_names(&self) -> Vec<String> {
        let databases = block_on(self.metastore.databases()).unwrap_or_default();
        let names = databases.into_iter().map(|database| database.name);
        names.chain([INFORMATION_SCHEMA.to_owned()]).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == INFORMATION_SCHEMA {
            return Some(Arc::clone(&self.information_schema) as _);
        }
        let schema = || -> Arc<dyn SchemaProvider> {
            Arc::new(DatabaseSchema {
                database: name.to_owned(),
                metastore: Arc::clone(&self.metastore),
                resolver: Arc::clone(&self.resolver),
            })
        };
        let (catalog, database) = split_database(name);
        if let Some(other) = self.others.get(catalog) {
            // Whether it is there, the look-up of a table asks: that one may wait for an answer.
            return Some(if database == INFORMATION_SCHEMA {
                Arc::clone(other) as Arc<dyn SchemaProvider>
            } else {
                schema()
            });
        }
        match block_on(self.metastore.database(name)) {
            Ok(None) => None,
            // There is no way to say what went wrong from here. The look-up of a table meets the same trouble, and can.
            Ok(Some(_)) | Err(_) => Some(schema()),
        }
    }

    fn register_schema(
        &self,
        _name: &str,
        _schema: Arc<dyn SchemaProvider>,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        Err(only_by("CREATE DATABASE"))
    }

    fn deregister_schema(&self, _name: &str, _cascade: bool) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        Err(only_by("DROP DATABASE"))
    }
}

/// Another program's catalog, by its own name.
#[derive(Debug)]
pub struct OtherCatalog {
    name: String,
    all: Arc<OstrichCatalog>,
}

impl OtherCatalog {
    /// One of those that `all` knows.
    pub fn new(name: &str, all: Arc<OstrichCatalog>) -> Self {
        OtherCatalog { name: name.to_owned(), all }
    }
}

impl CatalogProvider for OtherCatalog {
    /// Nobody asks: its `information_schema` is ours.
    fn schema_names(&self) -> Vec<String> {
        vec![INFORMATION_SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.all.schema(&in_catalog(&self.name, name))
    }
}

/// A database of the metastore as a DataFusion schema.
#[derive(Debug)]
struct DatabaseSchema {
    database: String,
    metastore: Arc<dyn Metastore>,
    resolver: Arc<dyn RelationResolver>,
}

impl DatabaseSchema {
    fn name_of(&self, table: &str) -> TableName {
        TableName::new(self.database.as_str(), table)
    }

    fn is_others(&self) -> bool {
        split_database(&self.database).0 != CATALOG
    }
}

#[async_trait]
impl SchemaProvider for DatabaseSchema {
    fn table_names(&self) -> Vec<String> {
        if self.is_others() {
            return Vec::new();
        }
        let relations = block_on(self.metastore.relations(&self.database)).unwrap_or_default();
        relations.into_iter().map(|relation| relation.name().name.clone()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        // Another program's names are no paths, and it need not be asked.
        if self.is_others() && looks_like_a_path(name) {
            return Ok(self.resolver.resolve_path(name).await?);
        }
        if let Some(relation) = self.metastore.relation(&self.name_of(name)).await? {
            return Ok(Some(self.resolver.resolve(relation).await?));
        }
        if looks_like_a_path(name) {
            return Ok(self.resolver.resolve_path(name).await?);
        }
        Ok(None)
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        Ok(self.metastore.relation(&self.name_of(name)).await?.map(|relation| match relation {
            Relation::Table(_) => TableType::Base,
            Relation::View(_) => TableType::View,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        !self.is_others()
            && block_on(self.metastore.relation(&self.name_of(name))).is_ok_and(|relation| relation.is_some())
    }

    fn register_table(
        &self,
        _name: String,
        _table: Arc<dyn TableProvider>,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Err(only_by("CREATE TABLE"))
    }

    fn deregister_table(&self, _name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Err(only_by("DROP TABLE"))
    }
}

/// DataFusion's own way to change a catalog knows nothing of files, constraints and comments.
fn only_by(statement: &str) -> datafusion::error::DataFusionError {
    Error::statement(format!("the catalog is changed by {statement} and in no other way")).into()
}

/// Endings of data files, behind which there may be one of a compression.
const DATA_FILES: [&str; 16] = [
    "parquet", "parq", "pq", "csv", "tsv", "tbl", "txt", "json", "jsonl", "ndjson", "avro", "arrow", "arrows",
    "feather", "ipc", "orc",
];

/// Endings of compressed files.
pub(crate) const COMPRESSIONS: [&str; 5] = ["gz", "bz2", "xz", "zst", "zstd"];

/// Whether a name in FROM can only be meant as a path.
pub(crate) fn looks_like_a_path(name: &str) -> bool {
    if name.contains(['/', '*', '?']) {
        return true;
    }
    let is_one_of = |ending: &str, endings: &[&str]| endings.iter().any(|known| known.eq_ignore_ascii_case(ending));
    match name.rsplit_once('.') {
        Some((rest, ending)) if is_one_of(ending, &COMPRESSIONS) => {
            rest.rsplit_once('.').is_some_and(|(_, ending)| is_one_of(ending, &DATA_FILES))
        }
        Some((_, ending)) => is_one_of(ending, &DATA_FILES),
        None => false,
    }
}

#[cfg(test)]
mod tests;
