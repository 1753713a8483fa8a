//! What files tell about their rows, in the terms of the table.
//!
//! Wrong statistics make wrong rows: DataFusion answers `min(x)` and skips files by them. So whatever is not certain for
//! the table's type is left out, and NULL partitions, which DataFusion takes for a value, get numbers of their own.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

/// The statistics of one file for the table's columns: first those in files, then the partition columns.
///
/// `of_file` belongs to `file_schema`, the file's own; a column of the table that the file lacks is NULL in all rows.
pub(crate) fn of_table(
    of_file: &Statistics,
    file_schema: &Schema,
    table_file_schema: &Schema,
    partition: &[ScalarValue],
) -> Statistics {
    let rows = of_file.num_rows;
    let mut columns: Vec<ColumnStatistics> = table_file_schema
        .fields()
        .iter()
        .map(|field| match file_schema.index_of(field.name()) {
            Ok(index) => match of_file.column_statistics.get(index) {
                Some(column) => in_type(column, file_schema.field(index).data_type(), field.data_type()),
                None => ColumnStatistics::new_unknown(),
            },
            // The name may be there in other letters, or not at all; the reader decides which.
            Err(_) if has_name_in_other_case(file_schema, field.name()) => ColumnStatistics::new_unknown(),
            Err(_) => ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() },
        })
        .collect();
    columns.extend(partition.iter().map(|value| of_partition_value(value, rows)));
    Statistics { num_rows: rows, total_byte_size: of_file.total_byte_size, column_statistics: columns }
}

/// Statistics of a file of which nothing is known but its partition.
pub(crate) fn unknown(table_file_schema: &Schema, partition: &[ScalarValue]) -> Statistics {
    let mut statistics = Statistics::new_unknown(table_file_schema);
    statistics.column_statistics.extend(partition.iter().map(|value| of_partition_value(value, Precision::Absent)));
    statistics
}

fn has_name_in_other_case(schema: &Schema, name: &str) -> bool {
    schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name))
}

fn of_partition_value(value: &ScalarValue, rows: Precision<usize>) -> ColumnStatistics {
    if value.is_null() {
        return ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() };
    }
    ColumnStatistics {
        null_count: Precision::Exact(0),
        min_value: Precision::Exact(value.clone()),
        max_value: Precision::Exact(value.clone()),
        distinct_count: Precision::Exact(1),
        ..ColumnStatistics::new_unknown()
    }
}

/// A file column's statistics after its values are cast to the table's type.
fn in_type(column: &ColumnStatistics, from: &DataType, to: &DataType) -> ColumnStatistics {
    let cast = |value: &Precision<ScalarValue>| match value {
        Precision::Exact(value) => cast_bound(value, from, to).map_or(Precision::Absent, Precision::Exact),
        Precision::Inexact(value) => cast_bound(value, from, to).map_or(Precision::Absent, Precision::Inexact),
        Precision::Absent => Precision::Absent,
    };
    ColumnStatistics {
        null_count: column.null_count,
        min_value: cast(&column.min_value),
        max_value: cast(&column.max_value),
        sum_value: if from == to { column.sum_value.clone() } else { Precision::Absent },
        distinct_count: if from == to { column.distinct_count } else { column.distinct_count.to_inexact() },
        byte_size: if from == to { column.byte_size } else { column.byte_size.to_inexact() },
    }
}

/// A minimum or maximum in another type. `None` for NULL, which stands for "no statistics", and for casts that do not
/// keep the order of values.
fn cast_bound(value: &ScalarValue, from: &DataType, to: &DataType) -> Option<ScalarValue> {
    if value.is_null() {
        return None;
    }
    if from == to || value.data_type() == *to {
        return Some(value.clone());
    }
    let to = match to {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    keeps_order(&value.data_type(), to).then(|| value.cast_to(to).ok()).flatten().filter(|cast| !cast.is_null())
}

fn keeps_order(from: &DataType, to: &DataType) -> bool {
    let is_number = |data_type: &DataType| data_type.is_numeric();
    let is_string = |data_type: &DataType| data_type.is_string();
    let is_time =
        |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _));
    from == to
        || (is_number(from) && is_number(to))
        || (is_string(from) && is_string(to))
        || (is_time(from) && is_time(to))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(
            fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect::<Vec<_>>(),
        )
    }

    fn column(min: ScalarValue, max: ScalarValue) -> ColumnStatistics {
        ColumnStatistics {
            null_count: Precision::Exact(1),
            min_value: Precision::Exact(min),
            max_value: Precision::Exact(max),
            ..ColumnStatistics::new_unknown()
        }
    }

    fn file(columns: Vec<ColumnStatistics>) -> Statistics {
        Statistics { num_rows: Precision::Exact(10), total_byte_size: Precision::Absent, column_statistics: columns }
    }

    #[test]
    fn bounds_are_cast_to_the_tables_type() {
        let statistics = of_table(
            &file(vec![column(ScalarValue::from(-3i32), ScalarValue::from(7i32))]),
            &schema(&[("x", DataType::Int32)]),
            &schema(&[("x", DataType::Int64)]),
            &[],
        );
        assert_eq!(statistics.column_statistics[0].min_value, Precision::Exact(ScalarValue::from(-3i64)));
        assert_eq!(statistics.column_statistics[0].max_value, Precision::Exact(ScalarValue::from(7i64)));
    }

    #[test]
    fn casts_that_change_the_order_leave_no_bounds() {
        let statistics = of_table(
            &file(vec![column(ScalarValue::from("10"), ScalarValue::from("9"))]),
            &schema(&[("x", DataType::Utf8)]),
            &schema(&[("x", DataType::Int64)]),
            &[],
        );
        assert_eq!(statistics.column_statistics[0].min_value, Precision::Absent);
        assert_eq!(statistics.column_statistics[0].null_count, Precision::Exact(1));
    }

    #[test]
    fn null_bounds_are_no_bounds() {
        let statistics = of_table(
            &file(vec![column(ScalarValue::Int64(None), ScalarValue::Int64(None))]),
            &schema(&[("x", DataType::Int64)]),
            &schema(&[("x", DataType::Int64)]),
            &[],
        );
        assert_eq!(statistics.column_statistics[0].max_value, Precision::Absent);
    }

    #[test]
    fn columns_are_found_by_name_and_missing_ones_are_all_null() {
        let statistics = of_table(
            &file(vec![column(ScalarValue::from(1i64), ScalarValue::from(2i64))]),
            &schema(&[("x", DataType::Int64)]),
            &schema(&[("y", DataType::Int64), ("x", DataType::Int64), ("X", DataType::Int64)]),
            &[],
        );
        assert_eq!(statistics.column_statistics[0].null_count, Precision::Exact(10));
        assert_eq!(statistics.column_statistics[1].min_value, Precision::Exact(ScalarValue::from(1i64)));
        assert_eq!(statistics.column_statistics[2].null_count, Precision::Absent);
    }

    #[test]
    fn a_null_partition_has_nulls_and_no_bounds() {
        let partition = [ScalarValue::Utf8View(None), ScalarValue::from(5i64)];
        let statistics = of_table(&file(vec![]), &schema(&[]), &schema(&[]), &partition);
        assert_eq!(statistics.column_statistics[0].null_count, Precision::Exact(10));
        assert_eq!(statistics.column_statistics[0].min_value, Precision::Absent);
        assert_eq!(statistics.column_statistics[1].null_count, Precision::Exact(0));
        assert_eq!(statistics.column_statistics[1].max_value, Precision::Exact(ScalarValue::from(5i64)));
    }
}
