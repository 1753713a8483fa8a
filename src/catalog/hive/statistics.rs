//! What a metastore, or Spark through it, knows of a table's size and of its columns.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use super::wire::{self, Bound, Decimal};
use crate::catalog::model::{Column, ColumnStatistics, TableStatistics};

/// Spark's properties of a column: `spark.sql.statistics.colStats.<column>.distinctCount`.
const OF_COLUMNS: &str = "spark.sql.statistics.colStats.";

/// Whether Hive has statistics on columns that it takes for right.
pub(super) fn has_columns(table: &wire::Table) -> bool {
    accurate(table).is_some_and(|accurate| accurate.get("COLUMN_STATS").is_some_and(Value::is_object))
}

/// Hive's note on which of its statistics are right.
fn accurate(table: &wire::Table) -> Option<Value> {
    serde_json::from_str(table.parameters.get("COLUMN_STATS_ACCURATE")?).ok()
}

/// What is known of a table; `None` if that is nothing.
pub(super) fn of_table(
    table: &wire::Table,
    columns: &[Column],
    of_columns: &[wire::ColumnStatistics],
) -> Option<TableStatistics> {
    let mut statistics = TableStatistics::default();
    fill(&mut statistics, table, columns, of_columns);
    (statistics != TableStatistics::default()).then_some(statistics)
}

fn fill(
    statistics: &mut TableStatistics,
    table: &wire::Table,
    columns: &[Column],
    of_columns: &[wire::ColumnStatistics],
) {
    let number = |key: &str| table.parameters.get(key)?.parse::<u64>().ok();
    // Whoever writes without telling Hive leaves its counts as they were, or at 0; then it does not call them right.
    let is_right = accurate(table)
        .and_then(|accurate| accurate.get("BASIC_STATS")?.as_str().map(|text| text.eq_ignore_ascii_case("true")))
        .unwrap_or_default();
    let of_hive = |key: &str| if is_right { number(key) } else { None };
    statistics.rows = number("spark.sql.statistics.numRows").or_else(|| of_hive("numRows"));
    statistics.bytes = number("spark.sql.statistics.totalSize").or_else(|| of_hive("totalSize"));
    for found in of_columns {
        let Some(column) = columns.iter().find(|column| column.name.eq_ignore_ascii_case(&found.column)) else {
            continue;
        };
        let known = statistics.columns.entry(column.name.clone()).or_default();
        of_hive_column(known, &found.values);
    }
    for (name, values) in spark_columns(&table.parameters) {
        let Some(column) = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)) else { continue };
        let known = statistics.columns.entry(column.name.clone()).or_default();
        let count = |key: &str| values.get(key)?.parse().ok();
        known.nulls = count("nullCount");
        known.distinct = count("distinctCount");
        known.min = values.get("min").map(|text| text.to_string());
        known.max = values.get("max").map(|text| text.to_string());
    }
}

fn of_hive_column(known: &mut ColumnStatistics, values: &wire::ColumnValues) {
    // It counts with signed numbers, and -1 is "not known".
    known.nulls = values.nulls.and_then(|nulls| u64::try_from(nulls).ok());
    known.distinct = values.distinct.and_then(|distinct| u64::try_from(distinct).ok());
    known.min = values.low.as_ref().and_then(text);
    known.max = values.high.as_ref().and_then(text);
}

/// A text that a CAST to the column's type reads back.
fn text(bound: &Bound) -> Option<String> {
    match bound {
        Bound::Long(number) => Some(number.to_string()),
        Bound::Double(number) => number.is_finite().then(|| number.to_string()),
        Bound::Day(days) => {
            let seconds = days.checked_mul(86_400)?;
            let day: NaiveDate = DateTime::from_timestamp(seconds, 0)?.date_naive();
            Some(day.format("%Y-%m-%d").to_string())
        }
        Bound::Decimal(decimal) => digits(decimal),
    }
}

