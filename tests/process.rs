//! The command as a process: pipes, signals, standard input, statistics, memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs for hours, and answers to a cancel at any moment.
const LONG: &str = "SELECT sum(x) FROM generate_series(1, 10000000000000) t(x)";
/// A join that computes for long without pausing.
const STUBBORN: &str =
    "SELECT count(*) FROM generate_series(1, 1000000) a(x), generate_series(1, 1000000) b(y) WHERE x + y = 7";
/// Rows without end, as far as a reader can tell.
const ENDLESS: &str = "SELECT x FROM generate_series(1, 10000000000000) t(x)";

fn ostrich(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OSTRICH_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_STATE_HOME", folder.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    ostrich(folder).args(arguments).output().expect("the command starts")
}

fn run_with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = ostrich(folder).args(arguments).stdin(Stdio::piped()).spawn().expect("the command starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("the command reads");
    child.wait_with_output().expect("the command ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits, but not for ever: a process that lives on is killed and fails the test.
fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be asked") {
            return status;
        }
        if start.elapsed() > limit {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            panic!("still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
fn signal(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).expect("a process id");
    // SAFETY: the child is ours and was not waited for, so that the id is still its.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

#[cfg(unix)]
fn stopped_by(number: i32, sql: &str, code: i32, limit: Duration) {
    let folder = folder();
    let spill = folder.path().join("tmp");
    std::fs::create_dir(&spill).expect("a folder");
    let mut child = ostrich(folder.path())
        .env("TMPDIR", &spill)
        .args(["-o", "out.csv", "-e", sql])
        .spawn()
        .expect("the command starts");
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, number);
    let status = wait(&mut child, limit);
    assert_eq!(status.code(), Some(code));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.contains("out.csv"))
        .collect();
    assert!(left.is_empty(), "{left:?} were left behind");
    let left: Vec<_> = std::fs::read_dir(&spill).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?} were left in the folder for temporary files");
}

