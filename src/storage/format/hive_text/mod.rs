//! Delimited text as Hive's LazySimpleSerDe and MultiDelimitSerDe have it: what STORED AS TEXTFILE means.
//!
//! Unlike in CSV there are no quotes, a text of its own stands for NULL, lists, maps and structs are written with
//! further delimiters, and nothing in a file is an error: a value that does not fit its column is NULL, a field that is
//! missing is NULL, and one too many is passed over.

mod decoder;
mod properties;
#[cfg(test)]
mod round_trip;
mod split;
mod values;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::datasource::file_format::write::BatchSerializer;

use self::decoder::TextDecoder;
use self::properties::TextSyntax;
use self::write::TextSerializer;
use super::hive_values::{can_hold, unsupported};
use super::lines::{LineLayout, RowDecoder, RowFormat};
use super::options::Options;
use crate::error::{Error, Result};

/// The format with the properties of one table.
#[derive(Debug)]
pub(crate) struct HiveText {
    syntax: Arc<TextSyntax>,
    layout: LineLayout,
}

impl HiveText {
    /// Reads the properties of a table; see [`TextSyntax::parse`]. Others, which Hive keeps beside them, are passed
    /// over.
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Options::new("TEXTFILE", given);
        let syntax = Arc::new(TextSyntax::parse(&mut options)?);
        Ok(HiveText { syntax, layout: LineLayout::parse(&mut options)? })
    }
}

/// How many levels of delimiters a type needs.
fn levels(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item) => 1 + levels(item.data_type()),
        DataType::Struct(fields) => 1 + fields.iter().map(|field| levels(field.data_type())).max().unwrap_or(0),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => 2 + fields.iter().map(|field| levels(field.data_type())).max().unwrap_or(0),
            _ => 0,
        },
        _ => 0,
    }
}

impl RowFormat for HiveText {
    fn name(&self) -> &'static str {
        "hive_text"
    }

    fn layout(&self) -> &LineLayout {
        &self.layout
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        for field in schema.fields() {
            if !can_hold(field.data_type()) {
                return Err(unsupported(field, "a TEXTFILE"));
            }
            // The first delimiter is that of the columns.
            let most = self.syntax.separators.len() - 1;
            if levels(field.data_type()) > most {
                return Err(Error::statement(format!(
                    "column \"{}\" nests deeper than a TEXTFILE has delimiters, which are {most}",
                    field.name()
                ))
                .help(
                    "the property hive.serialization.extend.nesting.levels 'true' allows more, and Parquet any number",
                ));
            }
        }
        Ok(())
    }

    fn decoder(&self, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Box<dyn RowDecoder>> {
        Ok(Box::new(TextDecoder::new(Arc::clone(&self.syntax), schema, columns, rows)?))
    }

    fn serializer(&self, schema: &Schema) -> Result<Arc<dyn BatchSerializer>> {
        self.check(schema)?;
        Ok(Arc::new(TextSerializer::new(Arc::clone(&self.syntax), self.layout.end.clone())))
    }
}
