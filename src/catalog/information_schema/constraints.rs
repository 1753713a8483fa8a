//! `information_schema.table_constraints`, `key_column_usage` and `referential_constraints`.
//!
//! A constraint's name is unique in its table only, so these have the table's name wherever the standard has it, and
//! `referential_constraints` has it too.

use std::collections::BTreeMap;

use chrono::SecondsFormat;

use super::ColumnOf::{self, NullableNumber, NullableText, Number, Text};
use super::relations::{all, database_of, qualified};
use super::{Cell, Sources};
use crate::catalog::evidence::Standing;
use crate::catalog::model::{Constraint, ConstraintKind, Relation, Table, TableName, split_database};
use crate::error::Result;

pub(super) const TABLE_CONSTRAINTS: &[ColumnOf] = &[
    Text("constraint_catalog"),
    Text("constraint_schema"),
    Text("constraint_name"),
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    Text("constraint_type"),
    Text("is_deferrable"),
    Text("initially_deferred"),
    // From here on ours: what the words behind the constraint say.
    Text("trust"),
    Text("enabled"),
    Text("validated"),
    // When it was checked, whether that counts for the files as they are now, and if not, why.
    NullableText("checked_at"),
    Text("evidence_current"),
    NullableText("evidence"),
];

pub(super) const KEY_COLUMN_USAGE: &[ColumnOf] = &[
    Text("constraint_catalog"),
    Text("constraint_schema"),
    Text("constraint_name"),
    Text("table_catalog"),
    Text("table_schema"),
    Text("table_name"),
    Text("column_name"),
    Number("ordinal_position"),
    NullableNumber("position_in_unique_constraint"),
    // What a foreign key's column references; the key it belongs to need not be declared.
    NullableText("referenced_table_schema"),
    NullableText("referenced_table_name"),
    NullableText("referenced_column_name"),
    Text("trust"),
    NullableText("checked_at"),
    Text("evidence_current"),
];

pub(super) const REFERENTIAL_CONSTRAINTS: &[ColumnOf] = &[
    Text("constraint_catalog"),
    Text("constraint_schema"),
    Text("constraint_name"),
    NullableText("unique_constraint_catalog"),
    NullableText("unique_constraint_schema"),
    NullableText("unique_constraint_name"),
    Text("match_option"),
    Text("update_rule"),
    Text("delete_rule"),
    Text("table_name"),
    Text("referenced_table_schema"),
    Text("referenced_table_name"),
    Text("trust"),
    NullableText("checked_at"),
    Text("evidence_current"),
];

async fn tables(sources: &Sources) -> Result<BTreeMap<TableName, Table>> {
    let tables = all(sources).await?.into_iter().filter_map(|relation| match relation {
        Relation::Table(table) => Some((table.name.clone(), table)),
        Relation::View(_) => None,
    });
    Ok(tables.collect())
}

fn with_constraints(tables: &BTreeMap<TableName, Table>) -> impl Iterator<Item = (&Table, &Constraint)> {
    tables.values().flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint)))
}

/// The three cells that name a constraint.
fn constraint_name(table: &Table, constraint: &Constraint) -> [Cell; 3] {
    let [catalog, database] = database_of(&table.name);
    [catalog, database, constraint.name.as_str().into()]
}

/// How far the evidence goes on each constraint, by table and name.
struct Standings(BTreeMap<TableName, Vec<Standing>>);

impl Standings {
    /// Lists the files of tables with evidence, and of no others.
    async fn of(sources: &Sources, tables: &BTreeMap<TableName, Table>) -> Result<Self> {
        let mut standings = BTreeMap::new();
        for (name, table) in tables.iter().filter(|(_, table)| !table.constraints.is_empty()) {
            standings.insert(name.clone(), sources.resolver.standings(table).await?);
        }
        Ok(Standings(standings))
    }

    fn on(&self, table: &Table, constraint: &Constraint) -> Option<&Standing> {
        self.0.get(&table.name)?.iter().find(|standing| standing.constraint == constraint.name)
    }

    /// The cells `trust`, `checked_at` and `evidence_current`.
    fn trust(&self, table: &Table, constraint: &Constraint) -> [Cell; 3] {
        [trust(constraint), self.checked_at(table, constraint), self.is_current(table, constraint)]
    }

    fn checked_at(&self, table: &Table, constraint: &Constraint) -> Cell {
        let checked_at = self.on(table, constraint).and_then(|standing| standing.checked_at);
        checked_at.map_or(Cell::Null, |at| at.to_rfc3339_opts(SecondsFormat::Secs, true).into())
    }

