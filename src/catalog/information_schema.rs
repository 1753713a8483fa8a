//! `information_schema`: what the catalog holds, as tables. Each catalog has its own.
//!
//! DataFusion brings one, and what it says of functions and settings is taken from it. `schemata`, `tables`, `views` and
//! `columns` are our own, because DataFusion's `schemata` leaves `information_schema` out and its others open every table to say anything about one: a file that is gone would take the
//! columns of all other tables with it. Theirs also list tables among the views, count columns from 0 and name types
//! as Arrow does. `table_constraints`, `key_column_usage` and `referential_constraints` it does not have, nor
//! `table_statistics` and `column_statistics`, which are no standard's.
//!
//! Rows are made when a query runs. Columns keep DataFusion's names and types where it has them: its SHOW statements
//! are queries on them.

mod constraints;
mod relations;
mod statistics;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::information_schema::{INFORMATION_SCHEMA_TABLES, InformationSchemaProvider};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableFunction, TableProvider};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::TableType;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::Metastore;
use super::provider::RelationResolver;
use crate::error::{Error, Result};

/// The `information_schema` of our catalog.
#[derive(Debug)]
pub struct InformationSchema {
    sources: Sources,
    /// The list that the catalog with this schema is in. A strong reference would keep both alive for ever.
    catalogs: Weak<dyn CatalogProviderList>,
    table_functions: HashMap<String, Arc<TableFunction>>,
}

/// Where the rows come from.
#[derive(Debug, Clone)]
struct Sources {
    /// The name of the catalog that is described.
    catalog: String,
    metastore: Arc<dyn Metastore>,
    resolver: Arc<dyn RelationResolver>,
}

/// The tables that we make ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Schemata,
    Tables,
    Views,
    Columns,
    TableConstraints,
    KeyColumnUsage,
    ReferentialConstraints,
    TableStatistics,
    ColumnStatistics,
}

impl Own {
    const ALL: [Own; 9] = [
        Own::Schemata,
        Own::Tables,
        Own::Views,
        Own::Columns,
        Own::TableConstraints,
        Own::KeyColumnUsage,
        Own::ReferentialConstraints,
        Own::TableStatistics,
        Own::ColumnStatistics,
    ];

    fn name(self) -> &'static str {
        match self {
            Own::Schemata => "schemata",
            Own::Tables => "tables",
            Own::Views => "views",
            Own::Columns => "columns",
            Own::TableConstraints => "table_constraints",
            Own::KeyColumnUsage => "key_column_usage",
            Own::ReferentialConstraints => "referential_constraints",
            Own::TableStatistics => "table_statistics",
            Own::ColumnStatistics => "column_statistics",
        }
    }

    fn columns(self) -> &'static [ColumnOf] {
        match self {
            Own::Schemata => relations::SCHEMATA,
            Own::Tables => relations::TABLES,
            Own::Views => relations::VIEWS,
            Own::Columns => relations::COLUMNS,
            Own::TableConstraints => constraints::TABLE_CONSTRAINTS,
            Own::KeyColumnUsage => constraints::KEY_COLUMN_USAGE,
            Own::ReferentialConstraints => constraints::REFERENTIAL_CONSTRAINTS,
            Own::TableStatistics => statistics::TABLE_STATISTICS,
            Own::ColumnStatistics => statistics::COLUMN_STATISTICS,
        }
    }

    async fn rows(self, sources: &Sources) -> Result<Vec<Vec<Cell>>> {
        match self {
            Own::Schemata => relations::schemata(sources).await,
            Own::Tables => relations::tables(sources).await,
            Own::Views => relations::views(sources).await,
            Own::Columns => relations::columns(sources).await,
            Own::TableConstraints => constraints::table_constraints(sources).await,
            Own::KeyColumnUsage => constraints::key_column_usage(sources).await,
            Own::ReferentialConstraints => constraints::referential_constraints(sources).await,
            Own::TableStatistics => statistics::table_statistics(sources).await,
            Own::ColumnStatistics => statistics::column_statistics(sources).await,
        }
    }

    fn find(name: &str) -> Option<Own> {
        Own::ALL.into_iter().find(|own| own.name() == name)
    }
}

