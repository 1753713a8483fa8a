//! What every metastore holds to, and the errors when somebody does not.

use std::collections::HashSet;

use datafusion::catalog::information_schema::INFORMATION_SCHEMA;

use super::evidence::{Evidence, FileSet};
use super::model::{Constraint, Database, Relation, Table, TableName};
use crate::error::{Error, Result};
use crate::names::quote_identifier;

/// A database that is about to be stored.
pub(super) fn check_database(database: &Database) -> Result<()> {
    if database.name.is_empty() {
        return Err(Error::statement("a database needs a name"));
    }
    if database.name == INFORMATION_SCHEMA {
        return Err(Error::statement(format!("\"{INFORMATION_SCHEMA}\" is the name of the catalog's own tables"))
            .help("choose another name"));
    }
    if database.name.contains('.') {
        return Err(Error::statement(format!("\"{}\" cannot be the name of a database: it has a dot", database.name))
            .help("a.b is the database b of the catalog a"));
    }
    Ok(())
}

/// A table or view that is about to be stored.
pub(super) fn check_relation(relation: &Relation) -> Result<()> {
    check_relation_name(relation.name())?;
    match relation {
        Relation::Table(table) => check_table(table),
        Relation::View(view) => unique("column", &view.name, view.columns.iter().map(String::as_str)),
    }
}

pub(super) fn check_relation_name(name: &TableName) -> Result<()> {
    if name.name.is_empty() { Err(Error::statement("a table or view needs a name")) } else { Ok(()) }
}

fn check_table(table: &Table) -> Result<()> {
    let columns = table.columns.iter().chain(table.partition_columns.iter().flatten());
    unique("column", &table.name, columns.map(|column| column.name.as_str()))?;
    unique("constraint", &table.name, table.constraints.iter().map(|constraint| constraint.name.as_str()))
}

fn unique<'a>(what: &str, of: &TableName, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(Error::statement(format!("a {what} of {of} has no name")));
        }
        if !seen.insert(name) {
            return Err(Error::statement(format!("{of} has two {what}s with the name \"{name}\"")));
        }
    }
    Ok(())
}

/// A change by `update_table` is done: the table must still be what it was called.
pub(super) fn check_updated(before: &TableName, after: &Table) -> Result<()> {
    if after.name != *before {
        return Err(Error::statement(format!("{before} cannot become {} on the way", after.name))
            .help("ALTER TABLE … RENAME TO gives a table another name"));
    }
    check_table(after)
}

/// Evidence that is about to be stored: the constraint must still be the one that was checked.
pub(super) fn check_evidence(
    table: &Table,
    constraint: &Constraint,
    evidence: &Evidence,
    files: &[FileSet],
) -> Result<()> {
    let is_there = table.constraints.iter().any(|now| now.name == constraint.name && now.kind == constraint.kind);
    if !is_there || evidence.constraint != constraint.name {
        return Err(Error::statement(format!(
            "constraint \"{}\" of {} was changed or dropped while it was checked",
            constraint.name, table.name
        )));
    }
    if !files.iter().map(FileSet::digest).eq(evidence.digests.iter().map(String::as_str)) {
        return Err(Error::statement("evidence must come with the files that it was found on"));
    }
    Ok(())
}

/// Whether `new` may take the place of `old`, under the same name.
pub(super) fn check_replacement(old: &Relation, new: &Relation) -> Result<()> {
    match (old, new) {
        (Relation::Table(_), Relation::Table(_)) | (Relation::View(_), Relation::View(_)) => Ok(()),
        _ => {
            let (old_kind, new_kind) = (old.kind_name(), new.kind_name());
            let help = format!("DROP {} {} comes first", old_kind.to_uppercase(), written(old.name()));
            Err(Error::statement(format!("{} is a {old_kind}, and no {new_kind} replaces it", old.name())).help(help))
        }
    }
}

pub(super) fn database_taken(name: &str) -> Error {
    Error::statement(format!("the database \"{name}\" already exists"))
        .help("CREATE DATABASE IF NOT EXISTS leaves it as it is")
}

pub(super) fn relation_taken(existing: &Relation) -> Error {
    let kind = existing.kind_name();
    let error = Error::statement(format!("the {kind} {} already exists", existing.name()));
    error.help(format!("CREATE OR REPLACE {0} replaces it, CREATE {0} IF NOT EXISTS leaves it", kind.to_uppercase()))
}

/// The name that a table is to have from now on is another's.
pub(super) fn new_name_taken(existing: &Relation) -> Error {
    Error::statement(format!("the {} {} already exists", existing.kind_name(), existing.name()))
}

pub(super) fn not_a_table(view: &TableName) -> Error {
    Error::statement(format!("{view} is a view, not a table"))
}

pub(super) fn database_not_empty(name: &str, relations: usize) -> Error {
    let holds = if relations == 1 { "one table or view".to_owned() } else { format!("{relations} tables and views") };
    Error::statement(format!("the database \"{name}\" is not empty: it holds {holds}"))
        .help(format!("DROP DATABASE {} CASCADE drops them too", quote_identifier(name)))
}

pub(super) fn default_database_stays() -> Error {
    Error::statement(format!("the database \"{}\" cannot be dropped", super::model::DEFAULT_DATABASE))
}

fn written(name: &TableName) -> String {
    super::show_create::qualified_name(name)
}
