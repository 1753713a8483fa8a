//! Arguments read as texts, bytes or numbers, whatever Arrow type they come in, and results written
//!
//! A text column is a `StringViewArray` here: of the three kinds of text, it is the one that the others become without a copy of
//! their bytes, and of which a part can be given without one. A constant is a column of one value that every row reads.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryBuilder, BinaryViewArray, BooleanArray, ByteView, Float64Array,
    Int64Array, ListBuilder, NullBufferBuilder, PrimitiveArray, StringBuilder, StringViewArray, StringViewBuilder,
    make_view,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;

/// What one batch of results may take: Arrow's offsets and views are of 32 bits.
const MOST_BYTES: usize = i32::MAX as usize;

/// Longer texts are held in a buffer, others in the view itself.
pub const INLINE: usize = 12;

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $array:ty, $value:ty) => {
        $(#[$doc])*
        pub struct $name {
            pub array: $array,
            constant: bool,
        }

        impl $name {
            #[inline]
            pub fn get(&self, row: usize) -> Option<$value> {
                let row = if self.constant { 0 } else { row };
                self.array.is_valid(row).then(|| self.array.value(row))
            }
        }
    };
}

column!(Texts, StringViewArray, &str);
column!(Bytes, BinaryViewArray, &[u8]);
column!(Integers, Int64Array, i64);
column!(Doubles, Float64Array, f64);
column!(Booleans, BooleanArray, bool);

impl Texts {
    /// The one value of all rows, if there is one.
    pub fn constant(&self) -> Option<Option<&str>> {
        (self.constant && self.array.len() == 1).then(|| self.get(0))
    }

    /// The text of a row that is not NULL.
    #[inline]
    pub fn value(&self, row: usize) -> &str {
        self.array.value(self.index(row))
    }

    /// Which of so many rows are NULL.
    pub fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        match self.constant {
            true => self.array.is_null(0).then(|| NullBuffer::new_null(rows)),
            false => self.array.nulls().cloned(),
        }
    }

    pub fn new(array: &ArrayRef, constant: bool) -> Result<Self> {
        Ok(Texts { array: as_text(array)?, constant })
    }

    fn index(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// How many bytes the texts of so many rows have.
    pub fn bytes(&self, rows: usize) -> usize {
        let bytes = self.array.views().iter().map(|view| *view as u32 as usize).sum::<usize>();
        if self.constant { bytes.saturating_mul(rows) } else { bytes }
    }
}

/// Whether all texts are found to be ASCII at a glance: at their buffers, if these hold little else.
pub fn is_ascii(texts: &StringViewArray) -> bool {
    const ABOVE_ASCII: u128 = 0x8080_8080_8080_8080_8080_8080;
    let in_view = |view: &u128| if *view as u32 as usize <= INLINE { *view >> 32 } else { 0 };
    is_dense(texts)
        && texts.data_buffers().iter().all(|buffer| buffer.is_ascii())
        && texts.views().iter().fold(0, |bits, view| bits | in_view(view)) & ABOVE_ASCII == 0
}

/// Whether the buffers of a column hold little else than its texts. After a filter they may hold far more.
pub fn is_dense(texts: &StringViewArray) -> bool {
    let held: usize = texts.data_buffers().iter().map(|buffer| buffer.len()).sum();
    let lengths = texts.views().iter().map(|view| *view as u32 as usize);
    held / 2 <= lengths.filter(|length| *length > INLINE).sum()
}

impl Bytes {
    /// The bytes of a text are its UTF-8.
    pub fn new(array: &ArrayRef, constant: bool) -> Result<Self> {
        let array = match array.data_type() {
            DataType::BinaryView => array.as_binary_view().clone(),
            _ => as_text(array)?.to_binary_view(),
        };
        Ok(Bytes { array, constant })
    }
}

impl Integers {
    /// The one value of all rows, if there is one.
    pub fn constant(&self) -> Option<Option<i64>> {
        (self.constant && self.array.len() == 1).then(|| self.get(0))
    }

    pub fn new(array: &ArrayRef, constant: bool) -> Result<Self> {
        let array = match array.data_type() {
            DataType::Int64 => array.as_primitive::<Int64Type>().clone(),
            DataType::Utf8View => as_text(array)?.iter().map(|text| text.and_then(whole_number)).collect(),
            // Safe, as Hive's: what does not fit is NULL.
            _ => cast_with_options(array, &DataType::Int64, &CastOptions::default())?.as_primitive().clone(),
        };
        Ok(Integers { array, constant })
    }
}

fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.is_finite() && number.abs() < i64::MAX as f64).then_some(number as i64)
    })
}

impl Doubles {
    pub fn new(array: &ArrayRef, constant: bool) -> Result<Self> {
        let array = match array.data_type() {
            DataType::Float64 => array.as_primitive::<Float64Type>().clone(),
            _ => cast_with_options(array, &DataType::Float64, &CastOptions::default())?.as_primitive().clone(),
        };
        Ok(Doubles { array, constant })
    }
}

impl Booleans {
    pub fn new(array: &ArrayRef, constant: bool) -> Result<Self> {
        let array = match array.data_type() {
            DataType::Boolean => array.as_boolean().clone(),
            _ => cast(array, &DataType::Boolean)?.as_boolean().clone(),
        };
        Ok(Booleans { array, constant })
    }
}

/// A column as text, as Hive writes its values: `1.0E10`, `2024-02-28 13:00:00.5`.
pub fn as_text(array: &ArrayRef) -> Result<StringViewArray> {
    Ok(match array.data_type() {
        DataType::Utf8View => array.as_string_view().clone(),
        DataType::Float32 => {
            let mut texts = TextBuilder::new(array.len());
            for value in array.as_primitive::<datafusion::arrow::datatypes::Float32Type>() {
                texts.push(
                    value.map(|value| number_text(f64::from(value), format!("{value:?}"), format!("{value:e}"))),
                )?;
            }
            texts.finish_array()
        }
        DataType::Float64 => {
            let mut texts = TextBuilder::new(array.len());
            for value in array.as_primitive::<Float64Type>() {
                texts.push(value.map(double_text))?;
            }
            texts.finish_array()
        }
        DataType::Timestamp(..) => {
            let written = cast(array, &DataType::Utf8)?;
            let mut texts = TextBuilder::new(array.len());
            for value in written.as_string::<i32>() {
                texts.push(value.map(timestamp_text))?;
            }
            texts.finish_array()
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes = cast(array, &DataType::BinaryView)?;
            let mut texts = TextBuilder::new(array.len());
            for value in bytes.as_binary_view() {
                texts.push(value.map(String::from_utf8_lossy))?;
            }
            texts.finish_array()
        }
        _ => cast(array, &DataType::Utf8View)?.as_string_view().clone(),
    })
}

/// As Java writes it.
pub fn double_text(value: f64) -> String {
    number_text(value, format!("{value:?}"), format!("{value:e}"))
}

fn number_text(value: f64, plain: String, scientific: String) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return plain;
    }
    match scientific.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => scientific,
    }
}

fn timestamp_text(written: &str) -> String {
    // Without the zone, if there is one: the time is the local one.
    let time = written.find('T').unwrap_or(0);
    let end = written[time..].find(['Z', '+', '-']).map_or(written.len(), |zone| time + zone);
    let text = written[..end].replacen('T', " ", 1);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Texts that are made.
pub struct TextBuilder {
    inner: StringViewBuilder,
    bytes: usize,
}

impl TextBuilder {
    pub fn new(rows: usize) -> Self {
        TextBuilder { inner: StringViewBuilder::with_capacity(rows), bytes: 0 }
    }

    #[inline]
    pub fn push(&mut self, value: Option<impl AsRef<str>>) -> Result<()> {
        match value {
            Some(value) => {
                let value = value.as_ref();
                self.bytes = within_a_batch(self.bytes, value.len())?;
                Ok(self.inner.try_append_value(value)?)
            }
            None => {
                self.inner.append_null();
                Ok(())
            }
        }
    }

    pub fn finish_array(mut self) -> StringViewArray {
        self.inner.finish()
    }

    pub fn finish(self) -> ArrayRef {
        Arc::new(self.finish_array())
    }
}

/// The bytes of a batch with some more, if they are not too many.
pub fn within_a_batch(bytes: usize, more: usize) -> Result<usize> {
    match bytes.checked_add(more) {
        Some(bytes) if bytes <= MOST_BYTES => Ok(bytes),
        _ => exec_err!("the result would take more than 2 GiB"),
    }
}

/// Makes a column of texts: each row is written to a text that is empty at first; `false` makes it NULL.
pub fn texts(rows: usize, mut row: impl FnMut(usize, &mut String) -> Result<bool>) -> Result<ArrayRef> {
    let mut builder = TextBuilder::new(rows);
    let mut text = String::new();
    for index in 0..rows {
        text.clear();
        let is_valid = row(index, &mut text)?;
        builder.push(is_valid.then_some(text.as_str()))?;
    }
    Ok(builder.finish())
}

/// Makes a column of numbers.
pub fn numbers<T: ArrowPrimitiveType>(
    rows: usize,
    mut row: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveArray::<T>::builder(rows);
    for index in 0..rows {
        builder.append_option(row(index)?);
    }
    Ok(Arc::new(builder.finish()))
}

pub fn booleans(rows: usize, mut row: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
    let mut builder = BooleanArray::builder(rows);
    for index in 0..rows {
        builder.append_option(row(index)?);
    }
    Ok(Arc::new(builder.finish()))
}

/// Texts that are parts of another column's texts, which they share.
pub struct PartBuilder<'a> {
    source: &'a Texts,
    views: Vec<u128>,
    nulls: NullBufferBuilder,
}

