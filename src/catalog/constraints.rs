//! Declaring constraints: whether they can be true of the tables they name, and what they are called.
//!
//! A constraint with a wrong column would be stored, shown and never used, and nobody would notice. So it is checked
//! when it is declared: against the columns that the table has now, and those of the table it references.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::DataType;

use super::model::{Column, Constraint, ConstraintKind, Relation, Table, TableName};
use super::provider::{RelationResolver, columns_of};
use super::show_create::qualified_name;
use super::{Metastore, unknown_relation};
use crate::error::{Error, Result};
use crate::names::{nearest, quote_identifier};
use crate::sql::types::display_name;

/// A constraint as a statement declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredConstraint {
    /// `None`: one is found for it.
    pub name: Option<String>,
    /// The referenced columns of a foreign key may be empty: they are then the other table's primary key.
    pub kind: ConstraintKind,
    pub enabled: bool,
    pub validate: bool,
    pub rely: bool,
}

/// What foreign keys need to know of the tables that they reference.
#[derive(Debug, Clone, Default)]
pub struct ReferencedTables(BTreeMap<TableName, ReferencedTable>);

#[derive(Debug, Clone)]
struct ReferencedTable {
    columns: Vec<Column>,
    primary_key: Option<Vec<String>>,
    /// The columns of each declared key.
    keys: Vec<Vec<String>>,
}

impl ReferencedTable {
    fn new(constraints: &[Constraint], columns: Vec<Column>) -> Self {
        let primary_key = primary_key(constraints).map(|key| key.kind.columns().to_vec());
        let keys = constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => Some(columns.clone()),
            ConstraintKind::ForeignKey { .. } | ConstraintKind::NotNull { .. } => None,
        });
        ReferencedTable { columns, primary_key, keys: keys.collect() }
    }

    /// Whether a key was declared of exactly these columns, in any order.
    fn has_key(&self, columns: &[String]) -> bool {
        let columns: BTreeSet<&String> = columns.iter().collect();
        self.keys.iter().any(|key| key.iter().collect::<BTreeSet<_>>() == columns)
    }
}

/// Looks up the tables that the foreign keys among `declared` reference, other than the table `own` itself. One that is
/// missing or a view is an error.
pub async fn referenced_tables(
    metastore: &dyn Metastore,
    resolver: &dyn RelationResolver,
    own: &TableName,
    declared: &[DeclaredConstraint],
) -> Result<ReferencedTables> {
    let mut tables = BTreeMap::new();
    for constraint in declared {
        let ConstraintKind::ForeignKey { references, .. } = &constraint.kind else { continue };
        if references == own || tables.contains_key(references) {
            continue;
        }
        match metastore.relation(references).await? {
            Some(Relation::Table(table)) => {
                let columns = columns_of(&table, resolver).await?;
                tables.insert(references.clone(), ReferencedTable::new(&table.constraints, columns));
            }
            Some(Relation::View(_)) => {
                return Err(Error::statement(format!("{references} is a view: a foreign key references a table")));
            }
            None => return Err(unknown_relation(metastore, references).await),
        }
    }
    Ok(ReferencedTables(tables))
}

/// Adds constraints to a table, all or none of them. `columns` are those that the table has now ([`columns_of`]).
///
/// Takes no time and asks nobody, so it can run inside [`Metastore::update_table`].
pub fn declare(
    table: &mut Table,
    columns: &[Column],
    declared: Vec<DeclaredConstraint>,
    others: &ReferencedTables,
) -> Result<()> {
    // Names that were chosen go before names that are found.
    let mut taken: BTreeSet<String> = table.constraints.iter().map(|constraint| constraint.name.clone()).collect();
    for name in declared.iter().filter_map(|constraint| constraint.name.as_ref()) {
        if name.is_empty() {
            return Err(Error::statement("a constraint's name cannot be empty"));
        }
        if !taken.insert(name.clone()) {
            return Err(Error::statement(format!("{} already has a constraint \"{name}\"", table.name)));
        }
    }
    let mut constraints = table.constraints.clone();
    for DeclaredConstraint { name, kind, enabled, validate, rely } in declared {
        let kind = checked(kind, table, columns, &constraints, others)?;
        let name = name.unwrap_or_else(|| free_name(&table.name, &kind, &taken));
        taken.insert(name.clone());
        constraints.push(Constraint { name, kind, enabled, validate, rely });
    }
    table.constraints = constraints;
    Ok(())
}

