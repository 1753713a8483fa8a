//! SQL functions that DataFusion lacks, and meanings of operators that it gets wrong.
//!
//! The dialect decides which functions there are: `hive` has DataFusion's, Spark's over them, and its own over those.

mod ansi;
mod calendar_names;
mod call;
mod columns;
mod date_arithmetic;
mod define;
pub mod entry;
mod field_at;
mod floats_and_decimals;
pub(crate) mod hive;
mod kind;
mod map_access;
pub mod opaque;
pub mod outer_items;
mod search;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::functions::math::signum;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{Cast, Expr};

use crate::sql::dialect::Dialect;
use entry::{Callable, Entry, Help};

static ANSI: LazyLock<Vec<Entry>> = LazyLock::new(|| [shared::entries(), ansi::entries()].concat());
static HIVE: LazyLock<Vec<Entry>> = LazyLock::new(|| [shared::entries(), hive::entries()].concat());

/// The functions of ours in a dialect.
fn entries(dialect: Dialect) -> &'static [Entry] {
    match dialect {
        Dialect::Ansi => &ANSI,
        Dialect::Hive => &HIVE,
    }
}

/// What there is to say about a function in a dialect, if we say it.
pub fn help(dialect: Dialect, name: &str) -> Option<&'static Help> {
    entries(dialect).iter().map(|entry| &entry.help).find(|help| help.name == name)
}

/// Adds ours to a state that has DataFusion's.
pub fn register(state: &mut SessionState) -> Result<()> {
    // PostgreSQL, DuckDB, Trino and Hive call it by this name.
    let sign = signum().as_ref().clone().with_aliases(["sign"]);
    state.register_udf(Arc::new(sign))?;
    add(state, entries(Dialect::Ansi))
}

/// The state as statements of a dialect see it, from one that [`register`] has prepared.
pub fn in_dialect(state: SessionState, dialect: Dialect) -> Result<SessionState> {
    if dialect == Dialect::Ansi {
        return Ok(state);
    }
    let planners = hive::expr_planners().into_iter().chain(expr_planners()).collect();
    let mut state = SessionStateBuilder::new_from_existing(state).with_expr_planners(planners).build();
    // The builder registers functions by their other names in any order, and DataFusion's have some of ours.
    register(&mut state)?;
    datafusion_spark::register_all(&mut state)?;
    for function in hive::internal() {
        state.register_udf(function)?;
    }
    add(&mut state, entries(dialect))?;
    Ok(state)
}

/// `CAST(expr AS to)` as a dialect does it: in hive, what cannot be converted is NULL. A cast that does nothing goes when the plan is
/// simplified.
pub fn cast(dialect: Dialect, expr: Expr, to: &DataType) -> Expr {
    match dialect {
        Dialect::Ansi => Expr::Cast(Cast::new(Box::new(expr), to.clone())),
        Dialect::Hive => hive::cast_to(expr, to),
    }
}

fn add(state: &mut SessionState, entries: &[Entry]) -> Result<()> {
    for entry in entries {
        match &entry.function {
            Callable::Scalar(function) => drop(state.register_udf(Arc::clone(function))?),
            Callable::Aggregate(function) => drop(state.register_udaf(Arc::clone(function))?),
            Callable::Window(function) => drop(state.register_udwf(Arc::clone(function))?),
            Callable::Known => {}
        }
    }
    Ok(())
}

/// What operators mean: ours first, for the first that has an answer is taken.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![
        Arc::new(floats_and_decimals::FloatsAndDecimals),
        Arc::new(date_arithmetic::DateArithmetic),
        Arc::new(map_access::MapAccess),
    ];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}
