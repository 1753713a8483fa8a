//! CREATE DATABASE, DROP DATABASE, USE.

use sqlparser::ast::Ident;

use crate::catalog::IfExists;
use crate::catalog::model::Database;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::resolve::fold;
use crate::sql::statement::{CreateDatabase, DropDatabase, ParsedStatement};

impl Session {
    pub(in crate::session) async fn create_database(&self, create: &CreateDatabase) -> Result<()> {
        let name = fold(&create.name);
        if name == "information_schema" {
            return Err(Error::statement("information_schema is there already, and not to be written to"));
        }
        let location = match &create.location {
            Some(location) => Some(self.location(location)?.into_folder().absolute()),
            None => None,
        };
        let database = Database { name, comment: create.comment.clone(), location };
        let if_exists = if create.if_not_exists { IfExists::Keep } else { IfExists::Fail };
        self.metastore.create_database(&database, if_exists).await?;
        Ok(())
    }

    pub(in crate::session) async fn drop_database(&self, drop: &DropDatabase) -> Result<()> {
        let name = fold(&drop.name);
        if drop.if_exists && self.metastore.database(&name).await?.is_none() {
            return Ok(());
        }
        if drop.cascade && self.metastore.database(&name).await?.is_some() {
            let inside = self.metastore.relations(&name).await?;
            let inside: Vec<_> = inside.iter().map(|relation| relation.name().clone()).collect();
            self.require_unreferenced(&inside).await?;
        }
        for relation in self.metastore.drop_database(&name, drop.cascade).await? {
            self.delete_files_of(&relation)?;
        }
        if *self.database.read() == name {
            *self.database.write() = crate::catalog::model::DEFAULT_DATABASE.to_string();
        }
        Ok(())
    }

    pub(in crate::session) async fn use_database(&self, name: &Ident, parsed: &ParsedStatement) -> Result<()> {
        let name_folded = fold(name);
        self.change_database(&name_folded).await.map_err(|error| error.at(&parsed.source, name.span))
    }

    /// Makes a database the one that names without a database mean.
    pub async fn change_database(&self, name: &str) -> Result<()> {
        if self.metastore.database(name).await?.is_none() && name != "information_schema" {
            return Err(self.statement_tables(name).no_database(name).await);
        }
        *self.database.write() = name.to_string();
        Ok(())
    }
}
