//! What a file is by its first bytes, whatever it is called.

use std::sync::Arc;

use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::catalog::model::FileFormat;

/// How files of a format begin.
const BEGINNINGS: [(&[u8], FileFormat); 4] = [
    (b"PAR1", FileFormat::Parquet),
    (b"ORC", FileFormat::Orc),
    (b"Obj\x01", FileFormat::Avro),
    (b"ARROW1", FileFormat::Arrow),
];

/// The format that a file's first bytes tell; `None` of text, and of an empty file.
pub(crate) async fn format_by_start(
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
) -> object_store::Result<Option<FileFormat>> {
    const LONGEST: u64 = 6;
    if meta.size == 0 {
        return Ok(None);
    }
    let start = store.get_range(&meta.location, 0..LONGEST.min(meta.size)).await?;
    Ok(BEGINNINGS.iter().find(|(beginning, _)| start.starts_with(beginning)).map(|(_, format)| *format))
}

/// Whether a file that begins otherwise cannot be of this format.
pub(crate) fn tells_by_start(format: FileFormat) -> bool {
    matches!(format, FileFormat::Parquet | FileFormat::Orc | FileFormat::Avro)
}
