//! Which joins keep one hash table for all threads, and which split both sides by the key first.
//!
//! ```text
//! 40,000 rows ⋈ 6,000,000 rows     one table: the six million go straight through it, on the thread that reads them
//! 2,000,000 ⋈ 6,000,000            both are split by their keys, and each thread builds and probes a part
//! ```
//!
//! To split is to hash and copy every row. DataFusion decides by statistics of operators, which know nothing above a join or a filter on
//! text, and splits where it knows nothing. Here the estimates decide by which joins are ordered. With one table one thread builds it while
//! the others wait, and nobody copies: building a row costs about twice what splitting does, so for `n` threads one table pays up to
//! `probed / (2 (n - 1))` rows.

use std::cmp::Ordering;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, Join, LogicalPlan, UserDefinedLogicalNodeCore};

use super::cardinality::Estimates;
use crate::optimizer::inputs::with_new_inputs;
use crate::optimizer::joins::with_inputs;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "small_sides";

/// Says of the side of a join that its hash table is built of that it is small. Gives its input's rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SmallSide {
    input: LogicalPlan,
    /// As estimated.
    pub rows: usize,
}

impl PartialOrd for SmallSide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for SmallSide {
    fn name(&self) -> &str {
        "SmallSide"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "SmallSide: rows={}", self.rows)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => Ok(SmallSide { input, rows: self.rows }),
            Err(inputs) => internal_err!("the small side of a join with {} inputs", inputs.len()),
        }
    }
}

/// The plan with the small sides marked for `threads`, below `most` rows; `None`: there are none. The sides of joins have to be those
/// that will run.
pub fn with_small_sides(plan: &LogicalPlan, threads: usize, most: usize) -> Result<Option<LogicalPlan>> {
    let limits = Limits { others: threads.saturating_sub(1) as f64, most: most as f64 };
    if limits.others < 1.0 { Ok(None) } else { marked(plan, limits, &Estimates::default()) }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Threads that wait while one builds.
    others: f64,
    most: f64,
}

fn marked<'a>(plan: &'a LogicalPlan, limits: Limits, estimates: &Estimates<'a>) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Join(join) = plan else {
        let inputs = plan.inputs().into_iter().map(|input| marked(input, limits, estimates));
        return with_new_inputs(plan, inputs.collect::<Result<Vec<_>>>()?);
    };
    let (left, right) = (marked(&join.left, limits, estimates)?, marked(&join.right, limits, estimates)?);
    let rows = small_rows(join, limits, estimates);
    if left.is_none() && right.is_none() && rows.is_none() {
        return Ok(None);
    }
    let mut left = left.map_or_else(|| Arc::clone(&join.left), Arc::new);
    if let Some(rows) = rows {
        let node = Arc::new(SmallSide { input: Arc::unwrap_or_clone(left), rows });
        left = Arc::new(LogicalPlan::Extension(Extension { node }));
    }
    let right = right.map_or_else(|| Arc::clone(&join.right), Arc::new);
    with_inputs(join, left, right).map(|join| Some(LogicalPlan::Join(join)))
}

/// The rows of the side that the table is built of, if one table for all pays.
fn small_rows<'a>(join: &'a Join, limits: Limits, estimates: &Estimates<'a>) -> Option<usize> {
    if join.on.is_empty() {
        return None;
    }
    let (left, right) = (estimates.rows(&join.left)?, estimates.rows(&join.right)?);
    (left < limits.most && left * 2.0 * limits.others <= right).then_some(left.max(1.0) as usize)
}
