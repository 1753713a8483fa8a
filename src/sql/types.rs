//! Types as SQL spells them, and as Arrow knows them.
//!
//! A column's type is written by people (`DECIMAL(12, 2)`), kept in the catalog as text, shown by SHOW CREATE TABLE and
//! computed with as an Arrow [`DataType`]. What is written out must be read back as exactly the same type, or a table
//! would change by being copied. SQL has one word for several Arrow types, so each word stands for one of them
//! (`VARCHAR` for `Utf8View`, which is DataFusion's choice), and a type without a word of its own is written as Arrow
//! writes it: `ARROW('Dictionary(Int32, Utf8)')`.
//!
//! These need that form:
//!
//! - strings and bytes other than `Utf8View` and `Binary`: `Utf8`, `LargeUtf8`, `LargeBinary`, `BinaryView`,
//!   `FixedSizeBinary`;
//! - `Null`, `Float16`, `Date64`, `Duration`, `Interval(YearMonth)`, `Interval(DayTime)`;
//! - `Decimal32`, `Decimal64`, and `Decimal256` of 38 digits or less;
//! - timestamps in a zone other than UTC;
//! - `LargeList`, `ListView`, `LargeListView`, `Dictionary`, `RunEndEncoded`, `Union`, a map with sorted keys, a struct
//!   without fields, and a fixed-size list whose items are themselves nested;
//! - a list, map or struct whose inner fields have other names than Arrow's usual ones, are NOT NULL, or have metadata.

mod arrow_text;
mod planner;

pub use planner::SqlTypePlanner;

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit,
};
use sqlparser::ast::{self, ArrayElemTypeDef, ExactNumberInfo, ObjectNamePart, TimezoneInfo};
use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};
use crate::names::{nearest, quote_identifier, quote_string};

/// How deep types may nest. Far more than anybody has, and far less than what would exhaust the stack.
const MAX_DEPTH: usize = 64;

/// The zone of `TIMESTAMP WITH TIME ZONE`: the one that Parquet files name.
const UTC: &str = "UTC";

/// Names of Arrow's map fields, as Arrow and DataFusion make them.
const MAP_ENTRIES: &str = "entries";
const MAP_KEY: &str = "key";
const MAP_VALUE: &str = "value";

/// Decimals without precision and scale, as in DataFusion.
const DEFAULT_DECIMAL: (u8, i8) = (38, 10);

/// The type as SQL, such that [`parse_type`] returns the same type.
pub fn to_sql(data_type: &DataType) -> String {
    simple_name(data_type)
        .or_else(|| nested_name(data_type))
        .unwrap_or_else(|| format!("ARROW({})", quote_string(&arrow_text::write(data_type))))
}

/// The type as people want to read it in DESCRIBE and `information_schema`: `VARCHAR` for all strings, the type of the
/// values for a dictionary. Other than [`to_sql`] it does not tell how the values lie in memory.
pub fn display_name(data_type: &DataType) -> String {
    let array = |item: &FieldRef| format!("ARRAY<{}>", display_name(item.data_type()));
    let named = |field: &FieldRef| format!("{} {}", quote_identifier(field.name()), display_name(field.data_type()));
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => "VARCHAR".into(),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "BINARY".into(),
        DataType::Date64 => "DATE".into(),
        DataType::Interval(_) => "INTERVAL".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Timestamp(unit, Some(_)) => timestamp_name(*unit, true),
        DataType::Dictionary(_, values) => display_name(values),
        DataType::RunEndEncoded(_, values) => display_name(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => array(item),
        DataType::Struct(fields) => format!("STRUCT<{}>", fields.iter().map(named).collect::<Vec<_>>().join(", ")),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                let types = fields.iter().map(|field| display_name(field.data_type()));
                format!("MAP<{}>", types.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        },
        other => simple_name(other).unwrap_or_else(|| other.to_string().to_uppercase()),
    }
}

