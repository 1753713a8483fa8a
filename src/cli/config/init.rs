//! `ostrich init`: a folder becomes a project.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::PROJECT_FILE;
use crate::error::{Error, Result};

const SETTINGS: &str = include_str!("init/ostrich.toml");
const EXAMPLE: &str = include_str!("init/example.sql");

/// The catalog's folder in [`SETTINGS`], as Git ignores it.
const IGNORED: &str = "/catalog/";

/// Makes a project of `dir`: `ostrich.toml`, a first query, and a line in `.gitignore` for the catalog's folder.
///
/// A file that exists is left as it is; only `.gitignore` gets its line if it does not have it. Returns the files that
/// were made or added to, in `dir`'s spelling; none if the folder was a project already.
///
/// # Errors
///
/// Storage: something cannot be written.
pub fn init_project(dir: &Path) -> Result<Vec<PathBuf>> {
    let queries = dir.join("queries");
    std::fs::create_dir_all(&queries).map_err(|error| write_error(&queries, &error))?;
    let mut made = Vec::new();
    for (path, text) in [(dir.join(PROJECT_FILE), SETTINGS), (queries.join("example.sql"), EXAMPLE)] {
        match OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut f| f.write_all(text.as_bytes()))
        {
            Ok(()) => made.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(write_error(&path, &error)),
        }
    }
    let ignore_file = dir.join(".gitignore");
    if ignore_catalog(&ignore_file).map_err(|error| write_error(&ignore_file, &error))? {
        made.push(ignore_file);
    }
    Ok(made)
}

/// Adds the catalog to a `.gitignore`, which may be missing; `false` if it is in there.
fn ignore_catalog(path: &Path) -> io::Result<bool> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    // As bytes: names in it need not be UTF-8.
    let is_ignored = |line: &[u8]| line.trim_ascii().strip_prefix(b"/").unwrap_or(line.trim_ascii()) == b"catalog/";
    if text.split(|byte| *byte == b'\n').any(is_ignored) {
        return Ok(false);
    }
    let break_line = if text.is_empty() || text.ends_with(b"\n") { "" } else { "\n" };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{break_line}{IGNORED}\n").as_bytes())?;
    Ok(true)
}

fn write_error(path: &Path, error: &io::Error) -> Error {
    Error::storage(format!("cannot write {}: {error}", path.display()))
}
