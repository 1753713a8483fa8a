//! Exact facts from the ends of files: how many rows there are, how many NULLs, and between which values the others lie.
//!
//! They are proofs for the optimizer and for checks of constraints, so each says only what the file leaves no doubt about.
//! DataFusion's own statistics cannot serve: they take a missing count of NULLs for none.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::parquet_column;
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// What is known of the rows of one file or of all files of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct RowFacts {
    pub rows: u64,
    /// One a column.
    pub columns: Vec<ColumnFacts>,
}

/// `None`: not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnFacts {
    pub nulls: Option<u64>,
    /// The least value that occurs. Both are also `None` if there is no value.
    pub min: Option<ScalarValue>,
    /// The greatest value that occurs.
    pub max: Option<ScalarValue>,
}

impl RowFacts {
    /// Of no rows.
    pub(crate) fn empty(columns: usize) -> Self {
        let none = ColumnFacts { nulls: Some(0), min: None, max: None };
        RowFacts { rows: 0, columns: vec![none; columns] }
    }

    /// Of the rows of both.
    pub(crate) fn add(&mut self, other: &RowFacts) {
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            column.add(self.rows, more, other.rows);
        }
        self.rows += other.rows;
    }

    /// The facts on a file's rows for the table's columns: first those in files, then the partition columns with the file's
    /// values. `self` is in the columns of `file_schema`.
    pub(crate) fn in_table(&self, file_schema: &Schema, table_file_schema: &Schema, partition: &[ScalarValue]) -> Self {
        let in_file = table_file_schema.fields().iter().map(|field| match file_schema.index_of(field.name()) {
            Ok(index) => match self.columns.get(index) {
                Some(column) => column.in_type(file_schema.field(index).data_type(), field.data_type()),
                None => ColumnFacts::default(),
            },
            // The name may be there in other letters, or not at all; the reader decides which.
            Err(_) if file_schema.fields().iter().any(|other| other.name().eq_ignore_ascii_case(field.name())) => {
                ColumnFacts::default()
            }
            Err(_) => ColumnFacts { nulls: Some(self.rows), min: None, max: None },
        });
        let in_folders = partition.iter().map(|value| {
            if value.is_null() {
                return ColumnFacts { nulls: Some(self.rows), min: None, max: None };
            }
            let bound = (self.rows > 0 && has_exact_bounds(&value.data_type())).then(|| value.clone());
            ColumnFacts { nulls: Some(0), min: bound.clone(), max: bound }
        });
        RowFacts { rows: self.rows, columns: in_file.chain(in_folders).collect() }
    }
}

impl ColumnFacts {
    fn add(&mut self, rows: u64, more: &ColumnFacts, more_rows: u64) {
        let no_values = |column: &ColumnFacts, rows| column.nulls == Some(rows);
        let bound = |mine: &Option<ScalarValue>, other: &Option<ScalarValue>, wanted: Ordering| {
            if no_values(more, more_rows) {
                return mine.clone();
            }
            if no_values(self, rows) {
                return other.clone();
            }
            let (mine, other) = (mine.as_ref()?, other.as_ref()?);
            let order = other.partial_cmp(mine)?;
            Some(if order == wanted { other.clone() } else { mine.clone() })
        };
        let (min, max) = (bound(&self.min, &more.min, Ordering::Less), bound(&self.max, &more.max, Ordering::Greater));
        let nulls = self.nulls.zip(more.nulls).map(|(mine, other)| mine + other);
        *self = ColumnFacts { nulls, min, max };
    }

    /// The facts after the reader has cast the values. A cast that might make a NULL of a value leaves nothing.
    fn in_type(&self, from: &DataType, to: &DataType) -> Self {
        let is_text = |data_type: &DataType| data_type.is_string();
        if from == to || (is_text(from) && is_text(to)) || (from.is_integer() && to.is_integer()) {
            let cast = |bound: &Option<ScalarValue>| {
                let bound = bound.as_ref()?;
                if from == to { Some(bound.clone()) } else { bound.cast_to(to).ok().filter(|bound| !bound.is_null()) }
            };
            return ColumnFacts { nulls: self.nulls, min: cast(&self.min), max: cast(&self.max) };
        }
        ColumnFacts::default()
    }
}

/// Types whose minimum and maximum in a footer are those of the values. Floats are not: writers leave NaN out, and disagree
/// on zero's sign.
fn has_exact_bounds(data_type: &DataType) -> bool {
    use DataType::*;
    data_type.is_integer()
        || data_type.is_string()
        || matches!(data_type, Boolean | Date32 | Date64 | Timestamp(..) | Decimal128(..) | Time32(_) | Time64(_))
}

