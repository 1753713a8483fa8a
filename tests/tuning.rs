//! The stories of `queries/tuning`: before and after give the same rows, EXPLAIN TUNE finds what the story says, and the scans that are said to
//! go are gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use ostrich::explain::report::{Need, Report};
use ostrich::session::{Outcome, Session, SessionOptions};
use ostrich::sql::source::Source;
use ostrich::sql::splitter::{Piece, PieceKind};

/// What a story says of `before.sql`.
#[derive(Default)]
struct Story {
    /// The scans that are left, in any order.
    scans: &'static [&'static str],
    /// Aliases of joined tables that are removed.
    removed: &'static [&'static str],
    /// Aliases of those that would be, were something declared.
    removable_if: &'static [&'static str],
    /// Clauses that are removed.
    clauses: &'static [&'static str],
    findings: &'static [&'static str],
    /// `after.sql` declares what is missing.
    declares: bool,
    /// `before.sql` gives wrong rows: that is the story.
    rows_differ: bool,
}

macro_rules! stories {
    ($($test:ident: $folder:literal, $story:expr;)*) => {
        const FOLDERS: &[&str] = &[$($folder),*];
        $(
            #[test]
            fn $test() {
                check($folder, $story);
            }
        )*
    };
}

stories! {
    wide_view: "01_wide_view", Story {
        scans: &["lineitem", "orders"],
        removed: &["c", "n", "r", "s", "sn"],
        ..Story::default()
    };
    bi_tool: "02_bi_tool", Story {
        scans: &["orders"],
        removed: &["Customers", "Nations", "Regions"],
        findings: &["OST012"],
        ..Story::default()
    };
    snapshot: "03_snapshot", Story { scans: &["customer"], removed: &["base"], ..Story::default() };
    distinct_over_key: "04_distinct_over_key", Story {
        scans: &["orders"],
        removed: &["c"],
        clauses: &["DISTINCT"],
        ..Story::default()
    };
    dead_cte: "05_dead_cte", Story {
        scans: &["lineitem", "orders"],
        findings: &["OST013", "OST013"],
        ..Story::default()
    };
    missing_key: "06_missing_key", Story {
        scans: &["lineitem", "part"],
        removable_if: &["p"],
        declares: true,
        ..Story::default()
    };
    hidden_fan_out: "07_hidden_fan_out", Story {
        scans: &["lineitem", "orders"],
        findings: &["OST006"],
        ..Story::default()
    };
    undone_left_join: "08_undone_left_join", Story {
        scans: &["customer", "orders"],
        findings: &["OST004"],
        ..Story::default()
    };
    counted_twice: "09_counted_twice", Story {
        scans: &["customer", "lineitem", "orders"],
        // Were there one line for each order, nothing would be counted twice.
        removable_if: &["l"],
        findings: &["OST001"],
        rows_differ: true,
        ..Story::default()
    };
    union: "10_union", Story {
        scans: &["customer", "supplier"],
        findings: &["OST005"],
        ..Story::default()
    };
}

