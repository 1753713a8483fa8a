//! Opening the catalog's file: making a new one, refusing what is not one, and saying what to do about it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrations::{self, APPLICATION_ID, CURRENT_VERSION};
use crate::error::{Error, Result};

/// How long a process waits for another that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// No SQLite file with something in it is shorter, in bytes.
const SQLITE_HEADER_LENGTH: u64 = 100;

/// Opens the catalog in `file`, which is made if it is missing or empty, and brings it to the present layout.
pub(super) fn open(file: &Path) -> Result<Connection> {
    check_file(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: rusqlite::Error| storage_error(file, &error);
    let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    check_content(&connection, file)?;
    configure(&connection).map_err(failed)?;
    migrations::run(&mut connection).map_err(failed)?;
    Ok(connection)
}

/// Looks at the file before SQLite does. It must not be opened here: closing it again would take away the locks that
/// other connections of this process have on it.
fn check_file(file: &Path) -> Result<()> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::storage(format!("cannot read the catalog {}: {error}", file.display()))),
        Ok(metadata) if !metadata.is_file() => Err(not_a_catalog(file, "it is not a file")),
        // SQLite takes a file of one byte for an empty one, and would write to it.
        Ok(metadata) if (1..SQLITE_HEADER_LENGTH).contains(&metadata.len()) => {
            Err(not_a_catalog(file, "it is not a SQLite file"))
        }
        Ok(metadata) if metadata.len() == 0 && has_tables(file) => {
            Err(not_a_catalog(file, "it is empty, but there are tables beside it"))
        }
        Ok(metadata) if metadata.permissions().readonly() => Err(read_only(file)),
        Ok(_) => Ok(()),
    }
}

/// Whether the folder of a catalog has data of tables in it.
fn has_tables(file: &Path) -> bool {
    let warehouse = file.parent().map(|folder| folder.join(super::WAREHOUSE));
    warehouse.and_then(|folder| std::fs::read_dir(folder).ok()).is_some_and(|mut entries| entries.next().is_some())
}

/// Looks at what SQLite finds in the file, without changing it.
fn check_content(connection: &Connection, file: &Path) -> Result<()> {
    let failed = |error: rusqlite::Error| storage_error(file, &error);
    if connection.is_readonly("main").map_err(failed)? {
        return Err(read_only(file));
    }
    // One transaction, or else another process could make the catalog between two of these questions.
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    let version = migrations::version(&transaction).map_err(failed)?;
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let is_new = transaction
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))
        .map_err(failed)?;
    if application != APPLICATION_ID && !(is_new && version == 0) {
        return Err(not_a_catalog(file, "it belongs to another program"));
    }
    if version > CURRENT_VERSION {
        return Err(Error::storage(format!(
            "the catalog {} was made by a newer version of Ostrich (layout {version}; this one knows up to \
             {CURRENT_VERSION})",
            file.display()
        ))
        .help("use that version or a later one, or give another folder to --catalog"));
    }
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // Finds damaged pages when they are read.
    connection.pragma_update(None, "cell_size_check", true)?;
    // The switch to WAL needs the file for itself for a moment, and does not wait for it by itself.
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        // A file system without shared memory (some network ones) stays with the rollback journal, which is as safe.
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())) {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn not_a_catalog(file: &Path, why: &str) -> Error {
    Error::storage(format!("{} is not a catalog of Ostrich: {why}", file.display()))
        .help("it was left as it is; give another folder to --catalog, or move the file away")
}

fn read_only(file: &Path) -> Error {
    Error::storage(format!("the catalog {} is read-only", file.display()))
        .help("give yourself the right to write to the file and its folder, or copy the folder")
}

/// What SQLite's failure means for the catalog, and what to do.
pub(super) fn storage_error(file: &Path, error: &rusqlite::Error) -> Error {
    let shown = file.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_a_catalog(file, "it is not a SQLite file"),
        Some(ErrorCode::DatabaseCorrupt) => Error::storage(format!("the catalog {shown} is damaged: {error}")).help(
            "it was left as it is; put a copy from before in its place, or move it away to begin with an empty catalog",
        ),
        Some(ErrorCode::ReadOnly) => read_only(file),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::storage(format!("cannot open the catalog {shown}: {error}"))
                .help("see whether the folder is there and you may write to it")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::storage(format!(
            "the catalog {shown} is in use: another process has been writing for {} seconds",
            BUSY_TIMEOUT.as_secs()
        ))
        .help("try again when it is done"),
        Some(ErrorCode::DiskFull) => {
            Error::storage(format!("no room on the disk for the catalog {shown}")).help("nothing was changed")
        }
        _ => Error::storage(format!("the catalog {shown} cannot be used: {error}")),
    }
}
