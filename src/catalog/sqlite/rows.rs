//! Databases, tables and views as rows, and back.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

use super::location::{Folder, Stored};
use super::{Outcome, statistics};
use crate::catalog::model::{
    Column, Constraint, ConstraintKind, Database, Relation, Table, TableKind, TableName, View,
};
use crate::error::Error;
use crate::sql::types::{parse_type, to_sql};

/// A row's key in `databases`.
#[derive(Debug, Clone, Copy)]
pub(super) struct DatabaseId(i64);

/// A row's key in `relations`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelationId(i64);

impl RelationId {
    pub(super) fn key(self) -> i64 {
        self.0
    }
}

pub(super) fn all<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    tx.prepare_cached(sql)?.query_map(params, read)?.collect()
}

pub(super) fn one<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    tx.prepare_cached(sql)?.query_row(params, read).optional()
}

pub(super) fn run(tx: &Transaction<'_>, sql: &str, params: impl Params) -> rusqlite::Result<()> {
    tx.prepare_cached(sql)?.execute(params).map(|_| ())
}

/// The place of something in a list, as it is stored.
fn ordinals<T>(items: &[T]) -> impl Iterator<Item = (i64, &T)> {
    (0..).zip(items)
}

// Databases

const DATABASE_COLUMNS: &str = "name, comment, location, location_is_relative";

fn read_database(row: &Row<'_>, folder: &Folder) -> rusqlite::Result<Database> {
    let is_relative = row.get("location_is_relative")?;
    let location: Option<String> = row.get("location")?;
    Ok(Database {
        name: row.get("name")?,
        comment: row.get("comment")?,
        location: location.map(|text| folder.restore(Stored { text, is_relative })),
    })
}

pub(super) fn databases(tx: &Transaction<'_>, folder: &Folder) -> Outcome<Vec<Database>> {
    let sql = format!("SELECT {DATABASE_COLUMNS} FROM databases ORDER BY name");
    Ok(all(tx, &sql, [], |row| read_database(row, folder))?)
}

pub(super) fn database(tx: &Transaction<'_>, folder: &Folder, name: &str) -> Outcome<Option<Database>> {
    let sql = format!("SELECT {DATABASE_COLUMNS} FROM databases WHERE name = ?1");
    Ok(one(tx, &sql, [name], |row| read_database(row, folder))?)
}

pub(super) fn database_id(tx: &Transaction<'_>, name: &str) -> Outcome<Option<DatabaseId>> {
    Ok(one(tx, "SELECT database_id FROM databases WHERE name = ?1", [name], |row| row.get(0).map(DatabaseId))?)
}

pub(super) fn insert_database(tx: &Transaction<'_>, folder: &Folder, database: &Database) -> Outcome<()> {
    run(tx, "INSERT INTO databases (name) VALUES (?1)", [&database.name])?;
    update_database(tx, folder, database)
}

pub(super) fn update_database(tx: &Transaction<'_>, folder: &Folder, database: &Database) -> Outcome<()> {
    let location = database.location.as_deref().map(|location| folder.store(location));
    Ok(run(
        tx,
        "UPDATE databases SET comment = ?2, location = ?3, location_is_relative = ?4 WHERE name = ?1",
        params![
            database.name,
            database.comment,
            location.as_ref().map(|location| &location.text),
            location.as_ref().is_some_and(|location| location.is_relative),
        ],
    )?)
}

pub(super) fn delete_database(tx: &Transaction<'_>, id: DatabaseId) -> Outcome<()> {
    Ok(run(tx, "DELETE FROM databases WHERE database_id = ?1", [id.0])?)
}

// Tables and views

const RELATION_QUERY: &str = "SELECT relation_id, d.name AS database_name, r.name, kind, r.comment, format, \
     r.location, r.location_is_relative, has_partition_columns, buckets FROM relations r JOIN databases d USING (database_id)";

/// A row of `relations`, before what belongs to it in other tables.
struct RelationRow {
    id: RelationId,
    name: TableName,
    kind: String,
    comment: Option<String>,
    format: Option<String>,
    location: Option<Stored>,
    has_partition_columns: bool,
    buckets: Option<String>,
}

impl RelationRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let is_relative = row.get("location_is_relative")?;
        let location: Option<String> = row.get("location")?;
        Ok(RelationRow {
            id: RelationId(row.get("relation_id")?),
            name: TableName { database: row.get("database_name")?, name: row.get("name")? },
            kind: row.get("kind")?,
            comment: row.get("comment")?,
            format: row.get("format")?,
            location: location.map(|text| Stored { text, is_relative }),
            has_partition_columns: row.get("has_partition_columns")?,
            buckets: row.get("buckets")?,
        })
    }
}

