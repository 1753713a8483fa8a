//! SHOW and DESCRIBE: what the catalog and the session know, as rows.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use sqlparser::ast::{Ident, ObjectName, Spanned, Statement as Ast};

use super::resolve::{files_of, fold, no_table};
use super::{Rows, Session};
use crate::catalog::model::{Relation, RelationEntry, TableName, split_database};
use crate::catalog::show_create::create_statement;
use crate::error::{Error, Result};
use crate::functions::entry::Help;
use crate::names::nearest;
use crate::sql::statement::{Describe, ParsedStatement, Show};
use crate::sql::types;

impl Session {
    pub(super) async fn show(&self, show: &Show, parsed: &ParsedStatement) -> Result<Rows> {
        match show {
            Show::Catalogs { like } => {
                let names = self.catalogs.names().filter(|name| matches_like(name, like.as_deref()));
                rows(vec![("name", texts(names.map(str::to_string).collect()))])
            }
            Show::Databases { catalog, like } => {
                let current = self.database();
                let catalog = catalog.as_ref().map_or_else(|| split_database(&current).0.to_string(), fold);
                let mut databases = self.catalogs.databases_of(&catalog).await?;
                databases.iter_mut().for_each(|database| database.name = split_database(&database.name).1.to_string());
                let kept = databases.into_iter().filter(|database| matches_like(&database.name, like.as_deref()));
                let (names, comments): (Vec<_>, Vec<_>) =
                    kept.map(|database| (database.name, database.comment)).unzip();
                rows(vec![("name", texts(names)), ("comment", texts(comments))])
            }
            Show::Tables { database, like } => {
                let entries = self.entries(database.as_ref()).await?;
                let kept = entries.into_iter().filter(|entry| matches_like(&entry.name, like.as_deref()));
                let kind = |entry: &RelationEntry| if entry.is_view { "view" } else { "table" };
                let (kinds, names): (Vec<_>, Vec<_>) = kept.map(|entry| (kind(&entry), entry.name)).unzip();
                rows(vec![("name", texts(names)), ("type", texts(kinds))])
            }
            Show::Views { database, like } => {
                let entries = self.entries(database.as_ref()).await?;
                let kept =
                    entries.into_iter().filter(|entry| entry.is_view && matches_like(&entry.name, like.as_deref()));
                rows(vec![("name", texts(kept.map(|entry| entry.name).collect()))])
            }
            Show::Columns { table, like } => self.describe_table(table, like.as_deref(), parsed).await,
            Show::CreateTable(name) => {
                let relation = self.relation_named(name, parsed).await?;
                let mut statement = create_statement(&relation);
                if self.require_not_temporary(relation.name()).await.is_err() {
                    statement = statement.replacen("CREATE ", "CREATE TEMPORARY ", 1);
                }
                rows(vec![("create_statement", texts(vec![statement]))])
            }
            Show::Partitions { table, partition } => {
                rows(vec![("partition", texts(self.partitions(table, partition, &parsed.source).await?))])
            }
            Show::Functions { like } => {
                let mut functions = self.functions();
                functions.retain(|function| matches_like(&function.name, like.as_deref()));
                rows(vec![
                    ("name", texts(functions.iter().map(|function| function.name.clone()).collect())),
                    ("type", texts(functions.iter().map(|function| function.kind.to_string()).collect())),
                    ("syntax", texts(functions.iter().map(|function| function.syntax.clone()).collect())),
                    ("description", texts(functions.iter().map(|function| function.description.clone()).collect())),
                ])
            }
            Show::Settings { prefix } => {
                let mut settings = self.settings();
                if let Some(prefix) = prefix {
                    let prefix = prefix.to_lowercase();
                    settings.retain(|setting| setting.name.starts_with(&prefix));
                    if settings.is_empty() {
                        self.check_known(&prefix)?;
                    }
                }
                rows(vec![
                    ("name", texts(settings.iter().map(|setting| setting.name.clone()).collect())),
                    ("value", texts(settings.iter().map(|setting| setting.value.clone()).collect())),
                    ("description", texts(settings.into_iter().map(|setting| setting.description).collect())),
                ])
            }
            Show::Variables => {
                let (names, values): (Vec<_>, Vec<_>) = self.variables().into_iter().unzip();
                rows(vec![("name", texts(names)), ("value", texts(values))])
            }
        }
    }

