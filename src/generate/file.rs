//! One table's file: written under a name that no scan takes for data, and given its own name only when it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use super::Format;
use crate::error::{Error, Result};

/// Rows in a Parquet row group: several groups per core in a large table at scale 1, and dictionaries still pay.
const ROW_GROUP_ROWS: usize = 512 * 1024;

/// A table's file in the making. Dropped before [`TableFile::publish`], it disappears.
pub(super) struct TableFile {
    target: PathBuf,
    temporary: NamedTempFile,
}

impl TableFile {
    /// Opens a file beside `target`.
    pub(super) fn create(target: PathBuf) -> Result<Self> {
        let folder = target.parent().unwrap_or(Path::new("."));
        let stem = target.file_stem().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{stem}.");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".tmp");
        #[cfg(unix)]
        {
            // Private by default, which suits secrets; this is data, so the umask decides.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(folder).map_err(|error| io_error("write to", folder, &error))?;
        Ok(TableFile { target, temporary })
    }

    /// Starts writing batches of `schema`.
    pub(super) fn writer(&self, schema: &SchemaRef, format: Format) -> Result<TableWriter> {
        let file = self.temporary.reopen().map_err(|error| io_error("write", &self.target, &error))?;
        TableWriter::new(file, self.target.clone(), schema, format)
    }

    /// Gives the file its own name; `overwrite` decides what happens if there is one already.
    ///
    /// Returns the path and the file's size in bytes.
    pub(super) fn publish(self, overwrite: bool) -> Result<(PathBuf, u64)> {
        let target = self.target;
        let renamed =
            if overwrite { self.temporary.persist(&target) } else { self.temporary.persist_noclobber(&target) };
        let file = renamed.map_err(|error| io_error("write", &target, &error.error))?;
        let bytes = file.metadata().map_err(|error| io_error("read", &target, &error))?.len();
        Ok((target, bytes))
    }
}

/// Turns batches into the bytes of a format.
pub(super) struct TableWriter {
    path: PathBuf,
    encoder: Encoder,
    failure: Failure,
}

enum Encoder {
    Parquet(Box<ArrowWriter<Output>>),
    Csv(Box<csv::Writer<Output>>),
}

impl TableWriter {
    fn new(file: File, path: PathBuf, schema: &SchemaRef, format: Format) -> Result<Self> {
        let failure = Failure::default();
        let output = Output { file, failure: Arc::clone(&failure) };
        let encoder = match format {
            Format::Parquet => {
                // Measured on lineitem: Zstandard makes files a quarter smaller, and scans of them up to a quarter slower.
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_created_by(concat!("ostrich version ", env!("CARGO_PKG_VERSION")).to_owned())
                    .build();
                let writer = ArrowWriter::try_new(output, Arc::clone(schema), Some(properties));
                Encoder::Parquet(Box::new(writer.map_err(|error| write_error(&path, &failure, &error))?))
            }
            Format::Csv => Encoder::Csv(Box::new(csv::WriterBuilder::new().with_header(true).build(output))),
        };
        Ok(TableWriter { path, encoder, failure })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.encoder {
            Encoder::Parquet(writer) => {
                writer.write(batch).map_err(|error| write_error(&self.path, &self.failure, &error))
            }
            Encoder::Csv(writer) => writer.write(batch).map_err(|error| write_error(&self.path, &self.failure, &error)),
        }
    }

    /// Writes what is still buffered, and the footer of formats that have one.
    pub(super) fn finish(self) -> Result<()> {
        match self.encoder {
            Encoder::Parquet(writer) => {
                writer.close().map_err(|error| write_error(&self.path, &self.failure, &error))?;
            }
            // Every `write` has flushed.
            Encoder::Csv(_) => {}
        }
        Ok(())
    }
}

/// The operating system's answer to a failed write. The encoders pass it on as text only, and the kind is lost.
type Failure = Arc<Mutex<Option<io::Error>>>;

struct Output {
    file: File,
    failure: Failure,
}

impl Output {
    fn keep<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let copy = io::Error::new(error.kind(), error.to_string());
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            copy
        })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        self.keep(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.keep(result)
    }
}

fn write_error(path: &Path, failure: &Failure, error: &dyn std::error::Error) -> Error {
    match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => io_error("write", path, &error),
        None => Error::storage(format!("cannot write {}: {error}", path.display())),
    }
}

/// `what` is the verb that failed: `write`, `create`.
pub(super) fn io_error(what: &str, path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::storage(format!("cannot {what} {shown}: the disk is full"))
                .help("scale 1 takes about 0.4 GB as Parquet and 1 GB as CSV; a smaller --scale takes less")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::storage(format!("cannot {what} {shown}: {error}")).help("choose another folder with --output")
        }
        io::ErrorKind::AlreadyExists => Error::usage(format!("{shown} exists already")).help(OVERWRITE_HELP),
        _ => Error::storage(format!("cannot {what} {shown}: {error}")),
    }
}

pub(super) const OVERWRITE_HELP: &str = "--overwrite replaces the files of the tables that are generated";

#[cfg(test)]
mod tests {
    use super::super::rows::{BatchReader, rows_of};
    use super::super::schema::schema_of;
    use super::*;
    use crate::error::ErrorKind;

    fn schema_and_batch() -> (SchemaRef, RecordBatch) {
        let schema = schema_of("CREATE TABLE t (i INTEGER, s VARCHAR)", "t").expect("valid");
        let rows = rows_of(vec!["1|a, b|", "2||"].into_iter());
        let batch = BatchReader::new(Arc::clone(&schema), rows, "").and_then(|mut reader| reader.next_batch());
        (schema, batch.expect("rows fit").expect("there are rows"))
    }

    #[test]
    fn a_file_appears_only_when_it_is_published() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("t.csv");
        let (schema, batch) = schema_and_batch();

        let file = TableFile::create(target.clone()).expect("creates");
        let mut writer = file.writer(&schema, Format::Csv).expect("opens");
        writer.write(&batch).expect("writes");
        writer.finish().expect("finishes");
        let names: Vec<_> = folder.path().read_dir().expect("lists").flatten().map(|e| e.file_name()).collect();
        assert!(names.iter().all(|name| name.to_string_lossy().starts_with('.')), "{names:?}");

        file.publish(false).expect("publishes");
        assert_eq!(std::fs::read_to_string(&target).expect("reads"), "i,s\n1,\"a, b\"\n2,\n");
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(TableFile::create(folder.path().join("t.parquet")).expect("creates"));
        assert_eq!(folder.path().read_dir().expect("lists").count(), 0);
    }

    #[test]
    fn an_existing_file_is_kept_unless_overwriting() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("t.parquet");
        std::fs::write(&target, "mine").expect("writes");

        let error = TableFile::create(target.clone()).and_then(|file| file.publish(false)).expect_err("exists");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(std::fs::read_to_string(&target).expect("reads"), "mine");

        TableFile::create(target.clone()).and_then(|file| file.publish(true)).expect("overwrites");
        assert_eq!(std::fs::read_to_string(&target).expect("reads"), "");
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        for format in [Format::Parquet, Format::Csv] {
            let (schema, batch) = schema_and_batch();
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("opens");
            let error = TableWriter::new(full, "out/t".into(), &schema, format)
                .and_then(|mut writer| writer.write(&batch).and_then(|()| writer.finish()))
                .expect_err("nothing can be written");
            assert_eq!(error.kind(), ErrorKind::Storage, "{format:?}");
            assert_eq!(error.message(), "cannot write out/t: the disk is full", "{format:?}");
        }
    }
}
