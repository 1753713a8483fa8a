//! What a join tree costs, in rows touched.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::graph::{Graph, Set, Tree};

/// A row that is put into a hash table costs as much as this many that are looked up.
const BUILD: f64 = 2.0;

/// Estimates the rows of sets of relations, each once.
pub struct Costs<'a> {
    graph: &'a Graph,
    rows: RefCell<HashMap<Set, f64>>,
    arbitrary: Option<u64>,
}

impl<'a> Costs<'a> {
    /// With `arbitrary`, costs depend on that number and on nothing else.
    pub fn new(graph: &'a Graph, arbitrary: Option<u64>) -> Self {
        Costs { graph, rows: RefCell::default(), arbitrary }
    }

    /// The rows of a set of relations, joined. They do not depend on the order of the joins.
    pub fn rows(&self, set: Set) -> f64 {
        if let Some(rows) = self.rows.borrow().get(&set) {
            return *rows;
        }
        let rows = self.count(set);
        self.rows.borrow_mut().insert(set, rows);
        rows
    }

    fn count(&self, set: Set) -> f64 {
        if let Some(seed) = self.arbitrary {
            let mut hasher = DefaultHasher::new();
            (seed, set).hash(&mut hasher);
            return (hasher.finish() % 1_000_000) as f64;
        }
        let is_in = |relation: usize| set & (1 << relation) != 0;
        let most: Vec<f64> =
            (0..self.graph.relations.len()).map(|relation| self.graph.most_in_range(relation, set)).collect();
        let mut rows = 1.0;
        for (index, relation) in self.graph.relations.iter().enumerate().filter(|(index, _)| is_in(*index)) {
            rows *= match &relation.attached {
                // Alone it is only an input.
                Some(attached) if set != 1 << index => attached.growth,
                _ => relation.estimate.rows.min(most[index]),
            };
        }
        for predicate in &self.graph.predicates {
            if predicate.relations & set == predicate.relations {
                rows *= predicate.selectivity;
            }
        }
        for class in &self.graph.equal {
            // All but the smallest: k columns are equal by k - 1 conditions.
            let members = class.members.iter().filter(|member| is_in(member.relation));
            let mut values: Vec<f64> = members.map(|member| member.values.min(most[member.relation])).collect();
            values.sort_by(f64::total_cmp);
            rows /= values.iter().skip(1).map(|values| values.max(1.0)).product::<f64>();
        }
        // Along a spanning tree: a third relation is not joined to the first two by independent conditions either.
        let mut groups: Vec<Set> = Vec::new();
        for (one, other, factor) in &self.graph.dependent {
            if !is_in(*one) || !is_in(*other) {
                continue;
            }
            let group_of = |relation: usize| groups.iter().position(|group| group & (1 << relation) != 0);
            match (group_of(*one), group_of(*other)) {
                (Some(first), Some(second)) if first == second => continue,
                (Some(first), Some(second)) => {
                    let (low, high) = (first.min(second), first.max(second));
                    groups[low] |= groups.swap_remove(high);
                }
                (Some(group), None) => groups[group] |= 1 << other,
                (None, Some(group)) => groups[group] |= 1 << one,
                (None, None) => groups.push(1 << one | 1 << other),
            }
            rows *= factor;
        }
        rows
    }

    /// The cost of one join of two sets: the smaller side is put into a hash table, the other looked up, and rows come out.
    pub fn join(&self, left: Set, right: Set) -> f64 {
        let (left_rows, right_rows) = (self.rows(left), self.rows(right));
        BUILD * left_rows.min(right_rows) + left_rows.max(right_rows) + self.rows(left | right)
    }

    pub fn tree(&self, tree: &Tree) -> f64 {
        match tree {
            Tree::Relation(_) => 0.0,
            Tree::Join(left, right) => self.tree(left) + self.tree(right) + self.join(left.set(), right.set()),
        }
    }
}
