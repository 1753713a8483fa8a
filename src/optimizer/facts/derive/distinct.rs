//! DISTINCT: every row once. DISTINCT ON: one row for each value of some expressions.

use std::sync::Arc;

use datafusion::logical_expr::{DistinctOn, Expr, LogicalPlan};

use super::super::{Because, ColumnSet, Facts, FactsCache, Key, plain_column};
use super::{is_exact, projection};

pub(super) fn of_distinct(input: &Arc<LogicalPlan>, inputs: &FactsCache) -> Facts {
    let mut facts = inputs.of_input(input).as_ref().clone();
    facts.rows.least = facts.rows.least.min(1);
    if input.schema().fields().iter().all(|field| is_exact(field.data_type())) {
        let columns: ColumnSet = (0..facts.columns.len()).collect();
        facts.add_key(Key { columns, strict: true, because: Because::new() });
    }
    facts.finished()
}

pub(super) fn of_distinct_on(node: &DistinctOn, inputs: &FactsCache) -> Facts {
    let input = inputs.of_input(&node.input);
    let schema = node.input.schema();
    let exprs: Vec<&Expr> = node.select_expr.iter().collect();
    let mut facts = projection::of_expressions(&exprs, &input, schema);
    let least = facts.rows.least.min(1);
    let because = facts.rows.least_because.clone();
    facts.rows_dropped();
    facts.rows.least = least;
    facts.rows.least_because = because;
    // Where the expressions themselves are put out.
    let put_out = |on: &Expr| {
        let column = plain_column(on, schema)?;
        let position = exprs.iter().position(|expr| plain_column(expr, schema) == Some(column))?;
        is_exact(schema.field(column).data_type()).then_some(position)
    };
    if let Some(columns) = node.on_expr.iter().map(put_out).collect::<Option<ColumnSet>>() {
        facts.add_key(Key { columns, strict: true, because: Because::new() });
    }
    facts.finished()
}
