//! What follows from the facts of a node among themselves.

use super::super::{Because, Constant, Facts, Key, both};
use crate::optimizer::facts::ColumnSet;

impl Facts {
    /// Facts that follow from the others, made explicit: equal columns share what is known of them, constants say nothing in a key,
    /// and at most one row is a key of no columns.
    pub(super) fn finished(mut self) -> Facts {
        self.one_value_is_constant();
        self.share_among_equals();
        self.drop_constants_from_keys();
        let single = self.keys.iter().filter(|key| key.columns.is_empty()).min_by_key(|key| key.because.len());
        if let Some(because) = single.map(|key| key.because.clone()) {
            self.at_most(1, because);
        }
        if matches!(self.rows.most, Some(0 | 1)) {
            let because = self.rows.most_because.clone();
            self.keys = vec![Key { columns: ColumnSet::new(), strict: true, because }];
        }
        self
    }

    /// Between equal bounds there is one value. (A constant has no reasons: only where the bounds need none.)
    fn one_value_is_constant(&mut self) {
        for column in &mut self.columns {
            if column.constant.is_none()
                && column.not_null.as_ref().is_some_and(Vec::is_empty)
                && let (Some((min, min_because)), Some((max, max_because))) = (&column.min, &column.max)
                && min == max
                && min_because.is_empty()
                && max_because.is_empty()
            {
                column.constant = Some(Constant::Value(min.clone()));
            }
        }
    }

    fn share_among_equals(&mut self) {
        for class in self.equal.classes().to_vec() {
            let known = |column: &usize| self.columns.get(*column);
            let constants = || class.iter().filter_map(known).filter_map(|facts| facts.constant.clone());
            let constant = constants().find(|constant| matches!(constant, Constant::Value(_))).or(constants().next());
            let mut values = constants().filter(|constant| matches!(constant, Constant::Value(_)));
            let contradiction = values.next().is_some_and(|first| values.any(|other| other != first));
            let not_null = class.iter().filter_map(known).filter_map(|facts| facts.not_null.clone());
            let not_null = not_null.min_by_key(Because::len);
            if contradiction {
                self.at_most(0, Because::new());
            }
            for column in &class {
                if let Some(because) = &not_null {
                    self.set_not_null(*column, because.clone());
                }
                if let (Some(facts), Some(constant)) = (self.columns.get_mut(*column), &constant)
                    && !matches!(facts.constant, Some(Constant::Value(_)))
                {
                    facts.constant = Some(constant.clone());
                }
            }
        }
    }

    fn drop_constants_from_keys(&mut self) {
        for mut key in std::mem::take(&mut self.keys) {
            let constant = |column: &usize| self.columns.get(*column).is_some_and(|facts| facts.constant.is_some());
            for column in key.columns.clone().iter().filter(|column| constant(column)) {
                // Rows that all have NULL there are exempt from a lax key, and stay so.
                if !key.strict {
                    let Some(because) = self.is_not_null(*column) else { continue };
                    key.because = both(key.because, because);
                }
                key.columns.remove(column);
            }
            // No column is left that could be NULL.
            key.strict |= key.columns.is_empty();
            self.add_key(key);
        }
    }
}
