//! The ends of ORC files: what they say of columns and stripes, and how bytes of a file are had.
//!
//! The crate that decodes trusts what it reads: a wrong length would end the process. So the lengths are checked
//! before, and what still goes wrong in it is caught.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::error::{DataFusionError, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use orc_rust::reader::AsyncChunkReader;
use orc_rust::reader::metadata::{FileMetadata, read_metadata_async};
use orc_rust::schema::DataType as OrcType;
use orc_rust::{ArrowSchemaOptions, TimestampPrecision};

/// The length of the end that holds the postscript, whatever it is.
const TAIL: u64 = 256;

/// How much is read at least. Streams of small columns lie side by side, and a request is dear.
const READ_AHEAD: u64 = 256 * 1024;

/// The most digits of a decimal.
const MAX_PRECISION: u32 = 38;

/// The footers of one statement's files.
#[derive(Debug, Default)]
pub(super) struct Footers(Mutex<HashMap<(Path, u64), Arc<FileMetadata>>>);

impl Footers {
    pub(super) async fn of(&self, store: &Arc<dyn ObjectStore>, file: &ObjectMeta) -> Result<Arc<FileMetadata>> {
        let key = (file.location.clone(), file.size);
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(known));
        }
        let footer = Arc::new(read(store, file).await?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&footer));
        Ok(footer)
    }
}

async fn read(store: &Arc<dyn ObjectStore>, file: &ObjectMeta) -> Result<FileMetadata> {
    let mut reader = FileReader::new(store, file);
    let tail = reader.get_bytes(file.size.saturating_sub(TAIL), file.size.min(TAIL)).await?;
    check_tail(&tail, file.size).map_err(broken)?;
    match AssertUnwindSafe(read_metadata_async(&mut reader)).catch_unwind().await {
        Ok(read) => read.map_err(|error| DataFusionError::External(Box::new(error))),
        Err(_) => Err(broken("its footer is damaged")),
    }
}

/// The failure of a file whose bytes are not what they should be.
pub(super) fn broken(why: impl Into<String>) -> DataFusionError {
    DataFusionError::External(why.into().into())
}

/// Does what may end in a panic where bytes are damaged.
pub(super) fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| broken("its data is damaged"))
}

/// Checks the postscript at the end of a file: that it is one, and that the lengths in it are within the file.
fn check_tail(tail: &[u8], size: u64) -> Result<(), &'static str> {
    let no_orc = "it does not end as an ORC file does, or its end is missing";
    let (length, before) = tail.split_last().ok_or(no_orc)?;
    let start = before.len().checked_sub(usize::from(*length)).ok_or(no_orc)?;
    let postscript = &before[start..];
    if !postscript.ends_with(b"ORC") {
        return Err(no_orc);
    }
    let (mut footer, mut metadata) = (0, 0);
    let mut rest = postscript;
    while !rest.is_empty() {
        let (tag, after) = varint(rest).ok_or(no_orc)?;
        let (value, after) = varint(after).ok_or(no_orc)?;
        rest = match tag & 7 {
            0 => after,
            2 => usize::try_from(value).ok().and_then(|length| after.get(length..)).ok_or(no_orc)?,
            _ => return Err(no_orc),
        };
        match tag {
            // Fields 1 and 5, which are numbers.
            0x08 => footer = value,
            0x28 => metadata = value,
            _ => {}
        }
    }
    let needed = footer.checked_add(metadata).and_then(|both| both.checked_add(u64::from(*length) + 1));
    if needed.is_none_or(|needed| needed > size) {
        return Err("its footer is longer than the file");
    }
    Ok(())
}

/// A number of protobuf, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7F).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// The columns of files that are changes to a table and no rows of it.
const TRANSACTION: [&str; 6] = ["operation", "originaltransaction", "bucket", "rowid", "currenttransaction", "row"];

