//! The types of columns, as Hive and Spark write them in a metastore.
//!
//! Hive: `decimal(10,2)`, `array<struct<a:int,b:map<string,double>>>`. Spark: a name, or JSON for what is nested. A type
//! that there is none for here is an error, and the table cannot be read.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Fields, TimeUnit};
use serde_json::Value;

use crate::error::{Error, Result};

/// How deep types may nest: more than anybody has, and less than what would exhaust the stack.
const MAX_DEPTH: usize = 64;

/// The type that Hive writes so.
pub(super) fn of_hive(text: &str) -> Result<DataType> {
    let mut parser = Parser { text, at: 0 };
    let parsed = parser.data_type(0).filter(|_| parser.rest().trim().is_empty());
    parsed.ok_or_else(|| unknown(text))
}

/// The type that Spark writes so in the JSON of a schema.
pub(super) fn of_spark(json: &Value) -> Result<DataType> {
    spark_type(json, 0).ok_or_else(|| match json {
        Value::String(name) => unknown(name),
        other => unknown(&other.to_string()),
    })
}

fn unknown(text: &str) -> Error {
    Error::statement(format!("the type {text} is not known"))
}

/// The types without others inside that both have. Hive's `float` is one of four bytes, which SQL's need not be.
fn simple(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "tinyint" | "byte" => DataType::Int8,
        "smallint" | "short" => DataType::Int16,
        "int" | "integer" => DataType::Int32,
        "bigint" | "long" => DataType::Int64,
        "float" | "real" => DataType::Float32,
        "double" | "double precision" => DataType::Float64,
        "string" | "char" | "varchar" => DataType::Utf8View,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        // An instant in Spark, a time on the clock in Hive: the same in UTC, which is the zone here.
        "timestamp" | "timestamp_ntz" | "timestamp with local time zone" => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        _ => return None,
    })
}

fn decimal(precision: &str, scale: &str) -> Option<DataType> {
    let (precision, scale) = (precision.trim().parse::<u8>().ok()?, scale.trim().parse::<i8>().ok()?);
    let fits = (1..=DECIMAL128_MAX_PRECISION).contains(&precision) && (0..=38).contains(&scale);
    (fits && i16::from(scale) <= i16::from(precision)).then_some(DataType::Decimal128(precision, scale))
}

fn array(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

fn map(key: DataType, value: DataType) -> DataType {
    let entries = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// Walks over Hive's text for a type.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text up to one of the characters, or to the end.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let word = rest.split(ends).next().unwrap_or_default();
        self.at += word.len();
        word.trim()
    }

    fn take(&mut self, expected: char) -> Option<()> {
        let blank = self.rest().len() - self.rest().trim_start().len();
        let rest = self.rest().trim_start();
        self.at += blank;
        rest.starts_with(expected).then(|| self.at += expected.len_utf8())
    }

    fn data_type(&mut self, depth: usize) -> Option<DataType> {
        if depth > MAX_DEPTH {
            return None;
        }
        let name = self.until(&['<', '(', ',', '>', ')']).to_lowercase();
        match name.as_str() {
            "decimal" | "numeric" => match self.take('(') {
                // Hive's own default.
                None => Some(DataType::Decimal128(10, 0)),
                Some(()) => {
                    let precision = self.until(&[',', ')']);
                    let scale = if self.take(',').is_some() { self.until(&[')']) } else { "0" };
                    self.take(')')?;
                    decimal(precision, scale)
                }
            },
            "char" | "varchar" => {
                if self.take('(').is_some() {
                    self.until(&[')']);
                    self.take(')')?;
                }
                simple(&name)
            }
            "array" => {
                self.take('<')?;
                let item = self.data_type(depth + 1)?;
                self.take('>')?;
                Some(array(item))
            }
            "map" => {
                self.take('<')?;
                let key = self.data_type(depth + 1)?;
                self.take(',')?;
                let value = self.data_type(depth + 1)?;
                self.take('>')?;
                Some(map(key, value))
            }
            "struct" => {
                self.take('<')?;
                let mut fields = Vec::new();
                loop {
                    let name = self.field_name()?;
                    self.take(':')?;
                    fields.push(Field::new(name, self.data_type(depth + 1)?, true));
                    if self.take(',').is_none() {
                        break;
                    }
                }
                self.take('>')?;
                Some(DataType::Struct(fields.into()))
            }
            name => simple(name),
        }
    }

    /// A name may stand in backticks, and then hold anything.
    fn field_name(&mut self) -> Option<String> {
        if self.take('`').is_none() {
            let name = self.until(&[':', ',', '>']);
            return (!name.is_empty()).then(|| name.to_string());
        }
        let mut name = String::new();
        loop {
            name.push_str(self.rest().split('`').next()?);
            self.at += self.rest().find('`')? + 1;
            // A doubled one is part of the name.
            if !self.rest().starts_with('`') {
                return Some(name);
            }
            name.push('`');
            self.at += 1;
        }
    }
}