/// The names of all tables here, ours and DataFusion's.
fn table_names() -> Vec<&'static str> {
    let constraints = Own::ALL.map(Own::name).into_iter().filter(|name| !INFORMATION_SCHEMA_TABLES.contains(name));
    INFORMATION_SCHEMA_TABLES.iter().copied().chain(constraints).collect()
}

impl InformationSchema {
    pub(super) fn new(
        catalog: String,
        metastore: Arc<dyn Metastore>,
        resolver: Arc<dyn RelationResolver>,
        catalogs: Weak<dyn CatalogProviderList>,
        table_functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        InformationSchema { sources: Sources { catalog, metastore, resolver }, catalogs, table_functions }
    }
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        table_names().into_iter().map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let name = name.to_lowercase();
        if let Some(own) = Own::find(&name) {
            let rows: Arc<dyn PartitionStream> = Arc::new(Rows::new(own, self.sources.clone()));
            return Ok(Some(Arc::new(StreamingTable::try_new(Arc::clone(rows.schema()), vec![rows])?)));
        }
        let catalogs = self.catalogs.upgrade().ok_or_else(|| Error::statement("the session has ended"))?;
        InformationSchemaProvider::new(catalogs).with_table_functions(self.table_functions.clone()).table(&name).await
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        table_names().contains(&name.to_lowercase().as_str())
    }
}

/// One of our tables, whose rows are made when it is scanned.
#[derive(Debug)]
struct Rows {
    own: Own,
    sources: Sources,
    schema: SchemaRef,
}

impl Rows {
    fn new(own: Own, sources: Sources) -> Self {
        let fields: Vec<Field> = own.columns().iter().map(ColumnOf::field).collect();
        Rows { own, sources, schema: Arc::new(Schema::new(fields)) }
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (own, sources, schema) = (self.own, self.sources.clone(), Arc::clone(&self.schema));
        let batch = async move { to_batch(&schema, own.rows(&sources).await?) };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::once(batch)))
    }
}

/// A column of one of our tables.
enum ColumnOf {
    Text(&'static str),
    NullableText(&'static str),
    Number(&'static str),
    NullableNumber(&'static str),
}

impl ColumnOf {
    fn field(&self) -> Field {
        match self {
            ColumnOf::Text(name) => Field::new(*name, DataType::Utf8, false),
            ColumnOf::NullableText(name) => Field::new(*name, DataType::Utf8, true),
            ColumnOf::Number(name) => Field::new(*name, DataType::UInt64, false),
            ColumnOf::NullableNumber(name) => Field::new(*name, DataType::UInt64, true),
        }
    }
}

/// A value of one of our tables.
#[derive(Debug, Clone)]
enum Cell {
    Null,
    Text(String),
    Number(u64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Cell::Number(number)
    }
}

impl From<Option<u64>> for Cell {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Cell::Null, Cell::Number)
    }
}

/// The standard's way to write a flag.
impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Cell::from(if flag { "YES" } else { "NO" })
    }
}

fn to_batch(schema: &SchemaRef, rows: Vec<Vec<Cell>>) -> DataFusionResult<RecordBatch> {
    let mut columns: Vec<Vec<Cell>> = schema.fields().iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    let array = |(field, cells): (&Arc<Field>, Vec<Cell>)| -> ArrayRef {
        match field.data_type() {
            DataType::UInt64 => Arc::new(UInt64Array::from_iter(cells.into_iter().map(|cell| match cell {
                Cell::Number(number) => Some(number),
                Cell::Text(_) | Cell::Null => None,
            }))),
            _ => Arc::new(StringArray::from_iter(cells.into_iter().map(|cell| match cell {
                Cell::Text(text) => Some(text),
                Cell::Number(_) | Cell::Null => None,
            }))),
        }
    };
    let arrays = schema.fields().iter().zip(columns).map(array).collect();
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(DataFusionError::from)
}

#[cfg(test)]
mod tests;
