//! Facts of the nodes of one plan, derived once a node.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use parking_lot::Mutex;

use super::Facts;
use super::derive::derive;

/// The facts of plan nodes, derived when first asked for. Keeps the nodes alive whose facts it keeps, so that an address stands for
/// one node only.
#[derive(Debug, Default)]
pub struct FactsCache {
    known: Mutex<HashMap<usize, Entry>>,
}

#[derive(Debug)]
struct Entry {
    plan: Arc<LogicalPlan>,
    facts: Option<Arc<Facts>>,
}

impl FactsCache {
    /// The facts of `plan`'s output.
    pub fn of(&self, plan: &LogicalPlan) -> Arc<Facts> {
        let address = std::ptr::from_ref(plan) as usize;
        let kept = match self.known.lock().get(&address) {
            Some(Entry { facts: Some(facts), .. }) => return Arc::clone(facts),
            Some(Entry { plan, facts: None }) => Some(Arc::clone(plan)),
            None => None,
        };
        match kept {
            Some(kept) => self.of_input(&kept),
            None => derive(plan, self),
        }
    }

    /// The same for an input of a node, remembered by its address.
    pub fn of_input(&self, plan: &Arc<LogicalPlan>) -> Arc<Facts> {
        let address = Arc::as_ptr(plan) as usize;
        if let Some(Entry { facts: Some(facts), .. }) = self.known.lock().get(&address) {
            return Arc::clone(facts);
        }
        let facts = derive(plan, self);
        let entry = Entry { plan: Arc::clone(plan), facts: Some(Arc::clone(&facts)) };
        self.known.lock().insert(address, entry);
        facts
    }

    /// From now on [`FactsCache::of`] remembers the facts of this node.
    pub fn keep(&self, plan: &Arc<LogicalPlan>) {
        let address = Arc::as_ptr(plan) as usize;
        self.known.lock().entry(address).or_insert_with(|| Entry { plan: Arc::clone(plan), facts: None });
    }
}
