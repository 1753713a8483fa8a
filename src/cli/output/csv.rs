//! Comma- and tab-separated values.
//!
//! CSV is RFC 4180 with `\n` line ends. Fields are quoted only where they must be, and that tells NULL (an empty field)
//! from an empty string (`""`); arrow's CSV writer and the csv crate write the two alike. With `--null TEXT` NULL is TEXT,
//! and a value that reads TEXT is quoted.
//!
//! TSV is what psql's COPY writes: no quotes, backslash escapes, `\N` for NULL.
//!
//! A CSV row of one column that is NULL is an empty line. Some readers skip those; `--null TEXT` is for them.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::sink::Sink;
use super::value::{self, Style};
use super::{OutputOptions, RowWriter, Summary};
use crate::error::Result;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Csv,
    Tsv,
}

pub(super) struct DelimitedWriter {
    sink: Sink,
    dialect: Dialect,
    header: bool,
    /// The bytes of a NULL field, escaped or quoted as need be.
    null_field: Vec<u8>,
    /// The text that a string must not be mistaken for.
    null_text: Vec<u8>,
}

impl DelimitedWriter {
    pub(super) fn csv(options: &OutputOptions, sink: Sink) -> Self {
        let null_text = options.null.clone().unwrap_or_default().into_bytes();
        let mut null_field = null_text.clone();
        if null_field.iter().any(|&byte| needs_quotes(byte)) {
            quote(&mut null_field, 0, &mut Vec::new());
        }
        DelimitedWriter { sink, dialect: Dialect::Csv, header: options.header, null_field, null_text }
    }

    pub(super) fn tsv(options: &OutputOptions, sink: Sink) -> Self {
        let null_text = options.null.as_deref().unwrap_or("\\N").as_bytes().to_vec();
        DelimitedWriter {
            sink,
            dialect: Dialect::Tsv,
            header: options.header,
            null_field: null_text.clone(),
            null_text,
        }
    }

    fn write_header(&mut self, schema: &SchemaRef) {
        let (dialect, null_text) = (self.dialect, &self.null_text);
        let out = self.sink.buffer();
        let mut scratch = Vec::new();
        for (position, field) in schema.fields().iter().enumerate() {
            if position > 0 {
                out.push(dialect.delimiter());
            }
            let start = out.len();
            out.extend_from_slice(field.name().as_bytes());
            dialect.protect(out, start, null_text, &mut scratch);
        }
        out.push(b'\n');
    }
}

impl RowWriter for DelimitedWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        if self.header && !schema.fields().is_empty() {
            self.write_header(schema);
        }
        self.sink.flush_all()
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = value::columns(batch, Style::Text)?;
        // A number can only be mistaken for NULL if NULL is shown as a text of its own.
        let check_all = self.dialect == Dialect::Csv && !self.null_text.is_empty();
        let fields = batch.schema_ref().fields();
        let checked: Vec<bool> = fields.iter().map(|field| check_all || !value::is_plain(field.data_type())).collect();
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            let out = self.sink.buffer();
            for (position, (column, checked)) in columns.iter().zip(&checked).enumerate() {
                if position > 0 {
                    out.push(self.dialect.delimiter());
                }
                if column.is_null(row) {
                    out.extend_from_slice(&self.null_field);
                    continue;
                }
                let start = out.len();
                column.write(row, out);
                if *checked {
                    self.dialect.protect(out, start, &self.null_text, &mut scratch);
                }
            }
            out.push(b'\n');
            self.sink.pass_on()?;
            if !self.sink.is_open() {
                return Ok(());
            }
        }
        self.sink.flush_all()
    }

    fn finish(&mut self, _: &Summary) -> Result<()> {
        self.sink.flush_all()
    }

    fn wants_more(&self) -> bool {
        self.sink.is_open()
    }
}

impl Dialect {
    fn delimiter(self) -> u8 {
        match self {
            Dialect::Csv => b',',
            Dialect::Tsv => b'\t',
        }
    }

    /// Makes the value that was appended at `start` one field that is not NULL.
    fn protect(self, out: &mut Vec<u8>, start: usize, null_text: &[u8], scratch: &mut Vec<u8>) {
        let value = out.get(start..).unwrap_or_default();
        match self {
            Dialect::Csv => {
                if value.is_empty() || value.iter().any(|&byte| needs_quotes(byte)) || value == null_text {
                    quote(out, start, scratch);
                }
            }
            Dialect::Tsv => {
                if value.iter().any(|&byte| backslash_escape(byte).is_some()) {
                    escape(out, start, scratch);
                }
            }
        }
    }
}

