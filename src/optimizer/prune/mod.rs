//! Unneeded joins and clauses: what a query does not need is found, proved from keys and foreign keys, and dropped.
//!
//! One rule of DataFusion's optimizer, [`Prune`], drives all rules of this folder to their fixpoint. It goes through the plan from the
//! top, carrying what is [`Needs`]-ed of each node's output, asks every rule at every node, and descends. A rule sees one node, what is
//! needed of it, and the [`facts`](super::facts) of its inputs. It gives a node that has the same rows *as far as they are needed*:
//! columns that nobody reads may be missing from its schema, duplicates may be fewer where nobody can count them, and order may
//! be lost where nobody sees it.

mod anti_join_by_foreign_key;
mod bridge;
#[cfg(test)]
mod checks;
mod conditions;
mod decided_predicate;
mod disjoint_union;
mod distinct_aggregate;
mod distinct_over_key;
mod empty_branch;
mod empty_side;
mod existence;
pub(super) mod expressions;
mod exprs;
mod fewer_group_keys;
mod fewer_sort_keys;
mod group_by_key;
mod inlined;
mod inner_join_by_foreign_key;
mod inner_to_semi;
mod inputs;
mod key_filters;
mod missing;
mod narrow;
pub(super) mod needs;
mod not_in_without_nulls;
mod null_rejection;
mod null_test;
mod one_row_side;
mod outer_join_by_key;
mod outer_join_duplicates;
mod outer_parent_key_read;
mod outer_to_inner;
mod outer_to_inner_by_foreign_key;
mod plans;
#[doc(hidden)]
pub mod planted;
mod record;
mod same_dimension_twice;
mod same_row;
mod self_join;
mod self_semi_join;
mod semi_join_by_foreign_key;
#[cfg(test)]
mod testing;
mod unneeded_limit;
mod unneeded_sort;
mod unread_window;
mod unseen_distinct;
mod value_range;
pub mod verdict;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Subquery};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

pub use needs::{
    Needs, has_volatile, is_duplicate_insensitive, is_order_sensitive, is_volatile, of_inputs as needs_of_inputs,
};

use super::facts::{ColumnSet, FactsCache};
use super::trace::SharedTrace;

/// A rewrite of one node. One file each; [`PruneRule::name`] is the file's stem.
pub trait PruneRule: Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The node without what is not needed, or `None` if the rule does not apply. What it did goes to the trace.
    ///
    /// The new node has every needed column under its old name, qualifier and type; where others stand, and whether they do, is
    /// free. At the root and below UNION every column is needed.
    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>>;
}

/// What a rule works with.
pub struct Context<'a> {
    pub facts: &'a FactsCache,
    pub trace: &'a SharedTrace,
    /// Gives unused names for subquery aliases.
    pub aliases: &'a Arc<datafusion::common::alias::AliasGenerator>,
}

/// The rule that DataFusion's optimizer runs.
#[derive(Debug)]
pub struct Prune {
    rules: Vec<Arc<dyn PruneRule>>,
    trace: SharedTrace,
}

impl Prune {
    /// All rules but those named in `disabled`.
    pub fn new(disabled: &HashSet<String>, trace: SharedTrace) -> Self {
        Prune::with_rules(all().into_iter().filter(|rule| !disabled.contains(rule.name())).collect(), trace)
    }

    pub fn with_rules(rules: Vec<Arc<dyn PruneRule>>, trace: SharedTrace) -> Self {
        Prune { rules, trace }
    }
}

