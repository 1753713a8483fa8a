//! What the ends of ORC files say of values: for whole files, and for stripes that a query may pass over.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use orc_rust::reader::metadata::FileMetadata;
use orc_rust::statistics::{ColumnStatistics as OrcStatistics, TypeStatistics};
use orc_rust::stripe::StripeMetadata;

use crate::storage::format::hive_values::decimal::decimal;

/// The least and the greatest value of a column, and whether both occur.
struct Bounds {
    min: ScalarValue,
    max: ScalarValue,
    are_exact: bool,
}

/// Floating-point numbers are left out, as their bounds do not count what is no number; so are timestamps, whose bounds
/// are cut to milliseconds.
fn bounds(statistics: &OrcStatistics, data_type: &DataType) -> Option<Bounds> {
    let (min, max, are_exact) = match (statistics.type_statistics()?, data_type) {
        (TypeStatistics::Integer { min, max, .. }, DataType::Int8) => {
            (i8::try_from(*min).ok()?.into(), i8::try_from(*max).ok()?.into(), true)
        }
        (TypeStatistics::Integer { min, max, .. }, DataType::Int16) => {
            (i16::try_from(*min).ok()?.into(), i16::try_from(*max).ok()?.into(), true)
        }
        (TypeStatistics::Integer { min, max, .. }, DataType::Int32) => {
            (i32::try_from(*min).ok()?.into(), i32::try_from(*max).ok()?.into(), true)
        }
        (TypeStatistics::Integer { min, max, .. }, DataType::Int64) => ((*min).into(), (*max).into(), true),
        (TypeStatistics::Date { min, max }, DataType::Date32) => {
            (ScalarValue::Date32(Some(*min)), ScalarValue::Date32(Some(*max)), true)
        }
        (TypeStatistics::Decimal { min, max, .. }, DataType::Decimal128(precision, scale)) => {
            let value = |text: &str| {
                let value = decimal(text.as_bytes(), *precision, *scale)?;
                Some(ScalarValue::Decimal128(Some(value), *precision, *scale))
            };
            (value(min)?, value(max)?, true)
        }
        (TypeStatistics::String { lower_bound, upper_bound, is_exact_min, is_exact_max, .. }, DataType::Utf8) => {
            // What is no bound is empty.
            if upper_bound.is_empty() && !is_exact_max {
                return None;
            }
            (
                ScalarValue::from(lower_bound.as_str()),
                ScalarValue::from(upper_bound.as_str()),
                *is_exact_min && *is_exact_max,
            )
        }
        _ => return None,
    };
    Some(Bounds { min, max, are_exact })
}

/// How many values of a column are NULL; not known of what is nested.
fn nulls(statistics: &OrcStatistics, data_type: &DataType, rows: u64) -> Option<u64> {
    if data_type.is_nested() {
        return None;
    }
    rows.checked_sub(statistics.number_of_values())
}

/// The statistics of a file's rows in the columns of `schema`, the file's own.
pub(super) fn of_file(footer: &FileMetadata, schema: &Schema) -> Statistics {
    let rows = footer.number_of_rows();
    let of_columns = footer.root_data_type().children().iter().zip(schema.fields()).map(|(column, field)| {
        let Some(statistics) = footer.column_file_statistics().get(column.data_type().column_index()) else {
            return ColumnStatistics::new_unknown();
        };
        let count = |count: u64| usize::try_from(count).map_or(Precision::Absent, Precision::Exact);
        let mut found = ColumnStatistics::new_unknown();
        found.null_count = nulls(statistics, field.data_type(), rows).map_or(Precision::Absent, count);
        if let Some(bounds) = bounds(statistics, field.data_type()) {
            let precise = |value| if bounds.are_exact { Precision::Exact(value) } else { Precision::Inexact(value) };
            (found.min_value, found.max_value) = (precise(bounds.min), precise(bounds.max));
        }
        found
    });
    let mut statistics = Statistics::new_unknown(schema);
    statistics.column_statistics = of_columns.collect();
    statistics.column_statistics.resize_with(schema.fields().len(), ColumnStatistics::new_unknown);
    statistics.num_rows = usize::try_from(rows).map_or(Precision::Absent, Precision::Exact);
    statistics
}

/// The statistics of a file's stripes, to tell which of them can have rows for a query.
pub(super) struct Stripes<'f> {
    pub(super) footer: &'f FileMetadata,
    pub(super) stripes: &'f [StripeMetadata],
    /// The columns of the file, under the names by which the query knows them.
    pub(super) schema: &'f SchemaRef,
}

impl Stripes<'_> {
    /// One value a stripe; `None` if no stripe tells.
    fn values(&self, column: &Column, pick: impl Fn(Bounds) -> ScalarValue) -> Option<ArrayRef> {
        let (index, data_type) = self.column(column)?;
        let missing = ScalarValue::try_from(data_type).ok()?;
        let values = self.stripes.iter().map(|stripe| {
            let found = stripe.column_statistics().get(index).and_then(|statistics| bounds(statistics, data_type));
            found.map_or_else(|| missing.clone(), &pick)
        });
        ScalarValue::iter_to_array(values).ok()
    }

    /// The number of a column in the statistics, and its type.
    fn column(&self, column: &Column) -> Option<(usize, &DataType)> {
        let (place, field) = self.schema.column_with_name(&column.name)?;
        let column = self.footer.root_data_type().children().get(place)?;
        Some((column.data_type().column_index(), field.data_type()))
    }
}

impl PruningStatistics for Stripes<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |bounds| bounds.min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |bounds| bounds.max)
    }

    fn num_containers(&self) -> usize {
        self.stripes.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let (index, data_type) = self.column(column)?;
        let counts = self
            .stripes
            .iter()
            .map(|stripe| nulls(stripe.column_statistics().get(index)?, data_type, stripe.number_of_rows()));
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.stripes.iter().map(|stripe| Some(stripe.number_of_rows())).collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
