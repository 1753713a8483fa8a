//! From lines of delimited text to batches.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use memchr::memmem::Finder;

use super::properties::{Encoding, FieldDelimiter, TextSyntax};
use super::split::Parts;
use crate::error::Result;
use crate::storage::format::hive_values::{Column, unsupported};
use crate::storage::format::lines::RowDecoder;

/// Makes rows of lines.
pub(super) struct TextDecoder {
    syntax: Arc<TextSyntax>,
    /// For a delimiter of several bytes.
    finder: Option<Finder<'static>>,
    projected: SchemaRef,
    columns: Vec<Column>,
    /// Which field goes into which column, in the order of the fields.
    fields: Vec<(usize, usize)>,
    /// How many columns the files have.
    in_file: usize,
    scratch: Vec<u8>,
    /// The line in UTF-8, if it is written otherwise.
    converted: Vec<u8>,
}

impl TextDecoder {
    pub(super) fn new(syntax: Arc<TextSyntax>, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Self> {
        let wanted: Vec<FieldRef> = columns.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
        let builders = wanted
            .iter()
            .map(|field| Column::new(field.data_type(), rows).ok_or_else(|| unsupported(field, "a TEXTFILE")))
            .collect::<Result<Vec<_>>>()?;
        let mut fields: Vec<(usize, usize)> = columns.iter().copied().zip(0..).collect();
        fields.sort_unstable();
        let finder = match &syntax.field {
            FieldDelimiter::Byte(_) => None,
            FieldDelimiter::Text(text) => Some(Finder::new(text.as_ref()).into_owned()),
        };
        Ok(TextDecoder {
            syntax,
            finder,
            projected: Arc::new(Schema::new(wanted)),
            columns: builders,
            fields,
            in_file: schema.fields().len(),
            scratch: Vec::new(),
            converted: Vec::new(),
        })
    }
}

/// Adds the fields of a line to their columns. `next` gives the next field, or with `true` all that is left.
#[inline]
fn push_fields<'l>(
    syntax: &TextSyntax,
    fields: &[(usize, usize)],
    columns: &mut [Column],
    last: Option<usize>,
    scratch: &mut Vec<u8>,
    mut next: impl FnMut(bool) -> Option<&'l [u8]>,
) {
    let mut at = 0;
    let mut current: Option<&[u8]> = None;
    for (field, column) in fields {
        // A column may be asked for twice.
        while at <= *field {
            current = next(last == Some(at));
            at += 1;
            if current.is_none() {
                at = usize::MAX;
            }
        }
        let Some(column) = columns.get_mut(*column) else { continue };
        match current {
            Some(text) => syntax.push(column, text, 1, scratch),
            None => column.push_null(),
        }
    }
}

