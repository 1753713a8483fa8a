//! What was learned about files in earlier statements, valid as long as a file is the same.
//!
//! A file is the same when its path, size, time of change and tag are. DataFusion's own caches go by path, size and time
//! only, and by paths without their store; [`FooterCache`] stands in front of one of them and adds the rest.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::footers::RowFacts;

/// More files than this in one table's cache are forgotten together.
const MAX_FILES: usize = 1_000_000;

/// The caches of storage. A session makes one and hands it to every table it opens.
#[derive(Debug, Default)]
pub struct StorageCaches {
    schemas: Mutex<HashMap<String, Arc<SchemaCache>>>,
    row_facts: Mutex<HashMap<String, KnownRowFacts>>,
    distinct_values: Mutex<HashMap<String, KnownDistinctValues>>,
}

/// How many distinct values the columns of a table's files are thought to have, and of which files.
#[derive(Debug)]
struct KnownDistinctValues {
    digest: String,
    values: Arc<Vec<Option<u64>>>,
}

/// What all files of a table say together, and of which files and columns.
#[derive(Debug)]
struct KnownRowFacts {
    digest: String,
    schema: SchemaRef,
    facts: Arc<RowFacts>,
}

impl StorageCaches {
    /// The schemas of a store's files as read in one way; `reading` names format and options.
    pub(crate) fn schemas(&self, store: &str, reading: &str) -> Arc<SchemaCache> {
        let mut schemas = lock(&self.schemas);
        Arc::clone(schemas.entry(format!("{store} {reading}")).or_default())
    }

    /// What is known of the rows in the files with this digest, at a place that is read in one way.
    pub(crate) fn row_facts(&self, reading: &str, digest: &str, schema: &SchemaRef) -> Option<Arc<RowFacts>> {
        let known = lock(&self.row_facts);
        let known = known.get(reading).filter(|known| known.digest == digest && known.schema == *schema)?;
        Some(Arc::clone(&known.facts))
    }

    pub(crate) fn keep_row_facts(&self, reading: String, digest: &str, schema: &SchemaRef, facts: &Arc<RowFacts>) {
        let known = KnownRowFacts { digest: digest.to_string(), schema: Arc::clone(schema), facts: Arc::clone(facts) };
        lock(&self.row_facts).insert(reading, known);
    }

    /// How many distinct values the columns of the files with this digest are thought to have.
    pub(crate) fn distinct_values(&self, reading: &str, digest: &str) -> Option<Arc<Vec<Option<u64>>>> {
        let known = lock(&self.distinct_values);
        known.get(reading).filter(|known| known.digest == digest).map(|known| Arc::clone(&known.values))
    }

    pub(crate) fn keep_distinct_values(&self, reading: String, digest: &str, values: &Arc<Vec<Option<u64>>>) {
        let known = KnownDistinctValues { digest: digest.to_string(), values: Arc::clone(values) };
        lock(&self.distinct_values).insert(reading, known);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        lock(&self.schemas).clear();
        lock(&self.row_facts).clear();
        lock(&self.distinct_values).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file's state at the time something was learned about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    size: u64,
    last_modified: DateTime<Utc>,
    e_tag: Option<String>,
}

impl FileVersion {
    /// `None` for a file whose changes would go unnoticed: some http servers tell neither time nor tag.
    fn of(meta: &ObjectMeta) -> Option<Self> {
        let is_known = meta.e_tag.is_some() || meta.last_modified != DateTime::<Utc>::UNIX_EPOCH;
        is_known.then(|| FileVersion { size: meta.size, last_modified: meta.last_modified, e_tag: meta.e_tag.clone() })
    }

    fn is(&self, meta: &ObjectMeta) -> bool {
        self.size == meta.size && self.last_modified == meta.last_modified && self.e_tag == meta.e_tag
    }
}

/// The schemas of files. Files with equal schemas share one, so that a table of many files is merged by comparing pointers.
#[derive(Default)]
pub(crate) struct SchemaCache {
    inner: Mutex<SchemaCacheInner>,
}

#[derive(Default)]
struct SchemaCacheInner {
    files: HashMap<Path, (FileVersion, SchemaRef)>,
    /// Schemas that occur, the latest last.
    distinct: Vec<SchemaRef>,
}

impl SchemaCache {
    pub(crate) fn get(&self, meta: &ObjectMeta) -> Option<SchemaRef> {
        let inner = lock(&self.inner);
        let (version, schema) = inner.files.get(&meta.location)?;
        version.is(meta).then(|| Arc::clone(schema))
    }

