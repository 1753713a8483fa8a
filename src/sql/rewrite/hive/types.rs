//! Hive's FLOAT has 32 bits, and its DECIMAL without digits is DECIMAL(10, 0)

use sqlparser::ast::{ArrayElemTypeDef, DataType, ExactNumberInfo};

pub(crate) fn to_ansi(data_type: &mut DataType) {
    match data_type {
        DataType::Float(ExactNumberInfo::None) => *data_type = DataType::Real,
        DataType::Decimal(digits) | DataType::Numeric(digits) | DataType::Dec(digits)
            if *digits == ExactNumberInfo::None =>
        {
            *digits = ExactNumberInfo::PrecisionAndScale(10, 0);
        }
        DataType::Array(
            ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::Parenthesis(item)
            | ArrayElemTypeDef::SquareBracket(item, _),
        ) => to_ansi(item),
        DataType::Map(key, value) => {
            to_ansi(key);
            to_ansi(value);
        }
        DataType::Struct(fields, _) => fields.iter_mut().for_each(|field| to_ansi(&mut field.field_type)),
        _ => {}
    }
}
