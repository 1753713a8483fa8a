//! Filters are not pushed through columns that share their name with another.
//!
//! DataFusion pushes the filters of a physical plan, and those that joins and TOP-K make while they run, down to the files. Through
//! most operators it looks a column up by its name, and takes the first of several: of the two columns `id` of a join the left
//! one, whichever was meant. Rows would be missing then:
//!
//! ```sql
//! SELECT … FROM t AS a LEFT JOIN t AS b ON a.id = b.parent WHERE b.id IS NULL    -- a.id IS NULL was pushed to a
//! ```
//!
//! A filter on a semi join's key also goes to the side that is only asked, where the name may be another column's:
//!
//! ```sql
//! SELECT … FROM d JOIN (SELECT x.k FROM x WHERE EXISTS (SELECT 1 FROM y WHERE y.k2 = x.k AND y.k > x.id)) q ON q.k = d.k
//! -- what the outer join found of d.k was pushed to y.k
//! ```
//!
//! [`UnambiguousFilterPushdown`] runs DataFusion's rule on a plan in which every operator with such columns stands below a
//! [`Guard`] that lets no filter on one of them through, and takes the guards out again.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::JoinType;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::filter_pushdown::{ChildFilterDescription, FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};

use super::one_input::{has_no_expressions, looks_like_its_input, over_inputs};

/// A rule as the physical planner runs it.
pub(super) type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// DataFusion's physical rules, with those that push filters made safe.
pub(super) fn physical_rules() -> Vec<Rule> {
    let pushes_filters = |rule: &dyn PhysicalOptimizerRule| rule.name().starts_with("FilterPushdown");
    let rules = PhysicalOptimizer::new().rules.into_iter();
    rules
        .map(|rule| match pushes_filters(rule.as_ref()) {
            true => Arc::new(UnambiguousFilterPushdown { rule }) as _,
            false => rule,
        })
        .collect()
}

#[derive(Debug)]
struct UnambiguousFilterPushdown {
    rule: Rule,
}

impl PhysicalOptimizerRule for UnambiguousFilterPushdown {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        unguarded(self.rule.optimize(guarded(plan)?, config)?)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

/// The positions of the columns whose name no other column has.
fn unambiguous(schema: &Schema) -> HashSet<usize> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for field in schema.fields() {
        *count.entry(field.name()).or_default() += 1;
    }
    let is_one = |name: &str| count.get(name).is_none_or(|count| *count == 1);
    schema.fields().iter().enumerate().filter(|(_, field)| is_one(field.name())).map(|(at, _)| at).collect()
}

fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = with_asked_side_guarded(with_each_child(plan, guarded)?)?;
    let columns = plan.schema().fields().len();
    let unambiguous = unambiguous(&plan.schema());
    Ok(if unambiguous.len() == columns { plan } else { Arc::new(Guard { input: plan, unambiguous }) })
}

/// A semi join whose side that is only asked lets no filter through on a column that merely has the name of a key of the other side.
fn with_asked_side_guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(plan) };
    let asked = match join.join_type() {
        JoinType::LeftSemi => 1,
        JoinType::RightSemi => 0,
        _ => return Ok(plan),
    };
    let mut sides = [Arc::clone(join.left()), Arc::clone(join.right())];
    let (schema, given) = (sides[asked].schema(), sides[1 - asked].schema());
    let place = |key: &Arc<dyn PhysicalExpr>| key.downcast_ref::<Column>().map(Column::index);
    // The keys that the join gives, and their partners.
    let pairs: Vec<(Option<usize>, Option<usize>)> = join
        .on()
        .iter()
        .map(|(left, right)| if asked == 1 { (place(left), place(right)) } else { (place(right), place(left)) })
        .collect();
    let is_safe = |position: &usize| {
        let name = schema.field(*position).name();
        let of_name = || pairs.iter().filter(|(key, _)| key.is_some_and(|key| given.field(key).name() == name));
        of_name().next().is_none() || of_name().any(|(_, partner)| *partner == Some(*position))
    };
    let columns = schema.fields().len();
    let safe: HashSet<usize> = unambiguous(&schema).into_iter().filter(is_safe).collect();
    if safe.len() == columns {
        return Ok(plan);
    }
    sides[asked] = Arc::new(Guard { input: Arc::clone(&sides[asked]), unambiguous: safe });
    over_inputs(plan, sides.into())
}

pub(super) fn unguarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    match plan.downcast_ref::<Guard>() {
        Some(guard) => unguarded(Arc::clone(&guard.input)),
        None => with_each_child(plan, unguarded),
    }
}

/// Makes a plan of another.
type Change = fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>;

/// A guard has the properties of what it guards.
fn with_each_child(plan: Arc<dyn ExecutionPlan>, change: Change) -> Result<Arc<dyn ExecutionPlan>> {
    let inputs = plan.children().into_iter().cloned().map(change).collect::<Result<Vec<_>>>()?;
    over_inputs(plan, inputs)
}

/// Stands above an operator while filters are pushed, and lets those on ambiguous columns not through, nor anything else.
#[derive(Debug)]
pub(super) struct Guard {
    input: Arc<dyn ExecutionPlan>,
    unambiguous: HashSet<usize>,
}

impl Guard {
    /// Through which nothing goes.
    pub(super) fn closed(input: Arc<dyn ExecutionPlan>) -> Self {
        Guard { input, unambiguous: HashSet::new() }
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        let unambiguous = &unambiguous(&input.schema()) & &self.unambiguous;
        Guard { input, unambiguous }
    }
}

impl DisplayAs for Guard {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl ExecutionPlan for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    looks_like_its_input!();
    has_no_expressions!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let below =
            ChildFilterDescription::from_child_with_allowed_indices(&filters, self.unambiguous.clone(), &self.input)?;
        Ok(FilterDescription::new().with_child(below))
    }
}
