//! What a user writes for "where the data is": a path, a URL, a folder, a glob.
//!
//! Every store addresses a file by two things: the store (a bucket, the local disk) and a path in it. [`Location`] turns
//! the user's text into these, and file paths back into text that the user recognizes.

use std::borrow::Cow;
use std::fmt;
use std::path::{Component, Path as FsPath, PathBuf};

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::object_store::ObjectStoreUrl;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::error::{Error, Result};

/// The schemes that [`Location::parse`] understands, for messages.
const SCHEMES: &str = "file://, s3://, gs://, az://, abfss://, http://, https://";

/// How a glob is matched: `*` and `?` stay within one folder, `**` crosses folders.
const GLOB_OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// What may stand unescaped in the part of a store URL that carries an http query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A kind of store, told by the URL's scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    File,
    S3,
    Gcs,
    Azure,
    Http,
}

/// A file, a folder or a glob in some store.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// As the user wrote it.
    text: String,
    scheme: Scheme,
    store: ObjectStoreUrl,
    /// The file or folder; for a glob, the folder above the first component with a wildcard.
    root: Path,
    /// How `root` looks in the user's spelling, without a trailing `/`.
    shown_root: String,
    /// The glob below `root`.
    pattern: Option<Pattern>,
    folder: bool,
}

