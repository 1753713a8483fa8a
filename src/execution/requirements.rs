//! What an operator requires of its inputs, it gets.
//!
//! DataFusion's physical rules remove sorts and repartitionings that they think are superfluous, and are wrong about a few: where columns
//! are known to be the same until a projection moves, or where an outer join stands between. Its last rule finds that out and refuses
//! the plan:
//!
//! ```sql
//! SELECT a.k, b.j FROM (SELECT 1 AS k UNION ALL SELECT 2) a LEFT JOIN (SELECT 1 AS j) b ON a.k = b.j ORDER BY 1
//! ```
//!
//! [`MeetRequirements`] asks what that rule asks, and puts the missing operator in. It does so before limits are pushed down to where rows
//! are believed to be sorted. A plan that lacks nothing stays as it is.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::{Distribution, LexOrdering};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ChildSatisfactionOptions, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
};

use super::filter_pushdown::Rule;

/// `rules`, with this one before the end of the stretch in which DataFusion keeps the order that the whole plan has to have: its own
/// that meets requirements has run then, and one that moves projections, behind which operators know less of their columns.
pub(super) fn with_requirements_met(mut rules: Vec<Rule>) -> Vec<Rule> {
    let end = end_of_order(&rules);
    rules.insert(end, Arc::new(MeetRequirements));
    rules
}

/// Where that stretch ends. Limits are moved behind it.
pub(super) fn end_of_order(rules: &[Rule]) -> usize {
    let name = OutputRequirements::new_remove_mode().name().to_owned();
    rules.iter().rposition(|rule| rule.name() == name).unwrap_or(rules.len())
}

/// See the module.
#[derive(Debug)]
struct MeetRequirements;

impl PhysicalOptimizerRule for MeetRequirements {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        met(plan, config.execution.target_partitions)
    }

    fn name(&self) -> &str {
        "meet_requirements"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with all that its operators require; `partitions` is into how many rows are spread by a key.
fn met(plan: Arc<dyn ExecutionPlan>, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let distributions = plan.input_distribution_requirements();
    let orderings = plan.required_input_ordering();
    let mut inputs = Vec::new();
    let mut changed = false;
    for (index, input) in plan.children().into_iter().enumerate() {
        let mut given = met(Arc::clone(input), partitions)?;
        given = distributed(given, &distributions, index, partitions)?;
        if let Some(required) = orderings.get(index).cloned().flatten() {
            let required = required.into_single();
            if !given.equivalence_properties().ordering_satisfy_requirement(required.clone())? {
                given =
                    Arc::new(SortExec::new(LexOrdering::from(required), given).with_preserve_partitioning(true)) as _;
            }
        }
        changed |= !Arc::ptr_eq(input, &given);
        inputs.push(given);
    }
    if !changed {
        return Ok(plan);
    }
    plan.replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

/// The input with this index, its rows spread as they have to be.
fn distributed(
    input: Arc<dyn ExecutionPlan>,
    required: &InputDistributionRequirements,
    index: usize,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ChildSatisfactionOptions::new().with_allow_subset(true);
    if required.child_satisfaction(index, input.as_ref(), options)?.is_satisfied() {
        return Ok(input);
    }
    Ok(match required.child_distribution(index) {
        None | Some(Distribution::UnspecifiedDistribution) => input,
        Some(Distribution::SinglePartition) => Arc::new(CoalescePartitionsExec::new(input)),
        Some(by_key) => {
            let partitioning = by_key.clone().create_partitioning(partitions);
            Arc::new(RepartitionExec::try_new(input, partitioning)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::compute::SortOptions;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::PhysicalSortExpr;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_plan::displayable;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::limit::GlobalLimitExec;
    use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

    use super::*;

    fn rows(partitions: usize) -> Arc<dyn ExecutionPlan> {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        Arc::new(EmptyExec::new(Arc::new(schema)).with_partitions(partitions))
    }

    fn by_a(plan: &Arc<dyn ExecutionPlan>) -> LexOrdering {
        let expr = col("a", &plan.schema()).unwrap();
        LexOrdering::new([PhysicalSortExpr { expr, options: SortOptions::default() }]).unwrap()
    }

    fn shown(plan: Arc<dyn ExecutionPlan>) -> String {
        displayable(met(plan, 4).unwrap().as_ref()).indent(false).to_string()
    }

    #[test]
    fn a_merge_gets_sorted_input() {
        let rows = rows(3);
        let merge = SortPreservingMergeExec::new(by_a(&rows), rows);
        let lines = shown(Arc::new(merge));
        assert_eq!(
            lines.lines().map(str::trim).collect::<Vec<_>>(),
            [
                "SortPreservingMergeExec: [a@0 ASC]",
                "SortExec: expr=[a@0 ASC], preserve_partitioning=[true]",
                "EmptyExec"
            ]
        );
    }

    #[test]
    fn a_limit_gets_one_partition() {
        let lines = shown(Arc::new(GlobalLimitExec::new(rows(3), 0, Some(1))));
        assert_eq!(
            lines.lines().map(str::trim).collect::<Vec<_>>(),
            ["GlobalLimitExec: skip=0, fetch=1", "CoalescePartitionsExec", "EmptyExec"]
        );
    }

    #[test]
    fn what_is_met_stays() {
        let rows = rows(1);
        let sorted = Arc::new(SortExec::new(by_a(&rows), rows)) as Arc<dyn ExecutionPlan>;
        let merge: Arc<dyn ExecutionPlan> = Arc::new(SortPreservingMergeExec::new(by_a(&sorted), sorted));
        assert!(Arc::ptr_eq(&met(Arc::clone(&merge), 4).unwrap(), &merge));
    }
}
