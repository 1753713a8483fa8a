//! The facts of a node's output from the facts of its inputs.

mod aggregate;
mod distinct;
mod filter;
mod finish;
mod join;
mod limit;
mod predicate;
mod projection;
mod scan;
mod union;
mod unnest;
mod values;
mod window;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Distinct, LogicalPlan};

pub use predicate::rejects_nulls;
pub use projection::never_null;

use super::{Because, Dependency, Facts, FactsCache, Key};
use crate::optimizer::prune::planted::broken;

pub(super) fn derive(plan: &LogicalPlan, inputs: &FactsCache) -> Arc<Facts> {
    let facts = match plan {
        // The same rows, under other names or on other threads.
        LogicalPlan::SubqueryAlias(node) => return inputs.of_input(&node.input),
        LogicalPlan::Repartition(node) => return inputs.of_input(&node.input),
        LogicalPlan::Sort(node) if node.fetch.is_none() => return inputs.of_input(&node.input),
        LogicalPlan::Sort(node) => limit::of_sort(node, inputs),
        LogicalPlan::TableScan(node) => scan::of_scan(node),
        LogicalPlan::Projection(node) => projection::of_projection(node, inputs),
        LogicalPlan::Filter(node) => filter::of_filter(node, inputs),
        LogicalPlan::Aggregate(node) => aggregate::of_aggregate(node, inputs),
        LogicalPlan::Distinct(Distinct::All(input)) => distinct::of_distinct(input, inputs),
        LogicalPlan::Distinct(Distinct::On(node)) => distinct::of_distinct_on(node, inputs),
        LogicalPlan::Join(node) => join::of_join(node, inputs),
        LogicalPlan::Union(node) => union::of_union(node, inputs),
        LogicalPlan::Window(node) => window::of_window(node, inputs),
        LogicalPlan::Limit(node) => limit::of_limit(node, inputs),
        LogicalPlan::Unnest(node) => unnest::of_unnest(node, inputs),
        LogicalPlan::Values(node) => values::of_values(node),
        LogicalPlan::EmptyRelation(node) => values::of_empty(node),
        // A lateral subquery has other rows for every row of the other side; a recursive query's own facts would have to hold for
        // every round. Of what else there is, nothing is known.
        _ => Facts::nothing(width(plan)),
    };
    debug_assert_eq!(facts.columns.len(), width(plan), "{plan}");
    // Wrong positions would be wrong rows.
    Arc::new(if facts.columns.len() == width(plan) { facts } else { Facts::nothing(width(plan)) })
}

fn width(plan: &LogicalPlan) -> usize {
    plan.schema().fields().len()
}

/// Whether values that are equal are the same value wherever they are compared. Not so for floating-point numbers: filters tell 0.0
/// from -0.0, joins and groups do not. Nested values may have such numbers in them.
pub(super) fn is_exact(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_exact(values),
        other => !other.is_floating() && !other.is_nested(),
    }
}

impl Facts {
    /// Adds a key unless one is known that says as much for as few reasons.
    fn add_key(&mut self, key: Key) {
        fn says_as_much(one: &Key, other: &Key) -> bool {
            one.columns.is_subset(&other.columns)
                && (one.strict || !other.strict)
                && one.because.iter().all(|reason| other.because.contains(reason))
        }
        /// Combinations of keys multiply: more than these cost more than they are worth.
        const MOST: usize = 24;
        if self.keys.iter().any(|known| says_as_much(known, &key)) {
            return;
        }
        self.keys.retain(|known| !says_as_much(&key, known));
        if self.keys.len() < MOST {
            self.keys.push(key);
        }
    }

    fn add_dependency(&mut self, dependency: Dependency) {
        // A lax dependency on nothing would exempt no row: it is none.
        if !dependency.to.is_subset(&dependency.from) && (dependency.strict || !dependency.from.is_empty()) {
            self.dependencies.push(dependency);
        }
    }

    fn set_not_null(&mut self, column: usize, because: Because) {
        if let Some(facts) = self.columns.get_mut(column)
            && facts.not_null.as_ref().is_none_or(|known| known.len() > because.len())
        {
            facts.not_null = Some(because);
        }
    }

    /// Why one of the columns is never NULL, if one is.
    fn some_not_null<'a>(&self, columns: impl IntoIterator<Item = &'a usize>) -> Option<&Because> {
        columns.into_iter().find_map(|column| self.is_not_null(*column))
    }

    /// There are at most `most` rows.
    fn at_most(&mut self, most: u64, because: Because) {
        if self.rows.most.is_none_or(|known| known > most) {
            self.rows.most = Some(most);
            self.rows.most_because = because;
        }
    }

    /// Rows may have been dropped.
    fn rows_dropped(&mut self) {
        self.rows.least = 0;
        self.rows.least_because = Because::new();
        for instance in &mut self.instances {
            instance.complete &= broken("complete");
        }
    }
}
