//! DESCRIBE FORMATTED and EXTENDED: all that is known of a table, a partition or a column, laid out as Hive does.
//!
//! Programs find what they look for by its label (`Location:`, `SerDe Library:`), so labels and their order are Hive's. What
//! Hive knows and we do not (owner, times) is left out, as are formats' classes where Hive has no such format.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use datafusion::catalog::TableProvider as _;
use sqlparser::ast::{Expr, Ident, ObjectName, Spanned};

use super::ddl::partition::matches;
use super::partition_clause::{partition_of, partition_spec};
use super::resolve::{files_of, fold};
use super::show::{no_column, rows, texts};
use super::{Rows, Session};
use crate::catalog::evidence::Standing;
use crate::catalog::model::{
    Column, ColumnStatistics, Constraint, ConstraintKind, Relation, Table, TableKind, TableStatistics, View,
};
use crate::catalog::show_create::without_secrets;
use crate::catalog::statistics::PartitionStatistics;
use crate::error::{Error, Result};
use crate::names::quote_identifier;
use crate::sql::statement::ParsedStatement;
use crate::sql::types::display_name;
use crate::storage::{FileTable, HiveClasses};

/// The rows of an answer: three texts each.
#[derive(Debug, Default)]
struct Sheet {
    columns: [Vec<Option<String>>; 3],
}

impl Sheet {
    fn row(&mut self, cells: [Option<String>; 3]) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
    }

    /// `Location:` and what it is.
    fn item(&mut self, label: &str, value: impl Into<String>) {
        self.row([Some(label.to_string()), Some(value.into()), None]);
    }

    /// A part with a heading, behind an empty row.
    fn part(&mut self, heading: &str) {
        self.row([None, None, None]);
        self.row([Some(heading.to_string()), None, None]);
    }

    fn columns(&mut self, columns: &[Column]) {
        self.row(["# col_name", "data_type", "comment"].map(|name| Some(name.to_string())));
        for column in columns {
            self.row([Some(column.name.clone()), Some(display_name(&column.data_type)), column.comment.clone()]);
        }
    }

    /// Keys and values under a label. They stand in the second and third column, as Hive has them.
    fn pairs(&mut self, label: &str, pairs: BTreeMap<String, String>) {
        self.row([Some(label.to_string()), None, None]);
        for (key, value) in pairs {
            self.row([None, Some(key), Some(value)]);
        }
    }

    fn into_rows(self) -> Result<Rows> {
        let [names, types, comments] = self.columns;
        rows(vec![("col_name", texts(names)), ("data_type", texts(types)), ("comment", texts(comments))])
    }
}

/// Statistics, and what keeps them from being those of the files as they are.
struct Known<'a> {
    statistics: Option<&'a TableStatistics>,
    difference: Option<String>,
}

