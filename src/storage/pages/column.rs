//! Reads one column of a row group, a batch of rows after the other.

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use super::bits::Bits;
use super::chunk::{ChunkBytes, DataPage, NextPage, PageValues, Pages};
use super::values::{Values, places_of};

/// What a condition says of the values of a dictionary.
#[derive(Debug)]
pub(super) struct Passing {
    /// 1 for each code that passes, and 0 for others. At least 256: codes of one byte need not be compared with the number of codes then.
    codes: Vec<u8>,
    /// NULL passes.
    null: bool,
}

impl Passing {
    pub(super) fn new(passing: &BooleanBuffer, null: bool) -> Self {
        let mut codes = vec![0; passing.len().max(256)];
        passing.set_indices().for_each(|code| codes[code] = 1);
        Passing { codes, null }
    }
}

/// A column chunk, and the batch of its rows that was read last.
pub(super) struct ColumnReader {
    pages: Pages,
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
    /// Of the batch: the first `coded` are the values' codes, if all values come from the dictionary. If not, they were pushed to `values`.
    codes: Vec<u32>,
    coded: usize,
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
            pages: Pages::new(chunk, bytes, rows)?,
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
            coded: 0,
            is_coded: false,
        })
    }

    /// Reads the same column of another row group, in the memory that it has.
    pub(super) fn begin(&mut self, chunk: &ColumnChunkMetaData, bytes: ChunkBytes, rows: usize) -> Result<()> {
        self.pages.begin(chunk, bytes, rows)?;
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
        self.coded = 0;
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
                let end = self.coded + values;
                if self.codes.len() < end {
                    self.codes.resize(end, 0);
                }
                let of_page = &mut self.codes[self.coded..end];
                let greatest = codes.read(of_page)?;
                let known = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.len());
                if values > 0 && greatest as usize >= known {
                    return Err(ParquetError::General(format!(
                        "a page has a value that is not among its dictionary's {known}"
                    )));
                }
                if self.is_coded {
                    self.coded = end;
                } else {
                    self.values.push_coded(of_page);
                }
            }
            PageValues::Plain(page) => {
                if std::mem::take(&mut self.is_coded) {
                    self.values.push_coded(&self.codes[..self.coded]);
                    self.coded = 0;
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
                && let Some(rows) = self.pages.skip(self.behind)?
            {
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
            let is_first = !std::mem::replace(&mut self.has_begun, true);
            match self.pages.next()? {
                None => return Err(ParquetError::EOF("a column chunk ends before its last row".to_string())),
                Some(NextPage::Dictionary { .. }) if !is_first => {
                    return Err(ParquetError::General("a dictionary that comes after other pages".to_string()));
                }
                Some(NextPage::Dictionary { page, count }) => {
                    self.dictionary = Some(self.values.begin(&page, count)?);
                }
                Some(NextPage::Data(page)) if page.rows > 0 => return Ok(page),
                Some(NextPage::Data(_)) => {}
            }
        }
    }

    /// The dictionary, if all values of the batch come from it.
    pub(super) fn dictionary(&self) -> Option<&ArrayRef> {
        self.dictionary.as_ref().filter(|_| self.is_coded)
    }

    fn codes(&self) -> &[u32] {
        &self.codes[..self.coded]
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
            let mut codes = self.codes().chunks(64);
            return rows.keep_words(|wanted| {
                let codes = codes.next().unwrap_or_default();
                if wanted == 0 { 0 } else { word_of(codes) }
            });
        }
        let mut rest = self.codes();
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
            true => self.values.coded(self.codes(), places),
            false => self.values.pushed(places),
        }
    }
}
