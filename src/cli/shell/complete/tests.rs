use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::session::{Session, SessionOptions};

/// A session with the tables of TPC-H, and a thread to ask from, as the line editor has one.
struct Shell {
    runtime: tokio::runtime::Runtime,
    names: Names,
}

fn shell() -> Shell {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let session = runtime.block_on(async {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
        let session = Session::open(SessionOptions { base: Some(base), ..Default::default() }).await.unwrap();
        session.register_data("testdata/tpch").await.unwrap();
        session
            .query("create database sales; create view sales.big_orders as select 1 as \"Mixed Case\", 2 as plain")
            .await
            .unwrap();
        session.set_variable("day", "1");
        Arc::new(session)
    });
    let names = Names::new(session, runtime.handle().clone());
    runtime.block_on(names.refresh());
    Shell { runtime, names }
}

impl Shell {
    /// What is offered at `|`, as the whole text would then be.
    fn at(&self, text: &str) -> Vec<String> {
        let cursor = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let (start, candidates) = complete(&text, cursor, &self.names, Path::new(env!("CARGO_MANIFEST_DIR")));
        candidates.into_iter().map(|candidate| format!("{}{}", &text[..start], candidate.replacement)).collect()
    }

    /// The same, only what takes the word's place.
    fn words(&self, text: &str) -> Vec<String> {
        let cursor = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let (_, candidates) = complete(&text, cursor, &self.names, Path::new(env!("CARGO_MANIFEST_DIR")));
        candidates.into_iter().map(|candidate| candidate.replacement).collect()
    }
}

#[test]
fn a_statement_begins_with_its_verb() {
    let shell = shell();
    assert_eq!(shell.words("sel|"), ["select "]);
    assert_eq!(shell.words("select 1; SEL|"), ["SELECT "]);
    assert_eq!(shell.words("drop t|"), ["table "]);
    assert!(shell.words("|").contains(&"SELECT ".to_string()));
}

#[test]
fn tables_follow_from_and_join() {
    let shell = shell();
    assert_eq!(shell.words("select * from ord|"), ["orders"]);
    assert_eq!(shell.words("select * from orders o join cus|"), ["customer"]);
    assert_eq!(shell.words("select * from orders, nat|"), ["nation"]);
    assert_eq!(shell.words("insert into reg|"), ["region"]);
    assert_eq!(shell.words("describe reg|"), ["region"]);
    assert_eq!(shell.words("drop view lineit|"), ["lineitem"]);
    assert_eq!(shell.words("with recent as (select 1) select * from rec|"), ["recent"]);
}

#[test]
fn a_database_stands_before_its_tables() {
    let shell = shell();
    assert_eq!(shell.words("select * from sal|"), ["sales."]);
    assert_eq!(shell.words("select * from sales.|"), ["big_orders"]);
    assert_eq!(shell.words("use sa|"), ["sales"]);
    assert_eq!(shell.words("\\c sa|"), ["sales"]);
    assert_eq!(shell.words("\\d sales.b|"), ["big_orders"]);
}

#[test]
fn columns_are_those_of_the_tables_in_from() {
    let shell = shell();
    assert_eq!(shell.words("select o_tot| from orders"), ["o_totalprice"]);
    assert_eq!(shell.words("select * from orders where o_orderp|"), ["o_orderpriority"]);
    assert_eq!(shell.words("select n_reg| from orders"), Vec::<String>::new());
    assert_eq!(shell.words("select O_TOT| from orders"), ["o_totalprice"], "case does not count");
    assert!(shell.words("select | from region").iter().all(|name| name.starts_with("r_")));
    assert_eq!(
        shell.words("select n_na| from region; select 1 from nation"),
        Vec::<String>::new(),
        "only of this statement"
    );
}

#[test]
fn columns_are_reached_by_alias_table_and_database() {
    let shell = shell();
    assert_eq!(shell.words("select o.o_tot| from orders o"), ["o_totalprice"]);
    assert_eq!(shell.words("select * from orders as x join nation n on x.o_cu|"), ["o_custkey"]);
    assert_eq!(shell.words("select nation.n_n| from nation"), ["n_nationkey", "n_name"]);
    assert_eq!(shell.words("select b.| from sales.big_orders b"), ["\"Mixed Case\"", "plain"]);
    assert_eq!(shell.words("select sales.big_orders.pl|"), ["plain"]);
    assert_eq!(shell.at("select o.o_tot| from orders o"), ["select o.o_totalprice"]);
}

#[test]
fn columns_of_a_file_in_from_are_known() {
    let shell = shell();
    assert_eq!(shell.words("select r.r_na| from 'testdata/tpch/region.parquet' r"), ["r_name"]);
}

#[test]
fn an_open_quote_stays_one() {
    let shell = shell();
    assert_eq!(shell.at("select \"Mix| "), ["select \"Mixed Case\""; 0], "without FROM there is no such column");
    assert_eq!(
        shell.at("select * from sales.big_orders where \"Mix|"),
        ["select * from sales.big_orders where \"Mixed Case\""]
    );
}