impl Session {
    pub(super) async fn describe_formatted(
        &self,
        name: &ObjectName,
        column: Option<&Ident>,
        partition: &[Expr],
        parsed: &ParsedStatement,
    ) -> Result<Rows> {
        let table = match self.relation_named(name, parsed).await? {
            Relation::Table(table) => table,
            Relation::View(view) => {
                return match (column, partition) {
                    (None, []) => self.describe_view(&view, name, parsed).await,
                    _ => Err(Error::statement(format!(
                        "{} is a view, which has neither partitions nor statistics",
                        view.name
                    ))
                    .at(&parsed.source, name.span())),
                };
            }
        };
        let provider = self.open_table(name, parsed).await?;
        let files = files_of(provider.as_ref())
            .ok_or_else(|| Error::statement(format!("{} is no table of files", table.name)))?;
        let table = with_columns(table, files);
        let known = Known { statistics: table.statistics.as_ref(), difference: self.statistics_differ(&table).await? };
        let folder = match partition {
            [] => None,
            clause => Some(self.partition_named(&table, name, clause, parsed).await?),
        };
        if let Some(column) = column {
            let wanted = fold(column);
            let schema = files.schema();
            let found = all_columns(&table)
                .find(|column| column.name == wanted)
                .ok_or_else(|| no_column(&schema, &wanted, &table.name).at(&parsed.source, column.span))?;
            return match folder {
                None => column_sheet(found, known.statistics.and_then(|known| known.columns.get(&wanted)), &known),
                Some(folder) => {
                    let of_folder = self.folder_statistics(&table, &folder).await?;
                    let column = of_folder.as_ref().and_then(|of_folder| of_folder.columns.get(&wanted));
                    let statistics = column.map(|column| ColumnStatistics {
                        nulls: Some(column.nulls),
                        distinct: super::analyze::distinct_in(&column.sketch),
                        min: column.min.clone(),
                        max: column.max.clone(),
                        data_type: Some(column.data_type.clone()),
                    });
                    column_sheet(found, statistics.as_ref(), &known)
                }
            };
        }
        let mut sheet = Sheet::default();
        sheet.columns(&table.columns);
        let partitions = table.partition_columns.as_deref().unwrap_or_default();
        if !partitions.is_empty() {
            sheet.part("# Partition Information");
            sheet.columns(partitions);
        }
        match folder {
            None => table_part(&mut sheet, &table, files, &known),
            Some(folder) => {
                let of_folder = self.folder_statistics(&table, &folder).await?;
                partition_part(&mut sheet, &table, files, &folder, of_folder.as_ref());
            }
        }
        storage_part(&mut sheet, &table);
        if partition.is_empty() && !table.constraints.is_empty() {
            constraints_part(&mut sheet, &table, &self.constraint_standings(&table).await?);
        }
        sheet.into_rows()
    }

    async fn describe_view(&self, view: &View, name: &ObjectName, parsed: &ParsedStatement) -> Result<Rows> {
        let provider = self.open_table(name, parsed).await?;
        let schema = provider.schema();
        let columns = schema.fields().iter().map(|field| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            comment: None,
        });
        let mut sheet = Sheet::default();
        sheet.columns(&columns.collect::<Vec<_>>());
        sheet.part("# Detailed Table Information");
        sheet.item("Database:", &view.name.database);
        sheet.item("Table Type:", "VIRTUAL_VIEW");
        let comment = view.comment.iter().map(|comment| ("comment".to_string(), comment.clone()));
        sheet.pairs("Table Parameters:", comment.collect());
        sheet.part("# View Information");
        sheet.item("Original Query:", &view.sql);
        sheet.item("Dialect:", &view.dialect);
        sheet.item("Current Database:", &view.database);
        sheet.into_rows()
    }

    /// The folder of the one partition that a clause names.
    async fn partition_named(
        &self,
        table: &Table,
        name: &ObjectName,
        clause: &[Expr],
        parsed: &ParsedStatement,
    ) -> Result<String> {
        let at = |error: Error| match (clause.first(), clause.last()) {
            (Some(first), Some(last)) => error.at(&parsed.source, first.span().union(&last.span())),
            _ => error,
        };
        let wanted = partition_spec(clause, table, &parsed.source)?;
        let count = table.partition_columns.as_ref().map_or(0, Vec::len);
        if wanted.len() != count || wanted.iter().any(|column| column.value.is_none()) {
            return Err(at(Error::statement(format!("one partition is named by the values of its {count} columns"))));
        }
        let names = self.partitions(name, clause, &parsed.source).await?;
        match names.into_iter().find(|folder| matches(table, folder, &wanted)) {
            Some(folder) => Ok(folder),
            None => Err(at(Error::statement(format!("{} has no such partition", table.name))
                .help(format!("SHOW PARTITIONS {} lists them", table.name)))),
        }
    }

    async fn folder_statistics(&self, table: &Table, folder: &str) -> Result<Option<PartitionStatistics>> {
        let all = self.metastore.partition_statistics(&table.name).await?;
        Ok(all.into_iter().find(|found| found.folder == folder))
    }
}

/// The table with the columns that it has now, if they are those of its files.
fn with_columns(mut table: Table, files: &FileTable) -> Table {
    let columns = |fields: &mut dyn Iterator<Item = &Arc<datafusion::arrow::datatypes::Field>>| {
        super::ddl::table::columns_of(fields)
    };
    if table.columns.is_empty() {
        table.columns = columns(&mut files.file_schema().fields().iter());
    }
    if table.partition_columns.is_none() {
        table.partition_columns = Some(columns(&mut files.partitions().columns().iter()));
    }
    table
}

