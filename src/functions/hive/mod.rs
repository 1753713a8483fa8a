//! Functions and operators with Hive's meaning
//!
//! They come after DataFusion's and datafusion-spark's, most of which have it: what is here is missing there, or says something else.

pub(crate) mod aggregates;
mod boolean;
pub(crate) mod call;
pub(crate) mod cast;
pub(super) mod coercion;
pub(crate) mod collections;
pub(crate) mod dates;
mod field;
mod json;
pub(crate) mod lenient;
pub(crate) mod math;
mod misc;
pub(crate) mod operand;
pub(crate) mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod to_double;
mod url;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use super::entry::Entry;
use super::field_at::FieldAt;
use crate::sql::types;

/// To be registered in this order.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = text::entries();
    entries.extend(json::entries());
    entries.extend(url::entries());
    entries.extend(misc::entries());
    entries.extend(dates::entries());
    entries.extend(math::entries());
    entries.extend(collections::entries());
    entries.extend(aggregates::entries());
    entries.extend(tables::entries());
    entries.push(Entry::scalar(cast::HiveCast::new(), cast::HELP));
    entries
}

/// Functions that rewrites call, and that nobody else needs to know.
pub(super) fn internal() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::from(FieldAt::new())),
        Arc::new(ScalarUDF::from(field::HiveField::new())),
        Arc::new(ScalarUDF::from(collections::construct::EmptyMap::new())),
        Arc::new(ScalarUDF::from(to_double::ToDouble::new())),
    ]
}

/// `CAST(value AS type)` as Hive does it.
static CAST: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(cast::HiveCast::new())));

pub(super) fn cast_to(expr: Expr, to: &DataType) -> Expr {
    CAST.call(vec![expr, lit(types::to_sql(to))])
}

/// What operators and constructors mean where ansi has another meaning.
pub(super) fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![
        Arc::new(coercion::MixedTypes),
        Arc::new(field::FieldsOfItems),
        Arc::new(collections::construct::MapCalls),
        Arc::new(text::Substring::default()),
    ]
}
