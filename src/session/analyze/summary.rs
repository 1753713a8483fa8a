//! Statistics of folders put together.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::ScalarValue;

use super::sketch::Sketch;
use super::{Folder, scan};
use crate::catalog::evidence::{FileFingerprint, FileSet};
use crate::catalog::model::{ColumnStatistics, StatisticsBasis, TableStatistics};
use crate::catalog::statistics::{ColumnSketch, PartitionStatistics};
use crate::error::Result;
use crate::sql::types::to_sql;

/// Longer texts are not kept: what they are compared with is mostly short.
const LONGEST_BOUND: usize = 256;

/// A least or greatest value as it is kept: a text that is read back as the same value, or nothing.
pub(super) fn bound_text(value: &ScalarValue) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let text = match value.cast_to(&DataType::Utf8).ok()? {
        ScalarValue::Utf8(Some(text)) if text.len() <= LONGEST_BOUND => text,
        _ => return None,
    };
    // NaN is equal to itself here, but in no order that a filter's range has.
    let is_nan = value.data_type().is_floating() && text.eq_ignore_ascii_case("nan");
    (!is_nan && bound(&text, &value.data_type()).as_ref() == Some(value)).then_some(text)
}

/// The value that a kept text stands for.
pub(super) fn bound(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    ScalarValue::try_from_string(text.to_string(), data_type).ok().filter(|value| !value.is_null())
}

/// What two lots of files say of a column of this type.
pub(super) fn together(
    one: &ColumnSketch,
    other: &ColumnSketch,
    values: [u64; 2],
    of: &DataType,
) -> Result<ColumnSketch> {
    let mut sketch = Sketch::new()?;
    sketch.add_saved(&one.sketch)?;
    sketch.add_saved(&other.sketch)?;
    let bound = |one: &Option<String>, other: &Option<String>, wanted: Ordering| match values {
        [_, 0] => one.clone(),
        [0, _] => other.clone(),
        _ => outer(one.as_deref()?, other.as_deref()?, wanted, of),
    };
    Ok(ColumnSketch {
        data_type: one.data_type.clone(),
        nulls: one.nulls + other.nulls,
        min: bound(&one.min, &other.min, Ordering::Less),
        max: bound(&one.max, &other.max, Ordering::Greater),
        sketch: sketch.save()?,
    })
}

fn outer(one: &str, other: &str, wanted: Ordering, of: &DataType) -> Option<String> {
    let order = bound(one, of)?.partial_cmp(&bound(other, of)?)?;
    Some(if order == wanted { one } else { other }.to_string())
}

