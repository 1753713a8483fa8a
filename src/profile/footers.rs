//! What files tell of a table without being read: rows, and bounds of columns. It says which columns cannot be referenced, before
//! anything is scanned.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use datafusion::physical_plan::{StatisticsArgs, StatisticsContext};

use super::column::ColumnFacts;
use super::raw::Raw;
use crate::error::{Error, Result};
use crate::session::Session;

/// Smallest and largest value of a column, where they are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: Option<ScalarValue>,
    pub(super) max: Option<ScalarValue>,
}

impl Bounds {
    pub(super) fn of(facts: &ColumnFacts) -> Self {
        Bounds { min: facts.min.clone(), max: facts.max.clone() }
    }
}

/// What is known of a table before it is read.
#[derive(Debug)]
pub(super) struct Footers {
    pub(super) rows: Option<u64>,
    /// In the order of the table's columns.
    pub(super) bounds: Vec<Bounds>,
}

/// Asks the files of a table.
pub(super) async fn read(session: &Session, table: &Arc<Raw>) -> Result<Footers> {
    let columns = table.schema().fields().len();
    let state = session.context().state();
    let read = async {
        let scan = table.scan(&state, None, &[], None).await?;
        StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new())
    };
    let statistics = read.await.map_err(Error::from)?;
    let rows = match statistics.num_rows {
        Precision::Exact(rows) => Some(rows as u64),
        _ => None,
    };
    let certain = |value: &Precision<ScalarValue>| match value {
        Precision::Exact(value) if !value.is_null() => Some(value.clone()),
        _ => None,
    };
    let mut bounds: Vec<Bounds> = statistics
        .column_statistics
        .iter()
        .map(|column| Bounds { min: certain(&column.min_value), max: certain(&column.max_value) })
        .collect();
    bounds.resize(columns, Bounds::default());
    Ok(Footers { rows, bounds })
}
