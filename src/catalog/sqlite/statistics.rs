//! Statistics as rows, and back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Row, Transaction, params};

use super::Outcome;
use super::evidence::{read_files, store_files};
use super::rows::{RelationId, all, one, run};
use crate::catalog::evidence::{FileFingerprint, FileSet};
use crate::catalog::model::{ColumnStatistics, StatisticsBasis, TableName, TableStatistics};
use crate::catalog::statistics::{ColumnSketch, PartitionStatistics};

/// Those of a table as a whole.
pub(super) fn load(tx: &Transaction<'_>, id: RelationId) -> Outcome<Option<TableStatistics>> {
    let sql = "SELECT row_count, byte_count, file_count, digest, subject, analyzed_at FROM table_statistics \
               WHERE relation_id = ?1";
    let table = one(tx, sql, [id.key()], |row| {
        let basis = match (row.get(3)?, row.get(4)?, row.get(5)?) {
            (Some(digest), Some(subject), Some(micros)) => {
                Some(Box::new(StatisticsBasis { digest, subject, analyzed_at: time(micros) }))
            }
            _ => None,
        };
        Ok((count_from_row(row, 0)?, count_from_row(row, 1)?, count_from_row(row, 2)?, basis))
    })?;
    let Some((rows, bytes, files, basis)) = table else { return Ok(None) };
    let columns = all(
        tx,
        "SELECT column_name, null_count, distinct_count, minimum, maximum, type FROM column_statistics \
         WHERE relation_id = ?1",
        [id.key()],
        |row| {
            let statistics = ColumnStatistics {
                nulls: count_from_row(row, 1)?,
                distinct: count_from_row(row, 2)?,
                min: row.get(3)?,
                max: row.get(4)?,
                data_type: row.get(5)?,
            };
            Ok((row.get(0)?, statistics))
        },
    )?;
    Ok(Some(TableStatistics { rows, bytes, files, columns: columns.into_iter().collect(), basis }))
}

/// Stores those of a table as a whole, of which there must be none yet.
pub(super) fn store(tx: &Transaction<'_>, id: RelationId, statistics: &TableStatistics) -> Outcome<()> {
    let basis = statistics.basis.as_ref();
    run(
        tx,
        "INSERT INTO table_statistics (relation_id, row_count, byte_count, file_count, digest, subject, analyzed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.key(),
            statistics.rows.map(count_to_row),
            statistics.bytes.map(count_to_row),
            statistics.files.map(count_to_row),
            basis.map(|basis| &basis.digest),
            basis.map(|basis| &basis.subject),
            basis.map(|basis| basis.analyzed_at.timestamp_micros()),
        ],
    )?;
    for (name, column) in &statistics.columns {
        run(
            tx,
            "INSERT INTO column_statistics \
             (relation_id, column_name, null_count, distinct_count, minimum, maximum, type) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.key(),
                name,
                column.nulls.map(count_to_row),
                column.distinct.map(count_to_row),
                column.min,
                column.max,
                column.data_type,
            ],
        )?;
    }
    Ok(())
}

/// Puts them in the place of those that there were.
pub(super) fn replace(tx: &Transaction<'_>, id: RelationId, statistics: &TableStatistics) -> Outcome<()> {
    run(tx, "DELETE FROM table_statistics WHERE relation_id = ?1", [id.key()])?;
    store(tx, id, statistics)
}

const OF_TABLE: &str = "JOIN relations r USING (relation_id) JOIN databases d USING (database_id) \
     WHERE d.name = ?1 AND r.name = ?2";

/// Those of a table's folders, by folder.
pub(super) fn load_folders(tx: &Transaction<'_>, table: &TableName) -> Outcome<Vec<PartitionStatistics>> {
    struct FolderRow {
        id: i64,
        files: String,
        found: PartitionStatistics,
    }
    let sql = format!(
        "SELECT partition_id, folder, files, subject, row_count, byte_count, analyzed_at FROM partition_statistics \
         JOIN file_sets USING (digest) {OF_TABLE} ORDER BY folder"
    );
    let rows = all(tx, &sql, [&table.database, &table.name], |row| {
        Ok(FolderRow {
            id: row.get(0)?,
            files: row.get(2)?,
            found: PartitionStatistics {
                folder: row.get(1)?,
                files: FileSet::new(Vec::new()),
                subject: row.get(3)?,
                rows: count_from_row(row, 4)?,
                bytes: count_from_row(row, 5)?.unwrap_or_default(),
                columns: BTreeMap::new(),
                analyzed_at: time(row.get(6)?),
            },
        })
    })?;
    let folder = |row: FolderRow| {
        let files = FileSet::new(read_files(&row.files, || format!("statistics of {table}"))?);
        Ok(PartitionStatistics { files, columns: load_columns(tx, row.id)?, ..row.found })
    };
    rows.into_iter().map(folder).collect()
}

fn load_columns(tx: &Transaction<'_>, folder: i64) -> Outcome<BTreeMap<String, ColumnSketch>> {
    let sql = "SELECT column_name, type, null_count, minimum, maximum, sketch FROM partition_column_statistics \
               WHERE partition_id = ?1";
    let columns = all(tx, sql, [folder], |row| {
        let column = ColumnSketch {
            data_type: row.get(1)?,
            nulls: count_from_row(row, 2)?.unwrap_or_default(),
            min: row.get(3)?,
            max: row.get(4)?,
            sketch: row.get(5)?,
        };
        Ok((row.get(0)?, column))
    })?;
    Ok(columns.into_iter().collect())
}

/// The files of all folders, by path.
pub(super) fn load_files(tx: &Transaction<'_>, table: &TableName) -> Outcome<Vec<FileFingerprint>> {
    let sql = format!("SELECT files FROM file_sets JOIN partition_statistics USING (digest) {OF_TABLE}");
    let lists: Vec<String> = all(tx, &sql, [&table.database, &table.name], |row| row.get(0))?;
    let mut files = Vec::new();
    for list in lists {
        files.extend(read_files(&list, || format!("statistics of {table}"))?);
    }
    files.sort();
    Ok(files)
}

/// Puts what was found in a folder in the place of what there was.
pub(super) fn store_folder(tx: &Transaction<'_>, id: RelationId, found: &PartitionStatistics) -> Outcome<()> {
    delete_folder(tx, id, &found.folder)?;
    store_files(tx, &found.files)?;
    run(
        tx,
        "INSERT INTO partition_statistics \
         (relation_id, folder, digest, subject, row_count, byte_count, analyzed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.key(),
            found.folder,
            found.files.digest(),
            found.subject,
            found.rows.map(count_to_row),
            count_to_row(found.bytes),
            found.analyzed_at.timestamp_micros(),
        ],
    )?;
    let folder = tx.last_insert_rowid();
    for (name, column) in &found.columns {
        run(
            tx,
            "INSERT INTO partition_column_statistics \
             (partition_id, column_name, type, null_count, minimum, maximum, sketch) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![folder, name, column.data_type, count_to_row(column.nulls), column.min, column.max, column.sketch],
        )?;
    }
    Ok(())
}

pub(super) fn delete_folder(tx: &Transaction<'_>, id: RelationId, folder: &str) -> Outcome<()> {
    Ok(run(tx, "DELETE FROM partition_statistics WHERE relation_id = ?1 AND folder = ?2", params![id.key(), folder])?)
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// SQLite's integers are signed. No file has more rows or bytes than these can count.
fn count_from_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.and_then(|count| u64::try_from(count).ok()))
}

fn count_to_row(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
