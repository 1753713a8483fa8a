//! The journal of a write: which files come, which go, and whether that is decided.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::storage::commit::FOLDER;

const PREPARED: &str = "prepared";
const COMMITTED: &str = "committed";
const LAST: &str = "last";
const HALF: &str = "writing";

/// Paths are below the table's folder, with `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub added: Vec<String>,
    pub replaced: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Prepared,
    Committed,
}

pub(super) fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let message = format!("{} cannot be {what}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            Error::storage(message).help("the rows that were there before are still there")
        }
        _ => Error::storage(message),
    }
}

/// The names in `_ostrich/`, without staging folders and the lock; none if the folder is not there.
pub(super) fn names(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed("read", &folder, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed("read", &folder, &error))?;
        if let Ok(name) = entry.file_name().into_string()
            && state_of(&name).is_some()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The state that a journal's name tells; `None` for other files.
pub(super) fn state_of(name: &str) -> Option<State> {
    match name.rsplit_once('.')?.1 {
        PREPARED => Some(State::Prepared),
        COMMITTED => Some(State::Committed),
        _ => None,
    }
}

/// `None` if it is gone meanwhile.
pub(super) fn read(root: &Path, name: &str) -> Result<Option<Journal>> {
    let path = root.join(FOLDER).join(name);
    match std::fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(journal) => Ok(Some(journal)),
            Err(error) => Err(Error::storage(format!("{} is damaged: {error}", path.display()))
                .help("it says which files of the table count; ask before deleting it")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// The write that was the last to come to its end.
pub(super) fn last(root: &Path) -> Result<Option<String>> {
    let path = root.join(FOLDER).join(LAST);
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(Some(id)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(failed("read", &path, &error)),
    }
}

pub(super) fn prepare(root: &Path, id: &str, journal: &Journal) -> Result<()> {
    let text = serde_json::to_vec(journal)
        .map_err(|error| Error::storage(format!("the journal of a write cannot be written: {error}")))?;
    replace(&path_of(root, id, PREPARED), &text)
}

/// The commit.
pub(super) fn commit(root: &Path, id: &str) -> Result<()> {
    let committed = path_of(root, id, COMMITTED);
    std::fs::rename(path_of(root, id, PREPARED), &committed).map_err(|error| failed("written", &committed, &error))?;
    sync(&root.join(FOLDER))
}

pub(super) fn set_last(root: &Path, id: &str) -> Result<()> {
    replace(&root.join(FOLDER).join(LAST), id.as_bytes())
}

pub(super) fn remove(root: &Path, name: &str) -> Result<()> {
    let path = root.join(FOLDER).join(name);
    std::fs::remove_file(&path).map_err(|error| failed("deleted", &path, &error))
}

pub(super) fn name_of(id: &str, state: State) -> String {
    match state {
        State::Prepared => format!("{id}.{PREPARED}"),
        State::Committed => format!("{id}.{COMMITTED}"),
    }
}

fn path_of(root: &Path, id: &str, state: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{id}.{state}"))
}

/// Whether a file was to become a journal when its writer died. Only who has the lock makes one.
pub(super) fn is_half(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ending == HALF)
}

/// Writes a file so that it is there as a whole or not at all, also after a loss of power.
fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let beside = path.with_extension(HALF);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| failed("written", path, &error))?;
    match path.parent() {
        Some(folder) => sync(folder),
        None => Ok(()),
    }
}

/// Makes the names in a folder last.
pub(super) fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("written", folder, &error))
}