#[test]
fn functions_end_in_a_bracket_and_words_in_a_blank() {
    let shell = shell();
    assert!(shell.words("select date_tr|").contains(&"date_trunc(".to_string()));
    assert_eq!(shell.words("select * from orders whe|"), ["where "]);
    assert_eq!(shell.words("select * from orders LEFT|"), ["LEFT JOIN "]);
    assert!(shell.words("select * from orders where o_custkey betw|").contains(&"between ".to_string()));
}

#[test]
fn settings_follow_set_reset_and_show() {
    let shell = shell();
    assert_eq!(shell.words("set ostrich.dia|"), ["ostrich.dialect"]);
    assert_eq!(shell.words("RESET datafusion.execution.batch_s|"), ["datafusion.execution.batch_size"]);
    assert_eq!(shell.words("show tab|"), ["tables "]);
    assert_eq!(
        shell.words("set ostrich.dialect = '|").len(),
        shell.words("select '|").len(),
        "its value is no setting"
    );
}

#[test]
fn file_names_stand_in_quotes_and_behind_commands() {
    let shell = shell();
    assert_eq!(shell.at("select * from 'testdata/tpch/reg|"), ["select * from 'testdata/tpch/region.parquet'"]);
    assert_eq!(shell.at("select * from 'testdata/tpch/reg|'"), ["select * from 'testdata/tpch/region.parquet"]);
    assert_eq!(shell.at("\\i queries/tpch/q0|")[0], "\\i queries/tpch/q01.sql");
    assert_eq!(shell.words("source testdata/tpc|"), ["testdata/tpch-csv/", "testdata/tpch/"]);
}

#[test]
fn commands_and_their_arguments_are_completed() {
    let shell = shell();
    assert_eq!(shell.words("\\tim|"), ["\\timing "]);
    assert_eq!(shell.words("select 1; \\tim|"), ["\\timing "]);
    assert_eq!(shell.words(".tab|"), [".tables "]);
    assert_eq!(shell.words("\\timing o|"), ["on", "off"]);
    assert_eq!(shell.words("\\pset form|"), ["format"]);
    assert_eq!(shell.words("\\pset format cs|"), ["csv"]);
    assert_eq!(shell.words("\\d lin|"), ["lineitem"]);
    assert_eq!(shell.words("\\unset d|"), ["day"]);
    assert!(shell.words("\\df substr|").contains(&"substr".to_string()));
    assert_eq!(shell.words("\\nothing x|"), Vec::<String>::new());
}

#[test]
fn nothing_is_offered_where_a_new_name_stands_or_in_comments() {
    let shell = shell();
    assert_eq!(shell.words("create table ord|"), Vec::<String>::new());
    assert_eq!(shell.words("select 1 as o|"), Vec::<String>::new());
    assert_eq!(shell.words("select 1 -- ord|"), Vec::<String>::new());
    assert_eq!(shell.words("select /* ord|"), Vec::<String>::new());
}

#[test]
fn new_tables_are_offered_after_a_refresh() {
    let shell = shell();
    assert_eq!(shell.words("select * from fresh|"), Vec::<String>::new());
    shell.runtime.block_on(async {
        shell.names.session().query("create view fresh_view as select 1 as fresh_column").await.unwrap();
        shell.names.forget_columns();
        shell.names.refresh().await;
    });
    assert_eq!(shell.words("select * from fresh|"), ["fresh_view"]);
    assert_eq!(shell.words("select fresh_c| from fresh_view"), ["fresh_column"]);
}

#[test]
fn what_is_known_is_offered_at_once() {
    let shell = shell();
    let text = "select l.l_ship| from lineitem l join orders o on l.l_orderkey = o.o_orderkey";
    shell.words(text);
    let start = Instant::now();
    for _ in 0..10 {
        assert!(!shell.words(text).is_empty());
    }
    assert!(start.elapsed().as_millis() < 500, "{:?} for ten", start.elapsed());
}

#[test]
fn another_catalog_is_asked_when_its_names_are_wanted() {
    let metastore = crate::catalog::hive::testing::with_sales();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = SessionOptions { hive: Some(metastore.options.clone()), ..Default::default() };
    let session = Arc::new(runtime.block_on(Session::open(options)).unwrap());
    let names = Names::new(Arc::clone(&session), runtime.handle().clone());
    runtime.block_on(names.refresh());
    assert_eq!(metastore.connections.load(std::sync::atomic::Ordering::SeqCst), 0);
    let shell = Shell { runtime, names };
    // It may take longer than Tab waits.
    let words = |text: &str| {
        let start = Instant::now();
        loop {
            let words = shell.words(text);
            if !words.is_empty() || start.elapsed().as_secs() > 20 {
                return words;
            }
        }
    };
    assert_eq!(words("select * from hi|"), ["hive."]);
    assert_eq!(words("select * from hive.|"), ["default.", "sales."]);
    assert_eq!(words("select * from hive.sales.o|"), ["orders"]);
    assert_eq!(words("select o.| from hive.sales.orders o"), ["o_key", "o_price"]);
    assert_eq!(words("use hive.s|"), ["sales"]);
    assert_eq!(words("\\d hive.sales.c|"), ["customers"]);
    shell.runtime.block_on(session.query("use hive.sales")).unwrap();
    shell.runtime.block_on(shell.names.refresh());
    assert_eq!(words("select * from ord|"), ["orders"]);
    assert_eq!(words("select * from sal|"), ["sales."]);
}
