//! Window functions: columns beside the input's. `row_number()` tells the rows of a partition apart; ranks do not, since ties share
//! one.

use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_window::row_number::RowNumber;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, Window, WindowFunctionDefinition};

use super::super::{Because, ColumnFacts, ColumnSet, Facts, FactsCache, Key, plain_column};
use super::is_exact;

pub(super) fn of_window(node: &Window, inputs: &FactsCache) -> Facts {
    let mut facts = inputs.of_input(&node.input).as_ref().clone();
    let schema = node.input.schema();
    for expr in &node.window_expr {
        let position = facts.columns.len();
        facts.columns.push(ColumnFacts::default());
        let expr = if let Expr::Alias(alias) = expr { &alias.expr } else { expr };
        let Expr::WindowFunction(function) = expr else { continue };
        let WindowFunction { fun, params } = function.as_ref();
        match fun {
            WindowFunctionDefinition::WindowUDF(window) if window.inner().is::<RowNumber>() => {
                facts.columns[position].not_null = Some(Because::new());
                facts.columns[position].min = Some((ScalarValue::UInt64(Some(1)), Because::new()));
                let exact = |column: &usize| is_exact(schema.field(*column).data_type());
                let partition = params.partition_by.iter().map(|expr| plain_column(expr, schema).filter(exact));
                if let Some(mut columns) = partition.collect::<Option<ColumnSet>>() {
                    columns.insert(position);
                    facts.add_key(Key { columns, strict: true, because: Because::new() });
                }
            }
            WindowFunctionDefinition::AggregateUDF(aggregate) if aggregate.inner().is::<Count>() => {
                facts.columns[position].not_null = Some(Because::new());
            }
            _ => {}
        }
    }
    facts.finished()
}
