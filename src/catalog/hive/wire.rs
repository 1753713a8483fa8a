//! What a metastore and its clients say to each other: Thrift's binary protocol, and of Hive's structs the fields that
//! are used here.
//!
//! The numbers are those of `hive_metastore.thrift`. A field that is not known, as versions of Hive add them, is passed
//! over, so that one reader serves Hive 2, 3 and 4.

use std::collections::BTreeMap;

use thrift::protocol::{TInputProtocol, TType};
use thrift::{ProtocolError, ProtocolErrorKind};

pub(super) use self::statistics::{Bound, ColumnStatistics, ColumnValues, Decimal};
pub(super) use self::value::{Value, write_struct};

pub(super) type Input<'a> = dyn TInputProtocol + 'a;

/// A value that a metastore sends.
pub(super) trait Read: Sized {
    /// How it announces itself; another announcement in its place is nonsense.
    const TYPE: TType;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self>;
}

impl Read for String {
    const TYPE: TType = TType::String;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        input.read_string()
    }
}

impl<T: Read> Read for Vec<T> {
    const TYPE: TType = TType::List;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let list = input.read_list_begin()?;
        if list.size > 0 && list.element_type != T::TYPE {
            return Err(unexpected(format!("a list of {:?} in the place of one of {:?}", list.element_type, T::TYPE)));
        }
        // Its length is the other side's word: memory is taken as the items come.
        let mut items = Vec::new();
        for _ in 0..list.size {
            items.push(T::read(input)?);
        }
        input.read_list_end()?;
        Ok(items)
    }
}

impl Read for BTreeMap<String, String> {
    const TYPE: TType = TType::Map;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let map = input.read_map_begin()?;
        let texts = (Some(TType::String), Some(TType::String));
        if map.size > 0 && (map.key_type, map.value_type) != texts {
            return Err(unexpected("a map that is not of texts".to_string()));
        }
        let mut entries = BTreeMap::new();
        for _ in 0..map.size {
            let key = input.read_string()?;
            entries.insert(key, input.read_string()?);
        }
        input.read_map_end()?;
        Ok(entries)
    }
}

fn unexpected(message: String) -> thrift::Error {
    thrift::Error::Protocol(ProtocolError::new(ProtocolErrorKind::InvalidData, message))
}

/// Reads a struct field by field. `field` says whether it took the field; the others are passed over.
pub(super) fn fields(
    input: &mut Input<'_>,
    mut field: impl FnMut(&mut Input<'_>, i16, TType) -> thrift::Result<bool>,
) -> thrift::Result<()> {
    input.read_struct_begin()?;
    loop {
        let next = input.read_field_begin()?;
        if next.field_type == TType::Stop {
            return input.read_struct_end();
        }
        if !field(input, next.id.unwrap_or_default(), next.field_type)? {
            input.skip(next.field_type)?;
        }
        input.read_field_end()?;
    }
}

/// The fields of a struct by their numbers: each is read into its place if it has the type that it should have.
macro_rules! read_struct {
    ($name:ident { $($number:literal => $field:ident: $read:expr, $type:expr;)* }) => {
        impl Read for $name {
            const TYPE: TType = TType::Struct;

            fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
                let mut found = $name::default();
                fields(input, |input, number, kind| {
                    match (number, kind) {
                        $(($number, kind) if kind == $type => found.$field = $read(input)?,)*
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                Ok(found)
            }
        }
    };
}

// Behind the macro, which they use.
mod statistics;
mod value;

fn text(input: &mut Input<'_>) -> thrift::Result<String> {
    input.read_string()
}

fn some_text(input: &mut Input<'_>) -> thrift::Result<Option<String>> {
    input.read_string().map(Some)
}

fn flag(input: &mut Input<'_>) -> thrift::Result<bool> {
    input.read_bool()
}

fn int(input: &mut Input<'_>) -> thrift::Result<i32> {
    input.read_i32()
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Database {
    pub name: String,
    pub description: Option<String>,
    pub location: Option<String>,
}

read_struct!(Database {
    1 => name: text, TType::String;
    2 => description: some_text, TType::String;
    3 => location: some_text, TType::String;
});

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldSchema {
    pub name: String,
    pub type_name: String,
    pub comment: Option<String>,
}

read_struct!(FieldSchema {
    1 => name: text, TType::String;
    2 => type_name: text, TType::String;
    3 => comment: some_text, TType::String;
});

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SerDe {
    pub library: Option<String>,
    pub parameters: BTreeMap<String, String>,
}

read_struct!(SerDe {
    2 => library: some_text, TType::String;
    3 => parameters: Read::read, TType::Map;
});

/// Where files lie and how they are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StorageDescriptor {
    pub columns: Vec<FieldSchema>,
    pub location: Option<String>,
    pub input_format: Option<String>,
    pub output_format: Option<String>,
    pub serde: SerDe,
}

read_struct!(StorageDescriptor {
    1 => columns: Read::read, TType::List;
    2 => location: some_text, TType::String;
    3 => input_format: some_text, TType::String;
    4 => output_format: some_text, TType::String;
    7 => serde: SerDe::read, TType::Struct;
});

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    pub name: String,
    pub database: String,
    pub storage: StorageDescriptor,
    pub partition_keys: Vec<FieldSchema>,
    pub parameters: BTreeMap<String, String>,
    pub view_original_text: Option<String>,
    pub view_expanded_text: Option<String>,
    /// `MANAGED_TABLE`, `EXTERNAL_TABLE`, `VIRTUAL_VIEW`, `MATERIALIZED_VIEW`.
    pub kind: String,
}

read_struct!(Table {
    1 => name: text, TType::String;
    2 => database: text, TType::String;
    7 => storage: StorageDescriptor::read, TType::Struct;
    8 => partition_keys: Read::read, TType::List;
    9 => parameters: Read::read, TType::Map;
    10 => view_original_text: some_text, TType::String;
    11 => view_expanded_text: some_text, TType::String;
    12 => kind: text, TType::String;
});

/// What a list of tables says of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TableMeta {
    pub database: String,
    pub name: String,
    pub kind: String,
}

read_struct!(TableMeta {
    1 => database: text, TType::String;
    2 => name: text, TType::String;
    3 => kind: text, TType::String;
});

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Partition {
    pub values: Vec<String>,
    pub storage: StorageDescriptor,
}

read_struct!(Partition {
    1 => values: Read::read, TType::List;
    6 => storage: StorageDescriptor::read, TType::Struct;
});

/// One column of a PRIMARY KEY, UNIQUE or NOT NULL constraint.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct KeyColumn {
    pub column: String,
    pub position: i32,
    pub name: String,
    pub enabled: bool,
    pub validated: bool,
    pub rely: bool,
}

