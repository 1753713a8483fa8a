//! How long does `ostrich -e 'select 1'` take, the whole process, next to DuckDB's? See README.md.

mod harness {
    pub mod ostrich;
    pub mod outcome;
}

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;
use harness::ostrich;
use harness::outcome::exit_code;

#[derive(Parser)]
struct Arguments {
    /// The median of so many starts counts
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// DuckDB's command
    #[arg(long, value_name = "PATH", default_value = "duckdb")]
    duckdb: PathBuf,
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
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut ostrich = ostrich::command(&arguments.ostrich, folder.path());
    ostrich.args(["-e", "select 1"]);
    let mut duckdb = Command::new(ostrich::program(&arguments.duckdb));
    duckdb.args(["-c", "select 1"]).current_dir(folder.path());

    let mut times = [Vec::new(), Vec::new()];
    // The first start of each reads the binary from disk and does not count.
    for run in 0..=arguments.runs {
        for (command, times) in [&mut ostrich, &mut duckdb].into_iter().zip(&mut times) {
            let elapsed = time(command)?;
            if run > 0 {
                times.push(elapsed);
            }
        }
    }
    let [ostrich, duckdb] = times.map(median);
    println!("| `select 1`, median of {} | ms |\n|---|---:|", arguments.runs);
    println!("| ostrich | {ostrich:.1} |\n| duckdb | {duckdb:.1} |\n| ratio | {:.2} |", ostrich / duckdb);
    Ok(())
}

/// Milliseconds from start to end.
fn time(command: &mut Command) -> Result<f64, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("cannot run {name}: {error}"))?;
    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
    if status.success() { Ok(elapsed) } else { Err(format!("{name} failed: {status}")) }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) }
}
