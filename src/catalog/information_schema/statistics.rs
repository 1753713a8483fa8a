//! `information_schema.table_statistics` and `column_statistics`: what ANALYZE found.
//!
//! The standard has no such tables. Only tables with statistics are in them, and each says whether they are those of its files
//! as they are now.

use chrono::SecondsFormat;

use super::ColumnOf::{self, NullableNumber, NullableText, Text};
use super::relations::{all, qualified};
use super::{Cell, Sources};
use crate::catalog::model::{Relation, Table, TableStatistics};
use crate::error::Result;

pub(super) const TABLE_STATISTICS: &[ColumnOf] = &[
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    NullableNumber("row_count"),
    NullableNumber("file_count"),
    NullableNumber("byte_count"),
    NullableText("analyzed_at"),
    Text("is_current"),
    NullableText("difference"),
];

pub(super) const COLUMN_STATISTICS: &[ColumnOf] = &[
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    Text("column_name"),
    NullableNumber("null_count"),
    NullableNumber("distinct_count"),
    NullableText("min_value"),
    NullableText("max_value"),
];

async fn analyzed(sources: &Sources) -> Result<Vec<(Table, TableStatistics)>> {
    let analyzed = all(sources).await?.into_iter().filter_map(|relation| match relation {
        Relation::Table(table) => table.statistics.clone().map(|statistics| (table, statistics)),
        Relation::View(_) => None,
    });
    Ok(analyzed.collect())
}

pub(super) async fn table_statistics(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for (table, statistics) in analyzed(sources).await? {
        let difference = sources.resolver.statistics_differ(&table).await?;
        let analyzed_at = statistics.basis.map(|basis| basis.analyzed_at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let figures = [
            statistics.rows.into(),
            statistics.files.into(),
            statistics.bytes.into(),
            analyzed_at.map_or(Cell::Null, Cell::from),
            difference.is_none().into(),
            difference.map_or(Cell::Null, Cell::from),
        ];
        rows.push([&qualified(&table.name)[..], &figures].concat());
    }
    Ok(rows)
}

/// In the order of the tables' columns.
pub(super) async fn column_statistics(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for (table, statistics) in analyzed(sources).await? {
        let declared = table.columns.iter().chain(table.partition_columns.iter().flatten());
        let place = |name: &str| declared.clone().position(|column| column.name == name);
        let mut columns: Vec<_> = statistics.columns.into_iter().collect();
        columns.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        for (name, column) in columns {
            let figures = [
                name.into(),
                column.nulls.into(),
                column.distinct.into(),
                column.min.map_or(Cell::Null, Cell::from),
                column.max.map_or(Cell::Null, Cell::from),
            ];
            rows.push([&qualified(&table.name)[..], &figures].concat());
        }
    }
    Ok(rows)
}
