//! The constraint that would let a join go, if it were declared and true; or declared already, and checked.

use crate::optimizer::facts::{ColumnSet, Instance, KnownConstraintKind, TableFacts, UnusedConstraint};
use crate::optimizer::trace::MissingConstraint;

pub(super) struct Missing {
    pub constraint: MissingConstraint,
    /// Why the declared one cannot be used, as a clause.
    pub unused: Option<String>,
}

impl Missing {
    fn undeclared(constraint: MissingConstraint) -> Self {
        Missing { constraint, unused: None }
    }

    fn unchecked(table: &TableFacts, declared: &UnusedConstraint) -> Self {
        let unused = format!("{} of {} cannot be used, {}", declared.name, table.name.name, declared.why);
        let constraint = MissingConstraint::Unchecked { table: table.name.clone(), name: declared.name.clone() };
        Missing { constraint, unused: Some(unused) }
    }
}

/// A key of no other than these columns of a table.
pub(super) fn key(instance: &Instance, columns: &[usize]) -> Missing {
    let is_within = |declared: &&UnusedConstraint| match &declared.kind {
        KnownConstraintKind::Unique { columns: key, .. } => key.iter().all(|column| columns.contains(column)),
        _ => false,
    };
    if let Some(declared) = instance.table.unused.iter().find(is_within) {
        return Missing::unchecked(&instance.table, declared);
    }
    let columns: ColumnSet = columns.iter().copied().collect();
    let columns: Vec<usize> = columns.into_iter().collect();
    Missing::undeclared(MissingConstraint::Unique {
        table: instance.table.name.clone(),
        columns: column_names(instance, &columns),
    })
}

/// A foreign key from these columns of the one table to those of the other, pair by pair.
pub(super) fn foreign_key(
    child: &Instance,
    child_columns: &[usize],
    parent: &Instance,
    parent_columns: &[usize],
) -> Missing {
    let parent_names = column_names(parent, parent_columns);
    let is_the_same = |declared: &&UnusedConstraint| match &declared.kind {
        KnownConstraintKind::ForeignKey { columns, parent: referenced, parent_columns: names } => {
            let is_pair = |(column, name): (&usize, &String)| {
                child_columns.iter().zip(&parent_names).any(|(other, parent)| other == column && parent == name)
            };
            *referenced == parent.table.name
                && columns.len() == child_columns.len()
                && columns.iter().zip(names).all(is_pair)
        }
        _ => false,
    };
    if let Some(declared) = child.table.unused.iter().find(is_the_same) {
        return Missing::unchecked(&child.table, declared);
    }
    Missing::undeclared(MissingConstraint::ForeignKey {
        table: child.table.name.clone(),
        columns: column_names(child, child_columns),
        parent: parent.table.name.clone(),
        parent_columns: parent_names,
    })
}

/// Whether a usable key is over exactly these columns.
pub(super) fn has_key_of(table: &TableFacts, columns: &[usize]) -> bool {
    let wanted: ColumnSet = columns.iter().copied().collect();
    table.constraints.iter().any(|constraint| match &constraint.kind {
        KnownConstraintKind::Unique { columns, .. } => columns.iter().copied().collect::<ColumnSet>() == wanted,
        _ => false,
    })
}

fn column_names(instance: &Instance, columns: &[usize]) -> Vec<String> {
    let name = |column: &usize| instance.schema.fields().get(*column).map(|field| field.name().clone());
    columns.iter().filter_map(name).collect()
}
