//! CREATE TABLE, CREATE EXTERNAL TABLE, CREATE TABLE … AS.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::datasource::physical_plan::parquet::transform_schema_to_view;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::catalog::model::{Column, FileFormat, Relation, Table, TableKind, TableName};
use crate::catalog::{IfExists, Metastore as _};
use crate::error::{Error, Result};
use crate::session::constraints::Checked;
use crate::session::resolve::fold;
use crate::session::unfinished::Unfinished;
use crate::session::write::Replaces;
use crate::session::{Outcome, Session};
use crate::sql::dialect::Dialect;
use crate::sql::statement::{ColumnDefinition, CreateTable, ParsedStatement};
use crate::sql::types;
use crate::storage::kind::is_empty;
use crate::storage::location::Location;
use crate::storage::table::TableSpec;

/// A table to be made of a query's rows.
struct TableOfQuery {
    table: Table,
    plan: LogicalPlan,
    state: SessionState,
}

impl Session {
    pub(in crate::session) async fn create_table(
        &self,
        create: &CreateTable,
        parsed: &ParsedStatement,
    ) -> Result<Outcome> {
        let name = self.table_name(&create.name)?;
        self.require_database(&name).await?;
        let existing = match create.temporary {
            true => self.data.relation(&name).await?,
            false => {
                self.require_not_temporary(&name).await?;
                self.metastore.relation(&name).await?
            }
        };
        if let Some(existing) = existing {
            if create.if_not_exists {
                return Ok(Outcome::Done { rows: None });
            }
            if !create.or_replace {
                return Err(Error::statement(format!("{name} exists already"))
                    .help("CREATE OR REPLACE TABLE takes its place; IF NOT EXISTS leaves it"));
            }
            if matches!(existing, Relation::View(_)) {
                return Err(Error::statement(format!("{name} is a view")).help("DROP VIEW it first"));
            }
        }
        match &create.query {
            Some(query) => self.create_table_as(create, query, name, parsed).await,
            None => {
                let table = self.declared_table(create, name, parsed).await?;
                let checked = self.validate(&table).await?;
                self.keep_table(table, create, &checked).await?;
                Ok(Outcome::Done { rows: None })
            }
        }
    }

    /// Resolves names, types and files without making the table's files; the table itself is made in a session that only checks.
    pub(in crate::session) async fn check_create_table(
        &self,
        create: &CreateTable,
        parsed: &ParsedStatement,
    ) -> Result<()> {
        let name = self.table_name(&create.name)?;
        self.require_database(&name).await?;
        let table = match &create.query {
            Some(query) => self.table_of_query(create, query, name, parsed).await?.table,
            None => self.declared_table(create, name, parsed).await?,
        };
        if self.check_only { self.keep_table(table, create, &[]).await } else { Ok(()) }
    }

    /// Puts a table and what was found about it into the catalog, in the place of an older one if the statement says so, whose files then go.
    async fn keep_table(&self, table: Table, create: &CreateTable, checked: &[Checked]) -> Result<()> {
        let if_exists = match (create.or_replace, create.if_not_exists) {
            (true, _) => IfExists::Replace,
            (false, true) => IfExists::Keep,
            (false, false) => IfExists::Fail,
        };
        let replaced = match (create.or_replace, create.temporary) {
            (false, _) => None,
            (true, true) => self.data.relation(&table.name).await?,
            (true, false) => self.metastore.relation(&table.name).await?,
        };
        let location = table.location.clone();
        let created = match create.temporary {
            true => self.create_temporary(&Relation::Table(table), if_exists).await?,
            false => self.metastore.create_relation(&Relation::Table(table), if_exists).await?,
        };
        if created {
            for checked in checked {
                self.keep_evidence(checked).await?;
            }
        }
        match replaced {
            Some(Relation::Table(old)) if old.location != location => self.delete_files_of(&Relation::Table(old)).await,
            _ => Ok(()),
        }
    }