    pub(super) async fn describe(&self, describe: &Describe, parsed: &ParsedStatement) -> Result<Rows> {
        match describe {
            Describe::Table(name) => self.describe_table(name, None, parsed).await,
            Describe::Column(table, column) => self.describe_column(table, column, parsed).await,
            Describe::Formatted { table, column, partition } => {
                self.describe_formatted(table, column.as_ref(), partition, parsed).await
            }
            Describe::Query(ast) => {
                let Ast::Query(query) = ast.as_ref() else { return rows(Vec::new()) };
                let planned = self.plan_query(query, &parsed.source).await?;
                // Types are known only when the analyzer has settled them.
                let plan = planned.state.optimize(&planned.plan)?;
                let schema = plan.schema();
                rows(vec![
                    ("column_name", texts(planned.names)),
                    (
                        "data_type",
                        texts(schema.fields().iter().map(|field| types::display_name(field.data_type())).collect()),
                    ),
                ])
            }
        }
    }

    /// Opens a table, view or file by name.
    pub(crate) async fn open_table(
        &self,
        name: &ObjectName,
        parsed: &ParsedStatement,
    ) -> Result<Arc<dyn TableProvider>> {
        let tables = self.statement_tables(&self.database());
        tables.open(name).await.map_err(|error| error.at(&parsed.source, name.span()))
    }

    /// All columns, or those that match.
    async fn describe_table(&self, name: &ObjectName, like: Option<&str>, parsed: &ParsedStatement) -> Result<Rows> {
        let provider = self.open_table(name, parsed).await?;
        let relation = match self.table_name(name) {
            Ok(name) => self.metastore.relation(&name).await?,
            Err(_) => None,
        };
        let partitions = partition_names(provider.as_ref());
        let comment_of = |column: &str| match &relation {
            Some(Relation::Table(table)) => table
                .columns
                .iter()
                .chain(table.partition_columns.iter().flatten())
                .find(|candidate| candidate.name == column)
                .and_then(|column| column.comment.clone()),
            _ => None,
        };
        let schema = provider.schema();
        let fields: Vec<_> = schema.fields().iter().filter(|field| matches_like(field.name(), like)).collect();
        rows(vec![
            ("column_name", texts(fields.iter().map(|field| field.name().clone()).collect())),
            ("data_type", texts(fields.iter().map(|field| types::display_name(field.data_type())).collect())),
            ("partition", flags(fields.iter().map(|field| partitions.contains(field.name())).collect())),
            ("comment", texts(fields.iter().map(|field| comment_of(field.name())).collect())),
        ])
    }

    async fn describe_column(&self, name: &ObjectName, column: &Ident, parsed: &ParsedStatement) -> Result<Rows> {
        let schema = self.open_table(name, parsed).await?.schema();
        let wanted = fold(column);
        let field = schema.fields().iter().find(|field| *field.name() == wanted);
        let field = field.ok_or_else(|| no_column(&schema, &wanted, name).at(&parsed.source, column.span))?;
        self.describe_table(name, Some(field.name()), parsed).await
    }

    pub(super) async fn relation_named(&self, name: &ObjectName, parsed: &ParsedStatement) -> Result<Relation> {
        let found = async {
            let name = self.table_name(name)?;
            match self.metastore.relation(&name).await? {
                Some(relation) => Ok(relation),
                None => Err(no_table(self.metastore.as_ref(), &name).await),
            }
        };
        found.await.map_err(|error: crate::error::Error| error.at(&parsed.source, name.span()))
    }

    async fn entries(&self, database: Option<&sqlparser::ast::Ident>) -> Result<Vec<RelationEntry>> {
        let database = match database {
            Some(name) => self.database_meant(&fold(name)).await?,
            None => self.database(),
        };
        self.metastore.relation_names(&database).await
    }

