//! The commit on an object store, where nothing can be moved, locked, or changed together with another object.
//!
//! What a store does give: an object appears whole or not at all, a listing that begins after a put or a delete shows it, and of several
//! that create one name at once (`PutMode::Create`, an `If-None-Match: *`) exactly one succeeds. S3, GCS, Azure and MinIO have it. The
//! stronger "replace this version" is left alone: fewer stores have it, and one that can be asked "did I decide?" again is simpler to get
//! right when an answer is lost. These objects lie in `_ostrich/`, and none but `ID.alive` is ever written twice:
//!
//! | object | says |
//! |---|---|
//! | `ID.writing` | files whose names begin with `ID-` do not count until it is decided that they do |
//! | `ID.alive` | written again and again; its age by the store's own clock tells whether the writer lives |
//! | `turn-N` | which write may decide: the one that the highest number names, as long as it is undecided |
//! | `ID.decided` | the end of a write. With text: it is committed, and the files that the text names do not count any more. Empty: undone |
//!
//! What is decided must not be decided again, so the last one stays for a while: [`KEEP_COMMITTED`], [`KEEP_UNDONE`].
//!
//! A write goes so:
//!
//! 1. It creates `ID.writing`; from then on `ID.alive` is renewed.
//! 2. The new files are put under their final names, `dt=1/ID-….parquet`.
//! 3. It takes a turn: if the write of the highest `turn-N` is decided, it creates `turn-N+1`. Else it waits.
//! 4. It lists what it replaces, and creates `ID.decided`. This one put is the commit.
//! 5. The replaced files are deleted; then `ID.writing`, `ID.alive` and the older turns. What is left, the next writers delete.
//!
//! A writer that was silent for its lease counts as dead. Whoever waits for it creates an empty `ID.decided` in its stead, and if that
//! succeeds the write is undone for good: should its writer only have slept, it cannot commit any more, and what it still puts does not
//! count. No clock has to be right for that; clocks only say when to lose patience, and only the store's is asked. A dead writer's files
//! are deleted, or if it had committed, those that it replaced.
//!
//! A reader looks at `_ostrich/`, lists the files, and looks again. If no write was decided in between, it knows what counts; it reads
//! the text of `ID.decided` only as long as `ID.writing` is there, for behind that nothing is left of what was replaced. Readers of
//! other engines list the folder alone: from the first new file to the last deleted one they may see rows that do not count yet, or no
//! longer. Before and behind it they see what Ostrich sees.
//!
//! Replaced files are deleted at once and not later: for other engines they would count all that time. A statement that listed them
//! before and reads them after fails with an error that says so; it never takes half of them.

mod folder;
mod log;
mod placing;
mod reading;
mod recovery;
mod write;

use std::time::Duration;

pub(crate) use reading::list_committed;
pub(super) use write::ObjectWrite;

/// For how long it stays known that a write was undone: far longer than its writer can sleep and still go on with the same request.
const KEEP_UNDONE: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long it stays known that a write was committed, for others who are about to undo it for its silence.
const KEEP_COMMITTED: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests;
