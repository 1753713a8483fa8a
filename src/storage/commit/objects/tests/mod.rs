//! The protocol on a store in memory.

mod flaky;
mod random;

use std::collections::BTreeSet;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use url::Url;

use super::folder::Folder;
use super::log::{Committed, Mark, Outcome};
use super::placing::write_of;
use super::recovery;
use super::write::ObjectWrite;
use crate::error::Result;
use crate::storage::commit::{FOLDER, Patience, TableWrite};
use crate::storage::listing;
use crate::storage::location::Location;
use crate::storage::stores::{StoreConfig, StoreRegistry};

/// Behind this, and what a clock may be wrong, a silent writer is dead.
const LEASE: Duration = Duration::from_millis(300);
const DEATH: Duration = Duration::from_millis(600);

/// A bucket with the table `s3://lake/t/`.
struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<RuntimeEnv>,
    table: Location,
}

impl Bucket {
    fn of(store: Arc<dyn ObjectStore>) -> Self {
        let registry = Arc::new(StoreRegistry::new(StoreConfig::default()));
        let runtime = RuntimeEnvBuilder::new().with_object_store_registry(registry).build_arc().unwrap();
        runtime.register_object_store(&Url::parse("s3://lake").unwrap(), Arc::clone(&store));
        Bucket { store, runtime, table: location("s3://lake/t/") }
    }

    fn new() -> Self {
        Self::of(Arc::new(InMemory::new()))
    }

    async fn begin(&self) -> Result<ObjectWrite> {
        let patience = Patience { lock_timeout: Duration::from_secs(5), lease: LEASE };
        ObjectWrite::begin(&self.runtime, &self.table, patience).await
    }

    /// Puts a file as a sink would.
    async fn put(&self, write: &ObjectWrite, file: &str) -> Result<(), object_store::Error> {
        let target = location(&write.target());
        let store = self.runtime.object_store(target.store()).unwrap();
        store.put(&Path::parse(format!("{}/{file}", target.root())).unwrap(), "rows".into()).await.map(drop)
    }

    /// A file that no writer of ours put.
    async fn put_foreign(&self, file: &str) {
        self.store.put(&Path::parse(format!("t/{file}")).unwrap(), "rows".into()).await.unwrap();
    }

    /// The files as a reader sees them.
    async fn listed(&self, table: &Location) -> Result<Vec<String>> {
        let files = listing::list(&self.store, table).await?.files;
        Ok(files.iter().filter_map(|file| table.below(&file.location)).map(str::to_string).collect())
    }

    /// The same, without the names of writes.
    async fn seen(&self) -> BTreeSet<String> {
        let files = self.listed(&self.table).await.unwrap();
        files.iter().map(|file| plain(file)).collect()
    }

    async fn write(&self, file: &str, replaced: &[String]) {
        let mut write = self.begin().await.unwrap();
        self.put(&write, file).await.unwrap();
        write.lock().await.unwrap();
        Box::new(write).commit(replaced.to_vec()).await.unwrap();
    }

    /// All objects below the table's folder.
    async fn objects(&self) -> BTreeSet<String> {
        let objects: Vec<_> = self.store.list(Some(&Path::from("t"))).try_collect().await.unwrap();
        objects.iter().map(|object| object.location.as_ref()["t/".len()..].to_string()).collect()
    }

    /// What is in the hidden folder, but for what was decided.
    async fn hidden(&self) -> BTreeSet<String> {
        let objects = self.objects().await;
        let hidden = objects.iter().filter_map(|name| name.strip_prefix("_ostrich/"));
        hidden.filter(|name| !name.ends_with(".decided")).map(str::to_string).collect()
    }

    async fn files(&self) -> usize {
        self.objects().await.iter().filter(|name| !name.starts_with(FOLDER)).count()
    }

    fn folder(&self) -> Folder {
        Folder::of(&self.store, &self.table)
    }
}

fn location(text: &str) -> Location {
    Location::parse(text, FsPath::new("/")).unwrap()
}

