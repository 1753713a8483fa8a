//! COPY … TO, and counting what a write wrote.

use std::path::PathBuf;
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
use super::unfinished::Unfinished;
use crate::catalog::model::FileFormat;
use crate::catalog::provider::COMPRESSIONS;
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::sql::source::Source;
use crate::sql::statement::{Copy, CopySource, ParsedStatement};
use crate::storage::kind::is_empty;

impl Session {
    /// Runs COPY. A single file on this machine is written beside its place and put there at the end, so that a failure leaves what
    /// was there before, and a query may read the file that it writes. Of a folder that was missing or empty before, a failure leaves
    /// nothing; in one with files, those that were added stay.
    pub(super) async fn copy(&self, copy: &Copy, parsed: &ParsedStatement) -> Result<Option<u64>> {
        let tables = self.statement_tables(&self.database());
        let place = self.location(&copy.target).map_err(|error| error.at(&parsed.source, copy.target_span))?;
        let finished = match place.local_root() {
            Some(path) if !place.is_folder() && path.extension().is_some() && copy.partitioned_by.is_empty() => {
                Some(path)
            }
            _ => None,
        };
        let Some(finished) = finished else {
            let planned = self.plan_copy(copy, &tables, &parsed.source).await?;
            let is_new = place.local_root().is_some() && is_empty(&self.context.state(), &place).await?;
            let unfinished = is_new.then(|| Unfinished::new(&place));
            let mut execution = self.start(planned).await?;
            let rows = count_written(&mut execution.stream, &parsed.source).await?;
            if let Some(unfinished) = unfinished {
                unfinished.keep();
            }
            return Ok(rows);
        };
        let name = finished.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = Beside(finished.with_file_name(format!(".{}-{name}", uuid::Uuid::new_v4().simple())));
        let mut staged = copy.clone();
        staged.format = Some(format_of_target(copy)?);
        staged.target = beside.0.to_string_lossy().into_owned();
        let planned = self.plan_copy(&staged, &tables, &parsed.source).await?;
        let mut execution = self.start(planned).await?;
        let rows = count_written(&mut execution.stream, &parsed.source).await?;
        std::fs::rename(&beside.0, &finished)
            .map_err(|error| Error::storage(format!("{} cannot be written: {error}", finished.display())))?;
        Ok(rows)
    }

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
                .map(|(key, value)| {
                    (format!("format.{}", key.to_ascii_lowercase()), Value::SingleQuotedString(value.clone()))
                })
                .collect(),
        }))
    }
}

/// A file in the making. If it has not been put in its place, it goes.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // It is gone already if all went well.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The format that was named, or that the target's ending tells.
fn format_of_target(copy: &Copy) -> Result<FileFormat> {
    match copy.format {
        Some(format) => Ok(format),
        None => {
            let name = copy.target.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            let extension = name.split('.').skip(1).find(|part| !COMPRESSIONS.contains(part));
            match extension.unwrap_or_default() {
                "parquet" | "parq" | "pq" => Ok(FileFormat::Parquet),
                "csv" | "tsv" | "tbl" | "txt" => Ok(FileFormat::Csv),
                "json" | "jsonl" | "ndjson" => Ok(FileFormat::Json),
                "arrow" | "ipc" | "feather" => Ok(FileFormat::Arrow),
                "orc" => Ok(FileFormat::Orc),
                _ => Err(Error::statement(format!("the format of {} is not known by its name", copy.target))
                    .help("write STORED AS PARQUET, CSV, JSON or ARROW")),
            }
        }
    }
}

/// DataFusion's word for the format.
fn format_of(copy: &Copy) -> Result<&'static str> {
    match format_of_target(copy)? {
        FileFormat::Parquet => Ok("parquet"),
        FileFormat::Csv => Ok("csv"),
        FileFormat::Json => Ok("json"),
        FileFormat::Arrow => Ok("arrow"),
        FileFormat::Avro | FileFormat::Orc => {
            let name = copy.format.map_or("these", |format| format.name());
            Err(Error::statement(format!("{name} files can be read but not written"))
                .help("write STORED AS PARQUET, CSV, JSON or ARROW"))
        }
        FileFormat::TextFile | FileFormat::JsonFile | FileFormat::Regex | FileFormat::OpenCsv => {
            Err(Error::statement("COPY does not write Hive's text formats")
                .help("write STORED AS CSV or JSON, or INSERT INTO a table of that format"))
        }
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