impl Location {
    /// Reads what stands in FROM, LOCATION, `--data` or COPY TO.
    ///
    /// Paths are relative to `base`; a leading `~/` is the home folder. A text without wildcards that ends with `/`, or
    /// that names a folder on the local disk, is a folder. Characters in local paths and in keys of object stores are
    /// taken as they are; in `file://` and `http(s)://` URLs `%20` stands for a space, as URLs have it. A local path
    /// that exists is taken literally even if it holds `*`, `?` or `[`.
    pub fn parse(text: &str, base: &FsPath) -> Result<Self> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(
                Error::statement("an empty text is no location").help("write a path, a folder, a glob or a URL")
            );
        }
        let Some((scheme, rest)) = split_scheme(trimmed) else {
            return Self::local(trimmed, &expand_home(trimmed), base);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return Err(Error::statement(format!("\"{trimmed}\" is no file URL"))
                        .help("a file URL has three slashes: file:///folder/file.parquet"));
                }
                let decoded = percent_decode_str(path)
                    .decode_utf8()
                    .map_err(|_| Error::statement(format!("\"{trimmed}\" does not decode to UTF-8")))?;
                Self::local(trimmed, &decoded, base)
            }
            "s3" | "s3a" | "s3n" => Self::object(trimmed, Scheme::S3, "s3", rest),
            "gs" | "gcs" => Self::object(trimmed, Scheme::Gcs, "gs", rest),
            "az" | "azure" => Self::object(trimmed, Scheme::Azure, "az", rest),
            "abfss" | "abfs" => Self::object(trimmed, Scheme::Azure, "abfss", rest),
            "http" | "https" => Self::http(trimmed),
            other => Err(Error::statement(format!("there is no store for {other}:// in \"{trimmed}\""))
                .help(format!("known are {SCHEMES} and plain paths"))),
        }
    }

    fn local(text: &str, path: &str, base: &FsPath) -> Result<Self> {
        let absolute = normalize(&base.join(path));
        let literal = absolute.exists();
        let (root_text, pattern) = if literal { (path, None) } else { split_glob(text, path)? };
        let root_path = normalize(&base.join(root_text));
        let root = local_object_path(&root_path)?;
        let folder = pattern.is_none() && (path.ends_with('/') || root_path.is_dir());
        // What was typed is shown again, unless it was a URL or began with `~`: then the absolute path is.
        let shown_root = if text == path { root_text.to_string() } else { root_path.display().to_string() };
        let shown_root = match shown_root.trim_end_matches('/') {
            "" if shown_root.starts_with('/') => "/".to_string(),
            trimmed => trimmed.to_string(),
        };
        Ok(Location {
            text: text.to_string(),
            scheme: Scheme::File,
            store: ObjectStoreUrl::local_filesystem(),
            root,
            shown_root,
            pattern,
            folder,
        })
    }

    fn object(text: &str, scheme: Scheme, store_scheme: &str, rest: &str) -> Result<Self> {
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err(Error::statement(format!("\"{text}\" names no bucket"))
                .help(format!("write {store_scheme}://bucket/folder/file.parquet")));
        }
        let store = ObjectStoreUrl::parse(format!("{store_scheme}://{authority}"))
            .map_err(|error| Error::statement(format!("\"{text}\" is no URL: {}", error.strip_backtrace())))?;
        let (root_text, pattern) = split_glob(text, key)?;
        let root = parse_object_path(text, root_text)?;
        let shown_root = format!("{store_scheme}://{authority}/{root}");
        Ok(Location {
            text: text.to_string(),
            scheme,
            store,
            root,
            shown_root: shown_root.trim_end_matches('/').to_string(),
            folder: pattern.is_none() && (key.is_empty() || key.ends_with('/')),
            pattern,
        })
    }

    fn http(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| Error::statement(format!("\"{text}\" is no URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::statement("a URL with a user name or password in it cannot be read"));
        }
        let root = Path::from_url_path(url.path())
            .map_err(|error| Error::statement(format!("\"{text}\" is no URL of a file: {error}")))?;
        let origin = &url[url::Position::BeforeHost..url::Position::AfterPort];
        // DataFusion identifies a store by scheme and authority only, so the query goes where a user name would.
        let store = match url.query() {
            Some(query) if !query.is_empty() => {
                format!("{}://{}@{origin}", url.scheme(), utf8_percent_encode(query, QUERY))
            }
            _ => format!("{}://{origin}", url.scheme()),
        };
        let store = ObjectStoreUrl::parse(store)
            .map_err(|error| Error::statement(format!("\"{text}\" is no URL: {}", error.strip_backtrace())))?;
        // The query may hold a signature, which nobody should find in a log.
        let shown_root = url[..url::Position::AfterPath].trim_end_matches('/').to_string();
        Ok(Location {
            text: text.to_string(),
            scheme: Scheme::Http,
            store,
            folder: url.path().ends_with('/'),
            root,
            shown_root,
            pattern: None,
        })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The store, as DataFusion's registry identifies it.
    pub fn store(&self) -> &ObjectStoreUrl {
        &self.store
    }

    /// The file or folder in the store; for a glob, the deepest folder that all matches lie in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the text had wildcards.
    pub fn is_glob(&self) -> bool {
        self.pattern.is_some()
    }

    /// Whether this is a folder for certain. An object store cannot tell a file from a folder that was written without
    /// the trailing `/`; such a location is neither a folder nor a glob.
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::File
    }

    /// The path of [`root`](Self::root) on the local disk; `None` for other stores.
    pub fn local_root(&self) -> Option<PathBuf> {
        self.is_local().then(|| local_path(&self.root))
    }

    /// The same place, as a folder even if nothing is there yet.
    #[must_use]
    pub fn into_folder(mut self) -> Self {
        if self.pattern.is_none() && !self.folder {
            self.folder = true;
            self.text.push('/');
        }
        self
    }

    /// A file or folder below this folder. `name` may have several components and is taken literally.
    pub fn join(&self, name: &str) -> Result<Self> {
        let folder = name.ends_with('/');
        let name = name.trim_matches('/');
        let mut joined = self.clone();
        joined.root = parse_object_path(name, &format!("{}/{name}", self.root))?;
        joined.text = format!("{}/{name}{}", self.text.trim_end_matches('/'), if folder { "/" } else { "" });
        joined.shown_root = join_text(&self.shown_root, name);
        joined.pattern = None;
        joined.folder = folder || joined.local_root().is_some_and(|path| path.is_dir());
        Ok(joined)
    }

    /// A text that [`parse`](Self::parse) reads as the same place whatever the base folder: an absolute path or a URL.
    /// A folder ends with `/`. This is what a catalog stores.
    pub fn absolute(&self) -> String {
        let mut text = match self.scheme {
            Scheme::File => local_path(&self.root).display().to_string(),
            Scheme::Http => return self.text.clone(),
            _ => self.shown_root.clone(),
        };
        if let Some(pattern) = &self.pattern {
            text = join_text(&text, pattern.as_str());
        } else if self.folder && !text.ends_with('/') {
            text.push('/');
        }
        text
    }

    /// A file of this location's store in the spelling that the user chose for the location.
    pub fn show(&self, file: &Path) -> String {
        match relative(&self.root, file) {
            Some("") => self.shown_root.clone(),
            Some(below) => join_text(&self.shown_root, below),
            None if self.is_local() => local_path(file).display().to_string(),
            None => file.to_string(),
        }
    }

    /// The last component without its extensions: what the table is called when nobody gave it a name.
    pub fn stem(&self) -> Option<&str> {
        let name = self.root.filename()?;
        let stem = if self.folder || self.is_glob() { name } else { name.split('.').next().unwrap_or(name) };
        (!stem.is_empty()).then_some(stem)
    }

    /// The part of `file`'s path that lies below [`root`](Self::root): empty for the root itself, `None` for a file
    /// elsewhere.
    pub fn below<'f>(&self, file: &'f Path) -> Option<&'f str> {
        relative(&self.root, file)
    }

    /// Whether a path below the root matches the glob; all do when there is none.
    pub(crate) fn matches(&self, below: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches_with(below, GLOB_OPTIONS))
    }

    /// Whether the glob matches a folder above the path below the root, so that the file lies in a folder that was asked for.
    pub(crate) fn matches_folder_of(&self, below: &str) -> bool {
        let Some(pattern) = &self.pattern else { return false };
        let folder_pattern = pattern.as_str().strip_suffix('/');
        let pattern = match folder_pattern.map(Pattern::new) {
            Some(Ok(pattern)) => Cow::Owned(pattern),
            _ => Cow::Borrowed(pattern),
        };
        below.match_indices('/').any(|(end, _)| pattern.matches_with(&below[..end], GLOB_OPTIONS))
    }

    /// The glob as it was written, without the part above its first wildcard.
    pub(crate) fn pattern_text(&self) -> Option<&str> {
        self.pattern.as_ref().map(Pattern::as_str)
    }

    /// The scheme of the store's URL: `file`, `s3`, …
    pub(crate) fn store_scheme(&self) -> &str {
        AsRef::<Url>::as_ref(&self.store).scheme()
    }

    /// The glob's number of components when it has no `**`: nothing deeper than this can match.
    pub(crate) fn glob_depth(&self) -> Option<usize> {
        let pattern = self.pattern.as_ref()?.as_str();
        (!pattern.contains("**")).then(|| pattern.trim_end_matches('/').split('/').count())
    }

    /// The location as DataFusion's sinks want it; a folder's URL ends with `/`.
    pub(crate) fn sink_url(&self) -> Result<ListingTableUrl> {
        let mut url: Url = AsRef::<Url>::as_ref(&self.store).clone();
        {
            let mut segments =
                url.path_segments_mut().map_err(|()| Error::statement(format!("\"{self}\" cannot be written to")))?;
            segments.clear();
            segments.extend(self.root.as_ref().split('/'));
            if self.folder {
                segments.push("");
            }
        }
        ListingTableUrl::try_new(url, None)
            .map_err(|error| Error::statement(format!("\"{self}\" cannot be written to: {}", error.strip_backtrace())))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => f.write_str(&self.shown_root),
            _ => f.write_str(&self.text),
        }
    }
}

