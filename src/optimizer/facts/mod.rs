//! What is known at a plan node: keys, not-null, equivalences, constants, row bounds, completeness, provenance.
//!
//! Facts are about the rows that the node gives, and columns are positions in its schema. They are derived bottom-up from the
//! facts of the inputs (`derive/`, one file a kind of node) and kept for as long as the plan does not change
//! ([`FactsCache`]). Nothing here looks at Arrow's nullability as set by a constraint: a declared NOT NULL is never put into a schema.
//!
//! The model is Paulley's strict and lax functional dependencies (*Exploiting Functional Dependence in Query Optimization*,
//! Waterloo CS-2000-11), as CockroachDB's optimizer has them:
//!
//! - **strict**: no two rows are the same when NULL counts as equal to NULL (`IS NOT DISTINCT FROM`);
//! - **lax**: no two rows are equal under `=`; rows with a NULL among the columns are exempt.

mod cache;
mod closure;
mod derive;
mod foreign_key;
mod sets;
mod table;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;

pub use cache::FactsCache;
pub use derive::{never_null, rejects_nulls};
pub use foreign_key::{CommonForeignKey, ForeignKeyMatch, foreign_key_match, has_foreign_key};
pub use sets::{ColumnSet, Equivalences};
pub use table::*;

/// The constraints that a fact rests on; empty: it follows from the plan alone.
pub type Because = Vec<Arc<ConstraintRef>>;

/// What is known of the rows of a plan node.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The scans below whose columns can still be told apart, each one mention (a self join has two).
    pub instances: Vec<Instance>,
    /// One an output column.
    pub columns: Vec<ColumnFacts>,
    /// Column sets that tell rows apart. The empty set: at most one row.
    pub keys: Vec<Key>,
    /// `from` determines `to`, in the output of a join for example, where the key of one side is no key of the whole.
    pub dependencies: Vec<Dependency>,
    /// Foreign keys of rows that come from no single instance. Those of the instances' tables hold beside them.
    pub common_foreign_keys: Vec<CommonForeignKey>,
    /// Columns that are equal in every row (both NULL counts as equal; whether they can be is `columns[i].not_null`).
    pub equal: Equivalences,
    pub rows: RowBounds,
}

/// One scan of a table below a node.
#[derive(Debug, Clone)]
pub struct Instance {
    pub table: Arc<TableFacts>,
    /// The table's own schema, whose positions [`Origin::column`] and the table's constraints mean.
    pub schema: SchemaRef,
    pub tag: Option<InstanceTag>,
    /// Every row of the table is there at least once, as it is in the table (`complete(P)`).
    pub complete: bool,
    /// An outer join may have put NULLs in the place of its columns.
    pub null_extended: bool,
    /// No two rows of the node come from the same row of this instance.
    pub at_most_once: bool,
}

/// What is known of a column: where it comes from, and, as its own fields, what is known of its values.
#[derive(Debug, Clone, Default)]
pub struct ColumnFacts {
    /// The table's column that it is, unchanged.
    pub origin: Option<Origin>,
    /// Most nodes say of most columns what their inputs say, and plans are wide: this is copied by the node that says something else.
    values: Arc<ValueFacts>,
}

/// What is known of a column's values.
#[derive(Debug, Clone, Default)]
pub struct ValueFacts {
    /// Never NULL *in the plan* (outer joins taken into account), and why.
    pub not_null: Option<Because>,
    /// The same in every row, where NULL counts as a value.
    pub constant: Option<Constant>,
    /// No value is smaller / greater; NULLs are exempt. From constants, filters, file statistics.
    pub min: Option<(datafusion::common::ScalarValue, Because)>,
    pub max: Option<(datafusion::common::ScalarValue, Because)>,
}

impl From<ValueFacts> for ColumnFacts {
    /// A column of no table.
    fn from(values: ValueFacts) -> Self {
        ColumnFacts { origin: None, values: Arc::new(values) }
    }
}

impl Deref for ColumnFacts {
    type Target = ValueFacts;

    fn deref(&self) -> &ValueFacts {
        &self.values
    }
}

impl DerefMut for ColumnFacts {
    fn deref_mut(&mut self) -> &mut ValueFacts {
        Arc::make_mut(&mut self.values)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Value(datafusion::common::ScalarValue),
    /// The same in every row, but not known now (a parameter, an outer reference, a scalar subquery).
    Unknown,
}

/// A column of a table, by way of one instance: `instances[instance]`, and the position in that table's own schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    pub instance: usize,
    pub column: usize,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub columns: ColumnSet,
    /// Strict, or lax.
    pub strict: bool,
    pub because: Because,
}

#[derive(Debug, Clone)]
pub struct Dependency {
    pub from: ColumnSet,
    pub to: ColumnSet,
    pub strict: bool,
    pub because: Because,
}

/// How many rows a node gives. The least is 0 where nothing is known.
#[derive(Debug, Clone, Default)]
pub struct RowBounds {
    pub least: u64,
    pub least_because: Because,
    pub most: Option<u64>,
    pub most_because: Because,
}

impl Facts {
    /// Nothing is known of the rows, whose columns are `width` many.
    pub fn nothing(width: usize) -> Facts {
        Facts { columns: vec![ColumnFacts::default(); width], ..Facts::default() }
    }

    pub fn is_not_null(&self, column: usize) -> Option<&Because> {
        self.columns.get(column).and_then(|facts| facts.not_null.as_ref())
    }

    /// At most one row, and why.
    pub fn at_most_one_row(&self) -> Option<&Because> {
        match self.rows.most {
            Some(0 | 1) => Some(&self.rows.most_because),
            _ => self.keys.iter().find(|key| key.columns.is_empty()).map(|key| &key.because),
        }
    }

    /// No row at all, and why.
    pub fn no_rows(&self) -> Option<&Because> {
        (self.rows.most == Some(0)).then_some(&self.rows.most_because)
    }

    /// At least one row, and why.
    pub fn some_row(&self) -> Option<&Because> {
        (self.rows.least > 0).then_some(&self.rows.least_because)
    }
}

/// Both reasons, each constraint once.
pub fn both(mut one: Because, other: &Because) -> Because {
    for reference in other {
        if !one.contains(reference) {
            one.push(Arc::clone(reference));
        }
    }
    one
}

/// The column of `schema` that an expression is, without any computation. A cast is a computation.
pub fn plain_column(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => plain_column(&alias.expr, schema),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
