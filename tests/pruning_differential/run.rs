//! Runs a query with our rules and without, and compares the rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::view::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::SessionConfig;
use futures::FutureExt;
use ostrich::execution::with_physical_planner;
use ostrich::optimizer::early_groups::EarlyGroups;
use ostrich::optimizer::facts::Trust;
use ostrich::optimizer::numbered_texts::with_all_texts_numbered;
use ostrich::optimizer::order::JoinOrder;
use ostrich::optimizer::prune;
use ostrich::optimizer::rules_with_prune;
use ostrich::optimizer::trace::{SharedTrace, Trace};
use tokio::runtime::Runtime;

use crate::data::{self, Data};
use crate::generate;
use crate::query::Query;
use crate::rng::Rng;
use crate::schema::Schema;

/// A query with everything that it runs on.
#[derive(Clone)]
pub struct World {
    pub seed: u64,
    pub schema: Schema,
    pub data: Data,
    pub query: Query,
    /// The queries behind WITH are views.
    pub views: bool,
    pub trust: Trust,
    pub wide: bool,
}

/// What a query is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rules {
    /// Only those of DataFusion's that nothing can run without.
    Needed,
    /// DataFusion's, without `eliminate_join`, which ours replace; with the one of ours that is not about pruning.
    Stock,
    /// Stock and all of ours.
    All,
    /// Stock and one of ours.
    Alone(&'static str),
    /// All, with joins in an order of no sense.
    AnyOrder(u64),
}

/// Which rules run alone.
#[derive(Debug, Clone)]
pub enum Alone {
    Each,
    These(Vec<&'static str>),
    /// Three, those first that did something when all ran; by a seed.
    Three(u64),
}

impl Alone {
    fn names(&self, fired: &BTreeMap<&'static str, usize>) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = prune::all().iter().map(|rule| rule.name()).collect();
        match self {
            Alone::Each => names,
            Alone::These(names) => names.clone(),
            Alone::Three(seed) => {
                Rng::new(*seed ^ 0xA10E).shuffle(&mut names);
                names.sort_by_key(|name| !fired.contains_key(name));
                names.truncate(3);
                names
            }
        }
    }
}

#[derive(Clone)]
pub struct Difference {
    pub rules: Rules,
    pub text: String,
}

#[derive(Default)]
pub struct Report {
    /// DataFusion cannot run it at all, and why.
    pub refused: Option<String>,
    /// Stock DataFusion gives other rows than the unoptimized query, or an error.
    pub stock: Option<Difference>,
    pub difference: Option<Difference>,
    /// Of the run with all rules.
    pub fired: BTreeMap<&'static str, usize>,
}

type Answer = Result<Vec<Vec<String>>, String>;

struct Ran {
    answer: Answer,
    plan: String,
    fired: BTreeMap<&'static str, usize>,
}

pub struct Runner {
    runtime: Runtime,
    /// With 1 and with 2 partitions: the tables with what is known of them, and plain.
    contexts: [(SessionContext, SessionContext); 2],
}

/// Subqueries become joins, DISTINCT becomes an aggregation; the rest is for speed.
const NEEDED: [&str; 8] = [
    "rewrite_set_comparison",
    "replace_distinct_aggregate",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "decorrelate_lateral_join",
    // NOT IN heeds NULLs in a hash join only.
    "extract_equijoin_predicate",
    // Sorting for no rows at all panics.
    "eliminate_limit",
    "opaque_grouping_keys",
];

/// What runs longer has been generated too large.
const LONGEST: Duration = Duration::from_secs(5);

impl World {
    pub fn random(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let schema = Schema::random(&mut rng);
        let data = data::random(&mut rng, &schema);
        let query = generate::random(&mut rng, &schema, &data);
        let trust = if rng.percent(50) { Trust::Rely } else { Trust::Checked };
        let wide = rng.percent(40);
        World { seed, schema, data, query, views: rng.percent(50), trust, wide }
    }

    fn views(&self) -> &[(String, Query)] {
        if self.views { &self.query.ctes } else { &[] }
    }

