//! Files as a table: one listing, one schema, and scans of the files that a query needs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{SchemaExt as _, Statistics, TableReference, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::cache::SchemaFingerprint;
use datafusion::execution::cache::cache_manager::{CachedFileMetadata, TableScopedPath};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr_adapter::DefaultPhysicalExprAdapterFactory;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::compute_all_files_statistics;
use futures::future::BoxFuture;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectMeta, ObjectStore};

use super::adapter::{DeclaredNames, FormerNames};
use super::cache::StorageCaches;
use super::errors::from_datafusion;
use super::estimates::Estimates;
use super::footers::RowFacts;
use super::format::{self, Reading, TableFormat};
pub use super::listed::ListedPartition;
use super::listed::{self, Owners};
use super::listing;
use super::location::Location;
use super::partitions::Partitions;
use super::pruning;
use super::scan::{FileNames, NamedSource};
use super::struct_nulls::StructNullsAdapterFactory;
use super::{statistics, write};
use crate::catalog::evidence::{FileFingerprint, FileSet};
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};

/// What is known of a table before its files are looked at.
#[derive(Debug, Clone)]
pub struct TableSpec {
    pub location: Location,
    /// `None`: as the files' names or first bytes tell.
    pub format: Option<FileFormat>,
    /// OPTIONS, with lower-case keys.
    pub options: BTreeMap<String, String>,
    /// The columns stored in the files as they were declared; `None`: those that the files have.
    pub columns: Option<SchemaRef>,
    /// The columns in folder names as they were declared; `None`: those that the folders have.
    pub partition_columns: Option<Vec<Field>>,
    /// The partitions, where a catalog lists them; `None`: those whose folders are there.
    pub partitions: Option<Vec<ListedPartition>>,
    /// What declared columns were called before.
    pub former_names: FormerNames,
}

impl TableSpec {
    /// Files about which nothing is declared, as in `FROM 'data/*.parquet'`.
    pub fn of(location: Location) -> Self {
        TableSpec {
            location,
            format: None,
            options: BTreeMap::new(),
            columns: None,
            partition_columns: None,
            partitions: None,
            former_names: FormerNames::new(),
        }
    }
}

/// A file with rows of a table.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Path in the store, size in bytes, time of the last change, and tag.
    pub meta: ObjectMeta,
    /// The row of [`FileTable::partitions`] that has the file's partition values.
    pub partition: u32,
}

/// A table over files, as they were when it was opened.
///
/// A session opens one for each statement: what is listed once holds for the whole statement, and files added from outside
/// are seen by the next.
#[derive(Debug, Clone)]
pub struct FileTable {
    location: Arc<Location>,
    format: Arc<dyn TableFormat>,
    store: Arc<dyn ObjectStore>,
    caches: Arc<StorageCaches>,
    files: Vec<DataFile>,
    partitions: Partitions,
    /// Whether a catalog lists the partitions, so that files do not tell their values by their paths.
    partitions_are_listed: bool,
    /// The rows of `partitions` whose files cannot be read, and why.
    unreadable: Vec<(u32, String)>,
    /// The columns in the files.
    file_schema: SchemaRef,
    /// The columns in the files and then those in folder names.
    schema: SchemaRef,
    columns_are_declared: bool,
    former_names: Arc<FormerNames>,
    /// What ANALYZE found, if it counts for these files.
    estimates: Option<Arc<Estimates>>,
}

impl FileTable {
    /// Lists the location and finds the table's schema.
    ///
    /// That nothing is there is an error, unless columns are declared: then the table is empty.
    pub async fn open(state: &dyn Session, caches: &Arc<StorageCaches>, spec: TableSpec) -> Result<Self> {
        let store = state.runtime_env().object_store(spec.location.store()).map_err(from_datafusion)?;
        let spec = TableSpec { partitions: spec.partitions.map(|listed| of_one_store(&spec.location, listed)), ..spec };
        let found = match &spec.partitions {
            Some(listed) => listed::list(&store, &spec.location, listed).await?,
            None => {
                let found = listing::list(&store, &spec.location).await?;
                if found.files.is_empty() && spec.columns.is_none() {
                    return Err(found.nothing(&spec.location));
                }
                found.files
            }
        };
        Self::of_files(state, caches, spec, found).await
    }

