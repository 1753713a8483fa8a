//! Parquet: partitions, files that differ, statistics, broken files.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, Int32Array, Int64Array, ListArray, StringArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::Session;
use crate::error::ErrorKind;
use crate::storage::{TableSpec, with_plain_readers};

/// Writes one row group with the given columns.
pub(super) fn write_parquet(path: &Path, columns: &[(&str, ArrayRef)]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, Arc::clone(array), true)))
            .unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(super) fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

pub(super) fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(super) fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn every_compression_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let level = |name: &str| match name {
        "gzip" => Compression::GZIP(Default::default()),
        "brotli" => Compression::BROTLI(Default::default()),
        "zstd" => Compression::ZSTD(Default::default()),
        "lz4" => Compression::LZ4,
        "lz4_raw" => Compression::LZ4_RAW,
        "snappy" => Compression::SNAPPY,
        _ => Compression::UNCOMPRESSED,
    };
    std::fs::create_dir(dir.path().join("t")).unwrap();
    let batch = RecordBatch::try_from_iter([("s", strings(&["same"; 1000]))]).unwrap();
    for name in ["gzip", "brotli", "zstd", "lz4", "lz4_raw", "snappy", "none"] {
        let properties = WriterProperties::builder().set_compression(level(name)).build();
        let file = std::fs::File::create(dir.path().join(format!("t/{name}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select s, count(*) from t group by s").await.unwrap(), ["same|7000"]);
}

#[tokio::test]
async fn hive_partitions_have_types_nulls_and_decoded_values() {
    let session = Session::testdata();
    session.table("events").await.unwrap();
    let columns = session.columns().await;
    assert_eq!(columns[5..], ["country Utf8View", "dt Date32"], "{columns:?}");
    let rows = session
        .rows("select country, dt, count(*), sum(amount) from t group by 1, 2 order by 1 nulls last, 2")
        .await
        .unwrap();
    assert_eq!(
        rows,
        [
            "DE|2026-01-02|24|7494.51",
            "EU:West|2026-01-03|28|7583.43",
            "KR|2026-01-01|50|14328.56",
            "KR|2026-01-02|40|10761.04",
            "KR|2026-01-03|25|8036.87",
            "US|2026-01-01|35|9836.00",
            "US|2026-01-02|30|7999.98",
            "~|2026-01-03|20|6424.28",
        ]
    );
}

#[tokio::test]
async fn filters_on_null_partitions() {
    let session = Session::testdata();
    session.table("events").await.unwrap();
    for (filter, count) in [
        ("country is null", 20),
        ("country is not null", 232),
        ("country = 'KR' and dt < '2026-01-03'", 90),
        ("country <> 'KR'", 117),
        ("country is null or id = 1", 21),
        ("coalesce(country, 'none') = 'none'", 20),
        ("dt = date '2030-01-01'", 0),
        ("country in ('DE', 'US')", 89),
        ("country = (select min(country) from t)", 24),
    ] {
        let rows = session.rows(&format!("select count(*) from t where {filter}")).await.unwrap();
        assert_eq!(rows, [count.to_string()], "{filter}");
    }
    // Not only the count: rows come out with their partition values.
    let rows = session.rows("select distinct country, dt from t where country is null").await.unwrap();
    assert_eq!(rows, ["~|2026-01-03"]);
}

#[tokio::test]
async fn partition_filters_leave_no_other_file_in_the_plan() {
    let session = Session::testdata();
    session.table("events").await.unwrap();
    let plan = session
        .rows("explain format indent select id from t where country = 'KR' and dt = '2026-01-01'")
        .await
        .unwrap()
        .join("\n");
    assert!(plan.contains("dt=2026-01-01/part-1.parquet") && !plan.contains("country=US"), "{plan}");
    assert!(!plan.contains("FilterExec"), "{plan}");
}

#[tokio::test]
async fn types_widen_over_files_and_missing_columns_are_null() {
    let session = Session::testdata();
    session.table("broken/widen").await.unwrap();
    assert_eq!(session.columns().await, ["x Int64", "y Utf8View", "z Float64"]);
    let rows = session.rows("select x, y, z from t order by x").await.unwrap();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().filter(|row| row.contains("|~|")).count() > 0, "{rows:?}");
    assert!(rows.iter().filter(|row| row.ends_with("|~")).count() > 0, "{rows:?}");
}