    /// The query without its views.
    fn statement(&self) -> Query {
        let ctes = if self.views { vec![] } else { self.query.ctes.clone() };
        Query { ctes, ..self.query.clone() }
    }

    pub fn describe(&self) -> String {
        let mut out = format!("seed {}\n{}", self.seed, self.schema.ddl());
        for (table, rows) in self.schema.tables.iter().zip(&self.data) {
            let value = |(at, value): (usize, &Option<i64>)| match value {
                Some(code) => table.columns[at].ty.literal(*code),
                None => "NULL".to_string(),
            };
            let rows: Vec<String> = rows
                .iter()
                .map(|row| format!("({})", row.iter().enumerate().map(value).collect::<Vec<_>>().join(", ")))
                .collect();
            if rows.is_empty() {
                let _ = writeln!(out, "-- {} is empty", table.name);
            } else {
                let _ = writeln!(out, "INSERT INTO {} VALUES {};", table.name, rows.join(", "));
            }
        }
        for (name, query) in self.views() {
            let _ = writeln!(out, "CREATE VIEW {name} AS {query};");
        }
        let _ = writeln!(out, "{};", self.statement());
        out
    }
}

/// Without what makes another plan of the one that was given; with what mends DataFusion's physical rules.
fn context(partitions: usize) -> SessionContext {
    let rewrites = [
        "join_sides",
        "small_sides",
        "shared_subplans",
        "conjunctions",
        "narrow_decimals",
        "runtime_filters",
        "compact_views",
        "page_scans",
        "packed_groups",
        "ranked_rows",
        "running_windows",
    ];
    let rewrites = HashSet::from(rewrites.map(str::to_string));
    SessionContext::new_with_state(with_physical_planner(state(partitions), &rewrites).build())
}

/// With what follows on our rules: shared subplans, chosen sides, kernels, integers that do not wrap.
fn our_context(partitions: usize) -> SessionContext {
    SessionContext::new_with_state(with_physical_planner(state(partitions), &HashSet::new()).build())
}

fn state(partitions: usize) -> SessionStateBuilder {
    let config = SessionConfig::new().with_target_partitions(partitions);
    SessionStateBuilder::new().with_config(config).with_default_features()
}

impl Runner {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Runner { runtime, contexts: [1, 2].map(|partitions| (our_context(partitions), context(partitions))) }
    }

    fn register(&self, world: &World) -> (SessionState, SessionState) {
        let (known, plain) = &self.contexts[usize::from(world.wide)];
        for name in ["a", "b", "c", "d", "e", "f"] {
            let _ = known.deregister_table(name);
            let _ = plain.deregister_table(name);
        }
        for (index, table) in world.schema.tables.iter().enumerate() {
            let rows = &world.data[index];
            let with_facts = Arc::new(data::known(&world.schema, index, rows, world.trust));
            known.register_table(&table.name, with_facts).expect("the name is free");
            plain.register_table(&table.name, data::plain(table, rows)).expect("the name is free");
        }
        (known.state(), plain.state())
    }

    /// Plans the query in one of the contexts, with its views, which are gone afterwards.
    fn planned(
        &self,
        state: &SessionState,
        context: &SessionContext,
        world: &World,
    ) -> Result<LogicalPlan, DataFusionError> {
        self.runtime.block_on(async {
            for (name, query) in world.views() {
                let sql = query.to_string();
                let view = ViewTable::new(state.create_logical_plan(&sql).await?, Some(sql));
                context.register_table(name, Arc::new(view))?;
            }
            let plan = state.create_logical_plan(&world.statement().to_string()).await;
            for (name, _) in world.views() {
                context.deregister_table(name)?;
            }
            state.analyzer().execute_and_check(plan?, state.config_options(), |_, _| {})
        })
    }