/// The path on the local disk of a file in the local store.
pub(crate) fn local_path(path: &Path) -> PathBuf {
    FsPath::new("/").join(path.as_ref())
}

/// The http query that a store URL carries; see [`Location::parse`].
pub(crate) fn query_of_store(store: &Url) -> Option<String> {
    let query = percent_decode_str(store.username()).decode_utf8().ok()?;
    (!query.is_empty()).then(|| query.into_owned())
}

fn join_text(left: &str, right: &str) -> String {
    match left {
        "" => right.to_string(),
        _ if left.ends_with('/') => format!("{left}{right}"),
        _ => format!("{left}/{right}"),
    }
}

fn relative<'f>(root: &Path, file: &'f Path) -> Option<&'f str> {
    let root = root.as_ref();
    let below = file.as_ref().strip_prefix(root)?;
    match below.strip_prefix('/') {
        Some(below) => Some(below),
        None if root.is_empty() || below.is_empty() => Some(below),
        None => None,
    }
}

/// `scheme://rest`, or Hadoop's `file:/rest`. A lone drive letter is no scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix("file:")
        && !rest.starts_with("//")
        && rest.starts_with('/')
    {
        return Some(("file", rest));
    }
    let (scheme, rest) = text.split_once("://")?;
    let mut chars = scheme.chars();
    let is_scheme = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

