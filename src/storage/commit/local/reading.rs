//! What a reader leaves out of a listing.

use std::collections::HashSet;
use std::path::Path;

use super::journal::{self, State};
use crate::error::{Error, Result};

/// A look at the journals of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    journals: Vec<String>,
    last: Option<String>,
}

/// A listing in which no write is half.
#[derive(Debug)]
pub(crate) struct Settled<T> {
    pub listed: T,
    /// The files in it that do not count, as paths below the folder.
    pub hidden: HashSet<String>,
    /// The newest write in it. Two listings with the same one are of the same rows, as far as we write them.
    pub newest: Option<String>,
}

/// How often a folder is listed whose journals change all the while.
const TRIES: usize = 100;

impl Reading {
    fn now(root: &Path) -> Result<Self> {
        Ok(Reading { journals: journal::names(root)?, last: journal::last(root)? })
    }

    /// Lists a folder such that no write is half in it. `list` may be called several times.
    pub(crate) fn list<T>(root: &Path, mut list: impl FnMut() -> Result<T>) -> Result<Settled<T>> {
        for _ in 0..TRIES {
            let before = Reading::now(root)?;
            let listed = list();
            let Some(hidden) = before.hidden(root)? else { continue };
            if before == Reading::now(root)? {
                return Ok(Settled { listed: listed?, hidden, newest: before.newest() });
            }
        }
        Err(Error::storage(format!(
            "{} is written to all the time, so that its files cannot be listed",
            root.display()
        )))
    }

    /// The write that was the last to be committed; whether it has come to its end makes no difference to readers.
    fn newest(self) -> Option<String> {
        let committed = self.journals.iter().find_map(|name| match journal::state_of(name)? {
            State::Committed => Some(name.rsplit_once('.')?.0.to_string()),
            State::Prepared => None,
        });
        committed.or(self.last)
    }

    /// The files that do not count; `None` if a journal is gone meanwhile.
    fn hidden(&self, root: &Path) -> Result<Option<HashSet<String>>> {
        let mut hidden = HashSet::new();
        for name in &self.journals {
            let (Some(state), Some(journal)) = (journal::state_of(name), journal::read(root, name)?) else {
                return Ok(None);
            };
            hidden.extend(match state {
                State::Prepared => journal.added,
                State::Committed => journal.replaced,
            });
        }
        Ok(Some(hidden))
    }
}