/// Every prune rule, in the order in which they are asked at a node.
pub fn all() -> Vec<Arc<dyn PruneRule>> {
    vec![
        Arc::new(unneeded_sort::UnneededSort),
        Arc::new(fewer_sort_keys::FewerSortKeys),
        Arc::new(unneeded_limit::UnneededLimit),
        Arc::new(unread_window::UnreadWindow),
        Arc::new(null_test::NullTest),
        Arc::new(not_in_without_nulls::NotInWithoutNulls),
        Arc::new(decided_predicate::DecidedPredicate),
        Arc::new(unseen_distinct::UnseenDistinct),
        Arc::new(empty_branch::EmptyBranch),
        // Before the DISTINCT is taken for any other: disjoint branches have a key together.
        Arc::new(disjoint_union::DisjointUnion),
        Arc::new(distinct_over_key::DistinctOverKey),
        // Before the grouping goes: what is DISTINCT in it is said on its own.
        Arc::new(distinct_aggregate::DistinctAggregate),
        Arc::new(group_by_key::GroupByKey),
        Arc::new(fewer_group_keys::FewerGroupKeys),
        // Joins. What makes others simpler comes first; a semi join is the last resort, since it keeps the other table.
        Arc::new(outer_to_inner::OuterToInner),
        Arc::new(empty_side::EmptySide),
        Arc::new(outer_join_by_key::OuterJoinByKey),
        Arc::new(outer_join_duplicates::OuterJoinDuplicates),
        Arc::new(inner_join_by_foreign_key::InnerJoinByForeignKey),
        Arc::new(outer_parent_key_read::OuterParentKeyRead),
        Arc::new(bridge::Bridge),
        Arc::new(semi_join_by_foreign_key::SemiJoinByForeignKey),
        Arc::new(anti_join_by_foreign_key::AntiJoinByForeignKey),
        Arc::new(self_join::SelfJoin),
        Arc::new(same_dimension_twice::SameDimensionTwice),
        Arc::new(self_semi_join::SelfSemiJoin),
        Arc::new(one_row_side::OneRowSide),
        Arc::new(existence::Existence),
        Arc::new(outer_to_inner_by_foreign_key::OuterToInnerByForeignKey),
        Arc::new(inner_to_semi::InnerToSemi),
    ]
}

impl OptimizerRule for Prune {
    fn name(&self) -> &str {
        "prune"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if self.rules.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let root = Arc::new(plan);
        Ok(match self.pruned(&root, config)? {
            Some(pruned) => Transformed::yes(Arc::unwrap_or_clone(pruned)),
            None => Transformed::no(Arc::unwrap_or_clone(root)),
        })
    }
}

impl Prune {
    /// The plan after all rules, or `None` if none applies.
    fn pruned(&self, root: &Arc<LogicalPlan>, config: &dyn OptimizerConfig) -> Result<Option<Arc<LogicalPlan>>> {
        let facts = FactsCache::default();
        let context = Context { facts: &facts, trace: &self.trace, aliases: config.alias_generator() };
        // Every rewrite makes the plan smaller or its facts stronger. Should rules ever undo each other's work, the plan is right
        // at every step: it is left as it is then.
        let mut walk = Walk { rules: &self.rules, context, applied: 0, most: 64 + 16 * nodes(root) };
        let mut pruned = Arc::clone(root);
        loop {
            let before = walk.applied;
            pruned = walk.root(pruned)?;
            if walk.applied == before || walk.applied >= walk.most {
                break;
            }
        }
        // Narrower projections alone are no gain: DataFusion makes them itself.
        if walk.applied == 0 { Ok(None) } else { with_schema_of(root, pruned).map(Some) }
    }
}

/// How many nodes a plan has, with its subqueries.
fn nodes(plan: &LogicalPlan) -> usize {
    let mut count = 0;
    // The closure never fails.
    let _ = plan.apply_with_subqueries(|_| {
        count += 1;
        Ok(TreeNodeRecursion::Continue)
    });
    count
}

/// One walk through the plan, from the root to the leaves.
struct Walk<'a> {
    rules: &'a [Arc<dyn PruneRule>],
    context: Context<'a>,
    /// How often a rule applied, and how often at most one may.
    applied: usize,
    most: usize,
}

