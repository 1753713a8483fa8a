//! [`TableWrite`] on an object store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::StreamExt as _;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use super::folder::{Created, Folder};
use super::log::{Committed, Log, Mark, Outcome, Writer, turn_name};
use super::placing::PlacingStore;
use super::recovery;
use crate::error::{Error, Result};
use crate::storage::commit::{Incoming, Patience, TableWrite, fail_point};
use crate::storage::errors::{from_datafusion, store_error};
use crate::storage::location::Location;

/// How often a waiting writer looks whether it is its turn: at first, and in the long run.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// No store copies larger objects in one request.
const LARGEST_COPY: u64 = 5 * 1024 * 1024 * 1024;

/// A write whose files are hidden until it is decided.
pub(crate) struct ObjectWrite {
    marks: Marks,
    registered: Registered,
    heartbeat: Option<Heartbeat>,
    turn: Option<u64>,
    patience: Patience,
    /// Whether nothing is left to be undone.
    over: bool,
}

/// What a write has in its table's folder.
#[derive(Clone)]
struct Marks {
    id: String,
    folder: Folder,
    placing: Arc<PlacingStore>,
}

impl ObjectWrite {
    pub(crate) async fn begin(runtime: &Arc<RuntimeEnv>, location: &Location, patience: Patience) -> Result<Self> {
        let store = runtime.object_store(location.store()).map_err(from_datafusion)?;
        let folder = Folder::of(&store, location);
        let id = uuid::Uuid::new_v4().simple().to_string();
        let writer = Writer { who: who(), lease_ms: u64::try_from(patience.lease.as_millis()).unwrap_or(u64::MAX) };
        let text = json(&writer)?;
        let writing = Mark::Writing.of(&id);
        folder.create(&writing, text.clone()).await?;
        if let Err(error) = folder.require_conditions(&writing, text).await {
            // The error says why; what stays is old soon.
            let _ = folder.delete(vec![folder.object(&writing)]).await;
            return Err(error);
        }
        fail_point("begun");
        let placing = Arc::new(PlacingStore::new(folder.clone(), &id));
        let registered = Registered::new(runtime, location, &id, Arc::clone(&placing) as _)?;
        let heartbeat = Heartbeat::start(folder.clone(), Mark::Alive.of(&id), patience.lease / 3);
        let marks = Marks { id, folder, placing };
        Ok(ObjectWrite { marks, registered, heartbeat: Some(heartbeat), turn: None, patience, over: false })
    }

    /// Creates the turn behind the last one as soon as that one's write is over.
    async fn take_turn(&self) -> Result<u64> {
        let Marks { id, folder, .. } = &self.marks;
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let log = folder.log().await?;
            self.require_undecided(&log)?;
            let holder = match log.turn() {
                Some(turn) => {
                    folder.get(&turn_name(turn)).await?.map(|text| String::from_utf8_lossy(&text).into_owned())
                }
                None => None,
            };
            let holder = holder.filter(|holder| log.write(holder).is_some_and(|write| write.is_undecided()));
            match holder {
                Some(holder) if holder == *id => return Ok(log.turn().unwrap_or_default()),
                Some(holder) if recovery::is_dead(folder, &log, &holder, id).await? => {
                    // From now on it cannot commit; whether it did before, the next look tells.
                    recovery::decide(folder, &holder, None).await?;
                    continue;
                }
                Some(holder) => {
                    if start.elapsed() >= self.patience.lock_timeout {
                        return Err(self.timed_out(&holder).await);
                    }
                    tokio::time::sleep(pause.min(self.patience.lock_timeout)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                None => {
                    let turn = log.turn().map_or(1, |turn| turn + 1);
                    let created = folder.create(&turn_name(turn), Bytes::from(id.clone())).await?;
                    let is_mine = match created {
                        Created::Now => true,
                        Created::Before(holder) => holder == id.as_bytes(),
                    };
                    // Turns below the highest are deleted, and with one of those numbers there is none to be had.
                    if is_mine && folder.log().await?.turn() == Some(turn) {
                        return Ok(turn);
                    }
                }
            }
        }
    }

    async fn timed_out(&self, holder: &str) -> Error {
        let folder = &self.marks.folder;
        let writer = folder.get_json::<Writer>(&Mark::Writing.of(holder)).await.ok().flatten();
        let who = writer.map(|writer| format!(" ({})", writer.who)).unwrap_or_default();
        Error::storage(format!(
            "another statement{who} has written to {} for more than {}",
            folder.name(),
            humantime::format_duration(self.patience.lock_timeout)
        ))
        .help("SET ostrich.write.lock_timeout allows to wait longer")
    }

    /// An error if others took this write for dead.
    fn require_undecided(&self, log: &Log) -> Result<()> {
        match log.write(&self.marks.id).is_some_and(|write| write.is_undecided()) {
            true => Ok(()),
            false => Err(self.taken_for_dead()),
        }
    }

    fn taken_for_dead(&self) -> Error {
        Error::storage(format!(
            "the write to {} was undone by another one, for nothing was heard of it for {}",
            self.marks.folder.name(),
            humantime::format_duration(self.patience.lease)
        ))
        .help("the rows that were there before are still there: run the statement again")
        .help("SET ostrich.write.lease lets writers be silent for longer")
    }

    /// Deletes what does not count any more. Nothing depends on it but the tidiness of the folder.
    async fn finish(&mut self, replaced: Vec<Path>, turn: u64) -> Result<()> {
        let Marks { id, folder, .. } = &self.marks;
        folder.delete(replaced).await?;
        fail_point("deleted");
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.stop().await;
        }
        folder.delete(vec![folder.object(&Mark::Writing.of(id)), folder.object(&Mark::Alive.of(id))]).await?;
        fail_point("unmarked");
        let older = folder.log().await?.turns.into_iter().filter(|older| *older < turn);
        folder.delete(older.map(|older| folder.object(&turn_name(older))).collect()).await
    }
}

