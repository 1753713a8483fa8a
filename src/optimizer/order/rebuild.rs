//! From a join tree back to a plan. Each condition is applied where all that it reads is there for the first time.

use std::sync::Arc;

use datafusion::common::{NullEquality, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, Join, JoinConstraint, JoinType, LogicalPlan};

use super::cost::Costs;
use super::graph::{Graph, Set, Tree};
use crate::optimizer::joins::with_inputs;

/// The plan of a tree. The smaller side of each inner join comes first: it is the one that is put into a hash table.
pub fn plan_of(tree: &Tree, graph: &Graph, costs: &Costs<'_>) -> Result<Arc<LogicalPlan>> {
    let mut rebuild = Rebuild { graph, costs, applied: vec![false; graph.predicates.len()] };
    let plan = rebuild.plan(tree)?;
    if rebuild.applied.iter().all(|applied| *applied) {
        Ok(plan)
    } else {
        internal_err!("a join condition would be lost")
    }
}

struct Rebuild<'a> {
    graph: &'a Graph,
    costs: &'a Costs<'a>,
    /// One a predicate of the graph.
    applied: Vec<bool>,
}

impl Rebuild<'_> {
    fn plan(&mut self, tree: &Tree) -> Result<Arc<LogicalPlan>> {
        match tree {
            Tree::Relation(relation) => {
                let predicates = match &self.graph.relations[*relation].attached {
                    // What is attached is filtered when it is there: a filter below a left join is another thing.
                    Some(_) => Vec::new(),
                    None => self.take(1 << relation),
                };
                self.graph.leaf(*relation, predicates)
            }
            Tree::Join(left, right) => match right.as_ref() {
                Tree::Relation(relation) if self.graph.relations[*relation].attached.is_some() => {
                    self.attach(left, *relation)
                }
                _ => self.inner(left, right),
            },
        }
    }

    fn inner(&mut self, left: &Tree, right: &Tree) -> Result<Arc<LogicalPlan>> {
        let (left, right) =
            if self.costs.rows(left.set()) <= self.costs.rows(right.set()) { (left, right) } else { (right, left) };
        let (left_plan, right_plan) = (self.plan(left)?, self.plan(right)?);
        let (left, right) = (left.set(), right.set());
        let mut on = self.equal_columns(left, right);
        for (predicate, applied) in self.graph.predicates.iter().zip(&mut self.applied) {
            let Some([(one, ones), (other, others)]) = &predicate.sides else { continue };
            if *applied {
                continue;
            }
            let is_within = |part: &Set, whole: Set| part & whole == *part;
            if is_within(ones, left) && is_within(others, right) {
                on.push((one.clone(), other.clone()));
                *applied = true;
            } else if is_within(ones, right) && is_within(others, left) {
                on.push((other.clone(), one.clone()));
                *applied = true;
            }
        }
        let filter = conjunction(self.take(left | right));
        let join = Join::try_new(
            left_plan,
            right_plan,
            on,
            filter,
            JoinType::Inner,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Ok(Arc::new(LogicalPlan::Join(join)))
    }

    fn attach(&mut self, left: &Tree, relation: usize) -> Result<Arc<LogicalPlan>> {
        let left_plan = self.plan(left)?;
        let Some(attached) = &self.graph.relations[relation].attached else {
            return internal_err!("an attached relation is attached by its own join");
        };
        let written = &attached.join;
        let join = with_inputs(written, left_plan, Arc::clone(&self.graph.relations[relation].plan))?;
        let plan = Arc::new(LogicalPlan::Join(join));
        let set = left.set() | 1 << relation;
        let equal = self.equal_columns(left.set(), 1 << relation).into_iter().map(|(one, other)| one.eq(other));
        let predicates: Vec<Expr> = equal.collect::<Vec<_>>().into_iter().chain(self.take(set)).collect();
        Ok(match conjunction(predicates) {
            None => plan,
            Some(predicate) => Arc::new(LogicalPlan::Filter(Filter::try_new(predicate, plan)?)),
        })
    }

    /// One equality for each class that has columns on both sides: within a side they are equal already.
    fn equal_columns(&self, left: Set, right: Set) -> Vec<(Expr, Expr)> {
        self.graph
            .equal
            .iter()
            .filter_map(|class| {
                let within = |set: Set| class.members.iter().find(|member| set & (1 << member.relation) != 0);
                Some((Expr::Column(within(left)?.column.clone()), Expr::Column(within(right)?.column.clone())))
            })
            .collect()
    }

    /// The predicates that can be applied to a set and were not yet.
    fn take(&mut self, set: Set) -> Vec<Expr> {
        let mut taken = Vec::new();
        for (predicate, applied) in self.graph.predicates.iter().zip(&mut self.applied) {
            if !*applied && predicate.relations & set == predicate.relations {
                *applied = true;
                taken.push(predicate.expr.clone());
            }
        }
        taken
    }
}
