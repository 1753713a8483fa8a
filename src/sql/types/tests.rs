use std::collections::HashMap;

use datafusion::arrow::datatypes::{UnionFields, UnionMode};
use proptest::prelude::*;

use super::*;

fn round_trips(data_type: &DataType) {
    let text = to_sql(data_type);
    match parse_type(&text) {
        Ok(back) => assert_eq!(back, *data_type, "by way of {text}"),
        Err(error) => panic!("{data_type}, written as {text}: {error}"),
    }
}

fn parsed(text: &str) -> DataType {
    parse_type(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn list(item: DataType) -> DataType {
    DataType::List(list_item(item))
}

#[test]
fn names_of_simple_types() {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let timestamp = |unit| DataType::Timestamp(unit, None);
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let cases = [
        ("BOOLEAN bool", DataType::Boolean),
        ("TINYINT INT1 BYTE", DataType::Int8),
        ("SMALLINT INT2 SHORT int16", DataType::Int16),
        ("INT INTEGER INT4 MEDIUMINT int(11)", DataType::Int32),
        ("BIGINT INT8 LONG BIGINT(20)", DataType::Int64),
        ("TINYINT/UNSIGNED UTINYINT UINT8", DataType::UInt8),
        ("SMALLINT/UNSIGNED INT2/UNSIGNED USMALLINT", DataType::UInt16),
        ("INT/UNSIGNED INTEGER/UNSIGNED INT4/UNSIGNED UINTEGER", DataType::UInt32),
        ("BIGINT/UNSIGNED INT8/UNSIGNED UBIGINT", DataType::UInt64),
        ("REAL FLOAT4 FLOAT(24)", DataType::Float32),
        ("DOUBLE DOUBLE/PRECISION FLOAT8 FLOAT FLOAT(25) FLOAT64", DataType::Float64),
        ("DECIMAL(12,/2) NUMERIC(12,2) DEC(12,2)", DataType::Decimal128(12, 2)),
        ("DECIMAL(5,/0) DECIMAL(5)", DataType::Decimal128(5, 0)),
        ("DECIMAL(5,/-2)", DataType::Decimal128(5, -2)),
        ("DECIMAL(38,/10) DECIMAL NUMERIC", DataType::Decimal128(38, 10)),
        ("DECIMAL(39,/10)", DataType::Decimal256(39, 10)),
        ("DECIMAL(76,/76)", DataType::Decimal256(76, 76)),
        (
            "VARCHAR TEXT STRING CHAR(3) VARCHAR(20) CHARACTER/VARYING(5) NVARCHAR CLOB TEXT(9) string",
            DataType::Utf8View,
        ),
        ("BINARY BYTEA VARBINARY BLOB VARBINARY(16) BYTES", DataType::Binary),
        ("DATE", DataType::Date32),
        ("TIMESTAMP(9)", timestamp(Nanosecond)),
        (
            "TIMESTAMP TIMESTAMP(6) DATETIME DATETIME(6) TIMESTAMP_NTZ TIMESTAMP/WITHOUT/TIME/ZONE",
            timestamp(Microsecond),
        ),
        ("TIMESTAMP(3)", timestamp(Millisecond)),
        ("TIMESTAMP(0)", timestamp(Second)),
        ("TIMESTAMP(9)/WITH/TIME/ZONE", utc(Nanosecond)),
        ("TIMESTAMP/WITH/TIME/ZONE TIMESTAMPTZ TIMESTAMPTZ(6)", utc(Microsecond)),
        ("TIMESTAMP(0)/WITH/TIME/ZONE", utc(Second)),
        ("TIME TIME(9)", DataType::Time64(Nanosecond)),
        ("TIME(6)", DataType::Time64(Microsecond)),
        ("TIME(3)", DataType::Time32(Millisecond)),
        ("TIME(0)", DataType::Time32(Second)),
        ("INTERVAL INTERVAL/DAY/TO/SECOND", DataType::Interval(IntervalUnit::MonthDayNano)),
    ];
    for (names, data_type) in cases {
        // The first name is the one that is written.
        for (i, name) in names.split(' ').map(|name| name.replace('/', " ")).enumerate() {
            assert_eq!(parsed(&name), data_type, "{name}");
            if i == 0 {
                assert_eq!(to_sql(&data_type), name);
            }
        }
    }
}

#[test]
fn nested_types() {
    let point = DataType::Struct(
        vec![Field::new("x", DataType::Int32, true), Field::new("Lon g", list(DataType::Utf8View), true)].into(),
    );
    let cases = [
        ("ARRAY<INT>", list(DataType::Int32)),
        ("ARRAY<ARRAY<ARRAY<INT UNSIGNED>>>", list(list(list(DataType::UInt32)))),
        ("INT[3]", DataType::FixedSizeList(list_item(DataType::Int32), 3)),
        ("INT[0]", DataType::FixedSizeList(list_item(DataType::Int32), 0)),
        ("STRUCT<x INT, \"Lon g\" ARRAY<VARCHAR>>", point.clone()),
        ("ARRAY<STRUCT<x INT, \"Lon g\" ARRAY<VARCHAR>>>", list(point.clone())),
        ("MAP<VARCHAR, ARRAY<INT>>", map(DataType::Utf8View, list(DataType::Int32))),
        ("MAP<ARRAY<INT>, STRUCT<x INT, \"Lon g\" ARRAY<VARCHAR>>>", map(list(DataType::Int32), point.clone())),
    ];
    for (text, data_type) in cases {
        assert_eq!(parsed(text), data_type, "{text}");
        assert_eq!(to_sql(&data_type), text);
    }
}

#[test]
fn other_spellings_of_nested_types() {
    assert_eq!(parsed("INT[]"), list(DataType::Int32));
    assert_eq!(parsed("INT[][]"), list(list(DataType::Int32)));
    assert_eq!(parsed("struct<A: int, b varchar>"), parsed("STRUCT<a INT, b VARCHAR>"));
    assert_eq!(parsed("STRUCT<INT, VARCHAR>"), parsed("STRUCT<c0 INT, c1 VARCHAR>"));
    let record = parsed("STRUCT<a ARRAY<INT>>");
    assert_eq!(parsed("STRUCT<a ARRAY<INT>>[]"), list(record));
}

#[test]
fn types_without_a_name_in_sql() {
    let named = |name| Arc::new(Field::new(name, DataType::Int32, true));
    let with_id = Field::new("a", DataType::Int32, true)
        .with_metadata(HashMap::from([("PARQUET:field_id".to_owned(), "2".to_owned())]));
    let cases = [
        (DataType::Utf8, "ARROW('Utf8')"),
        (DataType::Null, "ARROW('Null')"),
        (DataType::Decimal256(38, 2), "ARROW('Decimal256(38, 2)')"),
        (DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())), "ARROW('Timestamp(s, \"+02:00\")')"),
        (DataType::Interval(IntervalUnit::DayTime), "ARROW('Interval(DayTime)')"),
        (
            DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
            "ARROW('Dictionary(UInt16, Utf8)')",
        ),
        (DataType::List(named("element")), "ARROW('List(Int32, field: ''element'')')"),
        (DataType::List(Arc::new(Field::new_list_field(DataType::Int32, false))), "ARROW('List(non-null Int32)')"),
        (DataType::Struct(Fields::empty()), "ARROW('Struct()')"),
        (list(DataType::Utf8), "ARRAY<ARROW('Utf8')>"),
        (DataType::FixedSizeList(list_item(list(DataType::Int32)), 2), "ARROW('FixedSizeList(2 x List(Int32))')"),
        (
            DataType::Struct(vec![with_id].into()),
            r#"ARROW('{"struct":[{"name":"a","type":"Int32","metadata":{"PARQUET:field_id":"2"}}]}')"#,
        ),
    ];
    for (data_type, text) in cases {
        assert_eq!(to_sql(&data_type), text);
        assert_eq!(parsed(text), data_type);
    }
}

