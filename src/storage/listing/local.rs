//! Walks folders on the local disk.

use std::collections::HashSet;
use std::path::Path as FsPath;
use std::time::SystemTime;

use object_store::ObjectMeta;
use object_store::path::Path;

use super::{Collector, Found, is_hidden};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::commit::{Reading, Settled};
use crate::storage::errors::local_error;
use crate::storage::location::{Location, local_path};
use crate::storage::partitions::key_and_value;

/// Lists a location on the local disk.
pub(super) fn list_local(location: &Location) -> Result<Found> {
    let root = local_path(location.root());
    let mut collector = Collector::new(location);
    let metadata = match std::fs::metadata(&root) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(collector.finish());
        }
        Err(error) => return Err(local_error(&error, &location.show(location.root()))),
    };
    collector.found.exists = true;
    if !metadata.is_dir() {
        if location.is_folder() || location.is_glob() {
            return Err(Error::storage(format!("{location} is a file, not a folder")));
        }
        collector.file("", || Ok(local_meta(location.root().clone(), &metadata)))?;
        return Ok(collector.finish());
    }
    let walk = Walk { location, root: &root };
    let Settled { listed: mut found, hidden, .. } = Reading::list(&root, || walk.below(vec![String::new()]))?;
    leave_out(&hidden, location, &mut found.files);
    Ok(found)
}

fn leave_out(hidden: &HashSet<String>, location: &Location, files: &mut Vec<ObjectMeta>) {
    if !hidden.is_empty() {
        files.retain(|file| location.below(&file.location).is_none_or(|below| !hidden.contains(below)));
    }
}

/// The folders of a table's partitions.
#[derive(Debug)]
pub(in crate::storage) struct PartitionFolders {
    /// Paths below the table's folder.
    pub below: Vec<String>,
    newest: Option<String>,
}

/// Lists the folders that a table's partition columns make, and no file. `None`: something lies there that such a table does not have,
/// or a link; only a listing of all files tells what it means.
pub(in crate::storage) fn partition_folders(location: &Location, columns: &[&str]) -> Result<Option<PartitionFolders>> {
    let root = local_path(location.root());
    if location.is_glob() || !root.is_dir() {
        return Ok(None);
    }
    let walk = Walk { location, root: &root };
    let Settled { listed, newest, .. } = Reading::list(&root, || {
        let mut folders = vec![String::new()];
        for column in columns {
            match walk.partitions(&folders, column)? {
                Some(deeper) => folders = deeper,
                None => return Ok(None),
            }
        }
        Ok(Some(folders))
    })?;
    Ok(listed.map(|below| PartitionFolders { below, newest }))
}

/// Lists the files of some of the partitions.
///
/// # Errors
///
/// If the table has been written to since its folders were listed: other partitions may have been listed before that.
pub(in crate::storage) fn list_partitions(
    location: &Location,
    folders: &PartitionFolders,
    some: &[String],
) -> Result<Vec<ObjectMeta>> {
    let root = local_path(location.root());
    let walk = Walk { location, root: &root };
    let Settled { listed: mut found, hidden, newest } = Reading::list(&root, || walk.below(some.to_vec()))?;
    if newest != folders.newest {
        let message = format!("{location} was written to while the statement was planned");
        return Err(Error::new(ErrorKind::Changed, message).help("run the statement again: it finds the new rows"));
    }
    leave_out(&hidden, location, &mut found.files);
    found.files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(found.files)
}

/// A walk over local folders, level by level.
struct Walk<'a> {
    location: &'a Location,
    root: &'a FsPath,
}

impl Walk<'_> {
    /// What lies in folders, given by their paths below the root, and in those in them.
    fn below(&self, mut folders: Vec<String>) -> Result<Found> {
        let mut collector = Collector::new(self.location);
        collector.found.exists = true;
        while !folders.is_empty() {
            folders = self.level(&folders, &mut collector)?;
        }
        Ok(collector.finish())
    }
}

impl Walk<'_> {
    /// The folders of a partition column's values in `folders`. `None`: there is something else.
    fn partitions(&self, folders: &[String], column: &str) -> Result<Option<Vec<String>>> {
        let mut found = Vec::new();
        for folder in folders {
            let shown = || self.location.show(&join_path(self.location.root(), folder, ""));
            let entries = std::fs::read_dir(self.root.join(folder)).map_err(|error| local_error(&error, &shown()))?;
            for entry in entries {
                let entry = entry.map_err(|error| local_error(&error, &shown()))?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { return Ok(None) };
                let key = key_and_value(name).map(|(key, _)| key);
                if is_hidden(name) && key.is_none() {
                    continue;
                }
                let is_folder = entry.file_type().map_err(|error| local_error(&error, &shown()))?.is_dir();
                if !is_folder || key.is_none_or(|key| !key.eq_ignore_ascii_case(column)) {
                    return Ok(None);
                }
                found.push(join_below(folder, name));
            }
        }
        Ok(Some(found))
    }
}

/// Folders that are worth a thread.
const FOLDERS_OF_THREAD: usize = 8;

