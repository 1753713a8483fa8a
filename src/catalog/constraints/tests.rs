use futures::executor::block_on;

use super::*;
use crate::catalog::MemoryMetastore;
use crate::catalog::suite::{self, EmptyTables, assert_fails, column, create, name, table, texts};

fn declared(kind: ConstraintKind) -> DeclaredConstraint {
    DeclaredConstraint { name: None, kind, enabled: true, validate: false, rely: false }
}

fn named(constraint_name: &str, kind: ConstraintKind) -> DeclaredConstraint {
    DeclaredConstraint { name: Some(constraint_name.into()), ..declared(kind) }
}

fn primary_key<const N: usize>(columns: [&str; N]) -> ConstraintKind {
    ConstraintKind::PrimaryKey { columns: texts(columns) }
}

fn unique<const N: usize>(columns: [&str; N]) -> ConstraintKind {
    ConstraintKind::Unique { columns: texts(columns) }
}

fn not_null<const N: usize>(columns: [&str; N]) -> ConstraintKind {
    ConstraintKind::NotNull { columns: texts(columns) }
}

fn foreign_key<const N: usize, const M: usize>(columns: [&str; N], to: &str, to_columns: [&str; M]) -> ConstraintKind {
    ConstraintKind::ForeignKey { columns: texts(columns), references: name(to), referenced_columns: texts(to_columns) }
}

fn orders() -> Table {
    let columns = vec![
        column("o_orderkey", DataType::Int64),
        column("o_custkey", DataType::Int32),
        column("o_clerk", DataType::Utf8View),
    ];
    Table { columns, partition_columns: Some(vec![column("dt", DataType::Date32)]), ..table("orders") }
}

fn customer() -> Table {
    let columns = vec![column("c_custkey", DataType::Int64), column("c_name", DataType::LargeUtf8)];
    let key = suite::constraint("customer_pkey", primary_key(["c_custkey"]));
    let name = suite::constraint("customer_c_name_key", unique(["c_name"]));
    Table { columns, constraints: vec![key, name], ..table("customer") }
}

/// Declares constraints on `orders`, in a catalog that also has `customer`, a view `v` and the table `undeclared`.
fn declare_on(mut orders: Table, declared: Vec<DeclaredConstraint>) -> Result<Table> {
    block_on(async {
        let store = MemoryMetastore::new();
        create(&store, customer()).await;
        create(&store, suite::view("v")).await;
        let key = suite::constraint("k", unique(["found"]));
        create(&store, Table { columns: vec![], constraints: vec![key], ..table("undeclared") }).await;
        let others = referenced_tables(&store, &EmptyTables, &orders.name, &declared).await?;
        let columns = columns_of(&orders, &EmptyTables).await?;
        let before = orders.clone();
        let outcome = declare(&mut orders, &columns, declared, &others);
        if outcome.is_err() {
            assert_eq!(orders, before, "a failed declaration changes nothing");
        }
        outcome.map(|()| orders)
    })
}

fn one(kind: ConstraintKind) -> Result<Table> {
    declare_on(orders(), vec![declared(kind)])
}

fn names(table: &Table) -> Vec<&str> {
    table.constraints.iter().map(|constraint| constraint.name.as_str()).collect()
}

#[test]
fn names_are_found_as_postgresql_does() {
    let table = declare_on(
        orders(),
        vec![
            declared(primary_key(["o_orderkey"])),
            declared(foreign_key(["o_custkey"], "customer", ["c_custkey"])),
            declared(unique(["o_clerk", "dt"])),
            declared(not_null(["o_custkey"])),
        ],
    )
    .unwrap();
    assert_eq!(
        names(&table),
        ["orders_pkey", "orders_o_custkey_fkey", "orders_o_clerk_dt_key", "orders_o_custkey_not_null"]
    );
}

#[test]
fn found_names_are_unique() {
    let mut orders = orders();
    orders.constraints.push(suite::constraint("orders_o_clerk_key", unique(["o_clerk"])));
    let table = declare_on(
        orders,
        vec![
            declared(unique(["o_clerk"])),
            declared(primary_key(["o_orderkey"])),
            declared(unique(["o_clerk"])),
            // A name that was chosen is kept, also when it comes later.
            named("orders_pkey", not_null(["o_orderkey"])),
        ],
    )
    .unwrap();
    assert_eq!(
        names(&table),
        ["orders_o_clerk_key", "orders_o_clerk_key1", "orders_pkey1", "orders_o_clerk_key2", "orders_pkey"]
    );
}