#[test]
fn names_of_inner_fields_may_be_anything() {
    for name in ["it's", "say \"x\"", "back\\slash", "", "größe", "a b", "new\nline", "select", "{", "')"] {
        let field = Arc::new(Field::new(name, DataType::Int32, true));
        round_trips(&DataType::List(Arc::clone(&field)));
        round_trips(&DataType::LargeList(Arc::clone(&field)));
        round_trips(&DataType::Struct(vec![Arc::clone(&field)].into()));
        round_trips(&DataType::Struct(vec![field.as_ref().clone().with_nullable(false)].into()));
    }
    round_trips(&DataType::Timestamp(TimeUnit::Microsecond, Some("it's \"x\"".into())));
}

#[test]
fn the_statement_parser_reads_what_is_written() {
    let dialect = crate::sql::dialect::Dialect::Ansi.tokens();
    for text in [
        "INT UNSIGNED",
        "TIMESTAMP(6) WITH TIME ZONE",
        "ARRAY<ARRAY<INT>>",
        "INT[3]",
        "DECIMAL(5, -2)",
        "STRUCT<x INT, \"Lon g\" ARRAY<VARCHAR>>",
        "ARROW('List(Int32, field: ''element'')')",
    ] {
        let sql_type = Parser::new(dialect).try_with_sql(text).and_then(|mut parser| parser.parse_data_type());
        assert_eq!(from_sql(&sql_type.expect(text)).expect(text), parsed(text));
    }
}

