//! The engines of `tpc`: `ostrich` through its binary, the others through one Python process each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::checksum;
use super::ostrich;
use super::process::{Line, Process, Stream};
use super::stats::Stats;

/// What every engine gets.
#[derive(Clone)]
pub struct Setup {
    pub data: PathBuf,
    pub threads: Option<usize>,
    /// For one run of a query.
    pub limit: Duration,
}

/// How a query went.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done { best_ms: f64, rows: u64, checksum: Option<String> },
    Failed(String),
    TimedOut,
}

impl Outcome {
    /// The better of two rounds; a failure is none.
    pub fn best(self, other: Outcome) -> Outcome {
        match (self, other) {
            (
                Outcome::Done { best_ms: one, checksum, .. },
                Outcome::Done { best_ms: other, rows, checksum: other_checksum },
            ) => Outcome::Done { best_ms: one.min(other), rows, checksum: checksum.or(other_checksum) },
            (Outcome::Done { .. }, failed) | (failed, _) => failed,
        }
    }
}

/// So often an engine runs a query in a row before it is the next one's turn.
const RUNS_IN_A_ROW: usize = 2;

pub trait Engine {
    fn name(&self) -> &str;
    fn version(&self) -> &str;
    /// The best of a few runs of a query in a row.
    fn round(&mut self, query: &Path) -> Outcome;
}

/// Runs again what timed out or crashed: once may be the machine's fault.
fn with_retry(mut run: impl FnMut() -> Outcome) -> Outcome {
    match run() {
        Outcome::TimedOut => run(),
        outcome => outcome,
    }
}

pub struct Ostrich {
    binary: PathBuf,
    version: String,
    setup: Setup,
    /// An empty folder to run in.
    folder: tempfile::TempDir,
    /// Whether results are read and summed, to be compared with other engines'.
    compares: bool,
    /// The query whose result was summed last.
    summed: Option<PathBuf>,
}

impl Ostrich {
    pub fn start(binary: PathBuf, setup: Setup, compares: bool) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let output = ostrich::command(&binary, folder.path()).arg("--version").output();
        let output = output.map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("ostrich ").to_owned();
        Ok(Ostrich { binary, version, setup, folder, compares, summed: None })
    }

    fn command(&self) -> Command {
        let mut command = ostrich::command(&self.binary, self.folder.path());
        command.arg("--data").arg(&self.setup.data).arg("--stats");
        if let Some(threads) = self.setup.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        command
    }

    /// One process for all runs in a row, and one run more for opening the files, which the other engines' processes have open; the
    /// statistics of each statement tell its time.
    fn time(&self, query: &Path) -> Outcome {
        let runs = RUNS_IN_A_ROW + 1;
        let mut command = self.command();
        command.args(["--format", "none"]);
        for _ in 0..runs {
            command.arg("-f").arg(query);
        }
        let mut process = match Process::start(&mut command, Stream::Stderr) {
            Ok(process) => process,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let mut statements = Vec::new();
        let mut messages = Vec::new();
        loop {
            match process.line(self.setup.limit) {
                Line::Text(line) => match Stats::parse(&line).map(|stats| (stats.error(), stats)) {
                    Some((Some(error), _)) => return Outcome::Failed(error),
                    Some((None, stats)) => statements.push(stats),
                    None => messages.push(line),
                },
                Line::TimedOut => return Outcome::TimedOut,
                Line::End => break,
            }
        }
        let exit = process.exit();
        if statements.is_empty() || statements.len() % runs != 0 {
            let message = messages.first().cloned().unwrap_or_else(|| format!("no statistics; {exit}"));
            return Outcome::Failed(message);
        }
        // Every run has the same number of statements.
        let runs: Vec<&[Stats]> = statements.chunks(statements.len() / runs).collect();
        let elapsed = |run: &[Stats]| run.iter().filter_map(|stats| stats.number("elapsed_ms")).sum::<f64>();
        let best_ms = runs.iter().map(|run| elapsed(run)).fold(f64::INFINITY, f64::min);
        let rows = statements.last().and_then(|stats| stats.number("rows")).unwrap_or(0.0) as u64;
        Outcome::Done { best_ms, rows, checksum: None }
    }

    /// The checksum of the result; `None` if the query has several results, or fails.
    fn checksum(&self, query: &Path) -> Option<String> {
        let mut command = self.command();
        command.args(["--format", "csv"]).arg("-f").arg(query);
        let output = command.stdin(Stdio::null()).output().ok()?;
        let statements = String::from_utf8_lossy(&output.stderr).lines().filter_map(Stats::parse).count();
        let (_, sum) = checksum::of_csv(std::str::from_utf8(&output.stdout).ok()?)?;
        (output.status.success() && statements == 1).then(|| format!("{sum:016x}"))
    }
}

