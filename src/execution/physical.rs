//! From an optimized plan to a physical one.
//!
//! DataFusion's planner does the work. Before it, the plan gets what only pays when nothing else will change it: the smaller side of
//! each join comes first, repeated subplans are taken out to be computed once, texts go through joins as numbers, and small sides of joins are one hash table. And what no rule
//! should have to know: in ansi, integers that leave their range are an error. Behind it, what joins find is asked for at the scans, files
//! are read page by page, and expressions get quicker kernels.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner as PlanQuery;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use futures::future::BoxFuture;

use super::compact_views::{self, CompactViews};
use super::distinct_limits::DistinctLimits;
use super::empty_sums::with_empty_sums;
use super::filter_pushdown;
use super::groups::{self, PackedGroups};
use super::kernels::Kernels;
use super::merge_join_filters::with_merge_joins_guarded;
use super::offsets::with_offsets_kept;
use super::page_scans::{self, PageScans};
use super::requirements::with_requirements_met;
use super::running::{self, RunningWindows};
use super::runtime_filters::{self, RuntimeFilters};
use super::shared::{SharedPlanner, ShowSharedSubplans};
use super::small_sides::{SmallSides, with_marks_taken_out};
use super::stoppable::StoppableJoins;
use crate::functions::exact_integers;
use crate::optimizer::numbered_texts::{self, with_numbered_texts};
use crate::optimizer::order::sides::{self, oriented};
use crate::optimizer::order::small_sides::{self, with_small_sides};
use crate::optimizer::ranked_rows;
use crate::optimizer::shared_subplans::{self, SharedPlan, share};
use crate::sql::dialect::Dialect;

/// A builder of session states whose physical plans are made here, without the rewrites in `disabled`.
pub fn with_physical_planner(builder: SessionStateBuilder, disabled: &HashSet<String>) -> SessionStateBuilder {
    let is_on = |name: &str| !disabled.contains(name);
    let rules = with_offsets_kept(with_requirements_met(with_empty_sums(filter_pushdown::physical_rules())));
    let mut rules = with_merge_joins_guarded(with_marks_taken_out(rules));
    rules.insert(0, Arc::new(StoppableJoins));
    rules.push(Arc::new(DistinctLimits));
    if is_on(compact_views::NAME) {
        rules.push(Arc::new(CompactViews));
    }
    if is_on(runtime_filters::NAME) {
        rules.push(Arc::new(RuntimeFilters));
    }
    if is_on(page_scans::NAME) {
        rules.push(Arc::new(PageScans));
    }
    rules.push(Arc::new(Kernels::new(disabled)));
    if is_on(groups::NAME) {
        rules.push(Arc::new(PackedGroups));
    }
    if is_on(running::NAME) {
        rules.push(Arc::new(RunningWindows));
    }
    rules.push(Arc::new(ShowSharedSubplans));
    builder.with_physical_optimizer_rules(rules).with_query_planner(Arc::new(QueryPlanner {
        orients: is_on(sides::NAME),
        shares: is_on(shared_subplans::NAME),
        collects: is_on(small_sides::NAME),
        ranks: is_on(ranked_rows::NAME),
        numbers: is_on(numbered_texts::NAME),
    }))
}

#[derive(Debug)]
struct QueryPlanner {
    orients: bool,
    shares: bool,
    collects: bool,
    /// May keep heaps of the first rows of partitions.
    ranks: bool,
    /// Groups by numbers in place of texts.
    numbers: bool,
}

impl PlanQuery for QueryPlanner {
    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn create_physical_plan<'s, 'p, 'c, 'r>(
        &'s self,
        plan: &'p LogicalPlan,
        session: &'c dyn Session,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'p: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.ranked(plan, session)
    }
}

