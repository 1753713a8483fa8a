//! One line a column, as psql's `\x` shows it: for rows that are too wide to be read side by side.
//!
//! Values are shown whole, on one line each. It streams: the line above a record fits that record.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::display;
use super::grid::{NULL, pad};
use super::limit::RowLimit;
use super::sink::Sink;
use super::value::{self, Style};
use super::{OutputOptions, RowWriter, Summary};
use crate::error::Result;

/// How long a line above a record gets when nobody knows how wide the screen is.
const USUAL_WIDTH: usize = 80;

pub(super) struct VerticalWriter {
    sink: Sink,
    limit: RowLimit,
    null: String,
    color: bool,
    width: usize,
    /// Escaped, with their width.
    names: Vec<(String, usize)>,
    records: u64,
}

impl VerticalWriter {
    pub(super) fn new(options: &OutputOptions, sink: Sink) -> Self {
        VerticalWriter {
            sink,
            limit: RowLimit::new(options.max_rows),
            null: escaped(options.null.as_deref().unwrap_or(NULL)),
            color: options.color,
            width: options.width.unwrap_or(USUAL_WIDTH),
            names: Vec::new(),
            records: 0,
        }
    }

    /// `-[ RECORD 1 ]--+--------`, with the cross above the bars where the names are long enough.
    fn rule(&self, name_width: usize, value_width: usize) -> String {
        let mut rule = format!("-[ RECORD {} ]", self.records);
        if rule.len() < name_width + 1 {
            rule.push_str(&"-".repeat(name_width + 1 - rule.len()));
            rule.push('+');
        }
        let end = (name_width + 3).saturating_add(value_width).min(self.width);
        rule.push_str(&"-".repeat(end.saturating_sub(rule.len())));
        rule
    }
}

impl RowWriter for VerticalWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let names = schema.fields().iter().map(|field| escaped(field.name()));
        self.names = names.map(|name| (name.clone(), display::width(&name))).collect();
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let shown = batch.slice(0, self.limit.admit(batch.num_rows()));
        let columns = value::columns(&shown, Style::Text)?;
        let name_width = self.names.iter().map(|(_, width)| *width).max().unwrap_or(0);
        let mut scratch = Vec::new();
        for row in 0..shown.num_rows() {
            let mut values = Vec::with_capacity(columns.len());
            for column in &columns {
                scratch.clear();
                column.write(row, &mut scratch);
                values.push((!column.is_null(row)).then(|| escaped(&String::from_utf8_lossy(&scratch))));
            }
            self.records += 1;
            let widths = values.iter().map(|value| display::width(value.as_ref().unwrap_or(&self.null)));
            let rule = self.rule(name_width, widths.max().unwrap_or(0));
            let out = self.sink.buffer();
            out.extend_from_slice(rule.as_bytes());
            out.push(b'\n');
            for ((name, width), value) in self.names.iter().zip(&values) {
                pad(name, *width, name_width, false, out);
                out.extend_from_slice(b" | ");
                match value {
                    Some(value) => out.extend_from_slice(value.as_bytes()),
                    None if self.color => out.extend_from_slice(format!("\x1b[2m{}\x1b[0m", self.null).as_bytes()),
                    None => out.extend_from_slice(self.null.as_bytes()),
                }
                out.push(b'\n');
            }
            self.sink.pass_on()?;
            if !self.sink.is_open() {
                return Ok(());
            }
        }
        self.sink.flush_all()
    }

    fn finish(&mut self, summary: &Summary) -> Result<()> {
        if self.limit.is_empty() || self.limit.is_cut() {
            let footer = self.limit.footer(summary, &[]);
            self.sink.buffer().extend_from_slice(footer.as_bytes());
            self.sink.buffer().push(b'\n');
        }
        self.sink.flush_all()
    }

    fn wants_more(&self) -> bool {
        self.sink.is_open() && self.limit.wants_more()
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    display::escape(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;
    use insta::assert_snapshot;

    use super::super::Format;
    use super::super::testing::{batch, numbers, options, text, tricky};
    use super::*;

    #[test]
    fn vertical_shows_whole_values() {
        assert_snapshot!(text(&options(Format::Vertical), &[tricky()]), @r#"
        -[ RECORD 1 ]----------------------------------------------
        id     | 1
        text   | plain
        text   | 😀
        amount | -12.50
        ratio  | 0.1
        ok     | true
        day    | 2026-01-01
        at     | 2026-01-01 12:34:56.789
        zoned  | 2026-01-01 21:34:56.5+09
        raw    | \x00ff
        list   | [1,null]
        info   | {"name":"x\"y","share":"NaN"}
        map    | {"k":9223372036854775807,"é\n":null}
        long   | --------------------------------------------------
        -[ RECORD 2 ]---------------------
        id     | 2
        text   | 
        text   | 日本語
        amount | 0.05
        ratio  | NaN
        ok     | false
        day    | 1970-01-01
        at     | 1969-12-31 23:59:59.999
        zoned  | 1970-01-01 09:00:00+09
        raw    | \x
        list   | []
        info   | {"name":null,"share":1.0}
        map    | {}
        long   | \x1B[31m
        -[ RECORD 3 ]-------------------------
        id     | 3
        text   | a,"b"\r\nc\td\e|f
        text   | 😀
        amount | 99999999.99
        ratio  | -Infinity
        ok     | true
        day    | 1969-12-31
        at     | 1970-01-01 00:00:00
        zoned  | 1970-01-01 08:59:59.999999+09
        raw    | \x41
        list   | [3]
        info   | {"name":"z","share":null}
        map    | {"k":-1}
        long   | NULL
        -[ RECORD 4 ]
        id     | 4
        text   | NULL
        text   | NULL
        amount | NULL
        ratio  | NULL
        ok     | NULL
        day    | NULL
        at     | NULL
        zoned  | NULL
        raw    | NULL
        list   | NULL
        info   | NULL
        map    | NULL
        long   | NULL
        "#);
    }

    #[test]
    fn the_cross_stands_above_the_bars_of_long_names() {
        let rows = batch(vec![
            ("a_rather_long_name", Arc::new(StringArray::from(vec![Some("x"), None]))),
            ("b", Arc::new(StringArray::from(vec!["y".repeat(20), String::new()]))),
        ]);
        let colored =
            OutputOptions { color: true, width: Some(40), null: Some("-".to_string()), ..options(Format::Vertical) };
        let shown = text(&colored, &[rows]).replace('\x1b', "␛");
        assert_snapshot!(shown, @r#"
        -[ RECORD 1 ]------+--------------------
        a_rather_long_name | x
        b                  | yyyyyyyyyyyyyyyyyyyy
        -[ RECORD 2 ]------+--
        a_rather_long_name | ␛[2m-␛[0m
        b                  |
        "#);
    }

    #[test]
    fn only_an_empty_or_cut_result_has_a_last_line() {
        let capped = OutputOptions { max_rows: Some(1), ..options(Format::Vertical) };
        assert_eq!(text(&capped, &[numbers(7, 8)]), "-[ RECORD 1 ]\nn | 7\n");
        assert_eq!(text(&capped, &[numbers(7, 9)]), "-[ RECORD 1 ]\nn | 7\n(1 row shown, more not read)\n");
        assert_eq!(text(&capped, &[numbers(0, 0)]), "(0 rows)\n");
    }
}