impl Walk<'_> {
    /// A whole plan: all of its columns, its duplicates and its order are seen.
    fn root(&mut self, plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        let needs = Needs::everything(plan.schema());
        self.visit(plan, &needs)
    }

    /// A node and everything below it. The same [`Arc`] comes back if nothing changed.
    fn visit(&mut self, plan: Arc<LogicalPlan>, needs: &Needs) -> Result<Arc<LogicalPlan>> {
        let (plan, needs) = self.rewrite_node(plan, needs.clone())?;
        let plan = self.visit_subqueries(plan)?;
        let inputs = inputs::inputs(&plan);
        let input_needs = needs::of_inputs(&plan, &needs)?;
        if inputs.len() != input_needs.len() {
            return internal_err!("{} inputs, but needs of {}", inputs.len(), input_needs.len());
        }
        let mut changed = false;
        let mut visited = Vec::with_capacity(inputs.len());
        for (input, needs) in inputs.into_iter().zip(&input_needs) {
            let new = self.visit(Arc::clone(&input), needs)?;
            changed |= !Arc::ptr_eq(&input, &new);
            visited.push(new);
        }
        if !changed {
            return Ok(plan);
        }
        let rebuilt = Arc::new(inputs::with_inputs(&plan, visited)?);
        // A name that got lost on the way would be read from another column, or not at all.
        moved(&needs.columns, plan.schema(), rebuilt.schema())?;
        Ok(rebuilt)
    }

    /// Asks all rules until none applies. The needs are those of the node that comes out.
    fn rewrite_node(&mut self, mut plan: Arc<LogicalPlan>, mut needs: Needs) -> Result<(Arc<LogicalPlan>, Needs)> {
        loop {
            if let Some(narrow) = narrow::narrow(&plan, &needs)? {
                needs.columns = moved(&needs.columns, plan.schema(), narrow.schema())?;
                plan = Arc::new(narrow);
            }
            if self.applied >= self.most {
                return Ok((plan, needs));
            }
            self.context.facts.keep(&plan);
            let mut rewritten = None;
            for rule in self.rules {
                rewritten = rule.rewrite(&plan, &needs, &self.context)?;
                if rewritten.is_some() {
                    break;
                }
            }
            let Some(new) = rewritten else { return Ok((plan, needs)) };
            self.applied += 1;
            needs.columns = moved(&needs.columns, plan.schema(), new.schema())?;
            plan = Arc::new(new);
        }
    }

    /// The subqueries in the node's expressions, each of which is a plan of its own.
    fn visit_subqueries(&mut self, plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        let mut has_subquery = false;
        plan.apply_subqueries(|_| {
            has_subquery = true;
            Ok(TreeNodeRecursion::Stop)
        })?;
        if !has_subquery {
            return Ok(plan);
        }
        let visited = plan.as_ref().clone().map_expressions(|expr| {
            expr.transform_down(|mut expr| {
                let subquery = match &mut expr {
                    // How often a row occurs in there cannot be seen.
                    Expr::Exists(Exists { subquery, .. })
                    | Expr::InSubquery(InSubquery { subquery, .. })
                    | Expr::SetComparison(SetComparison { subquery, .. }) => Some((subquery, false)),
                    // A second row is an error. One with outer references must keep the shape from which DataFusion concludes that
                    // there is one row at most.
                    Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => Some((subquery, true)),
                    _ => None,
                };
                let Some((subquery, duplicates)) = subquery else { return Ok(Transformed::no(expr)) };
                let changed = self.visit_subquery(subquery, duplicates)?;
                Ok(Transformed::new_transformed(expr, changed))
            })
        })?;
        if visited.transformed { Ok(Arc::new(visited.data.recompute_schema()?)) } else { Ok(plan) }
    }

    fn visit_subquery(&mut self, subquery: &mut Subquery, duplicates: bool) -> Result<bool> {
        let plan = Arc::clone(&subquery.subquery);
        let needs = Needs { duplicates, ..Needs::everything(plan.schema()) };
        let visited = self.visit(Arc::clone(&plan), &needs)?;
        if Arc::ptr_eq(&visited, &plan) {
            return Ok(false);
        }
        subquery.subquery = with_schema_of(&plan, visited)?;
        Ok(true)
    }
}

/// Where the columns stand in another schema that has them under the same names.
fn moved(columns: &ColumnSet, from: &DFSchema, to: &DFSchema) -> Result<ColumnSet> {
    if std::ptr::eq(from, to) {
        return Ok(columns.clone());
    }
    let positions: HashMap<_, _> =
        to.iter().enumerate().map(|(index, (qualifier, field))| ((qualifier, field.name()), index)).collect();
    let mut found = ColumnSet::new();
    for column in columns {
        let (qualifier, field) = from.qualified_field(*column);
        let Some(position) = positions.get(&(qualifier, field.name())) else {
            return internal_err!("a needed column got lost: {}", from.columns()[*column]);
        };
        if to.field(*position).data_type() != field.data_type() {
            return internal_err!("a needed column got another type: {}", from.columns()[*column]);
        }
        found.insert(*position);
    }
    Ok(found)
}

/// `plan` with the columns of `model` in its order, and no other.
fn with_schema_of(model: &LogicalPlan, plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    let (wanted, given) = (model.schema(), plan.schema());
    let names =
        |schema: &DFSchema| schema.iter().map(|(q, field)| (q.cloned(), field.name().clone())).collect::<Vec<_>>();
    if names(wanted) == names(given) {
        return Ok(plan);
    }
    moved(&(0..wanted.fields().len()).collect(), wanted, given)?;
    let columns = wanted.columns().into_iter().map(Expr::Column).collect();
    Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, plan)?)))
}

#[cfg(test)]
mod tests;