    fn is_current(&self, table: &Table, constraint: &Constraint) -> Cell {
        self.on(table, constraint).is_some_and(|standing| standing.why_not.is_none()).into()
    }

    fn in_words(&self, table: &Table, constraint: &Constraint) -> Cell {
        match self.on(table, constraint) {
            None => Cell::Null,
            Some(standing) => standing.why_not.as_deref().unwrap_or("it holds for the files as they are now").into(),
        }
    }
}

fn trust(constraint: &Constraint) -> Cell {
    if constraint.rely { "rely" } else { "norely" }.into()
}

pub(super) async fn table_constraints(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let tables = tables(sources).await?;
    let standings = Standings::of(sources, &tables).await?;
    let row = |(table, constraint): (&Table, &Constraint)| {
        let rest = [
            constraint.kind.keywords().into(),
            false.into(),
            false.into(),
            trust(constraint),
            constraint.enabled.into(),
            constraint.validate.into(),
            standings.checked_at(table, constraint),
            standings.is_current(table, constraint),
            standings.in_words(table, constraint),
        ];
        [&constraint_name(table, constraint)[..], &qualified(&table.name), &rest].concat()
    };
    Ok(with_constraints(&tables).map(row).collect())
}

pub(super) async fn key_column_usage(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let tables = tables(sources).await?;
    let standings = Standings::of(sources, &tables).await?;
    let mut rows = Vec::new();
    for (table, constraint) in with_constraints(&tables) {
        let columns = constraint.kind.columns();
        for (position, column) in (1_u64..).zip(columns) {
            let mut row = [&constraint_name(table, constraint)[..], &qualified(&table.name)].concat();
            row.extend([column.as_str().into(), position.into()]);
            row.extend(match &constraint.kind {
                ConstraintKind::ForeignKey { references, referenced_columns, .. } => {
                    let referenced = (1_u64..).zip(referenced_columns).find(|(own, _)| *own == position);
                    let key = referenced_key(&tables, references, referenced_columns);
                    let in_key = referenced.zip(key).and_then(|((_, column), key)| {
                        (1_u64..).zip(key.kind.columns()).find(|(_, in_key)| *in_key == column)
                    });
                    [
                        in_key.map(|(position, _)| position).into(),
                        split_database(&references.database).1.into(),
                        references.name.as_str().into(),
                        referenced.map_or(Cell::Null, |(_, column)| column.as_str().into()),
                    ]
                }
                _ => [Cell::Null, Cell::Null, Cell::Null, Cell::Null],
            });
            row.extend(standings.trust(table, constraint));
            rows.push(row);
        }
    }
    Ok(rows)
}

pub(super) async fn referential_constraints(sources: &Sources) -> Result<Vec<Vec<Cell>>> {
    let tables = tables(sources).await?;
    let standings = Standings::of(sources, &tables).await?;
    let mut rows = Vec::new();
    for (table, constraint) in with_constraints(&tables) {
        let ConstraintKind::ForeignKey { references, referenced_columns, .. } = &constraint.kind else { continue };
        let key = match referenced_key(&tables, references, referenced_columns) {
            Some(key) => {
                let [catalog, database] = database_of(references);
                [catalog, database, key.name.as_str().into()]
            }
            None => [Cell::Null, Cell::Null, Cell::Null],
        };
        let rest = [
            "NONE".into(),
            "NO ACTION".into(),
            "NO ACTION".into(),
            table.name.name.as_str().into(),
            split_database(&references.database).1.into(),
            references.name.as_str().into(),
        ];
        let trust = standings.trust(table, constraint);
        rows.push([&constraint_name(table, constraint)[..], &key, &rest, &trust].concat());
    }
    Ok(rows)
}

/// The declared key that consists of these columns, in any order. The table may be gone, and the key was perhaps never
/// declared.
fn referenced_key<'a>(
    tables: &'a BTreeMap<TableName, Table>,
    references: &TableName,
    columns: &[String],
) -> Option<&'a Constraint> {
    let sorted = |columns: &[String]| {
        let mut columns = columns.to_vec();
        columns.sort();
        columns
    };
    let is_key = |constraint: &&Constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns: key } | ConstraintKind::Unique { columns: key } => {
            sorted(key) == sorted(columns)
        }
        ConstraintKind::ForeignKey { .. } | ConstraintKind::NotNull { .. } => false,
    };
    tables.get(references)?.constraints.iter().find(is_key)
}
