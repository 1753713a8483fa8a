//! Arrow types as text: what stands in `ARROW('…')`.
//!
//! It is Arrow's own text (`Dictionary(Int32, Utf8)`), which Arrow reads back. But not all of it: metadata of inner
//! fields (Parquet's field ids are such), empty names, and names with quotes or backslashes are written by Arrow and
//! refused or changed on the way back. For types with these there is a second form, in JSON:
//!
//! ```text
//! {"struct":[{"name":"a","type":"Int32","metadata":{"PARQUET:field_id":"2"}}]}
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, UnionFields, UnionMode};
use serde::{Deserialize, Serialize};

use super::MAX_DEPTH;
use crate::error::{Error, Result};

/// The text that [`read`] turns into the same type.
pub(super) fn write(data_type: &DataType) -> String {
    let text = data_type.to_string();
    if read(&text).is_ok_and(|back| back == *data_type) {
        return text;
    }
    // JSON has no way to fail here: all its keys are strings.
    serde_json::to_string(&TypeText::from(data_type)).unwrap_or(text)
}

pub(super) fn read(text: &str) -> Result<DataType> {
    let wrong = |why: String| {
        Error::statement(format!("\"{text}\" is not an Arrow type: {why}"))
            .help("Arrow's types are written like Int32, LargeUtf8, Timestamp(ms) or Dictionary(Int32, Utf8)")
    };
    if text.trim_start().starts_with('{') {
        let parsed: TypeText = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        return DataType::try_from(parsed).map_err(|error| wrong(error.message().to_owned()));
    }
    // Arrow's parser recurses as deep as it is told to.
    let mut open = 0_usize;
    for c in text.chars() {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_DEPTH {
            return Err(super::nested_too_deep());
        }
    }
    text.parse().map_err(|_| wrong("Arrow cannot read it".into()))
}

/// A type in JSON: a text when Arrow's own does, else an object with one key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum TypeText {
    Plain(String),
    Nested(NestedText),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NestedText {
    /// Unit and zone.
    Timestamp(String, String),
    List(Box<FieldText>),
    LargeList(Box<FieldText>),
    ListView(Box<FieldText>),
    LargeListView(Box<FieldText>),
    FixedSizeList(Box<FieldText>, i32),
    Struct(Vec<FieldText>),
    /// The entries, and whether the keys are sorted.
    Map(Box<FieldText>, bool),
    Dictionary(Box<TypeText>, Box<TypeText>),
    RunEndEncoded(Box<FieldText>, Box<FieldText>),
    DenseUnion(Vec<(i8, FieldText)>),
    SparseUnion(Vec<(i8, FieldText)>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldText {
    name: String,
    #[serde(rename = "type")]
    data_type: TypeText,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    nullable: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

impl From<&DataType> for TypeText {
    fn from(data_type: &DataType) -> Self {
        let boxed = |field: &FieldRef| Box::new(FieldText::from(field));
        let nested = match data_type {
            DataType::Timestamp(unit, Some(zone)) => NestedText::Timestamp(unit.to_string(), zone.to_string()),
            DataType::List(item) => NestedText::List(boxed(item)),
            DataType::LargeList(item) => NestedText::LargeList(boxed(item)),
            DataType::ListView(item) => NestedText::ListView(boxed(item)),
            DataType::LargeListView(item) => NestedText::LargeListView(boxed(item)),
            DataType::FixedSizeList(item, size) => NestedText::FixedSizeList(boxed(item), *size),
            DataType::Struct(fields) => NestedText::Struct(fields.iter().map(FieldText::from).collect()),
            DataType::Map(entries, sorted) => NestedText::Map(boxed(entries), *sorted),
            DataType::Dictionary(keys, values) => {
                NestedText::Dictionary(Box::new(keys.as_ref().into()), Box::new(values.as_ref().into()))
            }
            DataType::RunEndEncoded(ends, values) => NestedText::RunEndEncoded(boxed(ends), boxed(values)),
            DataType::Union(fields, mode) => {
                let fields = fields.iter().map(|(id, field)| (id, field.into())).collect();
                match mode {
                    UnionMode::Dense => NestedText::DenseUnion(fields),
                    UnionMode::Sparse => NestedText::SparseUnion(fields),
                }
            }
            simple => return TypeText::Plain(simple.to_string()),
        };
        TypeText::Nested(nested)
    }
}

impl From<&FieldRef> for FieldText {
    fn from(field: &FieldRef) -> Self {
        FieldText {
            name: field.name().clone(),
            data_type: field.data_type().into(),
            nullable: field.is_nullable(),
            metadata: field.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }
}

impl TryFrom<TypeText> for DataType {
    type Error = Error;

    fn try_from(text: TypeText) -> Result<Self> {
        let nested = match text {
            TypeText::Plain(text) => return read(&text),
            TypeText::Nested(nested) => nested,
        };
        Ok(match nested {
            NestedText::Timestamp(unit, zone) => DataType::Timestamp(time_unit(&unit)?, Some(zone.into())),
            NestedText::List(item) => DataType::List(item.field()?),
            NestedText::LargeList(item) => DataType::LargeList(item.field()?),
            NestedText::ListView(item) => DataType::ListView(item.field()?),
            NestedText::LargeListView(item) => DataType::LargeListView(item.field()?),
            NestedText::FixedSizeList(item, size) => DataType::FixedSizeList(item.field()?, size),
            NestedText::Struct(fields) => {
                DataType::Struct(fields.into_iter().map(FieldText::field).collect::<Result<_>>()?)
            }
            NestedText::Map(entries, sorted) => DataType::Map(entries.field()?, sorted),
            NestedText::Dictionary(keys, values) => {
                DataType::Dictionary(Box::new((*keys).try_into()?), Box::new((*values).try_into()?))
            }
            NestedText::RunEndEncoded(ends, values) => DataType::RunEndEncoded(ends.field()?, values.field()?),
            NestedText::DenseUnion(fields) => DataType::Union(union_fields(fields)?, UnionMode::Dense),
            NestedText::SparseUnion(fields) => DataType::Union(union_fields(fields)?, UnionMode::Sparse),
        })
    }
}

impl FieldText {
    fn field(self) -> Result<FieldRef> {
        let field = Field::new(self.name, self.data_type.try_into()?, self.nullable);
        Ok(Arc::new(field.with_metadata(self.metadata.into_iter().collect())))
    }
}

fn time_unit(text: &str) -> Result<TimeUnit> {
    [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond]
        .into_iter()
        .find(|unit| unit.to_string() == text)
        .ok_or_else(|| Error::statement(format!("\"{text}\" is not a unit of time")))
}

fn union_fields(fields: Vec<(i8, FieldText)>) -> Result<UnionFields> {
    let fields = fields.into_iter().map(|(id, field)| Ok((id, field.field()?))).collect::<Result<Vec<_>>>()?;
    let (ids, fields): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    UnionFields::try_new(ids, fields).map_err(|error| Error::statement(error.to_string()))
}