fn expand_home(text: &str) -> Cow<'_, str> {
    let home = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            directories::BaseDirs::new().map(|dirs| format!("{}{rest}", dirs.home_dir().display()))
        }
        _ => None,
    };
    home.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Splits a path before its first component with a wildcard.
fn split_glob<'p>(text: &str, path: &'p str) -> Result<(&'p str, Option<Pattern>)> {
    let Some(wildcard) = path.find(['*', '?', '[']) else { return Ok((path, None)) };
    let start = path[..wildcard].rfind('/').map_or(0, |slash| slash + 1);
    let pattern = Pattern::new(&path[start..]).map_err(|error| {
        Error::statement(format!("\"{text}\" is no glob: {}", error.msg)).help(
            "* stands for any text within a name, ? for one character, [abc] for one of these, ** for any folders",
        )
    })?;
    Ok((&path[..start], Some(pattern)))
}

/// Makes a path absolute and free of `.` and `..`, as far as possible in the way the disk sees it.
fn normalize(path: &FsPath) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if !path.components().any(|component| component == Component::ParentDir) {
        return path.components().collect();
    }
    // `link/..` is the folder above the link's target, which only the disk knows.
    if let Ok(canonical) = path.canonicalize() {
        return canonical;
    }
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The path in the local store of a file on disk. `path` is absolute.
pub(crate) fn local_object_path(path: &FsPath) -> Result<Path> {
    let text = path.to_str().ok_or_else(|| {
        Error::storage(format!("{} cannot be read: its name is not UTF-8", path.display())).help("rename it")
    })?;
    parse_object_path(text, text)
}

