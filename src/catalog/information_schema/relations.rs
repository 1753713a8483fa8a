//! `information_schema.schemata`, `tables`, `views` and `columns`.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;

use super::ColumnOf::{self, NullableNumber, NullableText, Number, Text};
use super::{Cell, Sources, table_names};
use crate::catalog::model::{Constraint, ConstraintKind, Relation, Table, TableName, in_catalog, split_database};
use crate::catalog::provider::columns_of;
use crate::error::Result;
use crate::sql::types::display_name;

pub(super) const SCHEMATA: &[ColumnOf] = &[
    Text("catalog_name"),
    Text("schema_name"),
    NullableText("schema_owner"),
    NullableText("default_character_set_catalog"),
    NullableText("default_character_set_schema"),
    NullableText("default_character_set_name"),
    NullableText("sql_path"),
];

pub(super) const TABLES: &[ColumnOf] =
    &[Text("table_catalog"), Text("table_schema"), Text("table_name"), Text("table_type")];

pub(super) const VIEWS: &[ColumnOf] = &[
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    // DataFusion's name for it, and the standard's.
    NullableText("definition"),
    NullableText("view_definition"),
];

pub(super) const COLUMNS: &[ColumnOf] = &[
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    Text("column_name"),
    Number("ordinal_position"),
    NullableText("column_default"),
    Text("is_nullable"),
    Text("data_type"),
    NullableNumber("character_maximum_length"),
    NullableNumber("character_octet_length"),
    NullableNumber("numeric_precision"),
    NullableNumber("numeric_precision_radix"),
    NullableNumber("numeric_scale"),
    NullableNumber("datetime_precision"),
    NullableText("interval_type"),
];

