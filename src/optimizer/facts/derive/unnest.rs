//! UNNEST: a row for each element. What told rows apart no longer does, but still determines the columns that are not unnested.

use datafusion::logical_expr::Unnest;

use super::super::{Dependency, Facts, FactsCache};
use crate::optimizer::facts::{ColumnSet, CommonForeignKey};

pub(super) fn of_unnest(node: &Unnest, inputs: &FactsCache) -> Facts {
    let input = inputs.of_input(&node.input);
    let changed: ColumnSet =
        node.list_type_columns.iter().map(|(column, _)| *column).chain(node.struct_type_columns.clone()).collect();
    let width = node.schema.fields().len();
    if node.dependency_indices.len() != width
        || node.dependency_indices.iter().any(|column| *column >= input.columns.len())
    {
        return Facts::nothing(width);
    }
    let stays = |position: &usize| !changed.contains(&node.dependency_indices[*position]);
    let kept: Vec<usize> = (0..width).filter(stays).collect();
    // First only what stays, as if it were a projection; then each of it where it stands.
    let from: Vec<usize> = kept.iter().map(|position| node.dependency_indices[*position]).collect();
    let mut source = input.columns_kept(&from);
    let everything: ColumnSet = (0..kept.len()).collect();
    for key in std::mem::take(&mut source.keys) {
        let (from, to) = (key.columns, everything.clone());
        source.add_dependency(Dependency { from, to, strict: key.strict, because: key.because });
    }
    let moved = |columns: &ColumnSet| columns.iter().map(|column| kept[*column]).collect::<ColumnSet>();
    let mut facts = Facts::nothing(width);
    for (column, position) in source.columns.iter().zip(&kept) {
        facts.columns[*position] = column.clone();
    }
    for dependency in &source.dependencies {
        facts.add_dependency(Dependency {
            from: moved(&dependency.from),
            to: moved(&dependency.to),
            strict: dependency.strict,
            because: dependency.because.clone(),
        });
    }
    for class in source.equal.classes() {
        let class: Vec<usize> = moved(class).into_iter().collect();
        for pair in class.windows(2) {
            facts.equal.join(pair[0], pair[1]);
        }
    }
    for key in source.common_foreign_keys {
        let columns = key.columns.iter().map(|column| kept[*column]).collect();
        facts.common_foreign_keys.push(CommonForeignKey { columns, ..key });
    }
    facts.instances = source.instances;
    // Rows with an empty list may be gone, others are there several times.
    facts.rows_dropped();
    for instance in &mut facts.instances {
        instance.at_most_once = false;
    }
    facts.finished()
}