#[cfg(test)]
impl ObjectWrite {
    pub(super) fn id(&self) -> &str {
        &self.marks.id
    }

    pub(super) fn stop_heartbeat(&mut self) {
        self.heartbeat = None;
    }

    /// Leaves everything as a process does that is killed.
    pub(super) fn die(mut self) {
        self.over = true;
    }
}

impl Marks {
    /// Takes away what was put, after making sure that it will never count.
    async fn undo(&self) -> Result<()> {
        let placed = self.placing.close();
        if !placed.is_empty() {
            if recovery::decide(&self.folder, &self.id, None).await? == Outcome::Committed {
                return Ok(());
            }
            self.folder.delete(placed).await?;
        }
        let marks = [Mark::Writing, Mark::Alive].map(|mark| self.folder.object(&mark.of(&self.id)));
        self.folder.delete(marks.to_vec()).await
    }
}

#[async_trait]
impl TableWrite for ObjectWrite {
    fn target(&self) -> String {
        format!("{}{}/", self.registered.url, self.marks.placing.staging())
    }

    async fn lock(&mut self) -> Result<()> {
        if self.turn.is_none() {
            self.turn = Some(self.take_turn().await?);
            fail_point("turn");
            recovery::clean(&self.marks.folder, &self.marks.id).await?;
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<String>> {
        let placed = self.marks.placing.placed();
        let location = &self.marks.folder.location;
        Ok(placed.iter().filter_map(|file| location.below(file)).map(str::to_string).collect())
    }

    async fn add(&self, from: &Incoming<'_>, folder: &str) -> Result<()> {
        let Marks { folder: table, placing, .. } = &self.marks;
        let staged = Path::parse(format!("{}/{folder}{}", placing.staging(), from.name()))
            .map_err(|error| Error::storage(format!("{} cannot be loaded: {error}", from.shown())))?;
        let scheme = from.location.store_scheme();
        let failed = |error: object_store::Error| store_error(&error, &from.shown(), scheme);
        if from.location.store() == &self.registered.source && from.meta.size <= LARGEST_COPY {
            let to = placing.place(&staged).map_err(failed)?;
            return table.store.copy(&from.meta.location, &to).await.map_err(|error| table.write_error(&error, &to));
        }
        let mut bytes = from.store.get(&from.meta.location).await.map_err(failed)?.into_stream();
        let mut writer = BufWriter::new(Arc::clone(placing) as _, staged);
        let written = |error: std::io::Error| Error::storage(format!("{} cannot be loaded: {error}", from.shown()));
        while let Some(part) = bytes.next().await {
            writer.write_all(&part.map_err(failed)?).await.map_err(written)?;
        }
        writer.shutdown().await.map_err(written)
    }

    async fn commit(mut self: Box<Self>, replaced: Vec<String>) -> Result<()> {
        let placed = self.marks.placing.close();
        if placed.is_empty() && replaced.is_empty() {
            self.abandon().await;
            return Ok(());
        }
        if let Err(error) = self.lock().await {
            self.abandon().await;
            return Err(error);
        }
        fail_point("staged");
        let Marks { id, folder, .. } = self.marks.clone();
        let turn = self.turn.unwrap_or_default();
        let ready = async {
            let log = folder.log().await?;
            self.require_undecided(&log)?;
            if log.turn() != Some(turn) {
                return Err(self.taken_for_dead());
            }
            replaced.iter().map(|file| folder.file_of_location(file)).collect::<Result<Vec<Path>>>()
        };
        let replaced = match ready.await {
            Ok(replaced) => replaced,
            Err(error) => {
                self.abandon().await;
                return Err(error);
            }
        };
        // From here on nothing is taken back: the commit may have come about although its answer was lost.
        self.over = true;
        let names = replaced.iter().filter_map(|file| folder.below(file)).map(str::to_string).collect();
        match recovery::decide(&folder, &id, Some(Committed { replaced: names })).await {
            Ok(Outcome::Committed) => {}
            Ok(Outcome::Undone) => {
                self.over = false;
                let error = self.taken_for_dead();
                self.abandon().await;
                return Err(error);
            }
            Err(error) => {
                return Err(error
                    .context("it is not known whether the statement was committed")
                    .help("look at the table; the next statement that writes to it finishes or undoes this one"));
            }
        }
        fail_point("committed");
        let _ = self.finish(replaced, turn).await;
        Ok(())
    }

    async fn abandon(mut self: Box<Self>) {
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.stop().await;
        }
        if !self.over {
            self.over = true;
            // The error that is at the root of it matters more than one of cleaning up, which the next writer does.
            let _ = self.marks.undo().await;
        }
    }
}

impl Drop for ObjectWrite {
    fn drop(&mut self) {
        // Cancelled. If the process ends before this is done, the next writer does it.
        if !self.over
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let marks = self.marks.clone();
            runtime.spawn(async move { marks.undo().await });
        }
    }
}