fn message(text: &str) -> String {
    parse_type(text).expect_err(text).to_string()
}

#[test]
fn an_unknown_type_names_the_nearest() {
    assert_eq!(message("VARCHR"), "unknown type \"VARCHR\" (did you mean VARCHAR?)");
    assert_eq!(message("integr"), "unknown type \"integr\" (did you mean INTEGER?)");
    assert_eq!(message("a.INT"), "unknown type \"a.INT\" (did you mean INT?)");
    assert_eq!(message("geography"), "unknown type \"geography\"");
    assert_eq!(message("ARRAY<STRNG>"), "unknown type \"STRNG\" (did you mean STRING?)");
}

#[test]
fn what_a_type_cannot_have_is_an_error() {
    assert!(message("DECIMAL(0)").starts_with("DECIMAL(0, 0): the precision is 1 to 76"));
    assert!(message("DECIMAL(77)").contains("1 to 76"));
    assert!(message("DECIMAL(5, 6)").contains("not greater than the precision"));
    assert!(message("DECIMAL(300, 2)").contains("1 to 76"));
    assert_eq!(message("TIMESTAMP(2)"), "TIMESTAMP(2): the precision is 0, 3, 6 or 9 digits");
    assert!(message("FLOAT(54)").contains("1 to 53"));
    assert!(message("DOUBLE(10, 2)").contains("DECIMAL"));
    assert!(message("TIME WITH TIME ZONE").contains("not supported"));
    assert!(message("JSON").contains("VARCHAR"));
    assert!(message("STRUCT").contains("needs its fields"));
    assert!(message("ARRAY").contains("is not a type"));
    assert!(message("INT[4294967296]").contains("at most"));
    assert!(message("ARROW").contains("one type in quotes"));
    assert!(message("ARROW('Int33')").contains("\"Int33\" is not an Arrow type"));
    assert!(message("ARROW('{\"struct\": 3}')").contains("is not an Arrow type"));
    assert!(message("INT NOT NULL").contains("one word too many"));
    assert!(message("").contains("is not a type"));
    assert!(message("'INT'").contains("is not a type"));
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let deep = 10_000;
    for text in [
        format!("{}INT{}", "ARRAY<".repeat(deep), ">".repeat(deep)),
        format!("INT{}", "[]".repeat(deep)),
        format!("ARROW('{}Int32{}')", "List(".repeat(deep), ")".repeat(deep)),
        format!("ARROW('{}\"Int32\"{}')", "{\"list\":{\"name\":\"a\",\"type\":".repeat(deep), "}}".repeat(deep)),
    ] {
        assert!(parse_type(&text).is_err());
    }
    let deep = MAX_DEPTH - 1;
    parsed(&format!("{}INT{}", "ARRAY<".repeat(deep), ">".repeat(deep)));
}

