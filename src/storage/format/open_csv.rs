//! CSV as Hive's OpenCSVSerde reads it: line by line, so that quotes hold delimiters but no line ends, and every column
//! is text.
//!
//! The rules are those of the library that Hive uses, its oddities included: an escape before a plain character goes
//! away, a quote in the middle of a field belongs to it and still opens quotes, and a line that ends within quotes has
//! no fields from there on.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::error::Result as DataFusionResult;

use super::hive_values::output::Values;
use super::hive_values::{Column, ValueRules, unsupported};
use super::lines::{LineLayout, RowDecoder, RowFormat};
use super::options::Options;
use crate::error::Result;

/// The characters of a table that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signs {
    separator: u8,
    quote: u8,
    escape: u8,
}

/// The format with the properties of one table.
#[derive(Debug)]
pub(crate) struct OpenCsv {
    signs: Signs,
    layout: LineLayout,
}

impl OpenCsv {
    /// | property | |
    /// |---|---|
    /// | `separatorchar` | `,` |
    /// | `quotechar` | `"` |
    /// | `escapechar` | `\`; also where it is said to be `"`, which is a doubled quote in any case |
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Options::new("OPENCSV", given);
        let mut sign = |name: &'static str, default: u8| match options.text(&[name]) {
            None | Some("") => Ok(default),
            // Hive takes the first character; one that is spelled out is meant as such.
            Some("\\t") => Ok(b'\t'),
            Some(text) => match text.as_bytes().first() {
                Some(byte) if byte.is_ascii() => Ok(*byte),
                _ => Err(options.wrong(name, text, "a character of ASCII")),
            },
        };
        let (separator, quote) = (sign("separatorchar", b',')?, sign("quotechar", b'"')?);
        let escape = match sign("escapechar", b'"')? {
            b'"' => b'\\',
            other => other,
        };
        Ok(OpenCsv { signs: Signs { separator, quote, escape }, layout: LineLayout::parse(&mut options)? })
    }
}

impl RowFormat for OpenCsv {
    fn name(&self) -> &'static str {
        "open_csv"
    }

    fn layout(&self) -> &LineLayout {
        &self.layout
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        let cannot = |field: &&FieldRef| field.data_type().is_nested() || Column::new(field.data_type(), 0).is_none();
        match schema.fields().iter().find(cannot) {
            Some(field) => Err(unsupported(field, "a table of OpenCSVSerde")
                .help("all columns of such a table are STRING; take values apart in a view")),
            None => Ok(()),
        }
    }

    fn decoder(&self, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Box<dyn RowDecoder>> {
        let wanted: Vec<FieldRef> = columns.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
        let builders = wanted.iter().map(|field| {
            Column::new(field.data_type(), rows).ok_or_else(|| unsupported(field, "a table of OpenCSVSerde"))
        });
        Ok(Box::new(CsvLines {
            signs: self.signs,
            builders: builders.collect::<Result<_>>()?,
            projected: Arc::new(Schema::new(wanted)),
            columns: columns.to_vec(),
            fields: Fields::default(),
            rules: ValueRules::default(),
        }))
    }

    fn serializer(&self, schema: &Schema) -> Result<Arc<dyn BatchSerializer>> {
        self.check(schema)?;
        Ok(Arc::new(CsvWriter { signs: self.signs }))
    }
}

/// The fields of a line, one behind the other in one buffer.
#[derive(Default)]
struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.text.get(start..end)
    }

    /// Takes a line apart.
    fn split(&mut self, signs: Signs, line: &[u8]) {
        self.text.clear();
        self.ends.clear();
        if line.is_empty() {
            return;
        }
        // Where the present field starts in the buffer.
        let mut start = 0;
        let (mut in_quotes, mut in_field) = (false, false);
        let mut at = 0;
        while let Some(byte) = line.get(at).copied() {
            let next = line.get(at + 1).copied();
            if byte == signs.escape {
                // Before any other character, or outside of a field, an escape goes away.
                if let Some(plain) = next.filter(|next| *next == signs.quote || *next == signs.escape)
                    && (in_quotes || in_field)
                {
                    self.text.push(plain);
                    at += 1;
                }
            } else if byte == signs.quote {
                if (in_quotes || in_field) && next == Some(signs.quote) {
                    self.text.push(signs.quote);
                    at += 1;
                } else {
                    // A quote in the middle of a field is part of it.
                    let in_middle =
                        at > 2 && line[at - 1] != signs.separator && next.is_some_and(|next| next != signs.separator);
                    if in_middle {
                        let before = &self.text[start..];
                        if !before.is_empty() && before.iter().all(u8::is_ascii_whitespace) {
                            self.text.truncate(start);
                        } else {
                            self.text.push(byte);
                        }
                    }
                    in_quotes = !in_quotes;
                }
                in_field = !in_field;
            } else if byte == signs.separator && !in_quotes {
                self.ends.push(self.text.len());
                start = self.text.len();
                in_field = false;
            } else {
                self.text.push(byte);
                in_field = true;
            }
            at += 1;
        }
        // What is still in quotes would go on in the next line, which there is none of.
        if !in_quotes {
            self.ends.push(self.text.len());
        }
    }
}

/// Makes rows of lines.
struct CsvLines {
    signs: Signs,
    projected: SchemaRef,
    /// The fields to read.
    columns: Vec<usize>,
    builders: Vec<Column>,
    fields: Fields,
    rules: ValueRules,
}