/// All tables and views of all databases, in order.
pub(super) async fn all(sources: &Sources) -> Result<Vec<Relation>> {
    let mut relations = Vec::new();
    for database in sources.metastore.databases().await? {
        match sources.metastore.relations(&database.name).await {
            Ok(found) => relations.extend(found),
            // Dropped by somebody else since the databases were listed.
            Err(_) if sources.metastore.database(&database.name).await?.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(relations)
}

/// The three cells that name a table.
pub(super) fn qualified(name: &TableName) -> [Cell; 3] {
    let [catalog, database] = database_of(name);
    [catalog, database, name.name.as_str().into()]
}

/// The two cells that name a table's database.
pub(super) fn database_of(name: &TableName) -> [Cell; 2] {
    let (catalog, database) = split_database(&name.database);
    [catalog.into(), database.into()]
}

pub(super) async fn schemata(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let databases = sources.metastore.databases().await?;
    let mut names: BTreeSet<String> =
        databases.iter().map(|database| split_database(&database.name).1.to_string()).collect();
    names.insert(INFORMATION_SCHEMA.to_string());
    let unknown = std::iter::repeat_n(Cell::Null, SCHEMATA.len() - 2);
    Ok(names
        .into_iter()
        .map(|name| [sources.catalog.as_str().into(), name.into()].into_iter().chain(unknown.clone()).collect())
        .collect())
}

pub(super) async fn tables(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let row = |name: &TableName, table_type: &str| [&qualified(name)[..], &[table_type.into()]].concat();
    let mut rows = Vec::new();
    for database in sources.metastore.databases().await? {
        let entries = match sources.metastore.relation_names(&database.name).await {
            Ok(entries) => entries,
            // Dropped by somebody else since the databases were listed.
            Err(_) if sources.metastore.database(&database.name).await?.is_none() => continue,
            Err(error) => return Err(error),
        };
        rows.extend(entries.into_iter().map(|entry| {
            let table_type = if entry.is_view { "VIEW" } else { "BASE TABLE" };
            row(&TableName::new(database.name.as_str(), entry.name), table_type)
        }));
    }
    let own = in_catalog(&sources.catalog, INFORMATION_SCHEMA);
    rows.extend(table_names().into_iter().map(|name| row(&TableName::new(own.as_str(), name), "VIEW")));
    Ok(rows)
}

pub(super) async fn views(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let row = |relation: Relation| match relation {
        Relation::Table(_) => None,
        Relation::View(view) => {
            let sql = Cell::from(view.sql);
            Some([&qualified(&view.name)[..], &[sql.clone(), sql]].concat())
        }
    };
    Ok(all(sources).await?.into_iter().filter_map(row).collect())
}

/// A column as it is shown.
struct Shown {
    name: String,
    data_type: DataType,
    is_nullable: bool,
}

pub(super) async fn columns(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for relation in all(sources).await? {
        let name = relation.name().clone();
        // Of a table whose files are gone, or a view on such a table, nobody knows the columns. That must not hide
        // those of all others; whoever uses it is told.
        let Ok(columns) = shown_columns(relation, sources).await else { continue };
        for (position, column) in (1_u64..).zip(columns) {
            rows.push(column_row(&name, position, &column));
        }
    }
    Ok(rows)
}

async fn shown_columns(relation: Relation, sources: &Sources) -> Result<Vec<Shown>> {
    match relation {
        Relation::Table(table) => {
            let not_null = columns_known_as_not_null(&table);
            let columns = columns_of(&table, sources.resolver.as_ref()).await?;
            let shown = |column: crate::catalog::model::Column| Shown {
                is_nullable: !not_null.contains(column.name.as_str()),
                name: column.name,
                data_type: column.data_type,
            };
            Ok(columns.into_iter().map(shown).collect())
        }
        view @ Relation::View(_) => {
            let provider = sources.resolver.resolve(view).await?;
            let shown = |field: &datafusion::arrow::datatypes::FieldRef| Shown {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                is_nullable: field.is_nullable(),
            };
            Ok(provider.schema().fields().iter().map(shown).collect())
        }
    }
}

/// NO means "is known to have no NULL". A declaration alone is no knowledge; with RELY the user vouches for it.
fn columns_known_as_not_null(table: &Table) -> BTreeSet<&str> {
    let excludes_null = |constraint: &&Constraint| {
        constraint.rely && matches!(constraint.kind, ConstraintKind::PrimaryKey { .. } | ConstraintKind::NotNull { .. })
    };
    let columns = table.constraints.iter().filter(excludes_null).flat_map(|constraint| constraint.kind.columns());
    columns.map(String::as_str).collect()
}

fn column_row(table: &TableName, position: u64, column: &Shown) -> Vec<Cell> {
    let numeric = numeric(&column.data_type);
    let rest = [
        column.name.as_str().into(),
        position.into(),
        Cell::Null,
        column.is_nullable.into(),
        display_name(&column.data_type).into(),
        Cell::Null,
        Cell::Null,
        numeric.map(|numeric| numeric.precision).into(),
        numeric.map(|numeric| numeric.radix).into(),
        numeric.and_then(|numeric| numeric.scale).into(),
        datetime_precision(&column.data_type).into(),
        Cell::Null,
    ];
    [&qualified(table)[..], &rest].concat()
}

#[derive(Clone, Copy)]
struct Numeric {
    precision: u64,
    /// What the digits count in: 2 for bits.
    radix: u64,
    /// Digits behind the point, of exact types.
    scale: Option<u64>,
}

fn numeric(data_type: &DataType) -> Option<Numeric> {
    use DataType::*;
    let bits = |precision, scale| Some(Numeric { precision, radix: 2, scale });
    match data_type {
        Int8 | UInt8 => bits(8, Some(0)),
        Int16 | UInt16 => bits(16, Some(0)),
        Int32 | UInt32 => bits(32, Some(0)),
        Int64 | UInt64 => bits(64, Some(0)),
        Float16 => bits(11, None),
        Float32 => bits(24, None),
        Float64 => bits(53, None),
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => {
            Some(Numeric { precision: u64::from(*precision), radix: 10, scale: u64::try_from(*scale).ok() })
        }
        Dictionary(_, values) => numeric(values),
        _ => None,
    }
}

/// Digits of a second.
fn datetime_precision(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Date32 | DataType::Date64 => Some(0),
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => Some(match unit {
            TimeUnit::Second => 0,
            TimeUnit::Millisecond => 3,
            TimeUnit::Microsecond => 6,
            TimeUnit::Nanosecond => 9,
        }),
        DataType::Dictionary(_, values) => datetime_precision(values),
        _ => None,
    }
}
