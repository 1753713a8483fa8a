//! Rows in aligned columns: what tables and Markdown have in common.
//!
//! Widths are known only once values are. So the first rows wait, up to a thousand of them or a few megabytes; their widths
//! then hold for all that follow, which stream. A result with a cap on its rows never holds more than those.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::display;
use super::limit::RowLimit;
use super::sink::Sink;
use super::value::{self, Style};
use super::{OutputOptions, RowWriter, Summary};
use crate::error::Result;

const ROWS_AHEAD: usize = 1_000;
const BYTES_AHEAD: usize = 4 * 1024 * 1024;

/// What a NULL looks like to eyes when nothing else is said.
pub(super) const NULL: &str = "NULL";

/// A name or value, escaped, and how many columns it takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) width: usize,
    pub(super) is_null: bool,
}

/// A column's heading.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) name: Cell,
    pub(super) is_number: bool,
}

/// One column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The result's column `index`, `width` wide.
    Column { index: usize, width: usize },
    /// Stands for the columns that there is no room for.
    Hidden,
}

/// How one format draws the grid.
pub(super) trait Skin: Send {
    /// Appends a name or value in a form that fits between the format's own signs.
    fn escape(&self, text: &str, out: &mut String);

    /// The widest that a value can be shown.
    fn cell_limit(&self) -> Option<usize>;

    /// Decides on the columns, from their headings and the width of their widest value.
    fn arrange(&self, headings: &[Heading], widest: &[usize]) -> Vec<Slot>;

    /// What stands above the rows. `rows_follow` is false for an empty result.
    fn open(&self, headings: &[Heading], slots: &[Slot], rows_follow: bool, out: &mut Vec<u8>);

    fn row(&self, headings: &[Heading], slots: &[Slot], cells: &[Cell], out: &mut Vec<u8>);

    /// What stands below the rows.
    fn close(&self, headings: &[Heading], slots: &[Slot], limit: &RowLimit, summary: &Summary, out: &mut Vec<u8>);
}

pub(super) struct Grid<S> {
    skin: S,
    sink: Sink,
    limit: RowLimit,
    null: Cell,
    headings: Vec<Heading>,
    /// Rows whose columns are not decided yet, one after the other.
    waiting: Vec<Cell>,
    waiting_bytes: usize,
    slots: Option<Vec<Slot>>,
}

impl<S: Skin> Grid<S> {
    pub(super) fn new(options: &OutputOptions, skin: S, sink: Sink) -> Self {
        let mut null = cell(options.null.as_deref().unwrap_or(NULL), &skin);
        null.is_null = true;
        Grid {
            skin,
            sink,
            limit: RowLimit::new(options.max_rows),
            null,
            headings: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            slots: None,
        }
    }

    fn must_decide(&self) -> bool {
        self.waiting.len() >= ROWS_AHEAD.saturating_mul(self.headings.len()) || self.waiting_bytes >= BYTES_AHEAD
    }

    /// Decides on the columns and lets the waiting rows go.
    fn decide(&mut self) -> Result<()> {
        let per_row = self.headings.len().max(1);
        let mut widest = vec![0; self.headings.len()];
        for row in self.waiting.chunks(per_row) {
            for (widest, cell) in widest.iter_mut().zip(row) {
                *widest = cell.width.max(*widest);
            }
        }
        let slots = self.skin.arrange(&self.headings, &widest);
        self.skin.open(&self.headings, &slots, !self.waiting.is_empty(), self.sink.buffer());
        for row in self.waiting.chunks(per_row) {
            self.skin.row(&self.headings, &slots, row, self.sink.buffer());
            self.sink.pass_on()?;
        }
        self.slots = Some(slots);
        self.waiting = Vec::new();
        Ok(())
    }
}

impl<S: Skin> RowWriter for Grid<S> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let headings = schema.fields().iter().map(|field| Heading {
            name: cell(field.name(), &self.skin),
            is_number: value::is_number(field.data_type()),
        });
        self.headings = headings.collect();
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let shown = batch.slice(0, self.limit.admit(batch.num_rows()));
        let columns = value::columns(&shown, Style::Text)?;
        if columns.is_empty() {
            return Ok(());
        }
        let mut scratch = Vec::new();
        let mut cells = Vec::with_capacity(columns.len());
        for row in 0..shown.num_rows() {
            for column in &columns {
                cells.push(if column.is_null(row) {
                    self.null.clone()
                } else {
                    scratch.clear();
                    column.write(row, &mut scratch);
                    cell(&String::from_utf8_lossy(&scratch), &self.skin)
                });
            }
            if let Some(slots) = &self.slots {
                self.skin.row(&self.headings, slots, &cells, self.sink.buffer());
                self.sink.pass_on()?;
                cells.clear();
            } else {
                self.waiting_bytes += cells.iter().map(|cell| cell.text.len()).sum::<usize>();
                self.waiting.append(&mut cells);
                if self.must_decide() {
                    self.decide()?;
                }
            }
            if !self.sink.is_open() {
                return Ok(());
            }
        }
        self.sink.flush_all()
    }

    fn finish(&mut self, summary: &Summary) -> Result<()> {
        if self.slots.is_none() {
            self.decide()?;
        }
        let slots = self.slots.take().unwrap_or_default();
        self.skin.close(&self.headings, &slots, &self.limit, summary, self.sink.buffer());
        self.sink.flush_all()
    }

    fn wants_more(&self) -> bool {
        self.sink.is_open() && self.limit.wants_more()
    }
}

fn cell(text: &str, skin: &impl Skin) -> Cell {
    let mut escaped = String::with_capacity(text.len());
    skin.escape(text, &mut escaped);
    if let Some(limit) = skin.cell_limit() {
        let cut = display::cut(&escaped, limit);
        if cut.len() != escaped.len() {
            escaped = cut.into_owned();
        }
    }
    Cell { width: display::width(&escaped), text: escaped, is_null: false }
}

/// Appends `text`, which is `width` wide, in a field of `field` columns.
pub(super) fn pad(text: &str, width: usize, field: usize, to_the_right: bool, out: &mut Vec<u8>) {
    let spaces = std::iter::repeat_n(b' ', field.saturating_sub(width));
    if to_the_right {
        out.extend(spaces);
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
        out.extend(spaces);
    }
}
