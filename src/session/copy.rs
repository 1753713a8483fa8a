//! COPY … TO, and counting what a write wrote.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as PlannedStatement};
use futures::StreamExt;
use sqlparser::ast::Value;

use super::Session;
use super::plan::{Planned, plan_ast};
use super::resolve::{StatementTables, fold};
use crate::catalog::model::FileFormat;
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::sql::source::Source;
use crate::sql::statement::{Copy, CopySource};

impl Session {
    pub(super) async fn plan_copy(
        &self,
        copy: &Copy,
        tables: &StatementTables,
        source: &Arc<Source>,
    ) -> Result<Planned> {
        let statement = self.copy_statement(copy).map_err(|error| error.at(source, copy.target_span))?;
        plan_ast(statement, tables, source).await
    }

    /// COPY as DataFusion reads it: an absolute place, a format, options by DataFusion's names.
    pub(super) fn copy_statement(&self, copy: &Copy) -> Result<PlannedStatement> {
        let target = self.location(&copy.target)?;
        let format = format_of(copy)?;
        let source = match &copy.source {
            CopySource::Table(name) => CopyToSource::Relation(name.clone()),
            CopySource::Query(query) => CopyToSource::Query(query.clone()),
        };
        Ok(PlannedStatement::CopyTo(CopyToStatement {
            source,
            target: target.absolute(),
            partitioned_by: copy.partitioned_by.iter().map(fold).collect(),
            stored_as: Some(format.to_string()),
            options: copy
                .options
                .iter()
                .map(|(key, value)| (option_name(key), Value::SingleQuotedString(value.clone())))
                .collect(),
        }))
    }
}

/// DataFusion's word for the format that was named, or that the target's ending tells.
fn format_of(copy: &Copy) -> Result<&'static str> {
    let format = match copy.format {
        Some(format) => format,
        None => {
            let name = copy.target.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            let extension = name.split('.').skip(1).find(|part| !matches!(*part, "gz" | "bz2" | "xz" | "zst"));
            match extension.unwrap_or_default() {
                "parquet" | "parq" | "pq" => FileFormat::Parquet,
                "csv" | "tsv" | "tbl" | "txt" => FileFormat::Csv,
                "json" | "jsonl" | "ndjson" => FileFormat::Json,
                "arrow" | "ipc" | "feather" => FileFormat::Arrow,
                _ => {
                    return Err(Error::statement(format!("the format of {} is not known by its name", copy.target))
                        .help("write STORED AS PARQUET, CSV, JSON or ARROW"));
                }
            }
        }
    };
    match format {
        FileFormat::Parquet => Ok("parquet"),
        FileFormat::Csv => Ok("csv"),
        FileFormat::Json => Ok("json"),
        FileFormat::Arrow => Ok("arrow"),
        FileFormat::Avro => Err(Error::statement("Avro files can be read but not written")
            .help("write STORED AS PARQUET, CSV, JSON or ARROW")),
    }
}

/// The names that PostgreSQL and DuckDB give to options, as DataFusion's.
fn option_name(key: &str) -> String {
    let key = key.to_ascii_lowercase();
    match key.as_str() {
        "header" => "format.has_header".to_string(),
        "null" | "nullstr" => "format.null_value".to_string(),
        "delim" | "sep" => "format.delimiter".to_string(),
        _ if key.contains('.') => key,
        _ => format!("format.{key}"),
    }
}

/// Runs a write to its end. DataFusion's sinks answer with one row: how many rows were written.
pub(super) async fn count_written(stream: &mut SendableRecordBatchStream, source: &Arc<Source>) -> Result<Option<u64>> {
    let mut total = None;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| in_statement(&error, source))?;
        if let Some(counts) = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt64Type>()) {
            let sum: u64 = counts.iter().flatten().sum();
            total = Some(total.unwrap_or(0) + sum);
        }
    }
    Ok(total)
}
