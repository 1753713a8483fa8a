//! ALTER TABLE on columns: ADD, CHANGE, RENAME COLUMN, REPLACE COLUMNS, DROP COLUMN.
//!
//! Only the catalog changes; the files stay as they are. So a column is changed only in such a way that each row keeps its
//! values. Parquet files have their columns by name: for those that were written before, the catalog remembers a column's former
//! names, as a property of the table (`ostrich.column.b.formerly`). Lines of text have them by place, so places cannot change.

use datafusion::arrow::datatypes::DataType;
use sqlparser::ast::Ident;

use super::table::columns_from;
use crate::catalog::model::{Column, Constraint, ConstraintKind, FileFormat, Relation, Table, TableKind, TableName};
use crate::catalog::show_create::qualified_name;
use crate::error::{Error, Result};
use crate::names::{nearest, quote_identifier};
use crate::session::Session;
use crate::session::resolve::fold;
use crate::sql::statement::{ChangeColumn, ColumnDefinition, ColumnPlace, ParsedStatement};
use crate::sql::types::{self, display_name};
use crate::storage::{FileTable, FormerNames};

const PREFIX: &str = "ostrich.column.";
const SUFFIX: &str = ".formerly";

/// What columns of a table are called in older files.
pub(in crate::session) fn former_names(table: &Table) -> FormerNames {
    let former = |(key, value): (&String, &String)| {
        let column = key.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let names: Vec<String> = serde_json::from_str(value).ok()?;
        Some((column.to_string(), names))
    };
    table.properties.iter().filter_map(former).collect()
}

fn key_of(column: &str) -> String {
    format!("{PREFIX}{column}{SUFFIX}")
}

/// How the columns of a table are found in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundBy {
    Name,
    Place,
}

impl FoundBy {
    fn of(table: &Table) -> Self {
        match table.format {
            FileFormat::TextFile | FileFormat::Regex | FileFormat::OpenCsv => FoundBy::Place,
            FileFormat::Csv
                if table.options.get("header").is_some_and(|header| header.eq_ignore_ascii_case("false")) =>
            {
                FoundBy::Place
            }
            _ => FoundBy::Name,
        }
    }
}

impl Session {
    pub(super) async fn add_columns(
        &self,
        table: Table,
        columns: &[ColumnDefinition],
        if_not_exists: bool,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        require_declared(&table)?;
        let mut added = columns_from(columns)?;
        let taken = |name: &str| has_column(&table, name);
        if let Some((column, definition)) = added.iter().zip(columns).find(|(column, _)| taken(&column.name))
            && !if_not_exists
        {
            return Err(Error::statement(format!("table {} has a column \"{}\" already", table.name, column.name))
                .at(&parsed.source, definition.name.span));
        }
        added.retain(|column| !taken(&column.name));
        self.require_new_to_files(&table, added.iter()).await?;
        self.change_from(&table, move |table| {
            table.columns.extend(added);
            Ok(())
        })
        .await
    }

