//! The pages of a column chunk, one after the other.
//!
//! What is compressed with Snappy, which most files are, is decompressed here: [`super::snappy`] is quicker than what the crate has, and
//! the memory of pages that were read is used again. Other codecs are left to the crate.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parquet::basic::{CompressionCodec, Encoding};
use parquet::column::page::{Page as FilePage, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};

use super::bits::Bits;
use super::hybrid::Hybrid;
use super::snappy;
use super::values::Page;

/// Decompressed pages whose memory is kept, to be used again as soon as nothing refers to them.
const KEPT: usize = 4;

/// The bytes of a column chunk, at their place in the file.
pub(super) struct ChunkBytes {
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl ChunkBytes {
    fn from(&self, start: u64) -> Result<Bytes> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= self.bytes.len()).ok_or_else(outside)?;
        Ok(self.bytes.slice(at..))
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("a page lies outside of its column chunk".to_string())
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for ChunkBytes {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.from(start).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() { Err(outside()) } else { Ok(bytes.slice(..length)) }
    }
}

/// Which rows of a page have a value.
pub(super) enum Levels {
    /// All.
    Required,
    Hybrid(Hybrid),
    /// As the oldest writers packed them: the first row in the highest place of a byte.
    HighestFirst {
        data: Bytes,
        next: usize,
    },
}

impl Levels {
    /// Adds those of the next rows.
    pub(super) fn read(&mut self, rows: usize, valid: &mut Bits) -> Result<()> {
        match self {
            Levels::Required => valid.push_run(true, rows),
            Levels::Hybrid(hybrid) => hybrid.read_bits(rows, valid)?,
            Levels::HighestFirst { data, next } => {
                for row in *next..*next + rows {
                    let byte = data.get(row / 8).ok_or_else(outside)?;
                    valid.push_run(byte >> (7 - row % 8) & 1 == 1, 1);
                }
                *next += rows;
            }
        }
        Ok(())
    }
}

pub(super) enum PageValues {
    Coded(Hybrid),
    Plain(Page),
}

pub(super) struct DataPage {
    /// That are still to be read.
    pub(super) rows: usize,
    pub(super) levels: Levels,
    pub(super) values: PageValues,
}

/// A page with something in it.
pub(super) enum NextPage {
    Dictionary { page: Page, count: usize },
    Data(DataPage),
}

pub(super) struct Pages {
    reader: SerializedPageReader<ChunkBytes>,
    /// Rows may be NULL.
    is_optional: bool,
    /// If pages come from the reader as they were compressed.
    snappy: Option<Decompressor>,
    /// The page that comes next, decompressed together with the one before.
    ahead: Option<DataPage>,
    /// The page before was passed over, so the one after the next may be, too.
    was_skipped: bool,
}

