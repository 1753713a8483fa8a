//! Writes rows as delimited text.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::error::Result as DataFusionResult;

use super::properties::{Encoding, FieldDelimiter, TextSyntax};
use crate::error::Result;
use crate::storage::format::hive_values::output::{Values, text_at};
use crate::storage::format::lines::LineEnd;

/// Makes the text of rows. Where the table has no escape, a text with a delimiter in it is written as it is, as Hive
/// does.
#[derive(Debug)]
pub(super) struct TextSerializer {
    syntax: Arc<TextSyntax>,
    line_end: LineEnd,
    /// Which bytes of texts get an escape.
    is_special: Box<[bool; 256]>,
}

impl TextSerializer {
    pub(super) fn new(syntax: Arc<TextSyntax>, line_end: LineEnd) -> Self {
        let mut is_special = Box::new([false; 256]);
        if let Some(escape) = syntax.escape {
            for byte in syntax.separators.iter().copied().chain([escape, b'\n', b'\r']) {
                is_special[usize::from(byte)] = true;
            }
            if let FieldDelimiter::Byte(byte) = syntax.field {
                is_special[usize::from(byte)] = true;
            }
        }
        TextSerializer { syntax, line_end, is_special }
    }

    pub(super) fn serialize_rows(&self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = batch.columns().iter().map(Values::of).collect::<Result<Vec<_>>>()?;
        let mut text = Vec::with_capacity(batch.num_rows() * columns.len() * 8);
        let delimiter: &[u8] = match &self.syntax.field {
            FieldDelimiter::Byte(byte) => std::slice::from_ref(byte),
            FieldDelimiter::Text(text) => text,
        };
        let line_end: &[u8] = match &self.line_end {
            LineEnd::Any => b"\n",
            LineEnd::Text(end) => end,
        };
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    text.extend_from_slice(delimiter);
                }
                self.value(&mut text, column, row, 1)?;
            }
            text.extend_from_slice(line_end);
        }
        Ok(match self.syntax.encoding {
            Encoding::Utf8 => text,
            // What the encoding does not have becomes a question mark, as in Java.
            Encoding::Latin1 => {
                let characters = String::from_utf8_lossy(&text);
                characters.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
            }
        })
    }

    fn value(&self, text: &mut Vec<u8>, values: &Values, row: usize, level: usize) -> Result<()> {
        if values.is_null(row) {
            text.extend_from_slice(&self.syntax.null);
            return Ok(());
        }
        let separator = |level: usize| self.syntax.separators.get(level).copied().unwrap_or_default();
        match values {
            Values::Text(values) => self.text(text, values, row),
            Values::List(list, items) => {
                let offsets = list.value_offsets();
                for item in offsets[row]..offsets[row + 1] {
                    if item > offsets[row] {
                        text.push(separator(level));
                    }
                    self.value(text, items, item as usize, level + 1)?;
                }
            }
            Values::Map(map, keys, of_keys) => {
                let offsets = map.value_offsets();
                for entry in offsets[row]..offsets[row + 1] {
                    if entry > offsets[row] {
                        text.push(separator(level));
                    }
                    self.value(text, keys, entry as usize, level + 2)?;
                    text.push(separator(level + 1));
                    self.value(text, of_keys, entry as usize, level + 2)?;
                }
            }
            Values::Struct(_, columns) => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        text.push(separator(level));
                    }
                    self.value(text, column, row, level + 1)?;
                }
            }
            values => values.write_text(row, text)?,
        }
        Ok(())
    }

    fn text(&self, text: &mut Vec<u8>, values: &ArrayRef, row: usize) {
        let value = text_at(values, row);
        let Some(escape) = self.syntax.escape else {
            text.extend_from_slice(value.as_bytes());
            return;
        };
        for byte in value.bytes() {
            if self.is_special[usize::from(byte)] {
                text.push(escape);
            }
            // An escape does not keep the end of a line from being one; these letters are read as it.
            text.push(match byte {
                b'\n' => b'n',
                b'\r' => b'r',
                byte => byte,
            });
        }
    }
}

impl BatchSerializer for TextSerializer {
    fn serialize(&self, batch: RecordBatch, _initial: bool) -> DataFusionResult<Bytes> {
        Ok(Bytes::from(self.serialize_rows(&batch)?))
    }
}