    /// A table with another one's columns, partitions and format, and no rows.
    async fn table_like(
        &self,
        like: &sqlparser::ast::ObjectName,
        create: &CreateTable,
        name: TableName,
        parsed: &ParsedStatement,
    ) -> Result<Table> {
        let model = self.table_to_read(like, &parsed.source).await?;
        let table = self.undeclared_table(create, name).await?;
        Ok(Table {
            format: create.format.unwrap_or(model.format),
            columns: model.columns,
            partition_columns: model.partition_columns,
            options: if create.format.is_none() { model.options } else { table.options.clone() },
            comment: table.comment.clone().or(model.comment),
            buckets: model.buckets,
            ..table
        })
    }

    async fn declared_table(&self, create: &CreateTable, name: TableName, parsed: &ParsedStatement) -> Result<Table> {
        if let Some(like) = &create.like {
            return self.table_like(like, create, name, parsed).await;
        }
        if create.external && create.location.is_none() {
            return Err(Error::statement("an external table needs LOCATION 'path' to say where its files are")
                .help("without EXTERNAL, Ostrich keeps the files itself"));
        }
        if create.columns.is_empty() && create.location.is_none() {
            return Err(Error::statement(format!("table {name} has neither columns nor files"))
                .help("write CREATE TABLE t (a INT, …), CREATE TABLE t AS SELECT … or CREATE EXTERNAL TABLE t LOCATION 'path'"));
        }
        let mut table = self.undeclared_table(create, name).await?;
        let mut columns = columns_from(&create.columns)?;
        if create.format == Some(FileFormat::OpenCsv) {
            // It knows texts alone, whatever the columns were declared as.
            columns.iter_mut().for_each(|column| column.data_type = DataType::Utf8View);
        }
        let declared_partitions = partition_columns(create, &mut columns)?;
        table.columns = columns;
        if table.columns.is_empty() {
            // The files say what there is; what they say now is what the table has from now on.
            let spec = self.spec_of(&table, create, declared_partitions.clone())?;
            let open = self.tables.open_spec(&self.context.state(), spec).await?;
            table.format = open.format();
            table.columns = columns_of(open.file_schema().fields());
            table.partition_columns = Some(with_comments(columns_of(open.partitions().columns()), create));
        } else {
            let partitions = declared_partitions.unwrap_or_default();
            let mut missing = partitions.iter().filter(|(_, data_type)| data_type.is_none());
            if let Some((column, _)) = missing.next() {
                return Err(Error::statement(format!("partition column \"{column}\" has no type"))
                    .help(format!("write PARTITIONED BY ({column} VARCHAR)")));
            }
            table.partition_columns = Some(with_comments(
                partitions
                    .into_iter()
                    .filter_map(|(name, data_type)| Some(Column { name, data_type: data_type?, comment: None }))
                    .collect(),
                create,
            ));
            if create.format.is_none() && create.location.is_some() {
                table.format = match parsed.dialect {
                    Dialect::Ansi => self.format_at(&table).await?,
                    Dialect::Hive => self.format_in_hive(&table).await,
                };
            }
        }
        duplicate_column(&table)?;
        require_bucket_columns(&table)?;
        for constraint in &create.constraints {
            self.add_constraint(&mut table, constraint, parsed).await?;
        }
        Ok(table)
    }

    /// All of a table but its columns.
    async fn undeclared_table(&self, create: &CreateTable, name: TableName) -> Result<Table> {
        let (kind, location) = match &create.location {
            Some((location, _)) => {
                let location = self.location(location)?;
                let location =
                    if location.is_folder() || create.query.is_some() { location.into_folder() } else { location };
                (TableKind::External, location.absolute())
            }
            None => {
                let warehouse = if create.temporary {
                    self.warehouse_in(&self.scratch()?, &name)?
                } else {
                    match self.metastore.database(&name.database).await?.and_then(|database| database.location) {
                        Some(place) => self.location(&place)?.into_folder(),
                        None => self.warehouse_in(&self.warehouse, &name)?,
                    }
                };
                (TableKind::Managed, managed_location(&warehouse, &name)?.absolute())
            }
        };
        Ok(Table {
            name,
            kind,
            format: create.format.unwrap_or(FileFormat::Parquet),
            location,
            columns: Vec::new(),
            partition_columns: None,
            options: create.options.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect(),
            properties: create.properties.iter().cloned().collect(),
            buckets: create.buckets.clone(),
            comment: create.comment.clone(),
            constraints: Vec::new(),
            statistics: None,
        })
    }

