//! Evidence as rows, and back.

use chrono::DateTime;
use rusqlite::params;

use super::Outcome;
use super::rows::{RelationId, all, one, run};
use crate::catalog::evidence::{Evidence, FileFingerprint, FileSet};
use crate::catalog::model::{Constraint, TableName};
use crate::error::Error;
use rusqlite::Transaction;

/// All evidence on a table's constraints.
pub(super) fn load(tx: &Transaction<'_>, table: &TableName) -> Outcome<Vec<Evidence>> {
    let found: Vec<(i64, String, String, i64, i64)> = all(
        tx,
        "SELECT evidence_id, constraint_name, subject, checked_at, violations FROM evidence \
         JOIN relations r USING (relation_id) JOIN databases d USING (database_id) \
         WHERE d.name = ?1 AND r.name = ?2 ORDER BY constraint_name",
        [&table.database, &table.name],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
    )?;
    let evidence = |(id, constraint, subject, checked_at, violations): (i64, String, String, i64, i64)| {
        let digests =
            all(tx, "SELECT digest FROM evidence_files WHERE evidence_id = ?1 ORDER BY ordinal", [id], |row| {
                row.get(0)
            })?;
        Ok(Evidence {
            constraint,
            subject,
            checked_at: DateTime::from_timestamp_micros(checked_at).unwrap_or_default(),
            violations: u64::try_from(violations).unwrap_or(u64::MAX),
            digests,
        })
    };
    found.into_iter().map(evidence).collect()
}

/// The lists of files behind a constraint's evidence; none if there is none.
pub(super) fn load_files(
    tx: &Transaction<'_>,
    table: &TableName,
    constraint: &str,
) -> Outcome<Vec<Vec<FileFingerprint>>> {
    let texts: Vec<String> = all(
        tx,
        "SELECT files FROM file_sets JOIN evidence_files USING (digest) JOIN evidence USING (evidence_id) \
         JOIN relations r USING (relation_id) JOIN databases d USING (database_id) \
         WHERE d.name = ?1 AND r.name = ?2 AND constraint_name = ?3 ORDER BY evidence_files.ordinal",
        [&table.database, &table.name, constraint],
        |row| row.get(0),
    )?;
    let of = || format!("evidence for constraint \"{constraint}\" of {table}");
    texts.iter().map(|text| read_files(text, of)).collect()
}

/// A list of files as it is stored.
pub(super) fn read_files(text: &str, of: impl Fn() -> String) -> Outcome<Vec<FileFingerprint>> {
    serde_json::from_str(text).map_err(|error| {
        Error::storage(format!("the catalog's {} cannot be read: {error}", of()))
            .help("the catalog's file is damaged, or was changed by another program")
            .into()
    })
}

/// Stores a list of files if it is not there yet.
pub(super) fn store_files(tx: &Transaction<'_>, files: &FileSet) -> Outcome<()> {
    if one(tx, "SELECT 1 FROM file_sets WHERE digest = ?1", [files.digest()], |_| Ok(()))?.is_some() {
        return Ok(());
    }
    let text = serde_json::to_string(files.files())
        .map_err(|error| Error::storage(format!("a list of files cannot be stored: {error}")))?;
    Ok(run(tx, "INSERT INTO file_sets (digest, files) VALUES (?1, ?2)", [files.digest(), &text])?)
}

/// Puts evidence in the place of what was there for the constraint.
pub(super) fn store(tx: &Transaction<'_>, id: RelationId, evidence: &Evidence, files: &[FileSet]) -> Outcome<()> {
    delete(tx, id, &evidence.constraint)?;
    run(
        tx,
        "INSERT INTO evidence (relation_id, constraint_name, subject, checked_at, violations) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            id.key(),
            evidence.constraint,
            evidence.subject,
            evidence.checked_at.timestamp_micros(),
            i64::try_from(evidence.violations).unwrap_or(i64::MAX),
        ],
    )?;
    let evidence_id = tx.last_insert_rowid();
    for (ordinal, files) in (0_i64..).zip(files) {
        store_files(tx, files)?;
        run(
            tx,
            "INSERT INTO evidence_files (evidence_id, ordinal, digest) VALUES (?1, ?2, ?3)",
            params![evidence_id, ordinal, files.digest()],
        )?;
    }
    Ok(())
}

pub(super) fn delete(tx: &Transaction<'_>, id: RelationId, constraint: &str) -> Outcome<()> {
    Ok(run(tx, "DELETE FROM evidence WHERE relation_id = ?1 AND constraint_name = ?2", params![id.key(), constraint])?)
}

/// Deletes the evidence of those constraints among `before` that are not in `now` as they were.
pub(super) fn delete_changed(
    tx: &Transaction<'_>,
    id: RelationId,
    before: &[Constraint],
    now: &[Constraint],
) -> Outcome<()> {
    for old in before {
        if !now.iter().any(|new| new.name == old.name && new.kind == old.kind) {
            delete(tx, id, &old.name)?;
        }
    }
    Ok(())
}
