//! The cheapest join tree: all of them are looked at where there are few relations, else the cheapest next join is taken.
//!
//! Dynamic programming over sets of relations, bushy trees included, without cross products (Moerkotte and Neumann, *Analysis of
//! Two Existing and One New Dynamic Programming Algorithm*, VLDB 2006, there DPsub); above [`MOST_FOR_ALL`] relations the greedy operator
//! ordering of Fegaras (*A New Heuristic for Optimizing Large Queries*, DEXA 1998).

use super::cost::Costs;
use super::graph::{Graph, Set, Tree};

/// Up to so many relations, all trees are looked at.
const MOST_FOR_ALL: usize = 11;

/// The cheapest tree; `None`: there is none without a cross product.
pub fn cheapest(graph: &Graph, costs: &Costs<'_>) -> Option<Tree> {
    if graph.relations.len() <= MOST_FOR_ALL { best_of_all(graph, costs) } else { greedy(graph, costs) }
}

/// Which two sets can be joined.
struct Joinable<'a> {
    graph: &'a Graph,
    /// Sets between which there is an equality, both ways.
    edges: Vec<(Set, Set)>,
    attached: Set,
}

impl<'a> Joinable<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut edges = Vec::new();
        for predicate in &graph.predicates {
            if let Some([(_, left), (_, right)]) = &predicate.sides
                && left & right == 0
            {
                edges.push((*left, *right));
                edges.push((*right, *left));
            }
        }
        for class in &graph.equal {
            for one in &class.members {
                for other in &class.members {
                    if one.relation != other.relation {
                        edges.push((1 << one.relation, 1 << other.relation));
                    }
                }
            }
        }
        let attached = (0..graph.relations.len())
            .filter(|relation| graph.relations[*relation].attached.is_some())
            .fold(0, |set, relation| set | 1 << relation);
        Joinable { graph, edges, attached }
    }

    fn can_join(&self, left: Set, right: Set) -> bool {
        // What is attached stands on the right, alone, and what it needs is on the left.
        if left.count_ones() == 1 && left & self.attached != 0 {
            return false;
        }
        if right.count_ones() == 1 && right & self.attached != 0 {
            let attached = &self.graph.relations[right.trailing_zeros() as usize].attached;
            return attached.as_ref().is_some_and(|attached| attached.needs & left == attached.needs);
        }
        self.edges.iter().any(|(one, other)| one & left == *one && other & right == *other)
    }
}

fn best_of_all(graph: &Graph, costs: &Costs<'_>) -> Option<Tree> {
    let count = graph.relations.len();
    let joinable = Joinable::new(graph);
    let all: Set = (1 << count) - 1;
    // The cost of each set's best tree, and its left side.
    let mut best: Vec<Option<(f64, Set)>> = vec![None; 1 << count];
    for relation in 0..count {
        best[1 << relation] = Some((0.0, 0));
    }
    // Each set comes after its parts, which are smaller numbers.
    for set in 1..=all {
        if set.count_ones() < 2 {
            continue;
        }
        let mut cheapest: Option<(f64, Set)> = None;
        let mut left = (set - 1) & set;
        while left != 0 {
            let right = set & !left;
            if let (Some((left_cost, _)), Some((right_cost, _))) = (best[left as usize], best[right as usize])
                && joinable.can_join(left, right)
            {
                let cost = left_cost + right_cost + costs.join(left, right);
                if cheapest.is_none_or(|(known, _)| cost < known) {
                    cheapest = Some((cost, left));
                }
            }
            left = (left - 1) & set;
        }
        best[set as usize] = cheapest;
    }
    tree_of(all, &best)
}

fn tree_of(set: Set, best: &[Option<(f64, Set)>]) -> Option<Tree> {
    if set.count_ones() == 1 {
        return Some(Tree::Relation(set.trailing_zeros() as usize));
    }
    let (_, left) = (*best.get(set as usize)?)?;
    Some(Tree::Join(Box::new(tree_of(left, best)?), Box::new(tree_of(set & !left, best)?)))
}

fn greedy(graph: &Graph, costs: &Costs<'_>) -> Option<Tree> {
    let joinable = Joinable::new(graph);
    let mut trees: Vec<Tree> = (0..graph.relations.len()).map(Tree::Relation).collect();
    while trees.len() > 1 {
        let mut cheapest: Option<(f64, usize, usize)> = None;
        for left in 0..trees.len() {
            for right in 0..trees.len() {
                if left == right || !joinable.can_join(trees[left].set(), trees[right].set()) {
                    continue;
                }
                let cost = costs.join(trees[left].set(), trees[right].set());
                if cheapest.is_none_or(|(known, _, _)| cost < known) {
                    cheapest = Some((cost, left, right));
                }
            }
        }
        let (_, left, right) = cheapest?;
        let joined = Tree::Join(Box::new(trees[left].clone()), Box::new(trees[right].clone()));
        let (low, high) = (left.min(right), left.max(right));
        trees.remove(high);
        trees[low] = joined;
    }
    trees.pop()
}