fn plain(file: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{}", plain(name)),
        None => write_of(file).map_or(file, |id| &file[id.len() + 1..]).to_string(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_commit_swaps_files_and_leaves_plain_ones() {
    let bucket = Bucket::new();
    bucket.put_foreign("dt=1/a").await;
    bucket.put_foreign("b").await;
    let mut write = bucket.begin().await.unwrap();
    bucket.put(&write, "dt=2/c").await.unwrap();
    assert_eq!(bucket.seen().await, names(&["b", "dt=1/a"]));
    write.lock().await.unwrap();
    assert_eq!(write.files().unwrap().iter().map(|file| plain(file)).collect::<Vec<_>>(), ["dt=2/c"]);
    Box::new(write).commit(vec!["dt=1/a".to_string()]).await.unwrap();
    assert_eq!(bucket.seen().await, names(&["b", "dt=2/c"]));
    assert_eq!((bucket.files().await, bucket.hidden().await.len()), (2, 1), "two files and a turn");
    bucket.write("d", &["b".to_string()]).await;
    assert_eq!(bucket.seen().await, names(&["d", "dt=2/c"]));
    assert_eq!(bucket.hidden().await, names(&["turn-0000000000000002"]));
}

#[tokio::test]
async fn folders_are_named_as_hive_names_them() {
    let bucket = Bucket::new();
    // The sink's store encodes letters beyond ASCII, and leaves colons.
    bucket.write("p=%C3%A9:x/c", &[]).await;
    assert_eq!(bucket.seen().await, names(&["p=é%3Ax/c"]));
}

#[tokio::test]
async fn without_a_commit_nothing_is_left_that_counts() {
    let bucket = Bucket::new();
    let write = bucket.begin().await.unwrap();
    bucket.put(&write, "c").await.unwrap();
    Box::new(write).abandon().await;
    assert_eq!(bucket.seen().await, names(&[]));
    let left = bucket.objects().await;
    assert!(left.len() == 1 && left.iter().all(|name| name.ends_with(".decided")), "{left:?}");
    // Without files there is nothing to be kept from.
    Box::new(bucket.begin().await.unwrap()).abandon().await;
    assert_eq!(bucket.objects().await, left);
    // A write that is only dropped undoes itself, too.
    let write = bucket.begin().await.unwrap();
    bucket.put(&write, "d").await.unwrap();
    drop(write);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bucket.objects().await.len(), 2);
}

#[tokio::test]
async fn files_of_a_write_are_hidden_in_its_partitions_too() {
    let bucket = Bucket::new();
    bucket.put_foreign("dt=1/a").await;
    let partition = location("s3://lake/t/dt=1/");
    let write = bucket.begin().await.unwrap();
    bucket.put(&write, "dt=1/b").await.unwrap();
    assert_eq!(bucket.listed(&partition).await.unwrap(), ["a"]);
    Box::new(write).commit(Vec::new()).await.unwrap();
    assert_eq!(bucket.listed(&partition).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_partition_can_be_written_to_as_a_folder() {
    let bucket = Bucket { table: location("s3://lake/t/dt=1/"), ..Bucket::new() };
    bucket.put_foreign("dt=1/a").await;
    bucket.write("b", &["a".to_string()]).await;
    assert_eq!(bucket.seen().await, names(&["b"]));
    assert_eq!((bucket.files().await, bucket.hidden().await.len()), (1, 1));
}

#[tokio::test]
async fn a_second_writer_waits_and_gives_up_with_the_first_ones_name() {
    let bucket = Bucket::new();
    let mut first = bucket.begin().await.unwrap();
    bucket.put(&first, "a").await.unwrap();
    first.lock().await.unwrap();
    let patience = Patience { lock_timeout: Duration::from_millis(100), lease: LEASE };
    let mut second = ObjectWrite::begin(&bucket.runtime, &bucket.table, patience).await.unwrap();
    let error = second.lock().await.unwrap_err();
    assert!(error.message().contains("another statement (process"), "{error}");
    assert!(error.message().contains("s3://lake/t/") && error.help_lines()[0].contains("lock_timeout"), "{error}");
    // It lives for much longer than its lease, and is left alone.
    tokio::time::sleep(DEATH).await;
    assert!(second.lock().await.is_err());
    Box::new(first).commit(Vec::new()).await.unwrap();
    second.lock().await.unwrap();
    assert_eq!(bucket.seen().await, names(&["a"]));
}

#[tokio::test]
async fn what_a_dead_writer_left_is_undone() {
    let bucket = Bucket::new();
    bucket.put_foreign("old").await;
    let mut dead = bucket.begin().await.unwrap();
    bucket.put(&dead, "new").await.unwrap();
    dead.lock().await.unwrap();
    dead.die();
    tokio::time::sleep(DEATH).await;
    assert_eq!(bucket.seen().await, names(&["old"]));
    bucket.write("next", &[]).await;
    assert_eq!(bucket.seen().await, names(&["next", "old"]));
    assert_eq!((bucket.files().await, bucket.hidden().await.len()), (2, 1), "two files and a turn");
}

#[tokio::test]
async fn what_a_dead_writer_committed_is_finished() {
    let bucket = Bucket::new();
    bucket.put_foreign("old").await;
    let mut dead = bucket.begin().await.unwrap();
    bucket.put(&dead, "new").await.unwrap();
    dead.lock().await.unwrap();
    let committed = Committed { replaced: vec!["old".to_string()] };
    recovery::decide(&bucket.folder(), dead.id(), Some(committed)).await.unwrap();
    dead.die();
    assert_eq!(bucket.seen().await, names(&["new"]));
    tokio::time::sleep(DEATH).await;
    bucket.write("next", &[]).await;
    assert_eq!(bucket.seen().await, names(&["new", "next"]));
    assert_eq!((bucket.files().await, bucket.hidden().await.len()), (2, 1), "two files and a turn");
}

#[tokio::test]
async fn a_write_that_ends_while_others_take_it_for_dead_is_not_undone() {
    let bucket = Bucket::new();
    let mut silent = bucket.begin().await.unwrap();
    bucket.put(&silent, "a").await.unwrap();
    silent.lock().await.unwrap();
    silent.stop_heartbeat();
    tokio::time::sleep(DEATH).await;
    let other = bucket.begin().await.unwrap();
    let (folder, id) = (bucket.folder(), silent.id().to_string());
    let before = folder.log().await.unwrap();
    assert!(recovery::is_dead(&folder, &before, &id, other.id()).await.unwrap());
    Box::new(silent).commit(Vec::new()).await.unwrap();
    // Somebody who looked before the end, and somebody who is even about to undo it.
    assert!(!recovery::is_dead(&folder, &before, &id, other.id()).await.unwrap());
    assert_eq!(recovery::decide(&folder, &id, None).await.unwrap(), Outcome::Committed);
    assert_eq!(bucket.seen().await, names(&["a"]));
}

#[tokio::test]
async fn a_writer_that_slept_cannot_commit_any_more() {
    let bucket = Bucket::new();
    bucket.put_foreign("old").await;
    let mut asleep = bucket.begin().await.unwrap();
    bucket.put(&asleep, "late").await.unwrap();
    asleep.lock().await.unwrap();
    asleep.stop_heartbeat();
    tokio::time::sleep(DEATH).await;
    bucket.write("next", &["old".to_string()]).await;
    // What it still puts does not count.
    bucket.put(&asleep, "later").await.unwrap();
    assert_eq!(bucket.seen().await, names(&["next"]));
    let error = Box::new(asleep).commit(vec!["old".to_string()]).await.unwrap_err();
    assert!(error.message().contains("was undone by another one"), "{error}");
    assert_eq!(bucket.seen().await, names(&["next"]));
}

#[tokio::test]
async fn a_late_sign_of_life_does_not_undo_what_is_committed() {
    let bucket = Bucket::new();
    let write = bucket.begin().await.unwrap();
    bucket.put(&write, "a").await.unwrap();
    let alive = Mark::Alive.of(write.id());
    Box::new(write).commit(Vec::new()).await.unwrap();
    bucket.folder().put(&alive, Bytes::from_static(b"alive")).await.unwrap();
    tokio::time::sleep(DEATH).await;
    bucket.write("b", &[]).await;
    assert_eq!(bucket.seen().await, names(&["a", "b"]));
}

#[tokio::test]
async fn what_is_decided_stays_decided() {
    let bucket = Bucket::new();
    let folder = bucket.folder();
    assert_eq!(recovery::decide(&folder, "1", None).await.unwrap(), Outcome::Undone);
    assert_eq!(recovery::decide(&folder, "1", Some(Committed::default())).await.unwrap(), Outcome::Undone);
    assert_eq!(recovery::decide(&folder, "2", Some(Committed::default())).await.unwrap(), Outcome::Committed);
    assert_eq!(recovery::decide(&folder, "2", None).await.unwrap(), Outcome::Committed);
}

#[tokio::test]
async fn a_turn_below_the_highest_is_no_turn() {
    let bucket = Bucket::new();
    for file in ["a", "b", "c"] {
        bucket.write(file, &[]).await;
    }
    // The first two are deleted, and somebody who looked long ago makes one of them again.
    bucket.folder().put("turn-0000000000000001", Bytes::from_static(b"nobody")).await.unwrap();
    bucket.write("d", &[]).await;
    assert_eq!(bucket.hidden().await, names(&["turn-0000000000000004"]));
}

#[tokio::test]
async fn a_store_that_overwrites_what_is_to_be_created_is_refused() {
    let bucket = Bucket::of(Arc::new(flaky::Flaky::without_conditions()));
    let error = bucket.begin().await.err().unwrap();
    assert!(error.message().contains("ignores If-None-Match"), "{error}");
    assert_eq!(bucket.objects().await, names(&[]));
}

#[tokio::test]
async fn foreign_objects_beside_the_log_are_passed_over() {
    let bucket = Bucket::new();
    for name in ["lock", "last", "x.prepared", "turn-x", "staging-1/a"] {
        bucket.put_foreign(&format!("{FOLDER}/{name}")).await;
    }
    bucket.write("a", &[]).await;
    assert_eq!(bucket.seen().await, names(&["a"]));
}