impl QueryPlanner {
    /// With heaps in place of sorts where only the first rows of few partitions are wanted.
    fn ranked<'a>(
        &'a self,
        plan: &'a LogicalPlan,
        session: &'a dyn Session,
    ) -> BoxFuture<'a, Result<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            let Some(state) = session.as_any().downcast_ref::<SessionState>().filter(|_| self.ranks) else {
                return self.oriented(plan, session).await;
            };
            if !ranked_rows::are_few(plan)? {
                return self.oriented(plan, session).await;
            }
            let mut state = state.clone();
            state.config_mut().options_mut().optimizer.enable_window_topn = true;
            self.oriented(plan, &state).await
        })
    }

    /// With the smaller side of each join first.
    fn oriented<'a>(
        &'a self,
        plan: &'a LogicalPlan,
        session: &'a dyn Session,
    ) -> BoxFuture<'a, Result<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            let Some(state) = session.as_any().downcast_ref::<SessionState>().filter(|_| self.orients) else {
                return self.exact(plan, session).await;
            };
            // Where the user has forbidden it, sides stay.
            let may_swap = state.config_options().optimizer.join_reordering;
            match if may_swap { oriented(plan)? } else { None } {
                None => self.exact(plan, session).await,
                Some(oriented) => {
                    let mut state = state.clone();
                    state.config_mut().options_mut().optimizer.join_reordering = false;
                    self.exact(&oriented, &state).await
                }
            }
        })
    }

    /// Where the statement's dialect says so, with integers that do not wrap.
    async fn exact(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let wraps = session.config().get_extension::<Dialect>().is_some_and(|dialect| *dialect == Dialect::Hive);
        let exact = if wraps { None } else { exact_integers::in_plan(plan)? };
        self.shared(exact.as_ref().unwrap_or(plan), session).await
    }

    /// With repeated subplans computed once.
    async fn shared(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        match if self.shares { share(plan)? } else { None } {
            None => {
                let prepared = self.prepared(plan, session)?;
                let plan = prepared.as_ref().unwrap_or(plan);
                let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(SmallSides)]);
                planner.create_physical_plan(plan, session).await
            }
            Some(SharedPlan { plan, mut subplans }) => {
                for subplan in &mut subplans {
                    if let Some(prepared) = self.prepared(subplan, session)? {
                        *subplan = prepared;
                    }
                }
                let plan = self.prepared(&plan, session)?.unwrap_or(plan);
                let planner = Arc::new(SharedPlanner::new(subplans));
                DefaultPhysicalPlanner::with_extension_planners(vec![planner, Arc::new(SmallSides)])
                    .create_physical_plan(&plan, session)
                    .await
            }
        }
    }

    /// With what only concerns the plan itself, none of whose subplans is another's; `None`: nothing does.
    fn prepared(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Option<LogicalPlan>> {
        let numbered = match self.numbers {
            true => with_numbered_texts(plan, &session.runtime_env().memory_pool)?,
            false => None,
        };
        Ok(self.marked(numbered.as_ref().unwrap_or(plan), session)?.or(numbered))
    }

    /// With marks on joins that want one hash table; `None`: there are none.
    fn marked(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Option<LogicalPlan>> {
        let optimizer = &session.config().options().optimizer;
        // Where DataFusion chooses the sides it compares their statistics, and a mark would be one of another kind.
        if !self.collects || optimizer.join_reordering {
            return Ok(None);
        }
        let threads = session.config().target_partitions();
        let most = optimizer.hash_join_single_partition_threshold_rows;
        with_small_sides(plan, threads, most)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::session::{Session, SessionOptions};

    const TWICE: &str =
        "EXPLAIN WITH c AS (SELECT o_custkey AS k, count(*) AS n FROM 'testdata/tpch/orders.parquet' GROUP BY 1)
                         SELECT count(*) FROM c a JOIN c b ON a.n = b.n";
    /// One customer is left, but 300 by the rule that one in five passes a filter on text; there are 25 nations.
    const JOIN: &str = "EXPLAIN SELECT n_name FROM 'testdata/tpch/nation.parquet' JOIN 'testdata/tpch/customer.parquet'
                        ON n_nationkey = c_nationkey WHERE c_phone = '25-989-741-2988'";

    async fn explained(session: &Session, sql: &str) -> String {
        pretty_format_batches(&session.query(sql).await.unwrap()).unwrap().to_string()
    }

    async fn session() -> Session {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap()
    }

    #[tokio::test]
    async fn a_session_shares_subplans_unless_it_is_told_not_to() {
        let session = session().await;
        let plan = explained(&session, TWICE).await;
        assert!(plan.contains("SharedExec: #0, readers=2"), "{plan}");
        // Below one of its readers only.
        assert_eq!(plan.matches("DataSourceExec").count(), 1, "{plan}");
        session.query("SET ostrich.optimizer.disabled_rules = 'shared_subplans'").await.unwrap();
        let plan = explained(&session, TWICE).await;
        assert!(!plan.contains("SharedExec"), "{plan}");
        assert_eq!(plan.matches("DataSourceExec").count(), 2, "{plan}");
    }

    #[tokio::test]
    async fn a_session_builds_on_the_smaller_side_unless_it_is_told_not_to() {
        let session = session().await;
        let plan = explained(&session, JOIN).await;
        assert!(plan.contains("on=[(c_nationkey"), "{plan}");
        session.query("SET ostrich.optimizer.disabled_rules = 'join_sides'").await.unwrap();
        let plan = explained(&session, JOIN).await;
        assert!(plan.contains("on=[(n_nationkey"), "{plan}");
    }

    #[tokio::test]
    async fn rows_that_no_condition_passes_are_not_decoded() {
        let session = session().await;
        let query = "SELECT o_orderkey, o_totalprice, n_name FROM 'testdata/tpch/orders.parquet'
                     JOIN 'testdata/tpch/customer.parquet' ON c_custkey = o_custkey AND c_mktsegment = 'BUILDING' AND c_acctbal > 7000
                     JOIN 'testdata/tpch/nation.parquet' ON n_nationkey = c_nationkey
                     WHERE o_orderpriority = '1-URGENT' ORDER BY 1";
        let dropped = async || {
            let plan = explained(&session, &format!("EXPLAIN ANALYZE {query}")).await;
            let orders = plan.lines().find(|line| line.contains("DataSourceExec") && line.contains("o_totalprice"));
            let rows = orders.and_then(|line| line.split("pushdown_rows_pruned=").nth(1)?.split(',').next());
            rows.unwrap_or_else(|| panic!("no orders in {plan}")).to_string()
        };
        let on = (dropped().await, explained(&session, query).await);
        session.query("SET ostrich.optimizer.disabled_rules = 'page_scans'").await.unwrap();
        let off = (dropped().await, explained(&session, query).await);
        assert_eq!(on.1, off.1);
        assert_eq!(off.0, "0");
        // By the priority, and by the customers that the join has found: nearly all of 15,000.
        assert!(on.0.starts_with("14.") && on.0.ends_with('K'), "{}", on.0);
    }

    #[tokio::test]
    async fn a_small_side_is_one_table_for_all_threads_unless_the_session_is_told_not_to() {
        let session = session().await;
        // By the sizes that DataFusion knows, every join splits its sides.
        session.query("SET datafusion.optimizer.hash_join_single_partition_threshold = 0").await.unwrap();
        session.query("SET datafusion.execution.target_partitions = 2").await.unwrap();
        let modes = async |sql: &str| {
            let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
            assert!(!plan.contains("SmallSideExec"), "{plan}");
            ["CollectLeft", "Partitioned"].map(|mode| plan.matches(&format!("mode={mode}")).count())
        };
        let small = "SELECT count(*) FROM 'testdata/tpch/nation.parquet' JOIN 'testdata/tpch/customer.parquet'
                     ON n_nationkey = c_nationkey";
        let large = "SELECT count(*) FROM 'testdata/tpch/orders.parquet' a JOIN 'testdata/tpch/orders.parquet' b
                     ON a.o_custkey = b.o_custkey";
        assert_eq!((modes(small).await, modes(large).await), ([1, 0], [0, 1]));
        let rows = explained(&session, small).await;
        assert!(explained(&session, &format!("EXPLAIN {small}")).await.contains("SmallSide: rows=25"));
        session.query("SET ostrich.optimizer.disabled_rules = 'small_sides'").await.unwrap();
        assert_eq!(modes(small).await, [0, 1]);
        assert_eq!(explained(&session, small).await, rows);
    }
}