/// What is known of the whole table. Of a column that is what is known of it in all folders.
pub(super) fn of_table(
    schema: &SchemaRef,
    partition_columns: usize,
    folders: &[Folder],
    known: &BTreeMap<String, PartitionStatistics>,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<TableStatistics> {
    let in_files = schema.fields().len() - partition_columns;
    let of_folders: Vec<Option<&PartitionStatistics>> =
        folders.iter().map(|folder| known.get(&folder.path).filter(|found| found.subject == subject)).collect();
    let all: Option<Vec<&PartitionStatistics>> = of_folders.iter().copied().collect();
    let rows = all.as_ref().and_then(|all| all.iter().map(|found| found.rows).sum::<Option<u64>>());
    // Of a folder that was not analyzed, its files are those that it has.
    let files: Vec<FileFingerprint> = folders
        .iter()
        .zip(&of_folders)
        .flat_map(|(folder, found)| found.map_or(&folder.files, |found| &found.files).files().to_vec())
        .collect();
    let mut columns = BTreeMap::new();
    if let (Some(all), Some(rows)) = (&all, rows)
        && !all.is_empty()
    {
        for (place, field) in schema.fields().iter().enumerate() {
            let column = match place.checked_sub(in_files) {
                None => in_all_files(field, all)?,
                Some(number) => Some(in_all_folders(field, number, folders, all)),
            };
            if let Some(mut column) = column {
                // A sketch may count one or two too many.
                let values = rows.saturating_sub(column.nulls.unwrap_or(0));
                column.distinct = column.distinct.map(|distinct| distinct.min(values));
                columns.insert(field.name().clone(), column);
            }
        }
    }
    let files = FileSet::new(files);
    Ok(TableStatistics {
        rows,
        bytes: Some(files.files().iter().map(|file| file.size).sum()),
        files: Some(files.files().len() as u64),
        columns,
        basis: Some(Box::new(StatisticsBasis {
            digest: files.digest().to_string(),
            subject: subject.to_string(),
            analyzed_at: now,
        })),
    })
}

fn in_all_files(field: &Field, all: &[&PartitionStatistics]) -> Result<Option<ColumnStatistics>> {
    let data_type = to_sql(field.data_type());
    let mut whole: Option<(ColumnSketch, u64)> = None;
    for found in all {
        let of_folder = found.columns.get(field.name()).filter(|column| column.data_type == data_type);
        let (Some(column), Some(rows)) = (of_folder, found.rows) else { return Ok(None) };
        let values = rows.saturating_sub(column.nulls);
        whole = Some(match whole {
            None => (column.clone(), values),
            Some((so_far, before)) => {
                (together(&so_far, column, [before, values], field.data_type())?, before + values)
            }
        });
    }
    let Some((column, _)) = whole else { return Ok(None) };
    let mut sketch = Sketch::new()?;
    sketch.add_saved(&column.sketch)?;
    Ok(Some(ColumnStatistics {
        nulls: Some(column.nulls),
        distinct: Some(sketch.count()?),
        min: column.min,
        max: column.max,
        data_type: Some(data_type),
    }))
}

/// A partition column: the folders' names say it all.
fn in_all_folders(field: &Field, number: usize, folders: &[Folder], all: &[&PartitionStatistics]) -> ColumnStatistics {
    let with_rows = || {
        let values = folders.iter().map(move |folder| folder.partition.get(number));
        values.zip(all).filter(|(_, found)| found.rows.is_some_and(|rows| rows > 0))
    };
    let values: HashSet<&ScalarValue> =
        with_rows().filter_map(|(value, _)| value.filter(|value| !value.is_null())).collect();
    let nulls = with_rows().filter(|(value, _)| value.is_none_or(ScalarValue::is_null));
    let outermost = |wanted: Ordering| {
        let outer = values.iter().copied().reduce(|one, other| match other.partial_cmp(one) {
            Some(order) if order == wanted => other,
            _ => one,
        });
        outer.filter(|value| scan::has_bounds(&value.data_type())).and_then(bound_text)
    };
    ColumnStatistics {
        nulls: Some(nulls.filter_map(|(_, found)| found.rows).sum()),
        distinct: Some(values.len() as u64),
        min: outermost(Ordering::Less),
        max: outermost(Ordering::Greater),
        data_type: Some(to_sql(field.data_type())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_only_if_it_is_read_back() {
        for value in [
            ScalarValue::from(-5_i64),
            ScalarValue::from("it's"),
            ScalarValue::from(0.1_f64),
            ScalarValue::from(true),
            ScalarValue::Decimal128(Some(-1234), 10, 2),
            ScalarValue::Date32(Some(20_000)),
            ScalarValue::TimestampMicrosecond(Some(1_700_000_000_123_456), None),
            ScalarValue::TimestampMicrosecond(Some(1_700_000_000_123_456), Some("+02:00".into())),
        ] {
            let text = bound_text(&value).unwrap_or_else(|| panic!("{value:?}"));
            assert_eq!(bound(&text, &value.data_type()), Some(value));
        }
        assert_eq!(bound_text(&ScalarValue::from(f64::NAN)), None);
        assert_eq!(bound_text(&ScalarValue::Int64(None)), None);
        assert_eq!(bound_text(&ScalarValue::from("x".repeat(300).as_str())), None);
        assert_eq!(bound("no number", &DataType::Int32), None);
    }

    fn column(min: Option<&str>, max: Option<&str>, nulls: u64) -> ColumnSketch {
        ColumnSketch {
            data_type: "BIGINT".into(),
            nulls,
            min: min.map(str::to_string),
            max: max.map(str::to_string),
            sketch: Sketch::new().unwrap().save().unwrap(),
        }
    }

    #[test]
    fn bounds_are_compared_as_values_and_none_is_known_where_one_is_missing() {
        let together = |one, other, values| together(&one, &other, values, &DataType::Int64).unwrap();
        let both = together(column(Some("9"), Some("9"), 1), column(Some("10"), Some("10"), 2), [1, 1]);
        assert_eq!((both.min.as_deref(), both.max.as_deref(), both.nulls), (Some("9"), Some("10"), 3));
        let unknown = together(column(Some("9"), Some("9"), 0), column(None, None, 0), [1, 1]);
        assert_eq!((unknown.min, unknown.max), (None, None));
        // NULLs alone have no bounds, and take none away.
        let nulls = together(column(Some("9"), Some("9"), 0), column(None, None, 4), [1, 0]);
        assert_eq!((nulls.min.as_deref(), nulls.nulls), (Some("9"), 4));
    }
}
