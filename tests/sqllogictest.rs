//! Runs the SQL files of `tests/slt/`: each file is a test with a session of its own, from an empty catalog.
//!
//! Files in a folder `hive` are in that dialect, the others in ansi. In the files `$DATA` is the folder `testdata/` and `$TMP` a folder that is gone after the test. A result's values are
//! written as the CSV output writes them, NULL as `NULL` and an empty text as `(empty)`. `cargo test --test sqllogictest --
//! --complete` writes the answers of this engine into the files: read them before you keep them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use libtest_mimic::{Arguments, Failed, Trial};
use ostrich::session::{Outcome, Session, SessionOptions};
use ostrich::sql::dialect::Dialect;
use ostrich::sql::source::Source;
use ostrich::sql::splitter::PieceKind;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

fn main() -> ExitCode {
    let complete = std::env::args().any(|argument| argument == "--complete");
    let arguments = Arguments::from_iter(std::env::args().filter(|argument| argument != "--complete"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let trials = files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
            Trial::test(name, move || run(&file, complete))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("tests/slt is a folder");
    for entry in entries {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            files.push(path);
        }
    }
}

fn run(file: &Path, complete: bool) -> Result<(), Failed> {
    // Planning recurses; a test has the stack that the command gives itself.
    let file = file.to_path_buf();
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run_file(&file, complete))
    });
    match thread?.join() {
        Ok(outcome) => outcome,
        Err(_) => Err("the test panicked".into()),
    }
}

async fn run_file(file: &Path, complete: bool) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let temporary = folder.path().to_path_buf();
    let is_hive = file.parent().is_some_and(|parent| parent.ends_with("hive"));
    let dialect = if is_hive { Dialect::Hive } else { Dialect::Ansi };
    let mut runner = Runner::new(|| {
        let temporary = temporary.clone();
        async move { Database::open(temporary, dialect).await }
    });
    if complete {
        let validator: sqllogictest::Validator = sqllogictest::default_validator;
        let columns: sqllogictest::ColumnTypeValidator<DefaultColumnType> = sqllogictest::default_column_validator;
        runner
            .update_test_file(file, " ", validator, sqllogictest::default_normalizer, columns)
            .await
            .map_err(|error| Failed::from(error.to_string()))
    } else {
        // All of them: one failure tells little about the others.
        let mut failures = Vec::new();
        for record in sqllogictest::parse_file(file)? {
            if let Err(error) = runner.run_async(record).await {
                failures.push(error.to_string());
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n\n").into()) }
    }
}

/// One connection of a test file.
struct Database {
    session: Session,
    temporary: PathBuf,
}

impl Database {
    async fn open(temporary: PathBuf, dialect: Dialect) -> ostrich::Result<Self> {
        let options =
            SessionOptions { base: Some(temporary.clone()), threads: Some(2), dialect, ..SessionOptions::default() };
        Ok(Database { session: Session::open(options).await?, temporary })
    }

    /// The paths that a test file cannot know.
    fn fill_in(&self, sql: &str) -> String {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        sql.replace("$DATA", &data.display().to_string()).replace("$TMP", &self.temporary.display().to_string())
    }
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = ostrich::Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, ostrich::Error> {
        let source = Source::new("test", self.fill_in(sql));
        let mut output = DBOutput::StatementComplete(0);
        for piece in self.session.split(&source) {
            if piece.kind() == PieceKind::Blank {
                continue;
            }
            let parsed = self.session.parse(&piece)?;
            output = match self.session.execute(&parsed).await? {
                Outcome::Done { rows } => DBOutput::StatementComplete(rows.unwrap_or(0)),
                Outcome::Rows(rows) => {
                    let types = rows.schema().fields().iter().map(|field| column_type(field.data_type())).collect();
                    let batches = rows.collect(&source).await?;
                    let rows = batches.iter().flat_map(texts).collect();
                    DBOutput::Rows { types, rows }
                }
            };
        }
        Ok(output)
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "ostrich"
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        data_type if data_type.is_integer() => DefaultColumnType::Integer,
        data_type if data_type.is_floating() || data_type.is_decimal() => DefaultColumnType::FloatingPoint,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_duration_format(DurationFormat::Pretty);
    let formatters: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown"))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            batch
                .columns()
                .iter()
                .zip(&formatters)
                .map(|(column, formatter)| match column.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) {
                    true => "NULL".to_string(),
                    false => match formatter.value(row).to_string() {
                        text if text.is_empty() => "(empty)".to_string(),
                        text => text,
                    },
                })
                .collect()
        })
        .collect()
}
