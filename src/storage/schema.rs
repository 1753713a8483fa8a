//! One schema for files that differ: columns by name, types widened until all fit.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
};

use crate::error::{Error, Result};
use crate::sql::types::display_name;

/// The schema that all files' rows fit in: the columns in the order in which they are first seen, each of the narrowest
/// type that holds every file's values. A column that some file lacks is nullable.
///
/// `shown` gives a file's name for the error when a column's types do not go together.
pub(crate) fn merge(schemas: &[SchemaRef], shown: impl Fn(usize) -> String) -> Result<SchemaRef> {
    merge_with(schemas, shown, widen)
}

/// Merges with another rule for columns of different types.
pub(crate) fn merge_with(
    schemas: &[SchemaRef],
    shown: impl Fn(usize) -> String,
    widen: impl Fn(&DataType, &DataType) -> Option<DataType>,
) -> Result<SchemaRef> {
    let mut columns: Vec<Column> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut seen: Vec<&SchemaRef> = Vec::new();
    for (file, schema) in schemas.iter().enumerate() {
        // Equal schemas are usually the same one; a table of many files has few different ones.
        if seen.iter().rev().any(|known| Arc::ptr_eq(known, schema)) {
            continue;
        }
        for field in schema.fields() {
            match by_name.get(field.name()) {
                None => {
                    by_name.insert(field.name().clone(), columns.len());
                    columns.push(Column::new(field, file, seen.len()));
                }
                Some(index) => columns[*index].add(field, file, &shown, &widen)?,
            }
        }
        seen.push(schema);
    }
    let fields: Vec<FieldRef> = columns.into_iter().map(|column| column.finish(seen.len())).collect();
    Ok(Arc::new(Schema::new(fields)))
}

struct Column {
    name: String,
    data_type: DataType,
    nullable: bool,
    /// The file that brought the present type.
    file: usize,
    /// How many of the different schemas have it.
    occurs: usize,
}

impl Column {
    fn new(field: &Field, file: usize, schemas_without: usize) -> Self {
        Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable() || schemas_without > 0,
            file,
            occurs: 1,
        }
    }

    fn add(
        &mut self,
        field: &Field,
        file: usize,
        shown: &impl Fn(usize) -> String,
        widen: &impl Fn(&DataType, &DataType) -> Option<DataType>,
    ) -> Result<()> {
        self.occurs += 1;
        self.nullable |= field.is_nullable();
        if self.data_type == *field.data_type() {
            return Ok(());
        }
        let Some(wider) = widen(&self.data_type, field.data_type()) else {
            let (one, other) = (display_name(&self.data_type), display_name(field.data_type()));
            return Err(Error::storage(format!(
                "column \"{}\" is {one} in {} and {other} in {}: no type holds both",
                self.name,
                shown(self.file),
                shown(file),
            ))
            .help("read the files apart and CAST one of the columns"));
        };
        if wider != self.data_type {
            self.data_type = wider;
            self.file = file;
        }
        Ok(())
    }

    fn finish(self, schemas: usize) -> FieldRef {
        Arc::new(Field::new(self.name, self.data_type, self.nullable || self.occurs < schemas))
    }
}

