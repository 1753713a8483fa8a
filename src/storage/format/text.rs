//! The bytes of text files: decompressed, in pieces, from wherever they lie.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::{DataFusionError, Result};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore};
use tokio::sync::mpsc;

use crate::storage::counted::Asked;

/// How many bytes are read at once.
const PIECE: usize = 1024 * 1024;

/// The bytes of a file, or those of a range if the file is not compressed.
pub(crate) async fn bytes_of(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    compression: CompressionTypeVariant,
    range: Option<Range<u64>>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    // No store answers a request for nothing.
    if file.size == 0 || range.as_ref().is_some_and(|range| range.is_empty()) {
        return Ok(futures::stream::empty().boxed());
    }
    let asked = Asked::default();
    let mut options = GetOptions { range: range.clone().map(GetRange::Bounded), ..Default::default() };
    options.extensions.insert(asked.clone());
    let result = store.get_opts(&file.location, options).await?;
    match result.payload {
        GetResultPayload::File(mut opened, _) => {
            let length = result.range.end - result.range.start;
            std::io::Seek::seek(&mut opened, std::io::SeekFrom::Start(result.range.start))?;
            Ok(futures::stream::iter(pieces(
                decompressed(Counting { inner: opened.take(length), asked }, compression)?,
                length,
            ))
            .boxed())
        }
        GetResultPayload::Stream(stream) => {
            let stream = stream.map_err(DataFusionError::from).boxed();
            match compression {
                CompressionTypeVariant::UNCOMPRESSED => Ok(stream),
                _ => Ok(decompress_stream(stream, compression)),
            }
        }
    }
}

/// The first bytes of a file, at least `count` of them if there are so many. The second value says whether that is all.
pub(crate) async fn start_of(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    compression: CompressionTypeVariant,
    count: usize,
) -> Result<(Vec<u8>, bool)> {
    let is_plain = compression == CompressionTypeVariant::UNCOMPRESSED;
    let range = is_plain.then(|| 0..file.size.min(count as u64));
    let mut stream = bytes_of(store, file, compression, range).await?;
    let mut start = Vec::new();
    while start.len() < count {
        match stream.try_next().await? {
            Some(piece) => start.extend_from_slice(&piece),
            None => break,
        }
    }
    let is_whole = if is_plain { start.len() as u64 >= file.size } else { stream.try_next().await?.is_none() };
    Ok((start, is_whole))
}

/// Where the first line starts that does so at a place or after it. The file is not compressed.
pub(crate) async fn line_from(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, place: u64) -> Result<u64> {
    if place == 0 || place >= meta.size {
        return Ok(place.min(meta.size));
    }
    let mut from = place - 1;
    let mut width = 16 * 1024;
    while from < meta.size {
        let end = meta.size.min(from + width);
        let pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, Some(from..end)).await?;
        let pieces: Vec<Bytes> = pieces.try_collect().await?;
        if let Some(found) = memchr::memchr(b'\n', &pieces.concat()) {
            return Ok(from + found as u64 + 1);
        }
        from = end;
        width *= 4;
    }
    Ok(meta.size)
}

/// Counts what is taken of a local file.
struct Counting<R> {
    inner: R,
    asked: Asked,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.asked.add(length);
        Ok(length)
    }
}

fn decompressed<R: Read + Send + 'static>(
    reader: R,
    compression: CompressionTypeVariant,
) -> Result<Box<dyn Read + Send>> {
    FileCompressionType::from(compression).convert_read(reader)
}

/// Reads piece by piece; ends after the first failure. A piece has room for all of its bytes from the start: one that grows is copied again
/// and again.
fn pieces(mut reader: Box<dyn Read + Send>, length: u64) -> impl Iterator<Item = Result<Bytes>> + Send {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut piece = Vec::with_capacity((PIECE as u64).min(length) as usize);
        match reader.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => {
                ended = true;
                None
            }
            Ok(_) => Some(Ok(Bytes::from(piece))),
            Err(error) => {
                ended = true;
                Some(Err(error.into()))
            }
        }
    })
}

