//! Joins along a foreign key: every row of the child without a NULL in the key finds a row of the parent.
//!
//! The constraint is one of a *table instance*: all of its columns must come from one mention of the child, and be compared, pairwise
//! and no other, with the referenced columns of one mention of the parent. Columns of two foreign keys to one parent do not mix; half
//! of a composite key finds some partner, but says nothing of the other half. The parent must be complete where the join reads it.

use super::{Because, Facts, Instance, KnownConstraintKind, Origin};

/// A foreign key that a join's equalities follow.
#[derive(Debug, Clone)]
pub struct ForeignKeyMatch {
    /// `instances[child]` of the one side, `instances[parent]` of the other.
    pub child: usize,
    pub parent: usize,
    /// The child's compared columns that may be NULL: such a row finds no partner.
    pub nullable: Vec<usize>,
    /// The foreign key, and what says that the other compared columns are not NULL.
    pub because: Because,
}

/// The foreign key behind `pairs` (columns of `child`, columns of `parent`), the one with the fewest nullable columns if there are
/// several. The pairs must be all that the join asks for.
pub fn foreign_key_match(child: &Facts, parent: &Facts, pairs: &[(usize, usize)]) -> Option<ForeignKeyMatch> {
    if pairs.is_empty() {
        return None;
    }
    let mut best: Option<ForeignKeyMatch> = None;
    for (child_number, child_instance) in child.instances.iter().enumerate() {
        for (parent_number, parent_instance) in parent.instances.iter().enumerate().filter(|(_, i)| i.complete) {
            let compared = |(c, p): &(usize, usize)| {
                Some((column_of(child, *c, child_number)?, column_of(parent, *p, parent_number)?))
            };
            let Some(compared) = pairs.iter().map(compared).collect::<Option<Vec<_>>>() else { continue };
            let Some(constraint) = foreign_key(child_instance, parent_instance, &compared) else { continue };
            let mut found =
                ForeignKeyMatch { child: child_number, parent: parent_number, nullable: vec![], because: constraint };
            for (column, _) in pairs {
                match child.is_not_null(*column) {
                    Some(because) => found.because = super::both(found.because, because),
                    None => found.nullable.push(*column),
                }
            }
            if best.as_ref().is_none_or(|best| found.nullable.len() < best.nullable.len()) {
                best = Some(found);
            }
        }
    }
    best
}

/// The table's column that a column is, of this instance; it, or one that equals it.
fn column_of(facts: &Facts, column: usize, instance: usize) -> Option<usize> {
    facts.equal.class_of(column).into_iter().find_map(|equal| match facts.columns.get(equal)?.origin {
        Some(Origin { instance: found, column }) if found == instance => Some(column),
        _ => None,
    })
}

/// The foreign key over exactly these columns of the two tables.
fn foreign_key(child: &Instance, parent: &Instance, compared: &[(usize, usize)]) -> Option<Because> {
    child.table.constraints.iter().find_map(|constraint| {
        let KnownConstraintKind::ForeignKey { columns, parent: name, parent_columns } = &constraint.kind else {
            return None;
        };
        if *name != parent.table.name || columns.len() != parent_columns.len() {
            return None;
        }
        let declared = columns
            .iter()
            .zip(parent_columns)
            .map(|(column, name)| Some((*column, parent.schema.index_of(name).ok()?)))
            .collect::<Option<Vec<_>>>()?;
        let all_compared = declared.iter().all(|pair| compared.contains(pair));
        let none_beside = compared.iter().all(|pair| declared.contains(pair));
        (all_compared && none_beside).then(|| vec![constraint.reference.clone()])
    })
}