/// Takes a constraint away from a table, and returns it.
pub fn drop_constraint(table: &mut Table, name: &str) -> Result<Constraint> {
    match table.constraints.iter().position(|constraint| constraint.name == name) {
        Some(position) => Ok(table.constraints.remove(position)),
        None => Err(no_constraint(table, name)),
    }
}

/// The constraint of a table with this name.
pub fn find_constraint<'a>(table: &'a Table, name: &str) -> Result<&'a Constraint> {
    let found = table.constraints.iter().find(|constraint| constraint.name == name);
    found.ok_or_else(|| no_constraint(table, name))
}

fn no_constraint(table: &Table, name: &str) -> Error {
    let error = Error::statement(format!("no constraint \"{name}\" on {}", table.name));
    let names = table.constraints.iter().map(|constraint| constraint.name.as_str());
    match nearest(name, names) {
        Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
        None => error,
    }
}

fn primary_key(constraints: &[Constraint]) -> Option<&Constraint> {
    constraints.iter().find(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }))
}

/// The constraint if it can be true, with the columns that a foreign key left out.
fn checked(
    kind: ConstraintKind,
    table: &Table,
    columns: &[Column],
    earlier: &[Constraint],
    others: &ReferencedTables,
) -> Result<ConstraintKind> {
    if kind.columns().is_empty() {
        return Err(Error::statement(format!("{} needs the names of its columns", kind.keywords())));
    }
    let own_columns = find_columns(kind.columns(), &table.name, columns, kind.keywords())?;
    match kind {
        ConstraintKind::PrimaryKey { .. } => match primary_key(earlier) {
            Some(existing) => {
                let drop = format!(
                    "ALTER TABLE {} DROP CONSTRAINT {}",
                    qualified_name(&table.name),
                    quote_identifier(&existing.name)
                );
                Err(Error::statement(format!("{} already has a primary key, \"{}\"", table.name, existing.name))
                    .help(format!("{drop} takes it away; declare further keys UNIQUE")))
            }
            None => Ok(kind),
        },
        ConstraintKind::ForeignKey { columns: ref names, ref references, ref referenced_columns } => {
            let itself;
            let referenced = if *references == table.name {
                itself = ReferencedTable::new(earlier, columns.to_vec());
                &itself
            } else {
                others.0.get(references).ok_or_else(|| Error::statement(format!("no table {references}")))?
            };
            let referenced_columns = match (referenced_columns.as_slice(), &referenced.primary_key) {
                ([], Some(key)) => key.clone(),
                ([], None) => {
                    return Err(Error::statement(format!("{references} has no primary key to reference"))
                        .help(format!("name the columns: REFERENCES {} (…)", qualified_name(references))));
                }
                (given, _) => given.to_vec(),
            };
            if names.len() != referenced_columns.len() {
                return Err(Error::statement(format!(
                    "the foreign key ({}) has {}, but references {} of {references}: ({})",
                    names.join(", "),
                    counted(names.len()),
                    referenced_columns.len(),
                    referenced_columns.join(", "),
                )));
            }
            let found = find_columns(&referenced_columns, references, &referenced.columns, "FOREIGN KEY")?;
            for (own, other) in own_columns.into_iter().zip(found) {
                if !are_comparable(&own.data_type, &other.data_type) {
                    return Err(Error::statement(format!(
                        "{} is {}, but {references}.{}, which it references, is {}",
                        own.name,
                        display_name(&own.data_type),
                        other.name,
                        display_name(&other.data_type),
                    )));
                }
            }
            if !referenced.has_key(&referenced_columns) {
                let columns: Vec<_> = referenced_columns.iter().map(|name| quote_identifier(name)).collect();
                let columns = columns.join(", ");
                return Err(Error::statement(format!(
                    "({columns}) is no declared key of {references}: a foreign key references a PRIMARY KEY or UNIQUE"
                ))
                .help(format!("ALTER TABLE {} ADD UNIQUE ({columns}) declares it", qualified_name(references))));
            }
            let (columns, references) = (names.clone(), references.clone());
            Ok(ConstraintKind::ForeignKey { columns, references, referenced_columns })
        }
        ConstraintKind::Unique { .. } | ConstraintKind::NotNull { .. } => Ok(kind),
    }
}