/// The name of a type that has no other types inside, if SQL has one.
fn simple_name(data_type: &DataType) -> Option<String> {
    let name = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INT UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8View => "VARCHAR",
        DataType::Binary => "BINARY",
        DataType::Date32 => "DATE",
        DataType::Time32(TimeUnit::Second) => "TIME(0)",
        DataType::Time32(TimeUnit::Millisecond) => "TIME(3)",
        DataType::Time64(TimeUnit::Microsecond) => "TIME(6)",
        DataType::Time64(TimeUnit::Nanosecond) => "TIME",
        DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL",
        DataType::Timestamp(unit, None) => return Some(timestamp_name(*unit, false)),
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() == UTC => return Some(timestamp_name(*unit, true)),
        DataType::Decimal128(precision, scale) if is_decimal(*precision, *scale, DECIMAL128_MAX_PRECISION) => {
            return Some(format!("DECIMAL({precision}, {scale})"));
        }
        DataType::Decimal256(precision, scale)
            if *precision > DECIMAL128_MAX_PRECISION && is_decimal(*precision, *scale, DECIMAL256_MAX_PRECISION) =>
        {
            return Some(format!("DECIMAL({precision}, {scale})"));
        }
        _ => return None,
    };
    Some(name.to_owned())
}

fn timestamp_name(unit: TimeUnit, with_zone: bool) -> String {
    let precision = match unit {
        TimeUnit::Second => "(0)",
        TimeUnit::Millisecond => "(3)",
        TimeUnit::Microsecond => "",
        TimeUnit::Nanosecond => "(9)",
    };
    format!("TIMESTAMP{precision}{}", if with_zone { " WITH TIME ZONE" } else { "" })
}

/// The name of an array, struct or map whose inner fields are as SQL would make them.
fn nested_name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::List(item) if *item == list_item(item.data_type().clone()) => {
            Some(format!("ARRAY<{}>", to_sql(item.data_type())))
        }
        DataType::FixedSizeList(item, size) if *item == list_item(item.data_type().clone()) && *size >= 0 => {
            // Behind `>>` the parser gives `[n]` to the wrong type: STRUCT<a ARRAY<INT>>[3].
            let item = to_sql(item.data_type());
            (!item.contains('<')).then(|| format!("{item}[{size}]"))
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            let plain = |field: &FieldRef| {
                !field.name().is_empty() && **field == Field::new(field.name(), field.data_type().clone(), true)
            };
            let written =
                |field: &FieldRef| format!("{} {}", quote_identifier(field.name()), to_sql(field.data_type()));
            fields
                .iter()
                .all(plain)
                .then(|| format!("STRUCT<{}>", fields.iter().map(written).collect::<Vec<_>>().join(", ")))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return None };
            let [key, value] = fields.as_ref() else { return None };
            (*data_type == map(key.data_type().clone(), value.data_type().clone()))
                .then(|| format!("MAP<{}, {}>", to_sql(key.data_type()), to_sql(value.data_type())))
        }
        _ => None,
    }
}

fn list_item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

fn map(key: DataType, value: DataType) -> DataType {
    let fields = vec![Field::new(MAP_KEY, key, false), Field::new(MAP_VALUE, value, true)];
    DataType::Map(Arc::new(Field::new(MAP_ENTRIES, DataType::Struct(fields.into()), false)), false)
}

fn is_decimal(precision: u8, scale: i8, max_precision: u8) -> bool {
    (1..=max_precision).contains(&precision) && i16::from(scale) <= i16::from(precision)
}

/// Reads a type that stands alone, such as one that [`to_sql`] wrote.
pub fn parse_type(text: &str) -> Result<DataType> {
    let wrong = |why: String| Error::statement(format!("\"{text}\" is not a type: {why}"));
    let tokens = Tokenizer::new(&TypeDialect, text).tokenize().map_err(|error| wrong(error.to_string()))?;
    let tokens = separate_closing_brackets(tokens);
    if nesting(&tokens) > MAX_DEPTH {
        return Err(nested_too_deep());
    }
    let mut parser = Parser::new(&TypeDialect).with_tokens(tokens);
    let parsed = parser.parse_data_type().map_err(|error| wrong(error.to_string()))?;
    match parser.peek_token().token {
        Token::EOF => from_sql(&parsed),
        rest => Err(wrong(format!("\"{rest}\" is one word too many"))),
    }
}