    /// Runs the query with `alone` of our rules one at a time, and with all, and with none.
    pub fn check(&self, world: &World, alone: &Alone) -> Report {
        let (known, plain) = self.register(world);
        let mut report = Report::default();
        let (known_context, plain_context) = &self.contexts[usize::from(world.wide)];
        let logical = (self.planned(&known, known_context, world), self.planned(&plain, plain_context, world));
        let (plan, plain_plan) = match logical {
            (Ok(plan), Ok(plain_plan)) => (plan, plain_plan),
            (_, Err(error)) => {
                report.refused = Some(format!("planning: {error}"));
                return report;
            }
            (Err(error), Ok(_)) => {
                let text = format!("{}planning with what is known fails: {error}\n", world.describe());
                report.difference = Some(Difference { rules: Rules::All, text });
                return report;
            }
        };
        let mut ran = HashMap::new();
        let unoptimized = self.run(&plain, &plain_plan, &Rules::Needed, &mut HashMap::new());
        let stock = self.run(&plain, &plain_plan, &Rules::Stock, &mut HashMap::new());
        let order = world.query.visible_order();
        let truth = match (&unoptimized.answer, &stock.answer) {
            (Ok(_), _) => &unoptimized,
            (Err(_), Ok(_)) => &stock,
            (Err(error), Err(_)) => {
                report.refused = Some(format!("running: {error}"));
                return report;
            }
        };
        let describe = |rules: &Rules, other: &Ran| {
            let text = format!(
                "{}--- expected\n{}\n{}--- with {rules:?}\n{}\n{}",
                world.describe(),
                truth.plan,
                print(&truth.answer),
                other.plan,
                print(&other.answer)
            );
            Difference { rules: rules.clone(), text }
        };
        let stock_is_right = same(&truth.answer, &stock.answer, &order);
        if !stock_is_right {
            report.stock = Some(describe(&Rules::Stock, &stock));
        }
        let mut all = vec![Rules::All];
        while let Some(rules) = all.pop() {
            let ours = self.run(&known, &plan, &rules, &mut ran);
            if rules == Rules::All {
                report.fired.clone_from(&ours.fired);
                all = alone.names(&report.fired).into_iter().map(Rules::Alone).collect();
                all.extend([1, 2].map(|salt| Rules::AnyOrder(world.seed ^ salt)));
            }
            let right = same(&truth.answer, &ours.answer, &order);
            if right || (!stock_is_right && same(&stock.answer, &ours.answer, &order)) {
                continue;
            }
            if let Err(error) = &ours.answer
                && is_of_a_value(error)
            {
                report.refused = Some(format!("running: {error}"));
                continue;
            }
            report.difference = Some(describe(&rules, &ours));
            break;
        }
        report
    }

    /// Whether the query's plan is another one when a condition of our rules is broken on purpose.
    #[cfg(debug_assertions)]
    pub fn depends_on(&self, world: &World, condition: &'static str) -> bool {
        let (known, _) = self.register(world);
        let (context, _) = &self.contexts[usize::from(world.wide)];
        let optimized = || -> datafusion::error::Result<String> {
            let plan = self.planned(&known, context, world)?;
            let optimizer = Optimizer::with_rules(list(&Rules::All, &SharedTrace::default()));
            let optimized = optimizer.optimize(plan, &known, |_, _| {})?;
            Ok(optimized.display_indent_schema().to_string())
        };
        let (whole, broken) = (optimized(), prune::planted::with_broken(condition, optimized));
        match (whole, broken) {
            (Ok(whole), Ok(broken)) => whole != broken,
            (whole, broken) => whole.is_ok() != broken.is_ok(),
        }
    }

