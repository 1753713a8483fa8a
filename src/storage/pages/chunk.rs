//! The pages of a column chunk, one after the other.
//!
//! What is compressed with Snappy, which most files are, is decompressed here: [`super::snappy`] is quicker than what the crate has, and
//! the memory of pages that were read is used again. Other codecs are left to the crate.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
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
const KEPT: usize = 2;

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
}

impl Pages {
    pub(super) fn new(chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<Self> {
        let is_snappy = chunk.compression_codec() == CompressionCodec::SNAPPY;
        Ok(Pages {
            reader: reader_of(chunk, bytes, rows)?,
            is_optional: chunk.column_descr().max_def_level() > 0,
            snappy: is_snappy.then(Decompressor::default),
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
        let Some(next) = self.reader.peek_next_page()? else { return Ok(None) };
        let Some(rows) = next.num_levels.filter(|of_page| !next.is_dict && *of_page <= rows) else { return Ok(None) };
        self.reader.skip_next_page()?;
        Ok(Some(rows))
    }

    pub(super) fn next(&mut self) -> Result<Option<NextPage>> {
        let Some(page) = self.reader.get_next_page()? else { return Ok(None) };
        let snappy = &mut self.snappy;
        let mut decompressed = |bytes: Bytes| match snappy {
            Some(snappy) => snappy.decompress(&bytes),
            None => Ok(bytes),
        };
        Ok(Some(match page {
            FilePage::DictionaryPage { buf, num_values, encoding, .. } => {
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY) {
                    return Err(unknown(encoding));
                }
                NextPage::Dictionary { page: Page::new(decompressed(buf)?), count: num_values as usize }
            }
            page => NextPage::Data(data_page(page, self.is_optional, decompressed)?),
        }))
    }
}

/// Decompresses pages into the memory of earlier ones.
#[derive(Default)]
struct Decompressor {
    /// The last ones.
    pages: Vec<Bytes>,
}

impl Decompressor {
    fn decompress(&mut self, compressed: &[u8]) -> Result<Bytes> {
        // A page of NULLs only may have nothing at all.
        if compressed.is_empty() {
            return Ok(Bytes::new());
        }
        let free = self.pages.iter().position(Bytes::is_unique).map(|place| self.pages.remove(place));
        let mut memory = free.and_then(|page| page.try_into_mut().ok()).unwrap_or_default();
        snappy::decompress(compressed, &mut memory)?;
        let page = memory.freeze();
        if self.pages.len() == KEPT {
            self.pages.remove(0);
        }
        self.pages.push(page.clone());
        Ok(page)
    }
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

fn data_page(page: FilePage, is_optional: bool, decompressed: impl FnOnce(Bytes) -> Result<Bytes>) -> Result<DataPage> {
    let (rows, encoding, levels, values) = match page {
        FilePage::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
            let buf = decompressed(buf)?;
            let (levels, values) = match (is_optional, def_level_encoding) {
                (false, _) => (Levels::Required, buf),
                (true, Encoding::RLE) => {
                    let len = buf.first_chunk().map(|len| u32::from_le_bytes(*len) as usize).ok_or_else(outside)?;
                    let end = len.checked_add(4).filter(|end| *end <= buf.len()).ok_or_else(outside)?;
                    (Levels::Hybrid(Hybrid::new(buf.slice(4..end), 1)?), buf.slice(end..))
                }
                #[expect(deprecated, reason = "old files have it")]
                (true, Encoding::BIT_PACKED) => {
                    let end = (num_values as usize).div_ceil(8);
                    if end > buf.len() {
                        return Err(outside());
                    }
                    (Levels::HighestFirst { data: buf.slice(..end), next: 0 }, buf.slice(end..))
                }
                (true, other) => return Err(unknown(other)),
            };
            (num_values, encoding, levels, values)
        }
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
            let end =
                start.checked_add(def_levels_byte_len as usize).filter(|end| *end <= buf.len()).ok_or_else(outside)?;
            let levels = match is_optional {
                true => Levels::Hybrid(Hybrid::new(buf.slice(start..end), 1)?),
                false => Levels::Required,
            };
            let values = buf.slice(end..);
            (num_values, encoding, levels, if is_compressed { decompressed(values)? } else { values })
        }
        FilePage::DictionaryPage { encoding, .. } => return Err(unknown(encoding)),
    };
    let values = match encoding {
        Encoding::PLAIN => PageValues::Plain(Page::new(values)),
        Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => match values.first() {
            Some(width) => PageValues::Coded(Hybrid::new(values.slice(1..), *width)?),
            // A page of NULLs only may have no width.
            None => PageValues::Coded(Hybrid::new(values, 0)?),
        },
        other => return Err(unknown(other)),
    };
    Ok(DataPage { rows: rows as usize, levels, values })
}

fn unknown(encoding: Encoding) -> ParquetError {
    ParquetError::NYI(format!("a page with the encoding {encoding}, which its column chunk does not name"))
}
