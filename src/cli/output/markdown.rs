//! A Markdown table, for an issue, a wiki or a chat.
//!
//! Characters that Markdown or HTML would act on are escaped, so that the page shows the data as it is. The columns are
//! aligned in the text as well, because people read it unrendered too; nothing is cut.

use super::display;
use super::grid::{Cell, Grid, Heading, Skin, Slot, pad};
use super::limit::RowLimit;
use super::sink::Sink;
use super::{OutputOptions, Summary};

/// `---` makes a column; shorter ones are not understood everywhere.
const NARROWEST: usize = 3;

pub(super) fn writer(options: &OutputOptions, sink: Sink) -> Grid<Pipes> {
    Grid::new(options, Pipes { header: options.header }, sink)
}

pub(super) struct Pipes {
    header: bool,
}

impl Skin for Pipes {
    fn escape(&self, text: &str, out: &mut String) {
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\n' => out.push_str("<br>"),
                '\r' if characters.peek() == Some(&'\n') => {}
                '\\' | '|' | '*' | '`' | '<' | '&' => out.extend(['\\', character]),
                // Within a word an underscore is only an underscore.
                '_' if is_word(before) && is_word(characters.peek().copied()) => out.push('_'),
                '_' => out.push_str("\\_"),
                control if display::is_unsafe(control) => display::escape(control.encode_utf8(&mut [0; 4]), out),
                harmless => out.push(harmless),
            }
            before = Some(character);
        }
    }

    fn cell_limit(&self) -> Option<usize> {
        None
    }

    fn arrange(&self, headings: &[Heading], widest: &[usize]) -> Vec<Slot> {
        let columns = headings.iter().zip(widest).enumerate();
        columns
            .map(|(index, (heading, &values))| {
                let name = if self.header { heading.name.width } else { 0 };
                Slot::Column { index, width: values.max(name).max(NARROWEST) }
            })
            .collect()
    }

    fn open(&self, headings: &[Heading], slots: &[Slot], _: bool, out: &mut Vec<u8>) {
        if !self.header || slots.is_empty() {
            return;
        }
        let names: Vec<Cell> = headings.iter().map(|heading| heading.name.clone()).collect();
        self.row(headings, slots, &names, out);
        for (slot, heading) in slots.iter().zip(headings) {
            if let Slot::Column { width, .. } = *slot {
                out.extend_from_slice(b"| ");
                out.extend(std::iter::repeat_n(b'-', width - 1));
                out.extend_from_slice(if heading.is_number { b": " } else { b"- " });
            }
        }
        out.extend_from_slice(b"|\n");
    }

    fn row(&self, headings: &[Heading], slots: &[Slot], cells: &[Cell], out: &mut Vec<u8>) {
        for ((slot, heading), cell) in slots.iter().zip(headings).zip(cells) {
            if let Slot::Column { width, .. } = *slot {
                out.extend_from_slice(b"| ");
                pad(&cell.text, cell.width, width, heading.is_number, out);
                out.push(b' ');
            }
        }
        out.extend_from_slice(b"|\n");
    }

    fn close(&self, _: &[Heading], _: &[Slot], limit: &RowLimit, summary: &Summary, out: &mut Vec<u8>) {
        if limit.is_cut() {
            out.push(b'\n');
            out.extend_from_slice(limit.footer(summary, &[]).as_bytes());
            out.push(b'\n');
        }
    }
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::Format;
    use super::super::testing::{no_columns, numbers, options, text, tricky};
    use super::*;

    #[test]
    fn markdown_shows_the_data_as_it_is() {
        assert_snapshot!(text(&options(Format::Markdown), &[tricky()]), @r#"
        |  id | text                | text   |      amount |     ratio | ok    | day        | at                      | zoned                         | raw     | list     | info                           | map                                   | long                                               |
        | --: | ------------------- | ------ | ----------: | --------: | ----- | ---------- | ----------------------- | ----------------------------- | ------- | -------- | ------------------------------ | ------------------------------------- | -------------------------------------------------- |
        |   1 | plain               | 😀     |      -12.50 |       0.1 | true  | 2026-01-01 | 2026-01-01 12:34:56.789 | 2026-01-01 21:34:56.5+09      | \\x00ff | [1,null] | {"name":"x\\"y","share":"NaN"} | {"k":9223372036854775807,"é\\n":null} | -------------------------------------------------- |
        |   2 |                     | 日本語 |        0.05 |       NaN | false | 1970-01-01 | 1969-12-31 23:59:59.999 | 1970-01-01 09:00:00+09        | \\x     | []       | {"name":null,"share":1.0}      | {}                                    | \x1B[31m                                           |
        |   3 | a,"b"<br>c\td\\e\|f | 😀     | 99999999.99 | -Infinity | true  | 1969-12-31 | 1970-01-01 00:00:00     | 1970-01-01 08:59:59.999999+09 | \\x41   | [3]      | {"name":"z","share":null}      | {"k":-1}                              | NULL                                               |
        |   4 | NULL                | NULL   |        NULL |      NULL | NULL  | NULL       | NULL                    | NULL                          | NULL    | NULL     | NULL                           | NULL                                  | NULL                                               |
        "#);
    }

    #[test]
    fn what_markdown_would_act_on_is_escaped() {
        let mut out = String::new();
        Pipes { header: true }.escape("a|b *c* _d_ snake_case `e` <f> \\ g\r\nh & \x1b", &mut out);
        assert_eq!(out, r"a\|b \*c\* \_d\_ snake_case \`e\` \<f> \\ g<br>h \& \x1B");
    }

    #[test]
    fn a_cap_is_told_below_the_table() {
        let capped = OutputOptions { max_rows: Some(2), ..options(Format::Markdown) };
        assert_snapshot!(text(&capped, &[numbers(9, 12)]), @r#"
        |   n |
        | --: |
        |   9 |
        |  10 |

        (2 rows shown, more not read)
        "#);
        assert_eq!(text(&options(Format::Markdown), &[no_columns(2)]), "");
    }
}