    /// The table with these files, sorted by path, which are some of those that lie at its location.
    pub(super) async fn of_files(
        state: &dyn Session,
        caches: &Arc<StorageCaches>,
        spec: TableSpec,
        found: Vec<ObjectMeta>,
    ) -> Result<Self> {
        let TableSpec { location, format: kind, options, columns, partition_columns, partitions: listed, former_names } =
            spec;
        let store = state.runtime_env().object_store(location.store()).map_err(from_datafusion)?;
        // What is no file is a folder, or will be one.
        let is_file = found.iter().any(|file| location.below(&file.location) == Some(""));
        let location = if is_file { location } else { location.into_folder() };
        let reading = Reading { state, caches, store: &store, location: &location };
        let (kind, files) = match kind {
            Some(kind) => (kind, format::of_kind(&reading, kind, found)?),
            None if found.is_empty() => {
                return Err(Error::statement(format!("the format of {location} is not known, for there are no files"))
                    .help("name it by STORED AS PARQUET, CSV, JSON, AVRO or ARROW"));
            }
            None => format::detect(&reading, found).await?,
        };
        let (partitions, rows) = match &listed {
            Some(listed) => (Partitions::listed(partition_columns.as_deref().unwrap_or_default(), listed)?, Vec::new()),
            None => Partitions::of(&location, &files, partition_columns.as_deref())?,
        };
        // A column that is in the folder names and in the files too counts from the folder names.
        let columns = columns.map(|declared| without(&declared, partitions.columns()));
        let columns_are_declared = columns.is_some();
        let format = format::open(kind, &options, &reading, &files, columns.as_ref()).await?;
        let file_schema = match columns {
            Some(declared) => declared,
            None => nullable(&without(&format.infer_schema(&reading, &files).await?, partitions.columns())),
        };
        let mut fields: Vec<FieldRef> = file_schema.fields().to_vec();
        fields.extend(partitions.columns().iter().cloned());
        let files = match &listed {
            Some(listed) => {
                let owners = Owners::of(listed);
                let of_each = |meta: ObjectMeta| {
                    let rows = owners.rows(&meta.location).iter();
                    rows.map(|partition| DataFile { meta: meta.clone(), partition: *partition }).collect::<Vec<_>>()
                };
                files.into_iter().flat_map(of_each).collect()
            }
            None => files.into_iter().zip(rows).map(|(meta, partition)| DataFile { meta, partition }).collect(),
        };
        let partitions_are_listed = listed.is_some();
        let unreadable = |(row, partition): (u32, ListedPartition)| Some((row, partition.unreadable?));
        let unreadable = (0..).zip(listed.into_iter().flatten()).filter_map(unreadable).collect();
        Ok(FileTable {
            location: Arc::new(location),
            format,
            store,
            caches: Arc::clone(caches),
            files,
            partitions,
            partitions_are_listed,
            unreadable,
            schema: Arc::new(Schema::new(fields)),
            file_schema,
            columns_are_declared,
            former_names: Arc::new(former_names),
            estimates: None,
        })
    }

    /// The same table with what ANALYZE found of it.
    #[must_use]
    pub fn with_estimates(self, estimates: Option<Arc<Estimates>>) -> Self {
        FileTable { estimates, ..self }
    }

