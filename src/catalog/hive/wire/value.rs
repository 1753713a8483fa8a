//! Values that are sent: the arguments of calls.

use thrift::protocol::{TFieldIdentifier, TListIdentifier, TOutputProtocol, TStructIdentifier, TType};

use super::unexpected;

/// A value that is sent.
#[derive(Debug, Clone)]
pub(in crate::catalog::hive) enum Value<'a> {
    Text(&'a str),
    Texts(&'a [String]),
    Short(i16),
    Struct(Vec<(i16, Value<'a>)>),
    #[cfg(test)]
    Int(i32),
    #[cfg(test)]
    Long(i64),
    #[cfg(test)]
    Flag(bool),
    #[cfg(test)]
    Bytes(&'a [u8]),
    #[cfg(test)]
    Structs(Vec<Vec<(i16, Value<'a>)>>),
    #[cfg(test)]
    Map(&'a [(&'a str, &'a str)]),
}

impl Value<'_> {
    fn kind(&self) -> TType {
        match self {
            Value::Text(_) => TType::String,
            Value::Texts(_) => TType::List,
            Value::Short(_) => TType::I16,
            Value::Struct(_) => TType::Struct,
            #[cfg(test)]
            Value::Int(_) => TType::I32,
            #[cfg(test)]
            Value::Long(_) => TType::I64,
            #[cfg(test)]
            Value::Flag(_) => TType::Bool,
            #[cfg(test)]
            Value::Bytes(_) => TType::String,
            #[cfg(test)]
            Value::Structs(_) => TType::List,
            #[cfg(test)]
            Value::Map(_) => TType::Map,
        }
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        match self {
            Value::Text(text) => output.write_string(text),
            Value::Texts(texts) => {
                output.write_list_begin(&TListIdentifier::new(TType::String, length(texts.len())?))?;
                texts.iter().try_for_each(|text| output.write_string(text))?;
                output.write_list_end()
            }
            Value::Short(number) => output.write_i16(*number),
            Value::Struct(values) => write_struct(output, values),
            #[cfg(test)]
            Value::Int(number) => output.write_i32(*number),
            #[cfg(test)]
            Value::Long(number) => output.write_i64(*number),
            #[cfg(test)]
            Value::Flag(flag) => output.write_bool(*flag),
            #[cfg(test)]
            Value::Bytes(bytes) => output.write_bytes(bytes),
            #[cfg(test)]
            Value::Structs(structs) => {
                output.write_list_begin(&TListIdentifier::new(TType::Struct, length(structs.len())?))?;
                structs.iter().try_for_each(|values| write_struct(output, values))?;
                output.write_list_end()
            }
            #[cfg(test)]
            Value::Map(entries) => {
                let begin = thrift::protocol::TMapIdentifier::new(TType::String, TType::String, length(entries.len())?);
                output.write_map_begin(&begin)?;
                for (key, value) in *entries {
                    output.write_string(key)?;
                    output.write_string(value)?;
                }
                output.write_map_end()
            }
        }
    }
}

fn length(length: usize) -> thrift::Result<i32> {
    i32::try_from(length).map_err(|_| unexpected("a list that is too long to be sent".to_string()))
}

/// Writes a struct, which is also what a call's arguments are.
pub(in crate::catalog::hive) fn write_struct(
    output: &mut dyn TOutputProtocol,
    values: &[(i16, Value<'_>)],
) -> thrift::Result<()> {
    output.write_struct_begin(&TStructIdentifier::new(""))?;
    for (number, value) in values {
        output.write_field_begin(&TFieldIdentifier::new::<Option<String>, String, i16>(None, value.kind(), *number))?;
        value.write(output)?;
        output.write_field_end()?;
    }
    output.write_field_stop()?;
    output.write_struct_end()
}
