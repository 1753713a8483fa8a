//! Deciding writes, and finishing what dead writers left.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;

use super::folder::{Created, Folder};
use super::log::{Committed, Log, Mark, Outcome, Writer};
use super::placing::write_of;
use super::{KEEP_COMMITTED, KEEP_UNDONE};
use crate::error::{Error, Result};

/// Commits a write, or with `None` undoes it, unless that was decided before. Returns what holds.
///
/// # Errors
///
/// Then it is not known.
pub(super) async fn decide(folder: &Folder, id: &str, committed: Option<Committed>) -> Result<Outcome> {
    let text = match &committed {
        Some(committed) => Bytes::from(
            serde_json::to_vec(committed)
                .map_err(|error| Error::storage(format!("the journal of a write cannot be written: {error}")))?,
        ),
        None => Bytes::new(),
    };
    let holds = match folder.create(&Mark::Decided.of(id), text.clone()).await? {
        Created::Now => text,
        Created::Before(holds) => holds,
    };
    Ok(if holds.is_empty() { Outcome::Undone } else { Outcome::Committed })
}

/// Whether a write was silent for its lease, and is not over yet. `me` is one that is not silent.
pub(super) async fn is_dead(folder: &Folder, log: &Log, id: &str, me: &str) -> Result<bool> {
    let silence = log.silence(id, me);
    if silence <= log.tick() {
        return Ok(false);
    }
    // If its first mark is gone since the log was read, it is over: nobody may undo it then.
    let writer = folder.get_json::<Writer>(&Mark::Writing.of(id)).await?;
    Ok(writer.is_some_and(|writer| silence > Duration::from_millis(writer.lease_ms) + log.tick()))
}

/// Finishes and undoes the writes of dead writers. The caller, the write `me`, has the turn.
pub(super) async fn clean(folder: &Folder, me: &str) -> Result<()> {
    let log = folder.log().await?;
    let mut undone = HashSet::new();
    let mut marks = Vec::new();
    for (id, write) in log.writes.iter().filter(|(id, _)| *id != me) {
        let object = |mark: Mark| folder.object(&mark.of(id));
        if !write.writing {
            // It is over.
            match write.outcome {
                Some(Outcome::Undone) if log.decided_since(id, me) > KEEP_UNDONE => {
                    undone.insert(id.as_str());
                    marks.extend([object(Mark::Alive), object(Mark::Decided)]);
                }
                Some(Outcome::Committed) if log.decided_since(id, me) > KEEP_COMMITTED => {
                    marks.extend([object(Mark::Alive), object(Mark::Decided)]);
                }
                // A late sign of life.
                None if log.silence(id, me) > KEEP_COMMITTED => marks.push(object(Mark::Alive)),
                _ => {}
            }
            continue;
        }
        if !is_dead(folder, &log, id, me).await? {
            continue;
        }
        let outcome = match write.outcome {
            Some(outcome) => outcome,
            None => decide(folder, id, None).await?,
        };
        match outcome {
            Outcome::Undone => {
                undone.insert(id.as_str());
            }
            Outcome::Committed => {
                if let Some(committed) = folder.get_json::<Committed>(&Mark::Decided.of(id)).await? {
                    let replaced =
                        committed.replaced.iter().map(|file| folder.file(file)).collect::<Result<Vec<_>>>()?;
                    folder.delete(replaced).await?;
                }
            }
        }
        marks.extend([object(Mark::Writing), object(Mark::Alive)]);
    }
    if !undone.is_empty() {
        let mut files = folder.list(&folder.table).await?;
        files.retain(|file| file.location.filename().and_then(write_of).is_some_and(|id| undone.contains(id)));
        folder.delete(files.into_iter().map(|file| file.location).collect()).await?;
    }
    folder.delete(marks).await
}
