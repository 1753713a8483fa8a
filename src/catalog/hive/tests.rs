//! Calls to metastores that are made up: what no real one says on demand.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::testing::{Reply, made_up};
use super::wire::Value;
use super::*;
use crate::catalog::model::ConstraintKind;

async fn failure(metastore: &HiveMetastore) -> Error {
    let start = Instant::now();
    let error = metastore.databases().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "it hung");
    assert_eq!(error.kind().exit_code(), 3);
    error
}

fn column(name: &'static str, type_name: &'static str) -> Vec<(i16, Value<'static>)> {
    vec![(1, Value::Text(name)), (2, Value::Text(type_name))]
}

/// A Parquet table as a metastore sends it.
fn parquet_table() -> Vec<(i16, Value<'static>)> {
    let storage = vec![
        (1, Value::Structs(vec![column("id", "bigint"), column("price", "decimal(10,2)")])),
        (2, Value::Text("s3a://lake/t")),
        (3, Value::Text("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")),
        (5, Value::Flag(false)),
        (
            7,
            Value::Struct(vec![
                (2, Value::Text("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")),
                (3, Value::Map(&[("serialization.format", "1")])),
            ]),
        ),
    ];
    vec![
        (1, Value::Text("t")),
        (2, Value::Text("sales")),
        // What is not used here, and what a later version may add.
        (4, Value::Int(1)),
        (7, Value::Struct(storage)),
        (8, Value::Structs(Vec::new())),
        (
            9,
            Value::Map(&[
                ("COLUMN_STATS_ACCURATE", "{\"BASIC_STATS\":\"true\",\"COLUMN_STATS\":{\"id\":\"true\"}}"),
                ("numRows", "9"),
            ]),
        ),
        (12, Value::Text("EXTERNAL_TABLE")),
        (99, Value::Structs(vec![column("new", "thing")])),
    ]
}

