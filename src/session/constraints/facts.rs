//! What a statement's plan may take for granted of its tables: constraints on the user's word, constraints with evidence that
//! counts for the files of this statement's own listing, and what the files themselves say.
//!
//! A foreign key needs the listings of two tables. It is judged when the statement's plan is there and both are known to be in
//! it: without the table it references it is of no use, and nothing is listed for it alone.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlan;

use super::standing::{Concerned, Listed, judge, referenced};
use crate::catalog::Metastore;
use crate::catalog::evidence::Evidence;
use crate::catalog::model::{Constraint, ConstraintKind, TableName};
use crate::error::Result;
use crate::optimizer::facts::{
    ConstraintRef, FileColumnFacts, KnownConstraint, KnownConstraintKind, KnownTable, TableFacts, Trust,
    UnusedConstraint,
};
use crate::session::resolve::StatementTables;
use crate::storage::RowFacts;

/// Files that are looked into for facts alone, at most. Scans look into them too, unless folders tell that they need not.
pub(in crate::session) const MOST_FILES: usize = 256;
pub(in crate::session) const MOST_FILES_IN_FOLDERS: usize = 16;

/// A table of the catalog as this statement has opened it.
#[derive(Debug, Clone)]
pub(in crate::session) struct OpenedTable {
    pub listed: Listed,
    pub evidence: Vec<Evidence>,
}

impl OpenedTable {
    fn evidence_on(&self, constraint: &Constraint) -> Option<&Evidence> {
        self.evidence.iter().find(|evidence| evidence.constraint == constraint.name)
    }
}

/// The facts on a table as far as it alone tells them. `row_facts` are `None` where nothing may be taken from files.
pub(in crate::session) async fn facts_of(
    metastore: &dyn Metastore,
    opened: &OpenedTable,
    data_facts: bool,
    row_facts: Option<&RowFacts>,
    snapshot: u64,
) -> Result<TableFacts> {
    let mut facts = facts_of_files(opened.listed.table.name.clone(), row_facts, snapshot);
    for constraint in &opened.listed.table.constraints {
        let Some(kinds) = kinds(constraint, &opened.listed, &mut facts.unused) else { continue };
        if let Some(parent) = referenced(constraint)
            && metastore.is_of_session(parent).await? != metastore.is_of_session(&facts.name).await?
        {
            let why = format!("{parent} is another table in this session");
            leave_out(&mut facts.unused, constraint, kinds, why);
            continue;
        }
        if constraint.rely {
            use_constraint(&mut facts, constraint, kinds, Trust::Rely);
            continue;
        }
        let why = match referenced(constraint) {
            _ if !data_facts => Some(OFF.to_string()),
            Some(parent) => Some(format!("{parent} is not in the statement")),
            None => {
                let concerned = Concerned { own: opened.listed.clone(), parent: None };
                judge(metastore, constraint, opened.evidence_on(constraint), &concerned).await?.why_not
            }
        };
        match why {
            None => use_constraint(&mut facts, constraint, kinds, Trust::Checked),
            Some(why) => leave_out(&mut facts.unused, constraint, kinds, why),
        }
    }
    Ok(facts)
}

const OFF: &str = "ostrich.optimizer.data_facts is off";

/// The facts that the files alone give.
pub(in crate::session) fn facts_of_files(name: TableName, row_facts: Option<&RowFacts>, snapshot: u64) -> TableFacts {
    let column = |column: &crate::storage::ColumnFacts| FileColumnFacts {
        nulls: column.nulls,
        min: column.min.clone(),
        max: column.max.clone(),
    };
    TableFacts {
        name,
        constraints: Vec::new(),
        unused: Vec::new(),
        rows: row_facts.map(|facts| facts.rows),
        columns: row_facts.map(|facts| facts.columns.iter().map(column).collect()).unwrap_or_default(),
        distinct: Arc::default(),
        snapshot,
    }
}

