//! Tables with constraints, plans and results, for the tests of facts and rules.
//!
//! ```ignore
//! let lab = Lab::new("
//!     CREATE TABLE region (id BIGINT PRIMARY KEY, name TEXT UNIQUE);
//!     CREATE TABLE customer (id BIGINT PRIMARY KEY, region_id BIGINT REFERENCES region (id));
//!     INSERT INTO customer VALUES (1, 10), (2, NULL);
//! ");
//! let facts = lab.facts("SELECT * FROM customer WHERE id = 1");
//! lab.assert_same_rows("SELECT c.id FROM customer c LEFT JOIN region r ON c.region_id = r.id");
//! ```
//!
//! [`lab()`] has tables that do for most tests. The data is not checked against the constraints: that is the test's business.
//! Constraints are declared RELY; nothing is known from the data itself, unless [`Lab::with_file_facts`] says so.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast::{
    ColumnOption, CreateTable, ForeignKeyConstraint, Ident, IndexColumn, ObjectName, Statement, TableConstraint,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::facts::{
    ConstraintRef, Facts, FactsCache, FileColumnFacts, InstanceTag, KnownConstraint, KnownConstraintKind, KnownTable,
    TableFacts, Trust,
};
use super::trace::{SharedTrace, Trace};
use super::{RepeatedKeysInFrom, Rule, prune, rules_with_prune};
use crate::catalog::model::TableName;

/// The tables of most tests: a chain `line → orders → customer → region` with a nullable foreign key in it, a child with a composite
/// foreign key, and a table of which nothing is known.
const TABLES: &str = "
    CREATE TABLE region (id BIGINT PRIMARY KEY, name TEXT UNIQUE, size BIGINT NOT NULL);
    CREATE TABLE customer (
        id BIGINT PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, region_id BIGINT REFERENCES region (id),
        age BIGINT, vip BOOLEAN NOT NULL
    );
    CREATE TABLE orders (
        id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES customer (id),
        referrer_id BIGINT REFERENCES customer (id), day DATE NOT NULL, amount BIGINT, note TEXT
    );
    CREATE TABLE line (
        order_id BIGINT REFERENCES orders (id), number BIGINT, part_id BIGINT, part_kind TEXT, price BIGINT NOT NULL,
        PRIMARY KEY (order_id, number), FOREIGN KEY (part_id, part_kind) REFERENCES part (id, kind)
    );
    CREATE TABLE part (id BIGINT, kind TEXT, name TEXT, PRIMARY KEY (id, kind));
    CREATE TABLE loose (a BIGINT, b BIGINT, c TEXT, x DOUBLE PRECISION);
    CREATE TABLE void (id BIGINT PRIMARY KEY, a BIGINT);
    INSERT INTO region VALUES (1, 'north', 10), (2, 'south', 20), (3, NULL, 30), (4, NULL, 40);
    INSERT INTO customer VALUES
        (1, 'ann', 'a@x', 1, 30, true), (2, 'bob', NULL, 2, NULL, false), (3, 'cas', NULL, NULL, 41, true),
        (4, 'dan', 'd@x', 2, 30, false), (5, 'ann', 'e@x', 3, NULL, true);
    INSERT INTO orders VALUES
        (1, 1, NULL, '2024-01-01', 100, 'a'), (2, 1, 2, '2024-01-02', NULL, NULL), (3, 2, 2, '2024-01-02', 50, 'a'),
        (4, 3, 1, '2024-01-03', 50, NULL), (5, 4, NULL, '2024-02-01', 70, 'b'), (6, 5, 4, '2024-02-01', 100, 'c');
    INSERT INTO line VALUES
        (1, 1, 1, 'x', 5), (1, 2, 2, 'x', 6), (2, 1, NULL, 'x', 7), (3, 1, 1, 'y', 5), (3, 2, NULL, NULL, 9),
        (4, 1, 2, NULL, 1), (6, 1, 1, 'x', 5), (6, 2, 1, 'x', 5);
    INSERT INTO part VALUES (1, 'x', 'bolt'), (2, 'x', 'nut'), (1, 'y', 'gear'), (3, 'z', NULL);
    INSERT INTO loose VALUES
        (1, 1, 'p', 1.5), (1, 1, 'p', 1.5), (2, NULL, 'q', NULL), (NULL, NULL, NULL, 0.0), (NULL, 3, 'r', -0.0),
        (3, 2, NULL, 'NaN'), (2, 1, 'p', 2.5);