/// What [`check_nesting`] says of a statement.
fn nesting_of(statement: &str) -> Result<()> {
    check_nesting(&Tokenizer::new(&TypeDialect, statement).tokenize().unwrap())
}

#[test]
fn statements_with_deep_types_are_stopped_before_the_parser() {
    let deep = 10_000;
    for data_type in [
        format!("{}INT{}", "ARRAY<".repeat(deep), ">".repeat(deep)),
        format!("{}INT", "array < ".repeat(deep)),
        format!("{}INT{}", "STRUCT<a ".repeat(deep), ">".repeat(deep)),
        format!("{}INT{}", "MAP<INT, ".repeat(deep), ">".repeat(deep)),
        format!("INT{}", "[]".repeat(deep)),
        format!("INT{}", "[2]".repeat(deep)),
    ] {
        assert!(nesting_of(&format!("CREATE TABLE t (a {data_type})")).is_err());
    }
}

#[test]
fn many_comparisons_subscripts_and_types_are_not_deep() {
    let many = 10_000;
    for statement in [
        format!("SELECT {}", "a < b AND ".repeat(many)),
        format!("SELECT {}", "\"array\" < b, ".repeat(many)),
        format!("SELECT {}", "a[1][2], ".repeat(many)),
        format!("CREATE TABLE t ({})", "a ARRAY<ARRAY<INT>>, b STRUCT<a INT>, c INT[][], ".repeat(many)),
    ] {
        nesting_of(&statement).unwrap();
    }
}

#[test]
fn display_names_hide_how_values_lie_in_memory() {
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let record = DataType::Struct(vec![Field::new("Key", dictionary.clone(), false)].into());
    let cases = [
        (DataType::Utf8, "VARCHAR"),
        (DataType::Utf8View, "VARCHAR"),
        (dictionary, "VARCHAR"),
        (DataType::BinaryView, "BINARY"),
        (DataType::Decimal64(9, 2), "DECIMAL(9, 2)"),
        (DataType::Timestamp(TimeUnit::Millisecond, Some("+01:00".into())), "TIMESTAMP(3) WITH TIME ZONE"),
        (DataType::Timestamp(TimeUnit::Microsecond, None), "TIMESTAMP"),
        (DataType::Timestamp(TimeUnit::Nanosecond, None), "TIMESTAMP(9)"),
        (DataType::LargeList(Arc::new(Field::new("element", record, false))), "ARRAY<STRUCT<\"Key\" VARCHAR>>"),
        (map(DataType::Utf8, DataType::Int64), "MAP<VARCHAR, BIGINT>"),
        (DataType::Null, "NULL"),
        (DataType::Float16, "FLOAT16"),
    ];
    for (data_type, name) in cases {
        assert_eq!(display_name(&data_type), name);
    }
}

#[test]
fn casts_and_columns_mean_the_same_types() {
    use datafusion::logical_expr::planner::TypePlanner;
    let planned = |text: &str| {
        let sql_type = Parser::new(&TypeDialect).try_with_sql(text).unwrap().parse_data_type().unwrap();
        SqlTypePlanner.plan_type_field(&sql_type).map(|field| field.map(|field| field.data_type().clone()))
    };
    assert_eq!(planned("FLOAT").unwrap(), Some(DataType::Float64));
    assert_eq!(planned("ARROW('Utf8')").unwrap(), Some(DataType::Utf8));
    // Left to DataFusion: it knows the session's zone, and asks again for the types inside.
    assert_eq!(planned("TIMESTAMP WITH TIME ZONE").unwrap(), None);
    assert_eq!(planned("ARRAY<FLOAT>").unwrap(), None);
    assert!(planned(&format!("INT{}", "[]".repeat(MAX_DEPTH + 1))).is_err());
    let error = planned("VARCHR").unwrap_err().to_string();
    assert!(error.contains("did you mean VARCHAR?"), "{error}");
}

