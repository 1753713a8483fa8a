//! How much memory and processor time does each query of a suite take, next to DuckDB? See README.md.

mod harness {
    pub mod cost;
    pub mod ostrich;
    pub mod outcome;
}

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use harness::cost::{Cost, cost_of};
use harness::ostrich;
use harness::outcome::exit_code;

#[derive(Parser)]
struct Arguments {
    /// The folder with one Parquet file per table
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The folder with one .sql file per query
    #[arg(long, value_name = "FOLDER")]
    queries: PathBuf,
    /// The least of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Only these queries, by file name without ending
    #[arg(long, value_delimiter = ',', value_name = "q01,…")]
    filter: Vec<String>,
    /// DuckDB's command, or another build of ours
    #[arg(long, value_name = "PATH", default_value = "duckdb")]
    other: PathBuf,
    /// The binary to measure
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_ostrich"))]
    ostrich: PathBuf,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let data = std::path::absolute(&arguments.data).map_err(|error| error.to_string())?;
    let tables = files(&data, "parquet")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let is_duckdb = arguments.other.file_name().is_some_and(|name| name.to_string_lossy().starts_with("duckdb"));
    println!("| query | MB | other | ratio | processor s | other | ratio |\n|---|---:|---:|---:|---:|---:|---:|");
    let mut ratios: Vec<[f64; 2]> = Vec::new();
    for query in files(&arguments.queries, "sql")? {
        let name = stem(&query);
        if !arguments.filter.is_empty() && !arguments.filter.contains(&name) {
            continue;
        }
        let ours = least(arguments.runs, &|| Ok(ours(&arguments.ostrich, &data, &query, folder.path())))?;
        let theirs = least(arguments.runs, &|| match is_duckdb {
            true => duckdb(&arguments.other, &tables, &query, folder.path()),
            false => Ok(self::ours(&arguments.other, &data, &query, folder.path())),
        })?;
        eprintln!("{name}: {:.2} s, other {:.2} s", ours.seconds, theirs.seconds);
        let ratio = [ours.megabytes / theirs.megabytes, ours.processor_seconds / theirs.processor_seconds];
        println!(
            "| {name} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
            ours.megabytes, theirs.megabytes, ratio[0], ours.processor_seconds, theirs.processor_seconds, ratio[1]
        );
        ratios.push(ratio);
    }
    let mean = |at: usize| (ratios.iter().map(|ratio| ratio[at].ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!("| **geomean** |  |  | **{:.2}** |  |  | **{:.2}** |", mean(0), mean(1));
    Ok(())
}

/// The cost of the run that took the least processor time, with the least memory of all.
fn least(runs: u16, command: &dyn Fn() -> Result<Command, String>) -> Result<Cost, String> {
    let mut best = cost_of(&mut command()?)?;
    for _ in 1..runs {
        let cost = cost_of(&mut command()?)?;
        let megabytes = best.megabytes.min(cost.megabytes);
        best = if cost.processor_seconds < best.processor_seconds { cost } else { best };
        best.megabytes = megabytes;
    }
    Ok(best)
}

fn ours(binary: &Path, data: &Path, query: &Path, folder: &Path) -> Command {
    let mut command = ostrich::command(binary, folder);
    command.arg("--data").arg(data).args(["--quiet", "--format", "csv", "-f"]).arg(query);
    command
}

fn duckdb(binary: &Path, tables: &[PathBuf], query: &Path, folder: &Path) -> Result<Command, String> {
    let mut script = String::new();
    for table in tables {
        script += &format!("CREATE VIEW {} AS FROM '{}';\n", stem(table), table.display());
    }
    script += &std::fs::read_to_string(query).map_err(|error| format!("cannot read {}: {error}", query.display()))?;
    let mut command = Command::new(ostrich::program(binary));
    command.current_dir(folder).args(["-csv", "-c"]).arg(script);
    Ok(command)
}

/// The files of a folder with this ending, in the order of their names.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let cannot_read = |error| format!("cannot read {}: {error}", folder.display());
    // The engines run in a folder of their own.
    let entries = folder.canonicalize().and_then(std::fs::read_dir).map_err(cannot_read)?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    files.sort();
    if files.is_empty() { Err(format!("there are no .{ending} files in {}", folder.display())) } else { Ok(files) }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
