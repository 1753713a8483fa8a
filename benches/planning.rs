//! How long does planning take over 10,000 files in 100 partitions, when one partition is asked for? See README.md.

mod harness {
    pub mod ostrich;
    pub mod stats;
}

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use clap::Parser;
use harness::ostrich;
use harness::stats::Stats;
use parquet::arrow::ArrowWriter;

/// Partitions are days: ten in each of ten months.
const PARTITIONS: usize = 100;
const FILES_PER_PARTITION: usize = 100;
const ROWS_PER_FILE: usize = 10;

/// Says that all files are there.
const MARKER: &str = "_SUCCESS";

#[derive(Parser)]
struct Arguments {
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
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let lake = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planning");
    make_table(&lake.join("events"))?;

    // Different partitions, so that no cache of plans or results can answer.
    let statements = ["2026-01-07", "2026-05-02", "2026-10-10"]
        .map(|day| format!("SELECT count(*), sum(id), max(name) FROM events WHERE day = '{day}'"));
    let mut best: Vec<(f64, f64)> = vec![(f64::INFINITY, f64::INFINITY); statements.len()];
    for _ in 0..arguments.runs {
        let session = session(&arguments.ostrich, &lake, &statements)?;
        for (best, stats) in best.iter_mut().zip(session) {
            let number = |name| stats.number(name).ok_or(format!("the statistics have no {name}"));
            *best = (best.0.min(number("planning_ms")?), best.1.min(number("elapsed_ms")?));
        }
    }
    println!("| statement of a session, best of {} | planning ms | elapsed ms |\n|---|---:|---:|", arguments.runs);
    for (number, (planning, elapsed)) in (1..).zip(best) {
        println!("| {number} | {planning:.1} | {elapsed:.1} |");
    }
    Ok(())
}

/// The statistics of the statements of one session.
fn session(binary: &Path, lake: &Path, statements: &[String]) -> Result<Vec<Stats>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut command = ostrich::command(binary, folder.path());
    command.arg("--data").arg(lake).args(["--stats", "--format", "csv", "--no-header"]);
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
    let expected = (FILES_PER_PARTITION * ROWS_PER_FILE).to_string();
    if stats.iter().any(|stats| stats.number("rows") != Some(1.0))
        || !stdout.lines().all(|line| line.starts_with(&expected))
    {
        return Err(format!("expected {expected} rows in each partition, got:\n{stdout}").into());
    }
    Ok(stats)
}

/// Makes `day=2026-01-01/000.parquet` and so on, unless they are there.
fn make_table(folder: &Path) -> Result<(), Box<dyn Error>> {
    if folder.join(MARKER).exists() {
        return Ok(());
    }
    eprintln!("making {} files in {}", PARTITIONS * FILES_PER_PARTITION, folder.display());
    for partition in 0..PARTITIONS {
        let partition_folder = folder.join(format!("day=2026-{:02}-{:02}", partition / 10 + 1, partition % 10 + 1));
        std::fs::create_dir_all(&partition_folder)?;
        for file in 0..FILES_PER_PARTITION {
            let first = (partition * FILES_PER_PARTITION + file) * ROWS_PER_FILE;
            let ids = first..first + ROWS_PER_FILE;
            let batch = RecordBatch::try_from_iter([
                ("id", Arc::new(Int64Array::from_iter_values(ids.clone().map(|id| id as i64))) as _),
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