impl Pages {
    pub(super) fn new(chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<Self> {
        let is_snappy = chunk.compression_codec() == CompressionCodec::SNAPPY;
        Ok(Pages {
            reader: reader_of(chunk, bytes, rows)?,
            is_optional: chunk.column_descr().max_def_level() > 0,
            snappy: is_snappy.then(Decompressor::default),
            ahead: None,
            was_skipped: false,
        })
    }

    /// Reads those of the same column in another row group, in the memory that there is.
    pub(super) fn begin(&mut self, chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<()> {
        let memory = self.snappy.take();
        *self = Pages::new(chunk, bytes, rows)?;
        if self.snappy.is_some() {
            self.snappy = memory.or_else(|| self.snappy.take());
        }
        Ok(())
    }

    /// Passes over the next page if it has at most so many rows. Gives the number of rows that it has.
    pub(super) fn skip(&mut self, rows: usize) -> Result<Option<usize>> {
        if let Some(ahead) = self.ahead.take_if(|ahead| ahead.rows <= rows) {
            self.was_skipped = true;
            return Ok(Some(ahead.rows));
        }
        if self.ahead.is_some() {
            return Ok(None);
        }
        let Some(next) = guarded(|| self.reader.peek_next_page())? else { return Ok(None) };
        let Some(rows) = next.num_levels.filter(|of_page| !next.is_dict && *of_page <= rows) else { return Ok(None) };
        guarded(|| self.reader.skip_next_page())?;
        self.was_skipped = true;
        Ok(Some(rows))
    }

    pub(super) fn next(&mut self) -> Result<Option<NextPage>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(NextPage::Data(ahead)));
        }
        let Some(page) = guarded(|| self.reader.get_next_page())? else { return Ok(None) };
        let was_skipped = std::mem::take(&mut self.was_skipped);
        if let FilePage::DictionaryPage { buf, num_values, encoding, .. } = page {
            if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY) {
                return Err(unknown(encoding));
            }
            let bytes = match &mut self.snappy {
                Some(snappy) => snappy.decompress(&buf)?,
                None => buf,
            };
            return Ok(Some(NextPage::Dictionary { page: Page::new(bytes), count: num_values as usize }));
        }
        let mut page = DataBytes::of(page, self.is_optional)?;
        let Some(snappy) = &mut self.snappy else { return Ok(Some(NextPage::Data(page.into_page(self.is_optional)?))) };
        let next = if was_skipped { None } else { guarded(|| self.reader.get_next_page())? };
        if let Some(next) = next {
            let mut next = DataBytes::of(next, self.is_optional)?;
            snappy.decompress_both([&mut page, &mut next])?;
            self.ahead = Some(next.into_page(self.is_optional)?);
        } else if page.is_compressed {
            page.values = snappy.decompress(&page.values)?;
        }
        Ok(Some(NextPage::Data(page.into_page(self.is_optional)?)))
    }
}

/// Decompresses pages into the memory of earlier ones.
#[derive(Default)]
struct Decompressor {
    /// The last ones.
    pages: Vec<Bytes>,
}

impl Decompressor {
    /// Memory of a page that nothing refers to any more, or none yet.
    fn memory(&mut self) -> BytesMut {
        let free = self.pages.iter().position(Bytes::is_unique).map(|place| self.pages.remove(place));
        free.and_then(|page| page.try_into_mut().ok()).unwrap_or_default()
    }

    /// Gives the first `len` bytes of a page's memory, and keeps all of it.
    fn keep(&mut self, memory: BytesMut, len: usize) -> Bytes {
        let memory = memory.freeze();
        let page = memory.slice(..len);
        if self.pages.len() == KEPT {
            self.pages.remove(0);
        }
        self.pages.push(memory);
        page
    }

    fn decompress(&mut self, compressed: &Bytes) -> Result<Bytes> {
        if let Some(page) = without_work(compressed) {
            return Ok(page);
        }
        let mut memory = self.memory();
        let len = snappy::decompress(compressed, &mut memory)?;
        Ok(self.keep(memory, len))
    }

    fn decompress_both(&mut self, pages: [&mut DataBytes; 2]) -> Result<()> {
        if pages.iter().any(|page| !page.is_compressed || without_work(&page.values).is_some()) {
            for page in pages.into_iter().filter(|page| page.is_compressed) {
                page.values = self.decompress(&page.values)?;
            }
            return Ok(());
        }
        let (mut one, mut other) = (self.memory(), self.memory());
        let lens = snappy::decompress_both([&pages[0].values, &pages[1].values], [&mut one, &mut other])?;
        for (page, (memory, len)) in pages.into_iter().zip([one, other].into_iter().zip(lens)) {
            page.values = self.keep(memory, len);
        }
        Ok(())
    }
}

/// A page that is in the compressed one as it was.
fn without_work(compressed: &Bytes) -> Option<Bytes> {
    // One of NULLs only may have nothing at all.
    if compressed.is_empty() {
        return Some(Bytes::new());
    }
    snappy::as_it_was(compressed).map(|range| compressed.slice(range))
}

/// Does what ends in a panic of the crate where a page's header is not what it should be.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    let damaged = |_| Err(ParquetError::General("the header of a page is damaged".to_string()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)
}

