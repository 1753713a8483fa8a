//! From the texts of fields to Arrow columns.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, BooleanBufferBuilder, StringArray};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::util::display::FormatOptions;

use super::records::FieldText;

/// Collects the fields of one column until there are enough for a batch.
pub(crate) struct ColumnBuilder {
    field: FieldRef,
    is_text: bool,
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    validity: BooleanBufferBuilder,
    nulls: usize,
}

/// A value that is not of its column's type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongValue {
    /// The row within the batch.
    pub row: usize,
    pub column: String,
    /// `None` if the bytes are no UTF-8.
    pub text: Option<String>,
    pub data_type: DataType,
}

/// Whether a column of CSV files can have a type.
pub(crate) fn can_hold(data_type: &DataType) -> bool {
    !data_type.is_nested() && can_cast_types(&DataType::Utf8, data_type)
}

impl ColumnBuilder {
    pub(crate) fn new(field: &FieldRef, rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        ColumnBuilder {
            field: Arc::clone(field),
            is_text: is_text(field),
            bytes: Vec::new(),
            offsets,
            validity: BooleanBufferBuilder::new(rows),
            nulls: 0,
        }
    }

    /// Adds a field, or NULL for one that the record lacks. Returns whether there is room for another batch's worth.
    pub(crate) fn push(&mut self, field: Option<FieldText<'_>>, null: &[u8]) {
        let text = field.and_then(|field| match self.is_text {
            true => (field.quoted || field.raw != null).then_some(field.bytes),
            // No number is written as nothing, whatever the text for NULL is.
            false => {
                let trimmed = field.bytes.trim_ascii();
                (!trimmed.is_empty() && (field.quoted || field.raw != null)).then_some(trimmed)
            }
        });
        if let Some(text) = text {
            self.bytes.extend_from_slice(text);
        } else {
            self.nulls += 1;
        }
        self.validity.append(text.is_some());
        // A batch ends long before its texts reach two gigabytes; see `bytes_len`.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// How many bytes the texts have. A batch must end before these pass what 32-bit offsets can say.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The column, leaving the builder empty.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, WrongValue> {
        let rows = self.offsets.len() - 1;
        let bytes = std::mem::take(&mut self.bytes);
        let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(rows + 1));
        self.offsets.push(0);
        let validity = self.validity.finish();
        let nulls = (std::mem::take(&mut self.nulls) > 0).then(|| NullBuffer::new(validity));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let buffer = Buffer::from_vec(bytes);
        let texts = StringArray::try_new(offsets.clone(), buffer.clone(), nulls)
            .map_err(|_| self.not_utf8(&offsets, &buffer))?;
        if *self.field.data_type() == DataType::Utf8 {
            return Ok(Arc::new(texts));
        }
        let options = CastOptions { safe: true, format_options: FormatOptions::default() };
        let wrong = |row: usize| WrongValue {
            row,
            column: self.field.name().clone(),
            text: Some(texts.value(row).to_string()),
            data_type: self.field.data_type().clone(),
        };
        let column = cast_with_options(&texts, self.field.data_type(), &options).map_err(|_| wrong(0))?;
        if column.null_count() == texts.null_count() {
            return Ok(column);
        }
        let row = (0..texts.len()).find(|row| texts.is_valid(*row) && column.is_null(*row)).unwrap_or(0);
        Err(wrong(row))
    }

    fn not_utf8(&self, offsets: &OffsetBuffer<i32>, bytes: &Buffer) -> WrongValue {
        let is_text = |row: &usize| {
            let (start, end) = (offsets[*row] as usize, offsets[*row + 1] as usize);
            bytes.get(start..end).is_some_and(|text| std::str::from_utf8(text).is_ok())
        };
        WrongValue {
            row: (0..offsets.len() - 1).find(|row| !is_text(row)).unwrap_or(0),
            column: self.field.name().clone(),
            text: None,
            data_type: self.field.data_type().clone(),
        }
    }
}

fn is_text(field: &Field) -> bool {
    match field.data_type() {
        DataType::Dictionary(_, value) => value.is_string() || value.is_binary(),
        other => other.is_string() || other.is_binary(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray as _;
    use datafusion::arrow::datatypes::{Decimal128Type, Int64Type};

    use super::*;

    fn column(data_type: DataType, null: &str, fields: &[(&[u8], bool)]) -> Result<ArrayRef, WrongValue> {
        let mut builder = ColumnBuilder::new(&Arc::new(Field::new("c", data_type, true)), 4);
        for (bytes, quoted) in fields {
            builder.push(Some(FieldText { bytes, quoted: *quoted, raw: bytes }), null.as_bytes());
        }
        builder.push(None, null.as_bytes());
        builder.finish()
    }

    #[test]
    fn null_is_not_the_empty_string() {
        let texts = column(DataType::Utf8View, "", &[(b"a", false), (b"", false), (b"", true)]).unwrap();
        assert_eq!(texts.as_string_view().iter().collect::<Vec<_>>(), [Some("a"), None, Some(""), None]);
        let texts = column(DataType::Utf8, "\\N", &[(b"\\N", false), (b"", false), (b"\\N", true)]).unwrap();
        assert_eq!(texts.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some(""), Some("\\N"), None]);
    }

    #[test]
    fn numbers_may_have_blanks_around_and_nothing_is_null() {
        let numbers =
            column(DataType::Int64, "NA", &[(b" 7 ", false), (b"NA", false), (b"", false), (b"", true)]).unwrap();
        assert_eq!(numbers.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(7), None, None, None, None]);
        let money = column(DataType::Decimal128(10, 2), "", &[(b"1.5", false), (b"-3", false)]).unwrap();
        assert_eq!(money.as_primitive::<Decimal128Type>().values()[..2], [150, -300]);
    }

    #[test]
    fn wrong_values_are_found() {
        let error = column(DataType::Int64, "", &[(b"1", false), (b"", false), (b"x", false)]).unwrap_err();
        assert_eq!((error.row, error.text.as_deref()), (2, Some("x")));
        let error = column(DataType::Utf8View, "", &[(b"ok", false), (b"caf\xe9", false)]).unwrap_err();
        assert_eq!((error.row, error.text), (1, None));
        // Two halves of one character are no text, even if they are one when put together.
        let error = column(DataType::Utf8View, "", &[(b"\xc3", false), (b"\xa9", false)]).unwrap_err();
        assert_eq!((error.row, error.text), (0, None));
    }

    #[test]
    fn a_builder_can_be_used_again() {
        let mut builder = ColumnBuilder::new(&Arc::new(Field::new("c", DataType::Int64, true)), 4);
        for _ in 0..2 {
            builder.push(Some(FieldText { bytes: b"5", quoted: false, raw: b"5" }), b"");
            assert_eq!(builder.finish().unwrap().len(), 1);
        }
    }

    #[test]
    fn types_that_text_can_hold() {
        assert!(can_hold(&DataType::Decimal128(10, 2)) && can_hold(&DataType::Boolean));
        assert!(!can_hold(&DataType::Struct(Default::default())));
    }
}