";

/// Tables, and what is known of them.
pub struct Lab {
    tables: BTreeMap<String, Known>,
    context: SessionContext,
}

struct Known {
    facts: TableFacts,
    data: Arc<MemTable>,
    batches: Vec<RecordBatch>,
}

/// The tables that do for most tests.
pub fn lab() -> Lab {
    Lab::new(TABLES)
}

impl Lab {
    /// Tables from CREATE TABLE (PRIMARY KEY, UNIQUE, NOT NULL, REFERENCES, FOREIGN KEY) and INSERT … VALUES statements. The types
    /// are those that DataFusion's CAST knows; every column is nullable as far as Arrow is concerned.
    pub fn new(statements: &str) -> Lab {
        let mut lab = Lab { tables: BTreeMap::new(), context: SessionContext::new() };
        for statement in Parser::parse_sql(&PostgreSqlDialect {}, statements).unwrap() {
            match statement {
                Statement::CreateTable(table) => lab.create(&table),
                Statement::Insert(insert) => {
                    let table = insert.table.to_string();
                    lab.insert(&table, &insert.source.unwrap().to_string());
                }
                other => panic!("not a table: {other}"),
            }
        }
        lab.register();
        lab
    }

    /// From now on the data's row counts, NULL counts, minima and maxima are known.
    pub fn with_file_facts(mut self) -> Lab {
        for known in self.tables.values_mut() {
            known.facts.rows = Some(known.batches.iter().map(|batch| batch.num_rows() as u64).sum());
            let width = known.data_schema().fields().len();
            known.facts.columns = (0..width).map(|column| file_facts(&known.batches, column)).collect();
        }
        self.register();
        self
    }

    /// Without the constraints of a name such as `orders.customer_id` (a column's) or `orders.primary key`.
    pub fn without(mut self, table: &str, constraint: &str) -> Lab {
        let known = self.tables.get_mut(table).unwrap();
        let before = known.facts.constraints.len();
        known.facts.constraints.retain(|known| known.reference.name != constraint);
        assert!(known.facts.constraints.len() < before, "no {constraint} on {table}");
        self.register();
        self
    }

    fn create(&mut self, table: &CreateTable) {
        let name = table.name.to_string();
        let types = table.columns.iter().map(|column| {
            let kind = column.data_type.to_string();
            format!("CAST(NULL AS {kind}) AS {}", column.name)
        });
        let sql = format!("SELECT {}", types.collect::<Vec<_>>().join(", "));
        let batches = run(&SessionContext::new().state(), &sql);
        let schema = Arc::new(nullable(&batches[0].schema()));
        let mut facts = TableFacts {
            name: TableName::new("default", name.as_str()),
            constraints: vec![],
            unused: vec![],
            rows: None,
            distinct: Arc::default(),
            columns: vec![],
            snapshot: self.tables.len() as u64 + 1,
        };
        let position = |ident: &Ident| schema.index_of(&ident.value).unwrap();
        let indexed = |column: &IndexColumn| schema.index_of(&column.column.expr.to_string()).unwrap();
        let mut add = |name: String, kind: KnownConstraintKind| {
            let reference = Arc::new(ConstraintRef { table: facts.name.clone(), name, trust: Trust::Rely });
            facts.constraints.push(KnownConstraint { reference, kind });
        };
        let key = |columns: Vec<usize>, primary: bool, add: &mut dyn FnMut(String, KnownConstraintKind)| {
            let names: Vec<_> = columns.iter().map(|column| schema.field(*column).name().as_str()).collect();
            let name = if primary { "primary key".to_string() } else { format!("unique {}", names.join(", ")) };
            if primary {
                add(name.clone(), KnownConstraintKind::NotNull { columns: columns.clone() });
            }
            add(name, KnownConstraintKind::Unique { columns, primary });
        };
        let reference = |columns: Vec<usize>, foreign: &ForeignKeyConstraint| {
            let names: Vec<_> = columns.iter().map(|column| schema.field(*column).name().as_str()).collect();
            let kind = KnownConstraintKind::ForeignKey {
                columns: columns.clone(),
                parent: table_name(&foreign.foreign_table),
                parent_columns: foreign.referred_columns.iter().map(|column| column.value.clone()).collect(),
            };
            (format!("foreign key {}", names.join(", ")), kind)
        };
        for (index, column) in table.columns.iter().enumerate() {
            for option in &column.options {
                match &option.option {
                    ColumnOption::NotNull => {
                        let name = format!("not null {}", column.name);
                        add(name, KnownConstraintKind::NotNull { columns: vec![index] });
                    }
                    ColumnOption::PrimaryKey(_) => key(vec![index], true, &mut add),
                    ColumnOption::Unique(_) => key(vec![index], false, &mut add),
                    ColumnOption::ForeignKey(foreign) => {
                        let (name, kind) = reference(vec![index], foreign);
                        add(name, kind);
                    }
                    other => panic!("not a constraint: {other}"),
                }
            }
        }
        for constraint in &table.constraints {
            match constraint {
                TableConstraint::PrimaryKey(primary) => {
                    key(primary.columns.iter().map(indexed).collect(), true, &mut add);
                }
                TableConstraint::Unique(unique) => key(unique.columns.iter().map(indexed).collect(), false, &mut add),
                TableConstraint::ForeignKey(foreign) => {
                    let (name, kind) = reference(foreign.columns.iter().map(position).collect(), foreign);
                    add(name, kind);
                }
                other => panic!("not a constraint: {other}"),
            }
        }
        let data = Arc::new(MemTable::try_new(Arc::clone(&schema), vec![vec![]]).unwrap());
        self.tables.insert(name, Known { facts, data, batches: vec![] });
    }

