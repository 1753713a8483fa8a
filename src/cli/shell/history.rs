//! What was typed, in this session and in those before.
//!
//! A statement is one entry, however many lines it has. Entries go to the file at once, so that a shell that dies has
//! lost nothing. What begins with a blank is not kept: that is how to type a secret.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustyline::Config;
use rustyline::error::ReadlineError;
use rustyline::history::{FileHistory, History as Entries, SearchDirection, SearchResult};

use super::continuation::Continuation;
use crate::error::{Error, Result};
use crate::sql::dialect::Dialect;

const LENGTH: usize = 10_000;

/// The entries; clones share them.
#[derive(Clone)]
pub(in crate::cli) struct History {
    shared: Arc<Shared>,
}

struct Shared {
    entries: Mutex<FileHistory>,
    file: Option<PathBuf>,
    /// How recalled statements are laid out.
    continuation: Mutex<Continuation>,
}

impl History {
    /// Of this session only.
    pub(in crate::cli) fn in_memory() -> Self {
        Self::new(None)
    }

    fn new(file: Option<PathBuf>) -> Self {
        let config = Config::builder().history_ignore_space(true);
        let config = config.max_history_size(LENGTH).map_or_else(|_| Config::default(), |config| config.build());
        let continuation = Continuation { width: 0, dialect: Dialect::default() };
        History {
            shared: Arc::new(Shared {
                entries: Mutex::new(FileHistory::with_config(&config)),
                file,
                continuation: Mutex::new(continuation),
            }),
        }
    }

    /// With what is in the file, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// Storage, if it cannot be read or its folder cannot be made.
    pub(in crate::cli) fn open(file: &Path) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::storage(format!("the history in {} cannot be used: {error}", file.display()))
        };
        if let Some(folder) = file.parent() {
            make_private(folder).map_err(|error| failed(&error))?;
        }
        let history = Self::new(Some(file.to_path_buf()));
        match history.shared.entries.lock().load(file) {
            Ok(()) => {}
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&error)),
        }
        Ok(history)
    }

    /// Where the history of this user is kept: `$XDG_STATE_HOME/ostrich/history`. Never in the working folder.
    pub(in crate::cli) fn usual_file() -> Option<PathBuf> {
        let dirs = directories::ProjectDirs::from("", "", "ostrich")?;
        Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("history"))
    }

    /// Adds an entry, unless it begins with a blank or is the last one again.
    ///
    /// Returns false if it could not be written to the file.
    pub(in crate::cli) fn remember(&self, text: &str) -> bool {
        let mut entries = self.shared.entries.lock();
        let added = entries.add(text.trim_end()).unwrap_or(false);
        match &self.shared.file {
            Some(file) if added => entries.append(file).is_ok(),
            _ => true,
        }
    }

    /// All of them, the oldest first.
    pub(in crate::cli) fn entries(&self) -> Vec<String> {
        self.shared.entries.lock().iter().cloned().collect()
    }

    pub(super) fn lay_out(&self, continuation: Continuation) {
        *self.shared.continuation.lock() = continuation;
    }

    fn entry(&self, index: usize) -> Option<String> {
        let entry = self.shared.entries.lock().iter().nth(index).cloned()?;
        let continuation = *self.shared.continuation.lock();
        Some(continuation.add_indent(&entry))
    }

    /// The nearest entry from `start` on that `place` finds something in.
    fn find(
        &self,
        start: usize,
        direction: SearchDirection,
        place: impl Fn(&str) -> Option<usize>,
    ) -> Option<SearchResult<'static>> {
        let found = |index: usize| {
            let entry = self.entry(index)?;
            let pos = place(&entry)?;
            Some(SearchResult { entry: Cow::Owned(entry), idx: index, pos })
        };
        match direction {
            SearchDirection::Reverse => (0..=start).rev().find_map(found),
            SearchDirection::Forward => (start..self.len()).find_map(found),
        }
    }
}