    pub(super) async fn change_column(
        &self,
        table: Table,
        change: &ChangeColumn,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        require_declared(&table)?;
        let at = |error: Error, name: &Ident| error.at(&parsed.source, name.span);
        let from = place_of(&table, &change.name).map_err(|error| at(error, &change.name))?;
        let old = table.columns.get(from).cloned().ok_or_else(|| no_column(&table, &fold(&change.name)))?;
        let mut new = old.clone();
        if let Some(name) = &change.new_name {
            new.name = fold(name);
            if !new.name.eq_ignore_ascii_case(&old.name) && has_column(&table, &new.name) {
                let error = Error::statement(format!("table {} has a column \"{}\" already", table.name, new.name));
                return Err(at(error, name));
            }
        }
        if let Some(data_type) = &change.data_type {
            new.data_type = types::from_sql(data_type)?;
        }
        new.comment = change.comment.clone().or(new.comment);
        let to = match &change.place {
            None => from,
            Some(ColumnPlace::First) => 0,
            Some(ColumnPlace::After(name)) => {
                let behind = place_of(&table, name).map_err(|error| at(error, name))?;
                if behind < from { behind + 1 } else { behind }
            }
        };
        let open = self.tables.open(&self.context.state(), &table).await?;
        let mut former = None;
        if !open.files().is_empty() {
            require_kept_values(&table, &old, &new)?;
            if to != from && FoundBy::of(&table) == FoundBy::Place {
                return Err(Error::statement(format!(
                    "\"{}\" cannot change its place: lines of {} have their columns by place",
                    old.name, table.format
                ))
                .help("name the columns in the order that you want in a view, or write the table anew with CREATE TABLE … AS"));
            }
            if new.name != old.name && FoundBy::of(&table) == FoundBy::Name {
                former = self.former_names_after(&table, &open, &old.name, &new.name).await?;
            }
        }
        let name = table.name.clone();
        let (old_name, new_name) = (old.name.clone(), new.name.clone());
        self.change_from(&table, move |table| {
            table.columns.remove(from);
            table.columns.insert(to, new);
            if old_name != new_name {
                table.properties.remove(&key_of(&old_name));
                if let Some(names) = former {
                    let text = serde_json::to_string(&names)
                        .map_err(|error| Error::statement(format!("names cannot be kept: {error}")))?;
                    table.properties.insert(key_of(&new_name), text);
                }
                rename_in(table, &old_name, &new_name);
            }
            Ok(())
        })
        .await?;
        match &change.new_name {
            Some(new) if fold(new) != old.name => self.rename_references(&name, &old.name, &fold(new)).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn replace_columns(
        &self,
        table: Table,
        columns: &[ColumnDefinition],
        parsed: &ParsedStatement,
    ) -> Result<()> {
        require_declared(&table)?;
        let new = columns_from(columns)?;
        for (number, (column, definition)) in new.iter().zip(columns).enumerate() {
            let twice = new[..number].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&column.name));
            let is_partition = partition_columns(&table).any(|other| other.name.eq_ignore_ascii_case(&column.name));
            if twice || is_partition {
                let error = Error::statement(format!("column \"{}\" occurs twice", column.name));
                return Err(error.at(&parsed.source, definition.name.span));
            }
        }
        let open = self.tables.open(&self.context.state(), &table).await?;
        if !open.files().is_empty() {
            for (place, column) in new.iter().enumerate() {
                let before = table.columns.iter().position(|old| old.name == column.name);
                if let Some(old) = before.and_then(|before| table.columns.get(before)) {
                    require_kept_values(&table, old, column)?;
                }
                if FoundBy::of(&table) == FoundBy::Place && before.is_some_and(|before| before != place) {
                    self.require_unconstrained(&table, &column.name)?;
                }
            }
        }
        self.require_new_to_files(&table, new.iter().filter(|column| !has_column(&table, &column.name))).await?;
        let gone = table.columns.iter().filter(|old| !new.iter().any(|column| column.name == old.name));
        let gone: Vec<String> = gone.map(|column| column.name.clone()).collect();
        self.drop_from_catalog(&table, gone, move |table| table.columns = new).await
    }

    pub(super) async fn drop_column(
        &self,
        table: Table,
        name: &Ident,
        if_exists: bool,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        require_declared(&table)?;
        let place = match place_of(&table, name) {
            Ok(place) => place,
            Err(_) if if_exists && !has_column(&table, &fold(name)) => return Ok(()),
            Err(error) => return Err(error.at(&parsed.source, name.span)),
        };
        if table.columns.len() == 1 {
            return Err(Error::statement(format!("\"{}\" is the only column of {}", fold(name), table.name))
                .at(&parsed.source, name.span));
        }
        let is_last = place + 1 == table.columns.len();
        if FoundBy::of(&table) == FoundBy::Place && !is_last {
            let open = self.tables.open(&self.context.state(), &table).await?;
            if !open.files().is_empty() {
                return Err(Error::statement(format!(
                    "only the last column can be dropped: lines of {} have their columns by place",
                    table.format
                ))
                .at(&parsed.source, name.span)
                .help("leave the column out in a view, or write the table anew with CREATE TABLE … AS"));
            }
        }
        let gone = vec![table.columns[place].name.clone()];
        self.drop_from_catalog(&table, gone, move |table| {
            table.columns.remove(place);
        })
        .await
    }

