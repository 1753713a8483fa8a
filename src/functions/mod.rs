//! SQL functions that DataFusion lacks, and meanings of operators that it gets wrong.

mod date_arithmetic;
mod map_access;
pub mod opaque;
pub mod outer_items;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::functions::math::signum;
use datafusion::logical_expr::planner::ExprPlanner;

/// Adds ours to a state that has DataFusion's.
pub fn register(state: &mut SessionState) -> Result<()> {
    // PostgreSQL, DuckDB, Trino and Hive call it by this name.
    let sign = signum().as_ref().clone().with_aliases(["sign"]);
    state.register_udf(Arc::new(sign))?;
    Ok(())
}

/// What operators mean: ours first, for the first that has an answer is taken.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> =
        vec![Arc::new(date_arithmetic::DateArithmetic), Arc::new(map_access::MapAccess)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}