/// The narrowest type that holds the values of both; `None` if there is none, such as for a string and a number.
pub(crate) fn widen(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Date32, Date64, Dictionary, FixedSizeBinary, Float16, Float32, Float64, LargeBinary,
        LargeUtf8, Null, Struct, Time32, Time64, Timestamp, Utf8, Utf8View,
    };

    if a == b {
        return Some(a.clone());
    }
    match (a, b) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => widen(value, other),

        _ if a.is_integer() && b.is_integer() => Some(widen_integers(a, b)),
        (Float16 | Float32 | Float64, _) if b.is_floating() => {
            let both_small = *a != Float64 && *b != Float64;
            Some(if both_small { Float32 } else { Float64 })
        }
        _ if (a.is_floating() && (b.is_integer() || is_decimal(b)))
            || (b.is_floating() && (a.is_integer() || is_decimal(a))) =>
        {
            Some(Float64)
        }
        _ if (is_decimal(a) || a.is_integer()) && (is_decimal(b) || b.is_integer()) => widen_decimals(a, b),

        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => {
            Some(if *a == Utf8View || *b == Utf8View { Utf8View } else { LargeUtf8 })
        }
        (
            Binary | LargeBinary | BinaryView | FixedSizeBinary(_),
            Binary | LargeBinary | BinaryView | FixedSizeBinary(_),
        ) => {
            let either = |wanted: &DataType| a == wanted || b == wanted;
            Some(if either(&BinaryView) {
                BinaryView
            } else if either(&LargeBinary) {
                LargeBinary
            } else {
                Binary
            })
        }

        (Date32, Date64) | (Date64, Date32) => Some(Date64),
        (Date32 | Date64, Timestamp(_, _)) => Some(b.clone()),
        (Timestamp(_, _), Date32 | Date64) => Some(a.clone()),
        (Timestamp(unit_a, zone_a), Timestamp(unit_b, zone_b)) => {
            // Both are instants when both have a zone, whichever it is shown in.
            (zone_a.is_some() == zone_b.is_some()).then(|| Timestamp(finer(*unit_a, *unit_b), zone_a.clone()))
        }
        (Time32(unit_a) | Time64(unit_a), Time32(unit_b) | Time64(unit_b)) => Some(match finer(*unit_a, *unit_b) {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Time32(unit),
            unit => Time64(unit),
        }),

        (Struct(fields_a), Struct(fields_b)) => Some(Struct(widen_fields(fields_a, fields_b)?)),
        (DataType::Map(entries_a, sorted_a), DataType::Map(entries_b, sorted_b)) => {
            let (Struct(fields_a), Struct(fields_b)) = (entries_a.data_type(), entries_b.data_type()) else {
                return None;
            };
            let ([key_a, value_a], [key_b, value_b]) = (fields_a.as_ref(), fields_b.as_ref()) else { return None };
            let fields = Fields::from(vec![
                Arc::new(key_a.as_ref().clone().with_data_type(widen(key_a.data_type(), key_b.data_type())?)),
                widen_item(value_a, value_b)?,
            ]);
            let entries = entries_a.as_ref().clone().with_data_type(Struct(fields));
            Some(DataType::Map(Arc::new(entries), *sorted_a && *sorted_b))
        }
        _ => {
            let item = widen_item(list_item(a)?, list_item(b)?)?;
            let large = matches!(a, DataType::LargeList(_)) || matches!(b, DataType::LargeList(_));
            Some(if large { DataType::LargeList(item) } else { DataType::List(item) })
        }
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    decimal_shape(data_type).is_some_and(|_| !data_type.is_integer())
}

/// Precision and scale of a decimal, or of the decimal that holds every value of an integer type.
fn decimal_shape(data_type: &DataType) -> Option<(i16, i16)> {
    Some(match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (i16::from(*precision), i16::from(*scale)),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        _ => return None,
    })
}

fn widen_decimals(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((precision_a, scale_a), (precision_b, scale_b)) = (decimal_shape(a)?, decimal_shape(b)?);
    let scale = scale_a.max(scale_b);
    let precision = (precision_a - scale_a).max(precision_b - scale_b) + scale;
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
    if precision <= DECIMAL128_MAX_PRECISION {
        Some(DataType::Decimal128(precision, scale))
    } else if precision <= DECIMAL256_MAX_PRECISION {
        Some(DataType::Decimal256(precision, scale))
    } else {
        None
    }
}