    /// The same table with some of its files.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&DataFile) -> bool) -> Self {
        let mut table = self.clone();
        table.files.retain(|file| keep(file));
        table
    }

    /// The path of a file below the table's location; empty if the location is the file.
    pub fn path_of<'f>(&self, file: &'f DataFile) -> &'f str {
        self.location.below(&file.meta.location).unwrap_or_else(|| file.meta.location.as_ref())
    }

    /// What the files look like now.
    pub fn fingerprints(&self) -> FileSet {
        FileSet::new(self.files.iter().map(|file| self.fingerprint(file)).collect())
    }

    /// What a file looks like now.
    pub fn fingerprint(&self, file: &DataFile) -> FileFingerprint {
        FileFingerprint {
            path: self.path_of(file).to_string(),
            size: file.meta.size,
            modified: file.meta.last_modified.timestamp_nanos_opt().unwrap_or_default(),
            tag: file.meta.e_tag.as_ref().map(|tag| match self.partitions_are_listed {
                // With other values its rows are others. In front, because the end tells the time of change.
                true => format!("{:?} {tag}", self.partition_of(file)),
                false => tag.clone(),
            }),
        }
    }

    /// What the files leave no doubt about, for the table's columns; `None` if some file does not tell, or if more than
    /// `most` files would have to be looked into. `digest` is that of [`fingerprints`](Self::fingerprints).
    pub async fn row_facts(&self, state: &dyn Session, digest: &str, most: usize) -> Result<Option<Arc<RowFacts>>> {
        // Of its rows nothing is known.
        if !self.unreadable.is_empty() {
            return Ok(None);
        }
        let reading = format!("{} {}", self.location.absolute(), self.format.fingerprint());
        if let Some(known) = self.caches.row_facts(&reading, digest, &self.schema) {
            return Ok(Some(known));
        }
        if self.files.len() > most {
            return Ok(None);
        }
        let Some(facts) = self.row_facts_of_files(state).await?.map(Arc::new) else { return Ok(None) };
        self.caches.keep_row_facts(reading, digest, &self.schema, &facts);
        Ok(Some(facts))
    }

    /// The same, whatever it takes.
    pub async fn row_facts_of_files(&self, state: &dyn Session) -> Result<Option<RowFacts>> {
        if !self.unreadable.is_empty() {
            return Ok(None);
        }
        let reading = &self.reading(state);
        let of_files = futures::stream::iter(0..self.files.len()).map(|index| async move {
            let file = &self.files[index];
            let Some(schema) = self.format.physical_schema(reading, &file.meta).await? else { return Ok(None) };
            let facts = self.format.row_facts(reading, &file.meta, &schema).await?;
            let schema = self.in_declared_names(&schema);
            Ok(facts.map(|facts| facts.in_table(&schema, &self.file_schema, &self.partition_of(file))))
        });
        let mut of_files = std::pin::pin!(of_files.buffered(reading.concurrency()));
        let mut all = RowFacts::empty(self.schema.fields().len());
        while let Some(of_file) = of_files.next().await {
            match of_file {
                Ok(Some(facts)) => all.add(&facts),
                Ok(None) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }

    /// How many distinct values each column is thought to have, by a look into the largest file. `facts` are those of all files.
    pub async fn distinct_values(&self, state: &dyn Session, digest: &str, facts: &RowFacts) -> Arc<Vec<Option<u64>>> {
        let reading = format!("{} {}", self.location.absolute(), self.format.fingerprint());
        if let Some(known) = self.caches.distinct_values(&reading, digest) {
            return known;
        }
        // Trouble with a file is the scan's to report.
        let values = self.sample_distinct_values(state, facts.rows).await.unwrap_or_default();
        let values = Arc::new(values);
        self.caches.keep_distinct_values(reading, digest, &values);
        values
    }

    async fn sample_distinct_values(&self, state: &dyn Session, rows: u64) -> Result<Vec<Option<u64>>> {
        let reading = &self.reading(state);
        let Some(file) = self.files.iter().max_by_key(|file| file.meta.size) else { return Ok(Vec::new()) };
        let Some(schema) = self.format.physical_schema(reading, &file.meta).await? else { return Ok(Vec::new()) };
        let values = self.format.distinct_values(reading, &file.meta, &schema, rows).await?;
        let in_file = self.file_schema.fields().iter().map(|field| {
            let index = schema.index_of(field.name()).ok()?;
            values.get(index).copied().flatten()
        });
        let in_folders = (0..self.partitions.columns().len()).map(|column| {
            let values: HashSet<_> = self.partitions.rows().iter().filter_map(|row| row.get(column)).collect();
            Some(values.len() as u64)
        });
        Ok(in_file.chain(in_folders).collect())
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    /// A file's schema with the names that its columns have now.
    fn in_declared_names(&self, schema: &SchemaRef) -> SchemaRef {
        if self.former_names.is_empty() {
            return Arc::clone(schema);
        }
        let names = DeclaredNames { former: Arc::clone(&self.former_names) };
        names.rename(&self.file_schema, schema).unwrap_or_else(|| Arc::clone(schema))
    }

    /// Which of the names some file has a column of, in whatever case; `None`: files of this format do not tell.
    pub async fn names_in_files(&self, state: &dyn Session, names: &[&str]) -> Result<Option<Vec<bool>>> {
        let reading = &self.reading(state);
        let schemas = futures::stream::iter(0..self.files.len())
            .map(|index| async move { self.format.physical_schema(reading, &self.files[index].meta).await });
        let mut schemas = std::pin::pin!(schemas.buffered(reading.concurrency()));
        let mut found = vec![false; names.len()];
        while let Some(schema) = schemas.next().await {
            let Some(schema) = schema? else { return Ok(None) };
            for (found, name) in found.iter_mut().zip(names) {
                *found |= schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name));
            }
        }
        Ok(Some(found))
    }

    pub fn format(&self) -> FileFormat {
        self.format.kind()
    }

    /// The table's files, sorted by path.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// The partition columns and the values that occur.
    pub fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// The columns stored in the files, without those in folder names.
    pub fn file_schema(&self) -> &SchemaRef {
        &self.file_schema
    }

    fn reading<'a>(&'a self, state: &'a dyn Session) -> Reading<'a> {
        Reading { state, caches: &self.caches, store: &self.store, location: &self.location }
    }

    /// The files that are left after partitions are pruned.
    fn files_for(&self, partition_filters: &[&Expr]) -> DataFusionResult<Vec<&DataFile>> {
        let keep = pruning::remaining(&self.partitions, partition_filters)?;
        if let Some((row, why)) =
            self.unreadable.iter().find(|(row, _)| keep.get(*row as usize).copied().unwrap_or(true))
        {
            return Err(self.unreadable_partition(*row, why).into());
        }
        Ok(self.files.iter().filter(|file| keep.get(file.partition as usize).copied().unwrap_or(true)).collect())
    }

    fn unreadable_partition(&self, row: u32, why: &str) -> Error {
        let values = self.partitions.rows().get(row as usize).into_iter().flatten();
        let named =
            self.partitions.columns().iter().zip(values).map(|(column, value)| format!("{}={value}", column.name()));
        let named = named.collect::<Vec<_>>().join("/");
        Error::statement(format!("the partition {named} of the table in {} cannot be read: {why}", self.location))
            .help("a condition on the partition columns that leaves it out lets the others be read")
    }

    /// The files with their statistics, as many as `limit` rows need. The second value says whether that left some out.
    async fn with_statistics(
        &self,
        state: &dyn Session,
        files: Vec<&DataFile>,
        limit: Option<usize>,
    ) -> DataFusionResult<(Vec<PartitionedFile>, bool)> {
        let reading = self.reading(state);
        let facts = FileFacts { table: self, reading: &reading, fingerprints: Fingerprints::default() };
        let facts = &facts;
        let total = files.len();
        let collect = state.config().collect_statistics();
        let files = &files;
        let mut with_facts = futures::stream::iter(0..total)
            .map(|index| async move {
                let file = files[index];
                let partition = self.partition_of(file);
                let statistics = match collect {
                    true => facts.statistics(&file.meta, &partition).await?,
                    false => statistics::unknown(&self.file_schema, &partition),
                };
                let mut planned = PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(partition);
                planned.statistics = Some(Arc::new(statistics));
                DataFusionResult::<PartitionedFile>::Ok(planned)
            })
            .buffered(reading.concurrency());
        let mut planned: Vec<PartitionedFile> = Vec::with_capacity(total);
        let mut rows = Some(0);
        while let Some(file) = with_facts.try_next().await? {
            let rows_of_file = file.statistics.as_ref().map(|statistics| statistics.num_rows);
            rows = match (rows, rows_of_file) {
                (Some(rows), Some(Precision::Exact(more))) => Some(rows + more),
                _ => None,
            };
            planned.push(file);
            if let (Some(rows), Some(limit)) = (rows, limit)
                && rows > limit
            {
                break;
            }
        }
        let left_out = planned.len() < total;
        Ok((planned, left_out))
    }

    fn partition_of(&self, file: &DataFile) -> Vec<datafusion::common::ScalarValue> {
        self.partitions.rows().get(file.partition as usize).cloned().unwrap_or_default()
    }
}

