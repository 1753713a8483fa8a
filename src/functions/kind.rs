//! What an argument is taken for, and which types are taken for it
//!
//! Hive takes a number where a text is wanted, and a text where a number is.

use std::fmt;

use datafusion::arrow::datatypes::DataType;

/// What an argument is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text; numbers, dates and bytes are written as one.
    Text,
    /// A text or bytes; the rest is written as text.
    TextOrBytes,
    /// Bytes; those of a text are its UTF-8.
    Bytes,
    /// An array of texts; the rest is written as text.
    TextOrTexts,
    /// A whole number; fractions are cut, a text that is no number is NULL.
    Integer,
    /// A number, as it is; a text is read as one.
    Number,
    Boolean,
    Any,
}

impl Kind {
    /// The type that the planner casts to, or `None` if the argument cannot be taken. Where a cast of DataFusion's would differ from
    /// ours (how a fraction is written, what becomes of a text that is no number), the type stays and the columns convert.
    pub(super) fn coerce(self, given: &DataType) -> Option<DataType> {
        use DataType::*;
        let given = match given {
            Dictionary(_, values) => values.as_ref(),
            RunEndEncoded(_, values) => values.data_type(),
            given => given,
        };
        let is_text = matches!(given, Utf8 | LargeUtf8 | Utf8View | Null);
        let is_bytes = matches!(given, Binary | LargeBinary | BinaryView | FixedSizeBinary(_));
        match self {
            Kind::Any => Some(given.clone()),
            Kind::Text if is_text || given.is_integer() => Some(Utf8View),
            Kind::Text => match given {
                Boolean | Date32 | Date64 | Time32(_) | Time64(_) | Interval(_) | Duration(_) => Some(Utf8View),
                Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Some(Utf8View),
                Float16 | Float32 | Float64 | Timestamp(..) => Some(given.clone()),
                _ if is_bytes => Some(BinaryView),
                _ => None,
            },
            Kind::TextOrBytes | Kind::Bytes if is_bytes => Some(BinaryView),
            Kind::TextOrBytes | Kind::Bytes => Kind::Text.coerce(given),
            Kind::TextOrTexts => match given {
                List(item) | ListView(item) | FixedSizeList(item, _) | LargeList(item) | LargeListView(item) => {
                    Kind::Text.coerce(item.data_type())?;
                    Some(DataType::new_list(Utf8, true))
                }
                given => Kind::Text.coerce(given),
            },
            Kind::Integer if given.is_integer() || matches!(given, Boolean | Null) => Some(Int64),
            Kind::Integer | Kind::Number if given.is_numeric() => Some(given.clone()),
            Kind::Integer if is_text => Some(Utf8View),
            Kind::Number if is_text => Some(Float64),
            Kind::Boolean if is_text || matches!(given, Boolean) => Some(Boolean),
            Kind::Integer | Kind::Number | Kind::Boolean => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::TextOrBytes | Kind::Bytes => "text or bytes",
            Kind::TextOrTexts => "text or array of text",
            Kind::Integer => "whole number",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Any => "value",
        })
    }
}
