//! How long does it take to write a table by partitions, next to DuckDB's COPY … PARTITION_BY, and in how much memory? See README.md.

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
    /// The tables store_sales and date_dim of TPC-DS, as Parquet files in a folder
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The best of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// DuckDB's command
    #[arg(long, value_name = "PATH", default_value = "duckdb")]
    duckdb: PathBuf,
    /// The binary to measure
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_ostrich"))]
    ostrich: PathBuf,
    /// Where the tables are written
    #[arg(long, value_name = "FOLDER", default_value = env!("CARGO_TARGET_TMPDIR"))]
    output: PathBuf,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is written: sales with their month, some of them with none.
const ROWS: &str =
    "SELECT s.*, d_year * 100 + d_moy AS month FROM store_sales s LEFT JOIN date_dim ON ss_sold_date_sk = d_date_sk";

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let data = std::path::absolute(&arguments.data).map_err(|error| error.to_string())?;
    let mut best = [None, None];
    for _ in 0..arguments.runs {
        for (engine, best) in ["ostrich", "duckdb"].into_iter().zip(&mut best) {
            let folder = tempfile::tempdir_in(&arguments.output).map_err(|error| error.to_string())?;
            let mut command = match engine {
                "ostrich" => ours(&arguments.ostrich, &data, folder.path()),
                _ => duckdb(&arguments.duckdb, &data, folder.path()),
            };
            let cost = cost_of(&mut command)?;
            let files = files_below(&folder.path().join("sales"));
            if files == 0 {
                return Err(format!("{engine} has written nothing"));
            }
            let Cost { seconds, processor_seconds, megabytes } = cost;
            eprintln!(
                "{engine}: {seconds:.1} s, {processor_seconds:.1} s of processors, {megabytes:.0} MB, {files} files"
            );
            if best.as_ref().is_none_or(|best: &Cost| cost.seconds < best.seconds) {
                *best = Some(cost);
            }
        }
    }
    let [Some(ours), Some(theirs)] = best else { return Err("nothing was run".into()) };
    println!("| store_sales by month, best of {} | s | MB |\n|---|---:|---:|", arguments.runs);
    println!(
        "| ostrich | {:.2} | {:.0} |\n| duckdb | {:.2} | {:.0} |",
        ours.seconds, ours.megabytes, theirs.seconds, theirs.megabytes
    );
    println!("| ratio | {:.2} | {:.2} |", ours.seconds / theirs.seconds, ours.megabytes / theirs.megabytes);
    Ok(())
}

fn ours(binary: &Path, data: &Path, folder: &Path) -> Command {
    let mut command = ostrich::command(binary, folder);
    command.arg("--data").arg(data);
    let table = format!(
        "CREATE EXTERNAL TABLE sales PARTITIONED BY (month) STORED AS PARQUET LOCATION '{}' AS {ROWS}",
        folder.join("sales").display()
    );
    command.args(["-e", &table]);
    command
}

fn duckdb(binary: &Path, data: &Path, folder: &Path) -> Command {
    let mut command = Command::new(ostrich::program(binary));
    let view = |table: &str| format!("CREATE VIEW {table} AS FROM '{}/{table}.parquet';", data.display());
    let sales = folder.join("sales");
    command.current_dir(folder).arg("-c").arg(format!(
        "{} {} COPY ({ROWS}) TO '{}' (FORMAT parquet, PARTITION_BY (month));",
        view("store_sales"),
        view("date_dim"),
        sales.display()
    ));
    command
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(_) if entry.path().extension().is_some_and(|extension| extension == "parquet") => 1,
            _ => 0,
        })
        .sum()
}
