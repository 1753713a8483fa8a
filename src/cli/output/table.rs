//! A table in a frame, for a person at a terminal.
//!
//! No line is wider than the terminal, because a table with wrapped lines cannot be read: long values end in `…`, and when
//! there are more columns than there is room for, those in the middle give way to one `…` column and the last line says
//! so. Off a terminal nothing is cut.

use super::display::{self, ELLIPSIS};
use super::grid::{Cell, Grid, Heading, Skin, Slot, pad};
use super::limit::RowLimit;
use super::sink::Sink;
use super::{OutputOptions, Summary};

/// A text column is not made narrower than this; rather, columns are left out.
const NARROWEST_TEXT: usize = 8;
/// What a column takes besides its text: a border and a space at each side.
const AROUND: usize = 3;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

pub(super) fn writer(options: &OutputOptions, sink: Sink) -> Grid<Frame> {
    let frame = Frame { terminal: options.width, header: options.header, color: options.color };
    Grid::new(options, frame, sink)
}

pub(super) struct Frame {
    terminal: Option<usize>,
    header: bool,
    color: bool,
}

impl Skin for Frame {
    fn escape(&self, text: &str, out: &mut String) {
        display::escape(text, out);
    }

    fn cell_limit(&self) -> Option<usize> {
        self.terminal
    }

    fn arrange(&self, headings: &[Heading], widest: &[usize]) -> Vec<Slot> {
        let columns: Vec<Extent> = headings
            .iter()
            .zip(widest)
            .map(|(heading, &values)| Extent {
                values,
                name: if self.header { heading.name.width } else { 0 },
                is_number: heading.is_number,
            })
            .collect();
        fit(&columns, self.terminal)
    }

    fn open(&self, headings: &[Heading], slots: &[Slot], rows_follow: bool, out: &mut Vec<u8>) {
        if slots.is_empty() || !(self.header || rows_follow) {
            return;
        }
        border(slots, ["┌", "┬", "┐"], out);
        if self.header {
            let names: Vec<Cell> = headings.iter().map(|heading| heading.name.clone()).collect();
            self.line(headings, slots, &names, if self.color { BOLD } else { "" }, out);
            if rows_follow {
                border(slots, ["├", "┼", "┤"], out);
            }
        }
    }

    fn row(&self, headings: &[Heading], slots: &[Slot], cells: &[Cell], out: &mut Vec<u8>) {
        self.line(headings, slots, cells, "", out);
    }

    fn close(&self, headings: &[Heading], slots: &[Slot], limit: &RowLimit, summary: &Summary, out: &mut Vec<u8>) {
        if !slots.is_empty() && (self.header || !limit.is_empty()) {
            border(slots, ["└", "┴", "┘"], out);
        }
        let shown = slots.iter().filter(|slot| **slot != Slot::Hidden).count();
        let mut notes = Vec::new();
        if shown < headings.len() {
            notes.push(format!("{shown} of {} columns shown", headings.len()));
        }
        out.extend_from_slice(limit.footer(summary, &notes).as_bytes());
        out.push(b'\n');
    }
}

impl Frame {
    fn line(&self, headings: &[Heading], slots: &[Slot], cells: &[Cell], style: &str, out: &mut Vec<u8>) {
        for slot in slots {
            out.extend_from_slice("│ ".as_bytes());
            match *slot {
                Slot::Hidden => out.extend_from_slice(ELLIPSIS.as_bytes()),
                Slot::Column { index, width } => {
                    if let (Some(cell), Some(heading)) = (cells.get(index), headings.get(index)) {
                        self.field(cell, width, heading.is_number, style, out);
                    }
                }
            }
            out.push(b' ');
        }
        out.extend_from_slice("│\n".as_bytes());
    }

    fn field(&self, cell: &Cell, width: usize, to_the_right: bool, style: &str, out: &mut Vec<u8>) {
        let style = if cell.is_null && self.color { DIM } else { style };
        out.extend_from_slice(style.as_bytes());
        if cell.width > width && self.terminal.is_some() {
            let cut = display::cut(&cell.text, width);
            pad(&cut, display::width(&cut), width, to_the_right, out);
        } else {
            pad(&cell.text, cell.width, width, to_the_right, out);
        }
        if !style.is_empty() {
            out.extend_from_slice(PLAIN.as_bytes());
        }
    }
}

