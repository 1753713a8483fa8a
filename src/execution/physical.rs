//! From an optimized plan to a physical one.
//!
//! DataFusion's planner does the work. Before it, the plan gets what only pays when nothing else will change it: the smaller side of
//! each join comes first, and repeated subplans are taken out to be computed once.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner as PlanQuery;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::shared::SharedPlanner;
use crate::optimizer::order::sides::{self, oriented};
use crate::optimizer::shared_subplans::{self, SharedPlan, share};

/// A builder of session states whose physical plans are made here, without the rewrites in `disabled`.
pub fn with_physical_planner(builder: SessionStateBuilder, disabled: &HashSet<String>) -> SessionStateBuilder {
    let is_on = |name: &str| !disabled.contains(name);
    builder.with_query_planner(Arc::new(QueryPlanner {
        orients: is_on(sides::NAME),
        shares: is_on(shared_subplans::NAME),
    }))
}

#[derive(Debug)]
struct QueryPlanner {
    orients: bool,
    shares: bool,
}

#[async_trait]
impl PlanQuery for QueryPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(state) = session.as_any().downcast_ref::<SessionState>().filter(|_| self.orients) else {
            return self.shared(plan, session).await;
        };
        // Where the user has forbidden it, sides stay.
        let may_swap = state.config_options().optimizer.join_reordering;
        match if may_swap { oriented(plan)? } else { None } {
            None => self.shared(plan, session).await,
            Some(oriented) => {
                let mut state = state.clone();
                state.config_mut().options_mut().optimizer.join_reordering = false;
                self.shared(&oriented, &state).await
            }
        }
    }
}

impl QueryPlanner {
    async fn shared(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        match if self.shares { share(plan)? } else { None } {
            None => DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await,
            Some(SharedPlan { plan, subplans }) => {
                let planner = Arc::new(SharedPlanner::new(subplans));
                DefaultPhysicalPlanner::with_extension_planners(vec![planner])
                    .create_physical_plan(&plan, session)
                    .await
            }
        }
    }
}
