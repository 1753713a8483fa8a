//! A store that puts what is written to a staging folder under its final name at once.
//!
//! DataFusion's sinks name their files themselves. Here the name of the write comes before them, so that it can be told whose a file is,
//! and what was put is noted down.

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

use super::folder::Folder;
use crate::storage::partitions::in_hive_folders;

/// Between the name of a write and that of a file.
const AFTER_ID: char = '-';

/// The name of the write that a file comes from, if it has one.
pub(super) fn write_of(name: &str) -> Option<&str> {
    name.split_once(AFTER_ID).map(|(id, _)| id)
}

/// What the file of a write is called.
pub(super) fn name_of(id: &str, name: &str) -> String {
    format!("{id}{AFTER_ID}{name}")
}

#[derive(Debug)]
pub(super) struct PlacingStore {
    folder: Folder,
    id: String,
    /// What the sinks take for the table's folder.
    staging: Path,
    placed: Mutex<Placed>,
}

#[derive(Debug, Default)]
struct Placed {
    files: Vec<Path>,
    closed: bool,
}

impl PlacingStore {
    pub(super) fn new(folder: Folder, id: &str) -> Self {
        let staging = folder.object(&format!("staging-{id}"));
        PlacingStore { folder, id: id.to_string(), staging, placed: Mutex::default() }
    }

    pub(super) fn staging(&self) -> &Path {
        &self.staging
    }

    /// The files that were put, or begun to be put.
    pub(super) fn placed(&self) -> Vec<Path> {
        self.placed.lock().files.clone()
    }

    /// Takes no more files from now on. Returns those that were put, or begun to be put.
    pub(super) fn close(&self) -> Vec<Path> {
        let mut placed = self.placed.lock();
        placed.closed = true;
        placed.files.clone()
    }

    /// Where a file of the staging folder goes.
    pub(super) fn place(&self, file: &Path) -> Result<Path> {
        let below = file.as_ref().strip_prefix(self.staging.as_ref()).and_then(|below| below.strip_prefix('/'));
        let Some(below) = below else {
            return Err(failed(crate::Error::storage(format!("{file} is no file of this write"))));
        };
        let below = in_hive_folders(below);
        let below = match below.rsplit_once('/') {
            Some((folders, name)) => format!("{folders}/{}", name_of(&self.id, name)),
            None => name_of(&self.id, &below),
        };
        let placed = self.folder.file_of_location(&below).map_err(failed)?;
        let mut known = self.placed.lock();
        if known.closed {
            return Err(failed(crate::Error::storage(format!("the write to {} is over", self.folder.name()))));
        }
        known.files.push(placed.clone());
        Ok(placed)
    }

    /// Names the file as it will be called.
    fn named<T>(&self, result: Result<T>, file: &Path) -> Result<T> {
        result.map_err(|error| failed(self.folder.write_error(&error, file)))
    }

    fn unused<T>(&self, operation: &str) -> Result<T> {
        Err(object_store::Error::NotImplemented { operation: operation.to_string(), implementer: self.to_string() })
    }
}

/// Lets an error of ours travel through the store's trait.
fn failed(error: crate::Error) -> object_store::Error {
    object_store::Error::Generic { store: "Ostrich", source: Box::new(error) }
}

impl fmt::Display for PlacingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "new files of {}", self.folder.name())
    }
}

#[async_trait]
impl ObjectStore for PlacingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let file = self.place(location)?;
        let result = self.folder.store.put_opts(&file, payload, options).await;
        self.named(result, &file)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let file = self.place(location)?;
        let result = self.folder.store.put_multipart_opts(&file, options).await;
        self.named(result, &file)
    }

    async fn get_opts(&self, _: &Path, _: GetOptions) -> Result<GetResult> {
        self.unused("get")
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        Box::pin(futures::stream::iter([self.unused("delete")]))
    }

    /// Nothing is in the staging folder, ever.
    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        Box::pin(futures::stream::empty())
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Ok(ListResult { common_prefixes: Vec::new(), objects: Vec::new() })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        self.unused("copy")
    }
}
