//! ALTER TABLE.

use sqlparser::ast::{Expr, Spanned};

use super::partition_filter::PartitionFilter;
use crate::catalog::constraints::{drop_constraint, find_constraint};
use crate::catalog::model::{Relation, Table, TableName};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::constraints::Checked;
use crate::session::resolve::{fold, no_table};
use crate::sql::statement::{AlterAction, AlterTable, ParsedStatement};

impl Session {
    pub(in crate::session) async fn alter_table(&self, alter: &AlterTable, parsed: &ParsedStatement) -> Result<()> {
        let name = self.table_name(&alter.name)?;
        let at_name = |error: Error| error.at(&parsed.source, alter.name.span());
        let table = match self.metastore.relation(&name).await? {
            Some(Relation::Table(table)) => table,
            Some(Relation::View(_)) => {
                return Err(at_name(
                    Error::statement(format!("{name} is a view")).help("CREATE OR REPLACE VIEW changes it"),
                ));
            }
            None if alter.if_exists => return Ok(()),
            None => return Err(at_name(no_table(self.metastore.as_ref(), &name).await)),
        };
        // What a check finds is kept here.
        if !matches!(alter.action, AlterAction::ValidateConstraint(_)) {
            self.require_own(&name).map_err(at_name)?;
        }
        self.alter(table, &alter.action, parsed).await
    }

    async fn alter(&self, table: Table, action: &AlterAction, parsed: &ParsedStatement) -> Result<()> {
        let name = table.name.clone();
        if self.check_only
            && let Some(clauses) = clauses_of_files(action)
        {
            // The catalog is a copy; the files are not.
            return clauses
                .iter()
                .try_for_each(|clause| PartitionFilter::read(clause, &table, &parsed.source).map(drop));
        }
        match action {
            AlterAction::Rename(to) => {
                let to = match to.0.len() {
                    1 => TableName::new(
                        name.database.clone(),
                        super::super::resolve::table_name(to, &name.database)?.name,
                    ),
                    _ => self.table_name(to)?,
                };
                self.metastore.rename_relation(&name, &to).await
            }
            AlterAction::AddPartitions { partitions, if_not_exists } => {
                self.add_partitions(&table, partitions, *if_not_exists, &parsed.source).await
            }
            AlterAction::DropPartitions { partitions, if_exists } => {
                self.drop_partitions(&table, partitions, *if_exists, &parsed.source).await
            }
            AlterAction::RecoverPartitions => self.tables.open(&self.context.state(), &table).await.map(drop),
            AlterAction::SetProperties(properties) => {
                let properties = properties.clone();
                self.change(&name, move |table| {
                    table.properties.extend(properties);
                    Ok(())
                })
                .await
            }
            AlterAction::UnsetProperties { names, if_exists } => {
                let (names, if_exists) = (names.clone(), *if_exists);
                self.change(&name, move |table| {
                    for key in &names {
                        if table.properties.remove(key).is_none() && !if_exists {
                            return Err(Error::statement(format!("table {} has no property \"{key}\"", table.name)));
                        }
                    }
                    Ok(())
                })
                .await
            }
            AlterAction::AddColumns { columns, if_not_exists } => {
                self.add_columns(table, columns, *if_not_exists, parsed).await
            }
            AlterAction::ChangeColumn(change) => self.change_column(table, change, parsed).await,
            AlterAction::ReplaceColumns(columns) => self.replace_columns(table, columns, parsed).await,
            AlterAction::DropColumn { name, if_exists } => self.drop_column(table, name, *if_exists, parsed).await,
            AlterAction::RenamePartition { from, to } => self.rename_partition(&table, from, to, &parsed.source).await,
            AlterAction::ExchangePartition { partition, with } => {
                self.exchange_partition(&table, partition, with, &parsed.source).await
            }
            AlterAction::SetLocation { partition, place, place_span } => {
                self.set_location(&table, partition, place, *place_span, &parsed.source).await
            }
            AlterAction::AddConstraint(definition) => {
                let ready = self.ready_constraint(&table, definition, parsed).await?;
                let added = async {
                    // First on a copy: what is checked is the constraint as it will be.
                    let mut with_it = table.clone();
                    ready.clone().add_to(&mut with_it)?;
                    let Some(constraint) = with_it.constraints.last() else { return Ok(()) };
                    let ready = ready.named(&constraint.name);
                    let checked = match constraint.validate {
                        true => Some(self.check_on_data(&with_it, constraint, true).await?),
                        false => None,
                    };
                    checked.iter().try_for_each(Checked::require)?;
                    self.change(&name, move |table| ready.add_to(table)).await?;
                    match &checked {
                        Some(checked) => self.keep_evidence(checked).await,
                        None => Ok(()),
                    }
                };
                added.await.map_err(|error: Error| error.at(&parsed.source, definition.span))
            }
            AlterAction::ValidateConstraint(constraint) => {
                let validated = async {
                    let constraint = find_constraint(&table, &fold(constraint))?;
                    let checked = self.check_on_data(&table, constraint, false).await?;
                    checked.require()?;
                    self.keep_evidence(&checked).await
                };
                validated.await.map_err(|error| error.at(&parsed.source, constraint.span))
            }
            AlterAction::DropConstraint { name: constraint, if_exists } => {
                let (wanted, if_exists) = (fold(constraint), *if_exists);
                self.change(&name, move |table| match drop_constraint(table, &wanted) {
                    Err(_) if if_exists => Ok(()),
                    outcome => outcome.map(|_| ()),
                })
                .await
                .map_err(|error| error.at(&parsed.source, constraint.span))
            }
        }
    }

