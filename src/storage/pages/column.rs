//! Reads one column of a row group, a batch of rows after the other.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use parquet::basic::Encoding;
use parquet::column::page::{Page as FilePage, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};

use super::bits::Bits;
use super::hybrid::Hybrid;
use super::values::{Page, Values, places_of};

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
enum Levels {
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
    fn read(&mut self, rows: usize, valid: &mut Bits) -> Result<()> {
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

enum PageValues {
    Coded(Hybrid),
    Plain(Page),
}

struct DataPage {
    /// That are still to be read.
    rows: usize,
    levels: Levels,
    values: PageValues,
}

/// What a condition says of the values of a dictionary.
#[derive(Debug)]
pub(super) struct Passing {
    /// 1 for each code that passes, and 0 for others. At least 256: codes of one byte need not be compared with the number of codes then.
    codes: Vec<u8>,
    /// NULL passes.
    null: bool,
}

impl Passing {
    pub(super) fn new(codes: &BooleanBuffer, null: bool) -> Self {
        let mut codes: Vec<u8> = codes.iter().map(u8::from).collect();
        codes.resize(codes.len().max(256), 0);
        Passing { codes, null }
    }
}

/// A column chunk, and the batch of its rows that was read last.
pub(super) struct ColumnReader {
    pages: SerializedPageReader<ChunkBytes>,
    page: Option<DataPage>,
    /// Rows may be NULL.
    is_optional: bool,
    data_type: DataType,
    values: Box<dyn Values>,
    dictionary: Option<ArrayRef>,
    /// A page was read, so a dictionary comes too late.
    has_begun: bool,
    /// Rows to be passed over before the next ones are read.
    behind: usize,
    /// Of the batch: which rows have a value.
    valid: Bits,
    /// How many do.
    count: usize,
    /// Of the batch: the values' codes, if all values come from the dictionary. If not, they were pushed to `values`.
    codes: Vec<u32>,
    is_coded: bool,
}

impl ColumnReader {
    pub(super) fn new(
        chunk: &ColumnChunkMetaData,
        bytes: ChunkBytes,
        rows: usize,
        data_type: DataType,
        values: Box<dyn Values>,
    ) -> Result<Self> {
        Ok(ColumnReader {
            pages: pages_of(chunk, bytes, rows)?,
            page: None,
            is_optional: chunk.column_descr().max_def_level() > 0,
            data_type,
            values,
            dictionary: None,
            has_begun: false,
            behind: 0,
            valid: Bits::default(),
            count: 0,
            codes: Vec::new(),
            is_coded: false,
        })
    }

    /// Reads the same column of another row group, in the memory that it has.
    pub(super) fn begin(&mut self, chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<()> {
        self.pages = pages_of(chunk, bytes, rows)?;
        (self.page, self.dictionary, self.has_begun, self.behind) = (None, None, false, 0);
        self.values.clear();
        Ok(())
    }

    /// Passes over the next rows.
    pub(super) fn skip(&mut self, rows: usize) {
        self.behind += rows;
    }

    /// Makes the next rows the batch.
    pub(super) fn read(&mut self, rows: usize) -> Result<()> {
        self.catch_up()?;
        self.valid.clear();
        self.values.clear();
        self.codes.clear();
        self.count = 0;
        self.is_coded = true;
        let mut wanted = rows;
        while wanted > 0 {
            let mut page = self.next_page()?;
            let rows = wanted.min(page.rows);
            self.read_of_page(&mut page, rows)?;
            wanted -= rows;
            page.rows -= rows;
            self.page = Some(page).filter(|page| page.rows > 0);
        }
        Ok(())
    }

    fn read_of_page(&mut self, page: &mut DataPage, rows: usize) -> Result<()> {
        let values = if self.is_optional {
            page.levels.read(rows, &mut self.valid)?;
            self.valid.count() - self.count
        } else {
            rows
        };
        self.count += values;
        match &mut page.values {
            PageValues::Coded(codes) => {
                let old = self.codes.len();
                self.codes.resize(old + values, 0);
                codes.read(&mut self.codes[old..])?;
                let known = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.len());
                let mut most = 0;
                for code in &self.codes[old..] {
                    most = most.max(*code);
                }
                if values > 0 && most as usize >= known {
                    return Err(ParquetError::General(format!(
                        "a page has a value that is not among its dictionary's {known}"
                    )));
                }
                if !self.is_coded {
                    self.values.push_coded(&self.codes[old..]);
                    self.codes.truncate(old);
                }
            }
            PageValues::Plain(page) => {
                if std::mem::take(&mut self.is_coded) {
                    self.values.push_coded(&self.codes);
                    self.codes.clear();
                }
                self.values.push_plain(page, values)?;
            }
        }
        Ok(())
    }

    /// Passes over rows that nobody wants: whole pages are not decompressed.
    fn catch_up(&mut self) -> Result<()> {
        while self.behind > 0 {
            if self.page.is_none()
                && let Some(next) = self.pages.peek_next_page()?
                && !next.is_dict
                && let Some(rows) = next.num_levels.filter(|rows| *rows <= self.behind)
            {
                self.pages.skip_next_page()?;
                self.has_begun = true;
                self.behind -= rows;
                continue;
            }
            let mut page = self.next_page()?;
            let rows = self.behind.min(page.rows);
            self.behind -= rows;
            if rows == page.rows {
                continue;
            }
            let mut valid = Bits::default();
            page.levels.read(rows, &mut valid)?;
            match &mut page.values {
                PageValues::Coded(codes) => codes.skip(valid.count())?,
                PageValues::Plain(values) => self.values.skip_plain(values, valid.count())?,
            }
            page.rows -= rows;
            self.page = Some(page);
        }
        Ok(())
    }

    /// The page at hand, or the next one that has rows.
    fn next_page(&mut self) -> Result<DataPage> {
        if let Some(page) = self.page.take() {
            return Ok(page);
        }
        loop {
            let Some(page) = self.pages.get_next_page()? else {
                return Err(ParquetError::EOF("a column chunk ends before its last row".to_string()));
            };
            let is_first = !std::mem::replace(&mut self.has_begun, true);
            if let FilePage::DictionaryPage { buf, num_values, encoding, .. } = page {
                if !is_first {
                    return Err(ParquetError::General("a dictionary that comes after other pages".to_string()));
                }
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY) {
                    return Err(unknown(encoding));
                }
                self.dictionary = Some(self.values.begin(&Page::new(buf), num_values as usize)?);
                continue;
            }
            let page = data_page(page, self.is_optional)?;
            if page.rows > 0 {
                return Ok(page);
            }
        }
    }

    /// The dictionary, if all values of the batch come from it.
    pub(super) fn dictionary(&self) -> Option<&ArrayRef> {
        self.dictionary.as_ref().filter(|_| self.is_coded)
    }

    /// Takes away the rows whose code does not pass. To be called with a batch that has a [`ColumnReader::dictionary`].
    pub(super) fn keep_passing(&self, passing: &Passing, rows: &mut Bits) {
        match passing.codes.first_chunk::<256>() {
            Some(few) if passing.codes.len() == few.len() => {
                self.keep_by(passing, rows, |code| few[code as u8 as usize])
            }
            _ => self.keep_by(passing, rows, |code| passing.codes[code as usize]),
        }
    }

    fn keep_by(&self, passing: &Passing, rows: &mut Bits, passes: impl Fn(u32) -> u8) {
        let word_of = |codes: &[u32]| {
            let mut word = 0;
            for (bit, code) in codes.iter().enumerate() {
                word |= u64::from(passes(*code)) << bit;
            }
            word
        };
        if self.count == rows.len() {
            let mut codes = self.codes.chunks(64);
            return rows.keep_words(|wanted| {
                let codes = codes.next().unwrap_or_default();
                if wanted == 0 { 0 } else { word_of(codes) }
            });
        }
        let mut rest = self.codes.as_slice();
        let mut words = self.valid.words().iter();
        rows.keep_words(|wanted| {
            let valid = words.next().copied().unwrap_or_default();
            let (codes, later) = rest.split_at((valid.count_ones() as usize).min(rest.len()));
            rest = later;
            if wanted == 0 {
                return 0;
            }
            // A bit a value, which makes room for each row that has none.
            let mut word = word_of(codes);
            let mut missing = !valid;
            while missing != 0 {
                let below = (missing & missing.wrapping_neg()) - 1;
                word = word & below | (word & !below) << 1;
                missing &= missing - 1;
            }
            if passing.null { word | !valid } else { word }
        });
    }

    /// The values of the batch's `rows`, in their order.
    pub(super) fn take(&self, rows: &Bits) -> Result<ArrayRef> {
        if self.count == 0 {
            return Ok(new_null_array(&self.data_type, rows.count()));
        }
        let places = places_of(rows, self.is_optional.then_some(&self.valid), self.count);
        match self.is_coded {
            true => self.values.coded(&self.codes, places),
            false => self.values.pushed(places),
        }
    }
}

fn pages_of(chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<SerializedPageReader<ChunkBytes>> {
    SerializedPageReader::new(Arc::new(bytes), chunk, rows, None)
}

fn data_page(page: FilePage, is_optional: bool) -> Result<DataPage> {
    let (rows, encoding, levels, values) = match page {
        FilePage::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
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
        FilePage::DataPageV2 { buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let start = rep_levels_byte_len as usize;
            let end =
                start.checked_add(def_levels_byte_len as usize).filter(|end| *end <= buf.len()).ok_or_else(outside)?;
            let levels = match is_optional {
                true => Levels::Hybrid(Hybrid::new(buf.slice(start..end), 1)?),
                false => Levels::Required,
            };
            (num_values, encoding, levels, buf.slice(end..))
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
