//! The queries of `queries/tpch` over `testdata/tpch`, against answers that another engine computed.

#[path = "common/texts.rs"]
mod texts;

use std::path::{Path, PathBuf};

use ostrich::session::{Session, SessionOptions};

use crate::texts::texts;

/// How far numbers may be apart, as a part of the greater one.
const TOLERANCE: f64 = 1e-6;

macro_rules! queries {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

queries! {
    q01 q02 q03 q04 q05 q06 q07 q08 q09 q10 q11 q12 q13 q14 q15 q16 q17 q18 q19 q20 q21 q22
}

/// Every query file has a test, and an answer.
#[test]
fn no_query_is_left_out() {
    let mut stems: Vec<String> = std::fs::read_dir(root().join("queries/tpch"))
        .expect("queries/tpch is a folder")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    stems.sort();
    let expected: Vec<String> = (1..=22).map(|number| format!("q{number:02}")).collect();
    assert_eq!(stems, expected);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn check(stem: &'static str) {
    // Planning recurses; a test has the stack that the command gives itself.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let rows = runtime.expect("a runtime").block_on(run(&root().join(format!("queries/tpch/{stem}.sql"))));
        compare(&rows, &expected(&root().join(format!("queries/tpch/answers/{stem}.csv"))));
    });
    thread.expect("a thread").join().expect("the query gives its answer");
}

/// The header and the rows.
async fn run(query: &Path) -> Vec<Vec<String>> {
    let sql = std::fs::read_to_string(query).expect("the query can be read");
    let session = Session::open(SessionOptions { threads: Some(2), ..SessionOptions::default() }).await;
    let session = session.expect("a session");
    session.register_data(&data().display().to_string()).await.expect("testdata/tpch can be registered");
    let batches = match session.query(&sql).await {
        Ok(batches) => batches,
        Err(error) => panic!("{}: {error}", query.display()),
    };
    let mut rows = Vec::new();
    if let Some(batch) = batches.first() {
        rows.push(batch.schema().fields().iter().map(|field| field.name().to_lowercase()).collect());
    }
    rows.extend(batches.iter().flat_map(texts));
    rows
}

fn data() -> PathBuf {
    root().join("testdata/tpch")
}

fn expected(answer: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(answer).expect("the answer can be read");
    let mut rows: Vec<Vec<String>> = text.lines().map(|line| line.split('|').map(str::to_string).collect()).collect();
    rows[0].iter_mut().for_each(|name| *name = name.to_lowercase());
    rows
}

fn compare(rows: &[Vec<String>], expected: &[Vec<String>]) {
    // A result without rows may come without a batch, and then without names.
    if rows.is_empty() && expected.len() == 1 {
        return;
    }
    assert_eq!(rows.len(), expected.len(), "rows with the header");
    assert_eq!(rows[0], expected[0], "names of columns");
    for (number, (row, expected)) in rows.iter().zip(expected).enumerate().skip(1) {
        assert_eq!(row.len(), expected.len(), "columns of row {number}");
        for (cell, wanted) in row.iter().zip(expected) {
            assert!(same(cell, wanted), "row {number}: {cell:?} in place of {wanted:?}\n{row:?}\n{expected:?}");
        }
    }
}

fn same(cell: &str, wanted: &str) -> bool {
    if cell.trim_end() == wanted.trim_end() {
        return true;
    }
    match (cell.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(cell), Ok(wanted)) => (cell - wanted).abs() <= TOLERANCE * cell.abs().max(wanted.abs()).max(1.0),
        _ => false,
    }
}