/// The place under which a plan's sinks find the store of this write.
struct Registered {
    runtime: Arc<RuntimeEnv>,
    url: Url,
    /// The store that the table itself is in.
    source: datafusion::execution::object_store::ObjectStoreUrl,
}

impl Registered {
    fn new(runtime: &Arc<RuntimeEnv>, location: &Location, id: &str, store: Arc<dyn ObjectStore>) -> Result<Self> {
        let mut url: Url = AsRef::<Url>::as_ref(location.store()).clone();
        // Azure's URLs have the container where others have no user name.
        let is_set = if url.username().is_empty() { url.set_username(id) } else { url.set_password(Some(id)) };
        if is_set.is_err() {
            return Err(Error::statement(format!("{location} cannot be written to")));
        }
        runtime.register_object_store(&url, store);
        Ok(Registered { runtime: Arc::clone(runtime), url, source: location.store().clone() })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // It fails only for a store that is not registered.
        let _ = self.runtime.deregister_object_store(&self.url);
    }
}

/// Says again and again that a writer lives. Stopped when dropped.
struct Heartbeat {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    fn start(folder: Folder, name: String, pause: Duration) -> Self {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(pause) => {}
                }
                // One that is lost is one too few out of three.
                let _ = folder.put(&name, Bytes::from_static(b"alive")).await;
            }
        });
        Heartbeat { stop, task }
    }

    /// Ends when nothing is under way any more, so that no mark appears behind its deletion.
    async fn stop(self) {
        let Heartbeat { stop, task } = self;
        drop(stop);
        let _ = task.await;
    }
}

/// This process, as others should call it.
fn who() -> String {
    let process = std::process::id();
    match sysinfo::System::host_name() {
        Ok(host) => format!("process {process} on {host}"),
        Err(_) => format!("process {process}"),
    }
}

fn json(content: &impl serde::Serialize) -> Result<Bytes> {
    serde_json::to_vec(content)
        .map(Bytes::from)
        .map_err(|error| Error::storage(format!("the journal of a write cannot be written: {error}")))
}
