//! Runs of the generator at scale 0.01, and runs that fail.

use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;

fn request(suite: Suite, output: &Path, tables: &[&str]) -> GenerateRequest {
    GenerateRequest {
        suite,
        scale: 0.01,
        output: output.to_path_buf(),
        tables: tables.iter().map(|table| table.to_string()).collect(),
        format: Format::Parquet,
        overwrite: false,
    }
}

fn run(request: &GenerateRequest) -> Result<Vec<(&'static str, u64)>> {
    let report = generate(request, &mut |_| ControlFlow::Continue(()))?;
    Ok(report.tables.iter().map(|table| (table.name, table.rows)).collect())
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().expect("lists").flatten().map(|entry| entry.file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

#[test]
fn tpch_has_the_rows_of_its_scale() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("new/tpch");
    let rows = run(&request(Suite::Tpch, &output, &[])).expect("generates");
    let expected = [
        ("region", 5),
        ("nation", 25),
        ("supplier", 100),
        ("customer", 1500),
        ("part", 2000),
        ("partsupp", 8000),
        ("orders", 15000),
        ("lineitem", 60175),
    ];
    assert_eq!(rows, expected);
    for (name, rows) in expected {
        let file = File::open(output.join(format!("{name}.parquet"))).expect("there is a file per table");
        let reader = SerializedFileReader::new(file).expect("it is Parquet");
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows as i64, "{name}");
    }
}

#[test]
fn tpcds_has_the_rows_of_its_scale() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = ["call_center", "dbgen_version", "household_demographics", "item", "store_returns", "store_sales"];
    let rows = run(&request(Suite::Tpcds, folder.path(), &tables)).expect("generates");
    let count = |name| rows.iter().find(|(table, _)| *table == name).map(|(_, rows)| *rows);
    assert_eq!(rows.len(), tables.len());
    assert_eq!(count("call_center"), Some(2));
    assert_eq!(count("dbgen_version"), Some(1));
    assert_eq!(count("household_demographics"), Some(7200));
    assert_eq!(count("item"), Some(2000));
    // 10,000 orders of about 12 lines, which is the fewest the generator makes; one line in ten comes back.
    assert_eq!(count("store_sales"), Some(120_527));
    assert_eq!(count("store_returns"), Some(11_925));
}

/// Opens every generator and reads its first row against the schema, which is quick; the rest of the rows is alike.
#[test]
fn every_table_has_a_definition_that_fits_its_rows() {
    for (suite, ddl, tables) in [(Suite::Tpch, tpch::DDL, 8), (Suite::Tpcds, tpcds::DDL, 25)] {
        let all = suite_tables(suite, 1.0).expect("a scale it has");
        assert_eq!(all.len(), tables, "{suite}");
        for table in all {
            let name = table.name;
            let schema = schema::schema_of(ddl, name).expect("there is a definition");
            let mut source = (table.open)().expect("opens");
            let first = Box::new(move |line: &mut String| {
                let row = line.is_empty() && source(line)?;
                source = Box::new(|_| Ok(false));
                Ok(row)
            });
            let batch = BatchReader::new(schema, first, table.null_text).and_then(|mut reader| reader.next_batch());
            assert_eq!(
                batch.unwrap_or_else(|error| panic!("{name}: {error}")).map(|b| b.num_rows()),
                Some(1),
                "{name}"
            );
        }
    }
}

#[test]
fn progress_reaches_the_rows_it_expects() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut last = None;
    generate(&request(Suite::Tpch, folder.path(), &["supplier", "customer"]), &mut |progress| {
        last = Some((progress.table.to_owned(), progress.table_number, progress.rows, progress.expected_rows));
        ControlFlow::Continue(())
    })
    .expect("generates");
    assert_eq!(last, Some(("customer".to_owned(), 2, 1600, 1600)));
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("tpch");
    let error = generate(&request(Suite::Tpch, &output, &["region", "nation"]), &mut |progress| {
        if progress.table == "nation" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect_err("it was stopped");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn existing_files_are_kept_unless_overwriting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("nation.csv"), "mine").expect("writes");
    let mut request =
        GenerateRequest { format: Format::Csv, ..request(Suite::Tpch, folder.path(), &["region", "nation"]) };

    let error = run(&request).expect_err("the file exists");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().ends_with("nation.csv exists already"), "{error}");
    assert_eq!(names_in(folder.path()), ["nation.csv"]);

    request.overwrite = true;
    assert_eq!(run(&request).expect("overwrites"), [("region", 5), ("nation", 25)]);
    assert_eq!(names_in(folder.path()), ["nation.csv", "region.csv"]);
    let nation = std::fs::read_to_string(folder.path().join("nation.csv")).expect("reads");
    assert!(nation.starts_with("n_nationkey,n_name,n_regionkey,n_comment\n0,ALGERIA,0,"), "{nation}");
}

#[test]
fn wrong_tables_scales_and_folders_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = request(Suite::Tpch, folder.path(), &[]);

    let error = run(&GenerateRequest { tables: vec!["lineitm".into()], ..good.clone() }).expect_err("no such table");
    assert_eq!(error.to_string(), "TPC-H has no table \"lineitm\" (did you mean \"lineitem\"?)");
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = run(&GenerateRequest { scale, ..good.clone() }).expect_err("no such scale");
        assert_eq!(error.kind(), ErrorKind::Usage, "{scale}");
    }

    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writes");
    let error = run(&GenerateRequest { output: file.join("tpch"), ..good }).expect_err("no folder can be there");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().starts_with("cannot create the folder "), "{error}");
}
