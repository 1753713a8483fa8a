//! Writes rows as JSON objects.

use bytes::Bytes;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::error::Result as DataFusionResult;

use crate::error::Result;
use crate::storage::format::hive_values::output::{Values, bytes_at, text_at};

/// Makes one object a row. A NULL is written as such, and a number that JSON does not have as a text.
#[derive(Debug)]
pub(super) struct JsonSerializer {
    raw_binary: bool,
}

impl JsonSerializer {
    pub(super) fn new(raw_binary: bool) -> Self {
        JsonSerializer { raw_binary }
    }

    pub(super) fn serialize_rows(&self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = batch.columns().iter().map(Values::of).collect::<Result<Vec<_>>>()?;
        let schema = batch.schema();
        let mut names = Vec::with_capacity(columns.len());
        for field in schema.fields() {
            let mut name = Vec::new();
            quote(field.name().as_bytes(), &mut name);
            name.push(b':');
            names.push(name);
        }
        let mut text = Vec::with_capacity(batch.num_rows() * columns.len() * 16);
        for row in 0..batch.num_rows() {
            text.push(b'{');
            for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(name);
                self.value(column, row, &mut text)?;
            }
            text.extend_from_slice(b"}\n");
        }
        Ok(text)
    }

    fn value(&self, values: &Values, row: usize, text: &mut Vec<u8>) -> Result<()> {
        if values.is_null(row) {
            text.extend_from_slice(b"null");
            return Ok(());
        }
        match values {
            Values::Text(values) => quote(text_at(values, row).as_bytes(), text),
            Values::Binary(values) if self.raw_binary => {
                quote(String::from_utf8_lossy(bytes_at(values, row)).as_bytes(), text);
            }
            Values::Date(_) | Values::Timestamp(..) | Values::Binary(_) => self.quoted(values, row, text)?,
            Values::Float32(numbers) if !numbers.value(row).is_finite() => self.quoted(values, row, text)?,
            Values::Float64(numbers) if !numbers.value(row).is_finite() => self.quoted(values, row, text)?,
            Values::List(list, items) => {
                let offsets = list.value_offsets();
                text.push(b'[');
                for item in offsets[row]..offsets[row + 1] {
                    if item > offsets[row] {
                        text.push(b',');
                    }
                    self.value(items, item as usize, text)?;
                }
                text.push(b']');
            }
            Values::Map(map, keys, of_keys) => {
                let offsets = map.value_offsets();
                text.push(b'{');
                for entry in offsets[row]..offsets[row + 1] {
                    if entry > offsets[row] {
                        text.push(b',');
                    }
                    let mut key = Vec::new();
                    keys.write_text(entry as usize, &mut key)?;
                    quote(&key, text);
                    text.push(b':');
                    self.value(of_keys, entry as usize, text)?;
                }
                text.push(b'}');
            }
            Values::Struct(of, columns) => {
                let DataType::Struct(fields) = datafusion::arrow::array::Array::data_type(of) else { return Ok(()) };
                text.push(b'{');
                for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    quote(field.name().as_bytes(), text);
                    text.push(b':');
                    self.value(column, row, text)?;
                }
                text.push(b'}');
            }
            values => values.write_text(row, text)?,
        }
        Ok(())
    }

    /// Adds a value whose text needs no escapes.
    fn quoted(&self, values: &Values, row: usize, text: &mut Vec<u8>) -> Result<()> {
        text.push(b'"');
        values.write_text(row, text)?;
        text.push(b'"');
        Ok(())
    }
}

/// Adds a text in quotes.
fn quote(value: &[u8], text: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    text.push(b'"');
    for byte in value {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            0..=31 => {
                text.extend_from_slice(b"\\u00");
                text.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            byte => text.push(*byte),
        }
    }
    text.push(b'"');
}

impl BatchSerializer for JsonSerializer {
    fn serialize(&self, batch: RecordBatch, _initial: bool) -> DataFusionResult<Bytes> {
        Ok(Bytes::from(self.serialize_rows(&batch)?))
    }
}