fn key(rest: &[(i16, Value<'static>)]) -> Vec<(i16, Value<'static>)> {
    let mut key = vec![(1, Value::Text("hive")), (2, Value::Text("sales")), (3, Value::Text("t"))];
    key.extend_from_slice(rest);
    key
}

#[tokio::test]
async fn constraints_and_statistics_of_hive_3_are_read() {
    let made = made_up(|method, _| match method {
        "get_table_req" => Reply::Struct(vec![(1, Value::Struct(parquet_table()))]),
        "get_unique_constraints" => Reply::Struct(vec![(
            1,
            Value::Structs(vec![key(&[
                (4, Value::Text("price")),
                (5, Value::Int(1)),
                (6, Value::Text("u")),
                (7, Value::Flag(true)),
                (8, Value::Flag(false)),
                (9, Value::Flag(true)),
            ])]),
        )]),
        "get_not_null_constraints" => Reply::Struct(vec![(
            1,
            Value::Structs(vec![key(&[
                (4, Value::Text("id")),
                (5, Value::Text("nn")),
                (6, Value::Flag(true)),
                (7, Value::Flag(true)),
                (8, Value::Flag(false)),
            ])]),
        )]),
        "get_table_statistics_req" => {
            let long = vec![(1, Value::Long(3)), (2, Value::Long(8)), (3, Value::Long(0)), (4, Value::Long(6))];
            let decimal = |bytes: &'static [u8]| Value::Struct(vec![(1, Value::Bytes(bytes)), (3, Value::Short(2))]);
            let price = vec![(1, decimal(&[0xFF])), (2, decimal(&[0x04, 0xD2])), (3, Value::Long(1))];
            let of = |name, sort, values| {
                vec![
                    (1, Value::Text(name)),
                    (2, Value::Text("")),
                    (3, Value::Struct(vec![(sort, Value::Struct(values))])),
                ]
            };
            Reply::Struct(vec![(1, Value::Structs(vec![of("id", 2, long), of("price", 6, price)]))])
        }
        // It has no primary key, and says so by an exception; foreign keys are not known to it.
        "get_primary_keys" => Reply::Declared(2, "no such object"),
        _ => Reply::UnknownMethod,
    });
    let name = TableName::new("hive.Sales", "T");
    let Some(Relation::Table(table)) = made.metastore().relation(&name).await.unwrap() else { panic!("a table") };
    assert_eq!(table.name, TableName::new("hive.sales", "t"));
    assert_eq!(table.location, "s3a://lake/t/");
    let kinds: Vec<_> = table.constraints.iter().map(|constraint| (&constraint.kind, constraint.rely)).collect();
    let unique = ConstraintKind::Unique { columns: vec!["price".into()] };
    let not_null = ConstraintKind::NotNull { columns: vec!["id".into()] };
    assert_eq!(kinds, [(&unique, true), (&not_null, false)]);
    let statistics = table.statistics.unwrap();
    assert_eq!(statistics.rows, Some(9));
    let (id, price) = (&statistics.columns["id"], &statistics.columns["price"]);
    assert_eq!((id.min.as_deref(), id.max.as_deref(), id.nulls, id.distinct), (Some("3"), Some("8"), Some(0), Some(6)));
    assert_eq!((price.min.as_deref(), price.max.as_deref(), price.nulls), (Some("-0.01"), Some("12.34"), Some(1)));
}

#[tokio::test]
async fn old_metastores_are_asked_in_the_old_way() {
    let made = made_up(|method, _| match method {
        "get_table" => Reply::Struct(parquet_table()),
        _ => Reply::UnknownMethod,
    });
    let found = made.metastore().relation(&TableName::new("hive.sales", "t")).await.unwrap();
    assert!(matches!(found, Some(Relation::Table(table)) if table.constraints.is_empty()));
    let error = failure(made.metastore()).await;
    assert!(error.message().contains("does not know the call get_all_databases"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_none_and_other_exceptions_are_told() {
    let made = made_up(|method, _| match method {
        "get_table_req" => Reply::Declared(2, "sales.t table not found"),
        "get_database" => Reply::Declared(1, "no such database"),
        _ => Reply::Declared(1, "the database behind it is gone"),
    });
    assert_eq!(made.metastore().relation(&TableName::new("hive.sales", "t")).await.unwrap(), None);
    assert_eq!(made.metastore().database("hive.sales").await.unwrap(), None);
    let error = failure(made.metastore()).await;
    assert!(error.message().contains("the database behind it is gone"), "{error}");
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_is_lost() {
    let made = made_up(|_, connection| match connection {
        0 => Reply::Texts(vec!["b", "a"]),
        _ => Reply::Texts(vec!["c"]),
    });
    let names = async |metastore: &HiveMetastore| {
        metastore.databases().await.unwrap().into_iter().map(|database| database.name).collect::<Vec<_>>()
    };
    assert_eq!(names(made.metastore()).await, ["hive.a", "hive.b"]);
    assert_eq!(names(made.metastore()).await, ["hive.a", "hive.b"]);
    assert_eq!(made.connections.load(Ordering::SeqCst), 1);
    let again = made_up(|_, connection| if connection == 0 { Reply::Close } else { Reply::Texts(vec!["c"]) });
    // A new connection that is closed at once is no lost one.
    let error = failure(again.metastore()).await;
    assert!(error.message().contains("closed the connection without an answer"), "{error}");
    assert!(error.help_lines()[0].contains("Kerberos"), "{error}");
    let calls = AtomicUsize::new(0);
    let restarted = made_up(move |_, _| match calls.fetch_add(1, Ordering::SeqCst) {
        1 => Reply::Close,
        _ => Reply::Texts(vec!["c"]),
    });
    assert_eq!(names(restarted.metastore()).await, ["hive.c"]);
    assert_eq!(names(restarted.metastore()).await, ["hive.c"]);
    assert_eq!(restarted.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    let mut options = made_up(|_, _| Reply::Silence).options;
    options.timeout = Duration::from_millis(300);
    let error = failure(&HiveMetastore::new(HIVE, options)).await;
    assert!(error.message().contains("has not answered in 300ms"), "{error}");
    assert!(error.help_lines()[0].contains("\"timeout\" under [catalog.hive]"), "{error}");
}

#[tokio::test]
async fn bytes_that_trickle_do_not_stretch_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = HiveOptions::new(&format!("thrift://{}", listener.local_addr().unwrap())).unwrap();
    options.timeout = Duration::from_millis(300);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 100]).unwrap() > 0);
        // A list of a million texts, of which one byte comes at a time.
        let _ = stream.write_all(b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x0F\x00\x00\x0B\x00\x0F\x42\x40");
        while stream.write_all(&[0]).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let error = failure(&HiveMetastore::new(HIVE, options)).await;
    assert!(error.message().contains("has not answered in"), "{error}");
}

#[tokio::test]
async fn nonsense_is_an_error_and_no_panic() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        // TLS that was not expected.
        b"\x15\x03\x01\x00\x02\x02\x0A",
        // Lengths that are negative or without end, types that are none, a reply that is a call.
        b"\x80\x01\x00\x02\xFF\xFF\xFF\xFF",
        b"\x80\x01\x00\x02\x7F\xFF\xFF\xFF",
        b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x0F\x00\x00\x0B\xFF\xFF\xFF\xFF",
        b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x0F\x00\x00\x0C\x00\x00\x00\x01\x00",
        b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x63\x00\x00",
        b"\x80\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        // A text that is not UTF-8.
        b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x0F\x00\x00\x0B\x00\x00\x00\x01\x00\x00\x00\x01\xFF\x00",
        // An answer without a result.
        b"\x80\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        let error = failure(made_up(move |_, _| Reply::Raw(bytes)).metastore()).await;
        let text = error.to_string();
        assert!(text.contains("thrift://127.0.0.1") && text.contains("[catalog.hive]"), "{bytes:?}: {text}");
    }
}

#[tokio::test]
async fn one_that_is_down_is_named_with_its_setting_and_the_next_is_asked() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let metastore = HiveMetastore::new(HIVE, HiveOptions::new(&format!("thrift://{down}")).unwrap());
    let error = failure(&metastore).await;
    assert!(error.message().contains(&format!("thrift://{down}: nothing listens there")), "{error}");
    assert!(error.help_lines()[0].contains("\"uri\" under [catalog.hive]"), "{error}");

    let up = made_up(|_, _| Reply::Texts(vec!["a"]));
    let both = HiveOptions::new(&format!("thrift://{down},{}", up.options.uri())).unwrap();
    assert_eq!(HiveMetastore::new(HIVE, both).databases().await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_changed() {
    let made = made_up(|_, _| Reply::UnknownMethod);
    let error = made.metastore().drop_relation(&TableName::new("hive.sales", "t")).await.unwrap_err();
    assert!(error.message().contains("hive.sales.t cannot be changed"), "{error}");
    assert!(made.metastore().create_database(&Database::new("hive.x"), IfExists::Fail).await.is_err());
    assert!(made.metastore().drop_database("hive.x", true).await.is_err());
    assert_eq!(made.connections.load(Ordering::SeqCst), 0);
}
