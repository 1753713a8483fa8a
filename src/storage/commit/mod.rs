//! Writes to a table's folder that a reader sees as a whole or not at all.
//!
//! A folder has no operation that puts ten files in and takes twenty out at once. So a write goes through these steps, all below
//! `_ostrich/` in the table's folder, which readers of any engine take for hidden:
//!
//! 1. `staging-ID/…`: the new files are written where nobody looks.
//! 2. `ID.prepared`: a journal names the files that come and those that go. A reader leaves out those that come.
//! 3. The new files are moved to their places.
//! 4. `ID.committed`: the journal is renamed. From now on a reader leaves out those that go. This one rename is the commit.
//! 5. `last` names the write; the replaced files are deleted, then the journal.
//!
//! What a dead process left is finished by the next that writes: before the commit the files that came are deleted again, after it those
//! that should go. Who writes holds a lock on `_ostrich/lock`, so that a journal that is there when the lock is had is a dead one's. A
//! staging folder has a lock of its own, for rows may be written for long before the table is locked.
//!
//! A reader lists files while others write. It looks at the journals before and after, and lists again if they changed
//! ([`Reading`]); a whole write between two looks is told by `last`.
//!
//! The journal lies beside the files and not in the catalog: a folder is read through several catalogs, and through none.

mod journal;
mod reading;
mod staging;

pub(crate) use reading::Reading;
pub(crate) use staging::{Staging, WriteLock};

/// What is hidden from readers.
pub(crate) const FOLDER: &str = "_ostrich";

/// Ends the process here if `OSTRICH_FAIL_AT` says so: tests kill a writer at each step. Not in optimized builds.
fn fail_point(step: &str) {
    if cfg!(debug_assertions) && std::env::var("OSTRICH_FAIL_AT").is_ok_and(|at| at == step) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests;