fn border(slots: &[Slot], [left, middle, right]: [&str; 3], out: &mut Vec<u8>) {
    for (position, slot) in slots.iter().enumerate() {
        out.extend_from_slice(if position == 0 { left } else { middle }.as_bytes());
        let width = match *slot {
            Slot::Column { width, .. } => width,
            Slot::Hidden => 1,
        };
        out.extend_from_slice("─".repeat(width + 2).as_bytes());
    }
    out.extend_from_slice(right.as_bytes());
    out.push(b'\n');
}

/// How much room a column would like.
#[derive(Debug, Clone, Copy)]
struct Extent {
    values: usize,
    name: usize,
    is_number: bool,
}

impl Extent {
    fn wanted(self) -> usize {
        self.values.max(self.name)
    }

    /// The least that makes sense. A number with digits cut off reads as another number, so it keeps them all.
    fn least(self) -> usize {
        let values = if self.is_number { self.values } else { self.values.min(NARROWEST_TEXT) };
        values.max(self.name.min(NARROWEST_TEXT))
    }
}

/// Chooses the columns and their widths so that a line takes at most `terminal` columns.
fn fit(columns: &[Extent], terminal: Option<usize>) -> Vec<Slot> {
    let everything =
        |width: fn(Extent) -> usize| columns.iter().map(|&column| width(column) + AROUND).sum::<usize>() + 1;
    let Some(terminal) = terminal.filter(|&terminal| everything(Extent::wanted) > terminal) else {
        let wanted = columns.iter().enumerate();
        return wanted.map(|(index, column)| Slot::Column { index, width: column.wanted() }).collect();
    };
    let (from_left, from_right, hidden) = if everything(Extent::least) <= terminal {
        (columns.len(), 0, 0)
    } else {
        let (from_left, from_right) = ends(columns, terminal);
        (from_left, from_right, columns.len() - from_left - from_right)
    };
    let around_hidden = if hidden > 0 { 1 + AROUND } else { 0 };
    let kept: Vec<usize> = (0..from_left).chain(columns.len() - from_right..columns.len()).collect();
    let room = terminal.saturating_sub(1 + around_hidden + AROUND * kept.len());
    let widths = share(&kept.iter().filter_map(|&index| columns.get(index).copied()).collect::<Vec<_>>(), room);
    let mut slots: Vec<Slot> =
        kept.into_iter().zip(widths).map(|(index, width)| Slot::Column { index, width }).collect();
    if hidden > 0 {
        slots.insert(from_left, Slot::Hidden);
    }
    slots
}

/// How many columns fit from the left and from the right, taken in turns, beside a `…` column. At least one.
fn ends(columns: &[Extent], terminal: usize) -> (usize, usize) {
    let (mut from_left, mut from_right) = (0, 0);
    let mut used = 1 + 1 + AROUND;
    while from_left + from_right < columns.len() {
        let left_is_next = from_left <= from_right;
        let next = if left_is_next { from_left } else { columns.len() - 1 - from_right };
        used += columns.get(next).map_or(0, |column| column.least()) + AROUND;
        if used > terminal && from_left > 0 {
            break;
        }
        if left_is_next { from_left += 1 } else { from_right += 1 }
    }
    (from_left, from_right)
}

