//! LIMIT and OFFSET, also inside of a sort.

use datafusion::logical_expr::{FetchType, Limit, SkipType, Sort};

use super::super::{Because, Facts, FactsCache};

pub(super) fn of_limit(node: &Limit, inputs: &FactsCache) -> Facts {
    let facts = inputs.of_input(&node.input).as_ref().clone();
    let skip = match node.get_skip_type() {
        Ok(SkipType::Literal(skip)) => Some(skip as u64),
        _ => None,
    };
    let fetch = match node.get_fetch_type() {
        Ok(FetchType::Literal(fetch)) => Some(fetch.map(|fetch| fetch as u64)),
        _ => None,
    };
    limited(facts, skip, fetch)
}

pub(super) fn of_sort(node: &Sort, inputs: &FactsCache) -> Facts {
    let facts = inputs.of_input(&node.input).as_ref().clone();
    limited(facts, Some(0), Some(node.fetch.map(|fetch| fetch as u64)))
}

/// `None`: a number that is not known yet. `fetch` of `Some(None)`: no limit.
fn limited(mut facts: Facts, skip: Option<u64>, fetch: Option<Option<u64>>) -> Facts {
    let (least, because) = (facts.rows.least, facts.rows.least_because.clone());
    let keeps_all = skip == Some(0)
        && match fetch {
            Some(None) => true,
            Some(Some(fetch)) => facts.rows.most.is_some_and(|most| most <= fetch),
            None => false,
        };
    if keeps_all {
        return facts;
    }
    facts.rows_dropped();
    if let Some(skip) = skip {
        facts.rows.most = facts.rows.most.map(|most| most.saturating_sub(skip));
        if let Some(fetch) = fetch {
            facts.rows.least = least.saturating_sub(skip).min(fetch.unwrap_or(u64::MAX));
            facts.rows.least_because = because;
        }
    }
    if let Some(Some(fetch)) = fetch {
        facts.at_most(fetch, Because::new());
    }
    facts.finished()
}