/// All tables and views of a database, by name.
pub(super) fn relations(tx: &Transaction<'_>, folder: &Folder, database: DatabaseId) -> Outcome<Vec<Relation>> {
    let sql = format!("{RELATION_QUERY} WHERE database_id = ?1 ORDER BY r.name");
    let found = all(tx, &sql, [database.0], RelationRow::read)?;
    found.into_iter().map(|row| load(tx, folder, row)).collect()
}

pub(super) fn relation(
    tx: &Transaction<'_>,
    folder: &Folder,
    name: &TableName,
) -> Outcome<Option<(RelationId, Relation)>> {
    let sql = format!("{RELATION_QUERY} WHERE d.name = ?1 AND r.name = ?2");
    let Some(row) = one(tx, &sql, [&name.database, &name.name], RelationRow::read)? else { return Ok(None) };
    let id = row.id;
    Ok(Some((id, load(tx, folder, row)?)))
}

/// Something stored that this program cannot have stored.
fn unreadable(name: &TableName, what: &str) -> Error {
    Error::storage(format!("the catalog's entry of {name} cannot be read: {what}"))
        .help("the catalog's file is damaged, or was changed by another program")
}

fn load(tx: &Transaction<'_>, folder: &Folder, row: RelationRow) -> Outcome<Relation> {
    match row.kind.as_str() {
        "managed" => load_table(tx, folder, row, TableKind::Managed).map(Relation::Table),
        "external" => load_table(tx, folder, row, TableKind::External).map(Relation::Table),
        "view" => load_view(tx, row).map(Relation::View),
        other => Err(unreadable(&row.name, &format!("its kind is \"{other}\"")).into()),
    }
}

fn load_view(tx: &Transaction<'_>, row: RelationRow) -> Outcome<View> {
    let id = row.id.0;
    let (sql, database, dialect) =
        one(tx, "SELECT sql, current_database, dialect FROM views WHERE relation_id = ?1", [id], |view| {
            Ok((view.get(0)?, view.get(1)?, view.get(2)?))
        })?
        .ok_or_else(|| unreadable(&row.name, "it has no query"))?;
    let columns =
        all(tx, "SELECT name FROM view_columns WHERE relation_id = ?1 ORDER BY ordinal", [id], |row| row.get(0))?;
    Ok(View { name: row.name, sql, columns, database, dialect, comment: row.comment })
}

fn load_table(tx: &Transaction<'_>, folder: &Folder, row: RelationRow, kind: TableKind) -> Outcome<Table> {
    let RelationRow { id, name, comment, format, location, has_partition_columns, buckets, .. } = row;
    let format = format.ok_or_else(|| unreadable(&name, "it has no file format"))?;
    let format = format.parse().map_err(|error: Error| unreadable(&name, error.message()))?;
    let location = location.ok_or_else(|| unreadable(&name, "it has no location"))?;
    let buckets = buckets.map(|text| serde_json::from_str(&text)).transpose();
    let buckets = buckets.map_err(|error| unreadable(&name, &format!("its buckets: {error}")))?;
    Ok(Table {
        kind,
        format,
        location: folder.restore(location),
        columns: load_columns(tx, id, &name, false)?,
        partition_columns: if has_partition_columns { Some(load_columns(tx, id, &name, true)?) } else { None },
        options: load_map(tx, "SELECT name, value FROM table_options WHERE relation_id = ?1", id)?,
        properties: load_map(tx, "SELECT name, value FROM properties WHERE relation_id = ?1", id)?,
        buckets,
        comment,
        constraints: load_constraints(tx, id, &name)?,
        statistics: statistics::load(tx, id)?,
        name,
    })
}