/// Decompresses in a thread of its own. The decompressors that work on streams stop after the first of several members
/// that were put one behind the other, and would lose the rest of the file without a word.
fn decompress_stream(
    mut compressed: BoxStream<'static, Result<Bytes>>,
    compression: CompressionTypeVariant,
) -> BoxStream<'static, Result<Bytes>> {
    let (to_thread, from_store) = mpsc::channel::<Result<Bytes>>(4);
    let (to_reader, from_thread) = mpsc::channel::<Result<Bytes>>(4);
    let fetching = SpawnedTask::spawn(async move {
        while let Some(piece) = compressed.next().await {
            let failed = piece.is_err();
            if to_thread.send(piece).await.is_err() || failed {
                break;
            }
        }
    });
    let decompressing = SpawnedTask::spawn_blocking(move || {
        let reader = ChannelReader { pieces: from_store, current: Bytes::new() };
        match decompressed(reader, compression) {
            Ok(reader) => {
                for piece in pieces(reader, PIECE as u64) {
                    if to_reader.blocking_send(piece).is_err() {
                        break;
                    }
                }
            }
            Err(error) => drop(to_reader.blocking_send(Err(error))),
        }
    });
    let state = Some((from_thread, fetching, decompressing));
    futures::stream::unfold(state, |state| async {
        let (mut from_thread, fetching, decompressing) = state?;
        if let Some(piece) = from_thread.recv().await {
            return Some((piece, Some((from_thread, fetching, decompressing))));
        }
        // A thread that died must not look like the end of the file.
        let died = [decompressing.join().await.err(), fetching.join().await.err()];
        let error = died.into_iter().flatten().next()?;
        Some((Err(DataFusionError::ExecutionJoin(Box::new(error))), None))
    })
    .fuse()
    .boxed()
}

struct ChannelReader {
    pieces: mpsc::Receiver<Result<Bytes>>,
    current: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        let taken = self.current.split_to(count);
        buffer[..count].copy_from_slice(&taken);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    async fn all(store: &Arc<dyn ObjectStore>, path: &Path, compression: CompressionTypeVariant) -> Result<Vec<u8>> {
        let meta = store.head(path).await?;
        let pieces: Vec<Bytes> = bytes_of(store, &meta, compression, None).await?.try_collect().await?;
        Ok(pieces.concat())
    }

    async fn compress(text: &[u8], compression: CompressionTypeVariant) -> Vec<u8> {
        let once = futures::stream::once(std::future::ready(Ok(Bytes::copy_from_slice(text)))).boxed();
        let stream = FileCompressionType::from(compression).convert_to_compress_stream(once).unwrap();
        stream.try_collect::<Vec<Bytes>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn all_members_of_a_compressed_file_are_read_from_any_store() {
        use CompressionTypeVariant::*;
        let dir = tempfile::tempdir().unwrap();
        for compression in [GZIP, BZIP2, XZ, ZSTD, UNCOMPRESSED] {
            let bytes = [compress(b"first,", compression).await, compress(b"second", compression).await].concat();
            let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
            let path = Path::from("f");
            memory.put(&path, bytes.clone().into()).await.unwrap();
            assert_eq!(all(&memory, &path, compression).await.unwrap(), b"first,second", "{compression:?}");

            std::fs::write(dir.path().join("f"), &bytes).unwrap();
            let disk: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
            let path = Path::from_absolute_path(dir.path().join("f")).unwrap();
            assert_eq!(all(&disk, &path, compression).await.unwrap(), b"first,second", "{compression:?}");

            let cut = &bytes[..bytes.len() - 3];
            memory.put(&path, cut.to_vec().into()).await.unwrap();
            if compression != UNCOMPRESSED {
                assert!(all(&memory, &path, compression).await.is_err(), "{compression:?}");
            }
        }
    }

    #[tokio::test]
    async fn starts_and_ranges() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("f");
        store.put(&path, "0123456789".into()).await.unwrap();
        let meta = store.head(&path).await.unwrap();
        let plain = CompressionTypeVariant::UNCOMPRESSED;
        assert_eq!(start_of(&store, &meta, plain, 4).await.unwrap(), (b"0123".to_vec(), false));
        assert_eq!(start_of(&store, &meta, plain, 99).await.unwrap(), (b"0123456789".to_vec(), true));
        let middle: Vec<Bytes> = bytes_of(&store, &meta, plain, Some(3..5)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(middle.concat(), b"34");
        let nothing: Vec<Bytes> =
            bytes_of(&store, &meta, plain, Some(3..3)).await.unwrap().try_collect().await.unwrap();
        assert!(nothing.is_empty());
    }
}
