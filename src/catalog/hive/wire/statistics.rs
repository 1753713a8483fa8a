//! What a metastore knows of columns' values.

use thrift::protocol::TType;

use super::{Input, Read, fields, text};

/// What is known of a column's values. Of minimum and maximum, the one that goes with the column's type is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::catalog::hive) struct ColumnStatistics {
    pub column: String,
    pub values: ColumnValues,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::catalog::hive) struct ColumnValues {
    pub nulls: Option<i64>,
    pub distinct: Option<i64>,
    pub low: Option<Bound>,
    pub high: Option<Bound>,
}

/// The least or greatest value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::catalog::hive) enum Bound {
    Long(i64),
    Double(f64),
    /// Days since 1970.
    Day(i64),
    Decimal(Decimal),
}

/// Digits as a big-endian number in two's complement, and how many of them stand behind the point.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::catalog::hive) struct Decimal {
    pub unscaled: Vec<u8>,
    pub scale: i16,
}

read_struct!(Decimal {
    1 => unscaled: bytes, TType::String;
    3 => scale: short, TType::I16;
});

read_struct!(ColumnStatistics {
    1 => column: text, TType::String;
    3 => values: ColumnValues::read, TType::Struct;
});

impl Read for ColumnValues {
    const TYPE: TType = TType::Struct;

    /// A union with a struct for each sort of type. Where lengths or counts of `true` come first, the counts that are
    /// wanted have other numbers.
    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let mut found = ColumnValues::default();
        fields(input, |input, sort, kind| {
            match (sort, kind) {
                (1 | 5, TType::Struct) => found.nulls = Counts::<3, -1>::read(input)?.nulls,
                (2, TType::Struct) => found = Bounded::<i64>::read(input)?.values(Bound::Long),
                (3, TType::Struct) => found = Bounded::<f64>::read(input)?.values(Bound::Double),
                (4, TType::Struct) => {
                    let counts = Counts::<3, 4>::read(input)?;
                    (found.nulls, found.distinct) = (counts.nulls, counts.distinct);
                }
                (6, TType::Struct) => found = Bounded::<Decimal>::read(input)?.values(Bound::Decimal),
                (7, TType::Struct) => found = Bounded::<Day>::read(input)?.values(|day| Bound::Day(day.days)),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}

/// The counts of NULLs and of different values, by the numbers that they have.
#[derive(Debug, Default)]
struct Counts<const NULLS: i16, const DISTINCT: i16> {
    nulls: Option<i64>,
    distinct: Option<i64>,
}

impl<const NULLS: i16, const DISTINCT: i16> Read for Counts<NULLS, DISTINCT> {
    const TYPE: TType = TType::Struct;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let mut found = Self::default();
        fields(input, |input, number, kind| {
            match (number, kind) {
                (number, TType::I64) if number == NULLS => found.nulls = some_long(input)?,
                (number, TType::I64) if number == DISTINCT => found.distinct = some_long(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}

/// Least and greatest value, and counts.
#[derive(Debug)]
struct Bounded<T> {
    low: Option<T>,
    high: Option<T>,
    nulls: Option<i64>,
    distinct: Option<i64>,
}

impl<T> Bounded<T> {
    fn values(self, bound: impl Fn(T) -> Bound) -> ColumnValues {
        ColumnValues {
            nulls: self.nulls,
            distinct: self.distinct,
            low: self.low.map(&bound),
            high: self.high.map(&bound),
        }
    }
}

impl<T: Read> Read for Bounded<T> {
    const TYPE: TType = TType::Struct;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        let mut found = Bounded { low: None, high: None, nulls: None, distinct: None };
        fields(input, |input, number, kind| {
            match (number, kind) {
                (1, kind) if kind == T::TYPE => found.low = some(input)?,
                (2, kind) if kind == T::TYPE => found.high = some(input)?,
                (3, TType::I64) => found.nulls = some_long(input)?,
                (4, TType::I64) => found.distinct = some_long(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}

impl Read for i64 {
    const TYPE: TType = TType::I64;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        input.read_i64()
    }
}

impl Read for f64 {
    const TYPE: TType = TType::Double;

    fn read(input: &mut Input<'_>) -> thrift::Result<Self> {
        input.read_double()
    }
}

#[derive(Debug, Default)]
struct Day {
    days: i64,
}

read_struct!(Day {
    1 => days: long, TType::I64;
});

fn some<T: Read>(input: &mut Input<'_>) -> thrift::Result<Option<T>> {
    T::read(input).map(Some)
}

fn some_long(input: &mut Input<'_>) -> thrift::Result<Option<i64>> {
    input.read_i64().map(Some)
}

fn short(input: &mut Input<'_>) -> thrift::Result<i16> {
    input.read_i16()
}

fn long(input: &mut Input<'_>) -> thrift::Result<i64> {
    input.read_i64()
}

fn bytes(input: &mut Input<'_>) -> thrift::Result<Vec<u8>> {
    input.read_bytes()
}
