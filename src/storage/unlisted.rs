//! A table of many partitions, whose files are listed once it is known which partitions a query reads.
//!
//! A [`FileTable`](super::FileTable) lists all its files before the query that reads it is planned: constraints are judged on them, and
//! small tables tell their rows. Of a table with thousands of folders a query mostly reads a few, and asking the system for each file's
//! size is then most of its planning. This one lists the folders alone, whose names tell the partitions' values, and the files of a
//! partition when the first scan of the statement asks for them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;
use object_store::ObjectMeta;

use super::cache::StorageCaches;
use super::listing::{self, PartitionFolders};
use super::partitions::Partitions;
use super::pruning;
use super::table::{FileTable, TableSpec};
use crate::catalog::model::FileFormat;
use crate::error::Result;

/// A table over folders, as they were when it was opened.
#[derive(Debug)]
pub(crate) struct UnlistedTable {
    spec: TableSpec,
    caches: Arc<StorageCaches>,
    /// The same table without files.
    empty: FileTable,
    folders: Arc<PartitionFolders>,
    partitions: Partitions,
    /// The files of partitions that a scan has asked for: another one in the statement reads the same.
    listed: tokio::sync::Mutex<BTreeMap<usize, Vec<ObjectMeta>>>,
}

impl UnlistedTable {
    /// `None`: the table is not such that it can do without a listing, or has no more than `few` partitions; see [`FileTable::open`].
    pub(crate) async fn open(
        state: &dyn Session,
        caches: &Arc<StorageCaches>,
        spec: &TableSpec,
        few: usize,
    ) -> Result<Option<Self>> {
        let Some(columns) = spec.partition_columns.as_deref().filter(|columns| !columns.is_empty()) else {
            return Ok(None);
        };
        let declared = spec.columns.is_some() && spec.format.is_some_and(|format| !looks_into_files(format));
        if !declared || spec.partitions.is_some() || !spec.location.is_local() {
            return Ok(None);
        }
        let location = spec.location.clone();
        let names: Vec<String> = columns.iter().map(|column| column.name().clone()).collect();
        let folders = listing::blocking(move || {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            listing::partition_folders(&location, &names)
        });
        let Some(folders) = folders.await?.filter(|folders| folders.below.len() > few) else { return Ok(None) };
        // What is wrong with a folder's name counts if there are files in it.
        let Ok(partitions) = Partitions::of_folders(&spec.location, &folders.below, columns) else { return Ok(None) };
        let empty = FileTable::of_files(state, caches, spec.clone(), Vec::new()).await?;
        Ok(Some(UnlistedTable {
            spec: spec.clone(),
            caches: Arc::clone(caches),
            empty,
            folders: Arc::new(folders),
            partitions,
            listed: Default::default(),
        }))
    }

    /// The files of partitions, given by their numbers, sorted by path.
    async fn files(&self, wanted: Vec<usize>) -> Result<Vec<ObjectMeta>> {
        let mut listed = self.listed.lock().await;
        let missing: BTreeMap<usize, &String> = wanted
            .iter()
            .filter(|number| !listed.contains_key(number))
            .filter_map(|number| Some((*number, self.folders.below.get(*number)?)))
            .collect();
        if !missing.is_empty() {
            let (location, folders) = (self.spec.location.clone(), Arc::clone(&self.folders));
            let some: Vec<String> = missing.values().map(|folder| folder.to_string()).collect();
            let found = listing::blocking(move || listing::list_partitions(&location, &folders, &some)).await?;
            let numbers: BTreeMap<&str, usize> =
                missing.iter().map(|(number, folder)| (folder.as_str(), *number)).collect();
            for number in missing.into_keys() {
                listed.insert(number, Vec::new());
            }
            for file in found {
                let below = self.spec.location.below(&file.location).unwrap_or_default();
                let depth = self.partitions.columns().len();
                let end = below.match_indices('/').nth(depth.saturating_sub(1)).map_or(0, |(end, _)| end);
                let number = below.get(..end).and_then(|folder| numbers.get(folder));
                if let Some(Entry::Occupied(mut files)) = number.map(|number| listed.entry(*number)) {
                    files.get_mut().push(file);
                }
            }
        }
        let mut files: Vec<ObjectMeta> =
            wanted.iter().filter_map(|number| listed.get(number)).flatten().cloned().collect();
        files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }

    /// The scan of those partitions that `filters` leave.
    fn scan_files<'a>(
        &'a self,
        state: &'a dyn Session,
        projection: Option<&'a Vec<usize>>,
        filters: &'a [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'a, DataFusionResult<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            let columns: &[FieldRef] = self.partitions.columns();
            let decide: Vec<&Expr> =
                filters.iter().filter(|filter| pruning::decides_on_partitions(filter, columns)).collect();
            let keep = pruning::remaining(&self.partitions, &decide)?;
            let wanted = keep.iter().enumerate().filter(|(_, keep)| **keep).map(|(number, _)| number).collect();
            let files = self.files(wanted).await?;
            let table = FileTable::of_files(state, &self.caches, self.spec.clone(), files).await?;
            table.scan(state, projection, filters, limit).await
        })
    }
}

/// Whether how a file is read depends on what another file of the table says.
fn looks_into_files(format: FileFormat) -> bool {
    matches!(format, FileFormat::Csv | FileFormat::Json)
}

#[async_trait]
impl TableProvider for UnlistedTable {
    fn schema(&self) -> SchemaRef {
        self.empty.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        self.empty.supports_filters_pushdown(filters)
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn scan<'s, 'c, 'p, 'f, 'r>(
        &'s self,
        state: &'c dyn Session,
        projection: Option<&'p Vec<usize>>,
        filters: &'f [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'r, DataFusionResult<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        'p: 'r,
        'f: 'r,
        Self: 'r,
    {
        self.scan_files(state, projection, filters, limit)
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.empty.insert_into(state, input, insert_op).await
    }
}
