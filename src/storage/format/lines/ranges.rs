//! Where lines start in a file that several readers share.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::error::Result;
use futures::TryStreamExt as _;
use memchr::{memchr, memchr2};
use object_store::{ObjectMeta, ObjectStore};

use super::splitter::LineSplitter;
use super::{LineEnd, LineLayout};
use crate::storage::format::text::bytes_of;

/// The bytes of the lines that start within a range and are rows. The file is not compressed.
pub(super) async fn rows_within(
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    layout: &LineLayout,
    range: Range<u64>,
) -> Result<Range<u64>> {
    let start = line_from(store, meta, &layout.end, range.start).await?;
    let end = line_from(store, meta, &layout.end, range.end).await?;
    let start = match (layout.header, start) {
        // The reader of the file's start counts the header's lines by itself.
        (0, _) | (_, 0) => start,
        (header, _) => start.max(end_of_lines(store, meta, &layout.end, header).await?),
    };
    Ok(start..end.max(start))
}

/// Where the first line starts that does so at a place or after it.
async fn line_from(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, end: &LineEnd, place: u64) -> Result<u64> {
    if place == 0 || place >= meta.size {
        return Ok(place.min(meta.size));
    }
    let mut from = place - 1;
    let mut width = 16 * 1024;
    while from < meta.size {
        let until = meta.size.min(from + width);
        let bytes = bytes_between(store, meta, from..until).await?;
        let found = match end {
            LineEnd::Any => memchr2(b'\n', b'\r', &bytes),
            LineEnd::Text(text) => text.last().and_then(|byte| memchr(*byte, &bytes)),
        };
        if let Some(found) = found {
            let after = from + found as u64 + 1;
            if bytes[found] != b'\r' || *end != LineEnd::Any || after >= meta.size {
                return Ok(after);
            }
            let next = match bytes.get(found + 1) {
                Some(next) => Some(*next),
                None => bytes_between(store, meta, after..after + 1).await?.first().copied(),
            };
            return Ok(if next == Some(b'\n') { after + 1 } else { after });
        }
        from = until;
        width *= 4;
    }
    Ok(meta.size)
}

async fn bytes_between(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, range: Range<u64>) -> Result<Vec<u8>> {
    let pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, Some(range)).await?;
    Ok(pieces.try_collect::<Vec<Bytes>>().await?.concat())
}

/// Where the first `count` lines of a file end.
async fn end_of_lines(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, end: &LineEnd, count: usize) -> Result<u64> {
    let mut pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, None).await?;
    let (mut lines, mut offset) = (0, 0_u64);
    let mut after_return = false;
    while let Some(piece) = pieces.try_next().await? {
        for (place, byte) in piece.iter().enumerate() {
            let place = offset + place as u64;
            // The line feed of a return before it ends no line of its own.
            let is_end = match end {
                LineEnd::Any => *byte == b'\r' || (*byte == b'\n' && !after_return),
                LineEnd::Text(text) => text.last() == Some(byte),
            };
            let ends_pair = *end == LineEnd::Any && *byte == b'\n' && after_return;
            after_return = *byte == b'\r';
            if lines >= count && !ends_pair {
                return Ok(place);
            }
            lines += usize::from(is_end);
        }
        offset += piece.len() as u64;
    }
    Ok(meta.size)
}

/// How many lines a file has before an offset; 0 if it cannot be read any more.
pub(super) async fn lines_before(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, end: &LineEnd, offset: u64) -> u64 {
    let count = async {
        let mut pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, Some(0..offset)).await?;
        let mut splitter = LineSplitter::new(end, true);
        let (mut lines, mut ended) = (0, false);
        loop {
            while splitter.next().ok().flatten().is_some() {
                lines += 1;
            }
            match pieces.try_next().await? {
                Some(piece) => splitter.push(piece),
                None if ended => return Result::<u64>::Ok(lines),
                None => {
                    splitter.end();
                    ended = true;
                }
            }
        }
    };
    count.await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    #[tokio::test]
    async fn however_a_file_is_shared_each_row_is_read_once() {
        let text = "h1\r\nh2\rone\n\ntwo\r\nthree\r\rfour";
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("f");
        store.put(&path, text.into()).await.unwrap();
        let meta = store.head(&path).await.unwrap();
        for header in [0, 1, 2, 3, 9] {
            let layout = LineLayout { end: LineEnd::Any, header, footer: 0, compression: None };
            let all: Vec<String> = {
                let mut all = text.replace("\r\n", "\n").replace('\r', "\n");
                all.push('\n');
                all.lines().skip(header).map(str::to_string).collect()
            };
            for cut in 1..text.len() as u64 {
                let mut found = Vec::new();
                for range in [0..cut, cut..meta.size] {
                    let starts_file = range.start == 0;
                    let rows = rows_within(&store, &meta, &layout, range).await.unwrap();
                    let bytes = bytes_between(&store, &meta, rows.clone()).await.unwrap();
                    let mut splitter = LineSplitter::new(&LineEnd::Any, false);
                    splitter.push(bytes.into());
                    let mut skip = if starts_file { header } else { 0 };
                    for ended in [false, true] {
                        if ended {
                            splitter.end();
                        }
                        while let Some(line) = splitter.next().unwrap() {
                            if skip > 0 {
                                skip -= 1;
                            } else {
                                found.push(String::from_utf8(line.to_vec()).unwrap());
                            }
                        }
                    }
                }
                assert_eq!(found, all, "header {header}, cut at {cut}");
            }
        }
        assert_eq!(lines_before(&store, &meta, &LineEnd::Any, 7).await, 2);
    }
}
