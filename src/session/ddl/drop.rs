//! DROP TABLE and DROP VIEW.

use futures::{StreamExt, TryStreamExt};
use sqlparser::ast::Spanned;

use crate::catalog::model::{Relation, TableKind, TableName};
use crate::catalog::show_create::qualified_name;
use crate::error::{Error, Result};
use crate::names::quote_identifier;
use crate::session::Session;
use crate::session::constraints::standing::referenced;
use crate::session::resolve::no_table;
use crate::sql::statement::{Drop, ParsedStatement};
use crate::storage::location::Location;

impl Session {
    pub(in crate::session) async fn drop_relations(&self, drop: &Drop, parsed: &ParsedStatement) -> Result<()> {
        // All are looked up before the first goes: a mistake in the last name must not cost the others.
        let mut names = Vec::new();
        for name in &drop.names {
            let found = self.find_to_drop(drop, name).await.map_err(|error| error.at(&parsed.source, name.span()))?;
            names.extend(found);
        }
        if !drop.view {
            self.require_unreferenced(&names).await?;
        }
        for name in names {
            let dropped = self.metastore.drop_relation(&name).await?;
            self.delete_files_of(&dropped).await?;
        }
        Ok(())
    }

    /// An error if a foreign key of another table references one of these tables: it would be left without what it is about.
    pub(super) async fn require_unreferenced(&self, dropped: &[TableName]) -> Result<()> {
        for database in self.metastore.databases().await? {
            for relation in self.metastore.relations(&database.name).await? {
                let Relation::Table(table) = relation else { continue };
                if dropped.contains(&table.name) {
                    continue;
                }
                let by = table.constraints.iter().find_map(|constraint| {
                    referenced(constraint).filter(|parent| dropped.contains(parent)).map(|parent| (constraint, parent))
                });
                if let Some((constraint, parent)) = by
                    // A temporary table hides the one that is meant.
                    && self.metastore.is_of_session(parent).await? == self.metastore.is_of_session(&table.name).await?
                {
                    let drop = format!(
                        "ALTER TABLE {} DROP CONSTRAINT {}",
                        qualified_name(&table.name),
                        quote_identifier(&constraint.name)
                    );
                    return Err(Error::statement(format!(
                        "{parent} cannot be dropped: the foreign key \"{}\" of {} references it",
                        constraint.name, table.name
                    ))
                    .help(format!("{drop} comes first, or drop both tables in one statement"))
                    .help("CREATE OR REPLACE TABLE gives it other columns and rows"));
                }
            }
        }
        Ok(())
    }

    /// The relation that a name means, if it is of the right kind; `None` if it need not be there and is not.
    async fn find_to_drop(&self, drop: &Drop, name: &sqlparser::ast::ObjectName) -> Result<Option<TableName>> {
        let name = self.table_name(name)?;
        self.require_own(&name)?;
        match self.metastore.relation(&name).await? {
            None if drop.if_exists => Ok(None),
            None => Err(no_table(self.metastore.as_ref(), &name).await),
            Some(Relation::Table(_)) if drop.view => {
                Err(Error::statement(format!("{name} is a table")).help("use DROP TABLE"))
            }
            Some(Relation::View(_)) if !drop.view => {
                Err(Error::statement(format!("{name} is a view")).help("use DROP VIEW"))
            }
            Some(_) => Ok(Some(name)),
        }
    }

    /// Deletes the files of a managed table that the catalog no longer names. Those of others stay.
    pub(super) async fn delete_files_of(&self, relation: &Relation) -> Result<()> {
        let Relation::Table(table) = relation else { return Ok(()) };
        if self.check_only {
            return Ok(());
        }
        if table.kind != TableKind::Managed {
            return Ok(());
        }
        let location = Location::parse(&table.location, &self.base)?;
        let deleted = match location.local_root() {
            Some(folder) => match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            },
            None => self.delete_objects_in(&location).await.map_err(|error| error.to_string()),
        };
        deleted.map_err(|error| {
            let name = &table.name;
            Error::storage(format!("table {name} is dropped, but its files could not be deleted: {location}: {error}"))
        })
    }

    /// Deletes everything in a folder of a store.
    async fn delete_objects_in(&self, folder: &Location) -> datafusion::error::Result<()> {
        let store = self.context.state().runtime_env().object_store(folder.store())?;
        let objects = store.list(Some(folder.root())).map_ok(|object| object.location).boxed();
        let gone = store.delete_stream(objects).filter(|deleted| {
            // Somebody else may have deleted it.
            std::future::ready(!matches!(deleted, Err(object_store::Error::NotFound { .. })))
        });
        gone.try_for_each(|_| std::future::ready(Ok(()))).await?;
        Ok(())
    }
}