/// The parser takes `>>` for one closing bracket with another to come, and then reads `STRUCT<a ARRAY<INT>>[]` as
/// `STRUCT<a ARRAY<INT>[]>`.
fn separate_closing_brackets(tokens: Vec<Token>) -> Vec<Token> {
    let separate = |token| match token {
        Token::ShiftRight => vec![Token::Gt, Token::Gt],
        other => vec![other],
    };
    tokens.into_iter().flat_map(separate).collect()
}

/// Refuses types in a statement that nest so deep that the parser would run out of stack: it has a limit for
/// expressions and subqueries, but none for types. To be called with all tokens of a statement before they are parsed.
pub fn check_nesting<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Result<()> {
    // `<` begins a type's inside only behind one of three words; everywhere else it compares.
    let opens_type = |word: &Token| match word {
        Token::Word(word) => {
            word.quote_style.is_none()
                && ["ARRAY", "STRUCT", "MAP"].iter().any(|name| word.value.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    let (mut open, mut arrays, mut before) = (0_usize, 0_usize, &Token::EOF);
    for token in tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        match token {
            Token::Lt if opens_type(before) => open += 1,
            Token::Gt => open = open.saturating_sub(1),
            Token::ShiftRight => open = open.saturating_sub(2),
            // INT[][]: not deep for the parser, but for all that walk over the type.
            Token::LBracket if *before == Token::RBracket => arrays += 1,
            Token::RBracket | Token::Number(..) => {}
            _ => arrays = 0,
        }
        if open > MAX_DEPTH || arrays > MAX_DEPTH {
            return Err(nested_too_deep());
        }
        before = token;
    }
    Ok(())
}

/// How deep a type nests, or more: the parser and all that comes after it recurse that deep.
fn nesting(tokens: &[Token]) -> usize {
    let (mut open, mut deepest, mut arrays) = (0_usize, 0, 0);
    for token in tokens {
        match token {
            Token::Lt | Token::LParen => open += 1,
            Token::Gt | Token::RParen => open = open.saturating_sub(1),
            Token::LBracket => arrays += 1,
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest + arrays
}

fn nested_too_deep() -> Error {
    Error::statement(format!("a type may nest at most {MAX_DEPTH} deep"))
}

/// The Arrow type of a type that the SQL parser read. An unknown one is an error with the nearest known name.
pub fn from_sql(sql_type: &ast::DataType) -> Result<DataType> {
    read(sql_type, 0)
}

fn read(sql_type: &ast::DataType, depth: usize) -> Result<DataType> {
    use ast::DataType as Sql;
    if depth > MAX_DEPTH {
        return Err(nested_too_deep());
    }
    let data_type = match sql_type {
        Sql::Boolean | Sql::Bool => DataType::Boolean,

        Sql::TinyInt(_) => DataType::Int8,
        Sql::SmallInt(_) | Sql::Int2(_) | Sql::Int16 => DataType::Int16,
        Sql::Int(_) | Sql::Integer(_) | Sql::Int4(_) | Sql::MediumInt(_) | Sql::Int32 => DataType::Int32,
        Sql::BigInt(_) | Sql::Int8(_) | Sql::Int64 => DataType::Int64,
        Sql::TinyIntUnsigned(_) | Sql::UTinyInt | Sql::UInt8 => DataType::UInt8,
        Sql::SmallIntUnsigned(_) | Sql::Int2Unsigned(_) | Sql::USmallInt | Sql::UInt16 => DataType::UInt16,
        Sql::IntUnsigned(_)
        | Sql::IntegerUnsigned(_)
        | Sql::Int4Unsigned(_)
        | Sql::MediumIntUnsigned(_)
        | Sql::UInt32 => DataType::UInt32,
        Sql::BigIntUnsigned(_) | Sql::Int8Unsigned(_) | Sql::UBigInt | Sql::UInt64 => DataType::UInt64,

        Sql::Real | Sql::Float4 | Sql::Float32 => DataType::Float32,
        Sql::Double(ExactNumberInfo::None)
        | Sql::DoublePrecision
        | Sql::Float8
        | Sql::Float64
        | Sql::Float(ExactNumberInfo::None) => DataType::Float64,
        Sql::Float(ExactNumberInfo::Precision(bits)) => float(*bits)?,
        Sql::Float(_) | Sql::Double(_) => {
            return Err(not_supported(sql_type).help("for digits before and after the point there is DECIMAL(12, 2)"));
        }

        Sql::Decimal(digits) | Sql::Numeric(digits) | Sql::Dec(digits) => decimal(digits)?,
        Sql::BigDecimal(digits) | Sql::BigNumeric(digits) => decimal(digits)?,

        Sql::Varchar(_)
        | Sql::Nvarchar(_)
        | Sql::Char(_)
        | Sql::Character(_)
        | Sql::CharVarying(_)
        | Sql::CharacterVarying(_)
        | Sql::CharLargeObject(_)
        | Sql::CharacterLargeObject(_)
        | Sql::Clob(_)
        | Sql::Text
        | Sql::TinyText
        | Sql::MediumText
        | Sql::LongText
        | Sql::String(_) => DataType::Utf8View,

        Sql::Binary(_)
        | Sql::Varbinary(_)
        | Sql::Bytea
        | Sql::Bytes(_)
        | Sql::Blob(_)
        | Sql::TinyBlob
        | Sql::MediumBlob
        | Sql::LongBlob => DataType::Binary,

        Sql::Date | Sql::Date32 => DataType::Date32,
        Sql::Time(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            return Err(not_supported(sql_type).help("there is TIME without a zone, and TIMESTAMP WITH TIME ZONE"));
        }
        Sql::Time(precision, _) => match time_unit("TIME", *precision)? {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
            unit => DataType::Time64(unit),
        },
        Sql::Timestamp(precision, zone) => {
            let zone = matches!(zone, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone).then(|| UTC.into());
            DataType::Timestamp(time_unit("TIMESTAMP", *precision)?, zone)
        }
        Sql::TimestampNtz(precision) => DataType::Timestamp(time_unit("TIMESTAMP_NTZ", *precision)?, None),
        Sql::Datetime(precision) => DataType::Timestamp(time_unit("DATETIME", *precision)?, None),
        // `INTERVAL DAY TO SECOND` limits what may be written, not how it is kept.
        Sql::Interval { .. } => DataType::Interval(IntervalUnit::MonthDayNano),

        Sql::Array(ArrayElemTypeDef::AngleBracket(item) | ArrayElemTypeDef::Parenthesis(item)) => {
            DataType::List(list_item(read(item, depth + 1)?))
        }
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, None)) => DataType::List(list_item(read(item, depth + 1)?)),
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, Some(size))) => {
            let size = i32::try_from(*size)
                .map_err(|_| Error::statement(format!("an array has at most {} items, not {size}", i32::MAX)))?;
            DataType::FixedSizeList(list_item(read(item, depth + 1)?), size)
        }
        Sql::Array(ArrayElemTypeDef::None) => {
            return Err(Error::statement("ARRAY needs the type of its items").help("such as ARRAY<INT>"));
        }
        Sql::Struct(fields, _) => DataType::Struct(struct_fields(fields, depth)?),
        Sql::Map(key, value) => map(read(key, depth + 1)?, read(value, depth + 1)?),

        Sql::Custom(name, arguments) => custom(name, arguments)?,

        Sql::JSON | Sql::JSONB => return Err(not_supported(sql_type).help("keep JSON as VARCHAR")),
        Sql::Uuid => return Err(not_supported(sql_type).help("keep UUIDs as VARCHAR or BINARY")),
        Sql::HugeInt | Sql::Int128 | Sql::UHugeInt | Sql::UInt128 => {
            return Err(not_supported(sql_type).help("DECIMAL(38, 0) has room for 38 digits"));
        }
        other => return Err(not_supported(other)),
    };
    Ok(data_type)
}

