//! How far are the estimates of rows from the rows that come, at every node of the plans of a suite? See README.md.

mod harness {
    pub mod outcome;
    pub mod queries;
}

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use harness::outcome::exit_code;
use harness::queries;
use ostrich::explain::report::PlanNode;
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::source::Source;
use ostrich::sql::splitter::PieceKind;

#[derive(Parser)]
struct Arguments {
    /// A folder with the tables, each a Parquet file or a folder of them
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// A folder with the queries
    #[arg(long, value_name = "FOLDER")]
    queries: PathBuf,
    /// Statements to run first: constraints or ANALYZE, for example
    #[arg(long, value_name = "FILE")]
    setup: Option<PathBuf>,
    /// Show the nodes whose estimates are off by so much
    #[arg(long, value_name = "FACTOR")]
    worse_than: Option<f64>,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Planning without a stack of our own goes deep.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build();
    exit_code(runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments))))
}

/// How often the estimate of a node is too large or too small: q-errors, 1 where it is right.
#[derive(Debug, Default)]
struct Errors {
    all: Vec<f64>,
    /// Of each kind, the nodes whose rows were not counted, or not estimated.
    unknown: BTreeMap<&'static str, usize>,
}

impl Errors {
    fn add(&mut self, node: &PlanNode) {
        match node.misestimate {
            Some(factor) => self.all.push(factor),
            None => *self.unknown.entry(node.node).or_default() += 1,
        }
        node.children.iter().for_each(|child| self.add(child));
    }

    /// The one that so many in a hundred do not exceed.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.all.sort_by(f64::total_cmp);
        let last = self.all.len().saturating_sub(1);
        self.all.get(last * percent / 100).copied().unwrap_or(f64::NAN)
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let session = Session::open(SessionOptions::default()).await?;
    session.register_data(&arguments.data.to_string_lossy()).await?;
    // Scans that are asked for what joins have found leave out rows, which no estimate counts. The plans are the same without.
    session.query("SET ostrich.optimizer.disabled_rules = 'runtime_filters'").await?;
    session.query("SET datafusion.optimizer.enable_dynamic_filter_pushdown = false").await?;
    if let Some(setup) = &arguments.setup {
        session.query(&std::fs::read_to_string(setup)?).await?;
    }
    println!("| query | nodes | median | 95th percentile | worst |\n|---|---:|---:|---:|---:|");
    let mut all = Errors::default();
    for (name, sql) in queries::of_folder(&arguments.queries)? {
        let source = Source::new("query", &sql);
        let mut errors = Errors::default();
        for piece in session.split(&source) {
            if piece.kind() == PieceKind::Blank {
                continue;
            }
            let parsed = session.parse(&piece)?;
            let report = session.tune(&parsed, true).await.map_err(|error| format!("{name}: {error}"))?;
            errors.add(&report.plan);
            if let Some(least) = arguments.worse_than {
                show(&name, &report.plan, least);
            }
        }
        print_line(&name, &mut errors);
        all.all.append(&mut errors.all);
        errors.unknown.into_iter().for_each(|(kind, nodes)| *all.unknown.entry(kind).or_default() += nodes);
    }
    print_line("all", &mut all);
    let kinds: Vec<String> = all.unknown.iter().map(|(kind, nodes)| format!("{kind} {nodes}")).collect();
    println!(
        "\nNot compared are {} nodes: scans that ask a filter themselves, and what is not counted as one operator. {}.",
        all.unknown.values().sum::<usize>(),
        kinds.join(", ")
    );
    Ok(())
}

fn print_line(name: &str, errors: &mut Errors) {
    let (median, most) = (errors.percentile(50), errors.percentile(95));
    println!("| {name} | {} | {median:.2} | {most:.1} | {:.0} |", errors.all.len(), errors.percentile(100));
}

/// The nodes that are off by at least that factor, though all of their inputs are less: where an error begins.
fn show(query: &str, node: &PlanNode, least: f64) {
    let is_off = |node: &PlanNode| node.misestimate.is_some_and(|factor| factor >= least);
    if is_off(node) && !node.children.iter().any(is_off) {
        let rows = |rows: Option<u64>| rows.map_or_else(|| "?".to_string(), |rows| rows.to_string());
        let detail: String = node.detail.chars().take(160).collect();
        println!("  {query}: {} {detail}: {} for {}", node.node, rows(node.estimated_rows), rows(node.actual_rows));
    }
    node.children.iter().for_each(|child| show(query, child, least));
}
