//! Declared constraints: from what was written to what the catalog keeps.

use crate::catalog::constraints::{self, DeclaredConstraint, ReferencedTables};
use crate::catalog::model::{Column, ConstraintKind, Table, TableName};
use crate::catalog::provider::columns_of;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::constraints::Checked;
use crate::session::resolve::{fold, table_name};
use crate::sql::statement::{ConstraintDefinition, ConstraintDefinitionKind, ParsedStatement};

/// A definition with all that is needed to add it to its table at once.
#[derive(Debug, Clone)]
pub(super) struct ReadyConstraint {
    declared: DeclaredConstraint,
    columns: Vec<Column>,
    others: ReferencedTables,
}

impl ReadyConstraint {
    /// Checks it against the table as it is now, names it, and adds it.
    pub(super) fn add_to(self, table: &mut Table) -> Result<()> {
        constraints::declare(table, &self.columns, vec![self.declared], &self.others)
    }

    /// The same under a name that was found for it.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.declared.name = Some(name.to_string());
        self
    }
}

impl Session {
    /// Adds a definition to a table that is being made.
    pub(super) async fn add_constraint(
        &self,
        table: &mut Table,
        definition: &ConstraintDefinition,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        let ready = self.ready_constraint(table, definition, parsed).await?;
        ready.add_to(table).map_err(|error| error.at(&parsed.source, definition.span))
    }

    /// Checks those constraints of a table on its data that say VALIDATE. The table need not be in the catalog.
    pub(super) async fn validate(&self, table: &Table) -> Result<Vec<Checked>> {
        let mut all = Vec::new();
        for constraint in table.constraints.iter().filter(|constraint| constraint.validate) {
            let checked = self.check_on_data(table, constraint, true).await?;
            checked.require()?;
            all.push(checked);
        }
        Ok(all)
    }

    /// Looks up what a definition refers to.
    pub(super) async fn ready_constraint(
        &self,
        table: &Table,
        definition: &ConstraintDefinition,
        parsed: &ParsedStatement,
    ) -> Result<ReadyConstraint> {
        let ready = async {
            let declared = declared(definition, &table.name)?;
            self.require_as_lasting(table, &declared.kind).await?;
            let tables = self.statement_tables(&table.name.database);
            let columns = columns_of(table, tables.resolver()).await?;
            let others = constraints::referenced_tables(
                self.metastore().as_ref(),
                tables.resolver(),
                &table.name,
                std::slice::from_ref(&declared),
            )
            .await?;
            Ok(ReadyConstraint { declared, columns, others })
        };
        ready.await.map_err(|error: Error| error.at(&parsed.source, definition.span))
    }
}

impl Session {
    /// A lasting table's foreign key cannot be about a table that only this session has.
    async fn require_as_lasting(&self, table: &Table, kind: &ConstraintKind) -> Result<()> {
        let ConstraintKind::ForeignKey { references, .. } = kind else { return Ok(()) };
        match self.require_not_temporary(references).await {
            Err(error) if !self.is_in_scratch(table) => {
                Err(error.help("a foreign key of a lasting table references lasting tables"))
            }
            _ => Ok(()),
        }
    }
}

fn declared(definition: &ConstraintDefinition, table: &TableName) -> Result<DeclaredConstraint> {
    let names = |idents: &[sqlparser::ast::Ident]| idents.iter().map(fold).collect::<Vec<_>>();
    let kind = match &definition.kind {
        ConstraintDefinitionKind::PrimaryKey(columns) => ConstraintKind::PrimaryKey { columns: names(columns) },
        ConstraintDefinitionKind::Unique(columns) => ConstraintKind::Unique { columns: names(columns) },
        ConstraintDefinitionKind::NotNull(columns) => ConstraintKind::NotNull { columns: names(columns) },
        ConstraintDefinitionKind::ForeignKey { columns, references, referenced_columns } => {
            ConstraintKind::ForeignKey {
                columns: names(columns),
                references: table_name(references, &table.database)?,
                referenced_columns: names(referenced_columns),
            }
        }
    };
    Ok(DeclaredConstraint {
        name: definition.name.as_ref().map(fold),
        kind,
        enabled: definition.enabled,
        validate: definition.validate,
        rely: definition.rely,
    })
}