/// The columns of a file as they are read. `Err` says which of them cannot be.
pub(super) fn fields_of(footer: &FileMetadata) -> Result<Fields, String> {
    let columns = footer.root_data_type().children();
    let is_of_transaction = columns.len() == TRANSACTION.len()
        && columns.iter().zip(TRANSACTION).all(|(column, name)| column.name().eq_ignore_ascii_case(name));
    if is_of_transaction {
        return Err("it belongs to a transactional table of Hive; \
            convert that with Hive: CREATE TABLE new_table STORED AS PARQUET AS SELECT * FROM old_table"
            .to_string());
    }
    columns
        .iter()
        .map(|column| {
            check_type(column.name(), column.data_type())?;
            let options = ArrowSchemaOptions::new().with_timestamp_precision(TimestampPrecision::Microsecond);
            let data_type = with_usual_names(&column.data_type().to_arrow_data_type_with_options(options));
            Ok(Field::new(column.name(), data_type, true))
        })
        .collect()
}

fn check_type(name: &str, data_type: &OrcType) -> Result<(), String> {
    match data_type {
        OrcType::Decimal { precision, scale, .. }
            if *precision == 0 || *precision > MAX_PRECISION || scale > precision =>
        {
            Err(format!("its column \"{name}\" is a decimal without a precision, as Hive 0.11 wrote them"))
        }
        OrcType::Struct { children, .. } => children.iter().try_for_each(|child| check_type(name, child.data_type())),
        OrcType::List { child, .. } => check_type(name, child),
        OrcType::Map { key, value, .. } => check_type(name, key).and_then(|()| check_type(name, value)),
        OrcType::Union { .. } => Err(format!("its column \"{name}\" is a UNIONTYPE, which is not supported")),
        _ => Ok(()),
    }
}

/// The type with the names for a map's parts that types of SQL have.
fn with_usual_names(data_type: &DataType) -> DataType {
    let within =
        |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(with_usual_names(field.data_type())));
    match data_type {
        DataType::List(item) => DataType::List(within(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(within).collect()),
        DataType::Map(entries, sorted) => {
            let DataType::Struct(fields) = entries.data_type() else { return data_type.clone() };
            let names = ["key", "value"];
            let named = fields.iter().zip(names).map(|(field, name)| within(field).as_ref().clone().with_name(name));
            let named = DataType::Struct(named.collect());
            DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(named)), *sorted)
        }
        other => other.clone(),
    }
}

/// Whether a file's columns have names. Hive called them `_col0`, `_col1` and so on until version 2.
pub(super) fn has_names(schema: &Schema) -> bool {
    let fields = schema.fields();
    fields.is_empty() || fields.iter().enumerate().any(|(index, field)| *field.name() != format!("_col{index}"))
}

/// The bytes of a file.
pub(super) struct FileReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    /// What was read last, and where it starts.
    chunk: Bytes,
    start: u64,
}

impl FileReader {
    pub(super) fn new(store: &Arc<dyn ObjectStore>, file: &ObjectMeta) -> Self {
        FileReader {
            store: Arc::clone(store),
            path: file.location.clone(),
            size: file.size,
            chunk: Bytes::new(),
            start: 0,
        }
    }

    async fn read(&mut self, offset: u64, length: u64) -> io::Result<Bytes> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size);
        let Some(end) = end else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of it lies behind its end"));
        };
        if length == 0 {
            return Ok(Bytes::new());
        }
        if offset < self.start || end > self.start + self.chunk.len() as u64 {
            let until = end.max(offset.saturating_add(READ_AHEAD)).min(self.size);
            self.chunk = self.store.get_range(&self.path, offset..until).await.map_err(io::Error::other)?;
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let bytes = self.chunk.len().checked_sub(from).filter(|rest| *rest as u64 >= length);
        match bytes {
            Some(_) => Ok(self.chunk.slice(from..from + length as usize)),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read")),
        }
    }
}

impl AsyncChunkReader for FileReader {
    fn len(&mut self) -> BoxFuture<'_, io::Result<u64>> {
        std::future::ready(Ok(self.size)).boxed()
    }

    fn get_bytes(&mut self, offset: u64, length: u64) -> BoxFuture<'_, io::Result<Bytes>> {
        self.read(offset, length).boxed()
    }
}