fn counted(columns: usize) -> String {
    if columns == 1 { "1 column".to_owned() } else { format!("{columns} columns") }
}

/// The columns with these names, each of which must be there, and only once in `names`.
fn find_columns<'a>(
    names: &[String],
    table: &TableName,
    columns: &'a [Column],
    keywords: &str,
) -> Result<Vec<&'a Column>> {
    let mut found: Vec<&Column> = Vec::new();
    for name in names {
        let column = columns.iter().find(|column| column.name == *name).ok_or_else(|| {
            let error = Error::statement(format!("no column \"{name}\" in {table}"));
            match nearest(name, columns.iter().map(|column| column.name.as_str())) {
                Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
                None => error,
            }
        })?;
        if found.iter().any(|earlier| earlier.name == column.name) {
            return Err(Error::statement(format!(
                "the column \"{name}\" stands twice in {keywords} ({})",
                names.join(", ")
            )));
        }
        found.push(column);
    }
    Ok(found)
}

/// Whether values of the two types can be equal.
fn are_comparable(one: &DataType, other: &DataType) -> bool {
    let (one, other) = (values_type(one), values_type(other));
    one == other || family(one).is_some_and(|family_of_one| family(other) == Some(family_of_one))
}

/// The type of the values themselves, however they are encoded.
fn values_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values_type(values),
        DataType::RunEndEncoded(_, values) => values_type(values.data_type()),
        other => other,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Family {
    /// Integers and decimals.
    Exact,
    Float,
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
}

/// Types whose values compare by what they mean. `None`: a type that compares with itself only.
fn family(data_type: &DataType) -> Option<Family> {
    use DataType::*;
    match data_type {
        Utf8 | LargeUtf8 | Utf8View => Some(Family::Text),
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => Some(Family::Binary),
        Date32 | Date64 => Some(Family::Date),
        Time32(_) | Time64(_) => Some(Family::Time),
        Timestamp(..) => Some(Family::Timestamp),
        other if other.is_integer() || other.is_decimal() => Some(Family::Exact),
        other if other.is_floating() => Some(Family::Float),
        _ => None,
    }
}

/// A name as PostgreSQL would find it, such as `orders_o_custkey_fkey`, with a number behind it if it is taken.
fn free_name(table: &TableName, kind: &ConstraintKind, taken: &BTreeSet<String>) -> String {
    let columns = kind.columns().join("_");
    let name = match kind {
        ConstraintKind::PrimaryKey { .. } => format!("{}_pkey", table.name),
        ConstraintKind::Unique { .. } => format!("{}_{columns}_key", table.name),
        ConstraintKind::ForeignKey { .. } => format!("{}_{columns}_fkey", table.name),
        ConstraintKind::NotNull { .. } => format!("{}_{columns}_not_null", table.name),
    };
    let mut free = name.clone();
    let mut number = 0;
    while taken.contains(&free) {
        number += 1;
        free = format!("{name}{number}");
    }
    free
}

#[cfg(test)]
mod tests;
