//! How long does planning take over ten thousand files and more, when one partition is asked for? See README.md.

mod harness {
    pub mod ostrich;
    pub mod outcome;
    pub mod stats;
}

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use clap::Parser;
use harness::ostrich;
use harness::outcome::exit_code;
use harness::stats::Stats;
use parquet::arrow::ArrowWriter;

const ROWS_PER_FILE: usize = 10;

/// Says that all files are there.
const MARKER: &str = "_SUCCESS";

#[derive(Parser)]
struct Arguments {
    /// Partitions are days
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=40_000))]
    partitions: u32,
    /// Of ten rows each
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    files_per_partition: u32,
    /// Sessions to start; the best of each statement counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
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

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (partitions, files) = (arguments.partitions, arguments.files_per_partition);
    let lake = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("planning-{partitions}-{files}"));
    let events = lake.join("events");
    make_table(&events, partitions, files)?;

    // A table that is declared, and whose partitions are looked for; then different partitions, so that no cache of plans or results
    // can answer.
    let declared = format!(
        "CREATE EXTERNAL TABLE events (id BIGINT, name STRING) PARTITIONED BY (day DATE) STORED AS PARQUET LOCATION '{}'",
        events.display()
    );
    let mut statements = vec![declared, "MSCK REPAIR TABLE events".to_string()];
    let days = [partitions / 10, partitions / 2, partitions - 1].map(day);
    statements
        .extend(days.map(|day| format!("SELECT count(*), sum(id), max(name) FROM events WHERE day = DATE '{day}'")));
    let mut best: Vec<(f64, f64)> = vec![(f64::INFINITY, f64::INFINITY); statements.len()];
    for _ in 0..arguments.runs {
        let session = session(&arguments.ostrich, &statements, files as usize * ROWS_PER_FILE)?;
        for (best, stats) in best.iter_mut().zip(session) {
            best.0 = best.0.min(stats.number("planning_ms").unwrap_or_default());
            best.1 = best.1.min(stats.number("elapsed_ms").ok_or("the statistics have no elapsed_ms")?);
        }
    }
    println!(
        "| {} files in {partitions} partitions, best of {} | planning ms | elapsed ms |\n|---|---:|---:|",
        partitions * files,
        arguments.runs
    );
    let names = ["CREATE EXTERNAL TABLE", "MSCK REPAIR TABLE", "first query", "second query", "third query"];
    for (name, (planning, elapsed)) in names.into_iter().zip(best) {
        println!("| {name} | {planning:.1} | {elapsed:.1} |");
    }
    Ok(())
}

/// The statistics of the statements of one session, whose queries have to count `expected` rows.
fn session(binary: &Path, statements: &[String], expected: usize) -> Result<Vec<Stats>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut command = ostrich::command(binary, folder.path());
    command.args(["--dialect", "hive", "--stats", "--format", "csv", "--no-header"]);
    for statement in statements {
        command.args(["-e", statement]);
    }
    let output = command.stdin(Stdio::null()).output()?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let stats: Vec<Stats> = stderr.lines().filter_map(Stats::parse).collect();
    if !output.status.success() || stats.len() != statements.len() || stats.iter().any(|stats| stats.error().is_some())
    {
        return Err(format!("ostrich failed: {}\n{stderr}", output.status).into());
    }
    // A plan that reads nothing is quick, too.
    let expected = expected.to_string();
    let queries = stdout.lines().filter(|line| line.starts_with(&format!("{expected},"))).count();
    if queries != 3 {
        return Err(format!("expected {expected} rows in each partition, got:\n{stdout}").into());
    }
    Ok(stats)
}

/// The day of a partition.
fn day(partition: u32) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default();
    (first + chrono::Days::new(u64::from(partition))).to_string()
}

/// Makes `day=1970-01-01/000.parquet` and so on, unless they are there.
fn make_table(folder: &Path, partitions: u32, files: u32) -> Result<(), Box<dyn Error>> {
    if folder.join(MARKER).exists() {
        return Ok(());
    }
    eprintln!("making {} files in {}", partitions * files, folder.display());
    for partition in 0..partitions {
        let partition_folder = folder.join(format!("day={}", day(partition)));
        std::fs::create_dir_all(&partition_folder)?;
        for file in 0..files {
            let first = i64::from(partition * files + file) * ROWS_PER_FILE as i64;
            let ids = first..first + ROWS_PER_FILE as i64;
            let batch = RecordBatch::try_from_iter([
                ("id", Arc::new(Int64Array::from_iter_values(ids.clone())) as _),
                ("name", Arc::new(StringArray::from_iter_values(ids.map(|id| format!("event {id}")))) as _),
            ])?;
            let path = partition_folder.join(format!("{file:03}.parquet"));
            let mut writer = ArrowWriter::try_new(std::fs::File::create(path)?, batch.schema(), None)?;
            writer.write(&batch)?;
            writer.close()?;
        }
    }
    std::fs::write(folder.join(MARKER), "")?;
    Ok(())
}
