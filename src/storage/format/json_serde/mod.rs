//! JSON as Hive's JsonSerDe reads it: one object a line, found by the names of its members in any case. A member that
//! is missing or that does not fit its column is NULL.

mod decoder;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::file_format::write::BatchSerializer;

use self::decoder::JsonDecoder;
use self::write::JsonSerializer;
use super::hive_values::time::TimestampPattern;
use super::hive_values::{ValueRules, can_hold, unsupported};
use super::lines::{LineLayout, RowDecoder, RowFormat};
use super::options::Options;
use crate::error::{Error, Result};

/// The format with the properties of one table.
#[derive(Debug)]
pub(crate) struct JsonSerde {
    layout: LineLayout,
    reading: Arc<JsonReading>,
}

/// What properties say of the values.
#[derive(Debug)]
struct JsonReading {
    rules: ValueRules,
    /// Whether a line that is no object is a row of NULLs.
    ignores_malformed: bool,
    /// Whether bytes are written as texts, and not in base64.
    raw_binary: bool,
}

impl JsonSerde {
    /// | property | |
    /// |---|---|
    /// | `ignore.malformed.json` | `true`: a line that is no object is a row of NULLs, and not an error |
    /// | `json.binary.format` | `base64`, or `rawstring` for bytes that are written as a text |
    /// | `timestamp.formats` | patterns with commas between |
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Options::new("JSONFILE", given);
        let raw_binary = match options.text(&["json.binary.format"]) {
            None => false,
            Some(text) => match text.trim().to_ascii_lowercase().as_str() {
                "base64" => false,
                "rawstring" => true,
                _ => return Err(options.wrong("json.binary.format", text, "base64 or rawstring")),
            },
        };
        let patterns = options.text(&["timestamp.formats"]).into_iter().flat_map(|text| text.split(','));
        let timestamps = patterns.map(|pattern| {
            TimestampPattern::parse(pattern.trim()).ok_or_else(|| {
                Error::statement(format!("timestamp.formats has the pattern '{pattern}', which is not known"))
                    .help("there are y, M, d, H, m, s, S, texts in single quotes, and millis")
            })
        });
        let reading = JsonReading {
            rules: ValueRules { boolean_letters: false, timestamps: timestamps.collect::<Result<_>>()? },
            ignores_malformed: options.boolean(&["ignore.malformed.json"])?.unwrap_or(false),
            raw_binary,
        };
        Ok(JsonSerde { layout: LineLayout::parse(&mut options)?, reading: Arc::new(reading) })
    }
}

impl RowFormat for JsonSerde {
    fn name(&self) -> &'static str {
        "hive_json"
    }

    fn layout(&self) -> &LineLayout {
        &self.layout
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        match schema.fields().iter().find(|field| !can_hold(field.data_type())) {
            Some(field) => Err(unsupported(field, "a JSONFILE")),
            None => Ok(()),
        }
    }

    fn decoder(&self, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Box<dyn RowDecoder>> {
        Ok(Box::new(JsonDecoder::new(Arc::clone(&self.reading), schema, columns, rows)?))
    }

    fn serializer(&self, schema: &Schema) -> Result<Arc<dyn BatchSerializer>> {
        self.check(schema)?;
        Ok(Arc::new(JsonSerializer::new(self.reading.raw_binary)))
    }
}
