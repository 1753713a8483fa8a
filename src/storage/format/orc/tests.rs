//! ORC files that other programs wrote.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::{displayable, execute_stream};
use datafusion::prelude::SessionConfig;

use crate::catalog::model::FileFormat;
use crate::storage::TableSpec;
use crate::storage::tests::Session;

#[tokio::test]
async fn every_type_is_read() {
    let session = Session::testdata();
    session.table("orc/types.orc").await.unwrap();
    let columns = session.columns().await;
    assert_eq!(
        columns.join(", "),
        "b Boolean, i8 Int8, i16 Int16, i32 Int32, I64 Int64, f Float32, d Float64, s Utf8View, y BinaryView, \
         dt Date32, ts Timestamp(µs), tz Timestamp(µs, \"UTC\"), n Decimal128(7, 2), l List(Int32), \
         m Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Int32), unsorted), \
         st Struct(\"x\": Int32, \"y\": List(Utf8))"
    );
    assert_eq!(
        session.rows("select * from t").await.unwrap(),
        [
            "true|1|1|1|1|1.5|1.5|a|61|2020-01-31|2020-01-31T01:02:03.500|2020-01-31T01:02:03.500Z|1.50|[1, ~]|{k: 1, l: ~}|{x: 1, y: [p]}",
            "~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~",
            "false|-3|-3|-3|-3|-0.5|-0.5|||1969-12-31|1969-12-31T23:59:58|1969-12-31T23:59:59Z|-99999.99|[]|{}|{x: ~, y: ~}",
            "true|4|4|4|4|2.0|2.0|é ü|ff|9999-12-31|9999-12-31T00:00:00|2038-01-19T00:00:00Z|0.01|[2]|{a: 2}|{x: 2, y: []}",
            "~|127|32767|2147483647|4611686018427387904|NaN|1e300|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|78|1500-01-01|1900-01-01T00:00:00|1900-01-01T00:00:00Z|0.00|[3, 4]|{}|{x: 3, y: [q, ~]}"
        ]
    );
    assert_eq!(session.rows("select st['x'], s from t where i32 = 4").await.unwrap(), ["2|é ü"]);
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["5"]);
}

/// A file of Hive's own writer, with times before 1970.
#[tokio::test]
async fn what_hive_wrote_is_read() {
    let session = Session::testdata();
    session.table("orc/hive.orc").await.unwrap();
    let sql =
        "select i, s, n, t, d, b, l, m, st, arrow_cast(y, 'Utf8'), trim(c) from t where i in (1, 3, 5, 10) order by i";
    assert_eq!(
        session.rows(sql).await.unwrap(),
        [
            "1|s1|1.2500000000|1969-12-31T23:59:56.000003|1960-04-10|false|[1, ~]|{k: 1}|{x: 1.0, y: [1]}|é1|ab",
            "3|~|3.7500000000|1969-12-31T23:59:58.000009|1960-10-27|false|[3, ~]|{k: 3}|{x: 3.0, y: [3]}|é3|ab",
            "5|s0|6.2500000000|1970-01-01T00:00:00.000015|1961-05-15|false|[5, ~]|{k: 5}|{x: 5.0, y: [5]}|é5|ab",
            "10|s0|12.5000000000|1970-01-01T00:00:05.000030|1962-09-27|true|[10, ~]|{k: 10}|{x: 10.0, y: [10]}|é10|ab"
        ]
    );
    assert_eq!(session.rows("select min(d), max(n), count(s) from t").await.unwrap(), ["1960-01-01|13.7500000000|8"]);
}

#[tokio::test]
async fn declared_columns_are_found_by_name_and_changed_in_type() {
    let session = Session::testdata();
    let columns = vec![
        Field::new("i64", DataType::Decimal128(20, 0), true),
        Field::new("gone", DataType::Utf8View, true),
        Field::new("i8", DataType::Int64, true),
    ];
    let spec = TableSpec {
        format: Some(FileFormat::Orc),
        columns: Some(Arc::new(Schema::new(columns))),
        ..TableSpec::of(session.location("orc/types.orc"))
    };
    session.table_of(spec).await.unwrap();
    assert_eq!(
        session.rows("select i8, gone, i64 from t where i8 > 100").await.unwrap(),
        ["127|~|4611686018427387904"]
    );
}

