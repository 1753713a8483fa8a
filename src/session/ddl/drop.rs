//! DROP TABLE and DROP VIEW.

use sqlparser::ast::Spanned;

use crate::catalog::model::{Relation, TableKind};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::resolve::no_table;
use crate::sql::statement::{Drop, ParsedStatement};
use crate::storage::location::Location;

impl Session {
    pub(in crate::session) async fn drop_relations(&self, drop: &Drop, parsed: &ParsedStatement) -> Result<()> {
        for name in &drop.names {
            self.drop_relation(drop, name).await.map_err(|error| error.at(&parsed.source, name.span()))?;
        }
        Ok(())
    }

    async fn drop_relation(&self, drop: &Drop, name: &sqlparser::ast::ObjectName) -> Result<()> {
        let name = self.table_name(name)?;
        match self.metastore.relation(&name).await? {
            None if drop.if_exists => return Ok(()),
            None => return Err(no_table(self.metastore.as_ref(), &name).await),
            Some(Relation::Table(_)) if drop.view => {
                return Err(Error::statement(format!("{name} is a table")).help("use DROP TABLE"));
            }
            Some(Relation::View(_)) if !drop.view => {
                return Err(Error::statement(format!("{name} is a view")).help("use DROP VIEW"));
            }
            Some(_) => {}
        }
        let dropped = self.metastore.drop_relation(&name).await?;
        self.delete_files_of(&dropped)
    }

    /// Deletes the files of a managed table that the catalog no longer names. Those of others stay.
    pub(super) fn delete_files_of(&self, relation: &Relation) -> Result<()> {
        let Relation::Table(table) = relation else { return Ok(()) };
        if table.kind != TableKind::Managed {
            return Ok(());
        }
        let Some(folder) = Location::parse(&table.location, &self.base)?.local_root() else { return Ok(()) };
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::storage(format!(
                "table {} is dropped, but its files could not be deleted: {}: {error}",
                table.name,
                folder.display()
            ))),
        }
    }
}