    fn spec_of(
        &self,
        table: &Table,
        create: &CreateTable,
        partitions: Option<Vec<(String, Option<datafusion::arrow::datatypes::DataType>)>>,
    ) -> Result<TableSpec> {
        let mut spec = TableSpec::of(Location::parse(&table.location, &self.base)?);
        spec.format = create.format;
        spec.options = table.options.clone();
        if let Some(partitions) = partitions
            && partitions.iter().all(|(_, data_type)| data_type.is_some())
        {
            spec.partition_columns = Some(
                partitions
                    .into_iter()
                    .filter_map(|(name, data_type)| Some(Field::new(name, data_type?, true)))
                    .collect(),
            );
        }
        Ok(spec)
    }

    async fn format_at(&self, table: &Table) -> Result<FileFormat> {
        let location = Location::parse(&table.location, &self.base)?;
        if is_empty(&self.context.state(), &location).await? {
            return Ok(table.format);
        }
        self.tables.format_at(&self.context.state(), &location).await
    }

    /// Hive takes files for its own text where nothing says what they are.
    async fn format_in_hive(&self, table: &Table) -> FileFormat {
        match self.format_at(table).await {
            Ok(format @ (FileFormat::Parquet | FileFormat::Orc | FileFormat::Avro | FileFormat::Arrow)) => format,
            _ => FileFormat::TextFile,
        }
    }

    /// The table that CREATE TABLE … AS makes, and the plan of its rows.
    async fn table_of_query(
        &self,
        create: &CreateTable,
        query: &sqlparser::ast::Query,
        name: TableName,
        parsed: &ParsedStatement,
    ) -> Result<TableOfQuery> {
        if !create.columns.is_empty() {
            return Err(Error::statement("CREATE TABLE … AS takes the types of its columns from the query")
                .help("CREATE TABLE t (a, b) AS … names them; CAST(c AS INT) gives another type"));
        }
        let mut planned = self.plan_query(query, &parsed.source).await?;
        if !create.names.is_empty() {
            if create.names.len() != planned.names.len() {
                return Err(Error::statement(format!(
                    "the table names {} columns, but its query gives {}",
                    create.names.len(),
                    planned.names.len()
                )));
            }
            planned.names = create.names.iter().map(fold).collect();
        }
        let (plan, state) = planned.named_plan()?;
        let mut table = self.undeclared_table(create, name).await?;
        let schema = plan.schema().as_arrow().clone();
        let partitions: Vec<String> = create.partitioned_by.iter().map(|column| fold(&column.name)).collect();
        let (columns, partition_columns) = split_columns(&schema, &partitions)?;
        table.columns = columns;
        table.partition_columns = Some(with_comments(partition_columns, create));
        duplicate_column(&table)?;
        require_bucket_columns(&table)?;
        for constraint in &create.constraints {
            self.add_constraint(&mut table, constraint, parsed).await?;
        }
        Ok(TableOfQuery { table, plan, state })
    }

