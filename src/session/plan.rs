//! From a statement to a logical plan, and on to rows.

use std::sync::Arc;
use std::time::Instant;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{ExplainStatement, Statement as PlannedStatement};
use sqlparser::ast;

use super::resolve::StatementTables;
use super::{Outcome, Rows, Session};
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::sql::rewrite;
use crate::sql::source::Source;
use crate::sql::statement::{ParsedStatement, Statement};

/// A statement that is ready to run.
pub(super) struct Planned {
    pub plan: LogicalPlan,
    pub state: SessionState,
}

impl Session {
    /// Plans and starts a query, INSERT, EXPLAIN or COPY.
    pub(super) async fn run_planned(&self, parsed: &ParsedStatement) -> Result<Outcome> {
        let start = Instant::now();
        let planned = self.plan(parsed).await?;
        let to_logical = start.elapsed();
        let writes = matches!(planned.plan, LogicalPlan::Dml(_) | LogicalPlan::Copy(_));
        let mut execution = self.start(planned).await?;
        if writes {
            let rows = super::copy::count_written(&mut execution.stream, &parsed.source).await?;
            return Ok(Outcome::Done { rows });
        }
        Ok(Outcome::Rows(Rows {
            planning: to_logical + execution.planning,
            stream: execution.stream,
            plan: Some(execution.plan),
            notes: execution.notes,
        }))
    }

    /// Resolves names and types.
    pub(super) async fn plan(&self, parsed: &ParsedStatement) -> Result<Planned> {
        let tables = self.statement_tables(&self.database());
        self.plan_statement(&parsed.statement, &tables, &parsed.source).await
    }

    fn plan_statement<'a>(
        &'a self,
        statement: &'a Statement,
        tables: &'a StatementTables,
        source: &'a Arc<Source>,
    ) -> futures::future::BoxFuture<'a, Result<Planned>> {
        Box::pin(async move {
            match statement {
                Statement::Query(ast) | Statement::Insert(ast) => {
                    plan_ast(PlannedStatement::Statement(ast.clone()), tables, source).await
                }
                Statement::Copy(copy) => self.plan_copy(copy, tables, source).await,
                Statement::Explain(explain) => {
                    let inner = match &explain.statement {
                        Statement::Query(ast) | Statement::Insert(ast) => PlannedStatement::Statement(ast.clone()),
                        Statement::Copy(copy) => self.copy_statement(copy)?,
                        _ => return Err(Error::statement("this statement has no plan to explain")),
                    };
                    let explain = ExplainStatement { options: explain.options.clone(), statement: Box::new(inner) };
                    plan_ast(PlannedStatement::Explain(explain), tables, source).await
                }
                _ => Err(Error::statement("this statement has no plan")),
            }
        })
    }

    /// The plan of a query over this session's tables.
    pub(super) async fn plan_query(&self, query: &ast::Query, source: &Arc<Source>) -> Result<Planned> {
        let tables = self.statement_tables(&self.database());
        let statement = ast::Statement::Query(Box::new(query.clone()));
        plan_ast(PlannedStatement::Statement(Box::new(statement)), &tables, source).await
    }
}

/// Resolves the tables first, so that an unknown one is named with its place and column names can be matched without regard to case,
/// then lets DataFusion plan.
pub(super) async fn plan_ast(
    mut statement: PlannedStatement,
    tables: &StatementTables,
    source: &Arc<Source>,
) -> Result<Planned> {
    let state = tables.state();
    let references = state.resolve_table_references(&statement).map_err(|error| in_statement(&error, source))?;
    let columns = tables.open_all(&references, &statement, source).await?;
    rewrite::fold_column_case(&mut statement, &columns);
    let plan = state.statement_to_plan(statement).await.map_err(|error| in_statement(&error, source))?;
    Ok(Planned { plan, state })
}