/// A folder that only the user can read.
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// For the line editor: statements come back laid out for the prompt. Entries are added by [`History::remember`].
impl Entries for History {
    fn get(&self, index: usize, _: SearchDirection) -> rustyline::Result<Option<SearchResult<'_>>> {
        Ok(self.entry(index).map(|entry| SearchResult { entry: Cow::Owned(entry), idx: index, pos: 0 }))
    }

    fn add(&mut self, _: &str) -> rustyline::Result<bool> {
        Ok(false)
    }

    fn add_owned(&mut self, _: String) -> rustyline::Result<bool> {
        Ok(false)
    }

    fn len(&self) -> usize {
        self.shared.entries.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn set_max_len(&mut self, len: usize) -> rustyline::Result<()> {
        self.shared.entries.lock().set_max_len(len)
    }

    fn ignore_dups(&mut self, yes: bool) -> rustyline::Result<()> {
        self.shared.entries.lock().ignore_dups(yes)
    }

    fn ignore_space(&mut self, yes: bool) {
        self.shared.entries.lock().ignore_space(yes);
    }

    fn save(&mut self, path: &Path) -> rustyline::Result<()> {
        self.shared.entries.lock().save(path)
    }

    fn append(&mut self, path: &Path) -> rustyline::Result<()> {
        self.shared.entries.lock().append(path)
    }

    fn load(&mut self, path: &Path) -> rustyline::Result<()> {
        self.shared.entries.lock().load(path)
    }

    fn clear(&mut self) -> rustyline::Result<()> {
        self.shared.entries.lock().clear()
    }

    fn search(
        &self,
        term: &str,
        start: usize,
        direction: SearchDirection,
    ) -> rustyline::Result<Option<SearchResult<'_>>> {
        if term.is_empty() || start >= self.len() {
            return Ok(None);
        }
        // Who searches does not think of capitals.
        let wanted = term.to_ascii_lowercase();
        Ok(self.find(start, direction, |entry| entry.to_ascii_lowercase().find(&wanted)))
    }

    fn starts_with(
        &self,
        term: &str,
        start: usize,
        direction: SearchDirection,
    ) -> rustyline::Result<Option<SearchResult<'_>>> {
        if term.is_empty() || start >= self.len() {
            return Ok(None);
        }
        Ok(self.find(start, direction, |entry| entry.starts_with(term).then_some(term.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_one_entry_also_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/ostrich/history");
        let history = History::open(&file).unwrap();
        assert!(history.remember("select 1,\n  '\\n'\nfrom t;\n"));
        assert!(history.remember("\\d"));
        let again = History::open(&file).unwrap();
        assert_eq!(again.entries(), ["select 1,\n  '\\n'\nfrom t;", "\\d"]);
    }

    #[test]
    fn blanks_in_front_and_repetitions_are_not_kept() {
        let history = History::in_memory();
        for text in ["select 1;", "select 1;", " set secret = 'x';", "", "select 2;", "select 1;"] {
            history.remember(text);
        }
        assert_eq!(history.entries(), ["select 1;", "select 2;", "select 1;"]);
    }

    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ostrich/history");
        History::open(&file).unwrap().remember("select 1;");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(std::fs::metadata(folder.path().join("ostrich")).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn two_sessions_do_not_lose_each_others_entries() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        let (one, two) = (History::open(&file).unwrap(), History::open(&file).unwrap());
        one.remember("select 1;");
        two.remember("select 2;");
        one.remember("select 3;");
        assert_eq!(History::open(&file).unwrap().entries(), ["select 1;", "select 2;", "select 3;"]);
    }

    #[test]
    fn statements_are_recalled_with_their_lines_below_one_another() {
        let history = History::in_memory();
        history.remember("select 1\nfrom t;");
        history.lay_out(Continuation { width: 3, dialect: Dialect::Ansi });
        let entry = |result: Option<SearchResult<'_>>| result.unwrap().entry.into_owned();
        assert_eq!(entry(history.get(0, SearchDirection::Reverse).unwrap()), "select 1\n   from t;");
        let found = history.search("FROM", 0, SearchDirection::Reverse).unwrap().unwrap();
        assert_eq!(&found.entry[found.pos..], "from t;");
        assert!(history.search("join", 0, SearchDirection::Reverse).unwrap().is_none());
    }
}
