//! The writer's side: a lock, a place for new files, and the commit.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::journal::{self, Journal, State, failed};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::commit::{FOLDER, fail_point};
use crate::storage::partitions::in_hive_folders;

const LOCK: &str = "lock";
const STAGING: &str = "staging-";
/// Its lock says that the writer lives.
const ALIVE: &str = ".alive";
/// How long a writer sleeps before it asks for the lock again.
const PATIENCE: Duration = Duration::from_millis(20);

/// The right to change which files a table has. Ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl WriteLock {
    /// Waits for other writers, then finishes what dead ones left.
    ///
    /// # Errors
    ///
    /// If `timeout` passes first, or the folder cannot be written to.
    pub(crate) async fn wait(root: &Path, timeout: Duration) -> Result<Self> {
        let folder = root.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| failed("made", &folder, &error))?;
        let path = folder.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| failed("written", &path, &error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < timeout => tokio::time::sleep(PATIENCE).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(
                        ErrorKind::Storage,
                        format!(
                            "another statement has written to {} for more than {}",
                            root.display(),
                            humantime::format_duration(timeout)
                        ),
                    )
                    .help("SET ostrich.write.lock_timeout allows to wait longer"));
                }
                Err(TryLockError::Error(error)) => return Err(failed("locked", &path, &error)),
            }
        }
        recover(root)?;
        Ok(WriteLock { _file: file })
    }
}

/// New files of a table that no reader sees yet. Dropped without a commit, they go.
#[derive(Debug)]
pub(crate) struct Staging {
    root: PathBuf,
    id: String,
    _alive: File,
}

impl Staging {
    pub(crate) fn begin(root: &Path) -> Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = root.join(FOLDER).join(format!("{STAGING}{id}"));
        std::fs::create_dir_all(&folder).map_err(|error| failed("made", &folder, &error))?;
        let path = folder.join(ALIVE);
        let alive = File::create(&path).map_err(|error| failed("written", &path, &error))?;
        alive.lock().map_err(|error| failed("locked", &path, &error))?;
        Ok(Staging { root: root.to_path_buf(), id, _alive: alive })
    }

    /// Where the new files are to be written.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(FOLDER).join(format!("{STAGING}{}", self.id))
    }

    /// The new files: where each is below [`folder`](Self::folder), and where it will be below the table's folder.
    pub(crate) fn files(&self) -> Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        collect(&self.folder(), "", &mut files)?;
        files.sort_unstable();
        Ok(files
            .into_iter()
            .map(|from| {
                let to = in_hive_folders(&from);
                (from, to)
            })
            .collect())
    }

    /// Puts the new files into the table, in the place of the replaced ones, of which the paths are below the table's folder.
    ///
    /// # Errors
    ///
    /// Up to the commit, everything is as it was before. What fails behind it (replaced files that cannot be deleted) is for the
    /// next writer to do.
    pub(crate) fn commit(self, _lock: &WriteLock, replaced: Vec<String>) -> Result<()> {
        let files = self.files()?;
        let journal = Journal { added: files.iter().map(|(_, to)| to.clone()).collect(), replaced };
        if journal == Journal::default() {
            return Ok(());
        }
        fail_point("staged");
        for (from, _) in &files {
            let path = self.folder().join(from);
            // Names last only if what they name does.
            File::open(&path).and_then(|file| file.sync_all()).map_err(|error| failed("written", &path, &error))?;
        }
        journal::prepare(&self.root, &self.id, &journal)?;
        fail_point("prepared");
        if let Err(error) = self.put_in_place(&files) {
            // The error that is at the root of it matters more than one of cleaning up, which the next writer does.
            let _ = undo(&self.root, &journal::name_of(&self.id, State::Prepared), &journal);
            return Err(error);
        }
        fail_point("moved");
        journal::commit(&self.root, &self.id)?;
        fail_point("committed");
        let _ = journal::set_last(&self.root, &self.id)
            .and_then(|()| finish(&self.root, &journal::name_of(&self.id, State::Committed), &journal));
        Ok(())
    }

    fn put_in_place(&self, files: &[(String, String)]) -> Result<()> {
        let mut folders = BTreeSet::new();
        for (index, (from, to)) in files.iter().enumerate() {
            let to = self.root.join(to);
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder).map_err(|error| failed("made", folder, &error))?;
                folders.insert(folder.to_path_buf());
            }
            std::fs::rename(self.folder().join(from), &to).map_err(|error| failed("written", &to, &error))?;
            if index == 0 {
                fail_point("moving");
            }
        }
        folders.iter().try_for_each(|folder| journal::sync(folder))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is hidden, and the next writer deletes it.
        let _ = std::fs::remove_dir_all(self.folder());
    }
}

/// Finishes what dead writers left. The caller has the lock.
fn recover(root: &Path) -> Result<()> {
    for name in journal::names(root)? {
        let (Some(state), Some(journal)) = (journal::state_of(&name), journal::read(root, &name)?) else { continue };
        match state {
            State::Prepared => undo(root, &name, &journal)?,
            State::Committed => {
                journal::set_last(root, name.trim_end_matches(".committed"))?;
                finish(root, &name, &journal)?;
            }
        }
    }
    let folder = root.join(FOLDER);
    for entry in std::fs::read_dir(&folder).map_err(|error| failed("read", &folder, &error))? {
        let entry = entry.map_err(|error| failed("read", &folder, &error))?;
        if entry.file_name().to_str().is_some_and(journal::is_half) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|error| failed("deleted", &path, &error))?;
        } else if entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING)) && is_dead(&entry.path()) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).map_err(|error| failed("deleted", &path, &error))?;
        }
    }
    Ok(())
}

/// Whether nobody holds the lock of a staging folder. One without a lock file has just been made, or its owner died right then; it is
/// empty, and left.
fn is_dead(staging: &Path) -> bool {
    File::open(staging.join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_ok())
}

/// Takes files away that were put in place before a commit that did not come.
fn undo(root: &Path, name: &str, journal: &Journal) -> Result<()> {
    delete(root, &journal.added)?;
    journal::remove(root, name)
}

/// Deletes what was replaced.
fn finish(root: &Path, name: &str, journal: &Journal) -> Result<()> {
    delete(root, &journal.replaced)?;
    fail_point("deleted");
    journal::remove(root, name)
}

/// Deletes files, and the folders that are empty then. What is gone already is no error.
fn delete(root: &Path, files: &[String]) -> Result<()> {
    for file in files {
        let path = root.join(file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("deleted", &path, &error)),
            _ => {}
        }
        let mut folder = path.parent();
        while let Some(empty) = folder.filter(|folder| *folder != root) {
            if std::fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
    }
    Ok(())
}

fn collect(folder: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|error| failed("read", folder, &error))? {
        let entry = entry.map_err(|error| failed("read", folder, &error))?;
        let name = entry.file_name().into_string().map_err(|name| {
            Error::storage(format!("{} has a name that is not UTF-8: {}", folder.display(), name.to_string_lossy()))
        })?;
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(|error| failed("read", &entry.path(), &error))?;
        if kind.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else if name != ALIVE {
            files.push(path);
        }
    }
    Ok(())
}