fn needs_quotes(byte: u8) -> bool {
    matches!(byte, b',' | b'"' | b'\n' | b'\r')
}

/// Puts quotes around what follows `start`, and doubles those within.
fn quote(out: &mut Vec<u8>, start: usize, scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.extend(out.drain(start..));
    out.push(b'"');
    for &byte in scratch.iter() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// The letter that stands for `byte` behind a backslash in COPY's text format.
fn backslash_escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\t' => Some(b't'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\x08' => Some(b'b'),
        b'\x0b' => Some(b'v'),
        b'\x0c' => Some(b'f'),
        _ => None,
    }
}

fn escape(out: &mut Vec<u8>, start: usize, scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.extend(out.drain(start..));
    for &byte in scratch.iter() {
        match backslash_escape(byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::super::Format;
    use super::super::testing::{Memory, batch, no_columns, numbers, options, text, tricky, visible, write_all};
    use super::*;

    #[test]
    fn csv_quotes_what_it_must_and_nothing_else() {
        assert_snapshot!(visible(&text(&options(Format::Csv), &[tricky()])), @r#"
        id,text,text,amount,ratio,ok,day,at,zoned,raw,list,info,map,long
        1,plain,😀,-12.50,0.1,true,2026-01-01,2026-01-01 12:34:56.789,2026-01-01 21:34:56.5+09,\x00ff,"[1,null]","{""name"":""x\""y"",""share"":""NaN""}","{""k"":9223372036854775807,""é\n"":null}",--------------------------------------------------
        2,"",日本語,0.05,NaN,false,1970-01-01,1969-12-31 23:59:59.999,1970-01-01 09:00:00+09,\x,[],"{""name"":null,""share"":1.0}",{},␛[31m
        3,"a,""b""␍
        c␉d\e|f",😀,99999999.99,-Infinity,true,1969-12-31,1970-01-01 00:00:00,1970-01-01 08:59:59.999999+09,\x41,[3],"{""name"":""z"",""share"":null}","{""k"":-1}",
        4,,,,,,,,,,,,,
        "#);
    }

    #[test]
    fn tsv_escapes_as_copy_does() {
        assert_snapshot!(visible(&text(&options(Format::Tsv), &[tricky()])), @r#"
        id␉text␉text␉amount␉ratio␉ok␉day␉at␉zoned␉raw␉list␉info␉map␉long
        1␉plain␉😀␉-12.50␉0.1␉true␉2026-01-01␉2026-01-01 12:34:56.789␉2026-01-01 21:34:56.5+09␉\\x00ff␉[1,null]␉{"name":"x\\"y","share":"NaN"}␉{"k":9223372036854775807,"é\\n":null}␉--------------------------------------------------
        2␉␉日本語␉0.05␉NaN␉false␉1970-01-01␉1969-12-31 23:59:59.999␉1970-01-01 09:00:00+09␉\\x␉[]␉{"name":null,"share":1.0}␉{}␉␛[31m
        3␉a,"b"\r\nc\td\\e|f␉😀␉99999999.99␉-Infinity␉true␉1969-12-31␉1970-01-01 00:00:00␉1970-01-01 08:59:59.999999+09␉\\x41␉[3]␉{"name":"z","share":null}␉{"k":-1}␉\N
        4␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N␉\N
        "#);
    }

    fn with_null(format: Format, null: &str) -> OutputOptions {
        OutputOptions { null: Some(null.to_string()), ..options(format) }
    }

    #[test]
    fn a_value_that_reads_like_the_null_text_is_quoted() {
        let rows = batch(vec![
            ("s", Arc::new(StringArray::from(vec![Some("0"), None, Some("")]))),
            ("n", Arc::new(Int64Array::from(vec![None, Some(0), Some(10)]))),
        ]);
        assert_eq!(text(&with_null(Format::Csv, "0"), from_ref(&rows)), "s,n\n\"0\",0\n0,\"0\"\n\"\",10\n");
        assert_eq!(text(&with_null(Format::Csv, "a,b"), from_ref(&rows)), "s,n\n0,\"a,b\"\n\"a,b\",0\n\"\",10\n");
        assert_eq!(text(&with_null(Format::Tsv, ""), &[rows]), "s\tn\n0\t\n\t0\n\t10\n");
    }

    #[test]
    fn the_header_is_quoted_like_values_and_can_be_left_out() {
        let rows = batch(vec![("a,b", Arc::new(Int64Array::from(vec![1]))), ("", Arc::new(Int64Array::from(vec![2])))]);
        assert_eq!(text(&options(Format::Csv), from_ref(&rows)), "\"a,b\",\"\"\n1,2\n");
        let bare = OutputOptions { header: false, ..options(Format::Csv) };
        assert_eq!(text(&bare, &[rows]), "1,2\n");
    }

    #[test]
    fn no_rows_are_a_header_and_no_columns_are_empty_lines() {
        assert_eq!(text(&options(Format::Csv), &[numbers(0, 0)]), "n\n");
        assert_eq!(text(&options(Format::Csv), &[no_columns(0)]), "");
        assert_eq!(text(&options(Format::Csv), &[no_columns(2)]), "\n\n");
    }

    #[test]
    fn rows_are_never_capped() {
        let capped = OutputOptions { max_rows: Some(2), ..options(Format::Csv) };
        assert_eq!(text(&capped, &[numbers(0, 3), numbers(3, 5)]), "n\n0\n1\n2\n3\n4\n");
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_rows_quietly() {
        let memory = Memory::limited(1);
        let mut writer = super::super::writer(&options(Format::Csv), Box::new(memory.clone())).expect("a writer");
        write_all(writer.as_mut(), &[numbers(0, 100_000), numbers(0, 100_000)]);
        assert!(!writer.wants_more());
        assert_eq!(memory.text(), "n\n");
    }

    /// Splits CSV into rows of fields by RFC 4180; a field without quotes and without text is NULL.
    fn parse(text: &str) -> Vec<Vec<Option<String>>> {
        let mut rows = Vec::new();
        let mut row = Vec::new();
        let mut rest = text.chars().peekable();
        while rest.peek().is_some() {
            let quoted = rest.next_if_eq(&'"').is_some();
            let mut field = String::new();
            let end = loop {
                match rest.next() {
                    Some('"') if quoted => {
                        if rest.next_if_eq(&'"').is_none() {
                            break rest.next();
                        }
                        field.push('"');
                    }
                    Some(end @ (',' | '\n')) if !quoted => break Some(end),
                    Some(other) => field.push(other),
                    None => break None,
                }
            };
            row.push((quoted || !field.is_empty()).then_some(field));
            match end {
                Some(',') => {}
                Some('\n') => rows.push(std::mem::take(&mut row)),
                other => panic!("a field ends in {other:?}"),
            }
        }
        rows
    }

    fn awkward() -> impl Strategy<Value = Option<String>> {
        let piece = prop_oneof![
            Just(","),
            Just("\""),
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just(" "),
            Just("NULL"),
            Just("x"),
            Just("é"),
            Just("日")
        ];
        prop::option::of(prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat()))
    }

    type Row = (Option<String>, Option<i64>, Option<String>);

    proptest! {
        #[test]
        fn cells_come_back_with_null_and_empty_apart(
            rows in prop::collection::vec((awkward(), prop::option::of(any::<i64>()), awkward()), 0..20)
        ) {
            let strings = |pick: fn(&Row) -> &Option<String>| -> ArrayRef {
                Arc::new(rows.iter().map(pick).cloned().collect::<StringArray>())
            };
            let middle = rows.iter().map(|row| row.1).collect::<Int64Array>();
            let table = batch(vec![("a", strings(|row| &row.0)), ("b", Arc::new(middle)), ("c", strings(|row| &row.2))]);
            let csv = text(&OutputOptions { header: false, ..options(Format::Csv) }, &[table]);

            let cells: Vec<Vec<Option<String>>> =
                rows.iter().map(|(a, b, c)| vec![a.clone(), b.map(|b| b.to_string()), c.clone()]).collect();
            prop_assert_eq!(&parse(&csv), &cells);

            // A reader that knows nothing of NULL sees the same text.
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
            let read: Vec<Vec<String>> =
                reader.records().map(|record| record.expect("valid CSV").iter().map(str::to_string).collect()).collect();
            let plain: Vec<Vec<String>> =
                cells.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect();
            prop_assert_eq!(read, plain);
        }

        #[test]
        fn one_column_comes_back_too(values in prop::collection::vec(awkward(), 0..20)) {
            let table = batch(vec![("a", Arc::new(values.iter().cloned().collect::<StringArray>()))]);
            let csv = text(&OutputOptions { header: false, ..options(Format::Csv) }, &[table]);
            prop_assert_eq!(parse(&csv), values.into_iter().map(|value| vec![value]).collect::<Vec<_>>());
        }
    }
}
