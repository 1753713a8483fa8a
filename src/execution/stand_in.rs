//! What operators of ours have in common that do the work of one of DataFusion's.

/// The methods of `ExecutionPlan` by which such an operator looks like the one that was planned, which is its field `planned`: that one
/// shows itself in EXPLAIN and answers for its rows. It needs a method `for_planned(&self, planned) -> Result<Arc<dyn ExecutionPlan>>` for the same
/// over other inputs.
macro_rules! looks_as_planned {
    () => {
        fn name(&self) -> &str {
            self.planned.name()
        }

        /// Whoever looks for the operator that was planned finds it.
        fn downcast_delegate(&self) -> Option<&dyn datafusion::physical_plan::ExecutionPlan> {
            Some(self.planned.as_ref())
        }

        fn properties(&self) -> &std::sync::Arc<datafusion::physical_plan::PlanProperties> {
            self.planned.properties()
        }

        fn children(&self) -> Vec<&std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            self.planned.children()
        }

        fn maintains_input_order(&self) -> Vec<bool> {
            self.planned.maintains_input_order()
        }

        fn benefits_from_input_partitioning(&self) -> Vec<bool> {
            self.planned.benefits_from_input_partitioning()
        }

        fn apply_expressions(
            &self,
            visit: &mut dyn FnMut(
                &std::sync::Arc<dyn datafusion::physical_expr::PhysicalExpr>,
            ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion>,
        ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion> {
            self.planned.apply_expressions(visit)
        }

        fn replace_children(
            self: std::sync::Arc<Self>,
            children: Vec<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>>,
            options: datafusion::physical_plan::ReplaceChildrenOptions,
        ) -> datafusion::error::Result<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            let planned = std::sync::Arc::clone(&self.planned).replace_children(children, options)?;
            self.for_planned(planned)
        }

        fn with_new_children(
            self: std::sync::Arc<Self>,
            children: Vec<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>>,
        ) -> datafusion::error::Result<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            use datafusion::physical_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
            self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
        }

        fn child_stats_requests(
            &self,
            partition: Option<usize>,
        ) -> Vec<datafusion::physical_plan::statistics::ChildStats> {
            self.planned.child_stats_requests(partition)
        }

        fn statistics_from_inputs(
            &self,
            inputs: &[std::sync::Arc<datafusion::common::Statistics>],
            args: &datafusion::physical_plan::statistics::StatisticsArgs,
        ) -> datafusion::error::Result<std::sync::Arc<datafusion::common::Statistics>> {
            self.planned.statistics_from_inputs(inputs, args)
        }

        fn fetch(&self) -> Option<usize> {
            self.planned.fetch()
        }

        fn cardinality_effect(&self) -> datafusion::physical_plan::execution_plan::CardinalityEffect {
            self.planned.cardinality_effect()
        }
    };
}

pub(super) use looks_as_planned;
