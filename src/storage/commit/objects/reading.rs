//! Which objects of a listing count.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::folder::Folder;
use super::log::{Committed, Log, Mark};
use crate::error::{Error, Result};
use crate::storage::location::Location;

/// How often a folder is listed that is written to all the while.
const TRIES: u32 = 30;

/// Lists the objects of a location such that no write is half in it. `list` may be called several times.
pub(crate) async fn list_committed<F>(
    store: &Arc<dyn ObjectStore>,
    location: &Location,
    list: impl Fn() -> F,
) -> Result<Vec<ObjectMeta>>
where
    F: Future<Output = Result<Vec<ObjectMeta>>>,
{
    let folder = Folder::of(store, location);
    let mut before = folder.log().await?;
    for round in 0..TRIES {
        let mut objects = list().await?;
        let hidden = Hidden::read(&folder, &before).await?;
        let after = folder.log().await?;
        if let Some(mut hidden) = hidden
            && before.holds_until(&after)
        {
            hidden.files_of(after.undecided());
            objects.retain(|object| !hidden.has(&folder, &object.location));
            return Ok(objects);
        }
        // Writers that come one after the other leave pauses of different lengths.
        tokio::time::sleep(Duration::from_millis(u64::from(10 * round.min(20)))).await;
        before = folder.log().await?;
    }
    Err(Error::storage(format!("{} is written to all the time, so that its files cannot be listed", folder.name())))
}

/// What does not count.
#[derive(Default)]
struct Hidden {
    writes: HashSet<String>,
    files: HashSet<Path>,
}

impl Hidden {
    /// `None` if a write is finished meanwhile.
    async fn read(folder: &Folder, log: &Log) -> Result<Option<Self>> {
        let mut hidden = Hidden::default();
        hidden.files_of(log.undecided());
        hidden.files_of(log.undone());
        let committed: Vec<String> = log.unfinished().map(|id| Mark::Decided.of(id)).collect();
        let mut read = futures::stream::iter(committed)
            .map(|name| async move { folder.get_json::<Committed>(&name).await })
            .buffer_unordered(8);
        while let Some(committed) = read.try_next().await? {
            let Some(committed) = committed else { return Ok(None) };
            for file in committed.replaced {
                hidden.files.insert(folder.file(&file)?);
            }
        }
        Ok(Some(hidden))
    }

    fn files_of<'a>(&mut self, ids: impl Iterator<Item = &'a str>) {
        self.writes.extend(ids.map(str::to_string));
    }

    fn has(&self, folder: &Folder, file: &Path) -> bool {
        self.files.contains(file)
            || (!self.writes.is_empty()
                && folder.below(file).is_some()
                && file.filename().and_then(super::placing::write_of).is_some_and(|id| self.writes.contains(id)))
    }
}
