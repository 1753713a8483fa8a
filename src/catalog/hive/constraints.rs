//! A metastore's constraints as ours. It keeps them column by column.

use std::collections::BTreeMap;

use super::wire::{ForeignKeyColumn, KeyColumn, NotNullColumn, PrimaryKeyColumn, UniqueColumn};
use crate::catalog::model::{Column, Constraint, ConstraintKind, TableName, in_catalog};

/// What a metastore has on one table.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    pub primary_keys: Vec<PrimaryKeyColumn>,
    pub unique: Vec<UniqueColumn>,
    pub not_null: Vec<NotNullColumn>,
    pub foreign_keys: Vec<ForeignKeyColumn>,
}

impl Declared {
    /// The constraints, with their columns as the table spells them.
    pub(super) fn constraints(self, catalog: &str, columns: &[Column]) -> Vec<Constraint> {
        let keys = |columns: Vec<KeyColumn>| grouped(columns, |column| column.name.clone());
        let mut constraints = Vec::new();
        let spelt = |group: &[KeyColumn]| {
            let mut group: Vec<&KeyColumn> = group.iter().collect();
            group.sort_by_key(|column| column.position);
            group.into_iter().map(|column| spell(&column.column, columns)).collect()
        };
        for group in keys(self.primary_keys.into_iter().map(|column| column.0).collect()) {
            let kind = ConstraintKind::PrimaryKey { columns: spelt(&group) };
            constraints.extend(constraint(group.first(), kind));
        }
        for group in keys(self.unique.into_iter().map(|column| column.0).collect()) {
            let kind = ConstraintKind::Unique { columns: spelt(&group) };
            constraints.extend(constraint(group.first(), kind));
        }
        for NotNullColumn(column) in self.not_null {
            let kind = ConstraintKind::NotNull { columns: vec![spell(&column.column, columns)] };
            constraints.extend(constraint(Some(&column), kind));
        }
        for mut group in grouped(self.foreign_keys, |column| column.name.clone()) {
            group.sort_by_key(|column| column.position);
            let Some(first) = group.first() else { continue };
            let kind = ConstraintKind::ForeignKey {
                columns: group.iter().map(|column| spell(&column.column, columns)).collect(),
                references: TableName::new(
                    in_catalog(catalog, &first.parent_database.to_lowercase()),
                    first.parent_table.to_lowercase(),
                ),
                referenced_columns: group.iter().map(|column| column.parent_column.clone()).collect(),
            };
            constraints.push(Constraint {
                name: first.name.clone(),
                kind,
                enabled: first.enabled,
                validate: first.validated,
                rely: first.rely,
            });
        }
        constraints
    }
}

fn constraint(column: Option<&KeyColumn>, kind: ConstraintKind) -> Option<Constraint> {
    let column = column?;
    Some(Constraint {
        name: column.name.clone(),
        kind,
        enabled: column.enabled,
        validate: column.validated,
        rely: column.rely,
    })
}

/// Those of one name together, by name.
fn grouped<T>(items: Vec<T>, name: impl Fn(&T) -> String) -> Vec<Vec<T>> {
    let mut groups: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry(name(&item)).or_default().push(item);
    }
    groups.into_values().collect()
}

fn spell(name: &str, columns: &[Column]) -> String {
    let known = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_string(), |column| column.name.clone())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    fn key(name: &str, column: &str, position: i32, rely: bool) -> KeyColumn {
        KeyColumn { name: name.into(), column: column.into(), position, enabled: false, validated: true, rely }
    }

    #[test]
    fn columns_are_put_together_by_name_and_position() {
        let foreign = |column: &str, parent: &str, position| ForeignKeyColumn {
            parent_database: "Sales".into(),
            parent_table: "Parents".into(),
            parent_column: parent.into(),
            column: column.into(),
            position,
            name: "fk".into(),
            enabled: true,
            validated: false,
            rely: false,
        };
        let declared = Declared {
            primary_keys: vec![
                PrimaryKeyColumn(key("pk", "b", 2, true)),
                PrimaryKeyColumn(key("pk", "customerid", 1, true)),
            ],
            unique: vec![UniqueColumn(key("u2", "b", 1, false)), UniqueColumn(key("u1", "c", 1, false))],
            not_null: vec![NotNullColumn(key("nn", "b", 0, false))],
            foreign_keys: vec![foreign("c", "y", 2), foreign("b", "x", 1)],
        };
        let columns = ["customerId", "b", "c"].map(|name| Column {
            name: name.into(),
            data_type: DataType::Int32,
            comment: None,
        });
        let found = declared.constraints("hive", &columns);
        let texts = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let kinds: Vec<_> =
            found.iter().map(|constraint| (constraint.name.as_str(), constraint.kind.clone())).collect();
        assert_eq!(
            kinds,
            [
                ("pk", ConstraintKind::PrimaryKey { columns: texts(&["customerId", "b"]) }),
                ("u1", ConstraintKind::Unique { columns: texts(&["c"]) }),
                ("u2", ConstraintKind::Unique { columns: texts(&["b"]) }),
                ("nn", ConstraintKind::NotNull { columns: texts(&["b"]) }),
                (
                    "fk",
                    ConstraintKind::ForeignKey {
                        columns: texts(&["b", "c"]),
                        references: TableName::new("hive.sales", "parents"),
                        referenced_columns: texts(&["x", "y"]),
                    }
                ),
            ]
        );
        assert_eq!((found[0].rely, found[0].enabled, found[0].validate), (true, false, true));
        assert_eq!((found[4].rely, found[4].enabled, found[4].validate), (false, true, false));
    }
}
