//! The data files of a location, and what else lies there.
//!
//! Files and folders whose names begin with `_` or `.` are not data (`_SUCCESS`, `.crc`, half-written output), unless
//! they are partition folders (`_day=1/`) or a glob asks for them. On the local disk the folders are walked with the
//! system's own calls, which is several times quicker than going through the store.

mod local;

pub use local::time_of_change;
pub(super) use local::{PartitionFolders, list_partitions, partition_folders};

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt as _;
use glob::Pattern;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::error::{Error, Result};
use crate::names::nearest;
use crate::storage::commit;
use crate::storage::errors::{Names, store_error};
use crate::storage::format;
use crate::storage::location::{Location, Scheme};
use crate::storage::partitions::key_and_value;

/// What lies at a location.
#[derive(Debug, Default)]
pub struct Found {
    /// The data files, sorted by path.
    pub files: Vec<ObjectMeta>,
    /// Files that are there but are no data; for messages.
    hidden: Vec<String>,
    /// Files that the glob did not match; for messages.
    others: Vec<String>,
    /// Whether the location itself is there.
    exists: bool,
}

impl Found {
    /// The error that says what was looked for, and what is there instead.
    pub fn nothing(&self, location: &Location) -> Error {
        if location.is_glob() {
            let error = Error::storage(format!("no file matches {location}"));
            return match (self.hidden.as_slice(), self.others.as_slice()) {
                ([], []) => error.help("the folder that the glob begins with is empty or not there"),
                (hidden, []) => error.help(only_hidden(hidden)),
                (_, others) => error.help(format!("there are {}", Names(others))),
            };
        }
        if !self.exists {
            let error = Error::storage(format!("there is no file or folder {location}"));
            return match similar_name(location) {
                Some(name) => error.help(format!("did you mean \"{name}\"?")),
                None => error,
            };
        }
        let error = Error::storage(format!("there are no data files in {location}"));
        match self.hidden.as_slice() {
            [] => error.help("the folder is empty"),
            hidden => error.help(only_hidden(hidden)),
        }
    }
}

fn only_hidden(hidden: &[String]) -> String {
    format!("there are only hidden files, such as {}: names that begin with _ or . are no data", Names(hidden))
}

/// A name beside the one that is not there.
fn similar_name(location: &Location) -> Option<String> {
    let path = location.local_root()?;
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !is_hidden(name))
        .collect();
    nearest(wanted, names.iter().map(String::as_str)).map(str::to_string)
}

/// Lists a location. That nothing is there is no error here: see [`Found::nothing`].
pub async fn list(store: &Arc<dyn ObjectStore>, location: &Location) -> Result<Found> {
    let mut found = if location.is_local() {
        let location = location.clone();
        blocking(move || local::list_local(&location)).await?
    } else {
        list_store(store, location).await?
    };
    found.files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    found.hidden.sort_unstable();
    found.others.sort_unstable();
    Ok(found)
}

