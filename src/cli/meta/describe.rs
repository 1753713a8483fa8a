//! `\d name`: all about one table or view.

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::datasource::TableProvider;
use datafusion::physical_plan::{StatisticsArgs, StatisticsContext};
use sqlparser::ast::ObjectName;

use super::arguments::Argument;
use super::last::bytes;
use super::{Call, eyes};
use crate::catalog::model::{FileFormat, Relation, Table, TableKind, TableName, beside, in_catalog};
use crate::catalog::show_create::{constraint_clause, without_secrets};
use crate::cli::output::{Format, OutputOptions};
use crate::cli::runner::Ended;
use crate::cli::shell::fitting::render;
use crate::error::{Error, Result};
use crate::names::quote_string;
use crate::session::{Outcome, Session, files_of};
use crate::sql::statement::{Describe, ParsedStatement, Statement};
use crate::storage::FileTable;

/// Shows columns, constraints and comment; with `more` also where the data lies and how much there is. Programs get the columns only, but
/// somebody who asks for more and says no format wants to read it, be it through `less`.
pub(super) async fn describe(call: Call<'_>, word: &Argument, more: bool) -> Result<Ended> {
    let session = &call.runner.session;
    let name = call.arguments.object_name(word, session.dialect())?;
    let parsed = call.parsed(Statement::Describe(Describe::Table(name.clone())), word);
    let Outcome::Rows(rows) = session.execute(&parsed).await? else { return Ok(Ended::Done) };
    let schema = rows.schema();
    let batches = rows.collect(&parsed.source).await?;
    let columns = concat_batches(&schema, &batches).map_err(datafusion::error::DataFusionError::from)?;
    let columns = worth_showing(columns)?;
    let mut options = OutputOptions { max_rows: None, ..call.runner.output_options() };
    if !eyes(options.format) {
        if !more || call.runner.options.format_chosen {
            return call.runner.show_batch(columns).await;
        }
        options.format = Format::Table;
    }
    let relation = match relation_name(&name, &session.database()) {
        Some(name) => session.metastore().relation(&name).await?,
        None => None,
    };
    let mut text = format!("{}\n", title(&name, relation.as_ref()));
    text += &render(&options, &columns.schema(), &[columns])?;
    for line in details(session, &name, &parsed, relation.as_ref(), more).await? {
        text += &line;
        text.push('\n');
    }
    call.runner.print(&text)
}

/// Without the columns that say nothing here: partition flags and comments that no column has.
fn worth_showing(columns: RecordBatch) -> Result<RecordBatch> {
    let says_something = |index: &usize| {
        let column = columns.column(*index);
        let flags = column.as_any().downcast_ref::<BooleanArray>().is_some_and(|flags| flags.true_count() == 0);
        !flags && (column.is_empty() || column.null_count() < column.len())
    };
    let kept: Vec<usize> = (0..columns.num_columns()).filter(says_something).collect();
    columns.project(&kept).map_err(|error| datafusion::error::DataFusionError::from(error).into())
}

/// The table of the catalog that a name means; a path means none.
fn relation_name(name: &ObjectName, database: &str) -> Option<TableName> {
    let part = |part: &sqlparser::ast::ObjectNamePart| {
        let ident = part.as_ident()?;
        match ident.quote_style {
            Some('\'') => None,
            Some(_) => Some(ident.value.clone()),
            None => Some(ident.value.to_lowercase()),
        }
    };
    match name.0.as_slice() {
        [table] => Some(TableName::new(database, part(table)?)),
        [beside_it, table] => Some(TableName::new(beside(database, &part(beside_it)?), part(table)?)),
        [.., catalog, database, table] => {
            Some(TableName::new(in_catalog(&part(catalog)?, &part(database)?), part(table)?))
        }
        [] => None,
    }
}

fn title(name: &ObjectName, relation: Option<&Relation>) -> String {
    match relation {
        Some(Relation::Table(table)) if table.kind == TableKind::External => format!("External table {}", table.name),
        Some(Relation::Table(table)) => format!("Table {}", table.name),
        Some(Relation::View(view)) => format!("View {}", view.name),
        None => name.to_string(),
    }
}

async fn details(
    session: &Session,
    name: &ObjectName,
    parsed: &ParsedStatement,
    relation: Option<&Relation>,
    more: bool,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    match relation {
        Some(Relation::Table(table)) => {
            if !table.constraints.is_empty() {
                lines.push("Constraints:".to_string());
                lines.extend(
                    table.constraints.iter().map(|constraint| format!("    {}", constraint_clause(constraint))),
                );
            }
            lines.extend(table.comment.iter().map(|comment| format!("Comment: {comment}")));
        }
        Some(Relation::View(view)) => {
            lines.extend(view.comment.iter().map(|comment| format!("Comment: {comment}")));
            if more {
                lines.push("Query:".to_string());
                lines.extend(view.sql.lines().map(|line| format!("    {line}")));
            }
        }
        None => {}
    }
    if more {
        let provider = session.open_table(name, parsed).await?;
        if let Some(files) = files_of(provider.as_ref()) {
            lines.extend(of_files(session, files, relation).await?);
        }
    }
    Ok(lines)
}

