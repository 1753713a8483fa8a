//! What the objects in a table's `_ostrich/` say together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};

const TURN: &str = "turn-";

/// An object that says something about one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Writing,
    Alive,
    Decided,
}

impl Mark {
    const ALL: [Mark; 3] = [Mark::Writing, Mark::Alive, Mark::Decided];

    fn ending(self) -> &'static str {
        match self {
            Mark::Writing => ".writing",
            Mark::Alive => ".alive",
            Mark::Decided => ".decided",
        }
    }

    pub(super) fn of(self, id: &str) -> String {
        format!("{id}{}", self.ending())
    }
}

pub(super) fn turn_name(number: u64) -> String {
    format!("{TURN}{number:016}")
}

/// The text of `ID.writing`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    /// Who writes, for messages.
    pub who: String,
    /// For how long the writer may be silent.
    pub lease_ms: u64,
}

/// The text of `ID.decided` of a write that is committed.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Committed {
    /// Paths below the table's folder.
    pub replaced: Vec<String>,
}

/// The end of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Undone,
    Committed,
}

/// What is there of one write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Write {
    pub writing: bool,
    pub outcome: Option<Outcome>,
    /// When something was last heard of its writer, by the store's clock.
    heard: Option<DateTime<Utc>>,
    decided: Option<DateTime<Utc>>,
}

impl Write {
    pub(super) fn is_undecided(&self) -> bool {
        self.writing && self.outcome.is_none()
    }
}

/// The objects of `_ostrich/` at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub writes: BTreeMap<String, Write>,
    pub turns: BTreeSet<u64>,
}

