//! Plans in which every scan knows which table of the text it is.
//!
//! For the tuning EXPLAIN a statement is planned with numbers in the names of its tables (see [`mentions`](crate::explain::mentions)).
//! Each number is a catalog of its own here, which has the same tables as ours and gives them their tags. A view is planned anew for
//! each mention, so that its tables can be told apart from those of another mention of it.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::TableType;
use datafusion::sql::parser::{CopyToSource, Statement as PlannedStatement};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sqlparser::ast::{ObjectName, Query, Statement as Ast};

use super::resolve::{Resolver, StatementTables, table_name};
use crate::catalog::CATALOG;
use crate::catalog::model::{Relation, TableName};
use crate::explain::findings::QueryText;
use crate::explain::mentions::{Mentions, Numbering, catalog_of};
use crate::optimizer::facts::{InstanceTag, KnownTable, TableFacts};
use crate::sql::source::Source;

/// The numbers given so far, and the texts in which they were given. One for a statement with all its views.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    found: Arc<Mutex<Found>>,
    /// The mention of the view whose text is being planned.
    parent: Option<usize>,
}

#[derive(Debug, Default)]
struct Found {
    mentions: Mentions,
    queries: Vec<QueryText>,
}

impl Numbers {
    fn below(&self, number: usize) -> Self {
        Numbers { found: Arc::clone(&self.found), parent: Some(number) }
    }

    /// What was found, and the texts.
    pub(super) fn take(self) -> (Mentions, Vec<QueryText>) {
        let mut found = self.found.lock();
        (std::mem::take(&mut found.mentions), std::mem::take(&mut found.queries))
    }
}

/// Numbers the tables of a statement, and makes a catalog of each number.
pub(super) fn number(
    numbers: &Numbers,
    statement: &mut PlannedStatement,
    tables: &StatementTables,
    source: &Arc<Source>,
) {
    let Some(query) = query_of(statement) else { return };
    let state = tables.state();
    let database = tables.database().to_string();
    let view = tables.view_in_work();
    let resolve = |name: &ObjectName| table_name(name, &database).ok();
    let numbered: Vec<(usize, String)> = {
        let mut found = numbers.found.lock();
        let before = found.mentions.len();
        let text = QueryText { query: Box::new(query.clone()), source: Arc::clone(source), view: view.cloned() };
        if !found.queries.iter().any(|known| known.view == text.view && view.is_some()) {
            found.queries.push(text);
        }
        let numbering = Numbering { source, view, parent: numbers.parent, resolve: &resolve };
        numbering.number(query, &mut found.mentions);
        found.mentions.iter().skip(before).map(|(number, mention)| (number, mention.alias.clone())).collect()
    };
    let Some(catalog) = state.catalog_list().catalog(CATALOG) else { return };
    for (number, alias) in numbered {
        let catalog = NumberedCatalog {
            inner: Arc::clone(&catalog),
            place: Arc::new(Place {
                resolver: tables.shared_resolver(),
                numbers: numbers.clone(),
                number,
                alias,
                views: Mutex::default(),
            }),
        };
        state.catalog_list().register_catalog(catalog_of(number), Arc::new(catalog));
    }
}

fn query_of(statement: &mut PlannedStatement) -> Option<&mut Query> {
    match statement {
        PlannedStatement::Statement(ast) => match ast.as_mut() {
            Ast::Query(query) => Some(query),
            _ => None,
        },
        PlannedStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => Some(query),
            CopyToSource::Relation(_) => None,
        },
        _ => None,
    }
}

/// One table in FROM.
struct Place {
    resolver: Arc<Resolver>,
    numbers: Numbers,
    number: usize,
    alias: String,
    /// The planner asks for a table twice.
    views: Mutex<HashMap<TableName, Arc<dyn TableProvider>>>,
}

impl Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("number", &self.number).field("alias", &self.alias).finish_non_exhaustive()
    }
}

/// Our catalog, as one table in FROM sees it.
#[derive(Debug)]
struct NumberedCatalog {
    inner: Arc<dyn CatalogProvider>,
    place: Arc<Place>,
}

impl CatalogProvider for NumberedCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        Some(Arc::new(NumberedSchema { inner, database: name.to_string(), place: Arc::clone(&self.place) }))
    }
}

#[derive(Debug)]
struct NumberedSchema {
    inner: Arc<dyn SchemaProvider>,
    database: String,
    place: Arc<Place>,
}

impl NumberedSchema {
    /// The view of this name, planned for this place.
    async fn view(&self, name: &TableName) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let place = &self.place;
        if let Some(planned) = place.views.lock().get(name) {
            return Ok(Some(Arc::clone(planned)));
        }
        let Some(Relation::View(view)) = place.resolver.metastore().relation(name).await? else { return Ok(None) };
        place.numbers.found.lock().mentions.is_view(place.number);
        let planned = place.resolver.numbered(place.numbers.below(place.number)).view(view).await?;
        place.views.lock().insert(name.clone(), Arc::clone(&planned));
        Ok(Some(planned))
    }

    /// The table or view of a name, which knows at which place in the text it is mentioned.
    fn tagged_table<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DataFusionResult<Option<Arc<dyn TableProvider>>>> {
        Box::pin(async move {
            let table_name = TableName::new(self.database.as_str(), name);
            if let Some(view) = self.view(&table_name).await? {
                return Ok(Some(view));
            }
            let Some(table) = self.inner.table(name).await? else { return Ok(None) };
            let tag =
                InstanceTag { mention: self.place.number, table: table_name.clone(), alias: self.place.alias.clone() };
            let tagged = match table.downcast_ref::<KnownTable>() {
                Some(known) => known.tagged(tag),
                None => KnownTable::new(table, Arc::new(nothing_of(table_name, self.place.number))).tagged(tag),
            };
            Ok(Some(Arc::new(tagged)))
        })
    }
}

impl SchemaProvider for NumberedSchema {
    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn table<'s, 'n, 'r>(&'s self, name: &'n str) -> BoxFuture<'r, DataFusionResult<Option<Arc<dyn TableProvider>>>>
    where
        's: 'r,
        'n: 'r,
        Self: 'r,
    {
        self.tagged_table(name)
    }

    fn table_type<'s, 'n, 'r>(&'s self, name: &'n str) -> BoxFuture<'r, DataFusionResult<Option<TableType>>>
    where
        's: 'r,
        'n: 'r,
        Self: 'r,
    {
        self.inner.table_type(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}

/// Nothing is known of a table that is not over files, not even whether two readings of it give the same rows.
fn nothing_of(name: TableName, number: usize) -> TableFacts {
    TableFacts {
        name,
        constraints: Vec::new(),
        unused: Vec::new(),
        rows: None,
        columns: Vec::new(),
        distinct: Arc::default(),
        // Other tables count from 1 upwards.
        snapshot: u64::MAX - number as u64,
    }
}
