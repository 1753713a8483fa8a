//! Conditions on one column, by which rows are left out before their other columns are decoded.
//!
//! All of them are asked again above the scan, or need not be asked at all: here they only save work, and one that does not rests.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;

use super::bits::{Bits, true_rows};
use super::column::{ColumnReader, Passing};

/// Rows after which it is known whether a condition pays.
const SAMPLE: usize = 1 << 15;
/// It pays if it keeps at most this part of them.
const MOST_KEPT: f64 = 0.8;

/// A row group has about as many batches: where fewer rows than values of the dictionary will be asked, the values of the rows are.
const BATCHES: usize = 64;

/// What is known of the values of a column that are of use to somebody.
pub(crate) trait KeyFilter: Debug + Send + Sync {
    /// Which of the values may be of use; NULL never is. `None` as long as nothing is known.
    fn keep(&self, values: &ArrayRef) -> Result<Option<BooleanBuffer>>;
}

/// What is known of the values of columns of a scan's output, by their places.
pub(crate) type KeyFilters = Vec<(usize, Arc<dyn KeyFilter>)>;

/// What a condition asks of a column's values.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// An expression that is to be true, over a batch of this one column.
    Holds(Arc<dyn PhysicalExpr>, SchemaRef),
    Key(Arc<dyn KeyFilter>),
}

impl Test {
    /// Which of the values pass. `None`: it cannot be said.
    fn keep(&self, values: &ArrayRef) -> Option<BooleanBuffer> {
        match self {
            Test::Holds(expr, schema) => {
                let batch = RecordBatch::try_new(Arc::clone(schema), vec![Arc::clone(values)]).ok()?;
                // What fails here fails above, for a row that is asked there.
                let passes = expr.evaluate(&batch).and_then(|passes| passes.into_array(values.len())).ok()?;
                passes.as_boolean_opt().map(true_rows)
            }
            Test::Key(filter) => filter.keep(values).ok().flatten(),
        }
    }

    fn keeps_null(&self, values: &ArrayRef) -> Option<bool> {
        match self {
            Test::Holds(..) => self.keep(&new_null_array(values.data_type(), 1)).map(|keep| keep.value(0)),
            Test::Key(_) => Some(false),
        }
    }
}

/// A condition, and how it does in a row group.
#[derive(Debug)]
pub(super) struct Condition {
    /// Among the columns that are decoded.
    pub(super) column: usize,
    test: Test,
    /// Since it was asked for the first time: the part of the rows that it kept.
    part: f64,
    seen: usize,
    kept: usize,
    rests: bool,
    /// Of the chunk's dictionary.
    passing: Option<Passing>,
}

impl Condition {
    pub(super) fn new(column: usize, test: Test) -> Self {
        Condition { column, test, part: 0.5, seen: 0, kept: 0, rests: false, passing: None }
    }

    /// Another row group begins.
    pub(super) fn begin(&mut self) {
        (self.seen, self.kept, self.rests, self.passing) = (0, 0, false, None);
    }

    /// The part of the rows that it keeps, as far as that is known.
    pub(super) fn part(&self) -> f64 {
        self.part
    }

    pub(super) fn rests(&self) -> bool {
        self.rests
    }

    /// What it says of the dictionary, as soon as that is known.
    pub(super) fn passing(&self) -> Option<&Passing> {
        self.passing.as_ref()
    }

    /// Takes away the rows of the batch that do not pass; `was_asked`: when the batch was read. Gives the number of those that are left.
    pub(super) fn keep(&mut self, column: &ColumnReader, was_asked: bool, rows: &mut Bits) -> Result<usize> {
        let before = rows.count();
        let is_worth_it = |len: &usize| self.passing.is_some() || before * BATCHES >= *len;
        match column.dictionary_len().filter(is_worth_it) {
            Some(_) => {
                if self.passing.is_none() {
                    self.passing = self.passing_of(&column.dictionary()?);
                }
                let Some(passing) = &self.passing else { return Ok(before) };
                column.keep_passing(passing, was_asked, rows);
            }
            None => {
                let Some(keep) = self.test.keep(&column.take(rows)?) else { return Ok(before) };
                rows.keep_among(&keep);
            }
        }
        let left = rows.count();
        self.seen += before;
        self.kept += left;
        if self.seen >= SAMPLE {
            self.part = self.kept as f64 / self.seen as f64;
            self.rests = self.part > MOST_KEPT;
            (self.seen, self.kept) = (0, 0);
        }
        Ok(left)
    }

    /// Each value of a dictionary is asked once.
    fn passing_of(&self, dictionary: &ArrayRef) -> Option<Passing> {
        let null = self.test.keeps_null(dictionary)?;
        Some(Passing::new(&self.test.keep(dictionary)?, null))
    }
}