impl Log {
    /// Of the listing of `_ostrich/`. What other programs put there is passed over.
    pub(super) fn of<'a>(objects: impl IntoIterator<Item = &'a ObjectMeta>) -> Self {
        let mut log = Log::default();
        for object in objects {
            let name = object.location.filename().unwrap_or_default();
            if let Some(number) = name.strip_prefix(TURN).and_then(|number| number.parse().ok()) {
                log.turns.insert(number);
                continue;
            }
            let found = Mark::ALL.iter().find_map(|mark| Some((mark, name.strip_suffix(mark.ending())?)));
            let Some((mark, id)) = found else { continue };
            let write = log.writes.entry(id.to_string()).or_default();
            match mark {
                Mark::Writing => write.writing = true,
                Mark::Alive => {}
                Mark::Decided => {
                    write.outcome = Some(if object.size == 0 { Outcome::Undone } else { Outcome::Committed });
                    write.decided = Some(object.last_modified);
                }
            }
            // Whoever undid it need not be its writer.
            if *mark != Mark::Decided || write.outcome == Some(Outcome::Committed) {
                write.heard = write.heard.max(Some(object.last_modified));
            }
        }
        log
    }

    pub(super) fn turn(&self) -> Option<u64> {
        self.turns.last().copied()
    }

    pub(super) fn write(&self, id: &str) -> Option<&Write> {
        self.writes.get(id)
    }

    pub(super) fn undecided(&self) -> impl Iterator<Item = &str> {
        self.writes.iter().filter(|(_, write)| write.is_undecided()).map(|(id, _)| id.as_str())
    }

    pub(super) fn undone(&self) -> impl Iterator<Item = &str> {
        let undone = self.writes.iter().filter(|(_, write)| write.outcome == Some(Outcome::Undone));
        undone.map(|(id, _)| id.as_str())
    }

    /// Those that are committed, and may have replaced files that are not deleted yet.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let committed = self.writes.iter().filter(|(_, write)| write.outcome == Some(Outcome::Committed));
        committed.filter(|(_, write)| write.writing).map(|(id, _)| id.as_str())
    }

    /// For how long nothing was heard of a write, seen from another that is renewed all the while. Only the store's clock counts.
    pub(super) fn silence(&self, id: &str, seen_from: &str) -> Duration {
        self.since(self.write(id).and_then(|write| write.heard), seen_from)
    }

    /// How long ago a write was decided, by the same clock.
    pub(super) fn decided_since(&self, id: &str, seen_from: &str) -> Duration {
        self.since(self.write(id).and_then(|write| write.decided), seen_from)
    }

    /// How exactly the store tells time: some give whole seconds.
    pub(super) fn tick(&self) -> Duration {
        let mut times = self.writes.values().flat_map(|write| [write.heard, write.decided]).flatten();
        match times.any(|time| time.timestamp_subsec_millis() > 0) {
            true => Duration::from_millis(100),
            false => Duration::from_secs(1),
        }
    }

    fn since(&self, then: Option<DateTime<Utc>>, seen_from: &str) -> Duration {
        match (self.write(seen_from).and_then(|write| write.heard), then) {
            (Some(now), Some(then)) => (now - then).to_std().unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Whether a listing between this look and the next has nothing half: no write that this look saw undecided is gone or decided, no
    /// decided one came or went, and no write came and went as a whole, for it would have left a turn.
    pub(super) fn holds_until(&self, next: &Log) -> bool {
        let outcomes = |log: &Log| -> Vec<(String, Outcome)> {
            log.writes.iter().filter_map(|(id, write)| Some((id.clone(), write.outcome?))).collect()
        };
        self.turn() == next.turn()
            && outcomes(self) == outcomes(next)
            && self.undecided().all(|id| next.write(id).is_some_and(Write::is_undecided))
    }
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;

    /// Objects with these names, one heard of a second after the other. A `0` at the end makes an empty one.
    fn log(names: &[&str]) -> Log {
        let object = |(second, name): (usize, &&str)| ObjectMeta {
            location: Path::from(format!("t/_ostrich/{}", name.trim_end_matches(" 0"))),
            last_modified: DateTime::from_timestamp(second as i64, 0).unwrap(),
            size: if name.ends_with(" 0") { 0 } else { 10 },
            e_tag: None,
            version: None,
        };
        Log::of(&names.iter().enumerate().map(object).collect::<Vec<_>>())
    }

    #[test]
    fn names_and_sizes_tell_what_there_is() {
        let log =
            log(&["a.writing", "b.writing", "b.decided 0", "c.decided", "turn-0000000000000007", "turn-9", "lock"]);
        assert_eq!(log.undecided().collect::<Vec<_>>(), ["a"]);
        assert_eq!(log.undone().collect::<Vec<_>>(), ["b"]);
        assert_eq!(log.unfinished().count(), 0, "c is finished");
        assert_eq!(self::log(&["c.decided", "c.writing"]).unfinished().collect::<Vec<_>>(), ["c"]);
        assert_eq!(log.tick(), Duration::from_secs(1));
        assert_eq!(log.turn(), Some(9));
        assert_eq!(log.writes.len(), 3);
    }

    #[test]
    fn silence_is_counted_by_the_stores_clock() {
        let log = log(&["old.writing", "old.alive", "me.writing", "old.other", "me.alive"]);
        assert_eq!(log.silence("old", "me"), Duration::from_secs(3));
        assert_eq!(log.silence("me", "old"), Duration::ZERO, "who was heard of later is not silent");
        assert_eq!(log.silence("nobody", "me"), Duration::ZERO);
        // Others undo it; it itself commits.
        let log = self::log(&["a.writing", "b.writing", "a.decided 0", "b.decided", "me.alive"]);
        assert_eq!(log.silence("a", "me"), Duration::from_secs(4));
        assert_eq!(log.silence("b", "me"), Duration::from_secs(1));
        assert_eq!(log.decided_since("a", "me"), Duration::from_secs(2));
    }

    #[test]
    fn a_listing_holds_unless_something_was_decided_meanwhile() {
        let before = ["a.writing", "turn-1", "z.decided", "z.writing"];
        let holds = |after: &[&str]| log(&before).holds_until(&log(after));
        assert!(holds(&before));
        assert!(holds(&["a.writing", "a.alive", "b.writing", "turn-1", "z.decided"]), "another one began");
        assert!(!holds(&["a.writing", "a.decided", "turn-1", "z.decided"]), "one was decided");
        assert!(!holds(&["a.writing", "turn-1"]), "one was finished");
        assert!(!holds(&["turn-1", "z.decided"]), "one was decided and finished");
        assert!(!holds(&["a.writing", "turn-2", "z.decided"]), "one came and went");
        assert!(!holds(&["a.writing", "turn-1", "z.decided 0"]), "another outcome");
    }
}
