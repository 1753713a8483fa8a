use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::journal::{self, Journal};
use super::reading::{Reading, Settled};
use super::staging::{Staging, WriteLock};
use crate::storage::commit::FOLDER;

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The data files as a reader sees them.
fn seen(root: &Path) -> BTreeSet<String> {
    let Settled { listed: files, hidden, .. } = Reading::list(root, || {
        let mut files = BTreeSet::new();
        for folder in ["", "dt=1", "dt=2"] {
            let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
            for entry in entries.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
                let name = entry.file_name().into_string().unwrap();
                files.insert(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
        Ok(files)
    })
    .unwrap();
    files.into_iter().filter(|file| !hidden.contains(file)).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

async fn lock(root: &Path) -> WriteLock {
    WriteLock::wait(root, Duration::from_secs(5)).await.unwrap()
}

#[tokio::test]
async fn a_commit_swaps_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("dt=1/a"), "old");
    write(&root.join("b"), "old");
    let lock = lock(root).await;
    let staging = Staging::begin(root).unwrap();
    write(&staging.folder().join("dt=2/c"), "new");
    assert_eq!(seen(root), names(&["b", "dt=1/a"]));
    staging.commit(&lock, vec!["dt=1/a".to_string()]).unwrap();
    assert_eq!(seen(root), names(&["b", "dt=2/c"]));
    assert!(!root.join("dt=1").exists(), "an empty folder goes");
    let left: BTreeSet<_> = std::fs::read_dir(root.join(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, names(&["last", "lock"]));
}

#[tokio::test]
async fn without_a_commit_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::begin(folder.path()).unwrap();
    write(&staging.folder().join("c"), "new");
    drop(staging);
    assert_eq!(seen(folder.path()), names(&[]));
    assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_dead_writer_left_is_undone_or_finished() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("old"), "");
    std::fs::create_dir(root.join(FOLDER)).unwrap();
    let change = Journal { added: vec!["new".to_string()], replaced: vec!["old".to_string()] };
    // It died before the journal was whole, and another one while it moved files.
    write(&root.join("_ostrich/0.writing"), "{");
    journal::prepare(root, "1", &change).unwrap();
    write(&root.join("new"), "");
    assert_eq!(seen(root), names(&["old"]));
    drop(lock(root).await);
    assert_eq!(seen(root), names(&["old"]));
    assert!(!root.join("new").exists());
    // It died behind the commit.
    write(&root.join("new"), "");
    journal::prepare(root, "2", &change).unwrap();
    journal::commit(root, "2").unwrap();
    assert_eq!(seen(root), names(&["new"]));
    drop(lock(root).await);
    assert_eq!(seen(root), names(&["new"]));
    assert!(!root.join("old").exists());
    assert_eq!(journal::last(root).unwrap().as_deref(), Some("2"));
    assert!(!root.join("_ostrich/0.writing").exists());
}

#[tokio::test]
async fn a_second_writer_waits_and_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let first = lock(folder.path()).await;
    let error = WriteLock::wait(folder.path(), Duration::from_millis(50)).await.unwrap_err();
    assert!(error.message().contains("another statement has written"), "{error}");
    drop(first);
    drop(lock(folder.path()).await);
}

#[test]
fn a_listing_during_a_write_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join(FOLDER)).unwrap();
    let mut lists = 0;
    let Settled { listed, .. } = Reading::list(root, || {
        lists += 1;
        if lists == 1 {
            // A whole write passes by.
            journal::set_last(root, "7").unwrap();
        }
        Ok(lists)
    })
    .unwrap();
    assert_eq!(listed, 2);
}
