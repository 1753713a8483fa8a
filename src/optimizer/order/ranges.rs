//! Rows of a key's table that no other side can have, as the ranges of both tell.
//!
//! ```text
//! calendar       a day a row, of two hundred years
//! inventory      a date a row, of five years
//! ```
//!
//! A join of the two leaves all of the inventory, and with it a fortieth of the calendar's days. What another join leaves of the calendar are
//! days of these five years, most likely, and not of two hundred: nobody asks for days of which there is nothing. So where both are joined,
//! only the days of these years count, and the calendar's other columns have no more values than that.
//!
//! What a filter has left of a table is within the range already, for the same reason, as long as there is room for it.

use super::cardinality::{ColumnEstimate, is_key};
use super::graph::{Graph, Member, Relation, Set};

/// What is left of a relation with a key where `other`, which has a column that is equal to it, is joined, too.
#[derive(Debug)]
pub struct InRange {
    pub relation: usize,
    pub other: usize,
    /// Rows, and values of each column.
    pub most: f64,
}

impl Graph {
    /// Compares the ranges of keys with those of the columns that they are equal to.
    pub(super) fn find_ranges(&mut self) {
        let mut found = Vec::new();
        for class in &self.equal {
            for key in &class.members {
                for other in class.members.iter().filter(|other| other.relation != key.relation) {
                    if let Some(part) = self.part_in_range(key, other) {
                        let most = (self.relations[key.relation].estimate.base_rows * part).max(1.0);
                        found.push(InRange { relation: key.relation, other: other.relation, most });
                    }
                }
            }
        }
        self.in_range = found;
    }

    /// If a column is a key: the part of its values that is in the range of another one.
    fn part_in_range(&self, key: &Member, other: &Member) -> Option<f64> {
        let table = &self.relations[key.relation].estimate;
        let (key, other) = (self.column_of(key)?, self.column_of(other)?);
        let (min, max) = is_key(key, table).then_some(key)?.min.zip(key.max)?;
        let (low, high) = other.min.zip(other.max)?;
        let part = (high.min(max) - low.max(min) + 1.0) / (max - min + 1.0);
        (part < 1.0).then(|| part.max(0.0))
    }

    fn column_of(&self, member: &Member) -> Option<&ColumnEstimate> {
        let Relation { plan, estimate, .. } = &self.relations[member.relation];
        estimate.columns.get(plan.schema().maybe_index_of_column(&member.column)?)
    }

    /// The most rows of a relation that can meet those of others in the set.
    pub(super) fn most_in_range(&self, relation: usize, set: Set) -> f64 {
        let of_set = self.in_range.iter().filter(|range| range.relation == relation && set & (1 << range.other) != 0);
        of_set.map(|range| range.most).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
    use datafusion::logical_expr::LogicalPlan;

    use super::*;
    use crate::optimizer::order::cost::Costs;
    use crate::optimizer::testing::Lab;

    /// 7,000 days in 1,000 weeks, and 300 amounts of 30 days in a row.
    fn calendar() -> Lab {
        let list = |count: usize, row: &dyn Fn(usize) -> String| (0..count).map(row).collect::<Vec<_>>().join(", ");
        Lab::new(&format!(
            "CREATE TABLE day (day_id BIGINT PRIMARY KEY, week BIGINT);
             CREATE TABLE stock (day BIGINT, amount BIGINT);
             INSERT INTO day VALUES {};
             INSERT INTO stock VALUES {};",
            list(7000, &|id| format!("({id}, {})", id / 7)),
            list(300, &|id| format!("({}, {id})", 3500 + id % 30)),
        ))
        .with_file_facts()
    }

    fn graph_of(sql: &str) -> Graph {
        let plan = calendar().pruned(sql);
        let mut found = None;
        plan.apply(|plan| {
            let LogicalPlan::Join(join) = plan else { return Ok(TreeNodeRecursion::Continue) };
            found = Graph::of(join, false)?;
            Ok(TreeNodeRecursion::Stop)
        })
        .unwrap();
        found.unwrap().0
    }

    #[test]
    fn days_without_anything_do_not_count() {
        // Each of 300 amounts meets the seven days of its week, and what is there on each of them.
        let graph = graph_of(
            "SELECT s.amount FROM stock s JOIN day d ON d.day_id = s.day JOIN day e ON e.week = d.week JOIN stock t ON t.day = e.day_id",
        );
        let places = |table: &str| {
            let is_of = |place: &usize| format!("{}", graph.relations[*place].plan.display_indent()).contains(table);
            (0..graph.relations.len()).filter(is_of).fold(0, |set, place| set | 1 << place)
        };
        let (stocks, days): (Set, Set) = (places("TableScan: stock"), places("TableScan: day"));
        assert_eq!((stocks.count_ones(), days.count_ones()), (2, 2));
        let costs = Costs::new(&graph, None);
        // Alone, days are those of all weeks.
        assert_eq!(costs.rows(days), 49_000.0);
        let most: f64 = (0..4).map(|place| graph.most_in_range(place, stocks)).filter(|most| most.is_finite()).sum();
        assert_eq!(most, 60.0);
        // 21,000 are there; with days of all weeks there would be 300 * 300 / 1000.
        let all = costs.rows(stocks | days);
        assert!(all >= 3_000.0, "{all}");
    }

    #[test]
    fn what_a_filter_leaves_is_in_the_range() {
        let graph = graph_of("SELECT s.amount, d.week FROM day d JOIN stock s ON d.day_id = s.day WHERE d.week < 300");
        let joined = Costs::new(&graph, None).rows(0b11);
        // As many as there are, and not as many as a third of the days.
        assert_eq!(joined, 300.0);
    }
}
