//! Locations inside the catalog's folder are kept relative to it, so that the folder can be moved with all its tables.

use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::error::{Error, Result};

/// The catalog's folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The ways to write the path, each with a `/` at its end: without symbolic links, and as it was given.
    prefixes: Vec<String>,
}

/// A location as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub text: String,
    pub is_relative: bool,
}

impl Folder {
    /// The folder at `dir`, which is made if it is missing.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let cannot = |what: &str, error: std::io::Error| {
            Error::storage(format!("cannot {what} the catalog's folder {}: {error}", dir.display()))
        };
        if dir.exists() && !dir.is_dir() {
            return Err(Error::storage(format!("the catalog {} is a file, not a folder", dir.display()))
                .help("a catalog is a folder: give the one that holds catalog.sqlite, or a new one"));
        }
        std::fs::create_dir_all(dir).map_err(|error| cannot("make", error))?;
        let path = dir.canonicalize().map_err(|error| cannot("find", error))?;
        let given = std::path::absolute(dir).map_err(|error| cannot("find", error))?;
        let mut prefixes = Vec::new();
        for spelling in [&path, &given] {
            let Some(text) = spelling.to_str() else {
                return Err(Error::storage(format!("the path of the catalog {} is not UTF-8", dir.display())));
            };
            prefixes.push(format!("{}/", text.trim_end_matches('/')));
        }
        prefixes.dedup();
        Ok(Folder { path, prefixes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How `location` is stored: relative if it lies in the folder.
    pub(super) fn store(&self, location: &str) -> Stored {
        match self.relative(location).or_else(|| self.relative(&path_of_file_url(location)?)) {
            Some(text) => Stored { text, is_relative: true },
            None => Stored { text: location.to_owned(), is_relative: false },
        }
    }

    fn relative(&self, path: &str) -> Option<String> {
        let rest = self.prefixes.iter().find_map(|prefix| path.strip_prefix(prefix.as_str()))?;
        // `..` may lead out of the folder again.
        let stays_inside = Path::new(rest).components().all(|part| !matches!(part, Component::ParentDir));
        stays_inside.then(|| rest.to_owned())
    }

    /// The location that [`Folder::store`] was given, where the folder is now.
    pub(super) fn restore(&self, stored: Stored) -> String {
        match self.prefixes.first() {
            Some(prefix) if stored.is_relative => format!("{prefix}{}", stored.text),
            _ => stored.text,
        }
    }
}

/// The path that a `file:` URL means; `None` for other texts, and where the path would read as a glob that the URL is
/// not.
fn path_of_file_url(location: &str) -> Option<String> {
    let url = Url::parse(location).ok()?;
    if url.scheme() != "file" || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    let path = url.to_file_path().ok()?.into_os_string().into_string().ok()?;
    let globs = |text: &str| text.matches(['*', '?', '[', '{']).count();
    (globs(&path) == globs(location)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(prefix: &str) -> Folder {
        Folder { path: PathBuf::from(prefix), prefixes: vec![format!("{}/", prefix.trim_end_matches('/'))] }
    }

    #[test]
    fn what_lies_inside_moves_along() {
        let here = folder("/data/my cat");
        let there = folder("/mnt/other");
        for (location, moved) in [
            ("/data/my cat/warehouse/default/t/", "/mnt/other/warehouse/default/t/"),
            ("/data/my cat/x/*.parquet", "/mnt/other/x/*.parquet"),
            ("file:///data/my%20cat/x/a.csv", "/mnt/other/x/a.csv"),
            ("file:///data/my%20cat/x/*.csv", "/mnt/other/x/*.csv"),
            ("/data/my cat/", "/mnt/other/"),
        ] {
            assert_eq!(there.restore(here.store(location)), moved);
        }
    }

    #[test]
    fn what_lies_outside_stays() {
        let here = folder("/data/cat");
        for location in [
            "/data/cats/t/",
            "/data/cat",
            "/other/data/cat/t/",
            "/data/cat/warehouse/../../secret/",
            "s3://bucket/data/cat/t/",
            "file:///data/cat/a%2Ab/",
            "file:///data/cat/a?b=c",
            "",
        ] {
            assert_eq!(here.store(location), Stored { text: location.to_owned(), is_relative: false });
        }
    }

    #[test]
    fn the_root_can_be_a_catalog() {
        assert_eq!(folder("/").store("/t/"), Stored { text: "t/".into(), is_relative: true });
    }

    #[test]
    fn a_path_as_it_was_given_counts_too() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = Folder::open(&link).unwrap();
        for way in [real.canonicalize().unwrap(), link] {
            let stored = folder.store(&format!("{}/t/", way.display()));
            assert_eq!(stored, Stored { text: "t/".into(), is_relative: true });
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::open(file.path()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Storage);
        assert!(error.message().contains("is a file, not a folder"), "{error}");
    }
}