#[cfg(unix)]
#[test]
fn sigterm_exits_143() {
    stopped_by(libc::SIGTERM, LONG, 143, Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn sigint_exits_130() {
    stopped_by(libc::SIGINT, LONG, 130, Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn sigterm_stops_a_join_that_does_not_pause() {
    stopped_by(libc::SIGTERM, STUBBORN, 143, Duration::from_secs(20));
}

#[test]
fn timeout_stops_a_join_that_does_not_pause() {
    let folder = folder();
    let mut child =
        ostrich(folder.path()).args(["--timeout", "500ms", "-e", STUBBORN]).spawn().expect("the command starts");
    assert_eq!(wait(&mut child, Duration::from_secs(20)).code(), Some(4));
}

#[test]
fn timeout_stops_planning() {
    let folder = folder();
    let long_to_plan = format!("SELECT count(*) FROM range(10) AS t(x) WHERE x{} > 0", " + x".repeat(1_900));
    let start = std::time::Instant::now();
    let mut child =
        ostrich(folder.path()).args(["--timeout", "200ms", "-e", &long_to_plan]).spawn().expect("the command starts");
    assert_eq!(wait(&mut child, Duration::from_secs(20)).code(), Some(4));
    // The thread that plans gets two seconds to end.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_timeout_is_a_statement_s_own() {
    let folder = folder();
    let output =
        run(folder.path(), &["--timeout", "500ms", "--on-error", "continue", "-e", LONG, "-e", "SELECT 7 AS seven"]);
    assert_eq!(stdout(&output), "seven\n7\n");
    // Some statement failed, and the first reason was the time.
    assert!(matches!(output.status.code(), Some(1 | 4)), "{:?}", output.status);
}

#[test]
fn a_join_that_was_stopped_leaves_the_threads_to_the_next_statement() {
    let folder = folder();
    let output = run(
        folder.path(),
        &["--timeout", "3s", "--on-error", "continue", "-e", STUBBORN, "-e", "SELECT count(*) AS n FROM range(10)"],
    );
    assert_eq!(stdout(&output), "n\n10\n");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = folder();
    for format in ["csv", "tsv", "jsonl", "json", "vertical"] {
        let mut child =
            ostrich(folder.path()).args(["--format", format, "-e", ENDLESS]).spawn().expect("the command starts");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a first line");
        drop(reader);
        let status = wait(&mut child, Duration::from_secs(20));
        let mut errors = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
        assert_eq!(errors, "", "{format}");
        assert!(matches!(status.code(), Some(0 | 141)), "{format}: {status:?}");
    }
}

#[test]
fn rows_come_before_the_end() {
    let folder = folder();
    let mut child = ostrich(folder.path()).args(["-e", ENDLESS]).spawn().expect("the command starts");
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let start = Instant::now();
    let mut lines = Vec::new();
    for _ in 0..3 {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        lines.push(line);
    }
    assert_eq!(lines, ["x\n", "1\n", "2\n"]);
    assert!(start.elapsed() < Duration::from_secs(15));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

#[test]
fn a_script_comes_on_standard_input() {
    let folder = folder();
    let script = b"SELECT 1 AS a;\n-- a comment\nSELECT 2 AS b";
    for arguments in [&[][..], &["-f", "-"][..], &["-f", "/dev/stdin"][..]] {
        let output = run_with_input(folder.path(), arguments, script);
        assert_eq!(stdout(&output), "a\n1\nb\n2\n", "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn an_error_of_standard_input_has_its_place() {
    let folder = folder();
    let output = run_with_input(folder.path(), &[], b"SELECT 1 AS a;\n\nSELECT nosuch;\nSELECT 2 AS b;\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "a\n1\n");
    assert!(stderr(&output).contains(":3:8: error: no column \"nosuch\""), "{}", stderr(&output));
}

#[test]
fn no_input_is_no_error() {
    let folder = folder();
    let output = run_with_input(folder.path(), &[], b"");
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
}

#[test]
fn binary_input_is_refused() {
    let folder = folder();
    let output = run_with_input(folder.path(), &[], b"SELECT \xff\xfe\x00;");
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?}", output.status);
    assert!(stderr(&output).contains("UTF-8"), "{}", stderr(&output));
}

#[test]
fn a_long_statement_is_fine() {
    let folder = folder();
    let list = (0..10_000).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let output = run_with_input(folder.path(), &[], format!("SELECT 7 IN ({list}) AS found").as_bytes());
    assert_eq!(stderr(&output), "");
    assert_eq!(stdout(&output), "found\ntrue\n");
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let folder = folder();
    let deep = 10_000;
    let chain = 300;
    for script in [
        format!("SELECT {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("SELECT {}", "(".repeat(deep)),
        format!("SELECT {}1", "NOT ".repeat(deep)),
        format!("SELECT {}1", "- ".repeat(deep)),
        format!("SELECT {}1{}", "abs(".repeat(deep), ")".repeat(deep)),
        format!("SELECT {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("SELECT * FROM {}SELECT 1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(deep), " END".repeat(deep)),
        format!("SELECT CAST(NULL AS {}INT{})", "ARRAY<".repeat(deep), ">".repeat(deep)),
    ] {
        let output = run_with_input(folder.path(), &[], script.as_bytes());
        let start: String = script.chars().take(40).collect();
        assert_eq!(output.status.code(), Some(1), "{start}: {}", stderr(&output));
        assert!(stderr(&output).contains("nest"), "{start}: {}", stderr(&output));
    }
    let output = run_with_input(folder.path(), &[], format!("SELECT 1{}", " + 1".repeat(60_000)).as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("more than 2000 terms"), "{}", stderr(&output));
    // What is long but not deep runs.
    for script in [
        format!("SELECT 1{}", " + 1".repeat(chain)),
        format!("SELECT true{}", " AND true".repeat(chain)),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(chain)),
        "SELECT 1;".repeat(chain),
    ] {
        let output = run_with_input(folder.path(), &[], script.as_bytes());
        let start: String = script.chars().take(40).collect();
        assert_eq!(output.status.code(), Some(0), "{start}: {}", stderr(&output));
    }
}

#[test]
fn backslashes_are_doubled_in_tsv_and_json() {
    let folder = folder();
    let sql = r#"SELECT NULL AS n, '' AS e, 'a\b' AS s, chr(9) AS t, '"' AS q"#;
    let output = run(folder.path(), &["--format", "tsv", "-e", sql]);
    assert_eq!(stdout(&output), "n\te\ts\tt\tq\n\\N\t\ta\\\\b\t\\t\t\"\n");
    let output = run(folder.path(), &["--format", "jsonl", "-e", sql]);
    assert_eq!(stdout(&output), "{\"n\":null,\"e\":\"\",\"s\":\"a\\\\b\",\"t\":\"\\t\",\"q\":\"\\\"\"}\n");
    let output = run(folder.path(), &["--format", "csv", "-e", sql]);
    assert_eq!(stdout(&output), "n,e,s,t,q\n,\"\",a\\b,\t,\"\"\"\"\n");
}

#[test]
fn json_output_is_json() {
    let folder = folder();
    for sql in [
        "SELECT 1 AS a WHERE false",
        "SELECT x, CASE WHEN x % 3 = 0 THEN NULL ELSE chr(34) || chr(10) END AS t FROM generate_series(1, 20000) g(x)",
        "SELECT [1, NULL] AS l, {'a': [TIMESTAMP '2026-01-01 00:00:00']} AS s, MAP {'k': DATE '2026-01-01'} AS m",
        "SELECT 1 AS a, 2 AS a",
        "SELECT CAST('NaN' AS DOUBLE) AS f, X'00' AS b, INTERVAL '1' DAY AS i",
    ] {
        let output = run(folder.path(), &["--format", "json", "-e", sql]);
        assert_eq!(stderr(&output), "", "{sql}");
        let parsed: Result<Vec<serde_json::Value>, _> = serde_json::from_slice(&output.stdout);
        assert!(parsed.is_ok(), "{sql}: {parsed:?}");
    }
}

#[test]
fn stats_are_one_line_of_json_a_statement() {
    let folder = folder();
    std::fs::write(folder.path().join("q.sql"), "CREATE TABLE t (x INT);\n\n  SELECT 1 AS a;\nSELECT nosuch;\n")
        .expect("a file");
    let output = run(folder.path(), &["--stats", "-f", "q.sql"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "a\n1\n");
    let lines: Vec<serde_json::Value> = stderr(&output)
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(lines.len(), 3, "{}", stderr(&output));
    for line in &lines {
        let keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "statement",
                "file",
                "line",
                "kind",
                "elapsed_ms",
                "planning_ms",
                "rows",
                "bytes_scanned",
                "files_scanned",
                "peak_memory_bytes",
                "error"
            ]
        );
        assert_eq!(line["file"], "q.sql");
        assert!(line["elapsed_ms"].as_f64().expect("a number") >= 0.0);
    }
    let of = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("statement"), [1, 2, 3]);
    assert_eq!(of("line"), [1, 3, 4]);
    assert_eq!(of("kind"), ["create_table", "select", "select"]);
    assert_eq!(lines[1]["rows"], 1);
    assert!(lines[1]["error"].is_null());
    assert!(lines[2]["error"].as_str().expect("a text").contains("nosuch"));
}

#[test]
fn stats_count_what_is_read() {
    let folder = folder();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let sql = format!("SELECT count(*) FROM '{}' WHERE country = 'KR' AND amount > 0", data.join("events").display());
    let output = run(folder.path(), &["--stats", "-e", &sql]);
    let text = stderr(&output);
    let line: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("a line of JSON");
    // Two files of one day, and two days more: the other partitions are not opened.
    assert_eq!(line["files_scanned"], 4);
    assert!(line["bytes_scanned"].as_u64().expect("a number") > 0);
}

#[test]
fn bytes_are_counted_in_all_formats() {
    let folder = folder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let csv = "COPY (SELECT x FROM generate_series(1, 1000) g(x))";
    let made = run(
        folder.path(),
        &["-e", &format!("{csv} TO 'n.csv'; {csv} TO 'n.csv.gz'; {csv} TO 'n.json'; {csv} TO 'n.arrow'")],
    );
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let orc = std::fs::read_dir(root.join("orc")).expect("a folder").filter_map(|entry| {
        let path = entry.expect("an entry").path();
        (path.extension()?.to_str()? == "orc").then(|| path.display().to_string())
    });
    let files = ["n.csv", "n.csv.gz", "n.json", "n.arrow"].map(str::to_string);
    for file in files.into_iter().chain(orc.take(1)) {
        let output = run(folder.path(), &["--stats", "-e", &format!("SELECT * FROM '{file}'")]);
        let text = stderr(&output);
        let line: serde_json::Value =
            serde_json::from_str(text.lines().last().expect("a line")).expect("a line of JSON");
        let size = std::fs::metadata(folder.path().join(&file)).expect("a file").len();
        let read = line["bytes_scanned"].as_u64().expect("a number");
        assert!(read > 0 && read <= 2 * size, "{file}: {read} of {size}");
    }
    // What is not read is not counted.
    let all = "COPY (SELECT x FROM generate_series(1, 1000000) g(x)) TO 'long.csv.gz'";
    assert_eq!(run(folder.path(), &["-e", all]).status.code(), Some(0));
    let output = run(folder.path(), &["--stats", "-e", "SELECT * FROM 'long.csv.gz' LIMIT 1"]);
    let text = stderr(&output);
    let line: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("a line of JSON");
    let size = std::fs::metadata(folder.path().join("long.csv.gz")).expect("a file").len();
    assert!(line["bytes_scanned"].as_u64().expect("a number") < size);
}

#[test]
fn a_second_binary_result_on_a_pipe_is_refused() {
    let folder = folder();
    let output = run(folder.path(), &["--format", "parquet", "-e", "SELECT 1 AS a", "-e", "SELECT 2 AS a"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("holds one result"), "{}", stderr(&output));
    // The first one is whole, and nothing stands behind it.
    assert!(output.stdout.starts_with(b"PAR1") && output.stdout.ends_with(b"PAR1"));
    assert_eq!(output.stdout.windows(4).filter(|bytes| *bytes == b"PAR1").count(), 2);
}

#[test]
fn a_variable_of_the_environment_is_named_if_it_is_wrong() {
    let folder = folder();
    let of = |variable: &str, value: &str, arguments: &[&str]| {
        let output = ostrich(folder.path()).env(variable, value).args(arguments).output().expect("it runs");
        (output.status.code(), stderr(&output))
    };
    let (code, text) = of("OSTRICH_THREADS", "x", &["-e", "SELECT 1"]);
    assert_eq!(code, Some(2));
    assert!(text.starts_with("error: OSTRICH_THREADS: \"x\" is not a number of threads"), "{text}");
    let (_, text) = of("OSTRICH_FORMAT", "x", &["-e", "SELECT 1"]);
    assert!(text.starts_with("error: OSTRICH_FORMAT is \"x\", and takes one of: table, csv"), "{text}");
    let (_, text) = of("OSTRICH_QUIET", "x", &["-e", "SELECT 1"]);
    assert!(text.starts_with("error: OSTRICH_QUIET is \"x\", and takes true or false"), "{text}");
    // What stands on the command line goes first, for good and bad.
    assert_eq!(of("OSTRICH_THREADS", "x", &["--threads", "2", "-e", "SELECT 1"]).0, Some(0));
    let (_, text) = of("OSTRICH_THREADS", "x", &["--threads", "y", "-e", "SELECT 1"]);
    assert!(text.contains("--threads"), "{text}");
}

#[test]
fn a_folder_that_is_no_table_does_not_keep_the_others_from_being_tables() {
    let folder = folder();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("mixed")).expect("a folder");
    std::fs::write(data.join("good.csv"), "a\n1\n").expect("written");
    std::fs::write(data.join("mixed/a.csv"), "a\n1\n").expect("written");
    std::fs::write(data.join("mixed/b.json"), "{\"a\": 1}\n").expect("written");
    let output = run(folder.path(), &["--data", "data", "-e", "SELECT * FROM good"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).starts_with("warning: mixed is no table: the files have different formats"),
        "{}",
        stderr(&output)
    );
    assert_eq!(output.stdout, b"a\n1\n");
}

#[test]
fn rows_that_are_changed_are_called_what_they_are() {
    let folder = folder();
    let sql = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2), (3); UPDATE t SET a = 9 WHERE a = 1; DELETE FROM t WHERE a < 9";
    let output = run(folder.path(), &["-e", sql]);
    assert_eq!(stderr(&output), "3 rows written\n1 row updated\n2 rows deleted\n");
}

/// `SELECT *` over millions of rows to CSV is streamed.
#[cfg(target_os = "linux")]
#[test]
fn a_long_result_takes_little_memory() {
    let folder = folder();
    let sql = "SELECT x, x * 2 AS y, repeat('abcdefgh', 12) AS t FROM generate_series(1, 3000000) g(x)";
    let mut child = ostrich(folder.path()).args(["-e", sql]).spawn().expect("the command starts");
    let mut reader = child.stdout.take().expect("a pipe");
    let status = format!("/proc/{}/status", child.id());
    let mut buffer = vec![0; 1 << 20];
    let (mut lines, mut peak, mut reads) = (0, 0, 0_u64);
    loop {
        let length = reader.read(&mut buffer).expect("the pipe can be read");
        if length == 0 {
            break;
        }
        lines += buffer[..length].iter().filter(|&&byte| byte == b'\n').count();
        reads += 1;
        if reads.is_multiple_of(64) {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: 0 kB");
            let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
        }
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(lines, 3_000_001);
    assert!(peak > 0 && peak < 500 << 10, "{peak} kB");
}

#[test]
fn what_does_not_fit_into_memory_is_spilled_or_named() {
    let folder = folder();
    // A sort spills.
    let sql = "SELECT x, repeat('x', 100) AS t FROM generate_series(1, 500000) g(x) ORDER BY x % 1000, x";
    let output = run(folder.path(), &["-m", "32MB", "--format", "none", "-e", sql]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // One big value cannot.
    let sql = "SELECT length(string_agg(repeat('x', 1000), '')) AS n FROM generate_series(1, 1000000) g(x)";
    let output = run(folder.path(), &["-m", "16MB", "-e", sql]);
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("memory-limit"), "{}", stderr(&output));
    }
}

#[test]
fn two_processes_use_one_catalog() {
    let folder = folder();
    let first = run(folder.path(), &["--catalog", "c", "-e", "CREATE TABLE t (x INT)"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let children: Vec<Child> = (0..4)
        .map(|number| {
            let sql = format!("CREATE TABLE t{number} AS SELECT {number} AS x; INSERT INTO t VALUES ({number})");
            ostrich(folder.path()).args(["--catalog", "c", "-e", &sql]).spawn().expect("the command starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let output = run(folder.path(), &["--catalog", "c", "-e", "SELECT x FROM t ORDER BY x", "-e", "SHOW TABLES"]);
    assert_eq!(stdout(&output), "x\n0\n1\n2\n3\nname,type\nt,table\nt0,table\nt1,table\nt2,table\nt3,table\n");
}

#[test]
fn a_catalog_can_be_moved() {
    let folder = folder();
    let made = run(folder.path(), &["--catalog", "c", "-e", "CREATE TABLE t AS SELECT 5 AS x"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    std::fs::rename(folder.path().join("c"), folder.path().join("d")).expect("it can be renamed");
    let output = run(folder.path(), &["--catalog", "d", "-e", "SELECT x FROM t"]);
    assert_eq!(stdout(&output), "x\n5\n", "{}", stderr(&output));
}

#[test]
fn a_folder_with_other_things_in_it_is_no_catalog() {
    let folder = folder();
    let catalog = folder.path().join("c");
    std::fs::create_dir(&catalog).expect("a folder");
    std::fs::write(catalog.join(".gitkeep"), "").expect("a file");
    std::fs::write(catalog.join("notes.txt"), "mine").expect("a file");
    let output = run(folder.path(), &["--catalog", "c", "-e", "CREATE TABLE t (x INT)"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("notes.txt"), "{}", stderr(&output));
    assert!(!catalog.join("catalog.sqlite").exists());
    std::fs::remove_file(catalog.join("notes.txt")).expect("it is there");
    let output = run(folder.path(), &["--catalog", "c", "-e", "CREATE TABLE t (x INT)"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_catalog_that_is_none_is_not_overwritten() {
    let folder = folder();
    let catalog = folder.path().join("c");
    std::fs::create_dir(&catalog).expect("a folder");
    std::fs::write(catalog.join("catalog.sqlite"), "this is no database, but somebody's text").expect("a file");
    let output = run(folder.path(), &["--catalog", "c", "-e", "CREATE TABLE t (x INT)"]);
    assert!(matches!(output.status.code(), Some(2 | 3)), "{:?}", output.status);
    assert!(stderr(&output).contains("catalog.sqlite"), "{}", stderr(&output));
    assert_eq!(
        std::fs::read_to_string(catalog.join("catalog.sqlite")).expect("it is there"),
        "this is no database, but somebody's text"
    );
}

/// The small disk is a file system in memory, which only this command sees; where that is not allowed, there is nothing to test on.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_of_spilled_rows_is_named() {
    let folder = folder();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).expect("a folder");
    let on_small_disk = |script: &str| {
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg(format!("mount -t tmpfs -o size=2m none small && {script}"))
            .current_dir(folder.path())
            .output()
    };
    if !on_small_disk("true").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let sql = "SELECT i, repeat('x', 100) AS text FROM range(2000000) AS t(i) ORDER BY i % 1000, i";
    let command = env!("CARGO_BIN_EXE_ostrich");
    let script =
        format!("OSTRICH_TMPDIR=small '{command}' -m 40MB -o out.csv -e \"{sql}\"; code=$?; ls -A small; exit $code");
    let output = on_small_disk(&script).expect("the command runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("the disk is full"), "{}", stderr(&output));
    assert!(stderr(&output).contains("OSTRICH_TMPDIR"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "spilled files were left");
    assert!(!folder.path().join("out.csv").exists());
}

#[test]
fn nothing_is_left_in_the_working_folder() {
    let folder = folder();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).expect("a folder");
    let output = ostrich(folder.path())
        .current_dir(&work)
        .args(["-e", "CREATE TABLE t AS SELECT 1 AS x; SELECT * FROM t ORDER BY x"])
        .output()
        .expect("the command starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(&work).expect("the folder").count(), 0);
}
