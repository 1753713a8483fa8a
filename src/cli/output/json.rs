//! JSON: one array of objects, or one object a line.
//!
//! Every row has all columns, NULL included. Repeated column names get a number (`id`, `id_1`), since the names of an
//! object have to differ. Numbers are numbers with all their digits, 64-bit integers and decimals too. JSON has no NaN
//! and no infinities; they are `null`, as arrow and `COPY … TO … STORED AS JSON` write them.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::sink::Sink;
use super::value::{self, Style, leads};
use super::{RowWriter, Summary};
use crate::error::Result;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    Lines,
}

pub(super) struct JsonWriter {
    sink: Sink,
    shape: Shape,
    /// What stands in front of each column's value: `{"a":`, `,"b":`.
    leads: Vec<Vec<u8>>,
    is_first: bool,
}

impl JsonWriter {
    pub(super) fn array(sink: Sink) -> Self {
        JsonWriter { sink, shape: Shape::Array, leads: Vec::new(), is_first: true }
    }

    pub(super) fn lines(sink: Sink) -> Self {
        JsonWriter { sink, shape: Shape::Lines, leads: Vec::new(), is_first: true }
    }
}

impl RowWriter for JsonWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.leads = leads(schema.fields().iter().map(|field| field.name().as_str()));
        if self.shape == Shape::Array {
            self.sink.buffer().push(b'[');
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = value::columns(batch, Style::Json)?;
        for row in 0..batch.num_rows() {
            let out = self.sink.buffer();
            if self.shape == Shape::Array && !self.is_first {
                out.extend_from_slice(b",\n");
            }
            self.is_first = false;
            if columns.is_empty() {
                out.push(b'{');
            }
            for (lead, column) in self.leads.iter().zip(&columns) {
                out.extend_from_slice(lead);
                column.write_json(row, out);
            }
            out.push(b'}');
            if self.shape == Shape::Lines {
                out.push(b'\n');
            }
            self.sink.pass_on()?;
            if !self.sink.is_open() {
                return Ok(());
            }
        }
        self.sink.flush_all()
    }

    fn finish(&mut self, _: &Summary) -> Result<()> {
        if self.shape == Shape::Array {
            self.sink.buffer().extend_from_slice(b"]\n");
        }
        self.sink.flush_all()
    }

    fn wants_more(&self) -> bool {
        self.sink.is_open()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::Format;
    use super::super::testing::{Memory, no_columns, numbers, options, text, tricky, write_all};

    #[test]
    fn an_array_has_one_row_a_line() {
        assert_snapshot!(text(&options(Format::Json), &[tricky()]), @r#"
        [{"id":1,"text":"plain","text_1":"😀","amount":-12.50,"ratio":0.1,"ok":true,"day":"2026-01-01","at":"2026-01-01T12:34:56.789","zoned":"2026-01-01T21:34:56.5+09:00","raw":"00ff","list":[1,null],"info":{"name":"x\"y","share":null},"map":{"k":9223372036854775807,"é\n":null},"long":"--------------------------------------------------"},
        {"id":2,"text":"","text_1":"日本語","amount":0.05,"ratio":null,"ok":false,"day":"1970-01-01","at":"1969-12-31T23:59:59.999","zoned":"1970-01-01T09:00:00+09:00","raw":"","list":[],"info":{"name":null,"share":1.0},"map":{},"long":"\u001b[31m"},
        {"id":3,"text":"a,\"b\"\r\nc\td\\e|f","text_1":"😀","amount":99999999.99,"ratio":null,"ok":true,"day":"1969-12-31","at":"1970-01-01T00:00:00","zoned":"1970-01-01T08:59:59.999999+09:00","raw":"41","list":[3],"info":{"name":"z","share":null},"map":{"k":-1},"long":null},
        {"id":4,"text":null,"text_1":null,"amount":null,"ratio":null,"ok":null,"day":null,"at":null,"zoned":null,"raw":null,"list":null,"info":null,"map":null,"long":null}]
        "#);
    }

    #[test]
    fn lines_are_the_same_objects() {
        let lines = text(&options(Format::Jsonl), &[tricky(), tricky()]);
        let array = text(&options(Format::Json), &[tricky(), tricky()]);
        let array: Vec<serde_json::Value> = serde_json::from_str(&array).expect("valid JSON");
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("valid JSON")).collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines, array);
    }

    #[test]
    fn nothing_is_still_an_array() {
        assert_eq!(text(&options(Format::Json), &[numbers(0, 0)]), "[]\n");
        assert_eq!(text(&options(Format::Jsonl), &[numbers(0, 0)]), "");
        assert_eq!(text(&options(Format::Json), &[no_columns(2)]), "[{},\n{}]\n");
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_rows_quietly() {
        let memory = Memory::limited(1);
        let mut writer = super::super::writer(&options(Format::Jsonl), Box::new(memory)).expect("a writer");
        write_all(writer.as_mut(), &[numbers(0, 100_000), numbers(0, 100_000)]);
        assert!(!writer.wants_more());
    }
}