/// Where the data lies, and how much there is.
async fn of_files(session: &Session, files: &FileTable, relation: Option<&Relation>) -> Result<Vec<String>> {
    let mut lines = vec![format!("Location: {}", files.location()), format!("Format: {}", files.format())];
    let table: Option<&Table> = match relation {
        Some(Relation::Table(table)) => Some(table),
        _ => None,
    };
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key} = {}", quote_string(value))).collect::<Vec<_>>().join(", ")
    };
    if let Some(table) = table {
        if !table.options.is_empty() {
            lines.push(format!("Options: {}", pairs(&without_secrets(&table.options))));
        }
        if !table.properties.is_empty() {
            lines.push(format!("Properties: {}", pairs(&table.properties)));
        }
    }
    let size: u64 = files.files().iter().map(|file| file.meta.size).sum();
    lines.push(format!("Files: {}, {}", files.files().len(), bytes(size)));
    if !files.partitions().columns().is_empty() {
        lines.push(format!("Partitions: {}", files.partitions().rows().len()));
    }
    let analyzed = table.and_then(|table| Some((table, table.statistics.as_ref()?)));
    let difference = match analyzed {
        Some((table, _)) => session.statistics_differ(table).await?,
        None => None,
    };
    let rows = match rows_by_footers(session, files).await? {
        Some(rows) => Some(rows),
        None if difference.is_none() => analyzed.and_then(|(_, statistics)| statistics.rows),
        None => None,
    };
    lines.extend(rows.map(|rows| format!("Rows: {rows}")));
    if let Some(basis) = analyzed.and_then(|(_, statistics)| statistics.basis.as_ref()) {
        let at = basis.analyzed_at.format("%Y-%m-%d %H:%M:%S UTC");
        let since = difference.map_or_else(String::new, |difference| format!("; {difference}"));
        lines.push(format!("Analyzed: {at}{since}"));
    }
    Ok(lines)
}

/// Parquet and Arrow files say how many rows they have; others would have to be read.
async fn rows_by_footers(session: &Session, files: &FileTable) -> Result<Option<u64>> {
    if files.format() != FileFormat::Parquet {
        return Ok(None);
    }
    let state = session.context().state();
    let counted = async {
        let scan = files.scan(&state, Some(&Vec::new()), &[], None).await?;
        StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new())
    };
    let statistics = counted.await.map_err(Error::from)?;
    Ok(match statistics.num_rows {
        datafusion::common::stats::Precision::Exact(rows) => Some(rows as u64),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;
    use crate::cli::output::Format;

    #[tokio::test]
    async fn columns_constraints_and_comment_are_shown() {
        let mut shell = tpch().await;
        shell
            .run(
                "create table t (a int, b varchar comment 'the b', constraint t_pk primary key (a) rely) comment 'a table';",
            )
            .await
            .unwrap();
        let shown = shell.shows("\\d t").await;
        assert!(shown.starts_with("Table default.t\n"), "{shown}");
        for part in ["│ a", "INT", "the b", "CONSTRAINT t_pk PRIMARY KEY (a)", "Comment: a table"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("partition"), "it has no partitions: {shown}");
    }

    #[tokio::test]
    async fn more_tells_of_the_files() {
        let mut shell = tpch().await;
        let plain = shell.shows("\\d nation").await;
        assert!(plain.contains("n_nationkey") && !plain.contains("Location"), "{plain}");
        let more = shell.shows("\\d+ nation").await;
        for part in ["External table default.nation", "nation.parquet", "Format: PARQUET", "Files: 1, ", "Rows: 25"] {
            assert!(more.contains(part), "{part} in {more}");
        }
    }

    #[tokio::test]
    async fn a_file_and_a_view_have_columns_too() {
        let mut shell = tpch().await;
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tpch/region.parquet");
        assert!(shell.shows(&format!("\\d '{file}'")).await.contains("r_regionkey"));
        shell.run("create view v as select r_name from region;").await.unwrap();
        let view = shell.shows("\\d+ v").await;
        assert!(view.contains("View default.v") && view.contains("    select r_name from region"), "{view}");
    }

    #[tokio::test]
    async fn an_unknown_name_is_pointed_at_and_the_near_one_named() {
        let mut shell = tpch().await;
        let error = shell.run("\\d   ntaion").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"nation\"?"]);
        let span = error.position().unwrap().span;
        assert_eq!((span.start.column, span.end.column), (6, 12));
    }

    #[tokio::test]
    async fn programs_get_rows_only() {
        let mut shell = tpch().await;
        let shown = shell.shows("\\pset format csv\n\\d region").await;
        assert!(shown.starts_with("column_name,data_type\nr_regionkey,"), "{shown}");
        let more = shell.shows("\\d+ region").await;
        assert_eq!(more, shown, "a format was asked for");
    }

    #[tokio::test]
    async fn more_is_for_people_also_in_a_pipe() {
        let mut shell = tpch().await;
        shell.runner.options.output.format = Format::Csv;
        assert!(shell.shows("\\d region").await.starts_with("column_name,data_type\n"));
        let more = shell.shows("\\d+ region").await;
        assert!(more.contains("External table default.region") && more.contains("Rows: 5"), "{more}");
    }
}