fn spark_type(json: &Value, depth: usize) -> Option<DataType> {
    if depth > MAX_DEPTH {
        return None;
    }
    let nested = |key: &str| spark_type(json.get(key)?, depth + 1);
    match json {
        Value::String(name) => match name.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
            Some(digits) => digits.split_once(',').and_then(|(precision, scale)| decimal(precision, scale)),
            None if name.starts_with("char(") || name.starts_with("varchar(") => Some(DataType::Utf8View),
            // With a collation, which is not observed.
            None if name.starts_with("string collate ") => None,
            None => simple(name),
        },
        Value::Object(_) => match json.get("type")?.as_str()? {
            "array" => Some(array(nested("elementType")?)),
            "map" => Some(map(nested("keyType")?, nested("valueType")?)),
            "struct" => {
                let fields = json.get("fields")?.as_array()?.iter().map(|field| {
                    let data_type = spark_type(field.get("type")?, depth + 1)?;
                    Some(Field::new(field.get("name")?.as_str()?, data_type, true))
                });
                Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
            }
            // A class of the user's, which is stored as another type.
            "udt" => nested("sqlType"),
            _ => None,
        },
        _ => None,
    }
}

/// The same type with the names inside in lower case, as a metastore keeps them.
pub(super) fn in_lower_case(data_type: &DataType) -> DataType {
    let lower = |field: &Field| {
        let inner = in_lower_case(field.data_type());
        field.clone().with_name(field.name().to_lowercase()).with_data_type(inner)
    };
    match data_type {
        DataType::List(item) => DataType::List(Arc::new(lower(item))),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(lower(entries)), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| lower(field)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sql::types::to_sql;

    fn hive(text: &str) -> String {
        to_sql(&of_hive(text).unwrap())
    }

    #[test]
    fn types_of_hive() {
        for (text, sql) in [
            ("tinyint", "TINYINT"),
            ("int", "INT"),
            ("BIGINT", "BIGINT"),
            ("float", "REAL"),
            ("double", "DOUBLE"),
            ("decimal", "DECIMAL(10, 0)"),
            ("decimal(12,2)", "DECIMAL(12, 2)"),
            ("decimal(38)", "DECIMAL(38, 0)"),
            ("varchar(20)", "VARCHAR"),
            ("char(2)", "VARCHAR"),
            ("timestamp", "TIMESTAMP"),
            ("timestamp with local time zone", "TIMESTAMP"),
            ("array<string>", "ARRAY<VARCHAR>"),
            ("map<string,array<decimal(5,1)>>", "MAP<VARCHAR, ARRAY<DECIMAL(5, 1)>>"),
            ("struct<a:int,b:struct<c:varchar(3),d:date>>", "STRUCT<a INT, b STRUCT<c VARCHAR, d DATE>>"),
            ("struct<`a:b``,`:int, c :binary>", "STRUCT<\"a:b`,\" INT, c BINARY>"),
        ] {
            assert_eq!(hive(text), sql, "{text}");
        }
    }

    #[test]
    fn what_is_no_type_of_hive() {
        let deep = format!("{}int{}", "array<".repeat(100), ">".repeat(100));
        for text in [
            "",
            "uniontype<int,string>",
            "void",
            "decimal(39,2)",
            "decimal(5,6)",
            "decimal(a,b)",
            "array<int",
            "array<int>>",
            "struct<>",
            "struct<a>",
            "map<int>",
            "int(",
            "interval_day_time",
            &deep,
            "struct<`a",
        ] {
            assert!(of_hive(text).is_err(), "{text}");
        }
    }

    #[test]
    fn types_of_spark() {
        let of = |json: Value| of_spark(&json).map(|data_type| to_sql(&data_type));
        assert_eq!(of(json!("long")).unwrap(), "BIGINT");
        assert_eq!(of(json!("decimal(10,2)")).unwrap(), "DECIMAL(10, 2)");
        assert_eq!(of(json!("varchar(10)")).unwrap(), "VARCHAR");
        let nested = json!({"type": "struct", "fields": [
            {"name": "Deep", "type": {"type": "array", "elementType": "byte", "containsNull": true}, "nullable": true, "metadata": {}},
            {"name": "m", "type": {"type": "map", "keyType": "string", "valueType": "timestamp", "valueContainsNull": false}},
        ]});
        assert_eq!(of(nested).unwrap(), "STRUCT<\"Deep\" ARRAY<TINYINT>, m MAP<VARCHAR, TIMESTAMP>>");
        for wrong in [json!("variant"), json!({"type": "array"}), json!(7), json!("interval day to second")] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_inside_can_be_lowered() {
        let spark = of_hive("struct<A:array<struct<Bb:int>>>").unwrap();
        assert_eq!(in_lower_case(&spark), of_hive("struct<a:array<struct<bb:int>>>").unwrap());
    }
}