#[test]
fn flags_and_names_are_kept() {
    let given =
        DeclaredConstraint { enabled: false, validate: true, rely: true, ..named("My key – 鍵", unique(["dt"])) };
    let table = declare_on(orders(), vec![given]).unwrap();
    let kept =
        Constraint { name: "My key – 鍵".into(), kind: unique(["dt"]), enabled: false, validate: true, rely: true };
    assert_eq!(table.constraints, [kept]);
}

#[test]
fn chosen_names_must_be_free() {
    let twice = vec![named("k", unique(["dt"])), named("k", not_null(["dt"]))];
    assert_fails(declare_on(orders(), twice), "default.orders already has a constraint \"k\"", None);
    let mut with_key = orders();
    with_key.constraints.push(suite::constraint("k", unique(["dt"])));
    let again = vec![named("k", unique(["o_clerk"]))];
    assert_fails(declare_on(with_key, again), "default.orders already has a constraint \"k\"", None);
    let nameless = vec![named("", unique(["dt"]))];
    assert_fails(declare_on(orders(), nameless), "a constraint's name cannot be empty", None);
}

#[test]
fn unknown_columns_are_named_with_the_nearest() {
    let meant = Some("did you mean \"o_custkey\"?");
    for kind in [primary_key(["o_cutskey"]), unique(["o_cutskey"]), not_null(["o_cutskey"])] {
        assert_fails(one(kind), "no column \"o_cutskey\" in default.orders", meant);
    }
    let own = foreign_key(["o_cutskey"], "customer", ["c_custkey"]);
    assert_fails(one(own), "no column \"o_cutskey\" in default.orders", meant);
    let other = foreign_key(["o_custkey"], "customer", ["c_cutskey"]);
    assert_fails(one(other), "no column \"c_cutskey\" in default.customer", Some("did you mean \"c_custkey\"?"));
    assert_fails(one(unique(["O_CUSTKEY"])), "no column \"O_CUSTKEY\" in default.orders", meant);
}

#[test]
fn columns_stand_once_and_there_is_one() {
    assert_fails(one(unique(["dt", "dt"])), "the column \"dt\" stands twice in UNIQUE (dt, dt)", None);
    let to_one = foreign_key(["o_custkey", "o_orderkey"], "customer", ["c_custkey", "c_custkey"]);
    assert_fails(one(to_one), "the column \"c_custkey\" stands twice in FOREIGN KEY (c_custkey, c_custkey)", None);
    assert_fails(one(primary_key([])), "PRIMARY KEY needs the names of its columns", None);
}

#[test]
fn a_table_has_one_primary_key() {
    let twice = vec![declared(primary_key(["o_orderkey"])), declared(primary_key(["o_custkey"]))];
    assert_fails(
        declare_on(orders(), twice),
        "default.orders already has a primary key, \"orders_pkey\"",
        Some("ALTER TABLE default.orders DROP CONSTRAINT orders_pkey takes it away; declare further keys UNIQUE"),
    );
}

#[test]
fn foreign_keys_default_to_the_primary_key() {
    let table = one(foreign_key(["o_custkey"], "customer", [])).unwrap();
    assert_eq!(table.constraints[0].kind, foreign_key(["o_custkey"], "customer", ["c_custkey"]));
    assert_fails(
        one(foreign_key(["o_custkey"], "undeclared", [])),
        "default.undeclared has no primary key to reference",
        Some("name the columns: REFERENCES default.undeclared (…)"),
    );
    // One that was declared just before, in the same statement.
    let to_itself = vec![declared(primary_key(["o_orderkey"])), declared(foreign_key(["o_custkey"], "orders", []))];
    let table = declare_on(orders(), to_itself).unwrap();
    assert_eq!(table.constraints[1].kind, foreign_key(["o_custkey"], "orders", ["o_orderkey"]));
}

#[test]
fn foreign_keys_pair_columns() {
    assert_fails(
        one(foreign_key(["o_custkey", "o_clerk"], "customer", [])),
        "the foreign key (o_custkey, o_clerk) has 2 columns, but references 1 of default.customer: (c_custkey)",
        None,
    );
    assert_fails(
        one(foreign_key(["o_custkey"], "customer", ["c_custkey", "c_name"])),
        "the foreign key (o_custkey) has 1 column, but references 2 of default.customer: (c_custkey, c_name)",
        None,
    );
}