/// What a Parquet file's footer says. `schema` has all columns of the file, as the reader yields them.
pub(crate) fn of_parquet(footer: &ParquetMetaData, schema: &Schema) -> RowFacts {
    let groups: Vec<&RowGroupMetaData> = footer.row_groups().iter().filter(|group| group.num_rows() > 0).collect();
    let rows = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum();
    let columns = schema.fields().iter().map(|field| of_column(footer, schema, field.name(), &groups, rows)).collect();
    RowFacts { rows, columns }
}

fn of_column(
    footer: &ParquetMetaData,
    schema: &Schema,
    name: &str,
    groups: &[&RowGroupMetaData],
    rows: u64,
) -> ColumnFacts {
    let parquet_schema = footer.file_metadata().schema_descr();
    // Nested columns are several columns of the file, whose counts say nothing of the whole.
    let Some((index, field)) = parquet_column(parquet_schema, schema, name) else { return ColumnFacts::default() };
    let column = parquet_schema.column(index);
    if field.data_type().is_nested() || column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return ColumnFacts::default();
    }
    let nulls = if column.max_def_level() == 0 {
        Some(0)
    } else {
        groups.iter().map(|group| group.column(index).statistics()?.null_count_opt()).sum()
    };
    let (min, max) = if nulls == Some(rows) || !has_exact_bounds(field.data_type()) {
        (None, None)
    } else {
        bounds(schema, name, index, groups, footer).unwrap_or_default()
    };
    ColumnFacts { nulls, min, max }
}

type Bounds = (Option<ScalarValue>, Option<ScalarValue>);

fn bounds(
    schema: &Schema,
    name: &str,
    index: usize,
    groups: &[&RowGroupMetaData],
    footer: &ParquetMetaData,
) -> Option<Bounds> {
    let mut with_values = Vec::new();
    for group in groups {
        let statistics = group.column(index).statistics()?;
        if statistics.null_count_opt().is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows())) {
            continue;
        }
        // Texts may be cut short; old writers compared bytes as if they had a sign.
        let may_be_cut =
            matches!(statistics.physical_type(), PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY);
        let is_exact = !may_be_cut || (statistics.min_is_exact() && statistics.max_is_exact());
        if !is_exact || statistics.is_min_max_deprecated() || statistics.physical_type() == PhysicalType::INT96 {
            return None;
        }
        with_values.push(*group);
    }
    let converter = StatisticsConverter::try_new(name, schema, footer.file_metadata().schema_descr()).ok()?;
    let mins = converter.row_group_mins(with_values.iter().copied()).ok()?;
    let maxes = converter.row_group_maxes(with_values.iter().copied()).ok()?;
    Some((outermost(&mins, Ordering::Less), outermost(&maxes, Ordering::Greater)))
}