fn not_supported(sql_type: &ast::DataType) -> Error {
    Error::statement(format!("the type {sql_type} is not supported"))
}

/// FLOAT(n): n is a number of bits, as in the standard.
fn float(bits: u64) -> Result<DataType> {
    match bits {
        1..=24 => Ok(DataType::Float32),
        25..=53 => Ok(DataType::Float64),
        _ => Err(Error::statement(format!("FLOAT({bits}): the precision is 1 to 53 bits"))),
    }
}

fn decimal(digits: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match *digits {
        ExactNumberInfo::None => return Ok(DataType::Decimal128(DEFAULT_DECIMAL.0, DEFAULT_DECIMAL.1)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let valid = u8::try_from(precision).ok().zip(i8::try_from(scale).ok());
    match valid.filter(|(precision, scale)| is_decimal(*precision, *scale, DECIMAL256_MAX_PRECISION)) {
        Some((precision, scale)) if precision <= DECIMAL128_MAX_PRECISION => Ok(DataType::Decimal128(precision, scale)),
        Some((precision, scale)) => Ok(DataType::Decimal256(precision, scale)),
        None => Err(Error::statement(format!(
            "DECIMAL({precision}, {scale}): the precision is 1 to {DECIMAL256_MAX_PRECISION} digits, \
             and the scale is not greater than the precision"
        ))),
    }
}

/// Without a precision, a TIME has nanoseconds and a TIMESTAMP microseconds: in 64 bits nanoseconds end in the year 2262, and
/// 9999-12-31 is many a table's end of time.
fn time_unit(name: &str, precision: Option<u64>) -> Result<TimeUnit> {
    match precision {
        None if name != "TIME" => Ok(TimeUnit::Microsecond),
        Some(0) => Ok(TimeUnit::Second),
        Some(3) => Ok(TimeUnit::Millisecond),
        Some(6) => Ok(TimeUnit::Microsecond),
        None | Some(9) => Ok(TimeUnit::Nanosecond),
        Some(digits) => Err(Error::statement(format!("{name}({digits}): the precision is 0, 3, 6 or 9 digits"))),
    }
}

fn struct_fields(fields: &[ast::StructField], depth: usize) -> Result<Fields> {
    if fields.is_empty() {
        return Err(Error::statement("STRUCT needs its fields").help("such as STRUCT<a INT, b VARCHAR>"));
    }
    let field = |(position, field): (usize, &ast::StructField)| {
        if field.options.is_some() {
            return Err(Error::statement("a field of a STRUCT has no OPTIONS"));
        }
        let name = match &field.field_name {
            Some(name) => folded(name),
            // DataFusion's name for it.
            None => format!("c{position}"),
        };
        Ok(Field::new(name, read(&field.field_type, depth + 1)?, true))
    };
    fields.iter().enumerate().map(field).collect()
}

/// Names without quotes are lower case.
fn folded(name: &ast::Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// Types whose names are no keywords to the parser.
fn custom(name: &ast::ObjectName, arguments: &[String]) -> Result<DataType> {
    let unknown = || {
        let error = Error::statement(format!("unknown type \"{name}\""));
        match nearest(&name.to_string(), KNOWN_NAMES.iter().copied()) {
            Some(known) => error.help(format!("did you mean {known}?")),
            None => error,
        }
    };
    let [ObjectNamePart::Identifier(word)] = name.0.as_slice() else { return Err(unknown()) };
    match (word.value.to_uppercase().as_str(), arguments) {
        ("ARROW", [text]) => arrow_text::read(text),
        ("ARROW", _) => Err(Error::statement("ARROW needs one type in quotes").help("such as ARROW('LargeUtf8')")),
        // TEXT(n) is no keyword to the parser.
        ("TEXT", [_]) => Ok(DataType::Utf8View),
        ("INT1" | "BYTE", []) => Ok(DataType::Int8),
        ("SHORT", []) => Ok(DataType::Int16),
        ("LONG", []) => Ok(DataType::Int64),
        ("UINTEGER", []) => Ok(DataType::UInt32),
        _ => Err(unknown()),
    }
}

/// What an unknown name may have been meant to be.
const KNOWN_NAMES: &[&str] = &[
    "ARRAY",
    "ARROW",
    "BIGINT",
    "BINARY",
    "BLOB",
    "BOOLEAN",
    "BYTEA",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "MAP",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "STRING",
    "STRUCT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TINYINT",
    "UBIGINT",
    "UINTEGER",
    "USMALLINT",
    "UTINYINT",
    "VARBINARY",
    "VARCHAR",
];

/// The least that the parser must know to read a type.
#[derive(Debug)]
struct TypeDialect;

impl Dialect for TypeDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn supports_struct_literal(&self) -> bool {
        true
    }

    fn supports_map_literal_with_angle_brackets(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