/// `SQLPrimaryKey`
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PrimaryKeyColumn(pub KeyColumn);

/// `SQLUniqueConstraint`
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct UniqueColumn(pub KeyColumn);

/// `SQLNotNullConstraint`
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NotNullColumn(pub KeyColumn);

impl Read for PrimaryKeyColumn {
    const TYPE: TType = TType::Struct;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        key_column(input, [3, 4, 5, 6, 7, 8]).map(PrimaryKeyColumn)
    }
}

impl Read for UniqueColumn {
    const TYPE: TType = TType::Struct;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        key_column(input, [4, 5, 6, 7, 8, 9]).map(UniqueColumn)
    }
}

impl Read for NotNullColumn {
    const TYPE: TType = TType::Struct;

    /// It has no position.
    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        key_column(input, [4, -1, 5, 6, 7, 8]).map(NotNullColumn)
    }
}

/// The three kinds have the same fields under other numbers: column, position, name, enabled, validated, rely.
fn key_column(input: &mut Input<'_>, numbers: [i16; 6]) -> thrift::Result<KeyColumn> {
    let mut found = KeyColumn::default();
    fields(input, |input, number, kind| {
        match (numbers.iter().position(|known| *known == number), kind) {
            (Some(0), TType::String) => found.column = input.read_string()?,
            (Some(1), TType::I32) => found.position = input.read_i32()?,
            (Some(2), TType::String) => found.name = input.read_string()?,
            (Some(3), TType::Bool) => found.enabled = input.read_bool()?,
            (Some(4), TType::Bool) => found.validated = input.read_bool()?,
            (Some(5), TType::Bool) => found.rely = input.read_bool()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(found)
}

/// One column of a FOREIGN KEY constraint.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ForeignKeyColumn {
    pub parent_database: String,
    pub parent_table: String,
    pub parent_column: String,
    pub column: String,
    pub position: i32,
    pub name: String,
    pub enabled: bool,
    pub validated: bool,
    pub rely: bool,
}

read_struct!(ForeignKeyColumn {
    1 => parent_database: text, TType::String;
    2 => parent_table: text, TType::String;
    3 => parent_column: text, TType::String;
    6 => column: text, TType::String;
    7 => position: int, TType::I32;
    10 => name: text, TType::String;
    12 => enabled: flag, TType::Bool;
    13 => validated: flag, TType::Bool;
    14 => rely: flag, TType::Bool;
});

/// An answer that is a struct with the list in question as its first field: Hive has one for each list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct First<T>(pub T);

impl<T: Read> Read for First<T> {
    const TYPE: TType = TType::Struct;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let mut found = None;
        fields(input, |input, number, kind| {
            let is_it = number == 1 && kind == T::TYPE;
            if is_it {
                found = Some(T::read(input)?);
            }
            Ok(is_it)
        })?;
        found.map(First).ok_or_else(|| unexpected("a result without its only field".to_string()))
    }
}