/// A scan reads from one store.
fn of_one_store(table: &Location, mut partitions: Vec<ListedPartition>) -> Vec<ListedPartition> {
    for partition in &mut partitions {
        if partition.unreadable.is_none() && partition.location.store() != table.store() {
            partition.unreadable =
                Some(format!("it is in {}, and a table with files in two stores is not read", partition.location));
        }
    }
    partitions
}

/// The schema with NULL allowed in every column. That one file says NOT NULL proves nothing for a file that is added next, and
/// DataFusion fails where an outer join or an empty subquery makes a NULL of such a column.
fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<Field>>(), schema.metadata().clone()))
}

fn without(schema: &SchemaRef, columns: &[FieldRef]) -> SchemaRef {
    let is_partition = |field: &FieldRef| columns.iter().any(|column| column.name().eq_ignore_ascii_case(field.name()));
    if !schema.fields().iter().any(is_partition) {
        return Arc::clone(schema);
    }
    Arc::new(Schema::new(schema.fields().iter().filter(|field| !is_partition(field)).cloned().collect::<Vec<_>>()))
}

/// Statistics of single files, kept in DataFusion's cache of them.
struct FileFacts<'a> {
    table: &'a FileTable,
    reading: &'a Reading<'a>,
    fingerprints: Fingerprints,
}

