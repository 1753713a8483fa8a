//! VALUES and the relations that are empty or of one row: everything is there to be seen.

use std::collections::HashSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{EmptyRelation, Expr, Values};

use super::super::{Because, ColumnFacts, ColumnSet, Constant, Facts, Key, ValueFacts};
use super::is_exact;

/// Larger ones are not looked through.
const MOST_VALUES: usize = 4096;

pub(super) fn of_values(node: &Values) -> Facts {
    let width = node.schema.fields().len();
    let mut facts = exactly(node.values.len() as u64, width);
    if node.values.len().saturating_mul(width) > MOST_VALUES {
        return facts.finished();
    }
    for position in 0..width {
        let data_type = node.schema.field(position).data_type();
        let literals = node.values.iter().map(|row| match row.get(position) {
            Some(Expr::Literal(value, _)) if value.data_type() == *data_type || value.is_null() => Some(value),
            _ => None,
        });
        if is_exact(data_type)
            && let Some(values) = literals.collect::<Option<Vec<_>>>()
        {
            facts.columns[position] = column_facts(&values);
            let (nulls, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| value.is_null());
            if values.iter().collect::<HashSet<_>>().len() == values.len() {
                let columns = ColumnSet::from([position]);
                facts.add_key(Key { columns, strict: nulls.len() < 2, because: Because::new() });
            }
        }
    }
    facts.finished()
}

fn column_facts(values: &[&ScalarValue]) -> ColumnFacts {
    let mut facts = ValueFacts::default();
    if values.iter().all(|value| !value.is_null()) {
        facts.not_null = Some(Because::new());
    }
    if let [first, others @ ..] = values
        && others.iter().all(|other| other == first || (other.is_null() && first.is_null()))
    {
        facts.constant = Some(Constant::Value((*first).clone()));
    }
    for value in values.iter().filter(|value| !value.is_null()) {
        if facts.min.as_ref().is_none_or(|(min, _)| **value < *min) {
            facts.min = Some(((*value).clone(), Because::new()));
        }
        if facts.max.as_ref().is_none_or(|(max, _)| **value > *max) {
            facts.max = Some(((*value).clone(), Because::new()));
        }
    }
    facts.into()
}

pub(super) fn of_empty(node: &EmptyRelation) -> Facts {
    exactly(u64::from(node.produce_one_row), node.schema.fields().len()).finished()
}

fn exactly(rows: u64, width: usize) -> Facts {
    let mut facts = Facts::nothing(width);
    facts.rows.least = rows;
    facts.at_most(rows, Because::new());
    facts
}
