//! [`TableWrite`] on a disk of this machine.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use tokio::io::AsyncWriteExt as _;

use super::staging::{Staging, WriteLock};
use crate::error::{Error, Result};
use crate::storage::commit::{Incoming, Patience, TableWrite};
use crate::storage::errors::store_error;
use crate::storage::location::local_path;

pub(crate) struct LocalWrite {
    root: PathBuf,
    staging: Staging,
    lock: Option<WriteLock>,
    patience: Patience,
}

impl LocalWrite {
    pub(crate) fn begin(root: &Path, patience: Patience) -> Result<Self> {
        Ok(LocalWrite { root: root.to_path_buf(), staging: Staging::begin(root)?, lock: None, patience })
    }

    async fn locked(&self) -> Result<WriteLock> {
        WriteLock::wait(&self.root, self.patience.lock_timeout).await
    }
}

#[async_trait]
impl TableWrite for LocalWrite {
    fn target(&self) -> String {
        format!("{}/", self.staging.folder().display())
    }

    async fn lock(&mut self) -> Result<()> {
        if self.lock.is_none() {
            self.lock = Some(self.locked().await?);
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<String>> {
        Ok(self.staging.files()?.into_iter().map(|(_, to)| to).collect())
    }

    async fn add(&self, from: &Incoming<'_>, folder: &str) -> Result<()> {
        let folder = self.staging.folder().join(folder);
        let failed = |error: std::io::Error| Error::storage(format!("{} cannot be loaded: {error}", from.shown()));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        // Files of one name may come from several loads.
        let to = folder.join(format!("{}_{}", uuid::Uuid::new_v4().simple(), from.name()));
        if from.location.is_local() {
            return tokio::fs::copy(local_path(&from.meta.location), &to).await.map(drop).map_err(failed);
        }
        let scheme = from.location.store_scheme();
        let read = |error: object_store::Error| store_error(&error, &from.shown(), scheme);
        let mut bytes = from.store.get(&from.meta.location).await.map_err(read)?.into_stream();
        let mut file = tokio::fs::File::create(&to).await.map_err(failed)?;
        while let Some(part) = bytes.next().await {
            file.write_all(&part.map_err(read)?).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)
    }

    async fn commit(mut self: Box<Self>, replaced: Vec<String>) -> Result<()> {
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => self.locked().await?,
        };
        let LocalWrite { staging, .. } = *self;
        staging.commit(&lock, replaced)
    }

    async fn abandon(self: Box<Self>) {}
}