fn parse_object_path(shown: &str, path: &str) -> Result<Path> {
    Path::parse(path.trim_matches('/')).map_err(|error| {
        let why = match error {
            object_store::path::Error::EmptySegment { .. } => "it has an empty component (`//`)".to_string(),
            object_store::path::Error::BadSegment { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        Error::statement(format!("\"{shown}\" cannot be used as a path: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        Location::parse(text, FsPath::new("/base")).unwrap()
    }

    #[test]
    fn relative_paths_start_at_the_base_and_are_shown_as_written() {
        let location = parse("data/orders.parquet");
        assert_eq!(location.root().as_ref(), "base/data/orders.parquet");
        assert_eq!(location.show(location.root()), "data/orders.parquet");
        assert_eq!(location.absolute(), "/base/data/orders.parquet");
        assert_eq!(location.stem(), Some("orders"));
        assert!(!location.is_folder());
    }

    #[test]
    fn dots_are_resolved() {
        assert_eq!(parse("./a/../b/./c.csv").root().as_ref(), "base/b/c.csv");
    }

    #[test]
    fn home_is_expanded() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_path_buf();
        assert_eq!(parse("~/x.csv").local_root().unwrap(), home.join("x.csv"));
        assert_eq!(parse("~x.csv").root().as_ref(), "base/~x.csv");
    }

    #[test]
    fn percent_space_and_unicode_in_local_paths_are_literal() {
        let location = parse("100% café/a b%20c.csv");
        assert_eq!(location.local_root().unwrap(), FsPath::new("/base/100% café/a b%20c.csv"));
        let url = location.sink_url().unwrap();
        assert_eq!(url.prefix(), location.root());
    }

    #[test]
    fn file_urls_are_decoded() {
        assert_eq!(parse("file:///a%20b/c.csv").root().as_ref(), "a b/c.csv");
        assert_eq!(parse("file:/a/c.csv").root().as_ref(), "a/c.csv");
        assert_eq!(parse("file://localhost/a/c.csv").root().as_ref(), "a/c.csv");
        assert!(Location::parse("file://a/b", FsPath::new("/")).is_err());
    }

    #[test]
    fn existing_folder_is_a_folder_and_existing_name_with_wildcards_is_literal() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("events")).unwrap();
        std::fs::write(dir.path().join("a[1].csv"), "").unwrap();
        assert!(Location::parse("events", dir.path()).unwrap().is_folder());
        assert!(!Location::parse("a[1].csv", dir.path()).unwrap().is_glob());
        assert!(Location::parse("b[1].csv", dir.path()).unwrap().is_glob());
    }

    #[test]
    fn object_stores() {
        let location = parse("s3a://bucket/a/b c%20d.parquet");
        assert_eq!(location.store().as_str(), "s3://bucket/");
        assert_eq!(location.root().as_ref(), "a/b c%20d.parquet");
        assert_eq!(location.sink_url().unwrap().prefix(), location.root());
        assert!(parse("s3://bucket").is_folder());
        assert!(parse("gs://bucket/folder/").is_folder());
        assert!(!parse("gs://bucket/folder").is_folder());
        assert_eq!(
            parse("abfss://box@account.dfs.core.windows.net/x").store().as_str(),
            "abfss://box@account.dfs.core.windows.net/"
        );
        assert_eq!(parse("s3://bucket/a/").absolute(), "s3://bucket/a/");
        assert!(Location::parse("s3:///a", FsPath::new("/")).is_err());
    }

    #[test]
    fn http_queries_stay_with_the_store_and_out_of_sight() {
        let location = parse("https://host:8443/a%20b/c.csv?sig=s%2Fe&x=1#part");
        assert_eq!(location.root().as_ref(), "a b/c.csv");
        assert_eq!(query_of_store(location.store().as_ref()).as_deref(), Some("sig=s%2Fe&x=1"));
        assert_eq!(location.to_string(), "https://host:8443/a%20b/c.csv");
        assert_eq!(query_of_store(parse("https://host/a").store().as_ref()), None);
        assert!(!parse("http://host/a?b=*").is_glob());
    }

    #[test]
    fn globs_match_within_a_folder_unless_they_say_otherwise() {
        let location = parse("events/dt=*/p?rt-[0-9].parquet");
        assert_eq!(location.root().as_ref(), "base/events");
        assert!(location.matches("dt=2026-01-01/part-1.parquet"));
        assert!(!location.matches("dt=2026-01-01/sub/part-1.parquet"));
        assert!(!location.matches("dt=2026-01-01/part-x.parquet"));
        assert_eq!(location.glob_depth(), Some(2));
        assert_eq!(location.absolute(), "/base/events/dt=*/p?rt-[0-9].parquet");
        assert_eq!(location.show(&Path::from("base/events/dt=1/part-1.parquet")), "events/dt=1/part-1.parquet");

        let deep = parse("s3://bucket/**/*.csv");
        assert_eq!(deep.root(), &Path::ROOT);
        assert!(deep.matches("a.csv"));
        assert!(deep.matches("x/y/a.csv"));
        assert_eq!(deep.glob_depth(), None);

        let folders = parse("events/dt=2026-*");
        assert!(!folders.matches("dt=2026-01/a.parquet"));
        assert!(folders.matches_folder_of("dt=2026-01/a.parquet"));
        assert!(!folders.matches_folder_of("dt=2025-01/a.parquet"));
        assert!(parse("events/dt=2026-*/").matches_folder_of("dt=2026-01/a.parquet"));
    }

    #[test]
    fn root_glob_keeps_its_slash() {
        let location = parse("/*.csv");
        assert_eq!(location.root(), &Path::ROOT);
        assert_eq!(location.show(&Path::from("a.csv")), "/a.csv");
    }

    #[test]
    fn join_and_into_folder() {
        let folder = parse("warehouse").into_folder();
        assert!(folder.is_folder());
        let table = folder.join("sales/").unwrap();
        assert_eq!(table.root().as_ref(), "base/warehouse/sales");
        assert!(table.is_folder());
        assert_eq!(table.to_string(), "warehouse/sales/");
        assert!(folder.join("../x").is_err());
    }

    #[test]
    fn absolute_text_means_the_same_place() {
        for text in ["a/b.csv", "a/", "a/*.csv", "s3://b/x y/", "s3://b/*.csv", "gs://b/k", "https://h/p?q=1"] {
            let location = parse(text);
            let again = Location::parse(&location.absolute(), FsPath::new("/elsewhere")).unwrap();
            assert_eq!((again.store(), again.root()), (location.store(), location.root()));
            assert_eq!(again.pattern, location.pattern);
            assert_eq!(again.folder, location.folder);
        }
    }

    #[test]
    fn wrong_locations_say_what_is_wrong() {
        for (text, part) in [
            ("", "empty"),
            ("hdfs://node/x", "hdfs://"),
            ("s3://b/a//c", "empty component"),
            ("a/***.csv", "no glob"),
            ("s3://b/../c", ".."),
        ] {
            let error = Location::parse(text, FsPath::new("/base")).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }
}
