//! How fast are TPC-H and TPC-DS, next to other engines, on the same files in the same run? See README.md.

mod harness {
    pub mod checksum;
    pub mod engine;
    pub mod ostrich;
    pub mod outcome;
    pub mod process;
    pub mod report;
    pub mod stats;
}

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use harness::engine::{Engine, Ostrich, Outcome, Python, Setup};
use harness::outcome::exit_code;
use harness::report::{self, QueryResult};

#[derive(Parser)]
struct Arguments {
    /// Which suite this is; it is only named in the report
    #[arg(long)]
    suite: Suite,
    /// The folder with one Parquet file, or one folder of them, per table
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The folder with one .sql file per query
    #[arg(long, value_name = "DIR")]
    queries: PathBuf,
    /// The best of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The first one's time is divided by that of each of the others
    #[arg(long, value_delimiter = ',', default_value = "ostrich,datafusion,duckdb")]
    engines: Vec<EngineName>,
    /// Only these queries, by file name without ending
    #[arg(long, value_delimiter = ',', value_name = "q01,…")]
    filter: Vec<String>,
    /// Also write everything to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads for every engine; by default each decides
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Seconds that one run of a query may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// The Python that has the other engines
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// The binary to measure
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_ostrich"))]
    ostrich: PathBuf,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    Tpch,
    Tpcds,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    Ostrich,
    Duckdb,
    Datafusion,
    Polars,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let queries = query_files(arguments)?;
    let mut engines = open_engines(arguments)?;
    let names: Vec<String> = engines.iter().map(|engine| engine.name().to_owned()).collect();

    let mut results = Vec::with_capacity(queries.len());
    for (query, path) in queries {
        // In turn: what else the machine does for a while then falls on all of them.
        let mut outcomes: Vec<Outcome> = engines.iter_mut().map(|engine| engine.round(&path)).collect();
        for _ in 1..arguments.runs {
            for (engine, outcome) in engines.iter_mut().zip(&mut outcomes) {
                if matches!(outcome, Outcome::Done { .. }) {
                    *outcome = outcome.clone().best(engine.round(&path));
                }
            }
        }
        let times: Vec<String> =
            names.iter().zip(&outcomes).map(|(name, outcome)| format!("{name} {}", short(outcome))).collect();
        eprintln!("{query}: {}", times.join(", "));
        results.push(QueryResult { query, outcomes });
    }

    let engines: Vec<(String, String)> =
        engines.iter().map(|engine| (engine.name().to_owned(), engine.version().to_owned())).collect();
    let suite = match arguments.suite {
        Suite::Tpch => "TPC-H",
        Suite::Tpcds => "TPC-DS",
    };
    let versions: Vec<String> = engines.iter().map(|(name, version)| format!("{name} {version}")).collect();
    println!("{suite} on {}, best of {} rounds: {}\n", machine(), arguments.runs, versions.join(", "));
    print!("{}", report::markdown(&names, &results));
    let remarks = report::remarks(&names, &results);
    if !remarks.is_empty() {
        println!("\n- {}", remarks.join("\n- "));
    }

    if let Some(path) = &arguments.json {
        let mut json = report::json(&engines, &results);
        json["suite"] = suite.into();
        json["machine"] = machine().into();
        json["runs"] = arguments.runs.into();
        let text = serde_json::to_string_pretty(&json).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// The names and paths of the queries to run, in the names' order.
fn query_files(arguments: &Arguments) -> Result<Vec<(String, PathBuf)>, String> {
    let folder = &arguments.queries;
    let cannot_read = |error| format!("cannot read {}: {error}", folder.display());
    // The engines run in folders of their own.
    let folder = folder.canonicalize().map_err(cannot_read)?;
    let mut queries: Vec<(String, PathBuf)> = folder
        .read_dir()
        .map_err(cannot_read)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    queries.sort();
    if let Some(missing) = arguments.filter.iter().find(|name| !queries.iter().any(|(query, _)| query == *name)) {
        return Err(format!("there is no {missing}.sql in {}", folder.display()));
    }
    if !arguments.filter.is_empty() {
        queries.retain(|(query, _)| arguments.filter.contains(query));
    }
    if queries.is_empty() {
        return Err(format!("there are no .sql files in {}", folder.display()));
    }
    Ok(queries)
}

fn open_engines(arguments: &Arguments) -> Result<Vec<Box<dyn Engine>>, String> {
    let data = arguments.data.canonicalize();
    let setup = Setup {
        data: data.map_err(|error| format!("cannot read {}: {error}", arguments.data.display()))?,
        threads: arguments.threads,
        limit: Duration::from_secs(arguments.timeout),
    };
    let python = |name| -> Result<Box<dyn Engine>, String> {
        Ok(Box::new(Python::start(name, arguments.python.clone(), setup.clone())?))
    };
    arguments
        .engines
        .iter()
        .map(|engine| match engine {
            EngineName::Ostrich => {
                let compares = arguments.engines.len() > 1;
                Ok(Box::new(Ostrich::start(arguments.ostrich.clone(), setup.clone(), compares)?) as Box<dyn Engine>)
            }
            EngineName::Duckdb => python("duckdb"),
            EngineName::Datafusion => python("datafusion"),
            EngineName::Polars => python("polars"),
        })
        .collect()
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { best_ms, .. } => format!("{best_ms:.1} ms"),
        Outcome::Failed(_) => "failed".to_owned(),
        Outcome::TimedOut => "timed out".to_owned(),
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let only_memory = sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::everything());
    let memory = sysinfo::System::new_with_specifics(only_memory).map_or(0, |system| system.total_memory());
    format!("{cores} cores, {:.0} GiB", memory as f64 / f64::from(1 << 30))
}
