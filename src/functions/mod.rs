//! SQL functions that DataFusion lacks, and meanings of operators that it gets wrong.
//!
//! The dialect decides which functions there are: `hive` has DataFusion's, Spark's over them, and its own over those.

mod ansi;
mod calendar_names;
mod call;
mod coercion;
mod columns;
mod date_arithmetic;
mod decimals;
mod define;
pub mod entry;
mod exact_decimals;
pub(crate) mod exact_integers;
pub(crate) mod exact_sum;
mod field_at;
pub(crate) mod hive;
mod kind;
mod map_access;
mod nested_extremes;
mod of_type;
pub(crate) mod only_value;
pub mod opaque;
pub mod outer_items;
mod search;
mod shared;
mod signed;
#[cfg(test)]
mod tests;
mod text_writer;
pub(crate) mod told_apart;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::functions::math::{ceil, signum};
use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{Cast, Expr, ScalarUDF};
use datafusion::prelude::SessionContext;
use parking_lot::Mutex;

use crate::sql::dialect::Dialect;
pub(crate) use coercion::settle;
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
    // The standard's names.
    state.register_udf(Arc::new(ceil().as_ref().clone().with_aliases(["ceiling"])))?;
    state.register_udaf(Arc::new(bool_and_udaf().as_ref().clone().with_aliases(["every"])))?;
    state.register_udf(Arc::new(ScalarUDF::from(told_apart::ToldApart::new())))?;
    state.register_udf(Arc::new(of_type::OfType::new().into()))?;
    state.register_udf(Arc::new(signed::Signed::new().into()))?;
    add(state, entries(Dialect::Ansi))
}

/// The functions of the dialects that a session has used: they are registered once, not for each statement.
#[derive(Default)]
pub struct Dialects {
    hive: Mutex<Option<SessionContext>>,
}

impl Dialects {
    /// The state as statements of a dialect see it, from one that [`register`] has prepared.
    ///
    /// # Errors
    ///
    /// If functions cannot be registered, which would be a bug.
    pub fn state(&self, base: &SessionState, dialect: Dialect) -> Result<SessionState> {
        if dialect == Dialect::Ansi {
            return Ok(base.clone());
        }
        let mut hive = self.hive.lock();
        let context = match hive.take() {
            Some(context) => context,
            None => SessionContext::new_with_state(in_dialect(base.clone(), dialect)?),
        };
        // The context says when the statement began; the settings may have changed since the last one.
        let mut state = context.state();
        *state.config_mut() = base.config().clone();
        *hive = Some(context);
        Ok(state)
    }

    /// To be called when the session's state is built anew.
    pub fn forget(&self) {
        *self.hive.lock() = None;
    }
}

impl std::fmt::Debug for Dialects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialects").finish_non_exhaustive()
    }
}

/// The state as statements of a dialect see it, from one that [`register`] has prepared.
fn in_dialect(state: SessionState, dialect: Dialect) -> Result<SessionState> {
    if dialect == Dialect::Ansi {
        return Ok(state);
    }
    let planners = hive::expr_planners().into_iter().chain(common_expr_planners()).collect();
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

/// What operators mean in ansi: ours first, for the first that has an answer is taken.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(exact_decimals::Decimals)];
    planners.extend(common_expr_planners());
    planners
}

/// What they mean in all dialects.
fn common_expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> =
        vec![Arc::new(date_arithmetic::DateArithmetic), Arc::new(map_access::MapAccess)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}
