//! The catalog as DataFusion's planner sees it: databases as schemas, their tables and views as table providers.
//!
//! Every look-up asks the metastore, so that what another process or the last statement made is there for the next one.
//! How a table is read is not known here: the session gives a [`RelationResolver`].

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableFunction, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::TableType;
use futures::executor::block_on;

use super::Metastore;
use super::evidence::Standing;
use super::information_schema::InformationSchema;
use super::model::{Column, Relation, Table, TableName};
use crate::error::{Error, Result};

/// Turns what the catalog knows into something that can be scanned.
#[async_trait]
pub trait RelationResolver: Send + Sync + Debug {
    async fn resolve(&self, relation: Relation) -> Result<Arc<dyn TableProvider>>;

    /// A name in FROM that is not in the metastore but is a path: `'dir/*.parquet'`. `None`: it is no path after all.
    async fn resolve_path(&self, path: &str) -> Result<Option<Arc<dyn TableProvider>>>;

    /// How far the evidence on a table's constraints goes now, in their order; nothing if this one cannot tell.
    async fn standings(&self, _table: &Table) -> Result<Vec<Standing>> {
        Ok(Vec::new())
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

/// A metastore as a DataFusion catalog, to be registered as [`super::CATALOG`].
///
/// It has its own `information_schema`, so `datafusion.catalog.information_schema` must stay off: else DataFusion
/// shows its own in place of ours.
#[derive(Debug)]
pub struct OstrichCatalog {
    metastore: Arc<dyn Metastore>,
    resolver: Arc<dyn RelationResolver>,
    information_schema: Arc<InformationSchema>,
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
        let information_schema = Arc::new(InformationSchema::new(
            Arc::clone(&metastore),
            Arc::clone(&resolver),
            Arc::downgrade(catalogs),
            table_functions,
        ));
        OstrichCatalog { metastore, resolver, information_schema }
    }

    pub fn metastore(&self) -> &Arc<dyn Metastore> {
        &self.metastore
    }
}

// DataFusion asks for names without `await`. Blocking on the metastore's futures is safe: those of both metastores are
// done when they are first polled, so no thread ever sleeps on work that it should do itself. One that talks to a
// server must not be put behind these methods as they are.

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
        match block_on(self.metastore.database(name)) {
            Ok(None) => None,
            // There is no way to say what went wrong from here. The look-up of a table meets the same trouble, and can.
            Ok(Some(_)) | Err(_) => Some(Arc::new(DatabaseSchema {
                database: name.to_owned(),
                metastore: Arc::clone(&self.metastore),
                resolver: Arc::clone(&self.resolver),
            })),
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
}

#[async_trait]
impl SchemaProvider for DatabaseSchema {
    fn table_names(&self) -> Vec<String> {
        let relations = block_on(self.metastore.relations(&self.database)).unwrap_or_default();
        relations.into_iter().map(|relation| relation.name().name.clone()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
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
        block_on(self.metastore.relation(&self.name_of(name))).is_ok_and(|relation| relation.is_some())
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

const COMPRESSIONS: [&str; 5] = ["gz", "bz2", "xz", "zst", "zstd"];

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