/// The least or the greatest value; `None` if one of them is missing.
fn outermost(values: &ArrayRef, wanted: Ordering) -> Option<ScalarValue> {
    if values.null_count() > 0 {
        return None;
    }
    let mut found: Option<ScalarValue> = None;
    for index in 0..values.len() {
        let value = ScalarValue::try_from_array(values, index).ok()?;
        let is_better = match &found {
            None => true,
            Some(found) => value.partial_cmp(found)? == wanted,
        };
        if is_better {
            found = Some(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use datafusion::arrow::array::{Float64Array, Int32Array, RecordBatch, StringArray};
    use datafusion::arrow::datatypes::Field;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::*;

    fn facts(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> RowFacts {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        of_parquet(reader.metadata(), reader.schema())
    }

    fn two_groups() -> WriterProperties {
        WriterProperties::builder().set_max_row_group_row_count(Some(2)).build()
    }

    #[test]
    fn counts_and_bounds_are_those_of_all_row_groups() {
        let facts = facts(
            vec![
                ("a", Arc::new(Int32Array::from(vec![Some(7), None, Some(-3), Some(5)]))),
                ("none", Arc::new(Int32Array::from(vec![None::<i32>; 4]))),
                ("half", Arc::new(Int32Array::from(vec![None, None, Some(1), Some(2)]))),
                ("f", Arc::new(Float64Array::from(vec![1.0, f64::NAN, 2.0, 3.0]))),
                ("s", Arc::new(StringArray::from(vec!["b", "a", "c", "b"]))),
            ],
            two_groups(),
        );
        assert_eq!(facts.rows, 4);
        let column = |nulls, min, max| ColumnFacts { nulls: Some(nulls), min, max };
        let int = |value: i32| Some(ScalarValue::from(value));
        assert_eq!(facts.columns[0], column(1, int(-3), int(7)));
        assert_eq!(facts.columns[1], column(4, None, None));
        assert_eq!(facts.columns[2], column(2, int(1), int(2)));
        assert_eq!(facts.columns[3], column(0, None, None));
        let text = |value: &str| Some(ScalarValue::from(value));
        assert_eq!(facts.columns[4], column(0, text("a"), text("c")));
    }

    #[test]
    fn a_text_that_is_cut_short_is_no_bound() {
        let long = "x".repeat(500);
        let properties = WriterProperties::builder().set_statistics_truncate_length(Some(8)).build();
        let facts = facts(vec![("s", Arc::new(StringArray::from(vec![long.as_str(), "a"])))], properties);
        assert_eq!(facts.columns[0], ColumnFacts { nulls: Some(0), min: None, max: None });
    }

    #[test]
    fn without_statistics_nothing_is_known_of_nulls() {
        let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
        let facts = facts(vec![("a", Arc::new(Int32Array::from(vec![Some(1), None])))], properties);
        assert_eq!(facts, RowFacts { rows: 2, columns: vec![ColumnFacts::default()] });
    }

    #[test]
    fn a_column_that_cannot_be_null_has_no_nulls_even_without_statistics() {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, false)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int32Array::from(vec![1]))]).unwrap();
        let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        assert_eq!(of_parquet(reader.metadata(), reader.schema()).columns[0].nulls, Some(0));
    }

    fn of(rows: u64, nulls: Option<u64>, bounds: Option<(i64, i64)>) -> RowFacts {
        let (min, max) = bounds.map(|(min, max)| (ScalarValue::from(min), ScalarValue::from(max))).unzip();
        RowFacts { rows, columns: vec![ColumnFacts { nulls, min, max }] }
    }

    fn sum(parts: &[RowFacts]) -> RowFacts {
        let mut sum = RowFacts::empty(1);
        parts.iter().for_each(|part| sum.add(part));
        sum
    }

    #[test]
    fn facts_of_files_add_up() {
        assert_eq!(
            sum(&[of(2, Some(0), Some((5, 9))), of(3, Some(3), None), of(1, Some(0), Some((-1, -1)))]),
            of(6, Some(3), Some((-1, 9)))
        );
        // What one file does not tell, all files together do not.
        assert_eq!(sum(&[of(2, None, Some((5, 9))), of(1, Some(0), Some((6, 6)))]), of(3, None, Some((5, 9))));
        assert_eq!(sum(&[of(2, Some(0), Some((5, 9))), of(1, Some(0), None)]), of(3, Some(0), None));
        assert_eq!(sum(&[of(1, Some(0), None), of(2, Some(0), Some((5, 9)))]), of(3, Some(0), None));
        assert_eq!(sum(&[]), of(0, Some(0), None));
    }

    #[test]
    fn columns_are_found_by_name_and_keep_only_what_a_cast_keeps() {
        let schema = |fields: &[(&str, DataType)]| {
            let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
            Schema::new(fields.iter().map(field).collect::<Vec<_>>())
        };
        let file = schema(&[("x", DataType::Int64), ("Y", DataType::Int64)]);
        let table = schema(&[("x", DataType::Int32), ("y", DataType::Int64), ("z", DataType::Utf8)]);
        let mut facts = of(4, Some(1), Some((2, 3)));
        facts.columns.push(ColumnFacts { nulls: Some(0), min: None, max: None });
        let partition = [ScalarValue::Utf8(None), ScalarValue::from("p")];
        let found = facts.in_table(&file, &table, &partition).columns;
        let int = |value: i32| Some(ScalarValue::from(value));
        assert_eq!(found[0], ColumnFacts { nulls: Some(1), min: int(2), max: int(3) });
        assert_eq!(found[1], ColumnFacts::default());
        assert_eq!(found[2], ColumnFacts { nulls: Some(4), min: None, max: None });
        assert_eq!(found[3], ColumnFacts { nulls: Some(4), min: None, max: None });
        let text = Some(ScalarValue::from("p"));
        assert_eq!(found[4], ColumnFacts { nulls: Some(0), min: text.clone(), max: text });
        // A text read as a number may be none.
        let as_date = schema(&[("x", DataType::Date32)]);
        assert_eq!(facts.in_table(&file, &as_date, &[]).columns[0], ColumnFacts::default());
    }
}