/// The fingerprints of file schemas; a table of many files has few schemas.
#[derive(Default)]
struct Fingerprints(std::sync::Mutex<HashMap<usize, Arc<SchemaFingerprint>>>);

impl Fingerprints {
    fn of(&self, schema: &SchemaRef) -> Arc<SchemaFingerprint> {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fingerprint = known.entry(Arc::as_ptr(schema) as usize);
        Arc::clone(fingerprint.or_insert_with(|| Arc::new(SchemaFingerprint::from_schema(schema))))
    }
}

impl FileFacts<'_> {
    async fn statistics(
        &self,
        file: &ObjectMeta,
        partition: &[datafusion::common::ScalarValue],
    ) -> DataFusionResult<Statistics> {
        let table = self.table;
        let Some(schema) = table.format.physical_schema(self.reading, file).await? else {
            return Ok(statistics::unknown(&table.file_schema, partition));
        };
        let fingerprint = self.fingerprints.of(&schema);
        let cache = self.reading.state.runtime_env().cache_manager.get_file_statistic_cache();
        let key = TableScopedPath {
            // Paths are only unique within a store.
            table: Some(TableReference::bare(table.location.store().as_str())),
            path: file.location.clone(),
        };
        let cached = cache
            .as_ref()
            .and_then(|cache| cache.get(&key))
            .filter(|cached| cached.is_valid_for(file, &fingerprint) && cached.meta.e_tag == file.e_tag);
        if let Some(cached) = cached {
            let schema = table.in_declared_names(&schema);
            return Ok(statistics::of_table(&cached.statistics, &schema, &table.file_schema, partition));
        }
        let Some(of_file) = table.format.statistics(self.reading, file, &schema).await? else {
            return Ok(statistics::unknown(&table.file_schema, partition));
        };
        let of_file = Arc::new(of_file);
        if let Some(cache) = cache {
            cache.put(&key, CachedFileMetadata::new(file.clone(), fingerprint, Arc::clone(&of_file), None));
        }
        Ok(statistics::of_table(&of_file, &table.in_declared_names(&schema), &table.file_schema, partition))
    }
}

