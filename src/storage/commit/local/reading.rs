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

/// How often a folder is listed whose journals change all the while.
const TRIES: usize = 100;

impl Reading {
    fn now(root: &Path) -> Result<Self> {
        Ok(Reading { journals: journal::names(root)?, last: journal::last(root)? })
    }

    /// Lists a folder such that no write is half in it. `list` may be called several times.
    pub(crate) fn list<T>(root: &Path, mut list: impl FnMut() -> Result<T>) -> Result<(T, HashSet<String>)> {
        for _ in 0..TRIES {
            let before = Reading::now(root)?;
            let listed = list();
            let Some(hidden) = before.hidden(root)? else { continue };
            if before == Reading::now(root)? {
                return Ok((listed?, hidden));
            }
        }
        Err(Error::storage(format!(
            "{} is written to all the time, so that its files cannot be listed",
            root.display()
        )))
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
