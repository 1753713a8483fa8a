//! The requests to a store that the protocol is made of.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::de::DeserializeOwned;

use super::log::Log;
use crate::error::{Error, Result};
use crate::storage::commit::FOLDER;
use crate::storage::errors::{store_error, write_error};
use crate::storage::location::Location;
use crate::storage::partitions::key_and_value;

/// How often a request that has to succeed is tried, beside what the store's client does itself.
const TRIES: u32 = 5;

/// A table's folder on a store.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub store: Arc<dyn ObjectStore>,
    /// The table's folder, in which the log lies. A location may be only one of its partitions.
    pub table: Path,
    pub location: Location,
}

/// What came of creating an object.
pub(super) enum Created {
    Now,
    /// Somebody was quicker, or an earlier try succeeded and its answer was lost: the text tells.
    Before(Bytes),
}

impl Folder {
    /// The folder of the table that the location is, or is a partition of.
    pub(super) fn of(store: &Arc<dyn ObjectStore>, location: &Location) -> Self {
        let mut table = location.root().clone();
        while table.filename().and_then(key_and_value).is_some()
            && let Some(parent) = table.parent()
        {
            table = parent;
        }
        Folder { store: Arc::clone(store), table, location: location.clone() }
    }

    pub(super) fn shown(&self, path: &Path) -> String {
        match self.location.below(path) {
            Some(_) => self.location.show(path),
            None => format!("{}{path}", self.location.store()),
        }
    }

    /// The folder in messages.
    pub(super) fn name(&self) -> String {
        self.location.to_string()
    }

    fn scheme(&self) -> &str {
        self.location.store_scheme()
    }

    fn read_error(&self, error: &object_store::Error, path: &Path) -> Error {
        store_error(error, &self.shown(path), self.scheme())
    }

    pub(super) fn write_error(&self, error: &object_store::Error, path: &Path) -> Error {
        write_error(error, &self.shown(path), self.scheme())
    }

    /// An object of `_ostrich/`.
    pub(super) fn object(&self, name: &str) -> Path {
        self.table.clone().join(FOLDER).join(name)
    }

    /// A file by its path below the table's folder, as [`below`](Self::below) gives it.
    pub(super) fn file(&self, below: &str) -> Result<Path> {
        joined(&self.table, below)
    }

    /// A file by its path below the location.
    pub(super) fn file_of_location(&self, below: &str) -> Result<Path> {
        joined(self.location.root(), below)
    }

    /// The path of a file below the table's folder.
    pub(super) fn below<'f>(&self, file: &'f Path) -> Option<&'f str> {
        let below = file.as_ref().strip_prefix(self.table.as_ref())?;
        if self.table.as_ref().is_empty() { Some(below) } else { below.strip_prefix('/') }
    }

    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>> {
        let prefix = (!folder.as_ref().is_empty()).then_some(folder);
        // The folder that was asked for is named, not the part of it where the log lies.
        self.store.list(prefix).try_collect().await.map_err(|error| self.read_error(&error, self.location.root()))
    }

    pub(super) async fn log(&self) -> Result<Log> {
        let objects = self.list(&self.table.clone().join(FOLDER)).await?;
        Ok(Log::of(&objects))
    }

    /// `None` if it is not there.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.object(name);
        let bytes = async { self.store.get(&path).await?.bytes().await };
        match bytes.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.read_error(&error, &path)),
        }
    }

    pub(super) async fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(name).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(content) => Ok(Some(content)),
            Err(error) => Err(Error::storage(format!("{} is damaged: {error}", self.shown(&self.object(name))))
                .help("it says which files of the table count; ask before deleting it")),
        }
    }

    pub(super) async fn put(&self, name: &str, content: Bytes) -> Result<()> {
        let path = self.object(name);
        self.store.put(&path, content.into()).await.map(drop).map_err(|error| self.write_error(&error, &path))
    }

    async fn try_create(&self, path: &Path, content: Bytes) -> object_store::Result<()> {
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        self.store.put_opts(path, content.into(), options).await.map(drop)
    }

    /// Creates an object. If the answer is lost, it looks whether the object is there.
    ///
    /// # Errors
    ///
    /// Then it is not known whether it was created.
    pub(super) async fn create(&self, name: &str, content: Bytes) -> Result<Created> {
        let path = self.object(name);
        let mut tries = 0;
        loop {
            let error = match self.try_create(&path, content.clone()).await {
                Ok(()) => return Ok(Created::Now),
                Err(
                    error @ (object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }),
                ) => {
                    return Err(self.no_conditions(Some(&error)));
                }
                Err(error) => error,
            };
            let error = match self.get(name).await {
                Ok(Some(there)) => return Ok(Created::Before(there)),
                Ok(None) => self.write_error(&error, &path),
                Err(error) => error,
            };
            tries += 1;
            if tries == TRIES {
                return Err(error);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50) * 2_u32.pow(tries)).await;
        }
    }

    /// An error if the store overwrites what it is asked to create. `name` is there.
    pub(super) async fn require_conditions(&self, name: &str, content: Bytes) -> Result<()> {
        let path = self.object(name);
        match self.try_create(&path, content).await {
            Ok(()) => Err(self.no_conditions(None)),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(self.write_error(&error, &path)),
        }
    }

    fn no_conditions(&self, error: Option<&object_store::Error>) -> Error {
        let why = match error {
            Some(_) => "is set up without conditional puts",
            None => "overwrites objects that should only be created (it ignores If-None-Match)",
        };
        Error::storage(format!(
            "the store of {} {why}, so that two writers could not be kept from each other",
            self.name()
        ))
        .help("COPY … TO writes files there without a commit")
    }

    /// Deletes objects. What is gone already is no error.
    pub(super) async fn delete(&self, paths: Vec<Path>) -> Result<()> {
        let Some(first) = paths.first().cloned() else { return Ok(()) };
        let mut deleted = self.store.delete_stream(futures::stream::iter(paths.into_iter().map(Ok)).boxed());
        let mut failed = None;
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None => Ok(()),
            Some(error) => Err(self.write_error(&error, &first)),
        }
    }
}

/// A path of an object as listings have it, which is not to be encoded again.
fn joined(folder: &Path, below: &str) -> Result<Path> {
    let path = if folder.as_ref().is_empty() { below.to_string() } else { format!("{folder}/{below}") };
    Path::parse(&path).map_err(|error| Error::storage(format!("{path} is no path of an object: {error}")))
}
