//! The tables of the catalog's file, and the way from each older layout to the present one.
//!
//! `PRAGMA user_version` counts the migrations that a file has had. One that was released is never changed: a new
//! layout is a new text at the end of the list.

use rusqlite::{Connection, TransactionBehavior};

/// Says that a SQLite file is a catalog of ours: "Ostr".
pub(super) const APPLICATION_ID: i64 = 0x4F73_7472;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_catalog.sql"),
    include_str!("migrations/002_evidence.sql"),
    include_str!("migrations/003_statistics.sql"),
];

/// The layout that this version of Ostrich reads and writes.
pub(super) const CURRENT_VERSION: i64 = MIGRATIONS.len() as i64;

/// How many migrations the file has had.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file to [`CURRENT_VERSION`]. One process does it; others that come meanwhile wait, and find it done.
pub(super) fn run(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? == CURRENT_VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(version(&transaction)?).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    if done < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", CURRENT_VERSION)?;
    }
    transaction.commit()
}