    pub(super) async fn change(
        &self,
        name: &TableName,
        change: impl FnOnce(&mut Table) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.metastore.update_table(name, Box::new(change)).await
    }
}

/// The PARTITION clauses of an action that changes files; `None` for one that changes the catalog alone.
fn clauses_of_files(action: &AlterAction) -> Option<Vec<&[Expr]>> {
    match action {
        AlterAction::AddPartitions { partitions, .. } => {
            Some(partitions.iter().map(|partition| partition.values.as_slice()).collect())
        }
        AlterAction::DropPartitions { partitions, .. } => Some(partitions.iter().map(Vec::as_slice).collect()),
        AlterAction::RenamePartition { from, to } => Some(vec![from, to]),
        AlterAction::ExchangePartition { partition, .. } => Some(vec![partition]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::session::{Session, SessionOptions};
    use crate::sql::source::Source;

    #[tokio::test]
    async fn a_statement_that_is_only_checked_leaves_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let options = |check_only| SessionOptions {
            catalog: Some(folder.path().join("c")),
            check_only,
            ..SessionOptions::default()
        };
        let session = Session::open(options(false)).await.unwrap();
        session
            .query("CREATE TABLE p (id INT) PARTITIONED BY (k INT); INSERT INTO p VALUES (1, 1), (2, 2)")
            .await
            .unwrap();
        let checking = Session::open(options(true)).await.unwrap();
        for (sql, fits) in [
            ("ALTER TABLE p DROP PARTITION (k = 1)", true),
            ("ALTER TABLE p PARTITION (k = 1) RENAME TO PARTITION (k = 3)", true),
            ("ALTER TABLE p ADD PARTITION (k = 4)", true),
            ("ALTER TABLE p DROP PARTITION (x = 1)", false),
            ("DELETE FROM p WHERE id = 1", true),
            ("UPDATE p SET id = 2 WHERE idd = 1", false),
        ] {
            let piece = checking.split(&Source::new("sql", sql)).remove(0);
            let parsed = checking.parse(&piece).unwrap();
            assert_eq!(checking.check(&parsed).await.is_ok(), fits, "{sql}");
        }
        let shown = session.query("SHOW PARTITIONS p").await.unwrap();
        assert_eq!(shown.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
        let rows = session.query("SELECT * FROM p").await.unwrap();
        assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    }
}
