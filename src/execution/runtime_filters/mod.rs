//! Rows that a join will not want are dropped where they are read.
//!
//! ```text
//! HashJoin l_partkey = p_partkey            1 % of the parts are green
//!   Filter p_name LIKE '%green%'            ← its keys are kept
//!   HashJoin / Aggregate / Repartition      work on 1 % of the rows, and not on all
//!     Scan lineitem                         → rows with other keys end here
//! ```
//!
//! DataFusion's joins hand a condition on all of their keys down to the scans on their probe side. A scan uses it to leave out row groups.
//! Here each key of a join goes down by itself ([`descent`]): of `l_partkey = p_partkey AND cost = min(cost)` the first gets below the GROUP BY
//! that computes the second. Where it arrives at a scan, a [`filter`] is put above that, and the keys are kept ([`collect`]) below the
//! join's build side. What is asked is not the join's hash table but a [`membership`] of a few bits a key, which stays in the
//! processor's cache. A scan that reads pages asks it of their dictionaries (`page_scans`).
//!
//! A filter that has no keys yet lets everything through, and one that drops little rests, so it costs little where it is of no use.

mod collect;
mod descent;
mod filter;
mod found;
mod keys;
mod membership;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};

use collect::{CollectKeysExec, Collected};
pub(super) use descent::filtered_column;
use filter::{RuntimeFilter, RuntimeFilterExec};
use found::FoundKeys;
use keys::Kind;

use super::one_input::over_inputs;
use crate::storage::{KeyFilters, is_file_scan_that_filters_later};

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "runtime_filters";

/// See the module. To run when nothing else will change the plan but its expressions.
#[derive(Debug)]
pub(super) struct RuntimeFilters;

impl PhysicalOptimizerRule for RuntimeFilters {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        with_filters(plan, Vec::new())
    }
}

/// What joins have found of the columns of `plan`'s input, if `plan` filters that by it.
pub(super) fn keys_for_input(plan: &Arc<dyn ExecutionPlan>) -> KeyFilters {
    plan.downcast_ref::<RuntimeFilterExec>().map(RuntimeFilterExec::for_input).unwrap_or_default()
}

/// Whether rows are missing in what `plan` gives of which only a join above it knows that they are of no use.
pub(crate) fn lacks_unwanted_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    fn add<'a>(
        plan: &'a Arc<dyn ExecutionPlan>,
        asked: &mut Vec<&'a Arc<FoundKeys>>,
        kept: &mut Vec<&'a Arc<FoundKeys>>,
    ) {
        if let Some(filter) = plan.downcast_ref::<RuntimeFilterExec>() {
            asked.extend(filter.found());
        }
        if let Some(collect) = plan.downcast_ref::<CollectKeysExec>() {
            kept.extend(collect.found());
        }
        plan.children().into_iter().for_each(|child| add(child, asked, kept));
    }
    let (mut asked, mut kept) = (Vec::new(), Vec::new());
    add(plan, &mut asked, &mut kept);
    asked.iter().any(|asked| !kept.iter().any(|kept| Arc::ptr_eq(asked, kept)))
}

/// A key of a join above: rows that have another value in this column may be dropped.
#[derive(Debug, Clone)]
struct Wanted {
    /// Of the operator's output.
    column: usize,
    keys: Arc<FoundKeys>,
    /// The join has no other key, and gets the rows as they are, into one hash table for all threads.
    is_next: bool,
    /// By a scan.
    is_asked: Rc<Cell<bool>>,
}

/// The plan with filters for what is `wanted` of it, and for what its own joins want.
fn with_filters(plan: Arc<dyn ExecutionPlan>, wanted: Vec<Wanted>) -> Result<Arc<dyn ExecutionPlan>> {
    if is_scan(&plan) {
        return Ok(filtered(plan, wanted));
    }
    let mut for_children = descent::through(&plan, wanted);
    let found = keys_of_join(&plan)?;
    if let Some(for_probed) = for_children.get_mut(1) {
        for_probed.extend(found.iter().map(|(_, wanted)| wanted.clone()));
    }
    let mut children = Vec::with_capacity(for_children.len());
    for (child, wanted) in plan.children().into_iter().zip(for_children) {
        children.push(with_filters(Arc::clone(child), wanted)?);
    }
    let asked = found.into_iter().filter(|(_, wanted)| wanted.is_asked.get());
    let asked: Vec<Collected> = asked.map(|(key, wanted)| Collected { key, found: wanted.keys }).collect();
    if let Some(built) = children.first_mut()
        && !asked.is_empty()
    {
        *built = Arc::new(CollectKeysExec::new(Arc::clone(built), asked));
    }
    over_inputs(plan, children)
}

/// Whether `plan` reads files, perhaps with a filter on what it has read.
fn is_scan(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let below = plan.downcast_ref::<FilterExec>().filter(|filter| filter.fetch().is_none()).map(FilterExec::input);
    is_file_scan_that_filters_later(below.unwrap_or(plan))
}

fn filtered(scan: Arc<dyn ExecutionPlan>, wanted: Vec<Wanted>) -> Arc<dyn ExecutionPlan> {
    if wanted.is_empty() {
        return scan;
    }
    let schema = scan.schema();
    let filters = wanted.into_iter().map(|wanted| {
        wanted.is_asked.set(true);
        let column = Column::new(schema.field(wanted.column).name(), wanted.column);
        RuntimeFilter::new(Arc::new(column), wanted.keys, wanted.is_next)
    });
    let filters = filters.collect();
    Arc::new(RuntimeFilterExec::new(scan, filters))
}

/// The keys on the build side of a hash join, with what they say of its other side, if rows of that which fit none of them are of no
/// use to it.
fn keys_of_join(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<(Arc<dyn PhysicalExpr>, Wanted)>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(Vec::new()) };
    let drops_others = match join.join_type() {
        JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::RightSemi | JoinType::LeftMark => true,
        // A NULL among them decides about all rows.
        JoinType::LeftAnti => !join.null_aware,
        JoinType::Right | JoinType::Full | JoinType::RightAnti | JoinType::RightMark => false,
    };
    // NULL fits NULL in the others.
    if !drops_others || join.null_equality() != NullEquality::NullEqualsNothing {
        return Ok(Vec::new());
    }
    let is_next = *join.partition_mode() == PartitionMode::CollectLeft && join.on().len() == 1;
    let partitions = join.left().properties().partitioning.partition_count();
    let mut found = Vec::new();
    for (built, probed) in join.on() {
        let Some(column) = probed.downcast_ref::<Column>() else { continue };
        let key_type = built.data_type(&join.left().schema())?;
        // Equal keys of other types would be other numbers.
        if probed.data_type(&join.right().schema())? != key_type {
            continue;
        }
        let keys = Arc::new(FoundKeys::new(Kind::of(&key_type), partitions));
        let wanted = Wanted { column: column.index(), keys, is_next, is_asked: Rc::default() };
        found.push((Arc::clone(built), wanted));
    }
    Ok(found)
}
