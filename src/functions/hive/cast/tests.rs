use datafusion::arrow::array::{Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::util::display::array_value_to_string;

use super::*;

#[track_caller]
fn casts(array: impl datafusion::arrow::array::Array + 'static, to: &str, expected: &[&str]) {
    let array: ArrayRef = Arc::new(array);
    let result = cast(&array, &types::parse_type(to).unwrap()).unwrap();
    let texts: Vec<String> = (0..result.len())
        .map(|row| match result.is_null(row) {
            true => "NULL".to_string(),
            false => array_value_to_string(&result, row).unwrap(),
        })
        .collect();
    assert_eq!(texts, expected, "{to}");
}

fn texts(values: &[&str]) -> StringArray {
    StringArray::from(values.to_vec())
}

#[test]
fn texts_become_whole_numbers() {
    casts(
        texts(&["12", " 12 ", "1.9", "-1.9", "+3", "abc", "", ".", ".5", "-.5", "1e3", "3000000000", "1.x"]),
        "INT",
        &["12", "12", "1", "-1", "3", "NULL", "NULL", "NULL", "0", "0", "NULL", "NULL", "NULL"],
    );
    casts(texts(&["127", "128", "-128"]), "TINYINT", &["127", "NULL", "-128"]);
}

#[test]
fn texts_become_other_numbers() {
    casts(texts(&["1.5", " 1e3 ", "x", "2d", "NaN"]), "DOUBLE", &["1.5", "1000.0", "NULL", "2.0", "NaN"]);
    casts(texts(&["1.555", " 2 ", "x", "12345678"]), "DECIMAL(6, 2)", &["1.56", "2.00", "NULL", "NULL"]);
    casts(
        texts(&["t", "TRUE", "yes", "1", "0", "no", "maybe", ""]),
        "BOOLEAN",
        &["true", "true", "true", "true", "false", "false", "true", "false"],
    );
}

#[test]
fn texts_become_dates_and_timestamps() {
    casts(
        texts(&["2024-02-29", "2024-2-9", "2023-02-29", "2024-02-29 10:00:00", "2024-05", "2024", "x", "24-01-01"]),
        "DATE",
        &["2024-02-29", "2024-02-09", "NULL", "2024-02-29", "2024-05-01", "2024-01-01", "NULL", "NULL"],
    );
    casts(
        texts(&[
            "2024-02-29 10:20:30.5",
            "2024-02-29",
            "2024-02-29T1:2",
            "2024-02-29 25:00:00",
            "2024-02-29 10:20:30.1234567",
        ]),
        "TIMESTAMP",
        &[
            "2024-02-29T10:20:30.500",
            "2024-02-29T00:00:00",
            "2024-02-29T01:02:00",
            "NULL",
            "2024-02-29T10:20:30.123456",
        ],
    );
}

#[test]
fn numbers_become_texts_as_in_java() {
    casts(
        Float64Array::from(vec![1.0, 0.1, 1e7, 1.5e10, 0.001, 0.0001, -2.5, f64::NAN, 123456.789, 0.0, 1e-10]),
        "VARCHAR",
        &["1.0", "0.1", "1.0E7", "1.5E10", "0.001", "1.0E-4", "-2.5", "NaN", "123456.789", "0.0", "1.0E-10"],
    );
    casts(
        TimestampMicrosecondArray::from(vec![0, 1_500_000, -1]),
        "VARCHAR",
        &["1970-01-01 00:00:00", "1970-01-01 00:00:01.5", "1969-12-31 23:59:59.999999"],
    );
}

#[test]
fn booleans_and_decimals() {
    use datafusion::arrow::array::{BooleanArray, Decimal128Array};
    casts(BooleanArray::from(vec![true, false]), "VARCHAR", &["TRUE", "FALSE"]);
    casts(BooleanArray::from(vec![true, false]), "DECIMAL(3, 1)", &["1.0", "0.0"]);
    let decimals = Decimal128Array::from(vec![0, 5]).with_precision_and_scale(3, 1).unwrap();
    casts(decimals, "BOOLEAN", &["false", "true"]);
    // As the shortest text of the number says it, not the binary fraction below.
    casts(Float64Array::from(vec![1.255, 1e3, f64::NAN]), "DECIMAL(10, 2)", &["1.26", "1000.00", "NULL"]);
}

#[test]
fn numbers_are_cut_as_in_java() {
    casts(Int64Array::from(vec![300, -129, 5]), "TINYINT", &["44", "127", "5"]);
    casts(Float64Array::from(vec![1.9, -1.9, 1e20, f64::NAN]), "INT", &["1", "-1", "2147483647", "0"]);
    casts(Float64Array::from(vec![300.7]), "TINYINT", &["44"]);
}

#[test]
fn seconds_and_timestamps() {
    casts(Int64Array::from(vec![1500, -1]), "TIMESTAMP", &["1970-01-01T00:00:01.500", "1969-12-31T23:59:59.999"]);
    casts(Float64Array::from(vec![1.5]), "TIMESTAMP", &["1970-01-01T00:00:01.500"]);
    casts(TimestampMicrosecondArray::from(vec![1_500_000, -1]), "BIGINT", &["1", "-1"]);
    casts(TimestampMicrosecondArray::from(vec![1_500_000]), "DOUBLE", &["1.5"]);
}
