//! All TPC-H and TPC-DS queries at scale 1, against answers of another engine. Long, so ignored in the everyday run:
//!
//!     OSTRICH_SUITES=path/to/suites cargo test --release --test suites -- --ignored --nocapture
//!
//! `OSTRICH_SUITES` is a folder with `tpch/queries/*.sql`, `tpch/answers/*.csv` (`|`-separated, NULL as `NULL`) and the same for
//! `tpcds`. The data is generated once, into Cargo's folder for tests.

#[path = "common/texts.rs"]
mod texts;

use std::path::{Path, PathBuf};

use ostrich::generate::{Format, GenerateRequest, Suite, generate};
use ostrich::session::{Session, SessionOptions};

use crate::texts::texts;

/// Averages and quotients: other engines compute in doubles what is a decimal here.
const TOLERANCE: f64 = 1e-3;

#[test]
#[ignore = "needs OSTRICH_SUITES and minutes"]
fn tpch_answers() {
    compare("tpch", Suite::Tpch);
}

#[test]
#[ignore = "needs OSTRICH_SUITES and minutes"]
fn tpcds_answers() {
    compare("tpcds", Suite::Tpcds);
}

fn compare(name: &'static str, suite: Suite) {
    let Some(suites) = std::env::var_os("OSTRICH_SUITES") else {
        println!("skipped: OSTRICH_SUITES is not set");
        return;
    };
    let data = data(name, suite);
    let folder = PathBuf::from(suites).join(name);
    let mut queries: Vec<PathBuf> = std::fs::read_dir(folder.join("queries"))
        .expect("the suite has a folder of queries")
        .map(|entry| entry.expect("its entries can be read").path())
        .collect();
    queries.sort();
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut differing = Vec::new();
        for query in &queries {
            let stem = query.file_stem().expect("a name").to_string_lossy().into_owned();
            let answer = folder.join("answers").join(format!("{stem}.csv"));
            if let Err(difference) = runtime.block_on(check(&data, query, &answer)) {
                println!("{name} {stem}: {difference}");
                differing.push(stem);
            }
        }
        println!("{name}: {} queries, {} differ: {differing:?}", queries.len(), differing.len());
        assert!(differing.is_empty(), "{differing:?} differ");
    });
    thread.expect("a thread").join().expect("no query differs");
}

fn data(name: &str, suite: Suite) -> PathBuf {
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-1"));
    if !output.exists() {
        let request = GenerateRequest {
            suite,
            scale: 1.0,
            output: output.clone(),
            tables: Vec::new(),
            format: Format::Parquet,
            overwrite: true,
        };
        generate(&request, &mut |_| std::ops::ControlFlow::Continue(())).expect("data is generated");
    }
    output
}

async fn check(data: &Path, query: &Path, answer: &Path) -> Result<(), String> {
    let session = Session::open(SessionOptions::default()).await.map_err(|error| error.to_string())?;
    session.register_data(&data.display().to_string()).await.map_err(|error| error.to_string())?;
    let sql = std::fs::read_to_string(query).map_err(|error| error.to_string())?;
    let batches = session.query(&sql).await.map_err(|error| error.to_string())?;
    let mut found: Vec<Vec<String>> = batches.iter().flat_map(texts).collect();
    for cell in found.iter_mut().flatten() {
        *cell = cell.trim().to_string();
    }
    let text = std::fs::read_to_string(answer).map_err(|error| error.to_string())?;
    let mut expected: Vec<Vec<String>> =
        text.lines().skip(1).map(|line| line.split('|').map(|cell| cell.trim().to_string()).collect()).collect();
    if found.len() != expected.len() {
        return Err(format!("{} rows in place of {}", found.len(), expected.len()));
    }
    // Ties may come in any order.
    found.sort_by_key(|row| key(row));
    expected.sort_by_key(|row| key(row));
    for (found, expected) in found.iter().zip(&expected) {
        let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| same(a, b));
        if !same {
            return Err(format!("{found:?} in place of {expected:?}"));
        }
    }
    Ok(())
}

/// An order that is the same for both sides: numbers by their rounded value.
fn key(row: &[String]) -> Vec<String> {
    row.iter().map(|cell| cell.parse::<f64>().map_or_else(|_| cell.clone(), |number| format!("{number:+.1}"))).collect()
}

fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= TOLERANCE.max(b.abs() * 1e-9),
        _ => false,
    }
}
