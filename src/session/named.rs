//! A word on the command line that names a table, a view or a file: `orders`, `sales."Big Orders"`, `'a.csv'`, `data/a.parquet`.
//!
//! In SQL a path stands in quotes. On the command line the shell has taken them away, so a word is a table's name if the catalog has
//! it, and else a path if it looks like one or if something is there.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use sqlparser::parser::Parser;

use super::Session;
use super::resolve::{StatementTables, no_table, table_name};
use crate::catalog::model::{DEFAULT_DATABASE, Relation, Table, TableName};
use crate::catalog::provider::looks_like_a_path;
use crate::error::Result;
use crate::storage::location::Location;

/// What a word names.
pub(crate) enum Named {
    /// A table or view of the catalog.
    Relation(Relation),
    /// Files that no table of the catalog stands for: as the external table that could be made of them.
    File(Table, Arc<dyn TableProvider>),
}

impl Session {
    /// The tables of one command: each is listed once, however often it is opened.
    pub(crate) fn tables(&self) -> StatementTables {
        self.statement_tables(&self.database())
    }

    /// What `word` names.
    pub(crate) async fn named(&self, word: &str, tables: &StatementTables) -> Result<Named> {
        let name = self.as_table_name(word);
        if let Some(name) = &name
            && let Some(relation) = self.metastore.relation(name).await?
        {
            return Ok(Named::Relation(relation));
        }
        let path = unquoted(word);
        let is_path = path.is_some() || looks_like_a_path(word) || self.base.join(word).exists();
        match name {
            Some(name) if !is_path => Err(no_table(self.metastore.as_ref(), &name).await),
            _ => self.named_by_path(path.as_deref().unwrap_or(word), tables).await,
        }
    }

    fn as_table_name(&self, word: &str) -> Option<TableName> {
        let mut parser = Parser::new(self.dialect().tokens()).try_with_sql(word).ok()?;
        let name = parser.parse_object_name(false).ok()?;
        if parser.peek_token_ref().token != sqlparser::tokenizer::Token::EOF {
            return None;
        }
        // 'a.csv' is a path, not a name.
        let is_quoted = |part: &sqlparser::ast::ObjectNamePart| {
            part.as_ident().is_none_or(|ident: &sqlparser::ast::Ident| ident.quote_style == Some('\''))
        };
        if name.0.iter().any(is_quoted) { None } else { table_name(&name, &self.database()).ok() }
    }

    /// The table of the catalog that lies at this place, or the files that are there.
    async fn named_by_path(&self, path: &str, tables: &StatementTables) -> Result<Named> {
        let location = Location::parse(path, &self.base)?;
        let provider = tables.open_location(location).await?;
        let (location, format) = (provider.location().clone(), provider.format());
        let database = self.own_database();
        for relation in self.metastore.relations(&database).await? {
            if let Relation::Table(table) = &relation
                && table.location == location.absolute()
            {
                return Ok(Named::Relation(relation));
            }
        }
        let name = self.free_table_name(location.stem().unwrap_or("data")).await?;
        let table = Table::external(name, format, location.absolute());
        Ok(Named::File(table, Arc::new(provider)))
    }

    /// The current database, if a table can be made in it; else the one where it can.
    fn own_database(&self) -> String {
        let current = self.database();
        if self.catalogs.is_others(&current) { DEFAULT_DATABASE.to_string() } else { current }
    }

    /// `stem` as the name of a table that is not there yet: `orders`, `orders_1`.
    async fn free_table_name(&self, stem: &str) -> Result<TableName> {
        let plain: String = stem.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let mut name = TableName::new(self.own_database(), plain.clone());
        let mut number = 0;
        while self.metastore.relation(&name).await?.is_some() {
            number += 1;
            name.name = format!("{plain}_{number}");
        }
        Ok(name)
    }

    /// All tables of a database, by name, without its views.
    pub(crate) async fn tables_of(&self, database: &str) -> Result<Vec<Table>> {
        let relations = self.metastore.relations(database).await?;
        Ok(relations
            .into_iter()
            .filter_map(|relation| match relation {
                Relation::Table(table) => Some(table),
                Relation::View(_) => None,
            })
            .collect())
    }
}

/// What stands in single quotes.
fn unquoted(word: &str) -> Option<String> {
    let inner = word.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}
