//! What ANALYZE found of a table, as the planner may use it: to choose between plans, never to answer from.
//!
//! The figures were taken from the files once and hold about. So they go to DataFusion as inexact, and only where the files
//! themselves do not tell.

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

/// Figures for all rows of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimates {
    pub rows: Option<u64>,
    /// The files' size then. The rows of other files are told by theirs.
    pub bytes: Option<u64>,
    /// One a column of the table's schema.
    pub columns: Vec<ColumnEstimates>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnEstimates {
    pub nulls: Option<u64>,
    pub distinct: Option<u64>,
    pub min: Option<ScalarValue>,
    pub max: Option<ScalarValue>,
}

/// From this part on, a column's values are taken for different in each row.
const LIKE_A_KEY: f64 = 0.9;

impl Estimates {
    /// Fills in what is not known of files with so many bytes: all of the table's, some of them, or more than there were.
    pub(crate) fn complete(&self, statistics: &mut Statistics, bytes: u64) {
        if statistics.num_rows == Precision::Absent
            && let (Some(rows), Some(then)) = (self.rows, self.bytes)
        {
            let rows = if bytes == then || then == 0 { rows } else { scaled(rows, bytes as f64 / then as f64) };
            statistics.num_rows = Precision::Inexact(to_usize(rows));
        }
        let now = statistics.num_rows.get_value().map(|rows| *rows as u64);
        let part = match (now, self.rows) {
            (Some(now), Some(rows)) if rows > 0 => now as f64 / rows as f64,
            _ => 1.0,
        };
        for (column, known) in statistics.column_statistics.iter_mut().zip(&self.columns) {
            known.complete(column, self.rows, now, part);
        }
    }
}

impl ColumnEstimates {
    fn complete(&self, column: &mut ColumnStatistics, rows: Option<u64>, now: Option<u64>, part: f64) {
        if let Some(distinct) = self.distinct
            && !matches!(column.distinct_count, Precision::Exact(_))
        {
            let values = rows.map(|rows| rows.saturating_sub(self.nulls.unwrap_or(0)));
            let is_like_a_key = values.is_some_and(|values| distinct as f64 >= LIKE_A_KEY * values as f64);
            let distinct = if is_like_a_key { scaled(distinct, part) } else { distinct };
            column.distinct_count = Precision::Inexact(to_usize(now.map_or(distinct, |now| distinct.min(now))));
        }
        if column.null_count == Precision::Absent
            && let Some(nulls) = self.nulls
        {
            column.null_count = Precision::Inexact(to_usize(scaled(nulls, part)));
        }
        let fill = |bound: &mut Precision<ScalarValue>, known: &Option<ScalarValue>| {
            if *bound == Precision::Absent
                && let Some(known) = known
            {
                *bound = Precision::Inexact(known.clone());
            }
        };
        fill(&mut column.min_value, &self.min);
        fill(&mut column.max_value, &self.max);
    }
}

fn scaled(count: u64, part: f64) -> u64 {
    (count as f64 * part).round() as u64
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn estimates() -> Estimates {
        let key = ColumnEstimates { nulls: Some(0), distinct: Some(99), ..ColumnEstimates::default() };
        let kind = ColumnEstimates { nulls: Some(50), distinct: Some(7), ..ColumnEstimates::default() };
        Estimates { rows: Some(100), bytes: Some(1000), columns: vec![key, kind] }
    }

    fn unknown() -> Statistics {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        Statistics::new_unknown(&Schema::new(vec![field("key"), field("kind")]))
    }

    fn completed(rows: Precision<usize>, bytes: u64) -> Statistics {
        let mut statistics = Statistics { num_rows: rows, ..unknown() };
        estimates().complete(&mut statistics, bytes);
        statistics
    }

    fn distinct(statistics: &Statistics) -> Vec<Precision<usize>> {
        statistics.column_statistics.iter().map(|column| column.distinct_count).collect()
    }

    #[test]
    fn the_same_files_have_what_was_found() {
        let statistics = completed(Precision::Absent, 1000);
        assert_eq!(statistics.num_rows, Precision::Inexact(100));
        assert_eq!(distinct(&statistics), [Precision::Inexact(99), Precision::Inexact(7)]);
        assert_eq!(statistics.column_statistics[1].null_count, Precision::Inexact(50));
    }

    #[test]
    fn a_part_of_the_files_has_fewer_rows_and_no_more_values_than_rows() {
        let statistics = completed(Precision::Absent, 50);
        assert_eq!(statistics.num_rows, Precision::Inexact(5));
        assert_eq!(distinct(&statistics), [Precision::Inexact(5), Precision::Inexact(5)]);
    }

    #[test]
    fn with_more_rows_a_key_has_more_values_and_a_kind_has_not() {
        let statistics = completed(Precision::Exact(200), 2000);
        assert_eq!(statistics.num_rows, Precision::Exact(200));
        assert_eq!(distinct(&statistics), [Precision::Inexact(198), Precision::Inexact(7)]);
    }

    #[test]
    fn what_the_files_tell_stays() {
        let mut statistics = unknown();
        statistics.num_rows = Precision::Exact(100);
        statistics.column_statistics[0].distinct_count = Precision::Exact(1);
        statistics.column_statistics[1].null_count = Precision::Exact(3);
        estimates().complete(&mut statistics, 1000);
        assert_eq!(statistics.column_statistics[0].distinct_count, Precision::Exact(1));
        assert_eq!(statistics.column_statistics[1].null_count, Precision::Exact(3));
    }
}
