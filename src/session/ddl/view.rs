//! CREATE VIEW.

use std::collections::HashSet;

use datafusion::sql::parser::Statement as PlannedStatement;

use crate::catalog::model::{Relation, TableName, View, in_catalog, split_database};
use crate::catalog::{IfExists, Metastore as _};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::resolve::fold;
use crate::sql::parser;
use crate::sql::statement::{CreateView, ParsedStatement};

impl Session {
    pub(in crate::session) async fn create_view(&self, create: &CreateView, parsed: &ParsedStatement) -> Result<()> {
        let name = self.table_name(&create.name)?;
        self.require_own(&name)?;
        let exists = match create.temporary {
            true => self.data.relation(&name).await?.is_some(),
            false => {
                self.require_not_temporary(&name).await?;
                self.metastore.relation(&name).await?.is_some()
            }
        };
        if exists && create.if_not_exists {
            return Ok(());
        }
        self.check_create_view(create, parsed).await?;
        let view = View {
            name,
            sql: create.sql.clone(),
            columns: create.columns.iter().map(fold).collect(),
            database: self.database(),
            dialect: parsed.dialect.to_string(),
            comment: create.comment.clone(),
        };
        let if_exists = if create.or_replace { IfExists::Replace } else { IfExists::Fail };
        match create.temporary {
            true => self.create_temporary(&Relation::View(view), if_exists).await?,
            false => self.metastore.create_relation(&Relation::View(view), if_exists).await?,
        };
        Ok(())
    }

    /// The tables and views that a query names; names without a database mean those of `database`.
    fn names_in(&self, query: &sqlparser::ast::Query, database: &str) -> Result<Vec<TableName>> {
        let ast = sqlparser::ast::Statement::Query(Box::new(query.clone()));
        let references = self.context.state().resolve_table_references(&PlannedStatement::Statement(Box::new(ast)))?;
        let (catalog, schema) = split_database(database);
        let resolved = references.into_iter().map(|reference| reference.resolve(catalog, schema));
        Ok(resolved.map(|name| TableName::new(in_catalog(&name.catalog, &name.schema), name.table.as_ref())).collect())
    }

    /// Whether a query reads a view, itself or through other views.
    async fn reads(&self, query: &sqlparser::ast::Query, view: &TableName) -> Result<bool> {
        let mut open = self.names_in(query, &self.database())?;
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            if name == *view {
                return Ok(true);
            }
            if !seen.insert(name.clone()) {
                continue;
            }
            let Some(Relation::View(inner)) = self.metastore.relation(&name).await? else { continue };
            let statement = parser::parse_query(&inner.sql, inner.dialect.parse()?, &name.to_string())?;
            if let sqlparser::ast::Statement::Query(inner_query) = statement.as_ref() {
                open.extend(self.names_in(inner_query, &inner.database)?);
            }
        }
        Ok(false)
    }

    /// A view whose query cannot be planned is not made.
    pub(in crate::session) async fn check_create_view(
        &self,
        create: &CreateView,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        let name = self.table_name(&create.name)?;
        if self.reads(&create.query, &name).await? {
            return Err(Error::statement(format!("view {name} would read itself")));
        }
        if !create.temporary {
            for read in self.names_in(&create.query, &self.database())? {
                self.require_not_temporary(&read)
                    .await
                    .map_err(|error| error.help(format!("CREATE TEMPORARY VIEW {} may read it", name.name)))?;
            }
        }
        let planned = self.plan_query(&create.query, &parsed.source).await?;
        let given = planned.plan.schema().fields().len();
        if !create.columns.is_empty() && create.columns.len() != given {
            return Err(Error::statement(format!(
                "the view names {} columns, but its query gives {given}",
                create.columns.len()
            )));
        }
        let mut seen = HashSet::new();
        let names: Vec<String> = match create.columns.is_empty() {
            true => planned.names,
            false => create.columns.iter().map(fold).collect(),
        };
        match names.iter().find(|name| !seen.insert(name.as_str())) {
            Some(name) => Err(Error::statement(format!("the view would have two columns \"{name}\""))
                .help("give one of them another name with AS")),
            None => Ok(()),
        }
    }
}
