//! One scan of a table, and all that it tells about single columns.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;

use super::Sample;
use super::budget::Budget;
use super::column::{ColumnBuilder, ColumnFacts};
use super::raw::Raw;
use super::scan::{Watcher, scan, threads};
use crate::error::Result;
use crate::session::Session;

/// What a scan told.
#[derive(Debug)]
pub(super) struct TableFacts {
    /// How many rows were looked at.
    pub(super) rows: u64,
    /// In the order in which they were asked for.
    pub(super) columns: Vec<ColumnFacts>,
}

/// Looks at `columns` of a table, or of a sample of its rows.
pub(super) async fn collect(
    session: &Session,
    table: &Arc<Raw>,
    columns: &[usize],
    sample: Option<Sample>,
    budget: &Arc<Budget>,
) -> Result<TableFacts> {
    let schema = datafusion::catalog::TableProvider::schema(table.as_ref());
    let mut counters: Vec<Counter> = Vec::new();
    counters.resize_with(threads(session, columns.len()), Counter::default);
    let count = counters.len();
    for (place, column) in columns.iter().enumerate() {
        let builder = ColumnBuilder::new(schema.field(*column), budget, columns.len())?;
        counters[place % count].0.push((place, builder));
    }
    let (rows, counters) = scan(session, table, columns, sample, counters).await?;
    let mut builders: Vec<(usize, ColumnBuilder)> = counters.into_iter().flat_map(|counter| counter.0).collect();
    builders.sort_by_key(|(place, _)| *place);
    let facts = builders.into_iter().map(|(_, builder)| builder.finish()).collect::<datafusion::error::Result<_>>()?;
    Ok(TableFacts { rows, columns: facts })
}

/// Some of the columns, with their places in the scan: every column is counted by one of these, so that nothing has to be put
/// together in the end.
#[derive(Default)]
struct Counter(Vec<(usize, ColumnBuilder)>);

impl Watcher for Counter {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for (place, builder) in &mut self.0 {
            if let Some(array) = columns.get(*place) {
                builder.add(array)?;
            }
        }
        Ok(())
    }
}