impl RowDecoder for TextDecoder {
    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        let TextDecoder { syntax, finder, columns, fields, in_file, scratch, converted, .. } = self;
        let line = match syntax.encoding {
            Encoding::Latin1 if !line.is_ascii() => {
                converted.clear();
                for byte in line {
                    let mut utf8 = [0; 4];
                    converted.extend_from_slice(char::from(*byte).encode_utf8(&mut utf8).as_bytes());
                }
                converted.as_slice()
            }
            _ => line,
        };
        let last = if syntax.last_takes_rest { in_file.checked_sub(1) } else { None };
        match &syntax.field {
            FieldDelimiter::Byte(delimiter) => {
                let mut parts = Parts::new(line, *delimiter, syntax.escape);
                let next = |takes_rest: bool| if takes_rest { parts.rest() } else { parts.next() };
                push_fields(syntax, fields, columns, last, scratch, next);
            }
            FieldDelimiter::Text(delimiter) => {
                let mut rest = Some(line);
                let next = |takes_rest: bool| {
                    let text = rest.take()?;
                    let end = finder.as_ref().filter(|_| !takes_rest).and_then(|finder| finder.find(text));
                    match end {
                        Some(end) => {
                            rest = Some(&text[end + delimiter.len()..]);
                            Some(&text[..end])
                        }
                        None => Some(text),
                    }
                };
                push_fields(syntax, fields, columns, last, scratch, next);
            }
        }
        Ok(())
    }

    fn finish(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    use proptest::prelude::*;

    use super::super::properties::tests::syntax;
    use super::*;
    use crate::sql::types::parse_type;

    fn schema(columns: &[(&str, &str)]) -> SchemaRef {
        let field = |(name, data_type): &(&str, &str)| Field::new(*name, parse_type(data_type).unwrap(), true);
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn batch(properties: &[(&str, &str)], schema: &SchemaRef, columns: &[usize], lines: &[&[u8]]) -> RecordBatch {
        let mut decoder = TextDecoder::new(Arc::new(syntax(properties)), schema, columns, 4).unwrap();
        for line in lines {
            decoder.push(line).unwrap();
        }
        decoder.finish(lines.len()).unwrap()
    }

    /// The rows as `a|b`; NULL is shown as `~`.
    fn rows(properties: &[(&str, &str)], columns: &[(&str, &str)], lines: &[&[u8]]) -> Vec<String> {
        let schema = schema(columns);
        let all: Vec<usize> = (0..columns.len()).collect();
        let batch = batch(properties, &schema, &all, lines);
        let options = FormatOptions::new().with_null("~");
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
        (0..batch.num_rows()).map(row).collect()
    }

    const COMMA: (&str, &str) = ("field.delim", ",");

    #[test]
    fn missing_fields_are_null_and_further_ones_do_not_count() {
        let columns = [("a", "INT"), ("b", "VARCHAR"), ("c", "INT")];
        let lines: [&[u8]; 7] = [b"1,x", b"1,x,2,3", b"1,x,2,", b"", b",", b"\\N,\\N,\\N", b"\\N "];
        let expected = ["1|x|~", "1|x|2", "1|x|2", "~|~|~", "~||~", "~|~|~", "~|~|~"];
        assert_eq!(rows(&[COMMA], &columns, &lines), expected);
    }

    #[test]
    fn every_type_has_its_text() {
        let columns = [
            ("a", "TINYINT"),
            ("b", "BIGINT"),
            ("c", "REAL"),
            ("d", "DOUBLE"),
            ("e", "DECIMAL(10, 3)"),
            ("f", "BOOLEAN"),
            ("g", "DATE"),
            ("h", "TIMESTAMP"),
            ("i", "BINARY"),
            ("j", "VARCHAR"),
        ];
        let lines: [&[u8]; 2] = [
            b"-1,5.9,1.5,1.0E20,1.5005,TRUE,2020-01-31,2020-01-31 01:02:03.5,YWIh,x",
            b"999,x,x,x,x,x,x,x,\\N,caf\xe9",
        ];
        assert_eq!(
            rows(&[COMMA], &columns, &lines),
            ["-1|5|1.5|1e20|1.501|true|2020-01-31|2020-01-31T01:02:03.500|616221|x", "~|~|~|~|~|~|~|~|~|caf\u{FFFD}"]
        );
    }

    #[test]
    fn nested_values_have_a_delimiter_a_level() {
        let columns = [
            ("a", "ARRAY<INT>"),
            ("m", "MAP<VARCHAR, INT>"),
            ("s", "STRUCT<x INT, y VARCHAR>"),
            ("aa", "ARRAY<ARRAY<VARCHAR>>"),
            ("ms", "MAP<VARCHAR, ARRAY<INT>>"),
        ];
        let lines: [&[u8]; 5] = [
            b"1\x022\x02x\x02\\N\x02\x01a\x031\x02b\x032\x02c\x02a\x039\x02\\N\x035\x011\x02z\x02w\x01p\x03q\x02r\x01k\x031\x042\x02l\x033",
            b"\x01\x01\x01\x01",
            b"\\N\x01\\N\x01\\N\x01\\N\x01\\N",
            b"1",
            b"\x02\x02\x01\x02\x03\x01\x02\x01\x02\x01",
        ];
        assert_eq!(
            rows(&[], &columns, &lines),
            [
                "[1, 2, ~, ~, ~]|{a: 1, b: 2, c: ~}|{x: 1, y: z}|[[p, q], [r]]|{k: [1, 2], l: [3]}",
                "[]|{}|{x: ~, y: ~}|[]|{}",
                "~|~|~|~|~",
                "[1]|~|~|~|~",
                "[~, ~, ~]|{: ~}|{x: ~, y: }|[[], []]|{}"
            ]
        );
    }

    #[test]
    fn a_map_keeps_the_first_of_equal_keys_and_no_null() {
        let columns = [("m", "MAP<INT, VARCHAR>"), ("d", "MAP<DOUBLE, VARCHAR>")];
        let line = b"x\x03a\x021\x03b\x0201\x03c\x02\\N\x03d\x011\x03a\x021.0\x03b";
        assert_eq!(rows(&[], &columns, &[line]), ["{1: b}|{1.0: a}"]);
        let many: Vec<String> = (0..100).map(|number| format!("{}:v{number}", number % 40)).collect();
        let properties = [COMMA, ("collection.delim", "|"), ("mapkey.delim", ":")];
        let found = rows(&properties, &columns[..1], &[many.join("|").as_bytes()]);
        let expected: Vec<String> = (0..40).map(|number| format!("{number}: v{number}")).collect();
        assert_eq!(found, [format!("{{{}}}", expected.join(", "))]);
    }

    #[test]
    fn escapes_hold_at_every_level() {
        let properties = [COMMA, ("escape.delim", "\\"), ("collection.delim", "|")];
        let columns = [("a", "VARCHAR"), ("b", "VARCHAR"), ("i", "INT"), ("l", "ARRAY<VARCHAR>")];
        let lines: [&[u8]; 4] = [b"a\\,b,c\\\\d,1\\2,x\\|y|z\\", b"\\N,\\\\N,\\N,\\N|\\\\N", b"a\\n\\t,b\\,c", b"x\\"];
        assert_eq!(
            rows(&properties, &columns, &lines),
            ["a,b|c\\d|~|[x|y, z\\]", "~|\\N|~|[~, \\N]", "a\nt|b,c|~|~", "x\\|~|~|~"]
        );
    }

    #[test]
    fn another_text_may_mean_null() {
        let columns = [("a", "VARCHAR"), ("b", "INT"), ("l", "ARRAY<VARCHAR>"), ("s", "STRUCT<x VARCHAR>")];
        let properties = [COMMA, ("colelction.delim", "|"), ("serialization.null.format", "")];
        assert_eq!(rows(&properties, &columns, &[b",,,", b"x,1,|,|"]), ["~|~|~|~", "x|1|[~, ~]|{x: ~}"]);
    }

    #[test]
    fn a_delimiter_may_have_several_characters() {
        let properties = [("field.delim", "||"), ("multi.delim", "true")];
        let columns = [("a", "VARCHAR"), ("b", "INT"), ("c", "VARCHAR")];
        let lines: [&[u8]; 4] = [b"a|x||1||c||d", b"a||2", b"||||", b"a|||3||x"];
        assert_eq!(rows(&properties, &columns, &lines), ["a|x|1|c", "a|2|~", "|~|", "a|~|x"]);
    }

    #[test]
    fn the_last_column_may_take_the_rest() {
        let properties = [COMMA, ("serialization.last.column.takes.rest", "true")];
        assert_eq!(rows(&properties, &[("a", "VARCHAR"), ("b", "VARCHAR")], &[b"a,b,c", b"a"]), ["a|b,c", "a|~"]);
        assert_eq!(rows(&properties, &[("a", "VARCHAR")], &[b"a,b"]), ["a,b"]);
    }

    #[test]
    fn bytes_may_be_characters() {
        let properties = [COMMA, ("serialization.encoding", "ISO-8859-1")];
        assert_eq!(rows(&properties, &[("a", "VARCHAR"), ("b", "INT")], &[b"caf\xe9,1"]), ["caf\u{e9}|1"]);
    }

    #[test]
    fn only_what_is_wanted_is_read_in_any_order() {
        let schema = schema(&[("a", "INT"), ("b", "VARCHAR"), ("c", "INT"), ("d", "INT")]);
        let found = batch(&[COMMA], &schema, &[2, 0], &[b"1,x,3,4", b"5"]);
        assert_eq!(found.schema().field(0).name(), "c");
        let shown = |column: usize| {
            let options = FormatOptions::new().with_null("~");
            let column = ArrayFormatter::try_new(found.column(column), &options).unwrap();
            (0..2).map(|row| column.value(row).to_string()).collect::<Vec<_>>()
        };
        assert_eq!((shown(0), shown(1)), (vec!["3".into(), "~".into()], vec!["1".into(), "5".into()]));
        assert_eq!(batch(&[COMMA], &schema, &[], &[b"1", b""]).num_rows(), 2);
    }

    fn any_type() -> impl Strategy<Value = DataType> {
        let leaf = prop::sample::select(vec![
            "INT",
            "VARCHAR",
            "DOUBLE",
            "DECIMAL(20, 4)",
            "BOOLEAN",
            "DATE",
            "TIMESTAMP",
            "BINARY",
            "TIMESTAMP(9)",
        ]);
        let leaf = leaf.prop_map(|text| parse_type(text).unwrap());
        leaf.prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|item| DataType::List(Arc::new(Field::new_list_field(item, true)))),
                prop::collection::vec(inner.clone(), 1..3).prop_map(|types| {
                    let fields =
                        (0..).zip(types).map(|(index, data_type)| Field::new(format!("f{index}"), data_type, true));
                    DataType::Struct(fields.collect())
                }),
                inner.prop_map(|value| {
                    let entries = DataType::Struct(
                        vec![Field::new("key", DataType::Utf8View, false), Field::new("value", value, true)].into(),
                    );
                    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(
            types in prop::collection::vec(any_type(), 1..4),
            lines in prop::collection::vec(
                prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..8, b'-'..b':'], 0..40),
                0..5,
            ),
        ) {
            let fields = types.into_iter().map(|data_type| Field::new("c", data_type, true));
            let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let all: Vec<usize> = (0..schema.fields().len()).collect();
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            let multi = [("field.delim", "\u{1}\u{2}"), ("multi.delim", "true")];
            for properties in [&[][..], &[("escape.delim", "\\")], &multi] {
                prop_assert_eq!(batch(properties, &schema, &all, &lines).num_rows(), lines.len());
            }
        }
    }

    #[test]
    fn timestamps_have_the_unit_of_their_column() {
        let fields = vec![Field::new("t", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), true)];
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let found = batch(&[COMMA], &schema, &[0], &[b"1970-01-01 00:00:01", b"9999-01-01 00:00:00"]);
        let values = datafusion::arrow::array::AsArray::as_primitive::<
            datafusion::arrow::datatypes::TimestampNanosecondType,
        >(found.column(0).as_ref());
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(1_000_000_000), None]);
    }
}