/// Shares `room` among columns: each has its least, and what is left goes to the narrowest that want more.
fn share(columns: &[Extent], room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.least()).collect();
    let mut left = room.saturating_sub(widths.iter().sum());
    while left > 0 {
        let wanting = widths.iter_mut().zip(columns).filter(|(width, column)| **width < column.wanted());
        let Some((narrowest, _)) = wanting.min_by_key(|(width, _)| **width) else { break };
        *narrowest += 1;
        left -= 1;
    }
    if let [only] = widths.as_mut_slice() {
        *only = (*only).min(room.max(1));
    }
    widths
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::super::Format;
    use super::super::testing::{Memory, batch, no_columns, numbers, options, text, tricky, write_all};
    use super::*;

    fn terminal(width: usize) -> OutputOptions {
        OutputOptions { width: Some(width), ..options(Format::Table) }
    }

    #[test]
    fn off_a_terminal_nothing_is_cut() {
        assert_snapshot!(text(&options(Format::Table), &[tricky()]), @r#"
        ┌────┬───────────────────┬────────┬─────────────┬───────────┬───────┬────────────┬─────────────────────────┬───────────────────────────────┬────────┬──────────┬───────────────────────────────┬──────────────────────────────────────┬────────────────────────────────────────────────────┐
        │ id │ text              │ text   │      amount │     ratio │ ok    │ day        │ at                      │ zoned                         │ raw    │ list     │ info                          │ map                                  │ long                                               │
        ├────┼───────────────────┼────────┼─────────────┼───────────┼───────┼────────────┼─────────────────────────┼───────────────────────────────┼────────┼──────────┼───────────────────────────────┼──────────────────────────────────────┼────────────────────────────────────────────────────┤
        │  1 │ plain             │ 😀     │      -12.50 │       0.1 │ true  │ 2026-01-01 │ 2026-01-01 12:34:56.789 │ 2026-01-01 21:34:56.5+09      │ \x00ff │ [1,null] │ {"name":"x\"y","share":"NaN"} │ {"k":9223372036854775807,"é\n":null} │ -------------------------------------------------- │
        │  2 │                   │ 日本語 │        0.05 │       NaN │ false │ 1970-01-01 │ 1969-12-31 23:59:59.999 │ 1970-01-01 09:00:00+09        │ \x     │ []       │ {"name":null,"share":1.0}     │ {}                                   │ \x1B[31m                                           │
        │  3 │ a,"b"\r\nc\td\e|f │ 😀     │ 99999999.99 │ -Infinity │ true  │ 1969-12-31 │ 1970-01-01 00:00:00     │ 1970-01-01 08:59:59.999999+09 │ \x41   │ [3]      │ {"name":"z","share":null}     │ {"k":-1}                             │ NULL                                               │
        │  4 │ NULL              │ NULL   │        NULL │      NULL │ NULL  │ NULL       │ NULL                    │ NULL                          │ NULL   │ NULL     │ NULL                          │ NULL                                 │ NULL                                               │
        └────┴───────────────────┴────────┴─────────────┴───────────┴───────┴────────────┴─────────────────────────┴───────────────────────────────┴────────┴──────────┴───────────────────────────────┴──────────────────────────────────────┴────────────────────────────────────────────────────┘
        (4 rows)
        "#);
    }

    #[test]
    fn on_a_terminal_the_columns_in_the_middle_give_way() {
        assert_snapshot!(text(&terminal(80), &[tricky()]), @r#"
        ┌────┬───────────┬────────┬─────────────┬───┬───────────┬───────────┬──────────┐
        │ id │ text      │ text   │      amount │ … │ info      │ map       │ long     │
        ├────┼───────────┼────────┼─────────────┼───┼───────────┼───────────┼──────────┤
        │  1 │ plain     │ 😀     │      -12.50 │ … │ {"name":… │ {"k":922… │ -------… │
        │  2 │           │ 日本語 │        0.05 │ … │ {"name":… │ {}        │ \x1B[31m │
        │  3 │ a,"b"\r\… │ 😀     │ 99999999.99 │ … │ {"name":… │ {"k":-1}  │ NULL     │
        │  4 │ NULL      │ NULL   │        NULL │ … │ NULL      │ NULL      │ NULL     │
        └────┴───────────┴────────┴─────────────┴───┴───────────┴───────────┴──────────┘
        (4 rows, 7 of 14 columns shown)
        "#);
    }

    #[test]
    fn long_text_is_cut_and_numbers_are_not() {
        let rows = batch(vec![
            ("id", Arc::new(Int64Array::from(vec![1, 1_234_567_890_123]))),
            (
                "comment",
                Arc::new(StringArray::from(vec!["carefully final deposits detect", "日本語の文字列は幅が広い"])),
            ),
        ]);
        assert_snapshot!(text(&terminal(36), &[rows]), @r#"
        ┌───────────────┬──────────────────┐
        │            id │ comment          │
        ├───────────────┼──────────────────┤
        │             1 │ carefully final… │
        │ 1234567890123 │ 日本語の文字列…  │
        └───────────────┴──────────────────┘
        (2 rows)
        "#);
    }

    #[test]
    fn color_is_for_names_and_nulls() {
        let rows = batch(vec![("s", Arc::new(StringArray::from(vec![Some("NULL"), None])))]);
        let colored = OutputOptions { color: true, ..options(Format::Table) };
        assert_snapshot!(text(&colored, &[rows]).replace('\x1b', "␛"), @r#"
        ┌──────┐
        │ ␛[1ms   ␛[0m │
        ├──────┤
        │ NULL │
        │ ␛[2mNULL␛[0m │
        └──────┘
        (2 rows)
        "#);
    }

    #[test]
    fn empty_results_have_their_frame() {
        assert_snapshot!(text(&options(Format::Table), &[numbers(0, 0)]), @r#"
        ┌───┐
        │ n │
        └───┘
        (0 rows)
        "#);
        assert_eq!(text(&options(Format::Table), &[no_columns(3)]), "(3 rows)\n");
        assert_eq!(text(&OutputOptions { header: false, ..options(Format::Table) }, &[numbers(0, 0)]), "(0 rows)\n");
    }

    #[test]
    fn without_a_header_the_frame_closes_above_the_rows() {
        let bare = OutputOptions { header: false, null: Some("-".to_string()), ..options(Format::Table) };
        let rows = batch(vec![("a_long_name", Arc::new(StringArray::from(vec![Some("x"), None])))]);
        assert_snapshot!(text(&bare, &[rows]), @r#"
        ┌───┐
        │ x │
        │ - │
        └───┘
        (2 rows)
        "#);
    }

    #[test]
    fn a_cap_stops_the_reading_once_there_is_a_row_too_many() {
        let memory = Memory::default();
        let capped = OutputOptions { max_rows: Some(2), ..options(Format::Table) };
        let mut writer = super::super::writer(&capped, Box::new(memory.clone())).expect("a writer");
        writer.begin(&numbers(0, 0).schema()).expect("begun");
        writer.write(&numbers(0, 2)).expect("written");
        assert!(writer.wants_more());
        writer.write(&numbers(2, 3)).expect("written");
        assert!(!writer.wants_more());
        writer.finish(&Summary::default()).expect("finished");
        assert_snapshot!(memory.text(), @r#"
        ┌───┐
        │ n │
        ├───┤
        │ 0 │
        │ 1 │
        └───┘
        (2 rows shown, more not read)
        "#);
    }

    #[test]
    fn a_long_result_streams_with_the_widths_of_its_first_rows() {
        let memory = Memory::default();
        let mut writer = super::super::writer(&options(Format::Table), Box::new(memory.clone())).expect("a writer");
        writer.begin(&numbers(0, 0).schema()).expect("begun");
        writer.write(&numbers(0, 999)).expect("written");
        assert_eq!(memory.text(), "", "the widths are not known yet");
        writer.write(&numbers(999, 1_001)).expect("written");
        let lines = memory.text().lines().count();
        assert_eq!(lines, 3 + 1_001, "nothing is held back any more");
        writer.write(&numbers(123_456, 123_457)).expect("written");
        writer.finish(&Summary::default()).expect("finished");
        assert!(memory.text().ends_with("│ 1000 │\n│ 123456 │\n└─────┘\n(1002 rows)\n"), "whole, if not aligned");
    }

    #[test]
    fn a_later_row_does_not_wrap_the_line_either() {
        let memory = Memory::default();
        let mut writer = super::super::writer(&terminal(10), Box::new(memory.clone())).expect("a writer");
        write_all(writer.as_mut(), &[numbers(0, 1_000), numbers(10_i64.pow(12), 10_i64.pow(12) + 1)]);
        assert!(memory.text().contains("│ 10… │\n"), "{}", memory.text());
    }

    fn extents() -> impl Strategy<Value = Vec<Extent>> {
        let extent = (0_usize..60, 0_usize..20, any::<bool>());
        prop::collection::vec(extent.prop_map(|(values, name, is_number)| Extent { values, name, is_number }), 1..30)
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(columns in extents(), terminal in 10_usize..200) {
            let slots = fit(&columns, Some(terminal));
            let used: usize = slots.iter().map(|slot| match slot {
                Slot::Column { width, .. } => width + AROUND,
                Slot::Hidden => 1 + AROUND,
            }).sum();
            prop_assert!(used < terminal.max(2), "{slots:?}");
            let shown = slots.iter().filter(|slot| **slot != Slot::Hidden).count();
            prop_assert!(shown > 0);
            prop_assert_eq!(shown < columns.len(), slots.contains(&Slot::Hidden));
        }

        #[test]
        fn any_text_stays_within_the_frame(
            values in prop::collection::vec((any::<String>(), any::<i64>()), 1..10), width in 20_usize..80
        ) {
            let texts: ArrayRef = Arc::new(values.iter().map(|(text, _)| Some(text)).collect::<StringArray>());
            let numbers: ArrayRef = Arc::new(values.iter().map(|(_, number)| *number).collect::<Int64Array>());
            let table = text(&terminal(width), &[batch(vec![("t", texts), ("n", numbers)])]);
            prop_assert_eq!(table.lines().count(), 3 + values.len() + 2);
            for line in table.lines() {
                prop_assert!(display::width(line) <= width || line.starts_with('('), "{line}");
            }
        }
    }
}