    /// Dropped columns are still in the files of a table, and must not come back as new ones. What is in somebody else's files may
    /// be declared.
    async fn require_new_to_files<'a>(&self, table: &Table, added: impl Iterator<Item = &'a Column>) -> Result<()> {
        if table.kind != TableKind::Managed {
            return Ok(());
        }
        let open = self.tables.open(&self.context.state(), table).await?;
        for column in added {
            if self.is_in_files(&open, &column.name).await? == Some(true) {
                return Err(Error::statement(format!(
                    "files of {} have a column \"{}\" from before, whose values would come back",
                    table.name, column.name
                ))
                .help("choose another name, or write the table anew with CREATE TABLE … AS"));
            }
        }
        Ok(())
    }

    /// Columns go, and constraints on them with them. A foreign key of another table would be left without what it is about.
    async fn drop_from_catalog(
        &self,
        table: &Table,
        gone: Vec<String>,
        change: impl FnOnce(&mut Table) + Send + 'static,
    ) -> Result<()> {
        let in_buckets = table
            .buckets
            .iter()
            .flat_map(|buckets| buckets.columns.iter().chain(buckets.sorted_by.iter().map(|sort| &sort.column)));
        if let Some(column) = in_buckets.into_iter().find(|column| gone.contains(column)) {
            return Err(Error::statement(format!("rows of {} are CLUSTERED BY or SORTED BY \"{column}\"", table.name)));
        }
        for (other, constraint) in self.references_to(&table.name).await? {
            let ConstraintKind::ForeignKey { referenced_columns, .. } = &constraint.kind else { continue };
            if let Some(column) = referenced_columns.iter().find(|column| gone.contains(column)) {
                if other == table.name && constraint.kind.columns().iter().any(|column| gone.contains(column)) {
                    continue;
                }
                return Err(Error::statement(format!(
                    "\"{column}\" cannot be dropped: the foreign key \"{}\" of {other} references it",
                    constraint.name
                ))
                .help(format!(
                    "ALTER TABLE {} DROP CONSTRAINT {} comes first",
                    qualified_name(&other),
                    quote_identifier(&constraint.name)
                )));
            }
        }
        self.change_from(table, move |table| {
            change(table);
            for column in &gone {
                table.properties.remove(&key_of(column));
            }
            table
                .constraints
                .retain(|constraint| !constraint.kind.columns().iter().any(|column| gone.contains(column)));
            Ok(())
        })
        .await
    }

    /// What a column is called in older files once it has another name; `None`: in no file it is called otherwise.
    ///
    /// # Errors
    ///
    /// If the files have no way to tell, or another column of the new name.
    async fn former_names_after(
        &self,
        table: &Table,
        open: &FileTable,
        old: &str,
        new: &str,
    ) -> Result<Option<Vec<String>>> {
        if new.eq_ignore_ascii_case(old) {
            return Ok(former_names(table).remove(old));
        }
        let mut names = vec![old.to_string()];
        names.extend(former_names(table).remove(old).unwrap_or_default());
        let has_old = self.is_in_files(open, old).await?;
        let has_new = self.is_in_files(open, new).await?;
        if has_old.is_none() || (table.format != FileFormat::Parquet && has_old == Some(true)) {
            return Err(Error::statement(format!(
                "\"{old}\" cannot be renamed: the {} files of {} have the column under this name, and it would be NULL in their rows",
                table.format, table.name
            ))
            .help(format!("give it the name in a view, or write the table anew: CREATE TABLE … AS SELECT {old} AS {new}, …")));
        }
        // A name from before may come again if it was this column's own.
        let own = names.iter().any(|name| name.eq_ignore_ascii_case(new));
        if has_new == Some(true) && has_old == Some(true) && !own {
            return Err(Error::statement(format!(
                "files of {} have a column \"{new}\" from before beside \"{old}\": its values would take the place of the others",
                table.name
            ))
            .help("choose another name, or write the table anew with CREATE TABLE … AS"));
        }
        names.retain(|name| !name.eq_ignore_ascii_case(new));
        Ok((has_old == Some(true) || names.len() > 1).then_some(names))
    }

    async fn is_in_files(&self, open: &FileTable, name: &str) -> Result<Option<bool>> {
        let found = open.names_in_files(&self.context.state(), &[name]).await?;
        Ok(found.and_then(|found| found.first().copied()))
    }

    /// The foreign keys that reference a table, with the tables that they are of.
    async fn references_to(&self, table: &TableName) -> Result<Vec<(TableName, Constraint)>> {
        let mut found = Vec::new();
        for database in self.metastore.databases().await? {
            for relation in self.metastore.relations(&database.name).await? {
                let Relation::Table(other) = relation else { continue };
                let references = other.constraints.iter().filter(|constraint| {
                    matches!(&constraint.kind, ConstraintKind::ForeignKey { references, .. } if references == table)
                });
                found.extend(references.map(|constraint| (other.name.clone(), constraint.clone())));
            }
        }
        Ok(found)
    }

    /// Other tables' foreign keys follow a column's new name.
    async fn rename_references(&self, table: &TableName, old: &str, new: &str) -> Result<()> {
        for (other, constraint) in self.references_to(table).await? {
            if other == *table {
                continue;
            }
            let (table, old, new) = (table.clone(), old.to_string(), new.to_string());
            self.change(&other, move |other| {
                for constraint in other.constraints.iter_mut().filter(|found| found.name == constraint.name) {
                    if let ConstraintKind::ForeignKey { references, referenced_columns, .. } = &mut constraint.kind
                        && *references == table
                    {
                        rename_all(referenced_columns, &old, &new);
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    fn require_unconstrained(&self, table: &Table, column: &str) -> Result<()> {
        match table.constraints.iter().find(|constraint| constraint.kind.columns().iter().any(|name| name == column)) {
            None => Ok(()),
            Some(constraint) => Err(Error::statement(format!(
                "constraint \"{}\" is about \"{column}\", which would be another column of the files",
                constraint.name
            ))
            .help(format!(
                "ALTER TABLE {} DROP CONSTRAINT {} comes first",
                qualified_name(&table.name),
                quote_identifier(&constraint.name)
            ))),
        }
    }

    /// Changes a table, if its columns are still those that were looked at.
    async fn change_from(
        &self,
        seen: &Table,
        change: impl FnOnce(&mut Table) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let columns = seen.columns.clone();
        self.change(&seen.name, move |table| {
            if table.columns != columns {
                return Err(Error::statement(format!("the columns of {} were changed meanwhile", table.name))
                    .help("run the statement again"));
            }
            change(table)
        })
        .await
    }
}

/// Columns that files may have or not cannot be changed in the catalog.
fn require_declared(table: &Table) -> Result<()> {
    match table.columns.is_empty() {
        true => Err(Error::statement(format!("the columns of {} are those of its files", table.name))
            .help("CREATE EXTERNAL TABLE with a list of columns declares them")),
        false => Ok(()),
    }
}

fn partition_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table.partition_columns.iter().flatten()
}

fn has_column(table: &Table, name: &str) -> bool {
    table.columns.iter().chain(partition_columns(table)).any(|column| column.name.eq_ignore_ascii_case(name))
}

/// The place of a column in the files among the table's.
fn place_of(table: &Table, name: &Ident) -> Result<usize> {
    let wanted = fold(name);
    if let Some(place) = table.columns.iter().position(|column| column.name == wanted) {
        return Ok(place);
    }
    if partition_columns(table).any(|column| column.name == wanted) {
        return Err(Error::statement(format!("\"{wanted}\" is a partition column: its folders are named after it"))
            .help("write the table anew with CREATE TABLE … PARTITIONED BY … AS"));
    }
    Err(no_column(table, &wanted))
}

fn no_column(table: &Table, name: &str) -> Error {
    let error = Error::statement(format!("no column \"{name}\" in {}", table.name));
    match nearest(name, table.columns.iter().map(|column| column.name.as_str())) {
        Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
        None => error,
    }
}

/// An error if values of the old type might not be values of the new one.
fn require_kept_values(table: &Table, old: &Column, new: &Column) -> Result<()> {
    // Lines hold texts, which have no type of their own.
    if table.format.is_text() || keeps_values(&old.data_type, &new.data_type) {
        return Ok(());
    }
    Err(Error::statement(format!(
        "\"{}\" cannot become {}: the files hold {}, not all of which it can hold",
        old.name,
        display_name(&new.data_type),
        display_name(&old.data_type)
    ))
    .help("a wider type of numbers, or VARCHAR, can be had without writing; CREATE TABLE … AS SELECT CAST(…) writes the values anew"))
}

fn keeps_values(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let digits = |integer: &DataType| match integer {
        Int8 => Some(3),
        Int16 => Some(5),
        Int32 => Some(10),
        Int64 => Some(19),
        _ => None,
    };
    match (from, to) {
        _ if from == to => true,
        _ if to.is_string() => !from.is_nested() && !from.is_binary(),
        (Float32, Float64) | (Date32, Timestamp(..)) => true,
        (Int8 | Int16, Float32) | (Int8 | Int16 | Int32, Float64) => true,
        (Decimal128(precision, scale), Decimal128(wider, places)) => {
            places >= scale && i16::from(*wider) - i16::from(*places) >= i16::from(*precision) - i16::from(*scale)
        }
        (_, Decimal128(precision, scale)) => {
            digits(from).is_some_and(|digits| *scale >= 0 && i16::from(*precision) - i16::from(*scale) >= digits)
        }
        _ => match (digits(from), digits(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => false,
        },
    }
}

/// Constraints and buckets follow a column's new name.
fn rename_in(table: &mut Table, old: &str, new: &str) {
    let name = table.name.clone();
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::PrimaryKey { columns }
            | ConstraintKind::Unique { columns }
            | ConstraintKind::NotNull { columns } => rename_all(columns, old, new),
            ConstraintKind::ForeignKey { columns, references, referenced_columns } => {
                rename_all(columns, old, new);
                if *references == name {
                    rename_all(referenced_columns, old, new);
                }
            }
        }
    }
    if let Some(buckets) = &mut table.buckets {
        rename_all(&mut buckets.columns, old, new);
        for sort in buckets.sorted_by.iter_mut().filter(|sort| sort.column == old) {
            sort.column = new.to_string();
        }
    }
}

fn rename_all(names: &mut [String], old: &str, new: &str) {
    for name in names.iter_mut().filter(|name| *name == old) {
        *name = new.to_string();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_type_keeps_the_values_of_narrower_ones_only() {
        use DataType::*;
        let decimal = |precision, scale| Decimal128(precision, scale);
        for (from, to) in [
            (Int32, Int64),
            (Int32, Float64),
            (Int32, decimal(12, 2)),
            (decimal(10, 2), decimal(12, 3)),
            (Float32, Float64),
            (Date32, Utf8View),
            (Int64, Utf8View),
        ] {
            assert!(keeps_values(&from, &to), "{from} to {to}");
            assert!(!keeps_values(&to, &from), "{to} to {from}");
        }
        for (from, to) in [(Int64, Float64), (Int32, decimal(10, 2)), (Utf8View, Int32), (Boolean, Int32)] {
            assert!(!keeps_values(&from, &to), "{from} to {to}");
        }
    }

    #[test]
    fn properties_that_are_no_former_names_are_none() {
        let mut table = Table::external(TableName::new("d", "t"), FileFormat::Parquet, "/t/".into());
        let properties = [
            ("ostrich.column.a.b.formerly", "[\"c\"]"),
            ("ostrich.column.x.formerly", "c"),
            ("ostrich.column.x", "[\"c\"]"),
            ("formerly", "[\"c\"]"),
        ];
        table.properties = properties.map(|(key, value)| (key.to_string(), value.to_string())).into();
        assert_eq!(former_names(&table), BTreeMap::from([("a.b".to_string(), vec!["c".to_string()])]));
    }
}
