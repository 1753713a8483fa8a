//! GROUP BY: one row for each value of the group keys, NULL counting as a value; one row in all without group keys.
//!
//! Grouping sets give several rows for the same keys, and NULLs in the place of keys: nothing is known of them. (The stock optimizer
//! carries constants over them: see `opaque_grouping_keys`.)

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr};

use super::super::{Because, ColumnFacts, ColumnSet, Facts, FactsCache, Key, both, plain_column};
use super::{is_exact, projection};
use crate::optimizer::prune::planted::broken;

pub(super) fn of_aggregate(node: &Aggregate, inputs: &FactsCache) -> Facts {
    let width = node.schema.fields().len();
    let first_aggregate = width - node.aggr_expr.len();
    let input = inputs.of_input(&node.input);
    let schema = node.input.schema();
    if node.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        let mut facts = Facts::nothing(width);
        if broken("key of grouping sets") {
            // All but the number of the set.
            let columns: ColumnSet = (0..first_aggregate.saturating_sub(1)).collect();
            facts.add_key(Key { columns, strict: true, because: Because::new() });
        }
        for (index, aggregate) in node.aggr_expr.iter().enumerate() {
            // The grand total may be over no row: only counts are never NULL.
            facts.columns[first_aggregate + index] = aggregate_facts(aggregate, &input, schema, None);
        }
        return facts;
    }
    // Of the rows of a group, the keys are what they were, and so is what follows from them.
    let keys: Vec<&Expr> = node.group_expr.iter().collect();
    let mut facts = projection::of_expressions(&keys, &input, schema);
    if keys.is_empty() {
        facts = Facts::nothing(0);
        facts.rows.least = 1;
        facts.at_most(1, Because::new());
    } else {
        facts.rows.least = facts.rows.least.min(1);
        let exact = |column: &usize| is_exact(node.schema.field(*column).data_type());
        if (0..first_aggregate).all(|column| exact(&column)) {
            let columns: ColumnSet = (0..first_aggregate).collect();
            facts.add_key(Key { columns, strict: true, because: Because::new() });
        }
    }
    let no_reason = Because::new();
    let some_row = if keys.is_empty() { input.some_row() } else { Some(&no_reason) };
    for aggregate in &node.aggr_expr {
        facts.columns.push(aggregate_facts(aggregate, &input, schema, some_row));
    }
    facts.finished()
}

/// `some_row`: no group is empty, and why.
fn aggregate_facts(aggregate: &Expr, input: &Facts, schema: &DFSchema, some_row: Option<&Because>) -> ColumnFacts {
    let mut facts = ColumnFacts::default();
    let aggregate = if let Expr::Alias(alias) = aggregate { &alias.expr } else { aggregate };
    let Expr::AggregateFunction(AggregateFunction { func, params }) = aggregate else { return facts };
    let function = func.inner();
    if function.is::<Count>() {
        facts.not_null = Some(Because::new());
        facts.min = Some((ScalarValue::Int64(Some(0)), Because::new()));
        return facts;
    }
    let [argument] = params.args.as_slice() else { return facts };
    let keeps_values = function.is::<Min>() || function.is::<Max>();
    if !keeps_values && !function.is::<Sum>() && !function.is::<Avg>() {
        return facts;
    }
    if let Some(some_row) = some_row
        && params.filter.is_none()
        && !argument.is_volatile()
    {
        facts.not_null = projection::never_null(argument, schema, input).map(|because| both(because, some_row));
    }
    if keeps_values && let Some(column) = plain_column(argument, schema) {
        facts.min = input.columns[column].min.clone();
        facts.max = input.columns[column].max.clone();
    }
    facts
}
