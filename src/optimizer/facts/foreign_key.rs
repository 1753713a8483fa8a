//! Joins along a foreign key: every row of the child without a NULL in the key finds a row of the parent.
//!
//! The constraint is one of a *table instance*: all of its columns must come from one mention of the child, and be compared, pairwise
//! and no other, with the referenced columns of one mention of the parent. Columns of two foreign keys to one parent do not mix; half
//! of a composite key finds some partner, but says nothing of the other half. The parent must be complete where the join reads it.
//!
//! Rows of a UNION ALL come from several mentions, and their columns from none. What every branch references in the same columns is
//! a foreign key of the whole: [`CommonForeignKey`].

use super::{Because, Facts, Instance, KnownConstraint, KnownConstraintKind, Origin, both};
use crate::catalog::model::TableName;

/// A foreign key of rows that come from several tables. A row with a NULL among `columns` is exempt.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonForeignKey {
    /// Positions in the node's schema, in the order of `parent_columns`. All of a row's values are of one row below.
    pub columns: Vec<usize>,
    pub parent: TableName,
    pub parent_columns: Vec<String>,
    /// A foreign key of each branch.
    pub because: Because,
}

/// A foreign key that a join's equalities follow.
#[derive(Debug, Clone)]
pub struct ForeignKeyMatch {
    /// The child's compared columns that may be NULL: such a row finds no partner.
    pub nullable: Vec<usize>,
    /// The foreign key, and what says that the other compared columns are not NULL.
    pub because: Because,
}

/// The foreign key behind `pairs` (columns of `child`, columns of `parent`). The pairs must be all that the join asks for.
pub fn foreign_key_match(child: &Facts, parent: &Facts, pairs: &[(usize, usize)]) -> Option<ForeignKeyMatch> {
    if !has_foreign_key(child) {
        return None;
    }
    let (columns, parent_columns): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    let because = parent.instances.iter().enumerate().filter(|(_, instance)| instance.complete).find_map(
        |(number, instance)| {
            let named = |column: &usize| {
                let position = column_of(parent, *column, number)?;
                Some(instance.schema.fields().get(position)?.name().as_str())
            };
            let parent_columns = parent_columns.iter().map(named).collect::<Option<Vec<&str>>>()?;
            references(child, &columns, &instance.table.name, &parent_columns)
        },
    )?;
    let mut found = ForeignKeyMatch { nullable: vec![], because };
    for column in columns {
        match child.is_not_null(column) {
            Some(because) => found.because = both(found.because, because),
            None => found.nullable.push(column),
        }
    }
    Some(found)
}

/// Whether a join of these rows can follow a foreign key at all.
pub fn has_foreign_key(child: &Facts) -> bool {
    let is_one = |constraint: &KnownConstraint| matches!(constraint.kind, KnownConstraintKind::ForeignKey { .. });
    !child.common_foreign_keys.is_empty()
        || child.instances.iter().any(|instance| instance.table.constraints.iter().any(is_one))
}

/// The foreign keys of all rows of a UNION ALL.
pub(super) fn common_foreign_keys(branches: &[&Facts]) -> Vec<CommonForeignKey> {
    let [first, others @ ..] = branches else { return vec![] };
    let in_all = given_foreign_keys(first).into_iter().filter_map(|mut key| {
        let parent_columns: Vec<&str> = key.parent_columns.iter().map(String::as_str).collect();
        for branch in others {
            key.because = both(key.because, &references(branch, &key.columns, &key.parent, &parent_columns)?);
        }
        Some(key)
    });
    in_all.collect()
}

/// The foreign keys whose columns are all in the node's schema.
fn given_foreign_keys(facts: &Facts) -> Vec<CommonForeignKey> {
    let mut given = facts.common_foreign_keys.clone();
    for (number, instance) in facts.instances.iter().enumerate() {
        for constraint in &instance.table.constraints {
            let KnownConstraintKind::ForeignKey { columns, parent, parent_columns } = &constraint.kind else {
                continue;
            };
            let stands_at = |column: &usize| {
                let origin = Some(Origin { instance: number, column: *column });
                facts.columns.iter().position(|facts| facts.origin == origin)
            };
            if let Some(columns) = columns.iter().map(stands_at).collect::<Option<Vec<usize>>>() {
                given.push(CommonForeignKey {
                    columns,
                    parent: parent.clone(),
                    parent_columns: parent_columns.clone(),
                    because: vec![constraint.reference.clone()],
                });
            }
        }
    }
    given
}

/// Why `columns` reference exactly these columns of a table, pairwise.
fn references(child: &Facts, columns: &[usize], parent: &TableName, parent_columns: &[&str]) -> Option<Because> {
    if columns.is_empty() {
        return None;
    }
    let of_table = child.instances.iter().enumerate().find_map(|(number, instance)| {
        let columns = columns.iter().map(|column| column_of(child, *column, number)).collect::<Option<Vec<_>>>()?;
        let compared: Vec<(usize, &str)> = columns.into_iter().zip(parent_columns.iter().copied()).collect();
        foreign_key(instance, parent, &compared)
    });
    of_table.or_else(|| {
        child.common_foreign_keys.iter().find_map(|key| {
            let same = |(one, name): (usize, &str), (other, other_name): (usize, &str)| {
                name == other_name && (one == other || child.equal.are_equal(one, other))
            };
            let compared = || columns.iter().copied().zip(parent_columns.iter().copied());
            let declared = || key.columns.iter().copied().zip(key.parent_columns.iter().map(String::as_str));
            let all_compared = declared().all(|pair| compared().any(|other| same(pair, other)));
            let none_beside = compared().all(|pair| declared().any(|other| same(pair, other)));
            (key.parent == *parent && all_compared && none_beside).then(|| key.because.clone())
        })
    })
}

/// The table's column that a column is, of this instance; it, or one that equals it.
fn column_of(facts: &Facts, column: usize, instance: usize) -> Option<usize> {
    facts.equal.class_of(column).into_iter().find_map(|equal| match facts.columns.get(equal)?.origin {
        Some(Origin { instance: found, column }) if found == instance => Some(column),
        _ => None,
    })
}

/// The foreign key of a table over exactly these columns of the two tables.
fn foreign_key(child: &Instance, parent: &TableName, compared: &[(usize, &str)]) -> Option<Because> {
    child.table.constraints.iter().find_map(|constraint| {
        let KnownConstraintKind::ForeignKey { columns, parent: name, parent_columns } = &constraint.kind else {
            return None;
        };
        if name != parent || columns.len() != parent_columns.len() {
            return None;
        }
        let declared = || columns.iter().copied().zip(parent_columns.iter().map(String::as_str));
        let all_compared = declared().all(|pair| compared.contains(&pair));
        let none_beside = compared.iter().all(|pair| declared().any(|declared| declared == *pair));
        (all_compared && none_beside).then(|| vec![constraint.reference.clone()])
    })
}
