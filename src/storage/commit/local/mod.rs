//! The commit on a disk of this machine, where files can be moved and locked.
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

mod journal;
mod reading;
mod staging;
mod write;

pub(crate) use reading::{Reading, Settled};
pub(crate) use staging::{Staging, WriteLock};
pub(super) use write::LocalWrite;

#[cfg(test)]
mod tests;