fn all_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().chain(table.partition_columns.iter().flatten())
}

fn table_part(sheet: &mut Sheet, table: &Table, files: &FileTable, known: &Known<'_>) {
    sheet.part("# Detailed Table Information");
    sheet.item("Database:", &table.name.database);
    sheet.item("Table:", &table.name.name);
    sheet.item("Location:", files.location().absolute());
    let kind = match table.kind {
        TableKind::Managed => "MANAGED_TABLE",
        TableKind::External => "EXTERNAL_TABLE",
    };
    sheet.item("Table Type:", kind);
    let mut parameters = table.properties.clone();
    let mut add = |key: &str, value: String| parameters.insert(key.to_string(), value);
    if table.kind == TableKind::External {
        add("EXTERNAL", "TRUE".to_string());
    }
    if let Some(comment) = &table.comment {
        add("comment", comment.clone());
    }
    add("numFiles", files.files().len().to_string());
    add("totalSize", files.files().iter().map(|file| file.meta.size).sum::<u64>().to_string());
    if !files.partitions().columns().is_empty() {
        add("numPartitions", files.partitions().rows().len().to_string());
    }
    if let Some(statistics) = known.statistics {
        if let Some(rows) = statistics.rows {
            add("numRows", rows.to_string());
        }
        add("COLUMN_STATS_ACCURATE", accurate(statistics.columns.keys(), known.difference.is_none()));
        if let Some(basis) = &statistics.basis {
            add("ostrich.analyzed_at", basis.analyzed_at.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        if let Some(difference) = &known.difference {
            add("ostrich.analyzed_difference", difference.clone());
        }
    }
    sheet.pairs("Table Parameters:", parameters);
}

/// Hive's way to say which statistics hold.
fn accurate<'a>(columns: impl Iterator<Item = &'a String>, is_current: bool) -> String {
    if !is_current {
        return "{}".to_string();
    }
    let columns: serde_json::Map<String, serde_json::Value> =
        columns.map(|column| (column.clone(), "true".into())).collect();
    let mut accurate = serde_json::Map::from_iter([("BASIC_STATS".to_string(), "true".into())]);
    if !columns.is_empty() {
        accurate.insert("COLUMN_STATS".to_string(), columns.into());
    }
    serde_json::Value::Object(accurate).to_string()
}

fn partition_part(
    sheet: &mut Sheet,
    table: &Table,
    files: &FileTable,
    folder: &str,
    known: Option<&PartitionStatistics>,
) {
    sheet.part("# Detailed Partition Information");
    let values = partition_of(folder);
    let values: Vec<String> =
        values.into_iter().map(|(_, value)| value.unwrap_or_else(|| "NULL".to_string())).collect();
    sheet.item("Partition Value:", format!("[{}]", values.join(", ")));
    sheet.item("Database:", &table.name.database);
    sheet.item("Table:", &table.name.name);
    sheet.item("Location:", format!("{}/{folder}", files.location().absolute().trim_end_matches('/')));
    let part = files.only(|file| files.path_of(file).rsplit_once('/').is_some_and(|(path, _)| path == folder));
    let mut parameters = BTreeMap::new();
    let mut add = |key: &str, value: String| parameters.insert(key.to_string(), value);
    add("numFiles", part.files().len().to_string());
    add("totalSize", part.files().iter().map(|file| file.meta.size).sum::<u64>().to_string());
    if let Some(known) = known {
        if let Some(rows) = known.rows {
            add("numRows", rows.to_string());
        }
        let is_current = known.files.digest() == part.fingerprints().digest();
        add("COLUMN_STATS_ACCURATE", accurate(known.columns.keys(), is_current));
        add("ostrich.analyzed_at", known.analyzed_at.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    sheet.pairs("Partition Parameters:", parameters);
}

fn storage_part(sheet: &mut Sheet, table: &Table) {
    sheet.part("# Storage Information");
    sheet.item("Format:", table.format.name());
    if let Some(classes) = HiveClasses::of(table.format) {
        sheet.item("SerDe Library:", classes.serde);
        sheet.item("InputFormat:", classes.input_format);
        sheet.item("OutputFormat:", classes.output_format);
    }
    let (count, columns, sorted) = match &table.buckets {
        None => ("-1".to_string(), String::new(), String::new()),
        Some(buckets) => {
            let order = |descending: bool| if descending { "DESC" } else { "ASC" };
            let sorted = buckets.sorted_by.iter().map(|sort| format!("{} {}", sort.column, order(sort.descending)));
            (buckets.count.to_string(), buckets.columns.join(", "), sorted.collect::<Vec<_>>().join(", "))
        }
    };
    sheet.item("Num Buckets:", count);
    sheet.item("Bucket Columns:", format!("[{columns}]"));
    sheet.item("Sort Columns:", format!("[{sorted}]"));
    if !table.options.is_empty() {
        sheet.pairs("Storage Desc Params:", without_secrets(&table.options));
    }
}

fn constraints_part(sheet: &mut Sheet, table: &Table, standings: &[Standing]) {
    sheet.part("# Constraints");
    const KINDS: [(&str, &str); 4] = [
        ("# Primary Key", "PRIMARY KEY"),
        ("# Foreign Keys", "FOREIGN KEY"),
        ("# Unique Constraints", "UNIQUE"),
        ("# Not Null Constraints", "NOT NULL"),
    ];
    for (heading, keywords) in KINDS {
        let of_kind = |constraint: &&Constraint| constraint.kind.keywords() == keywords;
        let mut constraints = table.constraints.iter().filter(of_kind).peekable();
        if constraints.peek().is_none() {
            continue;
        }
        sheet.part(heading);
        sheet.item("Table:", table.name.to_string());
        for constraint in constraints {
            sheet.item("Constraint Name:", &constraint.name);
            match &constraint.kind {
                ConstraintKind::ForeignKey { columns, references, referenced_columns } => {
                    for (number, (column, referenced)) in columns.iter().zip(referenced_columns).enumerate() {
                        sheet.row([
                            Some(format!("Parent Column Name:{references}.{}", quote_identifier(referenced))),
                            Some(format!("Column Name:{}", quote_identifier(column))),
                            Some(format!("Key Sequence:{}", number + 1)),
                        ]);
                    }
                }
                kind => kind.columns().iter().for_each(|column| sheet.item("Column Name:", column)),
            }
            let standing = standings.iter().find(|standing| standing.constraint == constraint.name);
            sheet.item("Trust:", trust(constraint, standing));
        }
    }
}

fn trust(constraint: &Constraint, standing: Option<&Standing>) -> String {
    if constraint.rely {
        return "RELY".to_string();
    }
    match standing {
        Some(Standing { checked_at: Some(at), why_not: None, .. }) => {
            format!("checked {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        Some(Standing { why_not: Some(why), .. }) => format!("none: {why}"),
        _ => "none: it was never checked".to_string(),
    }
}

/// A column, one row for each thing that is known, with Hive's labels.
fn column_sheet(column: &Column, statistics: Option<&ColumnStatistics>, known: &Known<'_>) -> Result<Rows> {
    let count = |count: Option<u64>| count.map(|count| count.to_string());
    let (mut labels, mut values) = (Vec::new(), Vec::new());
    let mut add = |label: &str, value: Option<String>| {
        labels.push(Some(label.to_string()));
        values.push(value);
    };
    add("col_name", Some(column.name.clone()));
    add("data_type", Some(display_name(&column.data_type)));
    add("min", statistics.and_then(|statistics| statistics.min.clone()));
    add("max", statistics.and_then(|statistics| statistics.max.clone()));
    add("num_nulls", statistics.and_then(|statistics| count(statistics.nulls)));
    add("distinct_count", statistics.and_then(|statistics| count(statistics.distinct)));
    add("comment", column.comment.clone());
    if statistics.is_some() {
        let is_current = known.difference.is_none();
        add("COLUMN_STATS_ACCURATE", Some(accurate([&column.name].into_iter(), is_current)));
        if let Some(difference) = &known.difference {
            add("ostrich.analyzed_difference", Some(difference.clone()));
        }
    }
    rows(vec![("column_property", texts(labels)), ("value", texts(values))])
}