/// Lists on a thread that may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(list: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let listed = tokio::task::spawn_blocking(list).await;
    listed.map_err(|error| Error::storage(format!("listing files broke off: {error}")))?
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// What object_store names a local upload that has not ended yet: `name#1`.
fn is_unfinished_upload(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The wildcards of a glob, one pattern for each folder level. Empty when `**` makes the levels uncertain.
struct Levels(Vec<Pattern>);

impl Levels {
    fn of(location: &Location) -> Self {
        let patterns = match (location.glob_depth(), location.pattern_text()) {
            (Some(_), Some(text)) => text.trim_end_matches('/').split('/').map(Pattern::new).collect(),
            _ => Ok(Vec::new()),
        };
        Levels(patterns.unwrap_or_default())
    }

    /// Whether a file or folder name at a depth can be part of a match.
    fn admits(&self, depth: usize, name: &str) -> bool {
        self.0.get(depth).is_none_or(|pattern| pattern.matches(name))
    }

    /// Whether the glob asks for hidden names at a depth by beginning with their first letter.
    fn asks_for_hidden(&self, depth: usize, name: &str) -> bool {
        self.0.get(depth).is_some_and(|pattern| pattern.as_str().starts_with(['_', '.']) && pattern.matches(name))
    }

    /// Whether some component of a path below the root says that the file is no data.
    fn hides(&self, below: &str) -> bool {
        let (folders, name) = match below.rsplit_once('/') {
            Some((folders, name)) => (folders, name),
            None => ("", below),
        };
        let depth = if folders.is_empty() { 0 } else { folders.split('/').count() };
        let hidden_folder = !folders.is_empty()
            && folders.split('/').enumerate().any(|(depth, folder)| self.hides_folder(depth, folder));
        hidden_folder || self.hides_file(depth, name)
    }

    fn hides_folder(&self, depth: usize, name: &str) -> bool {
        is_hidden(name) && key_and_value(name).is_none() && !self.asks_for_hidden(depth, name)
    }

    fn hides_file(&self, depth: usize, name: &str) -> bool {
        (is_hidden(name) && !self.asks_for_hidden(depth, name)) || is_unfinished_upload(name)
    }
}

/// Sorts what was met into data, hidden files and files that the glob leaves out.
struct Collector<'a> {
    location: &'a Location,
    levels: Levels,
    found: Found,
    /// Files in folders that the glob matches; they count when no file matches by itself.
    in_matching_folders: Vec<ObjectMeta>,
}

impl<'a> Collector<'a> {
    fn new(location: &'a Location) -> Self {
        Collector { location, levels: Levels::of(location), found: Found::default(), in_matching_folders: Vec::new() }
    }

    /// `below` is the path below the location's root; empty for the root itself, which is always data.
    fn file(&mut self, below: &str, meta: impl FnOnce() -> Result<ObjectMeta>) -> Result<()> {
        if below.is_empty() {
            self.found.files.push(meta()?);
        } else if self.levels.hides(below) {
            keep_some(&mut self.found.hidden, below);
        } else if self.location.matches(below) {
            self.found.files.push(meta()?);
        } else if self.location.matches_folder_of(below) {
            self.in_matching_folders.push(meta()?);
        } else {
            keep_some(&mut self.found.others, below);
        }
        Ok(())
    }

    fn add(&mut self, other: Collector<'_>) {
        self.found.files.extend(other.found.files);
        self.found.hidden.extend(other.found.hidden);
        self.found.others.extend(other.found.others);
        self.in_matching_folders.extend(other.in_matching_folders);
    }

    fn finish(mut self) -> Found {
        if self.found.files.is_empty() {
            self.found.files = self.in_matching_folders;
        }
        self.found
    }
}

/// Messages name a few files; a folder may have a million.
fn keep_some(names: &mut Vec<String>, name: &str) {
    if names.len() < 20 {
        names.push(name.to_string());
    }
}

async fn list_store(store: &Arc<dyn ObjectStore>, location: &Location) -> Result<Found> {
    let root = location.root();
    let scheme = location.store_scheme();
    let mut collector = Collector::new(location);
    if location.scheme() == Scheme::Http && location.is_folder() {
        return Err(Error::storage(format!("{location} cannot be listed: http has no folders"))
            .help("name one file, with its extension"));
    }
    // Without the slash it may be a file or a folder. Files mostly have an extension, so the likely one is asked for first.
    let is_open = !location.is_folder() && !location.is_glob();
    let looks_like_file = location.scheme() == Scheme::Http || root.filename().is_some_and(|name| name.contains('.'));
    if is_open && looks_like_file && head_is_found(store, location, &mut collector).await? {
        return Ok(collector.finish());
    }
    let prefix = (!root.as_ref().is_empty()).then_some(root);
    let list = || {
        let objects = store.list(prefix);
        async { objects.try_collect().await.map_err(|error| store_error(&error, &location.show(root), scheme)) }
    };
    let mut objects: Vec<ObjectMeta> = commit::list_committed(store, location, list).await?;
    objects.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    if objects.is_empty() && is_open && !looks_like_file && head_is_found(store, location, &mut collector).await? {
        return Ok(collector.finish());
    }
    collector.found.exists = !objects.is_empty();
    for (index, meta) in objects.iter().enumerate() {
        if is_folder_marker(meta, objects.get(index + 1)) {
            continue;
        }
        let below = location.below(&meta.location).unwrap_or_default();
        collector.file(below, || Ok(meta.clone()))?;
    }
    Ok(collector.finish())
}