fn simple_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let unit = || {
        prop_oneof![
            Just(TimeUnit::Second),
            Just(TimeUnit::Millisecond),
            Just(TimeUnit::Microsecond),
            Just(TimeUnit::Nanosecond)
        ]
    };
    let decimal =
        |max: u8| (1..=max).prop_flat_map(|precision| (Just(precision), -(precision as i8)..=precision as i8));
    prop_oneof![
        prop::sample::select(vec![
            Null,
            Boolean,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt8,
            UInt16,
            UInt32,
            UInt64,
            Float16,
            Float32,
            Float64,
            Date32,
            Date64,
            Time32(TimeUnit::Second),
            Time32(TimeUnit::Millisecond),
            Time64(TimeUnit::Microsecond),
            Time64(TimeUnit::Nanosecond),
            Interval(IntervalUnit::YearMonth),
            Interval(IntervalUnit::DayTime),
            Interval(IntervalUnit::MonthDayNano),
            Binary,
            LargeBinary,
            BinaryView,
            Utf8,
            LargeUtf8,
            Utf8View,
        ]),
        (0..i32::MAX).prop_map(FixedSizeBinary),
        unit().prop_map(Duration),
        (unit(), prop::option::of(prop_oneof![Just("UTC".to_owned()), ".{0,6}", Just("+05:30".to_owned())]))
            .prop_map(|(unit, zone)| Timestamp(unit, zone.map(Into::into))),
        decimal(9).prop_map(|(precision, scale)| Decimal32(precision, scale)),
        decimal(18).prop_map(|(precision, scale)| Decimal64(precision, scale)),
        decimal(38).prop_map(|(precision, scale)| Decimal128(precision, scale)),
        decimal(76).prop_map(|(precision, scale)| Decimal256(precision, scale)),
    ]
}

fn any_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    simple_type().prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            4 => "[a-z_][a-z0-9_]{0,5}".boxed(),
            1 => ".{0,4}".boxed(),
            1 => prop::sample::select(vec!["item", "element", "it's", "\"", "\\", "select", "Größe"])
                .prop_map(str::to_owned)
                .boxed(),
        ];
        let metadata = prop_oneof![
            6 => Just(HashMap::new()).boxed(),
            1 => prop::collection::hash_map(".{0,3}", ".{0,3}", 0..3).boxed(),
        ];
        let any_field = (name, inner.clone(), prop::bool::weighted(0.8), metadata)
            .prop_map(|(name, data_type, nullable, metadata)| {
                Arc::new(Field::new(name, data_type, nullable).with_metadata(metadata))
            })
            .boxed();
        let item = prop_oneof![inner.clone().prop_map(list_item), any_field.clone()].boxed();
        let fields = prop::collection::vec(any_field.clone(), 0..4);
        let union = (prop::collection::btree_map(0..=i8::MAX, any_field.clone(), 0..4), any::<bool>()).prop_map(
            |(fields, dense)| {
                let mode = if dense { UnionMode::Dense } else { UnionMode::Sparse };
                Union(UnionFields::from_iter(fields), mode)
            },
        );
        prop_oneof![
            item.clone().prop_map(List),
            item.clone().prop_map(LargeList),
            item.clone().prop_map(ListView),
            item.clone().prop_map(LargeListView),
            (item, 0..i32::MAX).prop_map(|(item, size)| FixedSizeList(item, size)),
            fields.prop_map(|fields| Struct(fields.into())),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| map(key, value)),
            (any_field.clone(), any::<bool>()).prop_map(|(entries, sorted)| Map(entries, sorted)),
            (inner.clone(), inner).prop_map(|(keys, values)| Dictionary(Box::new(keys), Box::new(values))),
            (any_field.clone(), any_field).prop_map(|(ends, values)| RunEndEncoded(ends, values)),
            union,
        ]
    })
}

proptest! {
    #[test]
    fn every_type_round_trips(data_type in any_type()) {
        round_trips(&data_type);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}") {
        let _ = parse_type(&text);
    }

    #[test]
    fn display_names_are_never_empty(data_type in any_type()) {
        prop_assert!(!display_name(&data_type).is_empty());
    }
}