fn digits(decimal: &Decimal) -> Option<String> {
    let (first, rest) = decimal.unscaled.split_first()?;
    if rest.len() > 15 {
        return None;
    }
    // The first byte has the sign.
    let number = rest.iter().fold(i128::from(*first as i8), |number, byte| (number << 8) | i128::from(*byte));
    let scale = usize::try_from(decimal.scale).ok().filter(|scale| *scale <= 38)?;
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Spark's values by column. A name may have dots in it; that of a value has none.
fn spark_columns(parameters: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeMap<&str, &str>> {
    let mut columns: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in parameters {
        if let Some((column, what)) = key.strip_prefix(OF_COLUMNS).and_then(|rest| rest.rsplit_once('.')) {
            columns.entry(column).or_default().insert(what, value);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::super::testing::{table, text_map};
    use super::*;

    fn columns() -> Vec<Column> {
        ["id", "Price"].map(|name| Column { name: name.into(), data_type: DataType::Int64, comment: None }).into()
    }

    #[test]
    fn counts_of_hive_are_taken_when_hive_calls_them_right() {
        let mut counted = table("", "");
        counted.parameters = text_map(&[("numRows", "7"), ("totalSize", "700")]);
        assert_eq!(of_table(&counted, &columns(), &[]), None);
        counted.parameters.insert("COLUMN_STATS_ACCURATE".into(), r#"{"BASIC_STATS":"true"}"#.into());
        let found = of_table(&counted, &columns(), &[]).unwrap();
        assert_eq!((found.rows, found.bytes), (Some(7), Some(700)));
        assert!(!has_columns(&counted));
        counted.parameters.insert("COLUMN_STATS_ACCURATE".into(), r#"{"COLUMN_STATS":{"id":"true"}}"#.into());
        assert!(has_columns(&counted));
    }

    #[test]
    fn spark_has_its_own() {
        let mut counted = table("", "");
        counted.parameters = text_map(&[
            ("spark.sql.statistics.numRows", "2"),
            ("spark.sql.statistics.totalSize", "12"),
            ("spark.sql.statistics.colStats.price.distinctCount", "2"),
            ("spark.sql.statistics.colStats.price.nullCount", "0"),
            ("spark.sql.statistics.colStats.price.min", "1"),
            ("spark.sql.statistics.colStats.gone.max", "9"),
        ]);
        let found = of_table(&counted, &columns(), &[]).unwrap();
        assert_eq!((found.rows, found.bytes, found.columns.len()), (Some(2), Some(12), 1));
        let price = &found.columns["Price"];
        assert_eq!(
            (price.distinct, price.nulls, price.min.as_deref(), price.max.as_deref()),
            (Some(2), Some(0), Some("1"), None)
        );
    }

    #[test]
    fn bounds_are_written_as_sql_reads_them() {
        let decimal = |unscaled: &[u8], scale| text(&Bound::Decimal(Decimal { unscaled: unscaled.to_vec(), scale }));
        assert_eq!(text(&Bound::Day(19_723)).as_deref(), Some("2024-01-01"));
        assert_eq!(text(&Bound::Day(i64::MAX)), None);
        assert_eq!(text(&Bound::Double(f64::NAN)), None);
        assert_eq!(decimal(&[0x04, 0xD2], 2).as_deref(), Some("12.34"));
        assert_eq!(decimal(&[0xFF, 0xFB], 2).as_deref(), Some("-0.05"));
        assert_eq!(decimal(&[7], 0).as_deref(), Some("7"));
        assert_eq!(decimal(&[], 0), None);
        assert_eq!(decimal(&[0; 17], 0), None);
        let values = wire::ColumnValues { nulls: Some(-1), distinct: Some(3), low: Some(Bound::Long(-5)), high: None };
        let of_columns = [wire::ColumnStatistics { column: "ID".into(), values }];
        let found = of_table(&table("", ""), &columns(), &of_columns).unwrap();
        let id = &found.columns["id"];
        assert_eq!((id.nulls, id.distinct, id.min.as_deref()), (None, Some(3), Some("-5")));
    }
}
