//! The rows that violate a constraint, with the file and the number of the row in it.
//!
//! A check finds out that there are some, and their keys. Only then are the files read once more, one after the other and each
//! from its first row to its last, so that rows can be counted.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::TableProvider as _;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt as _;

use super::MOST_ROWS;
use super::queries::as_compared;
use crate::error::Result;
use crate::session::Session;
use crate::storage::FileTable;

/// A row that violates a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender {
    /// The file as its location was written.
    pub file: String,
    /// Counted from 1, without header lines.
    pub row: u64,
    /// The constraint's columns with their values, as in `a = 1, b = NULL`.
    pub values: String,
}

impl std::fmt::Display for Offender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} row {}: {}", self.file, self.row, self.values)
    }
}

/// Which rows are looked for.
pub(super) enum Wanted<'a> {
    /// Those with a NULL in one of the columns.
    Nulls,
    /// Those with one of these keys.
    Keys {
        keys: &'a RecordBatch,
        /// Whether zeros of both signs are one value, and all NaN.
        as_zero: bool,
    },
}

/// A value longer than this is cut.
const LONGEST_VALUE: usize = 60;

impl Session {
    /// The first rows that are wanted: of NULLs in the order of the files, of keys in the order of the keys.
    pub(super) async fn find_rows(
        &self,
        open: &FileTable,
        places: &[usize],
        wanted: Wanted<'_>,
    ) -> Result<Vec<Offender>> {
        let state = self.context().state();
        let mut config = state.config().clone().with_target_partitions(1);
        config.options_mut().optimizer.repartition_file_scans = false;
        let state = SessionStateBuilder::new_from_existing(state).with_config(config).build();
        let mut search = Search::new(open, places, wanted)?;
        for file in open.files() {
            let name = open.location().show(&file.meta.location);
            let one = open.only(|other| other.meta.location == file.meta.location);
            let plan = one.scan(&state, Some(&search.projection), &[], None).await?;
            let mut batches = execute_stream(plan, state.task_ctx())?;
            let mut before = 0;
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                search.look_at(&batch, &name, before)?;
                before += batch.num_rows() as u64;
                if search.is_done() {
                    return Ok(search.finish());
                }
            }
        }
        Ok(search.finish())
    }
}

/// Rows found so far.
struct Search {
    /// The columns to read, in the order of the table.
    projection: Vec<usize>,
    /// The key's columns in what is read, in the order of the key.
    columns: Vec<usize>,
    names: Vec<String>,
    keys: Option<Keys>,
    /// With the number of their key.
    found: Vec<(usize, Offender)>,
}

struct Keys {
    converter: RowConverter,
    /// The number of each key, and how many rows of it were found.
    numbers: HashMap<Vec<u8>, usize>,
    counts: Vec<usize>,
    types: Vec<DataType>,
    as_zero: bool,
}

impl Search {
    fn new(open: &FileTable, places: &[usize], wanted: Wanted<'_>) -> Result<Self> {
        let mut projection = places.to_vec();
        projection.sort_unstable();
        let columns = places.iter().filter_map(|place| projection.iter().position(|other| other == place)).collect();
        let schema = open.schema();
        let names = places.iter().map(|place| schema.field(*place).name().clone()).collect();
        let keys = match wanted {
            Wanted::Nulls => None,
            Wanted::Keys { keys, as_zero } => Some(Keys::new(keys, as_zero)?),
        };
        Ok(Search { projection, columns, names, keys, found: Vec::new() })
    }

    /// `before` is the number of rows of the file before this batch.
    fn look_at(&mut self, batch: &RecordBatch, file: &str, before: u64) -> Result<()> {
        let key: Vec<ArrayRef> =
            self.columns.iter().filter_map(|column| batch.columns().get(*column)).cloned().collect();
        let hits: Vec<(usize, usize)> = match &mut self.keys {
            None => {
                let nulls: Vec<_> = key.iter().filter_map(|column| column.logical_nulls()).collect();
                (0..batch.num_rows())
                    .filter(|row| nulls.iter().any(|nulls| nulls.is_null(*row)))
                    .map(|row| (0, row))
                    .collect()
            }
            Some(keys) => keys.hits(&key)?,
        };
        if hits.is_empty() {
            return Ok(());
        }
        let options = FormatOptions::new().with_null("NULL");
        let formatters = key.iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let formatters = formatters.collect::<std::result::Result<Vec<_>, _>>().map_err(DataFusionError::from)?;
        for (number, row) in hits {
            if self.keys.is_none() && self.found.len() >= MOST_ROWS {
                break;
            }
            let values = self.names.iter().zip(&formatters).map(|(name, formatter)| {
                let value = formatter.value(row).to_string();
                let cut = value.char_indices().nth(LONGEST_VALUE).map(|(at, _)| at);
                match cut.and_then(|at| value.get(..at)) {
                    Some(start) => format!("{name} = {start}…"),
                    None => format!("{name} = {value}"),
                }
            });
            let values = values.collect::<Vec<_>>().join(", ");
            self.found.push((number, Offender { file: file.to_string(), row: before + row as u64 + 1, values }));
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.keys.is_none() && self.found.len() >= MOST_ROWS
    }

    fn finish(mut self) -> Vec<Offender> {
        // Rows of one key stay in the order of the files.
        self.found.sort_by_key(|(number, _)| *number);
        self.found.truncate(MOST_ROWS);
        self.found.into_iter().map(|(_, offender)| offender).collect()
    }
}

impl Keys {
    fn new(keys: &RecordBatch, as_zero: bool) -> Result<Self> {
        let types: Vec<_> = keys.columns().iter().map(|column| column.data_type().clone()).collect();
        let fields = types.iter().cloned().map(SortField::new).collect();
        let made = || -> std::result::Result<_, ArrowError> {
            let converter = RowConverter::new(fields)?;
            let rows = converter.convert_columns(keys.columns())?;
            let numbers = rows.iter().enumerate().map(|(number, row)| (row.as_ref().to_vec(), number)).collect();
            Ok((converter, numbers))
        };
        let (converter, numbers) = made().map_err(DataFusionError::from)?;
        Ok(Keys { converter, numbers, counts: vec![0; keys.num_rows()], types, as_zero })
    }

    /// The rows with a wanted key that is not known from enough rows already: the key's number, and the row's.
    fn hits(&mut self, key: &[ArrayRef]) -> Result<Vec<(usize, usize)>> {
        let compared = |column: &ArrayRef| if self.as_zero { as_compared(column) } else { Arc::clone(column) };
        let columns = key.iter().zip(&self.types).map(|(column, data_type)| cast(&compared(column), data_type));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(DataFusionError::from)?;
        let rows = self.converter.convert_columns(&columns).map_err(DataFusionError::from)?;
        let mut hits = Vec::new();
        for (row, key) in rows.iter().enumerate() {
            let Some(number) = self.numbers.get(key.as_ref()) else { continue };
            if let Some(count) = self.counts.get_mut(*number).filter(|count| **count < MOST_ROWS) {
                *count += 1;
                hits.push((*number, row));
            }
        }
        Ok(hits)
    }
}