impl FileTable {
    /// The scan of those files that may have rows that pass `filters`.
    fn scan_files<'a>(
        &'a self,
        state: &'a dyn Session,
        projection: Option<&'a Vec<usize>>,
        filters: &'a [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'a, DataFusionResult<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            let (partition_filters, other_filters): (Vec<&Expr>, Vec<&Expr>) =
                filters.iter().partition(|filter| pruning::decides_on_partitions(filter, self.partitions.columns()));
            let files = self.files_for(&partition_filters)?;
            // A limit counts rows after the filters.
            let file_limit = if other_filters.is_empty() { limit } else { None };
            let (files, left_out) = self.with_statistics(state, files, file_limit).await?;
            if files.is_empty() {
                let empty: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?));
                return Ok(empty);
            }
            let metas: Vec<ObjectMeta> = files.iter().map(|file| file.object_meta.clone()).collect();
            let groups = FileGroup::new(files).split_files(state.config().target_partitions().max(1));
            let collect = state.config().collect_statistics();
            let (groups, mut statistics) =
                compute_all_files_statistics(groups, Arc::clone(&self.schema), collect, left_out)?;
            if let Some(estimates) = &self.estimates {
                estimates.complete(&mut statistics, metas.iter().map(|meta| meta.size).sum());
            }
            let table_schema = TableSchema::builder(Arc::clone(&self.file_schema))
                .with_table_partition_cols(self.partitions.columns().to_vec())
                .build();
            let source = self.format.file_source(&self.reading(state), table_schema, &metas)?;
            let names = FileNames { location: Arc::clone(&self.location), format: self.format.kind() };
            let config =
                FileScanConfigBuilder::new(self.location.store().clone(), Arc::new(NamedSource::new(source, names)))
                    .with_file_groups(groups)
                    .with_file_compression_type(self.format.compression())
                    .with_statistics(statistics)
                    .with_projection_indices(projection.cloned())?
                    .with_limit(limit)
                    .with_expr_adapter(Some(Arc::new(StructNullsAdapterFactory(match self.columns_are_declared {
                        // Declared names are those of the catalog, which files may write in other letters.
                        true => Arc::new(DeclaredNames { former: Arc::clone(&self.former_names) }),
                        false => Arc::new(DefaultPhysicalExprAdapterFactory),
                    }))))
                    .build();
            Ok(DataSourceExec::from_data_source(config))
        })
    }

    /// The plan that writes the rows of `input` into new files.
    fn append<'a>(
        &'a self,
        state: &'a dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> BoxFuture<'a, DataFusionResult<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            self.schema.logically_equivalent_names_and_types(&input.schema())?;
            let plan = write::append(
                &self.format,
                &self.location,
                &self.schema,
                self.partitions.columns(),
                state,
                input,
                insert_op,
            );
            Ok(plan.await?)
        })
    }
}

impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// What ANALYZE found. What the files themselves tell, a scan knows.
    fn statistics(&self) -> Option<Statistics> {
        let estimates = self.estimates.as_ref()?;
        let mut statistics = Statistics::new_unknown(&self.schema);
        estimates.complete(&mut statistics, self.files.iter().map(|file| file.meta.size).sum());
        Some(statistics)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match pruning::decides_on_partitions(filter, self.partitions.columns()) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
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

    fn insert_into<'s, 'c, 'r>(
        &'s self,
        state: &'c dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> BoxFuture<'r, DataFusionResult<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.append(state, input, insert_op)
    }
}
