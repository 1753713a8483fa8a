//! A filter: the rows for which a predicate is true.

use datafusion::logical_expr::Filter;

use super::super::{Facts, FactsCache};
use super::predicate;

pub(super) fn of_filter(node: &Filter, inputs: &FactsCache) -> Facts {
    let mut facts = inputs.of_input(&node.input).as_ref().clone();
    predicate::apply(&mut facts, node.input.schema(), &node.predicate);
    facts.finished()
}
