//! The columns of the generated tables: read from `tpch.sql` and `tpcds.sql`, which say them as people read them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sqlparser::ast::{ColumnDef, ColumnOption, DataType as SqlType, ExactNumberInfo, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::error::{Error, Result};

/// The schema of `table`, one of the `CREATE TABLE` statements in `ddl`.
pub(super) fn schema_of(ddl: &str, table: &str) -> Result<SchemaRef> {
    let statements = Parser::parse_sql(&GenericDialect {}, ddl)
        .map_err(|error| Error::statement(format!("the built-in table definitions do not parse: {error}")))?;
    let columns = statements.into_iter().find_map(|statement| match statement {
        Statement::CreateTable(create) if create.name.to_string() == table => Some(create.columns),
        _ => None,
    });
    let columns = columns.ok_or_else(|| Error::statement(format!("there is no built-in definition of {table}")))?;
    Ok(Arc::new(Schema::new(columns.iter().map(field).collect::<Result<Vec<_>>>()?)))
}

fn field(column: &ColumnDef) -> Result<Field> {
    let data_type = match &column.data_type {
        SqlType::Integer(_) => DataType::Int32,
        SqlType::BigInt(_) => DataType::Int64,
        SqlType::Date => DataType::Date32,
        SqlType::Varchar(_) => DataType::Utf8View,
        SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)) => {
            let wrong = || Error::statement(format!("{} has a decimal type out of range", column.name));
            DataType::Decimal128(
                u8::try_from(*precision).map_err(|_| wrong())?,
                i8::try_from(*scale).map_err(|_| wrong())?,
            )
        }
        other => return Err(Error::statement(format!("{} has a type no generated table uses: {other}", column.name))),
    };
    let not_null = column.options.iter().any(|option| option.option == ColumnOption::NotNull);
    Ok(Field::new(&column.name.value, data_type, !not_null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_nullability_come_from_the_ddl() {
        let schema = schema_of(
            "CREATE TABLE a (x INTEGER); CREATE TABLE b (k BIGINT NOT NULL, d DECIMAL(7, 2), t VARCHAR, u DATE)",
            "b",
        )
        .expect("valid");
        assert_eq!(
            *schema,
            Schema::new(vec![
                Field::new("k", DataType::Int64, false),
                Field::new("d", DataType::Decimal128(7, 2), true),
                Field::new("t", DataType::Utf8View, true),
                Field::new("u", DataType::Date32, true),
            ])
        );
    }
}