#[test]
fn foreign_keys_reference_a_declared_key() {
    assert_fails(
        one(foreign_key(["o_custkey", "o_clerk"], "customer", ["c_custkey", "c_name"])),
        "(c_custkey, c_name) is no declared key of default.customer: a foreign key references a PRIMARY KEY or UNIQUE",
        Some("ALTER TABLE default.customer ADD UNIQUE (c_custkey, c_name) declares it"),
    );
    let to_itself = declared(foreign_key(["o_custkey"], "orders", ["o_orderkey"]));
    assert!(declare_on(orders(), vec![to_itself.clone()]).is_err());
    // The order of a key's columns does not matter.
    let both = || vec![declared(unique(["o_orderkey", "o_custkey"]))];
    let swapped = declared(foreign_key(["o_orderkey", "o_custkey"], "orders", ["o_custkey", "o_orderkey"]));
    declare_on(orders(), [both(), vec![swapped]].concat()).unwrap();
    assert!(declare_on(orders(), [both(), vec![to_itself]].concat()).is_err(), "a part of a key is none");
}

#[test]
fn foreign_keys_need_a_table_to_reference() {
    assert_fails(
        one(foreign_key(["o_custkey"], "custmer", ["c_custkey"])),
        "no table or view \"custmer\" in default",
        Some("did you mean \"customer\"?"),
    );
    assert_fails(
        one(foreign_key(["o_custkey"], "v", ["a"])),
        "default.v is a view: a foreign key references a table",
        None,
    );
}

#[test]
fn what_foreign_keys_pair_must_be_comparable() {
    assert_fails(
        one(foreign_key(["o_clerk"], "customer", ["c_custkey"])),
        "o_clerk is VARCHAR, but default.customer.c_custkey, which it references, is BIGINT",
        None,
    );
    one(foreign_key(["o_clerk"], "customer", ["c_name"])).unwrap();
    one(foreign_key(["o_custkey"], "customer", ["c_custkey"])).unwrap();
}

#[test]
fn comparable_types() {
    use DataType::*;
    let dictionary = Dictionary(Box::new(UInt16), Box::new(Utf8));
    let list = || new_list(Int32);
    for (one, other) in [
        (Int8, UInt64),
        (Int64, Decimal128(12, 2)),
        (Utf8, Utf8View),
        (dictionary.clone(), LargeUtf8),
        (Binary, FixedSizeBinary(16)),
        (Float32, Float64),
        (Date32, Date64),
        (list(), list()),
        (Boolean, Boolean),
    ] {
        assert!(are_comparable(&one, &other) && are_comparable(&other, &one), "{one} {other}");
    }
    for (one, other) in [
        (Int64, Utf8),
        (Int64, Float64),
        (Date32, Utf8),
        (Date32, Int32),
        (Boolean, Int8),
        (dictionary, Int32),
        (list(), new_list(Int64)),
        (Utf8, Binary),
    ] {
        assert!(!are_comparable(&one, &other) && !are_comparable(&other, &one), "{one} {other}");
    }
}

fn new_list(item: DataType) -> DataType {
    DataType::new_list(item, true)
}

#[test]
fn columns_may_be_those_of_the_files() {
    let undeclared = || Table { columns: vec![], partition_columns: None, ..table("orders") };
    declare_on(undeclared(), vec![declared(unique(["found"]))]).unwrap();
    let wrong = declare_on(undeclared(), vec![declared(unique(["fuond"]))]);
    assert_fails(wrong, "no column \"fuond\" in default.orders", Some("did you mean \"found\"?"));
    one(foreign_key(["o_custkey"], "undeclared", ["found"])).unwrap();
}

#[test]
fn dropping_a_constraint() {
    let mut table = customer();
    let error = drop_constraint(&mut table, "customer_pky");
    assert_fails(error, "no constraint \"customer_pky\" on default.customer", Some("did you mean \"customer_pkey\"?"));
    assert_eq!(drop_constraint(&mut table, "customer_pkey").unwrap().kind, primary_key(["c_custkey"]));
    assert_eq!(names(&table), ["customer_c_name_key"]);
}