    /// Writes the rows of a query to new files, and only then makes the table. If anything fails, the files go.
    async fn create_table_as(
        &self,
        create: &CreateTable,
        query: &sqlparser::ast::Query,
        name: TableName,
        parsed: &ParsedStatement,
    ) -> Result<Outcome> {
        let TableOfQuery { table, plan, state } = self.table_of_query(create, query, name, parsed).await?;
        let folder = self.folder_to_write(&table).await?.into_folder();
        self.require_empty(&folder, &table).await?;
        let rows = in_table_order(plan, &table)?;
        let write = self.begin_locked_write(&folder).await?;
        // Somebody else may have been quicker.
        if let Err(error) = self.require_empty(&folder, &table).await {
            write.abandon().await;
            return Err(error);
        }
        let unfinished = Unfinished::new(&folder);
        let rows = self.write(&table, &folder, (rows, state), write, Replaces::Nothing, &parsed.source).await?;
        let kept = async {
            let checked = self.validate(&table).await?;
            self.keep_table(table.clone(), create, &checked).await
        };
        if let Err(error) = kept.await {
            if !folder.is_local() {
                // Why there is no table matters more than the files, which stay if they cannot be deleted.
                let _ = self.delete_files(&table, &folder, Replaces::Everything).await;
            }
            return Err(error);
        }
        unfinished.keep();
        Ok(Outcome::Done { rows })
    }

    /// The folder of a database that says nothing else.
    fn warehouse_in(&self, warehouse: &Path, name: &TableName) -> Result<Location> {
        let folder = warehouse.join(safe_folder(&name.database));
        let text = folder.to_str().ok_or_else(|| {
            Error::storage(format!("the path of the catalog is not valid UTF-8: {}", folder.display()))
        })?;
        Ok(Location::parse(text, &self.base)?.into_folder())
    }

    async fn require_empty(&self, location: &Location, table: &Table) -> Result<()> {
        if is_empty(&self.context.state(), location).await? {
            return Ok(());
        }
        Err(Error::storage(format!("{location} is not empty"))
            .help("CREATE TABLE … AS writes to a new place; INSERT INTO adds to a table that is there")
            .context(format!("table {}", table.name)))
    }

    async fn require_database(&self, name: &TableName) -> Result<()> {
        if name.database == "information_schema" {
            return Err(Error::statement("information_schema cannot be written to"));
        }
        self.require_own(name)?;
        match self.metastore.database(&name.database).await? {
            Some(_) => Ok(()),
            None => Err(self.statement_tables(&name.database).no_database(&name.database).await),
        }
    }

    /// What a user wrote as a place, from where relative paths start.
    pub(in crate::session) fn location(&self, text: &str) -> Result<Location> {
        Location::parse(text, &self.base)
    }
}

/// A place for the files of a managed table that no other table has or had: tables are renamed without their files, take each
/// other's place, and two processes may make one at the same time.
fn managed_location(warehouse: &Location, name: &TableName) -> Result<Location> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    warehouse.join(&format!("{}-{}/", safe_folder(&name.name), id.get(..8).unwrap_or(&id)))
}

/// Names of databases and tables may hold anything; a folder's name may not.
fn safe_folder(name: &str) -> String {
    let keep = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut folder = String::with_capacity(name.len());
    for c in name.chars() {
        if keep(c) {
            folder.push(c);
        } else {
            folder.push_str(&format!("%{:X}", u32::from(c)));
        }
    }
    folder
}

pub(in crate::session) fn columns_from(definitions: &[ColumnDefinition]) -> Result<Vec<Column>> {
    definitions
        .iter()
        .map(|definition| {
            Ok(Column {
                name: fold(&definition.name),
                data_type: types::from_sql(&definition.data_type)?,
                comment: definition.comment.clone(),
            })
        })
        .collect()
}

type PartitionTypes = Vec<(String, Option<datafusion::arrow::datatypes::DataType>)>;