fn widen_integers(a: &DataType, b: &DataType) -> DataType {
    use DataType::{Decimal128, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};

    let bits = |data_type: &DataType| data_type.primitive_width().unwrap_or(8) * 8;
    let signed = |bits: usize| match bits {
        8 => Int8,
        16 => Int16,
        32 => Int32,
        64 => Int64,
        // 2^64 - 1 and negative numbers.
        _ => Decimal128(20, 0),
    };
    match (a.is_signed_integer(), b.is_signed_integer()) {
        (true, true) => signed(bits(a).max(bits(b))),
        (false, false) => match bits(a).max(bits(b)) {
            8 => UInt8,
            16 => UInt16,
            32 => UInt32,
            _ => UInt64,
        },
        (true, false) => signed(bits(a).max(bits(b) * 2)),
        (false, true) => signed(bits(b).max(bits(a) * 2)),
    }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit: TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn list_item(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

fn widen_item(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let data_type = widen(a.data_type(), b.data_type())?;
    Some(Arc::new(Field::new(a.name(), data_type, a.is_nullable() || b.is_nullable())))
}

fn widen_fields(a: &Fields, b: &Fields) -> Option<Fields> {
    let mut fields = Vec::with_capacity(a.len().max(b.len()));
    for field in a {
        fields.push(match b.iter().find(|other| other.name() == field.name()) {
            Some(other) => widen_item(field, other)?,
            None => Arc::new(field.as_ref().clone().with_nullable(true)),
        });
    }
    for field in b {
        if a.iter().all(|other| other.name() != field.name()) {
            fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
        }
    }
    Some(fields.into())
}

#[cfg(test)]
mod tests {
    use DataType::*;

    use super::*;

    fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
        Arc::new(Schema::new(fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect::<Vec<_>>()))
    }

    fn merged(schemas: &[SchemaRef]) -> Result<SchemaRef> {
        merge(schemas, |file| format!("file-{file}"))
    }

    #[test]
    fn columns_come_in_first_seen_order_and_missing_ones_are_nullable() {
        let result = merged(&[
            schema(&[("x", Int32, false), ("y", Utf8View, false)]),
            schema(&[("z", Float64, false), ("x", Int64, false)]),
        ])
        .unwrap();
        assert_eq!(result, schema(&[("x", Int64, false), ("y", Utf8View, true), ("z", Float64, true)]));
    }

    #[test]
    fn incompatible_types_name_the_column_and_the_files_that_brought_them() {
        let error = merged(&[
            schema(&[("x", Int8, true)]),
            schema(&[("x", Int32, true)]),
            schema(&[("x", Int8, true)]),
            schema(&[("x", Utf8, true)]),
        ])
        .unwrap_err();
        assert_eq!(error.message(), "column \"x\" is INT in file-1 and VARCHAR in file-3: no type holds both");
    }

    #[test]
    fn numbers_widen() {
        for (a, b, wide) in [
            (Int8, Int64, Some(Int64)),
            (UInt8, Int8, Some(Int16)),
            (UInt32, Int64, Some(Int64)),
            (UInt64, Int8, Some(Decimal128(20, 0))),
            (UInt16, UInt32, Some(UInt32)),
            (Int32, Float32, Some(Float64)),
            (Float32, Float64, Some(Float64)),
            (Int64, Decimal128(10, 2), Some(Decimal128(21, 2))),
            (Decimal128(10, 2), Decimal128(12, 4), Some(Decimal128(12, 4))),
            (Decimal128(38, 0), Decimal128(38, 10), Some(Decimal256(48, 10))),
            (Decimal128(10, 2), Float32, Some(Float64)),
            (Int32, Utf8, None),
            (Boolean, Int32, None),
        ] {
            assert_eq!(widen(&a, &b), wide, "{a} and {b}");
            assert_eq!(widen(&b, &a), wide, "{b} and {a}");
        }
    }

    #[test]
    fn strings_times_and_nulls_widen() {
        let stamp = |unit, zone: Option<&str>| Timestamp(unit, zone.map(Into::into));
        for (a, b, wide) in [
            (Null, Boolean, Some(Boolean)),
            (Utf8, LargeUtf8, Some(LargeUtf8)),
            (Utf8, Utf8View, Some(Utf8View)),
            (Dictionary(Box::new(Int32), Box::new(Utf8)), Utf8View, Some(Utf8View)),
            (Date32, stamp(TimeUnit::Second, None), Some(stamp(TimeUnit::Second, None))),
            (
                stamp(TimeUnit::Millisecond, None),
                stamp(TimeUnit::Nanosecond, None),
                Some(stamp(TimeUnit::Nanosecond, None)),
            ),
            (stamp(TimeUnit::Second, Some("UTC")), stamp(TimeUnit::Second, None), None),
            (Time32(TimeUnit::Second), Time64(TimeUnit::Microsecond), Some(Time64(TimeUnit::Microsecond))),
            (Date32, Utf8, None),
        ] {
            assert_eq!(widen(&a, &b), wide, "{a} and {b}");
        }
    }

    #[test]
    fn nested_types_widen_inside() {
        let list = |item| List(Arc::new(Field::new("item", item, true)));
        assert_eq!(widen(&list(Int8), &list(Int64)), Some(list(Int64)));
        assert_eq!(widen(&list(Int8), &list(Utf8)), None);
        assert_eq!(widen(&list(Int8), &Int8), None);
        let record = |fields: &[(&str, DataType, bool)]| Struct(schema(fields).fields().clone());
        assert_eq!(
            widen(&record(&[("a", Int8, false)]), &record(&[("b", Utf8, false), ("a", Int16, false)])),
            Some(record(&[("a", Int16, false), ("b", Utf8, true)]))
        );
    }
}
