//! What was found, as rows: one for each column, key and foreign key, for programs.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder,
    StructBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;

use super::{ColumnFacts, Profile, TableProfile};
use crate::catalog::model::ConstraintKind;
use crate::catalog::show_create::qualified_name;
use crate::error::Result;
use crate::sql::types::display_name;

/// The profile as one table.
pub fn rows(profile: &Profile) -> Result<RecordBatch> {
    let mut rows = Vec::new();
    for table in &profile.tables {
        rows.extend(table.columns.iter().map(|column| Row::of_column(table, column)));
        rows.extend(table.keys.iter().map(|key| Row::of_constraint(table, &key.kind, key.weak, key.declared.as_ref())));
        let references = table.references.iter();
        rows.extend(
            references.map(|reference| {
                Row::of_constraint(table, &reference.kind, reference.weak, reference.declared.as_ref())
            }),
        );
    }
    let text =
        |of: &dyn Fn(&Row) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let number = |of: &dyn Fn(&Row) -> Option<u64>| -> ArrayRef {
        let numbers = rows.iter().map(of).map(|number| number.and_then(|number| i64::try_from(number).ok()));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let exact: BooleanArray = rows.iter().map(|row| row.distinct_is_exact).collect();
    let columns: [(&str, ArrayRef); 14] = [
        ("table_name", text(&|row| Some(row.table.clone()))),
        ("kind", text(&|row| Some(row.kind.clone()))),
        ("columns", text(&|row| Some(row.columns.clone()))),
        ("data_type", text(&|row| row.data_type.clone())),
        ("row_count", number(&|row| row.rows)),
        ("null_count", number(&|row| row.nulls)),
        ("distinct_count", number(&|row| row.distinct)),
        ("distinct_is_exact", Arc::new(exact)),
        ("min_value", text(&|row| row.min.clone())),
        ("max_value", text(&|row| row.max.clone())),
        ("top_values", top_values(&rows)),
        ("references", text(&|row| row.references.clone())),
        ("evidence", text(&|row| Some(row.evidence.clone()))),
        ("note", text(&|row| row.note.clone())),
    ];
    let columns = columns.into_iter().map(|(name, values)| (name, values, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| DataFusionError::from(error).into())
}

#[derive(Default)]
struct Row {
    table: String,
    kind: String,
    columns: String,
    data_type: Option<String>,
    rows: Option<u64>,
    nulls: Option<u64>,
    distinct: Option<u64>,
    distinct_is_exact: Option<bool>,
    min: Option<String>,
    max: Option<String>,
    top: Option<Vec<(String, u64)>>,
    references: Option<String>,
    evidence: String,
    note: Option<String>,
}

impl Row {
    fn of_column(table: &TableProfile, column: &ColumnFacts) -> Self {
        Row {
            table: table.source.name().to_string(),
            kind: "column".to_string(),
            columns: column.name.clone(),
            data_type: Some(display_name(&column.data_type)),
            rows: Some(table.rows),
            nulls: Some(column.nulls),
            distinct: column.distinct.map(|distinct| distinct.count),
            distinct_is_exact: column.distinct.map(|distinct| distinct.exact),
            min: column.min.as_ref().map(value_text),
            max: column.max.as_ref().map(value_text),
            top: column.distinct.map(|_| column.top.iter().map(|(value, count)| (value_text(value), *count)).collect()),
            evidence: evidence(table),
            note: (!column.top_is_exact && !column.top.is_empty())
                .then(|| "top values are counted in part".to_string()),
            ..Row::default()
        }
    }

    fn of_constraint(
        table: &TableProfile,
        kind: &ConstraintKind,
        weak: Option<&str>,
        declared: Option<&String>,
    ) -> Self {
        Row {
            table: table.source.name().to_string(),
            kind: kind.keywords().to_lowercase(),
            columns: kind.columns().join(", "),
            rows: Some(table.rows),
            references: references(kind),
            evidence: evidence(table),
            note: note(weak, declared.map(String::as_str)),
            ..Row::default()
        }
    }
}

/// What a foreign key refers to: `default.customer (c_custkey)`.
pub fn references(kind: &ConstraintKind) -> Option<String> {
    match kind {
        ConstraintKind::ForeignKey { references, referenced_columns, .. } => {
            Some(format!("{} ({})", qualified_name(references), referenced_columns.join(", ")))
        }
        _ => None,
    }
}

/// What is to be known of a key besides.
pub fn note(weak: Option<&str>, declared: Option<&str>) -> Option<String> {
    match (weak, declared) {
        (_, Some(name)) => Some(format!("declared: {name}")),
        (Some(weak), None) => Some(format!("weak: {weak}")),
        (None, None) => None,
    }
}

fn evidence(table: &TableProfile) -> String {
    match table.sample {
        None => "all rows".to_string(),
        Some(sample) => format!("sample: {sample}"),
    }
}

/// A value as text.
pub fn value_text(value: &ScalarValue) -> String {
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"));
    let formatted = value.to_array().ok().and_then(|array| {
        ArrayFormatter::try_new(array.as_ref(), &options)
            .ok()
            .and_then(|formatter| formatter.value(0).try_to_string().ok())
    });
    formatted.unwrap_or_else(|| value.to_string())
}

fn top_values(rows: &[Row]) -> ArrayRef {
    let fields = vec![Field::new("value", DataType::Utf8, true), Field::new("count", DataType::Int64, true)];
    let entry = StructBuilder::new(fields, vec![Box::new(StringBuilder::new()), Box::new(Int64Builder::new())]);
    let mut lists = ListBuilder::new(entry);
    for row in rows {
        for (value, count) in row.top.iter().flatten() {
            let entry = lists.values();
            if let Some(values) = entry.field_builder::<StringBuilder>(0) {
                values.append_value(value);
            }
            if let Some(counts) = entry.field_builder::<Int64Builder>(1) {
                counts.append_value(i64::try_from(*count).unwrap_or(i64::MAX));
            }
            entry.append(true);
        }
        lists.append(row.top.is_some());
    }
    Arc::new(lists.finish())
}