    /// Returns the schema to use: an equal one that was there before, if there is one.
    pub(crate) fn put(&self, meta: &ObjectMeta, schema: SchemaRef) -> SchemaRef {
        let mut inner = lock(&self.inner);
        if inner.files.len() >= MAX_FILES {
            *inner = SchemaCacheInner::default();
        }
        let shared = match inner.distinct.iter().rev().find(|known| **known == schema) {
            Some(known) => Arc::clone(known),
            None => {
                inner.distinct.push(Arc::clone(&schema));
                schema
            }
        };
        if let Some(version) = FileVersion::of(meta) {
            inner.files.insert(meta.location.clone(), (version, Arc::clone(&shared)));
        }
        shared
    }
}

impl fmt::Debug for SchemaCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = lock(&self.inner);
        f.debug_struct("SchemaCache")
            .field("files", &inner.files.len())
            .field("schemas", &inner.distinct.len())
            .finish()
    }
}

/// DataFusion's cache of Parquet footers, as one statement may use it: an entry counts only for the store and the tag that
/// the statement's listing has.
pub(crate) struct FooterCache {
    inner: Arc<FileMetadataCache>,
    /// Put before paths of stores other than the local disk.
    prefix: Option<String>,
    tags: HashMap<Path, Option<String>>,
}

impl FooterCache {
    pub(crate) fn new<'m>(
        inner: Arc<FileMetadataCache>,
        store: &str,
        files: impl IntoIterator<Item = &'m ObjectMeta>,
    ) -> Self {
        let is_local = store.starts_with("file:");
        let tags = files.into_iter().filter(|meta| FileVersion::of(meta).is_some());
        FooterCache {
            inner,
            prefix: (!is_local).then(|| store.trim_end_matches('/').replace("//", "")),
            tags: tags.map(|meta| (meta.location.clone(), meta.e_tag.clone())).collect(),
        }
    }

    fn key(&self, path: &Path) -> Path {
        match &self.prefix {
            None => path.clone(),
            Some(prefix) => Path::from_iter([prefix.as_str(), path.as_ref()]),
        }
    }
}

impl Cache<Path, CachedFileMetadataEntry> for FooterCache {
    fn get(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        let tag = self.tags.get(path)?;
        self.inner.get(&self.key(path)).filter(|entry| entry.meta.e_tag == *tag)
    }

    fn put(&self, path: &Path, value: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        self.tags.get(path)?;
        self.inner.put(&self.key(path), value)
    }

    fn remove(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.inner.remove(&self.key(path))
    }

    fn contains_key(&self, path: &Path) -> bool {
        self.get(path).is_some()
    }

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn clear(&self) {
        self.inner.clear();
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    fn cache_limit(&self) -> usize {
        self.inner.cache_limit()
    }

    fn update_cache_limit(&self, limit: usize) {
        self.inner.update_cache_limit(limit);
    }

    fn cache_ttl(&self) -> Option<Duration> {
        self.inner.cache_ttl()
    }

    fn update_cache_ttl(&self, ttl: Option<Duration>) {
        self.inner.update_cache_ttl(ttl);
    }

    fn drop_table_entries(&self, table: &TableReference) -> datafusion::error::Result<()> {
        self.inner.drop_table_entries(table)
    }

    fn list_entries(&self) -> datafusion::common::HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        self.inner.list_entries()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn meta(path: &str, e_tag: Option<&str>, seconds: i64) -> ObjectMeta {
        ObjectMeta {
            location: Path::parse(path).unwrap(),
            last_modified: DateTime::from_timestamp(seconds, 0).unwrap(),
            size: 7,
            e_tag: e_tag.map(str::to_string),
            version: None,
        }
    }

    fn schema(name: &str) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new(name, DataType::Int32, true)]))
    }

    #[test]
    fn a_changed_file_is_not_the_same() {
        let cache = SchemaCache::default();
        let file = meta("a", Some("1"), 5);
        cache.put(&file, schema("x"));
        assert_eq!(cache.get(&file), Some(schema("x")));
        assert_eq!(cache.get(&meta("a", Some("2"), 5)), None);
        assert_eq!(cache.get(&meta("a", Some("1"), 6)), None);
        assert_eq!(cache.get(&ObjectMeta { size: 8, ..file }), None);
        assert_eq!(cache.get(&meta("b", Some("1"), 5)), None);
    }

    #[test]
    fn equal_schemas_are_shared() {
        let cache = SchemaCache::default();
        let first = cache.put(&meta("a", None, 5), schema("x"));
        cache.put(&meta("b", None, 5), schema("y"));
        let third = cache.put(&meta("c", None, 5), schema("x"));
        assert!(Arc::ptr_eq(&first, &third));
    }

    #[test]
    fn files_whose_changes_cannot_be_seen_are_not_kept() {
        let cache = SchemaCache::default();
        let file = meta("a", None, 0);
        cache.put(&file, schema("x"));
        assert_eq!(cache.get(&file), None);
    }
}