/// What a constraint says, by places of columns; a primary key says two things. `None`: the table lacks a column now.
fn kinds(
    constraint: &Constraint,
    listed: &Listed,
    unused: &mut Vec<UnusedConstraint>,
) -> Option<Vec<KnownConstraintKind>> {
    let columns = match listed.places(constraint.kind.columns()) {
        Ok(columns) => columns,
        Err(missing) => {
            unused.push(UnusedConstraint {
                name: constraint.name.clone(),
                kind: KnownConstraintKind::NotNull { columns: Vec::new() },
                why: format!("the table has no column \"{missing}\" now"),
            });
            return None;
        }
    };
    Some(match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => vec![
            KnownConstraintKind::Unique { columns: columns.clone(), primary: true },
            KnownConstraintKind::NotNull { columns },
        ],
        ConstraintKind::Unique { .. } => vec![KnownConstraintKind::Unique { columns, primary: false }],
        ConstraintKind::NotNull { .. } => vec![KnownConstraintKind::NotNull { columns }],
        ConstraintKind::ForeignKey { references, referenced_columns, .. } => vec![KnownConstraintKind::ForeignKey {
            columns,
            parent: references.clone(),
            parent_columns: referenced_columns.clone(),
        }],
    })
}

fn use_constraint(facts: &mut TableFacts, constraint: &Constraint, kinds: Vec<KnownConstraintKind>, trust: Trust) {
    let reference = Arc::new(ConstraintRef { table: facts.name.clone(), name: constraint.name.clone(), trust });
    let known = kinds.into_iter().map(|kind| KnownConstraint { reference: Arc::clone(&reference), kind });
    facts.constraints.extend(known);
}

fn leave_out(
    unused: &mut Vec<UnusedConstraint>,
    constraint: &Constraint,
    kinds: Vec<KnownConstraintKind>,
    why: String,
) {
    let first = kinds.into_iter().next();
    unused.extend(first.map(|kind| UnusedConstraint { name: constraint.name.clone(), kind, why }));
}

impl StatementTables {
    /// The plan with the foreign keys that may be used, now that all its tables are known.
    pub(in crate::session) async fn with_foreign_keys(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if !self.data_facts() {
            return Ok(plan);
        }
        let found = tables_in(&plan)?;
        let opened = self.opened();
        let by_name: HashMap<&TableName, &OpenedTable> =
            found.keys().filter_map(|snapshot| opened.get(snapshot)).map(|o| (&o.listed.table.name, o)).collect();
        let mut settled: HashMap<u64, Arc<TableFacts>> = HashMap::new();
        for (snapshot, facts) in &found {
            let Some(own) = opened.get(snapshot) else { continue };
            let mut changed: Option<TableFacts> = None;
            for constraint in own.listed.table.constraints.iter().filter(|constraint| !constraint.rely) {
                let parent = referenced(constraint).and_then(|parent| by_name.get(parent));
                let Some(parent) = parent else { continue };
                let Some(kinds) = kinds(constraint, &own.listed, &mut Vec::new()) else { continue };
                let concerned = Concerned { own: own.listed.clone(), parent: Some(parent.listed.clone()) };
                let standing = judge(self.metastore(), constraint, own.evidence_on(constraint), &concerned).await?;
                let facts = changed.get_or_insert_with(|| facts.as_ref().clone());
                facts.unused.retain(|unused| unused.name != constraint.name);
                match standing.why_not {
                    None => use_constraint(facts, constraint, kinds, Trust::Checked),
                    Some(why) => leave_out(&mut facts.unused, constraint, kinds, why),
                }
            }
            if let Some(changed) = changed {
                settled.insert(*snapshot, Arc::new(changed));
            }
        }
        if settled.is_empty() { Ok(plan) } else { with_facts(plan, &settled) }
    }
}

/// The tables in a plan of which something is known, by snapshot.
fn tables_in(plan: &LogicalPlan) -> Result<HashMap<u64, Arc<TableFacts>>> {
    let mut found = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(known) = KnownTable::of(&scan.source)
        {
            found.entry(known.facts().snapshot).or_insert_with(|| Arc::clone(known.facts()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn with_facts(plan: LogicalPlan, facts: &HashMap<u64, Arc<TableFacts>>) -> Result<LogicalPlan> {
    let replaced = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let table = KnownTable::of(&scan.source).and_then(|known| {
            let facts = facts.get(&known.facts().snapshot)?;
            let table = KnownTable::new(Arc::clone(known.inner()), Arc::clone(facts));
            Some(match known.tag() {
                Some(tag) => table.tagged(tag.clone()),
                None => table,
            })
        });
        match table {
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            Some(table) => {
                scan.source = provider_as_source(Arc::new(table));
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
        }
    });
    Ok(replaced.data()?)
}
