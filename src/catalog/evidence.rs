//! Evidence: that a constraint was checked, on which files, and with what result.
//!
//! Nobody keeps other programs from changing the files of a table. So the result of a check is bound to all files that it
//! read: it counts while the tables concerned have exactly these, and not one more or one less. A file is the same while its
//! path below the table's location, its size, its time of change and its tag are; on the local disk the tag holds the inode
//! and the time of the last change to it in nanoseconds, which no program can set, so that a file rewritten with the old
//! size and time is another one.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a file looked like when it was checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileFingerprint {
    /// Path below the table's location; empty if the location is the file.
    #[serde(rename = "p")]
    pub path: String,
    #[serde(rename = "s")]
    pub size: u64,
    /// Time of the last change in nanoseconds since 1970.
    #[serde(rename = "m")]
    pub modified: i64,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl FileFingerprint {
    /// Whether a change of the file could be seen at all: some http servers tell neither time nor tag.
    pub fn shows_changes(&self) -> bool {
        self.tag.is_some() || self.modified != 0
    }
}

/// The files of a table, in the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSet {
    digest: String,
    files: Vec<FileFingerprint>,
}

impl FileSet {
    pub fn new(mut files: Vec<FileFingerprint>) -> Self {
        if !files.is_sorted_by(|a, b| a.path <= b.path) {
            files.sort();
        }
        let mut hasher = blake3::Hasher::new();
        for file in &files {
            // Lengths go first, so that no two lists run into one text.
            hasher.update(&(file.path.len() as u64).to_le_bytes());
            hasher.update(file.path.as_bytes());
            hasher.update(&file.size.to_le_bytes());
            hasher.update(&file.modified.to_le_bytes());
            match &file.tag {
                Some(tag) => {
                    hasher.update(&(tag.len() as u64 + 1).to_le_bytes());
                    hasher.update(tag.as_bytes());
                }
                None => {
                    hasher.update(&0_u64.to_le_bytes());
                }
            }
        }
        FileSet { digest: hasher.finalize().to_hex().to_string(), files }
    }

    /// Equal for equal lists and for no others.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn files(&self) -> &[FileFingerprint] {
        &self.files
    }

    /// Whether a change of any of the files could be seen.
    pub fn shows_changes(&self) -> bool {
        self.files.iter().all(FileFingerprint::shows_changes)
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The constraint's name.
    pub constraint: String,
    /// What was checked besides the files: the kind of constraint, its columns with their types, and how the files are
    /// read. Evidence of another subject says nothing.
    pub subject: String,
    /// To the microsecond.
    pub checked_at: DateTime<Utc>,
    /// How many rows violate it; 0: it holds.
    pub violations: u64,
    /// Digests of the files it was checked on: the table's own, and for a foreign key those of the table it references.
    pub digests: Vec<String>,
}

/// How far a constraint may be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The constraint's name.
    pub constraint: String,
    pub checked_at: Option<DateTime<Utc>>,
    /// How many rows violated it when it was checked.
    pub violations: Option<u64>,
    /// Why it may not be used on evidence; `None`: it may.
    pub why_not: Option<String>,
}

/// What happened to files since they were listed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference<'a> {
    pub added: Vec<&'a FileFingerprint>,
    pub changed: Vec<&'a FileFingerprint>,
    pub gone: Vec<&'a FileFingerprint>,
}