impl Engine for Ostrich {
    fn name(&self) -> &str {
        "ostrich"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn round(&mut self, query: &Path) -> Outcome {
        match with_retry(|| self.time(query)) {
            // Only of queries that were seen to end, and once.
            Outcome::Done { best_ms, rows, .. } if self.compares && self.summed.as_deref() != Some(query) => {
                self.summed = Some(query.to_path_buf());
                Outcome::Done { best_ms, rows, checksum: self.checksum(query) }
            }
            outcome => outcome,
        }
    }
}

/// An engine behind `engines/NAME.py`.
pub struct Python {
    name: &'static str,
    version: String,
    python: PathBuf,
    setup: Setup,
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Opened {
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    elapsed_ms: Option<f64>,
    rows: Option<u64>,
    checksum: Option<String>,
    error: Option<String>,
}

impl Python {
    /// A driver has this long to load its engine and to register the tables.
    const START_LIMIT: Duration = Duration::from_secs(120);

    pub fn start(name: &'static str, python: PathBuf, setup: Setup) -> Result<Self, String> {
        let mut engine = Python { name, version: String::new(), python, setup, process: None };
        engine.restart()?;
        Ok(engine)
    }

    fn restart(&mut self) -> Result<(), String> {
        // The old process first: two would share the memory.
        self.process = None;
        let mut command = Command::new(ostrich::program(&self.python));
        command.args(["-m", &format!("engines.{}", self.name)]).arg("--data").arg(&self.setup.data);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/benches")).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(threads) = self.setup.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        let mut process = Process::start(&mut command, Stream::Stdout)
            .map_err(|error| format!("cannot run {}: {error}", self.python.display()))?;
        match process.line(Self::START_LIMIT) {
            Line::Text(line) => {
                let opened: Opened = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
                self.version = opened.version;
                self.process = Some(process);
                Ok(())
            }
            Line::End => Err(format!("the driver of {} ended: {}", self.name, process.exit())),
            Line::TimedOut => Err(format!("the driver of {} does not start", self.name)),
        }
    }

    fn time(&mut self, query: &Path) -> Outcome {
        if self.process.is_none()
            && let Err(error) = self.restart()
        {
            return Outcome::Failed(error);
        }
        let mut best = self.run_once(query);
        for _ in 1..RUNS_IN_A_ROW {
            if matches!(best, Outcome::Done { .. }) {
                best = best.best(self.run_once(query));
            }
        }
        best
    }

    fn run_once(&mut self, query: &Path) -> Outcome {
        let Some(process) = &mut self.process else { return Outcome::Failed("the driver ended".to_owned()) };
        process.send(&query.to_string_lossy());
        let failed = match process.line(self.setup.limit) {
            Line::Text(line) => match serde_json::from_str(&line) {
                Ok(Answer { elapsed_ms: Some(best_ms), rows: Some(rows), checksum, error: None }) => {
                    return Outcome::Done { best_ms, rows, checksum };
                }
                Ok(answer) => return Outcome::Failed(answer.error.unwrap_or(line)),
                Err(error) => Outcome::Failed(format!("{error}: {line}")),
            },
            Line::End => Outcome::Failed(format!("the driver ended: {}", process.exit())),
            Line::TimedOut => Outcome::TimedOut,
        };
        self.process = None;
        failed
    }
}

impl Engine for Python {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn round(&mut self, query: &Path) -> Outcome {
        let started = Instant::now();
        let outcome = self.time(query);
        // A process that is gone died or was killed; a failed query leaves it alive.
        if self.process.is_none() && !matches!(outcome, Outcome::Done { .. }) {
            eprintln!("{}: once more, after {:.0} s", self.name, started.elapsed().as_secs_f64());
            return self.time(query);
        }
        outcome
    }
}