fn load_columns(tx: &Transaction<'_>, id: RelationId, of: &TableName, partition: bool) -> Outcome<Vec<Column>> {
    let rows: Vec<(String, String, Option<String>)> = all(
        tx,
        "SELECT name, type, comment FROM columns WHERE relation_id = ?1 AND is_partition = ?2 ORDER BY ordinal",
        params![id.0, partition],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let column = |(name, sql_type, comment): (String, String, Option<String>)| {
        let data_type = parse_type(&sql_type)
            .map_err(|error| unreadable(of, &format!("the type of its column \"{name}\": {}", error.message())))?;
        Ok(Column { name, data_type, comment })
    };
    rows.into_iter().map(column).collect()
}

fn load_map(tx: &Transaction<'_>, sql: &str, id: RelationId) -> Outcome<BTreeMap<String, String>> {
    Ok(all(tx, sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

fn load_constraints(tx: &Transaction<'_>, id: RelationId, of: &TableName) -> Outcome<Vec<Constraint>> {
    struct ConstraintRow {
        id: i64,
        name: String,
        kind: String,
        referenced: Option<TableName>,
        enabled: bool,
        validate: bool,
        rely: bool,
    }
    let rows = all(
        tx,
        "SELECT constraint_id, name, kind, referenced_database, referenced_name, enabled, validate, rely \
         FROM constraints WHERE relation_id = ?1 ORDER BY ordinal",
        [id.0],
        |row| {
            let referenced: (Option<String>, Option<String>) =
                (row.get("referenced_database")?, row.get("referenced_name")?);
            Ok(ConstraintRow {
                id: row.get("constraint_id")?,
                name: row.get("name")?,
                kind: row.get("kind")?,
                referenced: referenced.0.zip(referenced.1).map(|(database, name)| TableName { database, name }),
                enabled: row.get("enabled")?,
                validate: row.get("validate")?,
                rely: row.get("rely")?,
            })
        },
    )?;
    let columns_of = |constraint: i64, referenced: bool| {
        all(
            tx,
            "SELECT name FROM constraint_columns WHERE constraint_id = ?1 AND is_referenced = ?2 ORDER BY ordinal",
            params![constraint, referenced],
            |row| row.get(0),
        )
    };
    let constraint = |row: ConstraintRow| {
        let columns = columns_of(row.id, false)?;
        let kind = match (row.kind.as_str(), row.referenced) {
            ("primary key", None) => ConstraintKind::PrimaryKey { columns },
            ("unique", None) => ConstraintKind::Unique { columns },
            ("not null", None) => ConstraintKind::NotNull { columns },
            ("foreign key", Some(references)) => {
                ConstraintKind::ForeignKey { columns, references, referenced_columns: columns_of(row.id, true)? }
            }
            _ => return Err(unreadable(of, &format!("its constraint \"{}\"", row.name)).into()),
        };
        Ok(Constraint { name: row.name, kind, enabled: row.enabled, validate: row.validate, rely: row.rely })
    };
    rows.into_iter().map(constraint).collect()
}

pub(super) fn insert_relation(
    tx: &Transaction<'_>,
    folder: &Folder,
    database: DatabaseId,
    relation: &Relation,
) -> Outcome<()> {
    run(
        tx,
        "INSERT INTO relations (database_id, name, kind) VALUES (?1, ?2, 'view')",
        params![database.0, relation.name().name],
    )?;
    let id = RelationId(tx.last_insert_rowid());
    match relation {
        Relation::Table(table) => store_table(tx, folder, id, table),
        Relation::View(view) => store_view(tx, id, view),
    }
}

/// Stores what became of a table that has a row already.
pub(super) fn replace_table(tx: &Transaction<'_>, folder: &Folder, id: RelationId, table: &Table) -> Outcome<()> {
    for sql in [
        "DELETE FROM columns WHERE relation_id = ?1",
        "DELETE FROM table_options WHERE relation_id = ?1",
        "DELETE FROM properties WHERE relation_id = ?1",
        "DELETE FROM constraints WHERE relation_id = ?1",
        "DELETE FROM table_statistics WHERE relation_id = ?1",
    ] {
        run(tx, sql, [id.0])?;
    }
    store_table(tx, folder, id, table)
}

fn store_view(tx: &Transaction<'_>, id: RelationId, view: &View) -> Outcome<()> {
    run(tx, "UPDATE relations SET comment = ?2 WHERE relation_id = ?1", params![id.0, view.comment])?;
    run(
        tx,
        "INSERT INTO views (relation_id, sql, current_database, dialect) VALUES (?1, ?2, ?3, ?4)",
        params![id.0, view.sql, view.database, view.dialect],
    )?;
    for (ordinal, name) in ordinals(&view.columns) {
        run(
            tx,
            "INSERT INTO view_columns (relation_id, ordinal, name) VALUES (?1, ?2, ?3)",
            params![id.0, ordinal, name],
        )?;
    }
    Ok(())
}

/// Fills a table's row and those that belong to it, of which there must be none yet.
fn store_table(tx: &Transaction<'_>, folder: &Folder, id: RelationId, table: &Table) -> Outcome<()> {
    let kind = match table.kind {
        TableKind::Managed => "managed",
        TableKind::External => "external",
    };
    let location = folder.store(&table.location);
    let buckets = table.buckets.as_ref().map(serde_json::to_string).transpose();
    let buckets = buckets.map_err(|error| Error::storage(format!("buckets cannot be stored: {error}")))?;
    run(
        tx,
        "UPDATE relations SET kind = ?2, comment = ?3, format = ?4, location = ?5, location_is_relative = ?6, \
         has_partition_columns = ?7, buckets = ?8 WHERE relation_id = ?1",
        params![
            id.0,
            kind,
            table.comment,
            table.format.name(),
            location.text,
            location.is_relative,
            table.partition_columns.is_some(),
            buckets,
        ],
    )?;
    let columns = table.columns.iter().map(|column| (column, false));
    let partitions = table.partition_columns.iter().flatten().map(|column| (column, true));
    for (ordinal, (column, is_partition)) in (0_i64..).zip(columns.chain(partitions)) {
        run(
            tx,
            "INSERT INTO columns (relation_id, ordinal, name, type, comment, is_partition) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id.0, ordinal, column.name, to_sql(&column.data_type), column.comment, is_partition],
        )?;
    }
    for (name, value) in &table.options {
        let sql = "INSERT INTO table_options (relation_id, name, value) VALUES (?1, ?2, ?3)";
        run(tx, sql, params![id.0, name, value])?;
    }
    for (name, value) in &table.properties {
        let sql = "INSERT INTO properties (relation_id, name, value) VALUES (?1, ?2, ?3)";
        run(tx, sql, params![id.0, name, value])?;
    }
    for (ordinal, constraint) in ordinals(&table.constraints) {
        store_constraint(tx, id, ordinal, constraint)?;
    }
    match &table.statistics {
        Some(known) => statistics::store(tx, id, known),
        None => Ok(()),
    }
}

fn store_constraint(tx: &Transaction<'_>, id: RelationId, ordinal: i64, constraint: &Constraint) -> Outcome<()> {
    let (kind, references, referenced_columns) = match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => ("primary key", None, [].as_slice()),
        ConstraintKind::Unique { .. } => ("unique", None, [].as_slice()),
        ConstraintKind::NotNull { .. } => ("not null", None, [].as_slice()),
        ConstraintKind::ForeignKey { references, referenced_columns, .. } => {
            ("foreign key", Some(references), referenced_columns.as_slice())
        }
    };
    run(
        tx,
        "INSERT INTO constraints (relation_id, ordinal, name, kind, referenced_database, referenced_name, enabled, \
         validate, rely) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id.0,
            ordinal,
            constraint.name,
            kind,
            references.map(|table| &table.database),
            references.map(|table| &table.name),
            constraint.enabled,
            constraint.validate,
            constraint.rely,
        ],
    )?;
    let constraint_id = tx.last_insert_rowid();
    for (columns, is_referenced) in [(constraint.kind.columns(), false), (referenced_columns, true)] {
        for (ordinal, name) in ordinals(columns) {
            run(
                tx,
                "INSERT INTO constraint_columns (constraint_id, ordinal, is_referenced, name) VALUES (?1, ?2, ?3, ?4)",
                params![constraint_id, ordinal, is_referenced, name],
            )?;
        }
    }
    Ok(())
}

pub(super) fn delete_relation(tx: &Transaction<'_>, id: RelationId) -> Outcome<()> {
    Ok(run(tx, "DELETE FROM relations WHERE relation_id = ?1", [id.0])?)
}

/// Moves a row to another name, and the foreign keys that reference it with it.
pub(super) fn rename_relation(
    tx: &Transaction<'_>,
    id: RelationId,
    database: DatabaseId,
    from: &TableName,
    to: &TableName,
) -> Outcome<()> {
    run(
        tx,
        "UPDATE relations SET database_id = ?2, name = ?3 WHERE relation_id = ?1",
        params![id.0, database.0, to.name],
    )?;
    Ok(run(
        tx,
        "UPDATE constraints SET referenced_database = ?3, referenced_name = ?4 \
         WHERE referenced_database = ?1 AND referenced_name = ?2",
        [&from.database, &from.name, &to.database, &to.name],
    )?)
}