impl<'a> Difference<'a> {
    /// Both lists are sorted by path.
    pub fn between(before: &'a [FileFingerprint], now: &'a [FileFingerprint]) -> Self {
        let mut difference = Difference::default();
        let (mut old, mut new) = (before.iter().peekable(), now.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.path.cmp(&new.path),
            };
            match order {
                Ordering::Less => difference.gone.extend(old.next()),
                Ordering::Greater => difference.added.extend(new.next()),
                Ordering::Equal => {
                    if let (Some(old), Some(new)) = (old.next(), new.next())
                        && old != new
                    {
                        difference.changed.push(new);
                    }
                }
            }
        }
    }

    /// Whether all that happened is that files came.
    pub fn only_added(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// `part-3.parquet was added`; `None`: nothing happened. `itself` stands for a location that is a file.
    pub fn in_words(&self, itself: &str, of: Option<&str>) -> Option<String> {
        let kinds = [(&self.changed, "changed"), (&self.gone, "gone"), (&self.added, "added")];
        let (files, verb) = kinds.into_iter().find(|(files, _)| !files.is_empty())?;
        let first = files.first().map_or("", |file| file.path.as_str());
        let first = if first.is_empty() { itself } else { first };
        let of = of.map(|table| format!(" of {table}")).unwrap_or_default();
        let (who, one) = match files.len() {
            1 => (format!("{first}{of}"), true),
            2 => (format!("{first} and one more file{of}"), false),
            more => (format!("{first} and {} more files{of}", more - 1), false),
        };
        Some(match (verb, one) {
            ("gone", true) => format!("{who} is gone"),
            ("gone", false) => format!("{who} are gone"),
            (verb, true) => format!("{who} was {verb}"),
            (verb, false) => format!("{who} were {verb}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64) -> FileFingerprint {
        FileFingerprint { path: path.into(), size, modified: 5, tag: Some("t".into()) }
    }

    fn words(before: &[FileFingerprint], now: &[FileFingerprint]) -> Option<String> {
        Difference::between(before, now).in_words("t.csv", None)
    }

    #[test]
    fn equal_lists_have_equal_digests_and_others_do_not() {
        let base = vec![file("a", 1), file("b", 2)];
        let digest = |files: &[FileFingerprint]| FileSet::new(files.to_vec()).digest().to_string();
        assert_eq!(digest(&base), digest(&[file("b", 2), file("a", 1)]));
        let untagged = FileFingerprint { tag: None, ..file("b", 2) };
        let later = FileFingerprint { modified: 6, ..file("b", 2) };
        let other_tag = FileFingerprint { tag: Some("u".into()), ..file("b", 2) };
        for other in [
            vec![],
            vec![file("a", 1)],
            vec![file("a", 1), file("b", 3)],
            vec![file("a", 1), untagged],
            vec![file("a", 1), later],
            vec![file("a", 1), other_tag],
            vec![file("a", 1), file("b", 2), file("c", 0)],
        ] {
            assert_ne!(digest(&base), digest(&other), "{other:?}");
        }
    }

    #[test]
    fn differences_are_said_with_the_worst_first() {
        let (a, b, c) = (file("a", 1), file("b", 1), file("c", 1));
        let all = [a.clone(), b.clone(), c.clone()];
        assert_eq!(words(&all, &all), None);
        assert_eq!(words(&all[..2], &all).unwrap(), "c was added");
        assert_eq!(words(&all, &all[1..]).unwrap(), "a is gone");
        assert_eq!(words(&all, &all[2..]).unwrap(), "a and one more file are gone");
        assert_eq!(words(&[], &all).unwrap(), "a and 2 more files were added");
        assert_eq!(words(&all, &[a.clone(), file("b", 7), c]).unwrap(), "b was changed");
        // One gone and another come, as writers do that rewrite a folder.
        assert_eq!(words(&[a], &[b]).unwrap(), "a is gone");
        assert_eq!(words(&[file("", 1)], &[file("", 2)]).unwrap(), "t.csv was changed");
    }

    #[test]
    fn files_that_only_came_are_told_apart() {
        let before = [file("b", 1)];
        assert!(Difference::between(&before, &[file("a", 1), file("b", 1), file("c", 1)]).only_added());
        assert!(!Difference::between(&before, &[file("b", 2), file("c", 1)]).only_added());
        assert!(!Difference::between(&before, &[file("c", 1)]).only_added());
    }
}