/// Partition columns with their types; a column that is declared among the others moves over from there.
fn partition_columns(create: &CreateTable, columns: &mut Vec<Column>) -> Result<Option<PartitionTypes>> {
    if create.partitioned_by.is_empty() {
        return Ok(None);
    }
    let mut partitions = Vec::new();
    for partition in &create.partitioned_by {
        let name = fold(&partition.name);
        let declared = columns.iter().position(|column| column.name == name);
        let data_type = match (&partition.data_type, declared) {
            (Some(_), Some(_)) => {
                return Err(Error::statement(format!(
                    "column \"{name}\" is declared twice: among the columns and in PARTITIONED BY"
                )));
            }
            (Some(data_type), None) => Some(types::from_sql(data_type)?),
            (None, Some(index)) => Some(columns.remove(index).data_type),
            (None, None) => None,
        };
        partitions.push((name, data_type));
    }
    Ok(Some(partitions))
}

fn with_comments(mut columns: Vec<Column>, create: &CreateTable) -> Vec<Column> {
    for column in &mut columns {
        let declared = create.partitioned_by.iter().find(|partition| fold(&partition.name) == column.name);
        column.comment = declared.and_then(|partition| partition.comment.clone());
    }
    columns
}

fn duplicate_column(table: &Table) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for column in table.columns.iter().chain(table.partition_columns.iter().flatten()) {
        if !seen.insert(column.name.to_lowercase()) {
            return Err(Error::statement(format!("column \"{}\" occurs twice", column.name))
                .help("give one of them another name with AS"));
        }
    }
    if table.columns.is_empty() {
        return Err(Error::statement("a table needs at least one column that is not a partition column"));
    }
    Ok(())
}

/// The columns that rows are divided by are in the files.
fn require_bucket_columns(table: &Table) -> Result<()> {
    let Some(buckets) = &table.buckets else { return Ok(()) };
    let named = buckets.columns.iter().chain(buckets.sorted_by.iter().map(|sort| &sort.column));
    let mut missing = named.filter(|name| !table.columns.iter().any(|column| column.name == **name));
    match missing.next() {
        None => Ok(()),
        Some(name) => Err(Error::statement(format!("CLUSTERED BY names \"{name}\", which is no column of the files"))),
    }
}

/// A query's columns, and those of them that become partition columns, in the order of PARTITIONED BY. Texts are views, as they are of files
/// that are there already, whatever function has made them.
fn split_columns(schema: &Schema, partitions: &[String]) -> Result<(Vec<Column>, Vec<Column>)> {
    let (mut columns, mut found) = (Vec::new(), Vec::new());
    for column in columns_of(transform_schema_to_view(schema).fields()) {
        if partitions.contains(&column.name) { found.push(column) } else { columns.push(column) }
    }
    let mut ordered = Vec::new();
    for name in partitions {
        match found.iter().find(|column| column.name == *name) {
            Some(column) => ordered.push(column.clone()),
            None => return Err(Error::statement(format!("the query gives no column \"{name}\" to partition by"))),
        }
    }
    Ok((columns, ordered))
}

/// The query's columns as the table has them: partition columns last.
fn in_table_order(
    plan: datafusion::logical_expr::LogicalPlan,
    table: &Table,
) -> Result<datafusion::logical_expr::LogicalPlan> {
    use datafusion::logical_expr::Expr;
    let columns = plan.schema().columns();
    let ordered = table.columns.iter().chain(table.partition_columns.iter().flatten()).filter_map(|wanted| {
        columns
            .iter()
            .find(|column| column.name == wanted.name)
            .map(|column| Expr::Column(column.clone()).alias(wanted.name.as_str()))
    });
    let ordered: Vec<Expr> = ordered.collect();
    Ok(LogicalPlanBuilder::from(plan).project(ordered)?.build()?)
}

/// Columns as the catalog keeps them, of an Arrow schema's fields.
pub(in crate::session) fn columns_of<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Vec<Column> {
    fields
        .into_iter()
        .map(|field| Column { name: field.name().clone(), data_type: field.data_type().clone(), comment: None })
        .collect()
}

pub(in crate::session) fn fields_of(columns: &[Column]) -> Vec<Field> {
    // Never NOT NULL: a declaration is no proof, and readers fail on a NULL where none may be.
    columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true)).collect()
}

pub(in crate::session) fn schema_of(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(fields_of(columns)))
}