#[test]
fn no_story_is_left_out() {
    let entries = std::fs::read_dir(folder()).expect("queries/tuning is a folder");
    let mut folders: Vec<String> = entries
        .map(|entry| entry.expect("its entries can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(folders, FOLDERS);
}

/// The specification's own queries are well written: nothing is found in them that may be wrong.
#[test]
fn no_warning_in_tpch() {
    with_session(async |session| {
        for number in 1..=22 {
            let path = root().join(format!("queries/tpch/q{number:02}.sql"));
            let report = report(&session, &path).await;
            let found: Vec<_> = report.findings.iter().map(|finding| (finding.code, &finding.message)).collect();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
        }
    });
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("queries/tuning")
}

fn check(name: &'static str, story: Story) {
    with_session(async move |session| {
        let (before, after) = (folder().join(name).join("before.sql"), folder().join(name).join("after.sql"));
        let report = report(&session, &before).await;
        story.holds(&report);
        let rows = run(&session, &before).await;
        assert!(!rows.is_empty(), "{name} has no rows");
        let better = run(&session, &after).await;
        if story.rows_differ {
            assert_ne!(rows, better, "{name}");
        } else {
            assert_eq!(rows, better, "{name}");
        }
        if story.declares {
            story.holds_after(&self::report(&session, &before).await);
        }
    });
}

impl Story {
    fn holds(&self, report: &Report) {
        let text = || serde_json::to_string_pretty(report).unwrap_or_default();
        assert_eq!(sorted(report.scans.iter().map(String::as_str)), self.scans, "scans\n{}", text());
        assert_eq!(joins(report, Need::Removed), self.removed, "removed\n{}", text());
        assert_eq!(joins(report, Need::RemovableIf), self.removable_if, "removable if\n{}", text());
        for verdict in report.verdicts.iter().filter(|verdict| verdict.verdict == Need::RemovableIf) {
            assert!(!verdict.missing.is_empty(), "nothing to paste\n{}", text());
        }
        for clause in self.clauses {
            let removed = report.clauses.iter().filter(|verdict| verdict.verdict == Need::Removed);
            let mut removed = removed.map(|verdict| verdict.clause);
            assert!(removed.any(|found| found == *clause), "{clause} removed\n{}", text());
        }
        assert_eq!(sorted(report.findings.iter().map(|finding| finding.code)), self.findings, "findings\n{}", text());
        for finding in &report.findings {
            assert!(finding.span.is_some(), "a place\n{}", text());
            assert!(finding.fix.is_some(), "a fix\n{}", text());
        }
    }

    /// What was removable is removed.
    fn holds_after(&self, report: &Report) {
        assert_eq!(joins(report, Need::Removed), self.removable_if);
    }
}

fn joins(report: &Report, need: Need) -> Vec<&str> {
    sorted(
        report.verdicts.iter().filter(|verdict| verdict.verdict == need && !is_view(verdict)).map(|v| v.alias.as_str()),
    )
}

/// A view is judged as a whole too; the stories speak of its tables.
fn is_view(verdict: &ostrich::explain::report::Verdict) -> bool {
    verdict.table == "sales"
}

fn sorted<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut items: Vec<&str> = items.collect();
    items.sort_unstable();
    items
}

fn with_session<F: Future<Output = ()>>(run: impl FnOnce(Session) -> F + Send + 'static) {
    // Planning recurses; a test has the stack that the command gives itself.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options =
                SessionOptions { threads: Some(2), base: Some(root().to_path_buf()), ..SessionOptions::default() };
            let session = Session::open(options).await.expect("a session");
            self::run(&session, &folder().join("setup.sql")).await;
            run(session).await;
        });
    });
    thread.expect("a thread").join().expect("the story is true");
}

/// The rows of the file's last statement, as texts, sorted.
async fn run(session: &Session, path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let source = Source::new(path.display().to_string(), text);
    let mut batches = Vec::new();
    for piece in statements(session, &source) {
        let parsed = session.parse(&piece).unwrap_or_else(|error| panic!("{error}"));
        batches = match session.execute(&parsed).await {
            Ok(Outcome::Rows(rows)) => rows.collect(&source).await.unwrap_or_else(|error| panic!("{error}")),
            Ok(_) => vec![],
            Err(error) => panic!("{error}"),
        };
    }
    let mut rows: Vec<String> = batches.iter().flat_map(texts).collect();
    rows.sort_unstable();
    rows
}

fn statements(session: &Session, source: &Arc<Source>) -> Vec<Piece> {
    let mut pieces = session.split(source);
    pieces.retain(|piece| piece.kind() != PieceKind::Blank);
    pieces
}

/// EXPLAIN TUNE of the file's last statement.
async fn report(session: &Session, path: &Path) -> Report {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let source = Source::new(path.display().to_string(), text);
    let parsed = session
        .parse(statements(session, &source).last().expect("a statement"))
        .unwrap_or_else(|error| panic!("{error}"));
    session.tune(&parsed, false).await.unwrap_or_else(|error| panic!("{error}"))
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown"))
        .collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | "))
        .collect()
}
