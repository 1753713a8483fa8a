//! Plans and definitions: results that are texts of several lines, shown as texts.

use std::io::{ErrorKind, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::output::{RowWriter, Summary};
use crate::error::{Error, Result};
use crate::sql::statement::{Show, Statement};

/// Whether a statement's result is text rather than rows.
pub(super) fn is_text(statement: &Statement) -> bool {
    matches!(statement, Statement::Explain(_) | Statement::Tune(_) | Statement::Show(Show::CreateTable(_)))
}

/// Writes the last column of each row as it is; where several rows have titles in front (EXPLAIN's kinds of plan), with them.
pub(super) struct TextWriter {
    sink: Box<dyn Write + Send>,
    has_titles: bool,
    rows: usize,
    gone: bool,
}

impl TextWriter {
    pub(super) fn new(sink: Box<dyn Write + Send>) -> Self {
        TextWriter { sink, has_titles: false, rows: 0, gone: false }
    }

    fn put(&mut self, text: &str) -> Result<()> {
        if self.gone {
            return Ok(());
        }
        match self.sink.write_all(text.as_bytes()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(error) => Err(Error::storage(format!("the result cannot be written: {error}"))),
        }
    }
}

impl RowWriter for TextWriter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.has_titles = schema.fields().len() > 1;
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default();
        let failed = |error: datafusion::arrow::error::ArrowError| Error::statement(error.to_string());
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).map_err(failed))
            .collect::<Result<Vec<_>>>()?;
        let Some(text) = formatters.last() else { return Ok(()) };
        for row in 0..batch.num_rows() {
            if self.rows > 0 {
                self.put("\n")?;
            }
            if self.has_titles
                && let Some(title) = formatters.first()
            {
                self.put(&format!("-- {}\n", title.value(row).try_to_string().map_err(failed)?))?;
            }
            let text = text.value(row).try_to_string().map_err(failed)?;
            self.put(text.trim_end())?;
            self.put("\n")?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(&mut self, _summary: &Summary) -> Result<()> {
        match self.sink.flush() {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Error::storage(format!("the result cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn wants_more(&self) -> bool {
        !self.gone
    }
}