    /// Plans that come out the same run once.
    fn run(&self, state: &SessionState, plan: &LogicalPlan, rules: &Rules, ran: &mut HashMap<String, Answer>) -> Ran {
        let trace: SharedTrace = Arc::new(Trace::default());
        let optimizer = Optimizer::with_rules(list(rules, &trace));
        let optimized = optimizer.optimize(plan.clone(), state, |_, _| {});
        let mut fired = BTreeMap::new();
        for event in trace.events() {
            *fired.entry(event.rule).or_default() += 1;
        }
        let optimized = match optimized {
            Ok(optimized) => optimized,
            Err(error) => return Ran { answer: Err(error.to_string()), plan: String::new(), fired },
        };
        // As the physical planner would, if the tables were large.
        let numbered = match rules {
            Rules::AnyOrder(_) => with_all_texts_numbered(&optimized, &state.runtime_env().memory_pool),
            _ => Ok(None),
        };
        let optimized = match numbered {
            Ok(numbered) => numbered.unwrap_or(optimized),
            Err(error) => return Ran { answer: Err(error.to_string()), plan: String::new(), fired },
        };
        let text = optimized.display_indent_schema().to_string();
        if let Some(answer) = ran.get(&text) {
            return Ran { answer: answer.clone(), plan: text, fired };
        }
        let answer = self.runtime.block_on(async {
            let rows = async {
                let physical = state.query_planner().create_physical_plan(&optimized, state).await?;
                if std::env::var_os("OSTRICH_PHYSICAL").is_some() {
                    println!("{rules:?}\n{}", displayable(physical.as_ref()).indent(false));
                }
                collect(physical, state.task_ctx()).await
            };
            match tokio::time::timeout(LONGEST, AssertUnwindSafe(rows).catch_unwind()).await {
                Ok(Ok(Ok(batches))) => Ok(rows_of(&batches)),
                Ok(Ok(Err(error))) => Err(error.to_string()),
                Ok(Err(_)) => Err("it panics".to_string()),
                Err(_) => Err("it takes too long".to_string()),
            }
        });
        ran.insert(text.clone(), answer.clone());
        Ran { answer, plan: text, fired }
    }
}

/// The rules in their order.
fn list(rules: &Rules, trace: &SharedTrace) -> Vec<ostrich::optimizer::Rule> {
    let disabled: HashSet<String> = match rules {
        Rules::Needed | Rules::Stock => HashSet::from(["prune".to_string(), "join_order".to_string()]),
        Rules::All | Rules::AnyOrder(_) => HashSet::new(),
        Rules::Alone(name) => {
            prune::all().iter().map(|rule| rule.name()).filter(|other| other != name).map(str::to_string).collect()
        }
    };
    let mut list = rules_with_prune(&disabled, Arc::clone(trace));
    if let Rules::AnyOrder(seed) = rules {
        for rule in list.iter_mut().filter(|rule| rule.name() == "join_order") {
            *rule = Arc::new(JoinOrder::arbitrary(*seed));
        }
        for rule in list.iter_mut().filter(|rule| rule.name() == "early_groups") {
            *rule = Arc::new(EarlyGroups::always());
        }
    }
    if *rules == Rules::Needed {
        list.retain(|rule| NEEDED.contains(&rule.name()));
    }
    list
}

fn rows_of(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("its type can be shown"))
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    rows
}

/// The same rows as often, and the sort keys in the same order.
fn same(left: &Answer, right: &Answer, order: &[usize]) -> bool {
    let (Ok(left), Ok(right)) = (left, right) else { return left.is_err() && right.is_err() };
    let keys = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        rows.iter().map(|row| order.iter().map(|at| row[*at].clone()).collect()).collect()
    };
    let sorted = |rows: &[Vec<String>]| {
        let mut rows = rows.to_vec();
        rows.sort();
        rows
    };
    left.len() == right.len() && sorted(left) == sorted(right) && (order.is_empty() || keys(left) == keys(right))
}

fn print(answer: &Answer) -> String {
    match answer {
        Ok(rows) => {
            let mut out = format!("{} rows\n", rows.len());
            let mut lines: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
            lines.truncate(40);
            for line in lines {
                let _ = writeln!(out, "  {line}");
            }
            out
        }
        Err(error) => format!("error: {error}\n"),
    }
}

/// Whether a text was to be read as a number and is none. SQL does not say for which rows a condition is computed, and so not whether
/// such a row is looked at.
fn is_of_a_value(error: &str) -> bool {
    error.contains("cannot be converted to")
}