impl Walk<'_> {
    /// Whether a link in a folder leads to a folder that the walk came through, so that it would never end. `folder` is
    /// the path below the root. Two links to one folder elsewhere are both followed: each is part of the table.
    fn leads_back(&self, folder: &str, link: &FsPath) -> bool {
        let Ok(target) = link.canonicalize() else { return false };
        let here = self.root.join(folder);
        let depth = folder.split('/').filter(|name| !name.is_empty()).count();
        here.ancestors().take(depth + 1).any(|above| above.canonicalize().is_ok_and(|above| above.starts_with(&target)))
    }

    /// Lists folders, given by their paths below the root, and returns the folders in them. Most of the time goes into
    /// asking the system for each file's size, which several threads do at once.
    fn level(&self, folders: &[String], collector: &mut Collector<'_>) -> Result<Vec<String>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(8).min(folders.len() / FOLDERS_OF_THREAD).max(1);
        let list = |folders: &[String], collector: &mut Collector<'_>| {
            let mut deeper = Vec::new();
            for folder in folders {
                list_folder(self, folder, collector, &mut deeper)?;
            }
            Ok(deeper)
        };
        if threads == 1 {
            return list(folders, collector);
        }
        let location = self.location;
        let parts = std::thread::scope(|scope| {
            let list = &list;
            let threads: Vec<_> = folders
                .chunks(folders.len().div_ceil(threads))
                .map(|chunk| {
                    scope.spawn(move || {
                        let mut part = Collector::new(location);
                        let deeper = list(chunk, &mut part)?;
                        Ok((part, deeper))
                    })
                })
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err(Error::storage(format!("listing {location} broke off"))))
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?;
        let mut deeper = Vec::new();
        for (part, folders) in parts {
            collector.add(part);
            deeper.extend(folders);
        }
        Ok(deeper)
    }
}

/// Lists one folder; `folder` is its path below the root, and so are those pushed to `folders`.
fn list_folder(walk: &Walk<'_>, folder: &str, collector: &mut Collector<'_>, folders: &mut Vec<String>) -> Result<()> {
    let Walk { location, root } = walk;
    let path = if folder.is_empty() { root.to_path_buf() } else { root.join(folder) };
    let shown = |name: &str| location.show(&join_path(location.root(), folder, name));
    let depth = if folder.is_empty() { 0 } else { folder.split('/').count() };
    let entries = std::fs::read_dir(&path).map_err(|error| local_error(&error, &shown("")))?;
    for entry in entries {
        let entry = entry.map_err(|error| local_error(&error, &shown("")))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            if is_hidden(&name.to_string_lossy()) {
                continue;
            }
            return Err(Error::storage(format!("{} cannot be read: its name is not UTF-8", entry.path().display()))
                .help("rename it"));
        };
        let mut kind = entry.file_type().map_err(|error| local_error(&error, &shown(name)))?;
        let below = join_below(folder, name);
        let is_link = kind.is_symlink();
        if is_link {
            if collector.levels.hides_file(depth, name) && collector.levels.hides_folder(depth, name) {
                continue;
            }
            let target = std::fs::metadata(entry.path())
                .map_err(|error| local_error(&error, &shown(name)).context("a link that leads nowhere"))?;
            kind = target.file_type();
        }
        if kind.is_dir() {
            if collector.levels.hides_folder(depth, name) || !collector.levels.admits(depth, name) {
                continue;
            }
            if is_link && walk.leads_back(folder, &entry.path()) {
                continue;
            }
            folders.push(below);
        } else if kind.is_file() {
            collector.file(&below, || {
                let metadata = if is_link { std::fs::metadata(entry.path()) } else { entry.metadata() };
                let metadata = metadata.map_err(|error| local_error(&error, &shown(name)))?;
                let path = Path::parse(join_below(location.root().as_ref(), &below)).map_err(|error| {
                    Error::storage(format!("{} cannot be read: {error}", entry.path().display())).help("rename it")
                })?;
                Ok(local_meta(path, &metadata))
            })?;
        }
    }
    Ok(())
}

fn join_below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") }
}

fn join_path(root: &Path, folder: &str, name: &str) -> Path {
    let text = [root.as_ref(), folder, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    Path::parse(&text).unwrap_or_else(|_| Path::from(text))
}

/// As the local store describes a file, with a tag that begins as the store's. Behind that comes the time of the inode's last
/// change in nanoseconds: programs can put a file's time of change back to what it was, but not this one, so that no rewritten
/// file passes for the old one, neither in caches nor as evidence.
fn local_meta(location: Path, metadata: &std::fs::Metadata) -> ObjectMeta {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let micros = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    #[cfg(unix)]
    let (inode, changed) = {
        use std::os::unix::fs::MetadataExt;
        let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        (metadata.ino(), changed)
    };
    #[cfg(not(unix))]
    let (inode, changed) = (0, 0_i128);
    ObjectMeta {
        location,
        last_modified: modified.into(),
        size: metadata.len(),
        e_tag: Some(format!("{inode:x}-{micros:x}-{:x}-{changed:x}", metadata.len())),
        version: None,
    }
}

/// When the inode of a local file was last changed, in nanoseconds since 1970, by the tag that its listing has.
pub fn time_of_change(tag: &str) -> Option<i128> {
    let (_, changed) = tag.rsplit_once('-')?;
    i128::from_str_radix(changed, 16).ok()
}