impl<'a> PartBuilder<'a> {
    pub fn new(source: &'a Texts, rows: usize) -> Self {
        PartBuilder { source, views: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    pub fn push_null(&mut self) {
        self.views.push(0);
        self.nulls.append_null();
    }

    pub fn push_empty(&mut self) {
        self.views.push(0);
        self.nulls.append_non_null();
    }

    /// The bytes from `start` to `end` of a row, which both lie between characters.
    #[inline]
    pub fn push(&mut self, row: usize, start: usize, end: usize) {
        let row = self.source.index(row);
        let text = self.source.array.value(row);
        let Some(part) = text.get(start..end) else { return self.push_empty() };
        let view = match text.len() <= INLINE {
            true => make_view(part.as_bytes(), 0, 0),
            false => {
                let whole = ByteView::from(self.source.array.views()[row]);
                make_view(part.as_bytes(), whole.buffer_index, whole.offset + start as u32)
            }
        };
        self.views.push(view);
        self.nulls.append_non_null();
    }

    pub fn finish(mut self) -> Result<ArrayRef> {
        let buffers = self.source.array.data_buffers().to_vec();
        Ok(Arc::new(StringViewArray::try_new(self.views.into(), buffers, self.nulls.finish())?))
    }
}

/// Makes a column of parts of another's texts: each row gives where its part lies, or NULL.
pub fn parts(
    source: &Texts,
    rows: usize,
    mut row: impl FnMut(usize) -> Result<Option<(usize, usize)>>,
) -> Result<ArrayRef> {
    let mut builder = PartBuilder::new(source, rows);
    for index in 0..rows {
        match row(index)? {
            Some((start, end)) if start < end => builder.push(index, start, end),
            Some(_) => builder.push_empty(),
            None => builder.push_null(),
        }
    }
    builder.finish()
}

/// Bytes that are made. They are no views: not all functions of datafusion-spark take these.
#[derive(Default)]
pub struct BytesBuilder {
    inner: BinaryBuilder,
    bytes: usize,
}

impl BytesBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        self.bytes = within_a_batch(self.bytes, value.map_or(0, <[u8]>::len))?;
        self.inner.append_option(value);
        Ok(())
    }

    pub fn finish(mut self) -> ArrayRef {
        Arc::new(self.inner.finish())
    }
}

/// Arrays of texts.
pub struct TextsBuilder {
    inner: ListBuilder<StringBuilder>,
    bytes: usize,
}

impl TextsBuilder {
    pub fn new(rows: usize) -> Self {
        TextsBuilder { inner: ListBuilder::with_capacity(StringBuilder::new(), rows), bytes: 0 }
    }

    pub fn push(&mut self, value: Option<&str>) -> Result<()> {
        // A value may be empty: the count of values has to fit, too.
        self.bytes = within_a_batch(self.bytes, value.map_or(0, str::len) + 1)?;
        self.inner.values().append_option(value);
        Ok(())
    }

    pub fn end_row(&mut self, is_valid: bool) {
        self.inner.append(is_valid);
    }

    pub fn finish(mut self) -> ArrayRef {
        Arc::new(self.inner.finish())
    }
}

/// Where the character that has `count` others before it begins, or the end of the text.
#[inline]
pub fn offset_of(text: &str, count: usize, is_ascii: bool) -> usize {
    if is_ascii {
        return count.min(text.len());
    }
    text.char_indices().nth(count).map_or(text.len(), |(offset, _)| offset)
}

#[inline]
pub fn characters(text: &str, is_ascii: bool) -> usize {
    if is_ascii { text.len() } else { text.chars().count() }
}

/// Adds bytes in hexadecimal digits.
pub fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
