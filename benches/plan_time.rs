//! How long does planning take with our rules, next to stock DataFusion's, over the TPC-DS queries? See README.md.

mod harness {
    pub mod outcome;
    pub mod queries;
}

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use harness::outcome::exit_code;
use harness::queries;
use ostrich::session::{Outcome, Session, SessionOptions};
use ostrich::sql::source::Source;
use ostrich::sql::splitter::PieceKind;

/// Both plan with the allocator of the command; DataFusion's Python package has it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// A folder with the tables, each a Parquet file or a folder of them
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// A folder with the queries
    #[arg(long, value_name = "FOLDER")]
    queries: PathBuf,
    /// Statements to run first in our session: constraints, for example
    #[arg(long, value_name = "FILE")]
    setup: Option<PathBuf>,
    /// The best of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
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

/// Milliseconds for one query, the best of its runs.
struct Times {
    /// From text to a statement, rewritten for the planner.
    parsing: f64,
    /// From text to a physical plan, ours and stock DataFusion's.
    ours: f64,
    stock: f64,
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let ours = Session::open(SessionOptions::default()).await?;
    ours.register_data(&arguments.data.to_string_lossy()).await?;
    if let Some(setup) = &arguments.setup {
        ours.query(&std::fs::read_to_string(setup)?).await?;
    }
    let stock = SessionContext::new();
    register_all(&stock, &arguments.data).await?;

    println!("| query | parsing ms | planning ms | stock ms | ratio |\n|---|---:|---:|---:|---:|");
    let mut all = Vec::new();
    for (name, sql) in queries::of_folder(&arguments.queries)? {
        let mut best = Times { parsing: f64::INFINITY, ours: f64::INFINITY, stock: f64::INFINITY };
        for _ in 0..arguments.runs {
            let times = time(&ours, &stock, &sql).await.map_err(|error| format!("{name}: {error}"))?;
            best.parsing = best.parsing.min(times.parsing);
            best.ours = best.ours.min(times.ours);
            best.stock = best.stock.min(times.stock);
        }
        println!(
            "| {name} | {:.2} | {:.1} | {:.1} | {:.2} |",
            best.parsing,
            best.ours,
            best.stock,
            best.ours / best.stock
        );
        all.push(best);
    }
    let sum = |of: fn(&Times) -> f64| all.iter().map(of).sum::<f64>();
    let (parsing, ours, stock) = (sum(|times| times.parsing), sum(|times| times.ours), sum(|times| times.stock));
    let geomean = (all.iter().map(|times| (times.ours / times.stock).ln()).sum::<f64>() / all.len() as f64).exp();
    println!(
        "| all {} | {parsing:.1} | {ours:.0} | {stock:.0} | {:.2}, geomean {geomean:.2} |",
        all.len(),
        ours / stock
    );
    println!("\nParsing is {:.1} % of planning.", 100.0 * parsing / ours);
    Ok(())
}

/// Plans all statements of a file, once each way.
async fn time(ours: &Session, stock: &SessionContext, sql: &str) -> Result<Times, Box<dyn Error>> {
    let mut times = Times { parsing: 0.0, ours: 0.0, stock: 0.0 };
    let source = Source::new("query", sql);
    for piece in ours.split(&source) {
        if piece.kind() == PieceKind::Blank {
            continue;
        }
        let start = Instant::now();
        let parsed = ours.parse(&piece)?;
        let parsing = milliseconds(start);
        // It also waits for the first rows.
        let Outcome::Rows(rows) = ours.execute(&parsed).await? else { return Err("is no query".into()) };
        times.parsing += parsing;
        times.ours += parsing + rows.planning.as_secs_f64() * 1000.0;
        drop(rows);

        let text = piece.text();
        let start = Instant::now();
        let state = stock.state();
        let plan = state.create_logical_plan(text).await?;
        state.create_physical_plan(&plan).await?;
        times.stock += milliseconds(start);
    }
    Ok(times)
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

async fn register_all(context: &SessionContext, folder: &Path) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "parquet") {
            context.register_parquet(name, path.to_string_lossy(), ParquetReadOptions::default()).await?;
        }
    }
    Ok(())
}
