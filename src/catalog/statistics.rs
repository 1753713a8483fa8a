//! What ANALYZE found in a table's folders.
//!
//! Statistics are kept folder by folder, a partition each, with the files that they were taken from. So a table is analyzed
//! again by looking at those folders alone whose files are others now, and what the folders have in common (how many values
//! are different in all of them) is put together from their sketches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::evidence::{FileFingerprint, FileSet};

/// What was found in the files of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatistics {
    /// Path below the table's location, `dt=2026-01-01/country=KR`; empty for a table without partitions.
    pub folder: String,
    pub files: FileSet,
    /// How the files were read.
    pub subject: String,
    /// `None`: the files were not looked into.
    pub rows: Option<u64>,
    pub bytes: u64,
    /// Of columns in the files, by name.
    pub columns: BTreeMap<String, ColumnSketch>,
    /// To the microsecond.
    pub analyzed_at: DateTime<Utc>,
}

/// What was found of a column, in a form that can be put together with that of other files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSketch {
    /// The column's type as SQL text.
    pub data_type: String,
    pub nulls: u64,
    /// Texts that a CAST to the column's type reads back.
    pub min: Option<String>,
    pub max: Option<String>,
    /// A HyperLogLog sketch of the values.
    pub sketch: Vec<u8>,
}

/// The files of all folders, in the order of their paths.
pub(super) fn files_of(folders: Vec<PartitionStatistics>) -> Vec<FileFingerprint> {
    let mut files: Vec<FileFingerprint> =
        folders.into_iter().flat_map(|folder| folder.files.files().to_vec()).collect();
    files.sort();
    files
}
