//! `ostrich constraints check`: declared constraints against the data.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};

use crate::catalog::model::{Constraint, Relation, Table, TableName};
use crate::cli::args::ConstraintsCheckArguments;
use crate::cli::errors;
use crate::cli::runner::{Ended, Runner};
use crate::cli::signals::Signals;
use crate::error::{Error, ErrorKind, Result};
use crate::session::Session;
use crate::session::constraints::{Checked, Verdict};

/// Checks all constraints that are asked for, one after the other. One that cannot be checked does not keep the others from
/// being checked.
pub(in crate::cli) async fn check(
    arguments: &ConstraintsCheckArguments,
    runner: &mut Runner,
    signals: &Signals,
    color: bool,
) -> Result<Ended> {
    let session = Arc::clone(&runner.session);
    let tables = tables(arguments, &session).await?;
    let constraints: Vec<(&Table, &Constraint)> =
        tables.iter().flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint))).collect();
    if constraints.is_empty() {
        runner.note("no constraints are declared: ALTER TABLE … ADD CONSTRAINT declares one");
        return Ok(Ended::Done);
    }
    let mut results = Vec::new();
    for (table, constraint) in constraints {
        let checked = tokio::select! {
            interrupt = signals.wait() => return Ok(Ended::Stopped(interrupt)),
            checked = session.check_constraint(table, constraint, arguments.full) => checked,
        };
        results.push((table, constraint, checked));
    }
    let shown = runner.show_batch(batch(&results)?).await?;
    let mut code = None;
    for (_, _, checked) in &results {
        let trouble = match checked {
            Ok(checked) => checked.require_naming(arguments.rows).err().map(|error| (error, ErrorKind::Check)),
            Err(error) => Some((error.clone(), error.kind())),
        };
        if let Some((error, kind)) = trouble {
            eprintln!("{}", errors::render(&error, color).trim_end());
            code.get_or_insert(kind.exit_code());
        }
    }
    Ok(code.map_or(shown, Ended::Failed))
}

/// The tables that were named, or all.
async fn tables(arguments: &ConstraintsCheckArguments, session: &Session) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    if arguments.tables.is_empty() {
        for database in session.metastore().databases().await? {
            let relations = session.metastore().relations(&database.name).await?;
            tables.extend(relations.into_iter().filter_map(|relation| match relation {
                Relation::Table(table) => Some(table),
                Relation::View(_) => None,
            }));
        }
        return Ok(tables);
    }
    for text in &arguments.tables {
        let name: TableName = session.name_of_table(text)?;
        tables.push(session.table_of_catalog(&name).await?);
    }
    Ok(tables)
}

type Outcome<'a> = (&'a Table, &'a Constraint, Result<Checked>);

fn batch(results: &[Outcome<'_>]) -> Result<RecordBatch> {
    let texts = |text: fn(&Outcome<'_>) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(results.iter().map(text)))
    };
    let numbers = |number: fn(&Checked) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter(results.iter().map(|(_, _, checked)| checked.as_ref().ok().map(number))))
    };
    let seconds = results.iter().map(|(_, _, checked)| {
        let millis = checked.as_ref().ok()?.elapsed.as_secs_f64() * 1000.0;
        Some(millis.round() / 1000.0)
    });
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table", texts(|(table, _, _)| table.name.to_string())),
        ("constraint", texts(|(_, constraint, _)| constraint.name.clone())),
        ("type", texts(|(_, constraint, _)| constraint.kind.keywords().to_string())),
        (
            "result",
            texts(|(_, _, checked)| {
                let word = match checked {
                    Ok(checked) => match checked.verdict {
                        Verdict::Holds => "held",
                        Verdict::Violated { .. } => "violated",
                    },
                    Err(_) => "failed",
                };
                word.to_string()
            }),
        ),
        (
            "violations",
            numbers(|checked| match checked.verdict {
                Verdict::Holds => 0,
                Verdict::Violated { rows, .. } => rows,
            }),
        ),
        ("rows_read", numbers(|checked| checked.rows_read)),
        ("seconds", Arc::new(Float64Array::from_iter(seconds))),
        ("how", texts(|(_, _, checked)| checked.as_ref().map_or_else(|_| String::new(), |c| c.way.word().to_string()))),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| Error::from(datafusion::error::DataFusionError::from(error)))
}