/// Looks for one object. Returns whether it is there.
async fn head_is_found(
    store: &Arc<dyn ObjectStore>,
    location: &Location,
    collector: &mut Collector<'_>,
) -> Result<bool> {
    match head(store.as_ref(), location).await {
        Ok(meta) => {
            collector.found.exists = true;
            collector.file("", || Ok(meta))?;
            Ok(true)
        }
        Err(object_store::Error::NotFound { .. }) if location.scheme() != Scheme::Http => Ok(false),
        Err(error) => Err(store_error(&error, &location.show(location.root()), location.store_scheme())),
    }
}

/// Consoles and Hadoop make empty objects to show a folder that holds nothing. Their trailing `/` is lost on the way here.
fn is_folder_marker(meta: &ObjectMeta, next: Option<&ObjectMeta>) -> bool {
    if meta.size > 0 {
        return false;
    }
    let name = meta.location.filename().unwrap_or_default();
    let has_children = next.is_some_and(|next| {
        next.location.as_ref().strip_prefix(meta.location.as_ref()).is_some_and(|rest| rest.starts_with('/'))
    });
    has_children || name.ends_with("_$folder$") || !name.contains('.')
}

/// The size and age of one object. Signed http URLs often allow GET only; then one byte is fetched in its place.
async fn head(store: &dyn ObjectStore, location: &Location) -> object_store::Result<ObjectMeta> {
    let error = match store.head(location.root()).await {
        Ok(meta) => return Ok(meta),
        Err(error) => error,
    };
    if location.scheme() != Scheme::Http || matches!(error, object_store::Error::NotFound { .. }) {
        return Err(error);
    }
    let one_byte = GetOptions { range: Some(GetRange::Bounded(0..1)), ..Default::default() };
    match store.get_opts(location.root(), one_byte).await {
        Ok(result) => Ok(result.meta),
        Err(_) => Err(error),
    }
}

/// A table that `--data` finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    pub name: String,
    pub location: Location,
}

