//! `\x auto`: a table where it fits on the screen, else one line a column.
//!
//! Whether it fits is known from the first rows, which are held until then: as many as a screen shows at once.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use crate::cli::output::{Format, OutputOptions, RowWriter, Summary, display, writer};
use crate::error::Result;

/// How many rows are looked at.
const LOOK_AHEAD: usize = 200;

/// Writes a table or, if its first rows would make one that is wider than the screen, vertically.
pub(in crate::cli) struct FittingWriter {
    options: OutputOptions,
    state: State,
}

enum State {
    Waiting {
        sink: Box<dyn Write + Send>,
        schema: Option<SchemaRef>,
        held: Vec<RecordBatch>,
        rows: usize,
    },
    Writing(Box<dyn RowWriter>),
    /// Something failed while it was being decided.
    Lost,
}

impl FittingWriter {
    pub(in crate::cli) fn new(options: OutputOptions, sink: Box<dyn Write + Send>) -> Self {
        FittingWriter { options, state: State::Waiting { sink, schema: None, held: Vec::new(), rows: 0 } }
    }

    /// Decides, if that has not been done, and writes what was held.
    fn decided(&mut self) -> Result<Option<&mut Box<dyn RowWriter>>> {
        if let State::Waiting { .. } = self.state
            && let State::Waiting { sink, schema, held, .. } = std::mem::replace(&mut self.state, State::Lost)
        {
            let schema = schema.unwrap_or_else(|| Arc::new(datafusion::arrow::datatypes::Schema::empty()));
            let mut options = self.options.clone();
            if let Some(width) = options.width
                && is_wider(&options, &schema, &held, width)?
            {
                options.format = Format::Vertical;
            }
            let mut chosen = writer(&options, sink)?;
            chosen.begin(&schema)?;
            for batch in &held {
                chosen.write(batch)?;
            }
            self.state = State::Writing(chosen);
        }
        match &mut self.state {
            State::Writing(writer) => Ok(Some(writer)),
            _ => Ok(None),
        }
    }
}

impl RowWriter for FittingWriter {
    fn begin(&mut self, columns: &SchemaRef) -> Result<()> {
        if let State::Waiting { schema, .. } = &mut self.state {
            *schema = Some(Arc::clone(columns));
        }
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let enough = self.options.max_rows.map_or(LOOK_AHEAD, |cap| LOOK_AHEAD.min(cap.saturating_add(1)));
        match &mut self.state {
            State::Writing(writer) => writer.write(batch),
            State::Waiting { held, rows, .. } => {
                *rows += batch.num_rows();
                held.push(batch.clone());
                if *rows >= enough { self.decided().map(|_| ()) } else { Ok(()) }
            }
            State::Lost => Ok(()),
        }
    }

    fn finish(&mut self, summary: &Summary) -> Result<()> {
        match self.decided()? {
            Some(writer) => writer.finish(summary),
            None => Ok(()),
        }
    }

    fn wants_more(&self) -> bool {
        match &self.state {
            State::Waiting { .. } => true,
            State::Writing(writer) => writer.wants_more(),
            State::Lost => false,
        }
    }
}

/// Whether these rows as a table are wider than `columns`.
fn is_wider(options: &OutputOptions, schema: &SchemaRef, rows: &[RecordBatch], columns: usize) -> Result<bool> {
    let options = OutputOptions { format: Format::Table, width: None, color: false, ..options.clone() };
    let table = render(&options, schema, rows)?;
    // The last line counts the rows and is no part of the table.
    let widest = table.lines().map(display::width).max().unwrap_or(0);
    Ok(widest > columns)
}

/// Rows as a text in memory.
pub(in crate::cli) fn render(options: &OutputOptions, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<String> {
    let text = Shared::default();
    let mut writer = writer(options, Box::new(text.clone()))?;
    writer.begin(schema)?;
    for batch in rows {
        writer.write(batch)?;
    }
    writer.finish(&Summary::default())?;
    drop(writer);
    let bytes = std::mem::take(&mut *text.0.lock());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringArray};

    use super::*;
    use crate::cli::output::Destination;

    fn shown(values: &[&str], width: usize, max_rows: Option<usize>) -> String {
        let column: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let options = OutputOptions { width: Some(width), max_rows, ..OutputOptions::new(Destination::Terminal) };
        let text = Shared::default();
        let mut writer = FittingWriter::new(options, Box::new(text.clone()));
        writer.begin(&batch.schema()).unwrap();
        for row in 0..batch.num_rows() {
            if writer.wants_more() {
                writer.write(&batch.slice(row, 1)).unwrap();
            }
        }
        writer.finish(&Summary::default()).unwrap();
        let bytes = text.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_fits_is_a_table_and_what_does_not_is_vertical() {
        assert!(shown(&["a", "bc"], 20, None).contains("│ bc"));
        let vertical = shown(&["a", &"b".repeat(30)], 20, None);
        assert!(vertical.contains("-[ RECORD 2 ]"), "{vertical}");
        assert!(vertical.contains(&"b".repeat(30)), "values are whole: {vertical}");
    }

    #[test]
    fn the_cap_on_rows_stays() {
        let table = shown(&["a", "b", "c", "d"], 20, Some(2));
        assert!(table.contains("2 rows shown"), "{table}");
        assert!(!table.contains("│ c"), "{table}");
    }

    #[test]
    fn a_result_without_rows_still_shows_its_columns() {
        assert!(shown(&[], 20, None).contains("text"));
    }
}
