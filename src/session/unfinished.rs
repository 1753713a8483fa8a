//! A folder in the making: what a write that fails leaves behind goes.

use std::path::PathBuf;

use crate::storage::location::Location;

/// Deletes files of a write that did not come to its end: on error, on cancellation, on a panic.
pub(super) struct Unfinished {
    folder: Option<PathBuf>,
}

impl Unfinished {
    /// To be called before anything is written to the place, which must be missing or empty.
    pub(super) fn new(location: &Location) -> Self {
        Unfinished { folder: location.local_root() }
    }

    /// The write came to its end.
    pub(super) fn keep(mut self) {
        self.folder = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // Nothing was there before, so all that is there now is ours; if it cannot be deleted, the statement's own error matters more.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
