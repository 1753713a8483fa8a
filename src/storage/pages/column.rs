//! Reads one column of a row group, a batch of rows after the other.
//!
//! Where few rows of a batch are still wanted, only theirs are read, and the others' values passed over. A condition that is known already is
//! asked while codes are read: a run of one code has one answer.

use std::borrow::Cow;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use super::bits::{Bits, WORD, ones, word_of};
use super::chunk::{ChunkBytes, DataPage, NextPage, PageValues, Pages};
use super::values::{Values, places_of};

/// For a row that is wanted, rows that there are: with as many, reading only the wanted ones takes no longer than reading all.
const FEW: usize = 12;

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
    /// How many values the dictionary has, if there is one.
    dictionary: Option<usize>,
    /// A page was read, so a dictionary comes too late.
    has_begun: bool,
    /// Rows to be passed over before the next ones are read.
    behind: usize,
    /// If the batch is some of the rows that there are: which.
    among: Option<Bits>,
    /// Of the batch: which rows have a value.
    valid: Bits,
    /// How many do.
    count: usize,
    /// Of the batch: the first `coded` are the values' codes, if all values come from the dictionary. If not, they were pushed to `values`.
    codes: Vec<u32>,
    coded: usize,
    is_coded: bool,
    /// Of the batch's values, if a condition was asked of all codes: which pass.
    passing: Bits,
    /// To find the values of few rows: which rows of a page have one, and the places of the wanted ones.
    levels: Bits,
    places: Vec<u32>,
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
            among: None,
            valid: Bits::default(),
            count: 0,
            codes: Vec::new(),
            coded: 0,
            is_coded: false,
            passing: Bits::default(),
            levels: Bits::default(),
            places: Vec::new(),
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

    /// Makes the next rows the batch. Only the `wanted` ones, which are `left`, are asked for afterwards; of those `passing` may be asked.
    pub(super) fn read(&mut self, wanted: &Bits, left: usize, passing: Option<&Passing>) -> Result<()> {
        self.catch_up()?;
        self.valid.clear();
        self.values.clear();
        self.passing.clear();
        self.coded = 0;
        self.count = 0;
        self.is_coded = true;
        let rows = wanted.len();
        let are_few = left * FEW <= rows;
        self.among = are_few.then(|| wanted.clone());
        let mut at = 0;
        while at < rows {
            let mut page = self.next_page()?;
            let rows = page.rows.min(rows - at);
            match are_few {
                true => self.read_few_of_page(&mut page, rows, wanted, at)?,
                false => self.read_of_page(&mut page, rows, passing)?,
            }
            at += rows;
            page.rows -= rows;
            self.page = Some(page).filter(|page| page.rows > 0);
        }
        Ok(())
    }

    fn read_of_page(&mut self, page: &mut DataPage, rows: usize, passing: Option<&Passing>) -> Result<()> {
        let values = if self.is_optional {
            page.levels.read(rows, &mut self.valid)?;
            self.valid.count() - self.count
        } else {
            rows
        };
        self.count += values;
        match &mut page.values {
            PageValues::Coded(codes) => {
                let of_page = room_behind(&mut self.codes, self.coded, values);
                let greatest = match passing {
                    Some(passing) => codes.read_passing(of_page, &passing.codes, &mut self.passing)?,
                    None => codes.read(of_page)?,
                };
                self.take_in_codes(values, greatest)
            }
            PageValues::Plain(page) => {
                self.begin_plain();
                self.values.push_plain(page, values)
            }
        }
    }

    /// Reads those of a page's next rows that are wanted. The first of them is the row `at` of all in `wanted`.
    fn read_few_of_page(&mut self, page: &mut DataPage, rows: usize, wanted: &Bits, at: usize) -> Result<()> {
        self.levels.clear();
        page.levels.read(rows, &mut self.levels)?;
        self.places.clear();
        // Values before the word that is looked at; they are counted where it is needed.
        let (mut values, mut counted) = (0, 0);
        let mut valid = self.valid.filling();
        let words = self.levels.words();
        for (word, levels) in words.iter().enumerate() {
            let mut left = wanted.word_at(at + word * WORD);
            if word + 1 == words.len() {
                left &= u64::MAX >> ((WORD - rows % WORD) % WORD);
            }
            if left == 0 {
                continue;
            }
            values += ones(&words[counted..word]);
            counted = word;
            while left != 0 {
                let bit = left.trailing_zeros();
                let has_value = levels >> bit & 1;
                valid.push_word(has_value, 1);
                if has_value == 1 {
                    self.places.push((values + ones(&[levels & ((1 << bit) - 1)])) as u32);
                }
                left &= left - 1;
            }
        }
        values += ones(&words[counted..]);
        drop(valid);
        self.count += self.places.len();
        match &mut page.values {
            PageValues::Coded(codes) => {
                let of_page = room_behind(&mut self.codes, self.coded, self.places.len());
                let greatest = codes.read_at(&self.places, values, of_page)?;
                self.take_in_codes(self.places.len(), greatest)
            }
            PageValues::Plain(page) => {
                self.begin_plain();
                self.values.push_plain_at(page, &self.places, values)
            }
        }
    }

    /// Codes that have been read behind those that there were.
    fn take_in_codes(&mut self, count: usize, greatest: u32) -> Result<()> {
        let known = self.dictionary.unwrap_or_default();
        if count > 0 && greatest as usize >= known {
            return Err(ParquetError::General(format!(
                "a page has a value that is not among its dictionary's {known}"
            )));
        }
        if self.is_coded {
            self.coded += count;
        } else {
            self.values.push_coded(&self.codes[self.coded..][..count]);
        }
        Ok(())
    }

    /// Values come that are none of the dictionary's.
    fn begin_plain(&mut self) {
        if std::mem::take(&mut self.is_coded) {
            self.values.push_coded(&self.codes[..self.coded]);
            self.coded = 0;
        }
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
                    self.values.begin(&page, count)?;
                    self.dictionary = Some(count);
                }
                Some(NextPage::Data(page)) if page.rows > 0 => return Ok(page),
                Some(NextPage::Data(_)) => {}
            }
        }
    }

    /// How many values the dictionary has, if all values of the batch come from it.
    pub(super) fn dictionary_len(&self) -> Option<usize> {
        self.dictionary.filter(|_| self.is_coded)
    }

    /// The values of the dictionary, by their codes.
    pub(super) fn dictionary(&self) -> Result<ArrayRef> {
        self.values.dictionary()
    }

    fn codes(&self) -> &[u32] {
        &self.codes[..self.coded]
    }

    /// Takes away the rows whose code does not pass. To be called with a batch that has a [`ColumnReader::dictionary_len`]; `was_asked`: when it
    /// was read.
    pub(super) fn keep_passing(&self, passing: &Passing, was_asked: bool, rows: &mut Bits) {
        match &self.among {
            None => self.keep_of_batch(passing, was_asked, rows),
            Some(among) => {
                let mut of_batch = rows.compressed(among);
                self.keep_of_batch(passing, false, &mut of_batch);
                rows.keep_compressed(among, &of_batch);
            }
        }
    }

    fn keep_of_batch(&self, passing: &Passing, was_asked: bool, rows: &mut Bits) {
        match passing.codes.first_chunk::<256>() {
            _ if was_asked && self.passing.len() == self.count => {
                self.keep_words(passing.null, rows, |from| self.passing.word_at(from));
            }
            Some(few) if passing.codes.len() == few.len() => {
                self.keep_words(passing.null, rows, |from| self.word_of(from, |code| few[code as u8 as usize]));
            }
            _ => self.keep_words(passing.null, rows, |from| self.word_of(from, |code| passing.codes[code as usize])),
        }
    }

    /// Of the values from one on, as many as a word has bits: which pass.
    fn word_of(&self, from: usize, passes: impl Fn(u32) -> u8) -> u64 {
        let codes = self.codes().get(from..).unwrap_or_default();
        word_of(&codes[..codes.len().min(WORD)], passes)
    }

    /// `passes` has which values pass, from one on.
    fn keep_words(&self, null: bool, rows: &mut Bits, passes: impl Fn(usize) -> u64) {
        let mut next = 0;
        if self.count == rows.len() {
            return rows.keep_words(|wanted| {
                let from = next;
                next += WORD;
                if wanted == 0 { 0 } else { passes(from) }
            });
        }
        let mut words = self.valid.words().iter();
        rows.keep_words(|wanted| {
            let valid = words.next().copied().unwrap_or_default();
            let from = next;
            next += valid.count_ones() as usize;
            if wanted == 0 {
                return 0;
            }
            // A bit a value, which makes room for each row that has none. Those of the next word's values are pushed out.
            let mut word = passes(from);
            let mut missing = if word == 0 { 0 } else { !valid };
            while missing != 0 {
                let below = (missing & missing.wrapping_neg()) - 1;
                word = word & below | (word & !below) << 1;
                missing &= missing - 1;
            }
            if null { word | !valid } else { word }
        });
    }

    /// The values of the batch's `rows`, in their order.
    pub(super) fn take(&self, rows: &Bits) -> Result<ArrayRef> {
        if self.count == 0 {
            return Ok(new_null_array(&self.data_type, rows.count()));
        }
        let rows = match &self.among {
            None => Cow::Borrowed(rows),
            Some(among) => Cow::Owned(rows.compressed(among)),
        };
        let places = places_of(&rows, self.is_optional.then_some(&self.valid), self.count);
        match self.is_coded {
            true => self.values.coded(self.codes(), places),
            false => self.values.pushed(places),
        }
    }
}

/// Places for more codes behind those that there are.
fn room_behind(codes: &mut Vec<u32>, coded: usize, more: usize) -> &mut [u32] {
    let end = coded + more;
    if codes.len() < end {
        codes.resize(end, 0);
    }
    &mut codes[coded..end]
}
