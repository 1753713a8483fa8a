//! Texts and binaries: views of the pages in which they stand.

use std::sync::Arc;

use datafusion::arrow::array::builder::make_view;
use datafusion::arrow::array::{ArrayRef, BinaryViewArray, StringViewArray};
use datafusion::arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use parquet::errors::{ParquetError, Result};

use super::{Page, Places, Values, ends_early};

pub(super) struct Texts {
    is_text: bool,
    /// Views of the dictionary's values, in the first of the blocks.
    dictionary: ScalarBuffer<u128>,
    /// The dictionary, and the pages of the values that were pushed.
    blocks: Vec<Buffer>,
    pushed: Vec<u128>,
}

impl Texts {
    pub(super) fn new(is_text: bool) -> Self {
        Texts { is_text, dictionary: ScalarBuffer::default(), blocks: Vec::new(), pushed: Vec::new() }
    }

    /// Adds views of the next values of a page, which is the block `block`.
    fn add_views(&self, page: &mut Page, count: usize, block: usize, views: &mut Vec<u128>) -> Result<()> {
        let block = u32::try_from(block).map_err(|_| ends_early())?;
        let is_utf8 = self.is_text && *page.is_utf8.get_or_insert_with(|| std::str::from_utf8(&page.data).is_ok());
        let data = &page.data;
        // Pages have fewer bytes than that; a view could not say where in it a value is.
        u32::try_from(data.len()).map_err(|_| ends_early())?;
        views.reserve(count.min(data.len()));
        let mut at = page.at;
        for _ in 0..count {
            let (start, end) = value_at(data, at)?;
            let value = &data[start..end];
            // In a page that is UTF-8 with all the lengths in it, a value is that, too, unless it begins or ends within a character.
            let is_right = !self.is_text
                || (is_utf8 && is_boundary(data, start) && is_boundary(data, end))
                || std::str::from_utf8(value).is_ok();
            if !is_right {
                return Err(ParquetError::General("a text is not valid UTF-8".to_string()));
            }
            views.push(make_view(value, block, start as u32));
            at = end;
        }
        page.at = at;
        Ok(())
    }

    /// Of views that [`Texts::add_views`] made.
    fn array(&self, views: ScalarBuffer<u128>, nulls: Option<NullBuffer>) -> ArrayRef {
        let blocks = self.blocks.clone();
        // SAFETY: each view was made of a part of the block that it names, and, for texts, of a part that is UTF-8.
        match self.is_text {
            true => Arc::new(unsafe { StringViewArray::new_unchecked(views, blocks, nulls) }),
            false => Arc::new(unsafe { BinaryViewArray::new_unchecked(views, blocks, nulls) }),
        }
    }
}

/// Where the value begins and ends whose length stands at `at`.
fn value_at(data: &[u8], at: usize) -> Result<(usize, usize)> {
    let len = data.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(ends_early)?;
    let start = at + size_of::<u32>();
    let end = start + u32::from_le_bytes(*len) as usize;
    if end > data.len() { Err(ends_early()) } else { Ok((start, end)) }
}

/// Whether a character begins at `at`, or the data ends.
fn is_boundary(data: &[u8], at: usize) -> bool {
    data.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

impl Values for Texts {
    fn begin(&mut self, dictionary: &Page, count: usize) -> Result<()> {
        // The memory of the one before is used again.
        let mut views: Vec<u128> = std::mem::take(&mut self.dictionary).into_inner().into_vec().unwrap_or_default();
        views.clear();
        self.add_views(&mut dictionary.clone(), count, 0, &mut views)?;
        self.blocks = vec![Buffer::from(dictionary.data.clone())];
        self.dictionary = views.into();
        Ok(())
    }

    fn dictionary(&self) -> Result<ArrayRef> {
        Ok(self.array(self.dictionary.clone(), None))
    }

    fn clear(&mut self) {
        self.pushed.clear();
        // That of the dictionary stays.
        self.blocks.truncate(usize::from(!self.dictionary.is_empty()));
    }

    fn push_coded(&mut self, codes: &[u32]) {
        self.pushed.extend(codes.iter().map(|code| self.dictionary[*code as usize]));
    }

    fn push_plain(&mut self, page: &mut Page, count: usize) -> Result<()> {
        let mut views = std::mem::take(&mut self.pushed);
        self.add_views(page, count, self.blocks.len(), &mut views)?;
        self.blocks.push(Buffer::from(page.data.clone()));
        self.pushed = views;
        Ok(())
    }

    fn push_plain_at(&mut self, page: &mut Page, places: &[u32], count: usize) -> Result<()> {
        let mut views = std::mem::take(&mut self.pushed);
        let mut next = 0;
        for place in places {
            self.skip_plain(page, *place as usize - next)?;
            self.add_views(page, 1, self.blocks.len(), &mut views)?;
            next = *place as usize + 1;
        }
        self.skip_plain(page, count - next)?;
        self.blocks.push(Buffer::from(page.data.clone()));
        self.pushed = views;
        Ok(())
    }

    fn skip_plain(&self, page: &mut Page, count: usize) -> Result<()> {
        for _ in 0..count {
            page.at = value_at(&page.data, page.at)?.1;
        }
        Ok(())
    }

    fn coded(&self, codes: &[u32], places: Places) -> Result<ArrayRef> {
        let view = |code: u32| self.dictionary[code as usize];
        let views: Vec<u128> = match &places.places {
            None => codes.iter().map(|code| view(*code)).collect(),
            Some(places) => places.iter().map(|place| view(codes[*place as usize])).collect(),
        };
        Ok(self.array(views.into(), places.nulls))
    }

    fn pushed(&self, places: Places) -> Result<ArrayRef> {
        let views: Vec<u128> = match &places.places {
            None => self.pushed.clone(),
            Some(places) => places.iter().map(|place| self.pushed[*place as usize]).collect(),
        };
        Ok(self.array(views.into(), places.nulls))
    }
}
