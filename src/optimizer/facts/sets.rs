//! Sets of columns, and columns that are equal.

use std::collections::BTreeSet;

/// Positions in a node's schema.
pub type ColumnSet = BTreeSet<usize>;

/// Classes of columns that are equal in every row. A column that is in no class equals itself only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Equivalences {
    classes: Vec<ColumnSet>,
}

impl Equivalences {
    /// From now on `a` and `b` are equal.
    pub fn join(&mut self, a: usize, b: usize) {
        let mut merged = ColumnSet::from([a, b]);
        self.classes.retain(|class| {
            if class.contains(&a) || class.contains(&b) {
                merged.extend(class);
                false
            } else {
                true
            }
        });
        if merged.len() > 1 {
            self.classes.push(merged);
        }
    }

    pub fn are_equal(&self, a: usize, b: usize) -> bool {
        a == b || self.classes.iter().any(|class| class.contains(&a) && class.contains(&b))
    }

    /// `column` and all that equal it.
    pub fn class_of(&self, column: usize) -> ColumnSet {
        let found = self.classes.iter().find(|class| class.contains(&column));
        found.cloned().unwrap_or_else(|| ColumnSet::from([column]))
    }

    pub fn classes(&self) -> &[ColumnSet] {
        &self.classes
    }
}
