//! Random queries over random tables give the same rows with pruning and without.
//!
//! A number gives a schema with constraints, data that obeys them, and a query; the query runs unoptimized, with DataFusion's
//! rules, with all of ours, and with ours one at a time. A failure prints its number, and the query as small as it can be
//! made:
//!
//!     OSTRICH_SEED=4711 cargo test --test pruning_differential one_seed -- --ignored --nocapture
//!     cargo test --test pruning_differential long -- --ignored --nocapture

#[path = "pruning_differential/data.rs"]
mod data;
#[path = "pruning_differential/generate.rs"]
mod generate;
#[path = "pruning_differential/joins.rs"]
mod joins;
#[path = "pruning_differential/predicates.rs"]
mod predicates;
#[path = "pruning_differential/query.rs"]
mod query;
#[path = "pruning_differential/rng.rs"]
mod rng;
#[path = "pruning_differential/run.rs"]
mod run;
#[path = "pruning_differential/schema.rs"]
mod schema;
#[path = "pruning_differential/shrink.rs"]
mod shrink;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ostrich::optimizer::prune;

use crate::run::{Alone, Difference, Report, Runner, World};

#[derive(Default)]
struct Totals {
    queries: usize,
    refused: BTreeMap<String, usize>,
    /// Queries that some rule of ours changed.
    pruned: usize,
    fired: BTreeMap<&'static str, usize>,
    stock: Vec<(u64, Difference)>,
    failed: Vec<(u64, String)>,
}

fn rule_names() -> Vec<&'static str> {
    prune::all().iter().map(|rule| rule.name()).collect()
}

/// A panic is a failure like any other.
fn check(runner: &Runner, world: &World, alone: &Alone) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(|| runner.check(world, alone))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        format!("{}it panics: {text}\n", world.describe())
    })
}

/// Runs queries `first` to `first + count - 1` until `most_failures` have failed.
fn run(first: u64, count: u64, alone: fn(u64) -> Alone, most_failures: usize) -> Totals {
    let next = AtomicU64::new(first);
    let totals = Mutex::new(Totals::default());
    let work = || {
        let runner = Runner::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count || totals.lock().expect("no thread panics").failed.len() >= most_failures {
                return;
            }
            let world = World::random(seed);
            let outcome = check(&runner, &world, &alone(seed));
            let outcome = outcome.map(|mut report| {
                if let Some(difference) = report.difference.take() {
                    report.difference = Some(shrink::shrink(&runner, &world, difference).1);
                }
                report
            });
            totals.lock().expect("no thread panics").add(seed, outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // Planning without optimization goes deep.
            std::thread::Builder::new().stack_size(128 << 20).spawn_scoped(scope, work).expect("a thread");
        }
    });
    totals.into_inner().expect("no thread panics")
}

impl Totals {
    fn add(&mut self, seed: u64, outcome: Result<Report, String>) {
        self.queries += 1;
        let report = match outcome {
            Ok(report) => report,
            Err(text) => {
                self.failed.push((seed, text));
                return;
            }
        };
        if let Some(reason) = report.refused {
            *self.refused.entry(reason.chars().filter(|c| !c.is_ascii_digit()).take(170).collect()).or_default() += 1;
        }
        self.stock.extend(report.stock.map(|difference| (seed, difference)));
        self.pruned += usize::from(!report.fired.is_empty());
        for (rule, times) in report.fired {
            *self.fired.entry(rule).or_default() += times;
        }
        self.failed.extend(report.difference.map(|difference| (seed, difference.text)));
    }

    fn refused(&self) -> usize {
        self.refused.values().sum()
    }

    fn print(&self, first: u64, start: Instant) {
        println!(
            "{} queries from seed {first}: {} refused, {} changed by our rules, {} failed; stock DataFusion differs from itself \
             unoptimized in {}; {:.1} s",
            self.queries,
            self.refused(),
            self.pruned,
            self.failed.len(),
            self.stock.len(),
            start.elapsed().as_secs_f64()
        );
        for (reason, times) in &self.refused {
            println!("  refused {times}: {reason}");
        }
        for rule in rule_names() {
            println!("  {:6} {rule}", self.fired.get(rule).copied().unwrap_or_default());
        }
        let seeds: Vec<u64> = self.stock.iter().map(|(seed, _)| *seed).collect();
        println!("  stock differs in {seeds:?}");
        for (seed, text) in &self.failed {
            println!("=== {seed}\n{text}");
        }
    }

    fn assert_none_failed(&self) {
        let seeds: Vec<u64> = self.failed.iter().map(|(seed, _)| *seed).collect();
        assert!(seeds.is_empty(), "seeds {seeds:?} differ");
        assert!(self.refused() * 10 < self.queries, "too many queries cannot run: {:?}", self.refused);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn some_queries_give_the_same_rows() {
    let start = Instant::now();
    let (first, count) = (number("OSTRICH_SEED", 1), number("OSTRICH_QUERIES", 100));
    let totals = run(first, count, Alone::Three, 3);
    totals.print(first, start);
    totals.assert_none_failed();
    assert!(totals.pruned * 2 > totals.queries, "the queries are not of the kind that is pruned");
}

#[test]
#[ignore = "takes long"]
fn long() {
    let start = Instant::now();
    let (first, count) = (number("OSTRICH_SEED", 1_000_000), number("OSTRICH_QUERIES", 20_000));
    let totals = run(first, count, |_| Alone::Each, 10);
    totals.print(first, start);
    totals.assert_none_failed();
    let idle: Vec<&str> = rule_names().into_iter().filter(|rule| !totals.fired.contains_key(rule)).collect();
    assert!(idle.is_empty(), "no query made {idle:?} fire");
}

/// A test that cannot fail proves nothing: with a condition of a rule broken on purpose, wrong rows come to light.
#[cfg(debug_assertions)]
#[test]
fn planted_bugs_are_found() {
    const MOST: u64 = 3000;
    let runner = Runner::new();
    for condition in prune::planted::CONDITIONS {
        let found = (1..MOST).find(|seed| {
            let world = World::random(*seed);
            // Most queries have none of these: they need not be planned.
            let has_sets =
                ["ROLLUP", "CUBE", "GROUPING SETS"].iter().any(|word| world.query.to_string().contains(word));
            (has_sets || condition != "key of grouping sets")
                && runner.depends_on(&world, condition)
                && prune::planted::with_broken(condition, || {
                    check(&runner, &world, &Alone::These(vec![])).map_or(true, |report| report.difference.is_some())
                })
        });
        println!("{condition}: found by seed {found:?}");
        assert!(found.is_some(), "{MOST} queries do not show that the condition {condition:?} is broken");
    }
}

/// One query in full: what it is, what each rule did, and, if it fails, the smallest like it. OSTRICH_PHYSICAL=1 prints the physical plans.
#[test]
#[ignore = "needs OSTRICH_SEED"]
fn one_seed() {
    let seed = number("OSTRICH_SEED", 1);
    let runner = Runner::new();
    let world = World::random(seed);
    println!("{}", world.describe());
    let report = check(&runner, &world, &Alone::Each).expect("it does not panic");
    println!("refused: {:?}\nfired: {:?}", report.refused, report.fired);
    if let Some(difference) = report.stock {
        println!("stock DataFusion:\n{}", shrink::shrink(&runner, &world, difference).1.text);
    }
    if let Some(difference) = report.difference {
        println!("{}", difference.text);
        panic!("smaller:\n{}", shrink::shrink(&runner, &world, difference).1.text);
    }
}