/// The tables of a data folder: each file with a known extension, and each folder with data files somewhere below it. A
/// folder that is itself partitioned (`dt=…/` lies in it) or a single file is one table. Sorted by name; a name may occur
/// twice (`a.csv` beside `a.parquet`).
pub async fn discover(store: &Arc<dyn ObjectStore>, location: &Location) -> Result<Vec<Discovered>> {
    let found = list(store, location).await?;
    if found.files.is_empty() {
        return Err(found.nothing(location));
    }
    let itself = || {
        let name = location.stem().unwrap_or("data").to_string();
        Ok(vec![Discovered { name, location: location.clone() }])
    };
    if location.is_glob() || found.files.iter().any(|file| location.below(&file.location) == Some("")) {
        return itself();
    }
    let mut tables = BTreeMap::new();
    for file in &found.files {
        let below = location.below(&file.location).unwrap_or_default();
        match below.split_once('/') {
            Some((folder, _)) if key_and_value(folder).is_some() => return itself(),
            Some((folder, rest)) => {
                let name = rest.rsplit('/').next().unwrap_or(rest);
                if format::of_name(name).is_some() || !name.contains('.') {
                    tables.entry((folder.to_string(), true)).or_insert_with(|| folder.to_string());
                }
            }
            None => {
                if format::of_name(below).is_some() {
                    let stem = below.split('.').next().unwrap_or(below);
                    tables.entry((below.to_string(), false)).or_insert_with(|| stem.to_string());
                }
            }
        }
    }
    let mut discovered = tables
        .into_iter()
        .map(|((entry, is_folder), name)| {
            let location = location.join(&if is_folder { format!("{entry}/") } else { entry })?;
            Ok(Discovered { name, location })
        })
        .collect::<Result<Vec<_>>>()?;
    discovered.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(discovered)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path as FsPath;

    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    fn local() -> Arc<dyn ObjectStore> {
        Arc::new(LocalFileSystem::new())
    }

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in paths {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        dir
    }

    async fn names(dir: &FsPath, text: &str) -> Vec<String> {
        let location = Location::parse(text, dir).unwrap();
        let found = list(&local(), &location).await.unwrap();
        found.files.iter().map(|file| location.show(&file.location)).collect()
    }

    #[tokio::test]
    async fn hidden_files_are_no_data_and_partition_folders_are() {
        let dir = tree(&[
            "t/b.csv",
            "t/a.csv",
            "t/_SUCCESS",
            "t/.a.csv.crc",
            "t/_temporary/x.csv",
            "t/.git/x.csv",
            "t/_day=1/x.csv",
            "t/sub/_x.csv",
            "t/sub/y.csv",
            "t/up.csv#3",
        ]);
        assert_eq!(names(dir.path(), "t").await, ["t/_day=1/x.csv", "t/a.csv", "t/b.csv", "t/sub/y.csv"]);
    }

    #[tokio::test]
    async fn a_file_named_directly_is_data_whatever_its_name() {
        let dir = tree(&["_x.csv"]);
        assert_eq!(names(dir.path(), "_x.csv").await, ["_x.csv"]);
    }

    #[tokio::test]
    async fn globs_select_files_or_else_folders() {
        let dir = tree(&["a/1.csv", "a/2.txt", "b/1.csv", "b/c/1.csv", "_h.csv", "top.csv"]);
        assert_eq!(names(dir.path(), "*.csv").await, ["top.csv"]);
        assert_eq!(names(dir.path(), "*/*.csv").await, ["a/1.csv", "b/1.csv"]);
        assert_eq!(names(dir.path(), "**/*.csv").await, ["a/1.csv", "b/1.csv", "b/c/1.csv", "top.csv"]);
        assert_eq!(names(dir.path(), "[ab]/").await, ["a/1.csv", "a/2.txt", "b/1.csv", "b/c/1.csv"]);
        assert_eq!(names(dir.path(), "b*").await, ["b/1.csv", "b/c/1.csv"]);
        assert_eq!(names(dir.path(), "_*.csv").await, ["_h.csv"]);
    }

    #[tokio::test]
    async fn strange_names_survive() {
        let dir = tree(&["t/a b%20c.csv", "t/café=1/100%.csv"]);
        let location = Location::parse("t", dir.path()).unwrap();
        let found = list(&local(), &location).await.unwrap();
        assert_eq!(found.files.len(), 2);
        for file in &found.files {
            let through_store = local().head(&file.location).await.unwrap();
            assert_eq!((through_store.size, through_store.last_modified), (file.size, file.last_modified));
            let tags = (file.e_tag.as_deref().unwrap(), through_store.e_tag.as_deref().unwrap());
            assert!(tags.0.starts_with(tags.1), "{tags:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_rewritten_in_place_with_its_size_and_time_has_another_tag() {
        let dir = tree(&["a.csv"]);
        let location = Location::parse("a.csv", dir.path()).unwrap();
        let before = list(&local(), &location).await.unwrap().files;
        let modified = fs::metadata(dir.path().join("a.csv")).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(dir.path().join("a.csv"), "y").unwrap();
        fs::File::options().write(true).open(dir.path().join("a.csv")).unwrap().set_modified(modified).unwrap();
        let after = list(&local(), &location).await.unwrap().files;
        assert_eq!((before[0].size, before[0].last_modified), (after[0].size, after[0].last_modified));
        assert_ne!(before[0].e_tag, after[0].e_tag);
        let changed = |file: &ObjectMeta| time_of_change(file.e_tag.as_deref().unwrap()).unwrap();
        assert!(changed(&before[0]) < changed(&after[0]));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_and_rounds_end() {
        let dir = tree(&["real/a.csv", "t/b.csv"]);
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("t/link")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("t"), dir.path().join("t/loop")).unwrap();
        assert_eq!(names(dir.path(), "t").await, ["t/b.csv", "t/link/a.csv"]);
        // Two links to one folder are two parts of the table; a round over two folders ends.
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("t/k=2")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("t"), dir.path().join("real/back")).unwrap();
        assert_eq!(names(dir.path(), "t").await, ["t/b.csv", "t/k=2/a.csv", "t/link/a.csv"]);
        std::os::unix::fs::symlink(dir.path().join("gone"), dir.path().join("t/broken.csv")).unwrap();
        let location = Location::parse("t", dir.path()).unwrap();
        assert!(list(&local(), &location).await.unwrap_err().message().contains("broken.csv"));
    }

    #[tokio::test]
    async fn finding_nothing_says_what_is_there() {
        let dir = tree(&["only_hidden/_SUCCESS", "orders.csv", "lines.csv"]);
        fs::create_dir(dir.path().join("empty")).unwrap();
        for (text, message, help) in [
            ("only_hidden", "no data files in only_hidden", "_SUCCESS"),
            ("empty", "no data files in empty", "empty"),
            ("order.csv", "no file or folder order.csv", "did you mean \"orders.csv\"?"),
            ("*.parquet", "no file matches *.parquet", "lines.csv, orders.csv"),
            ("nowhere/*.csv", "no file matches nowhere/*.csv", "not there"),
        ] {
            let location = Location::parse(text, dir.path()).unwrap();
            let found = list(&local(), &location).await.unwrap();
            assert!(found.files.is_empty());
            let error = found.nothing(&location);
            assert!(error.message().contains(message), "{error}");
            assert!(error.help_lines()[0].contains(help), "{error}");
        }
    }

    #[tokio::test]
    async fn object_stores_list_like_disks() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for (path, content) in [
            ("t/a.csv", "x"),
            ("t/_SUCCESS", ""),
            ("t/sub", ""),
            ("t/sub/b.csv", "x"),
            ("t/empty", ""),
            ("u/c.csv", "x"),
        ] {
            store.put(&Path::parse(path).unwrap(), content.into()).await.unwrap();
        }
        let list_names = async |text: &str| {
            let location = Location::parse(text, FsPath::new("/")).unwrap();
            let found = list(&store, &location).await.unwrap();
            found.files.iter().map(|file| file.location.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list_names("s3://b/t/").await, ["t/a.csv", "t/sub/b.csv"]);
        assert_eq!(list_names("s3://b/t").await, ["t/a.csv", "t/sub/b.csv"]);
        assert_eq!(list_names("s3://b/t/a.csv").await, ["t/a.csv"]);
        assert_eq!(list_names("s3://b/**/[bc].csv").await, ["t/sub/b.csv", "u/c.csv"]);
        assert_eq!(list_names("s3://b/none/").await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn data_folders_become_tables() {
        let dir =
            tree(&["d/a.csv", "d/b.parquet", "d/notes.md", "d/folder/x.csv.gz", "d/docs/readme.md", "e/dt=1/a.csv"]);
        let location = Location::parse("d", dir.path()).unwrap();
        let tables = discover(&local(), &location).await.unwrap();
        let shown: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.location.to_string())).collect();
        assert_eq!(
            shown,
            [("a", "d/a.csv".to_string()), ("b", "d/b.parquet".to_string()), ("folder", "d/folder/".to_string())]
        );
        let partitioned = Location::parse("e", dir.path()).unwrap();
        assert_eq!(discover(&local(), &partitioned).await.unwrap()[0].name, "e");
    }
}
