//! Column chunks of local files, read into memory that is used again.
//!
//! The store reads each chunk into new memory, on one of several threads, and clears it first. Memory that is new costs the system more than
//! reading what it has in its cache, and what one thread frees another one does not get: of a file of 2 GB some 500 MB stayed.
//!
//! What the system has in its cache is read at once, by the thread that decodes it: another one would have to be woken, and leave the bytes
//! in the cache of its own core.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use parking_lot::Mutex;

/// Buffers that wait to be used again, at most. A row group has some a column.
const MOST_SPARE: usize = 64;

/// Memory of chunks that nobody reads any longer.
#[derive(Debug, Default)]
pub(in crate::storage) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    /// A buffer of at least so many bytes, with something in it.
    fn take(&self, len: usize) -> Vec<u8> {
        let mut buffers = self.0.lock();
        let sizes = || buffers.iter().map(Vec::len).enumerate();
        if let Some((place, _)) = sizes().filter(|size| size.1 >= len).min_by_key(|size| size.1) {
            return buffers.swap_remove(place);
        }
        // One that does not fit makes room for one that does: to let it grow would copy what nobody needs.
        let largest = sizes().max_by_key(|size| size.1);
        drop(largest.map(|(place, _)| buffers.swap_remove(place)));
        drop(buffers);
        // The next one may be a little longer.
        vec![0; len + len / 8]
    }
}

/// A chunk, whose memory goes back when nobody reads it any longer.
struct Lent {
    buffer: Vec<u8>,
    len: usize,
    home: Arc<Spare>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffers = self.home.0.lock();
        if buffers.len() < MOST_SPARE {
            buffers.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// A file of the local file system. Its pieces are read through clones.
#[derive(Debug, Clone)]
pub(super) struct LocalFile {
    path: Arc<PathBuf>,
    /// Since it was first read.
    file: Arc<OnceLock<File>>,
    spare: Arc<Spare>,
}

impl LocalFile {
    /// `None`: there can be no such file.
    pub(super) fn new(location: &Path, spare: Arc<Spare>) -> Option<Self> {
        let path = LocalFileSystem::new().path_to_filesystem(location).ok()?;
        Some(LocalFile { path: Arc::new(path), file: Arc::default(), spare })
    }

    /// The bytes of all ranges. Why there are none is for the store to say.
    pub(super) async fn read(&self, ranges: Vec<Range<u64>>) -> io::Result<Vec<Bytes>> {
        if let Some(file) = self.file.get()
            && let Some(chunks) = ranges.iter().map(|range| read_cached(file, range, &self.spare)).collect()
        {
            return Ok(chunks);
        }
        let LocalFile { path, file, spare } = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let file = match file.get() {
                Some(file) => file,
                None => {
                    let opened = File::open(path.as_path())?;
                    file.get_or_init(|| opened)
                }
            };
            ranges.into_iter().map(|range| read_range(file, range, &spare)).collect()
        });
        reading.await.map_err(io::Error::other)?
    }
}

/// Room for the bytes of a range.
fn room_for(range: &Range<u64>, home: &Arc<Spare>) -> io::Result<Lent> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    Ok(Lent { buffer: home.take(len), len, home: Arc::clone(home) })
}

fn read_range(file: &File, range: Range<u64>, home: &Arc<Spare>) -> io::Result<Bytes> {
    let mut chunk = room_for(&range, home)?;
    let len = chunk.len;
    read_exact_at(file, &mut chunk.buffer[..len], range.start)?;
    Ok(Bytes::from_owner(chunk))
}

/// The bytes of a range if that takes no waiting for the disk.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, range: &Range<u64>, home: &Arc<Spare>) -> Option<Bytes> {
    use rustix::io::{ReadWriteFlags, preadv2};

    let mut chunk = room_for(range, home).ok()?;
    let mut at = 0;
    while at < chunk.len {
        let rest = io::IoSliceMut::new(&mut chunk.buffer[at..chunk.len]);
        // It gives fewer bytes where the cache ends, and an error where it has none.
        match preadv2(file, &mut [rest], range.start + at as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) | Err(_) => return None,
            Ok(more) => at += more,
        }
    }
    Some(Bytes::from_owner(chunk))
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_file: &File, _range: &Range<u64>, _home: &Arc<Spare>) -> Option<Bytes> {
    None
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_used_again_when_nobody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b%");
        std::fs::write(&path, (0..=255).collect::<Vec<u8>>()).unwrap();
        let spare = Arc::new(Spare::default());
        let file = LocalFile::new(&Path::from_filesystem_path(&path).unwrap(), Arc::clone(&spare)).unwrap();
        let one = |range: Range<u64>| std::iter::once(range).collect();
        let first = file.read(vec![0..3, 100..200]).await.unwrap();
        assert_eq!(first[0], [0_u8, 1, 2].as_slice());
        assert_eq!(first[1], (100..200).collect::<Vec<u8>>());
        let memory = first[1].as_ptr();
        let part = first[1].slice(7..9);
        drop(first);
        // A part of it is still read.
        assert_eq!(spare.0.lock().len(), 1);
        assert_ne!(file.read(one(0..3)).await.unwrap()[0].as_ptr(), memory);
        assert_eq!(part, [107_u8, 108].as_slice());
        drop(part);
        let again = file.read(one(50..149)).await.unwrap();
        assert_eq!(again[0], (50..149).collect::<Vec<u8>>());
        assert_eq!(again[0].as_ptr(), memory);
        assert!(file.read(one(200..257)).await.is_err());
    }
}
