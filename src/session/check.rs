//! Checking a statement without running it.
//!
//! Names and types are resolved, and no row is read or written. In a session that only checks ([`super::SessionOptions::check_only`])
//! what a statement would make, change or drop is made, changed or dropped in the copy of the catalog that such a session has, so
//! that a script may use its own tables.

use super::Session;
use crate::error::Result;
use crate::sql::statement::{ParsedStatement, Statement};

impl Session {
    /// Resolves names and types of a statement without running it.
    pub async fn check(&self, parsed: &ParsedStatement) -> Result<()> {
        let outcome = match &parsed.statement {
            Statement::Query(_) | Statement::Insert(_) | Statement::Explain(_) | Statement::Copy(_) => {
                self.plan(parsed).await.map(|_| ())
            }
            Statement::Tune(tune) => match tune.statement.query() {
                Some(query) => self.plan_query(query, &parsed.source).await.map(|_| ()),
                None => Ok(()),
            },
            Statement::CreateTable(create) => self.check_create_table(create, parsed).await,
            Statement::CreateView(create) if !self.check_only => self.check_create_view(create, parsed).await,
            _ if !self.check_only => Ok(()),
            Statement::CreateView(create) => self.create_view(create, parsed).await,
            Statement::CreateDatabase(create) => self.create_database(create).await,
            Statement::DropDatabase(drop) => self.drop_database(drop).await,
            Statement::Drop(drop) => self.drop_relations(drop, parsed).await,
            Statement::AlterTable(alter) => self.alter_table(alter, parsed).await,
            Statement::ChangeRows(change) => self.check_change_rows(change, parsed).await,
            Statement::Analyze(analyze) => self.table_to_change(&analyze.table, &parsed.source).await.map(|_| ()),
            Statement::Repair(repair) => self.repair(&repair.table).await,
            Statement::Truncate(truncate) => self.table_to_change(&truncate.table, &parsed.source).await.map(|_| ()),
            Statement::Load(load) => self.table_to_change(&load.table, &parsed.source).await.map(|_| ()),
            Statement::Inserts(inserts) => self.check_inserts(inserts, parsed).await,
            Statement::InsertDirectory(insert) => self.plan_query(&insert.query, &parsed.source).await.map(|_| ()),
            Statement::Use(name) => self.use_database(name, parsed).await,
            Statement::Set(set) => {
                self.set(&set.name, &set.value).await.map_err(|error| error.at(&parsed.source, set.name_span))
            }
            Statement::Reset(name) => self.reset(name).await,
            Statement::Describe(describe) => self.describe(describe, parsed).await.map(|_| ()),
            Statement::Show(show) => self.show(show, parsed).await.map(|_| ()),
        };
        outcome.map_err(|error| error.at(&parsed.source, parsed.span))
    }

    async fn check_inserts(&self, inserts: &[Statement], parsed: &ParsedStatement) -> Result<()> {
        for query in inserts.iter().filter_map(Statement::query) {
            self.plan_query(query, &parsed.source).await?;
        }
        Ok(())
    }
}
