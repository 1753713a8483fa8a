//! What a check finds in a query over tables of the optimizer's tests.

use std::collections::BTreeMap;

use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use sqlparser::ast::Statement;

use super::{Check, QueryText, Subject, TableFiles};
use crate::catalog::model::{FileFormat, TableName};
use crate::explain::mentions::Mentions;
use crate::explain::report::{Finding, PlanNode};
use crate::optimizer::testing::Lab;
use crate::optimizer::trace::Trace;
use crate::sql::source::Source;

/// A table's files for [`look_with`]: name, format, number, bytes, partition columns.
pub(super) type Files<'a> = (&'a str, FileFormat, usize, u64, &'a [&'a str]);

pub(super) fn look(check: &dyn Check, tables: &str, sql: &str) -> Vec<Finding> {
    look_with(check, &Lab::new(tables), sql, &[], &PlanNode::default())
}

pub(super) fn look_with(check: &dyn Check, lab: &Lab, sql: &str, files: &[Files<'_>], tree: &PlanNode) -> Vec<Finding> {
    let files: BTreeMap<TableName, TableFiles> = files
        .iter()
        .map(|(name, format, files, bytes, partition_columns)| {
            let partition_columns = partition_columns.iter().map(|column| (*column).to_owned()).collect();
            let files = TableFiles { format: *format, files: *files, bytes: *bytes, partition_columns, rows: None };
            (TableName::new("default", *name), files)
        })
        .collect();
    let Statement::Query(query) = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0) else {
        panic!("not a query: {sql}")
    };
    let statement = PlannedStatement::Statement(Box::new(Statement::Query(query.clone())));
    let mut state = lab.session_state();
    let options = &mut state.config_mut().options_mut().sql_parser;
    options.collect_spans = true;
    options.enable_subquery_sort_elimination = false;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let written = runtime.block_on(state.statement_to_plan(statement)).unwrap();
    let optimized = state.optimize(&written).unwrap();
    let queries = [QueryText { query, source: Source::new("test", sql), view: None }];
    let subject = Subject {
        queries: &queries,
        mentions: &Mentions::default(),
        written: &written,
        optimized: &optimized,
        tree,
        verdicts: &[],
        trace: &Trace::default(),
        state: &state,
        files: &files,
        analyzed: tree.actual_rows.is_some(),
    };
    let found = check.look(&subject);
    for finding in &found {
        assert_eq!(finding.code, check.code());
        if let Some(place) = &finding.span {
            assert!(place.line >= 1 && place.column >= 1, "{place:?}");
        }
    }
    found
}

/// The text at a finding's place.
pub(super) fn text_at(finding: &Finding, sql: &str) -> Option<String> {
    let place = finding.span.as_ref()?;
    let line = sql.lines().nth(usize::try_from(place.line - 1).ok()?)?;
    let (from, to) = (usize::try_from(place.column - 1).ok()?, usize::try_from(place.end_column - 1).ok()?);
    Some(line.chars().take(to).skip(from).collect())
}