impl RowDecoder for CsvLines {
    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        self.fields.split(self.signs, line);
        for (builder, column) in self.builders.iter_mut().zip(&self.columns) {
            match self.fields.get(*column) {
                Some(text) => builder.push_text(text, &self.rules),
                None => builder.push_null(),
            }
        }
        Ok(())
    }

    fn finish(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
        let columns = self.builders.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
    }
}

/// Makes lines of rows: every value in quotes, and nothing for NULL.
#[derive(Debug)]
struct CsvWriter {
    signs: Signs,
}

impl BatchSerializer for CsvWriter {
    fn serialize(&self, batch: RecordBatch, _initial: bool) -> DataFusionResult<Bytes> {
        let columns = batch.columns().iter().map(Values::of).collect::<Result<Vec<_>>>()?;
        let Signs { separator, quote, escape } = self.signs;
        let (mut text, mut value) = (Vec::with_capacity(batch.num_rows() * columns.len() * 10), Vec::new());
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    text.push(separator);
                }
                if column.is_null(row) {
                    continue;
                }
                value.clear();
                column.write_text(row, &mut value)?;
                text.push(quote);
                for byte in &value {
                    if *byte == quote || *byte == escape {
                        text.push(if *byte == quote { quote } else { escape });
                    }
                    text.push(*byte);
                }
                text.push(quote);
            }
            text.push(b'\n');
        }
        Ok(Bytes::from(text))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray as _, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use proptest::prelude::*;

    use super::*;

    fn csv(properties: &[(&str, &str)]) -> OpenCsv {
        let given = properties.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        OpenCsv::new(&given).unwrap()
    }

    fn read(csv: &OpenCsv, columns: usize, lines: &[&[u8]]) -> Vec<Vec<Option<String>>> {
        let fields = (0..columns).map(|index| Field::new(format!("c{index}"), DataType::Utf8View, true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let all: Vec<usize> = (0..columns).collect();
        let mut decoder = csv.decoder(&schema, &all, 4).unwrap();
        lines.iter().for_each(|line| decoder.push(line).unwrap());
        let batch = decoder.finish(lines.len()).unwrap();
        let value = |row: usize, column: usize| {
            let column = batch.column(column).as_string_view();
            column.iter().nth(row).flatten().map(str::to_string)
        };
        (0..lines.len()).map(|row| (0..columns).map(|column| value(row, column)).collect()).collect()
    }

    fn shown(properties: &[(&str, &str)], columns: usize, lines: &[&[u8]]) -> Vec<String> {
        let row = |row: Vec<Option<String>>| {
            row.into_iter().map(|value| value.unwrap_or("~".into())).collect::<Vec<_>>().join("|")
        };
        read(&csv(properties), columns, lines).into_iter().map(row).collect()
    }

    #[test]
    fn lines_are_taken_apart_as_hive_does() {
        let lines: [&[u8]; 14] = [
            br#"1,"a,b","say ""x""""#,
            br#""x\"y",b\nc,"#,
            b"1,2",
            b"1,2,3,4",
            b"",
            br#""open,2"#,
            br#"next",3"#,
            br#" a , "b" ,c"d"e"#,
            br#""a"b,"c""","""#,
            b"'a,b',c",
            br#""",,"""""#,
            br#"a\,b,c\\d,e\"#,
            br#""a"#,
            br#"b",c,d"#,
        ];
        assert_eq!(
            shown(&[], 3, &lines),
            [
                "1|a,b|say \"x\"",
                "x\"y|bnc|",
                "1|2|~",
                "1|2|3",
                "~|~|~",
                "~|~|~",
                "~|~|~",
                " a |b\" |c\"d\"e",
                "ab|c\"|",
                "'a|b'|c",
                "||\"",
                "a|b|c\\d",
                "~|~|~",
                "~|~|~"
            ]
        );
    }

    #[test]
    fn the_signs_may_be_others() {
        let tabs = [("separatorchar", "\t"), ("quotechar", "'"), ("escapechar", "\\")];
        let lines: [&[u8]; 4] = [b"a\tb", b"'a\tb'\tc", b"'it''s'\td", b"'a\\'b'\tx"];
        assert_eq!(shown(&tabs, 2, &lines), ["a|b", "a\tb|c", "it's|d", "a'b|x"]);
        assert_eq!(shown(&[("separatorchar", ";"), ("escapechar", "\"")], 2, &[br#""a""b";c"#]), ["a\"b|c"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_line_is_survived(line in "[a,\"'\\\\ \t]{0,20}") {
            for properties in [&[][..], &[("quotechar", "'"), ("escapechar", "a")]] {
                let _ = shown(properties, 2, &[line.as_bytes()]);
            }
        }

        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(("[a, ]{0,4}|\"{1,3}", "[a,\\\\\" b]{0,5}"), 1..4)) {
            // A lone quote character before the end of its quotes is read in another way by the library itself.
            let csv = csv(&[]);
            let texts = |pick: fn(&(String, String)) -> &str| -> datafusion::arrow::array::ArrayRef {
                Arc::new(StringViewArray::from(rows.iter().map(pick).collect::<Vec<_>>()))
            };
            let batch = RecordBatch::try_from_iter([
                ("a", texts(|row| row.0.as_str())),
                ("b", texts(|row| row.1.as_str())),
            ]).unwrap();
            let text = csv.serializer(&batch.schema()).unwrap().serialize(batch, true).unwrap();
            let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
            let found = read(&csv, 2, &lines);
            let expected: Vec<Vec<Option<String>>> =
                rows.iter().map(|row| vec![Some(row.0.clone()), Some(row.1.clone())]).collect();
            prop_assert_eq!(found, expected, "{}", String::from_utf8_lossy(&text));
        }
    }
}
