//! UNION ALL: what holds in every branch. A key only if the branches cannot give the same row: then what tells them apart is part
//! of it.

use datafusion::logical_expr::Union;

use super::super::foreign_key::common_foreign_keys;
use super::super::{Because, ColumnFacts, Constant, Facts, FactsCache, Key, ValueFacts, both};

pub(super) fn of_union(node: &Union, inputs: &FactsCache) -> Facts {
    let width = node.schema.fields().len();
    let branches: Vec<_> = node.inputs.iter().map(|input| inputs.of_input(input)).collect();
    if branches.iter().any(|branch| branch.columns.len() != width) {
        return Facts::nothing(width);
    }
    let branches: Vec<&Facts> = branches.iter().map(AsRef::as_ref).collect();
    let mut facts = Facts::nothing(width);
    for position in 0..width {
        let columns: Vec<&ColumnFacts> = branches.iter().map(|branch| &branch.columns[position]).collect();
        facts.columns[position] = common(&columns);
    }
    for branch in &branches {
        facts.rows.least = facts.rows.least.saturating_add(branch.rows.least);
        facts.rows.least_because = both(std::mem::take(&mut facts.rows.least_because), &branch.rows.least_because);
    }
    let most = branches.iter().try_fold((0u64, Because::new()), |(most, because), branch| {
        Some((most.checked_add(branch.rows.most?)?, both(because, &branch.rows.most_because)))
    });
    if let Some((most, because)) = most {
        facts.at_most(most, because);
    }
    if let [first, others @ ..] = branches.as_slice() {
        for class in first.equal.classes() {
            let class: Vec<usize> = class.iter().copied().collect();
            for (index, one) in class.iter().enumerate() {
                for other in &class[index + 1..] {
                    if others.iter().all(|branch| branch.equal.are_equal(*one, *other)) {
                        facts.equal.join(*one, *other);
                    }
                }
            }
        }
    }
    add_keys(&mut facts, &branches);
    facts.common_foreign_keys = common_foreign_keys(&branches);
    facts.finished()
}

/// What is known of a column in all branches.
fn common(columns: &[&ColumnFacts]) -> ColumnFacts {
    let all = |of: fn(&ColumnFacts) -> Option<&Because>| {
        columns.iter().try_fold(Because::new(), |because, column| Some(both(because, of(column)?)))
    };
    let mut facts = ValueFacts { not_null: all(|column| column.not_null.as_ref()), ..ValueFacts::default() };
    if let [first, others @ ..] = columns
        && let Some(Constant::Value(value)) = &first.constant
        && others.iter().all(|other| other.constant == first.constant)
    {
        facts.constant = Some(Constant::Value(value.clone()));
    }
    if let Some(because) = all(|column| column.min.as_ref().map(|(_, because)| because)) {
        let mins = columns.iter().filter_map(|column| column.min.as_ref()).map(|(value, _)| value);
        facts.min = mins
            .min_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
            .cloned()
            .map(|min| (min, because));
    }
    if let Some(because) = all(|column| column.max.as_ref().map(|(_, because)| because)) {
        let maxs = columns.iter().filter_map(|column| column.max.as_ref()).map(|(value, _)| value);
        facts.max = maxs
            .max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
            .cloned()
            .map(|max| (max, because));
    }
    facts.into()
}

fn add_keys(facts: &mut Facts, branches: &[&Facts]) {
    let [first, others @ ..] = branches else { return };
    for position in 0..facts.columns.len() {
        let Some(disjoint) = disjoint(branches, position) else { continue };
        for key in &first.keys {
            // With the column that tells the branches apart, which is the same throughout a branch or not.
            let mut columns = key.columns.clone();
            columns.insert(position);
            let because = others.iter().try_fold(both(disjoint.clone(), &key.because), |because, branch| {
                Some(both(because, &branch.key_within(&columns, key.strict)?))
            });
            if let Some(because) = because {
                // A lax key of another branch may count as strict only where it is one: that was asked.
                facts.add_key(Key { columns, strict: key.strict, because });
            }
        }
    }
}

/// Why no value of a column is in two branches: a constant each, or ranges that do not meet.
fn disjoint(branches: &[&Facts], position: usize) -> Option<Because> {
    let mut because = Because::new();
    for (index, one) in branches.iter().enumerate() {
        for other in &branches[index + 1..] {
            because = both(because, &disjoint_pair(&one.columns[position], &other.columns[position])?);
        }
    }
    Some(because)
}

fn disjoint_pair(one: &ColumnFacts, other: &ColumnFacts) -> Option<Because> {
    if let (Some(Constant::Value(one)), Some(Constant::Value(other))) = (&one.constant, &other.constant) {
        // Two NULLs may be of different types.
        return (one != other && !(one.is_null() && other.is_null())).then(Because::new);
    }
    let apart = |low: &ColumnFacts, high: &ColumnFacts| {
        let ((max, max_because), (min, min_because)) = (low.max.as_ref()?, high.min.as_ref()?);
        (max < min).then(|| both(max_because.clone(), min_because))
    };
    let because = apart(one, other).or_else(|| apart(other, one))?;
    // NULL has no place in a range.
    let because = both(because, one.not_null.as_ref()?);
    Some(both(because, other.not_null.as_ref()?))
}