#[tokio::test]
async fn nested_columns_widen_by_field() {
    let record = |fields: Vec<(&str, ArrayRef)>| -> ArrayRef {
        let fields = fields.into_iter().map(|(n, a)| (Arc::new(Field::new(n, a.data_type().clone(), true)), a));
        Arc::new(StructArray::from(fields.collect::<Vec<_>>()))
    };
    let list = |items: ArrayRef| -> ArrayRef {
        let item = Arc::new(Field::new("item", items.data_type().clone(), true));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([items.len()]), items, None))
    };
    let dir = tempfile::tempdir().unwrap();
    let a = record(vec![("a", ints(&[1]))]);
    let b = record(vec![("b", strings(&["x"])), ("a", longs(&[2]))]);
    write_parquet(
        &dir.path().join("t/a.parquet"),
        &[("r", Arc::clone(&a)), ("l", list(ints(&[1, 2]))), ("lr", list(a))],
    );
    write_parquet(&dir.path().join("t/b.parquet"), &[("r", Arc::clone(&b)), ("l", list(longs(&[3]))), ("lr", list(b))]);
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    let rows = session.rows("select r['a'], r['b'], l from t order by 1").await.unwrap();
    assert_eq!(rows, ["1|~|[1, 2]", "2|x|[3]"]);
    let rows = session.rows("select lr[1]['a'], lr[1]['b'] from t order by 1").await.unwrap();
    assert_eq!(rows, ["1|~", "2|x"]);
    assert_eq!(session.rows("select r from t order by r['a']").await.unwrap(), ["{a: 1, b: ~}", "{a: 2, b: x}"]);
    assert_eq!(session.rows("select count(*) from t where r['b'] is null").await.unwrap(), ["1"]);
}

/// DataFusion alone answers `max` here with the number of the file whose type happens to be the table's.
#[tokio::test]
async fn minimum_and_maximum_are_right_over_files_of_different_types() {
    let dir = tempfile::tempdir().unwrap();
    write_parquet(&dir.path().join("t/a.parquet"), &[("x", ints(&[-100, 100]))]);
    write_parquet(&dir.path().join("t/b.parquet"), &[("x", longs(&[1, 5]))]);
    write_parquet(&dir.path().join("t/c.parquet"), &[("y", longs(&[7]))]);
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    let rows = session.rows("select min(x), max(x), count(x), count(*), min(y), max(y) from t").await.unwrap();
    assert_eq!(rows, ["-100|100|4|5|7|7"]);
    for (filter, count) in [("x > 50", 1), ("x < 0", 1), ("x is null", 1), ("x is not null", 4), ("y = 7", 1)] {
        let rows = session.rows(&format!("select count(*) from t where {filter}")).await.unwrap();
        assert_eq!(rows, [count.to_string()], "{filter}");
    }
}

#[tokio::test]
async fn incompatible_files_are_refused_with_both_names() {
    let session = Session::testdata();
    let error = session.table("broken/types_a_b").await.unwrap_err();
    for part in ["\"x\"", "broken/types_a_b/a.parquet", "broken/types_a_b/b.parquet", "INT", "VARCHAR"] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[tokio::test]
async fn broken_files_are_named() {
    let session = Session::testdata();
    for (file, why) in [
        ("broken/truncated.parquet", "its end is missing"),
        ("broken/not_parquet.parquet", "not a Parquet file"),
        ("broken/empty.parquet", "is empty"),
    ] {
        let error = session.table(file).await.unwrap_err();
        assert!(error.message().starts_with(file) && error.message().contains(why), "{error}");
        assert_eq!(error.kind(), ErrorKind::Storage);
    }
}

/// The length in the footer is trusted by the parser, which then reckons with numbers below zero.
#[tokio::test]
async fn a_footer_that_lies_about_its_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::at(dir.path());
    for bytes in [b"PAR1".as_slice(), b"PAR1aaaaaaaaaaaaaaaaPAR1", b"PAR1\x08\0\0\0PAR1", b"PAR1xxxx\x04\0\0\0PAR1"] {
        std::fs::write(dir.path().join("a.parquet"), bytes).unwrap();
        let error = session.table("a.parquet").await.unwrap_err();
        assert!(error.message().starts_with("a.parquet"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Storage);
    }
}

#[tokio::test]
async fn a_file_that_breaks_after_its_footer_was_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        write_parquet(&dir.path().join(format!("t/{name}.parquet")), &[("x", longs(&[1, 2, 3]))]);
    }
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    std::fs::remove_file(dir.path().join("t/b.parquet")).unwrap();
    let error = session.rows("select sum(x) from t").await.unwrap_err();
    assert!(error.message().contains("t/b.parquet"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn files_added_from_outside_are_seen_by_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    write_parquet(&dir.path().join("t/a.parquet"), &[("x", longs(&[1]))]);
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["1"]);
    write_parquet(&dir.path().join("t/b.parquet"), &[("x", longs(&[2])), ("y", strings(&["new"]))]);
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select x, y from t order by x").await.unwrap(), ["1|~", "2|new"]);
    // A file that was replaced is read anew, statistics included.
    write_parquet(&dir.path().join("t/a.parquet"), &[("x", longs(&[900]))]);
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select min(x), max(x) from t").await.unwrap(), ["2|900"]);
}