/// For pages that are decompressed here, a reader that believes that they are not compressed.
fn reader_of(chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<SerializedPageReader<ChunkBytes>> {
    let bytes = Arc::new(bytes);
    if chunk.compression_codec() != CompressionCodec::SNAPPY {
        return SerializedPageReader::new(bytes, chunk, rows, None);
    }
    let as_it_is = chunk.clone().into_builder().set_compression_codec(CompressionCodec::UNCOMPRESSED).build()?;
    SerializedPageReader::new(bytes, &as_it_is, rows, None)
}

/// A data page as it stands in the file, or decompressed.
struct DataBytes {
    rows: u32,
    encoding: Encoding,
    levels: LevelBytes,
    values: Bytes,
    /// In the file, the values are, and the levels too if they come before them.
    is_compressed: bool,
}

enum LevelBytes {
    /// In front of the values, and written so.
    BeforeValues(Encoding),
    Apart(Bytes),
}

impl DataBytes {
    fn of(page: FilePage, is_optional: bool) -> Result<Self> {
        match page {
            FilePage::DataPage { buf, num_values, encoding, def_level_encoding, .. } => Ok(DataBytes {
                rows: num_values,
                encoding,
                levels: LevelBytes::BeforeValues(def_level_encoding),
                values: buf,
                is_compressed: true,
            }),
            FilePage::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                ..
            } => {
                let start = rep_levels_byte_len as usize;
                let end = start.checked_add(def_levels_byte_len as usize).filter(|end| *end <= buf.len());
                let end = end.ok_or_else(outside)?;
                let levels = if is_optional { buf.slice(start..end) } else { Bytes::new() };
                Ok(DataBytes {
                    rows: num_values,
                    encoding,
                    levels: LevelBytes::Apart(levels),
                    values: buf.slice(end..),
                    is_compressed,
                })
            }
            FilePage::DictionaryPage { .. } => {
                Err(ParquetError::General("a dictionary that comes after other pages".to_string()))
            }
        }
    }

    /// Of decompressed bytes.
    fn into_page(self, is_optional: bool) -> Result<DataPage> {
        let (levels, values) = match self.levels {
            _ if !is_optional => (Levels::Required, self.values),
            LevelBytes::Apart(levels) => (Levels::Hybrid(Hybrid::new(levels, 1)?), self.values),
            LevelBytes::BeforeValues(Encoding::RLE) => {
                let bytes = self.values;
                let len = bytes.first_chunk().map(|len| u32::from_le_bytes(*len) as usize).ok_or_else(outside)?;
                let end = len.checked_add(4).filter(|end| *end <= bytes.len()).ok_or_else(outside)?;
                (Levels::Hybrid(Hybrid::new(bytes.slice(4..end), 1)?), bytes.slice(end..))
            }
            #[expect(deprecated, reason = "old files have it")]
            LevelBytes::BeforeValues(Encoding::BIT_PACKED) => {
                let bytes = self.values;
                let end = (self.rows as usize).div_ceil(8);
                if end > bytes.len() {
                    return Err(outside());
                }
                (Levels::HighestFirst { data: bytes.slice(..end), next: 0 }, bytes.slice(end..))
            }
            LevelBytes::BeforeValues(other) => return Err(unknown(other)),
        };
        let values = match self.encoding {
            Encoding::PLAIN => PageValues::Plain(Page::new(values)),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => match values.first() {
                Some(width) => PageValues::Coded(Hybrid::new(values.slice(1..), *width)?),
                // A page of NULLs only may have no width.
                None => PageValues::Coded(Hybrid::new(values, 0)?),
            },
            other => return Err(unknown(other)),
        };
        Ok(DataPage { rows: self.rows as usize, levels, values })
    }
}

fn unknown(encoding: Encoding) -> ParquetError {
    ParquetError::NYI(format!("a page with the encoding {encoding}, which its column chunk does not name"))
}
