//! Writes to a table's folder that a reader sees as a whole or not at all.
//!
//! A folder has no operation that puts ten files in and takes twenty out at once. So what a write is about to change is written down
//! below `_ostrich/` in the table's folder, which readers of any engine take for hidden, and one small step there is the commit. Readers
//! look there too, and leave out what does not count. When a write is over, the folder holds plain files again.
//!
//! Two kinds of places need two protocols behind one trait, [`TableWrite`]:
//!
//! - [`local`]: files are staged, and moved into place; renaming the journal is the commit; locks of the system tell who lives.
//! - [`objects`]: nothing can be moved or locked, so files get their final names at once and do not count until it is decided that they
//!   do; creating one object that nobody else can create as well is the commit.
//!
//! What both promise:
//!
//! - A write that dies at any moment leaves the old rows or the new ones. What it left behind is finished or undone by the next one.
//! - One write at a time decides ([`TableWrite::lock`]); others wait. A statement that reads what it replaces locks before it reads.
//! - Up to its commit, a write that fails has changed nothing.
//!
//! The journal lies beside the files and not in the catalog: a folder is read through several catalogs, and through none.

mod local;
mod objects;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::{ObjectMeta, ObjectStore};

use super::location::{Location, Scheme};
use crate::error::{Error, Result};

pub(crate) use local::{Reading, Settled, Staging, WriteLock};
pub(crate) use objects::list_committed;

/// What is hidden from readers.
pub(crate) const FOLDER: &str = "_ostrich";

/// How long writers bear with each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long one waits for the others.
    pub lock_timeout: Duration,
    /// On object stores: how long a writer may be silent before it counts as dead.
    pub lease: Duration,
}

/// A write to a table's folder, from its first file to its commit. Dropped before, it changes nothing.
#[async_trait]
pub(crate) trait TableWrite: Send + Sync {
    /// The text of the location that the new files are to be written to: a folder in which nothing is yet.
    fn target(&self) -> String;

    /// Waits until no other write may change the table, and finishes what dead ones left. From then on the table's files stay as they are.
    ///
    /// # Errors
    ///
    /// If [`Patience::lock_timeout`] passes first, or the folder cannot be written to.
    async fn lock(&mut self) -> Result<()>;

    /// The new files, as paths below the table's folder.
    fn files(&self) -> Result<Vec<String>>;

    /// Makes a copy of a file one of the new ones. `folder` is below the table's, empty or with a `/` at the end.
    async fn add(&self, from: &Incoming<'_>, folder: &str) -> Result<()>;

    /// Puts the new files into the table, in the place of the replaced ones, whose paths are below the table's folder. Locks if
    /// [`lock`](Self::lock) has not been called; what is replaced must have been listed behind the lock.
    ///
    /// # Errors
    ///
    /// Up to the commit, everything is as it was before. What fails behind it (replaced files that cannot be deleted) is for the
    /// next writer to do.
    async fn commit(self: Box<Self>, replaced: Vec<String>) -> Result<()>;

    /// Takes the new files away again. What cannot be taken away is hidden, and for the next writer.
    async fn abandon(self: Box<Self>);
}

/// A file from elsewhere that becomes part of a table as it is.
pub(crate) struct Incoming<'a> {
    /// The place that it was found at.
    pub location: &'a Location,
    pub store: &'a Arc<dyn ObjectStore>,
    pub meta: &'a ObjectMeta,
}

impl Incoming<'_> {
    fn name(&self) -> &str {
        self.meta.location.filename().unwrap_or("file")
    }

    fn shown(&self) -> String {
        self.location.show(&self.meta.location)
    }
}

/// Begins a write to a folder, which need not be there yet.
pub(crate) async fn begin(
    runtime: &Arc<RuntimeEnv>,
    location: &Location,
    patience: Patience,
) -> Result<Box<dyn TableWrite>> {
    match (location.scheme(), location.local_root()) {
        (Scheme::File, Some(root)) => Ok(Box::new(local::LocalWrite::begin(&root, patience)?)),
        (Scheme::Http, _) => Err(Error::statement(format!("{location} is on a web server, which takes no files"))),
        _ => Ok(Box::new(objects::ObjectWrite::begin(runtime, location, patience).await?)),
    }
}

/// Ends the process here if `OSTRICH_FAIL_AT` says so: tests kill a writer at each step. Not in optimized builds.
fn fail_point(step: &str) {
    if cfg!(debug_assertions) && std::env::var("OSTRICH_FAIL_AT").is_ok_and(|at| at == step) {
        std::process::abort();
    }
}