#[tokio::test]
async fn declared_columns_are_cast_and_found_in_any_case() {
    let dir = tempfile::tempdir().unwrap();
    write_parquet(
        &dir.path().join("t/a.parquet"),
        &[("ID", ints(&[1, 2])), ("Name", strings(&["x", "y"])), ("extra", ints(&[0, 0]))],
    );
    let session = Session::at(dir.path());
    let declared = |id| {
        Some(Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8View, true),
            Field::new("id", id, true),
            Field::new("later", DataType::Boolean, true),
        ])))
    };
    let spec = TableSpec { columns: declared(DataType::Int64), ..TableSpec::of(session.location("t")) };
    session.table_of(spec.clone()).await.unwrap();
    assert_eq!(session.rows("select * from t where id >= 1 order by id").await.unwrap(), ["x|1|~", "y|2|~"]);
    assert_eq!(
        session.rows("select count(*), max(id), count(later) from t where name = 'y'").await.unwrap(),
        ["1|2|0"]
    );

    let record = DataType::Struct(vec![Field::new("a", DataType::Date32, true)].into());
    session.table_of(TableSpec { columns: declared(record), ..spec }).await.unwrap();
    let error = session.rows("select id from t").await.unwrap_err();
    assert!(error.message().contains("t/a.parquet") && error.message().contains("\"id\""), "{error}");
}

#[tokio::test]
async fn a_declared_table_may_be_empty() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::at(dir.path());
    let columns = Some(Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)])));
    let format = Some(crate::catalog::model::FileFormat::Parquet);
    session.table_of(TableSpec { columns, format, ..TableSpec::of(session.location("none")) }).await.unwrap();
    assert_eq!(session.rows("select count(*), max(x) from t").await.unwrap(), ["0|~"]);
    assert_eq!(session.rows("select x from t where x > 1").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_column_in_folder_names_and_files_counts_from_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_parquet(&dir.path().join("t/k=5/a.parquet"), &[("k", longs(&[0, 0])), ("x", longs(&[1, 2]))]);
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select k, x from t where k = 5 order by x").await.unwrap(), ["5|1", "5|2"]);
}

#[tokio::test]
async fn limits_and_projections() {
    let session = Session::testdata();
    session.table("tpch/lineitem.parquet").await.unwrap();
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["60175"]);
    assert_eq!(session.rows("select l_orderkey from t limit 7").await.unwrap().len(), 7);
    assert_eq!(
        session.rows("select count(*) from (select 1 from t where l_quantity > 49 limit 9)").await.unwrap(),
        ["9"]
    );
}

#[tokio::test]
async fn plans_can_be_made_of_datafusions_own_readers() {
    let session = Session::testdata();
    session.table("tpch/nation.parquet").await.unwrap();
    let frame = session.context.sql("select count(*) from t where n_nationkey > 3").await.unwrap();
    let plan = with_plain_readers(frame.create_physical_plan().await.unwrap()).unwrap();
    let shown = format!("{}", datafusion::physical_plan::displayable(plan.as_ref()).indent(false));
    assert!(shown.contains("file_type=parquet"), "{shown}");
    let batches = datafusion::physical_plan::collect(plan, session.context.task_ctx()).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
}