    fn insert(&mut self, table: &str, values: &str) {
        let known = self.tables.get_mut(table).unwrap();
        let schema = known.data_schema();
        let columns = schema.fields().iter().enumerate().map(|(index, field)| {
            format!("arrow_cast(column{}, '{}') AS {}", index + 1, field.data_type(), field.name())
        });
        let sql = format!("SELECT {} FROM ({values})", columns.collect::<Vec<_>>().join(", "));
        for batch in run(&SessionContext::new().state(), &sql) {
            known.batches.push(RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap());
        }
        known.data = Arc::new(MemTable::try_new(schema, vec![known.batches.clone()]).unwrap());
    }

    fn register(&mut self) {
        self.context = SessionContext::new_with_config(config());
        self.context.register_relation_planner(Arc::new(RepeatedKeysInFrom)).unwrap();
        for (mention, (name, known)) in self.tables.iter().enumerate() {
            let table = KnownTable::new(Arc::clone(&known.data) as _, Arc::new(known.facts.clone()));
            let tag = InstanceTag { mention, table: known.facts.name.clone(), alias: name.clone() };
            self.context.register_table(name.as_str(), Arc::new(table.tagged(tag))).unwrap();
        }
    }

    /// The plan as the SQL front end makes it, with types coerced; not optimized.
    pub fn raw(&self, sql: &str) -> LogicalPlan {
        let state = self.context.state();
        let plan = wait(state.create_logical_plan(sql)).unwrap();
        state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap()
    }

    /// The plan as `prune` sees it in the first pass: DataFusion's rules that come before it have been applied, once.
    pub fn plan(&self, sql: &str) -> LogicalPlan {
        let before = rules_with_prune(&HashSet::new(), SharedTrace::default());
        let before = before.into_iter().take_while(|rule| rule.name() != "prune").collect();
        self.state(before, 1).optimize(&self.raw(sql)).unwrap()
    }

    /// The facts of the plan that `prune` sees.
    pub fn facts(&self, sql: &str) -> Arc<Facts> {
        FactsCache::default().of(&self.plan(sql))
    }

    /// The optimized plan, with no prune rules but those named.
    pub fn optimized(&self, sql: &str, rules: &[&str]) -> LogicalPlan {
        self.traced(sql, rules).0
    }

    /// The same, and what the rules did.
    pub fn traced(&self, sql: &str, rules: &[&str]) -> (LogicalPlan, SharedTrace) {
        let known = all_names();
        for rule in rules {
            assert!(known.contains(*rule), "no rule {rule}");
        }
        let others = known.into_iter().filter(|rule| !rules.contains(&rule.as_str())).collect();
        let trace: SharedTrace = Arc::new(Trace::default());
        let rules = rules_with_prune(&others, Arc::clone(&trace));
        (self.state(rules, 3).optimize(&self.raw(sql)).unwrap(), trace)
    }

    /// The plan with all rules.
    pub fn pruned(&self, sql: &str) -> LogicalPlan {
        let rules = rules_with_prune(&HashSet::new(), SharedTrace::default());
        self.state(rules, 3).optimize(&self.raw(sql)).unwrap()
    }