    /// Names of tables and views with their columns, for completion: `None` where the columns cannot be told.
    pub async fn table_columns(&self, name: &TableName) -> Option<Vec<String>> {
        let tables = self.statement_tables(&name.database);
        let provider = tables.provider(&name.database, &name.name).await.ok()??;
        Some(provider.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// All functions of the session's dialect, by name.
    pub fn functions(&self) -> Vec<Function> {
        let dialect = self.dialect();
        let state = self.statement_tables(&self.database()).state();
        let mut functions = Vec::new();
        let mut add =
            |name: &str, kind: &'static str, documentation: Option<&datafusion::logical_expr::Documentation>| {
                if let Some(help) = crate::functions::help(dialect, name) {
                    return functions.push(Function::of(help, kind));
                }
                functions.push(Function {
                    name: name.to_string(),
                    kind,
                    syntax: documentation.map_or_else(|| format!("{name}(…)"), |doc| doc.syntax_example.clone()),
                    description: documentation.map_or_else(String::new, |doc| doc.description.trim().to_string()),
                    example: documentation.and_then(|doc| doc.sql_example.clone()),
                });
            };
        for (name, function) in state.scalar_functions() {
            add(name, "scalar", function.documentation());
        }
        for (name, function) in state.aggregate_functions() {
            add(name, "aggregate", function.documentation());
        }
        for (name, function) in state.window_functions() {
            add(name, "window", function.documentation());
        }
        for name in state.table_functions().keys() {
            add(name, "table", None);
        }
        functions.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        functions
    }
}

/// A function as `\df` and SHOW FUNCTIONS list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// `scalar`, `aggregate`, `window` or `table`.
    pub kind: &'static str,
    pub syntax: String,
    pub description: String,
    pub example: Option<String>,
}

impl Function {
    fn of(help: &Help, kind: &'static str) -> Self {
        Function {
            name: help.name.to_string(),
            kind,
            syntax: help.syntax.to_string(),
            description: help.line.to_string(),
            example: Some(format!("{};\n{}", help.example, help.gives)),
        }
    }
}

/// The error for a column that a table does not have.
pub(super) fn no_column(schema: &Schema, column: &str, table: impl std::fmt::Display) -> Error {
    let error = Error::statement(format!("no column \"{column}\" in {table}"));
    match nearest(column, schema.fields().iter().map(|field| field.name().as_str())) {
        Some(near) => error.help(format!("did you mean \"{near}\"?")),
        None => error.help(format!("DESCRIBE {table} lists its columns")),
    }
}

/// The columns of a table that come from folder names.
fn partition_names(provider: &dyn TableProvider) -> Vec<String> {
    files_of(provider)
        .map_or_else(Vec::new, |table| table.partitions().columns().iter().map(|field| field.name().clone()).collect())
}

pub(super) fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Rows> {
    let batch = RecordBatch::try_from_iter(columns).map_err(datafusion::error::DataFusionError::from)?;
    Ok(Rows::ready(batch))
}

pub(super) fn texts<T>(values: Vec<T>) -> ArrayRef
where
    StringArray: From<Vec<T>>,
{
    Arc::new(StringArray::from(values))
}

fn flags(values: Vec<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values))
}

/// SQL's LIKE; Hive's `*` and `|` in these statements mean the same as `%` and "or".
fn matches_like(name: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    pattern.split('|').any(|pattern| like(&name.to_lowercase(), &pattern.trim().to_lowercase().replace('*', "%")))
}

fn like(name: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = rest.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| like(&name[at..], rest))
        }
        Some(wanted) => {
            let mut name = name.chars();
            name.next().is_some_and(|c| wanted == '_' || wanted == c) && like(name.as_str(), rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_like_and_of_hive() {
        assert!(matches_like("orders", Some("ord%")));
        assert!(matches_like("orders", Some("O_ders")));
        assert!(matches_like("orders", Some("cust*|ord*")));
        assert!(!matches_like("orders", Some("ord")));
        assert!(matches_like("", Some("%")));
        assert!(matches_like("anything", None));
    }
}
