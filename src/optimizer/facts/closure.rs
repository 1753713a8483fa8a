//! What columns determine, and whether a key is among them.
//!
//! A strict dependency `X → Y` holds for every two rows that are the same in `X`, NULLs included. A lax one holds for two rows that
//! are equal (`=`) in `X`: it says nothing of rows with a NULL there. So a lax one may be followed only from columns that cannot be
//! NULL *in the rows that are compared*: those that the plan keeps from being NULL, and, if the comparison is by `=`, the compared
//! columns themselves. A column that was only concluded may be NULL again: from `a = ?` and `a → b` follows that `b` is the same in
//! both rows, but not that it is not NULL, so that a lax key on `b` is no key on `a`.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;

use super::{Because, ColumnSet, Facts, both};
use crate::optimizer::prune::planted::broken;

/// Columns that are the same in the rows that are compared.
struct Closure {
    columns: ColumnSet,
    /// Those among them that cannot be NULL, beyond what the node's facts say.
    compared: ColumnSet,
    because: Because,
}

impl Facts {
    /// The columns that `columns` determine: by equality, by being constant, by strict dependencies and keys (and lax ones
    /// whose columns cannot be NULL here). With the constraints that this rests on.
    pub fn closure(&self, columns: &ColumnSet) -> (ColumnSet, Because) {
        let closure = self.close(columns, true);
        (closure.columns, closure.because)
    }

    /// A key all of whose columns `columns` determine. `nulls_equal`: rows are compared with IS NOT DISTINCT FROM (DISTINCT,
    /// GROUP BY, set operations, null-safe joins), so that a lax key over nullable columns is none.
    pub fn key_within(&self, columns: &ColumnSet, nulls_equal: bool) -> Option<Because> {
        if let Some(because) = self.at_most_one_row() {
            return Some(because.clone());
        }
        let compared = if nulls_equal { ColumnSet::new() } else { columns.clone() };
        let direct = Closure { columns: columns.clone(), compared, because: Because::new() };
        self.key_in(&direct).or_else(|| self.key_in(&self.close(columns, nulls_equal)))
    }

    /// The key that rests on the fewest constraints.
    fn key_in(&self, closure: &Closure) -> Option<Because> {
        self.keys
            .iter()
            .filter_map(|key| self.holds(&key.columns, key.strict, &key.because, closure))
            .min_by_key(|because| because.len())
            .map(|because| both(because, &closure.because))
    }

    /// Why a key or dependency over `from` can be used, if it can.
    fn holds(&self, from: &ColumnSet, strict: bool, because: &Because, closure: &Closure) -> Option<Because> {
        if !from.is_subset(&closure.columns) {
            return None;
        }
        let mut because = because.clone();
        if !strict && !broken("lax key as strict") {
            for column in from.difference(&closure.compared) {
                because = both(because, self.is_not_null(*column)?);
            }
        }
        Some(because)
    }

    fn close(&self, columns: &ColumnSet, nulls_equal: bool) -> Closure {
        let mut closure = Closure { columns: columns.clone(), compared: ColumnSet::new(), because: Because::new() };
        if !nulls_equal {
            // What equals a column that is not NULL is not NULL either.
            closure.compared = columns.clone();
            for class in self.equal.classes().iter().filter(|class| !class.is_disjoint(columns)) {
                closure.compared.extend(class);
            }
        }
        closure.columns.extend(
            self.columns.iter().enumerate().filter(|(_, facts)| facts.constant.is_some()).map(|(index, _)| index),
        );
        let everything = self.columns.len();
        loop {
            let before = closure.columns.len();
            for class in self.equal.classes() {
                if !class.is_disjoint(&closure.columns) {
                    closure.columns.extend(class);
                }
            }
            for dependency in &self.dependencies {
                if !dependency.to.is_subset(&closure.columns)
                    && let Some(because) =
                        self.holds(&dependency.from, dependency.strict, &dependency.because, &closure)
                {
                    closure.columns.extend(&dependency.to);
                    closure.because = both(std::mem::take(&mut closure.because), &because);
                }
            }
            if closure.columns.len() < everything
                && let Some(because) =
                    self.keys.iter().find_map(|key| self.holds(&key.columns, key.strict, &key.because, &closure))
            {
                closure.columns.extend(0..everything);
                closure.because = both(std::mem::take(&mut closure.because), &because);
            }
            if closure.columns.len() == before {
                return closure;
            }
        }
    }
}

/// Whether there is a subquery in an expression.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    let subquery = |expr: &Expr| {
        matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_))
    };
    // The closure never fails; if it did, nothing would be concluded.
    expr.exists(|expr| Ok(subquery(expr))).unwrap_or(true)
}