#[tokio::test]
async fn columns_without_names_go_by_their_places() {
    let session = Session::testdata();
    let columns = vec![Field::new("id", DataType::Int32, true), Field::new("name", DataType::Utf8View, true)];
    let spec = TableSpec {
        format: Some(FileFormat::Orc),
        columns: Some(Arc::new(Schema::new(columns))),
        ..TableSpec::of(session.location("orc/positions.orc"))
    };
    session.table_of(spec).await.unwrap();
    assert_eq!(session.rows("select name, id from t where id = 2").await.unwrap(), ["b|2"]);
    assert_eq!(session.rows("select max(id), count(name) from t").await.unwrap(), ["2|2"]);
    session.table("orc/positions.orc").await.unwrap();
    assert_eq!(session.rows("select * from t where _col0 = 1").await.unwrap(), ["1|a"]);
}

#[tokio::test]
async fn files_are_shared_by_stripes() {
    let config =
        SessionConfig::new().with_target_partitions(3).set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let session = Session::with(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"), config);
    session.table("orc/stripes.orc").await.unwrap();
    assert_eq!(
        session.rows("select count(*), sum(n), count(r), min(n), max(d) from t").await.unwrap(),
        ["2000|1999000|1800|0|2020-01-20"]
    );
    assert_eq!(session.rows("select g, count(*) from t group by g order by g").await.unwrap().len(), 4);
}

/// How many rows a scan yields for a query's filter before the filter itself.
async fn rows_scanned(session: &Session, sql: &str) -> usize {
    let frame = session.context.sql(sql).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let mut scan = Arc::clone(&plan);
    while let Some(child) = scan.children().first().map(|child| Arc::clone(child)) {
        scan = child;
    }
    assert!(displayable(scan.as_ref()).one_line().to_string().contains("file_type=orc"));
    let mut rows = 0;
    let mut batches = execute_stream(scan, session.context.task_ctx()).unwrap();
    while let Some(batch) = futures::StreamExt::next(&mut batches).await {
        rows += batch.unwrap().num_rows();
    }
    rows
}

#[tokio::test]
async fn stripes_that_cannot_have_rows_are_passed_over() {
    let session = Session::with(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"),
        SessionConfig::new().with_target_partitions(1),
    );
    session.table("orc/stripes.orc").await.unwrap();
    for (filter, rows) in [
        ("n = 1200", 500),
        ("n between 900 and 1100", 1000),
        ("g = 'g3'", 500),
        ("d < date '2020-01-02'", 500),
        ("r is not null", 2000),
        ("n > 5000", 0),
        ("n + 0 = 1200", 2000),
    ] {
        assert_eq!(rows_scanned(&session, &format!("select n from t where {filter}")).await, rows, "{filter}");
    }
    assert_eq!(session.rows("select g from t where n = 1200").await.unwrap(), ["g2"]);
}

#[tokio::test]
async fn row_counts_and_bounds_come_from_the_footer() {
    let session = Session::testdata();
    session.table("orc/stripes.orc").await.unwrap();
    let frame = session.context.sql("select count(*), min(n), max(n), min(d) from t").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("PlaceholderRowExec") && !shown.contains("orc"), "{shown}");
    session.table("orc/no_rows.orc").await.unwrap();
    assert_eq!(session.rows("select count(*), max(a) from t").await.unwrap(), ["0|~"]);
}

#[tokio::test]
async fn files_of_transactions_have_a_way_out() {
    let error = Session::testdata().table("orc/transaction.orc").await.unwrap_err();
    assert!(error.message().contains("STORED AS PARQUET"), "{error}");
}

#[tokio::test]
async fn damaged_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::at(dir.path());
    let types = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/orc/types.orc")).unwrap();
    for (name, bytes) in [
        ("cut.orc", &types[..types.len() - 9]),
        ("start.orc", &types[types.len() - 40..]),
        ("text.orc", b"this is no ORC at all"),
        ("short.orc", b"O"),
        ("empty.orc", b""),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let error = session.table(name).await.unwrap_err();
        assert!(error.message().contains(name), "{error}");
    }
    // Whatever byte is wrong, the outcome is rows or an error.
    for place in (0..types.len()).step_by(7) {
        let mut bytes = types.clone();
        bytes[place] ^= 0x55;
        std::fs::write(dir.path().join("wrong.orc"), &bytes).unwrap();
        let session = Session::at(dir.path());
        let read = async {
            session.table("wrong.orc").await?;
            session.rows("select * from t").await
        };
        if let Err(error) = read.await {
            assert!(error.message().contains("wrong.orc") || error.message().contains("column"), "{place}: {error}");
        }
    }
}