    /// The rows that a query gives, each as text, sorted; without the prune rules in `disabled`.
    pub fn rows(&self, sql: &str, disabled: &HashSet<String>) -> Vec<String> {
        let state = self.state(rules_with_prune(disabled, SharedTrace::default()), 3);
        let mut rows = texts(&run(&state, sql));
        rows.sort();
        rows
    }

    /// The query gives the same rows with all prune rules, with each alone, and with none.
    pub fn assert_same_rows(&self, sql: &str) {
        let names = all_names();
        let plain = self.rows(sql, &names);
        assert_eq!(self.rows(sql, &HashSet::new()), plain, "all rules: {sql}\n{}", self.pruned(sql));
        for alone in &names {
            let others = names.iter().filter(|name| *name != alone).cloned().collect();
            assert_eq!(self.rows(sql, &others), plain, "{alone}: {sql}\n{}", self.optimized(sql, &[alone.as_str()]));
        }
    }

    /// The session, with all rules.
    pub fn session_state(&self) -> SessionState {
        self.state(rules_with_prune(&HashSet::new(), SharedTrace::default()), 3)
    }

    fn state(&self, rules: Vec<Rule>, passes: usize) -> SessionState {
        // A default catalog of its own would take the place of the one with the tables.
        let mut config = config().with_create_default_catalog_and_schema(false);
        config.options_mut().optimizer.max_passes = passes;
        SessionStateBuilder::new_from_existing(self.context.state())
            .with_config(config)
            .with_optimizer_rules(rules)
            .build()
    }
}

impl Known {
    fn data_schema(&self) -> Arc<Schema> {
        use datafusion::catalog::TableProvider;
        self.data.schema()
    }
}

/// The names of all prune rules.
fn all_names() -> HashSet<String> {
    prune::all().iter().map(|rule| rule.name().to_string()).collect()
}

/// How many nodes of a plan are joins.
pub fn joins(plan: &LogicalPlan) -> usize {
    plan.display_indent().to_string().lines().filter(|line| line.contains("Join:")).count()
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(2);
    config.options_mut().optimizer.skip_failed_rules = false;
    config
}

fn table_name(name: &ObjectName) -> TableName {
    TableName::new("default", name.to_string())
}

fn nullable(schema: &Schema) -> Schema {
    let text = |kind: &DataType| if kind == &DataType::Utf8View { DataType::Utf8 } else { kind.clone() };
    Schema::new(schema.fields().iter().map(|f| Field::new(f.name(), text(f.data_type()), true)).collect::<Vec<_>>())
}

/// Runs a future on a runtime of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run(state: &SessionState, sql: &str) -> Vec<RecordBatch> {
    wait(async {
        let plan = state.create_logical_plan(sql).await.unwrap();
        let plan = match state.create_physical_plan(&plan).await {
            Ok(plan) => plan,
            Err(error) => panic!("{sql}\n{error}"),
        };
        match collect(plan, state.task_ctx()).await {
            Ok(batches) => batches,
            Err(error) => panic!("{sql}\n{error}"),
        }
    })
}

fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | "));
        }
    }
    rows
}

fn file_facts(batches: &[RecordBatch], column: usize) -> FileColumnFacts {
    let mut facts = FileColumnFacts { nulls: Some(0), min: None, max: None };
    for array in batches.iter().map(|batch| batch.column(column)) {
        facts.nulls = facts.nulls.map(|nulls| nulls + array.null_count() as u64);
        for row in 0..array.len() {
            let value = ScalarValue::try_from_array(array, row).unwrap();
            if value.is_null() || matches!(array.data_type(), DataType::Float64) {
                continue;
            }
            if facts.min.as_ref().is_none_or(|min| value < *min) {
                facts.min = Some(value.clone());
            }
            if facts.max.as_ref().is_none_or(|max| value > *max) {
                facts.max = Some(value);
            }
        }
    }
    facts
}

#[test]
fn tables_are_made_and_queried() {
    let lab = lab();
    assert_eq!(lab.rows("SELECT id, name FROM region", &HashSet::new()).len(), 4);
    assert_eq!(lab.rows("SELECT x FROM loose WHERE x > 100", &HashSet::new()), ["NaN"]);
    assert!(lab.rows("SELECT * FROM void", &HashSet::new()).is_empty());
    let sql = "SELECT o.id, c.name FROM orders o JOIN customer c ON o.customer_id = c.id";
    assert_eq!(joins(&lab.pruned(sql)), 1);
    lab.assert_same_rows(sql);
}
