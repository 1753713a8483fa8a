//! CREATE DATABASE, DROP DATABASE, USE.

use sqlparser::ast::Ident;

use crate::catalog::hive::read_only;
use crate::catalog::model::{DEFAULT_DATABASE, Database, TableName, beside, in_catalog, split_database};
use crate::catalog::{CATALOG, IfExists};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::resolve::fold;
use crate::sql::statement::{CreateDatabase, DropDatabase, ParsedStatement};

impl Session {
    pub(in crate::session) async fn create_database(&self, create: &CreateDatabase) -> Result<()> {
        let name = self.database_to_change(&fold(&create.name))?;
        if name == "information_schema" {
            return Err(Error::statement("information_schema is there already, and not to be written to"));
        }
        let location = match &create.location {
            Some(location) => {
                let folder = self.location(location)?.into_folder();
                if let Some(root) = folder.local_root().filter(|root| root.is_file()) {
                    return Err(Error::statement(format!(
                        "{} is a file, and a database lies in a folder",
                        root.display()
                    ))
                    .help("name a folder, which need not be there yet"));
                }
                Some(folder.absolute())
            }
            None => None,
        };
        let database = Database { name, comment: create.comment.clone(), location };
        let if_exists = if create.if_not_exists { IfExists::Keep } else { IfExists::Fail };
        self.metastore.create_database(&database, if_exists).await?;
        Ok(())
    }

    pub(in crate::session) async fn drop_database(&self, drop: &DropDatabase) -> Result<()> {
        let name = self.database_to_change(&fold(&drop.name))?;
        if drop.if_exists && self.metastore.database(&name).await?.is_none() {
            return Ok(());
        }
        if drop.cascade && self.metastore.database(&name).await?.is_some() {
            let inside = self.metastore.relations(&name).await?;
            let inside: Vec<_> = inside.iter().map(|relation| relation.name().clone()).collect();
            self.require_unreferenced(&inside).await?;
        }
        for relation in self.metastore.drop_database(&name, drop.cascade).await? {
            self.delete_files_of(&relation).await?;
        }
        if *self.database.read() == name {
            *self.database.write() = DEFAULT_DATABASE.to_string();
        }
        Ok(())
    }

    pub(in crate::session) async fn use_database(&self, name: &Ident, parsed: &ParsedStatement) -> Result<()> {
        let name_folded = fold(name);
        self.change_database(&name_folded).await.map_err(|error| error.at(&parsed.source, name.span))
    }

    /// Makes a database the one that names without a database mean.
    pub async fn change_database(&self, name: &str) -> Result<()> {
        let database = self.database_meant(name).await?;
        *self.database.write() = database;
        Ok(())
    }

    /// The database that a name means: one beside the current one, one of the catalog in front of it, or the first one of
    /// the catalog that it is the name of.
    pub(crate) async fn database_meant(&self, name: &str) -> Result<String> {
        let current = self.database();
        let meant = match name.split_once('.') {
            Some((catalog, database)) if self.catalogs.names().any(|known| known == catalog) => {
                in_catalog(catalog, database)
            }
            Some(_) => name.to_string(),
            None => beside(&current, name),
        };
        if split_database(&meant).1 == "information_schema" || self.metastore.database(&meant).await?.is_some() {
            return Ok(meant);
        }
        if self.catalogs.names().any(|catalog| catalog == name) {
            return Ok(in_catalog(name, DEFAULT_DATABASE));
        }
        Err(self.statement_tables(&current).no_database(&meant).await)
    }

    /// The database that a statement makes or drops: one of our own catalog.
    fn database_to_change(&self, name: &str) -> Result<String> {
        let meant = match name.split_once('.') {
            Some((CATALOG, database)) => database.to_string(),
            Some(_) => name.to_string(),
            None => beside(&self.database(), name),
        };
        match self.catalogs.is_others(&meant) {
            true => Err(read_only(split_database(&meant).0, &format!("the database {meant}"))),
            false => Ok(meant),
        }
    }

    /// Refuses to change what is another program's.
    pub(in crate::session) fn require_own(&self, name: &TableName) -> Result<()> {
        match self.catalogs.is_others(&name.database) {
            true => Err(read_only(split_database(&name.database).0, &name.to_string())),
            false => Ok(()),
        }
    }
}
