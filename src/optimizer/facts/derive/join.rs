//! Joins.
//!
//! A side whose rows find at most one partner each keeps its keys. Else its keys still determine its own columns. A side that an outer
//! join may fill with NULLs loses what is said of every row: not-null, constants; and its strict dependencies are strict only if one
//! of their columns is never NULL before, since a row that *is* NULL there and one that was filled would look the same.
//!
//! What ON says holds for matched rows only: for all rows of an inner join, for the kept rows of a semi join; an outer join concludes
//! nothing from it.

use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, Operator};

use super::super::{
    Because, ColumnFacts, ColumnSet, CommonForeignKey, Constant, Dependency, Facts, FactsCache, Key, Origin, both,
    foreign_key_match, plain_column,
};
use super::{is_exact, predicate};
use crate::optimizer::prune::planted::broken;

pub(super) fn of_join(node: &Join, inputs: &FactsCache) -> Facts {
    let (left, right) = (inputs.of_input(&node.left), inputs.of_input(&node.right));
    let on = Condition::of(node);
    match node.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => of_two_sided(node, &left, &right, &on),
        JoinType::LeftSemi => semi(node, &left, &right, &on, node.left.schema(), Side::Left),
        JoinType::RightSemi => semi(node, &right, &left, &on, node.right.schema(), Side::Right),
        JoinType::LeftAnti => anti(&left),
        JoinType::RightAnti => anti(&right),
        JoinType::LeftMark => mark(&left),
        JoinType::RightMark => mark(&right),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

/// What a join compares.
struct Condition<'a> {
    /// Plain columns of the left and the right side that are compared exactly.
    pairs: Vec<(usize, usize)>,
    /// NULL matches NULL in a pair of ON.
    nulls_equal: bool,
    /// There is nothing but the pairs.
    only_pairs: bool,
    /// Every part that is no such pair.
    others: Vec<&'a Expr>,
    volatile: bool,
}

impl<'a> Condition<'a> {
    fn of(node: &'a Join) -> Condition<'a> {
        let (left, right) = (node.left.schema(), node.right.schema());
        let nulls_equal = node.null_equality == NullEquality::NullEqualsNull;
        let mut condition = Condition { pairs: vec![], nulls_equal, only_pairs: true, others: vec![], volatile: false };
        for (left_key, right_key) in &node.on {
            match exact_pair(left_key, right_key, left, right) {
                Some(pair) => condition.pairs.push(pair),
                None => {
                    condition.only_pairs = false;
                    condition.others.extend([left_key, right_key]);
                }
            }
        }
        for conjunct in node.filter.iter().flat_map(split_conjunction) {
            let pair = match conjunct {
                Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other }) => {
                    exact_pair(one, other, left, right).or_else(|| exact_pair(other, one, left, right))
                }
                _ => None,
            };
            match pair {
                // A stronger comparison than the pairs of a null-safe join: it may count as one of them.
                Some(pair) => condition.pairs.push(pair),
                None => {
                    condition.only_pairs = false;
                    condition.others.push(conjunct);
                }
            }
        }
        condition.volatile = condition.others.iter().any(|expr| crate::optimizer::prune::is_volatile(expr));
        condition
    }

    /// Why a row of the one side has at most one partner on the other.
    fn once(&self, other: &Facts, side_of_other: Side) -> Option<Because> {
        let columns = self.pairs.iter().map(|(left, right)| if side_of_other == Side::Left { *left } else { *right });
        other.key_within(&columns.collect(), self.nulls_equal)
    }

    /// Why every row of the one side has a partner on the other.
    fn always(&self, one: &Facts, other: &Facts, side_of_one: Side) -> Option<Because> {
        if !self.only_pairs {
            return None;
        }
        if self.pairs.is_empty() {
            return other.some_row().cloned();
        }
        let pairs: Vec<_> = match side_of_one {
            Side::Left => self.pairs.clone(),
            Side::Right => self.pairs.iter().map(|(left, right)| (*right, *left)).collect(),
        };
        let found = foreign_key_match(one, other, &pairs)?;
        found.nullable.is_empty().then_some(found.because)
    }
}

fn exact_pair(one: &Expr, other: &Expr, left: &DFSchema, right: &DFSchema) -> Option<(usize, usize)> {
    let (one, other) = (plain_column(one, left)?, plain_column(other, right)?);
    let (left_type, right_type) = (left.field(one).data_type(), right.field(other).data_type());
    (left_type == right_type && is_exact(left_type)).then_some((one, other))
}

fn of_two_sided(node: &Join, left: &Facts, right: &Facts, on: &Condition<'_>) -> Facts {
    let left_width = left.columns.len();
    let width = left_width + right.columns.len();
    let preserves_left = matches!(node.join_type, JoinType::Left | JoinType::Full);
    let preserves_right = matches!(node.join_type, JoinType::Right | JoinType::Full);
    // The left side is filled with NULLs where the right one is preserved.
    let left = Part { facts: left, offset: 0, instances: 0, filled: preserves_right };
    let right =
        Part { facts: right, offset: left_width, instances: left.facts.instances.len(), filled: preserves_left };
    let right_once = on.once(right.facts, Side::Right);
    let left_once = on.once(left.facts, Side::Left);
    let left_always = on.always(left.facts, right.facts, Side::Left);
    let right_always = on.always(right.facts, left.facts, Side::Right);

    let mut facts = Facts::nothing(0);
    facts.columns = left.columns().chain(right.columns()).collect();
    for (part, stays_whole, once) in [
        (&left, preserves_left || left_always.is_some(), &right_once),
        (&right, preserves_right || right_always.is_some(), &left_once),
    ] {
        for instance in &part.facts.instances {
            let mut instance = instance.clone();
            instance.null_extended |= part.filled;
            instance.complete &= stays_whole;
            instance.at_most_once &= once.is_some();
            facts.instances.push(instance);
        }
        for key in &part.facts.common_foreign_keys {
            let columns = key.columns.iter().map(|column| column + part.offset).collect();
            facts.common_foreign_keys.push(CommonForeignKey { columns, ..key.clone() });
        }
        for class in part.facts.equal.classes() {
            let class: Vec<usize> = class.iter().map(|column| column + part.offset).collect();
            for pair in class.windows(2) {
                facts.equal.join(pair[0], pair[1]);
            }
        }
        for dependency in &part.facts.dependencies {
            part.add_dependency(&mut facts, &dependency.from, &dependency.to, dependency.strict, &dependency.because);
        }
        if let Some(once) = once {
            for key in &part.facts.keys {
                part.add_key(&mut facts, key, once);
            }
        }
        if once.is_none() || part.filled {
            let everything: ColumnSet = (0..part.facts.columns.len()).collect();
            for key in &part.facts.keys {
                part.add_dependency(&mut facts, &key.columns, &everything, key.strict, &key.because);
            }
        }
    }
    // Where a side keeps its keys, no larger ones are needed.
    if (right_once.is_none() || left.filled) && (left_once.is_none() || right.filled) {
        combine_keys(&mut facts, &left, &right);
    }
    if node.join_type == JoinType::Inner {
        for (l, r) in &on.pairs {
            predicate::equate_columns(&mut facts, &node.schema, *l, left_width + r, on.nulls_equal);
        }
        for other in node.filter.iter().flat_map(split_conjunction) {
            predicate::learn(&mut facts, &node.schema, other);
        }
        if !on.nulls_equal {
            reject_nulls_in_keys(&mut facts, node, width);
        }
    } else if !on.volatile {
        // A row's partner is the same for all rows that are the same in what ON reads of them.
        if let Some(because) = &right_once
            && !left.filled
        {
            determined_by_other_side(&mut facts, &node.schema, on, &left, &right, because);
        }
        if let Some(because) = &left_once
            && !right.filled
        {
            determined_by_other_side(&mut facts, &node.schema, on, &right, &left, because);
        }
    }
    rows(&mut facts, node, [&left, &right], [&left_once, &right_once], [&left_always, &right_always]);
    facts.finished()
}

/// A side of a join, and where it stands in the output.
struct Part<'a> {
    facts: &'a Facts,
    offset: usize,
    instances: usize,
    /// Rows of the other side that find no partner have NULLs here.
    filled: bool,
}

impl Part<'_> {
    fn columns(&self) -> impl Iterator<Item = ColumnFacts> {
        let no_rows = self.filled && self.facts.no_rows().is_some();
        self.facts.columns.iter().map(move |column| {
            let mut column = column.clone();
            if let Some(origin) = column.origin {
                column.origin = Some(Origin { instance: origin.instance + self.instances, ..origin });
            }
            if self.filled {
                if column.not_null.is_some() && !broken("null-extended not null") {
                    column.not_null = None;
                }
                let null = matches!(&column.constant, Some(Constant::Value(value)) if value.is_null());
                if !null && (no_rows || column.constant.is_some()) {
                    column.constant = no_rows.then_some(Constant::Unknown);
                }
            }
            column
        })
    }

    fn moved(&self, columns: &ColumnSet) -> ColumnSet {
        columns.iter().map(|column| column + self.offset).collect()
    }

    /// Whether a filled row differs from all others in these columns.
    fn tells_filled_rows(&self, columns: &ColumnSet) -> Option<&Because> {
        self.facts.some_not_null(columns)
    }

    fn add_dependency(&self, facts: &mut Facts, from: &ColumnSet, to: &ColumnSet, strict: bool, because: &Because) {
        let (from_moved, to) = (self.moved(from), self.moved(to));
        let (mut strict, mut because) = (strict, because.clone());
        if self.filled && strict {
            match self.tells_filled_rows(from) {
                Some(reason) => because = both(because, reason),
                None => strict = false,
            }
        }
        facts.add_dependency(Dependency { from: from_moved, to, strict, because });
    }

    /// A key of this side, whose rows have at most one partner each.
    fn add_key(&self, facts: &mut Facts, key: &Key, once: &Because) {
        let because = both(key.because.clone(), once);
        let columns = self.moved(&key.columns);
        if !self.filled {
            facts.add_key(Key { columns, strict: key.strict, because });
        } else if !columns.is_empty() {
            // Several rows of the other side may have been filled.
            facts.add_key(Key { columns, strict: false, because });
        }
    }
}

/// A key of each side together is one of the pairs of rows.
fn combine_keys(facts: &mut Facts, left: &Part<'_>, right: &Part<'_>) {
    for one in &left.facts.keys {
        for other in &right.facts.keys {
            let mut columns = left.moved(&one.columns);
            columns.extend(right.moved(&other.columns));
            let mut strict = one.strict && other.strict;
            let mut because = both(one.because.clone(), &other.because);
            if left.filled && right.filled {
                // A left row without a partner and a right row without a partner look the same if both have NULL in all of the
                // columns.
                let told = left.tells_filled_rows(&one.columns).or_else(|| right.tells_filled_rows(&other.columns));
                match told {
                    Some(reason) => because = both(because, reason),
                    None => strict = false,
                }
                if !strict && columns.is_empty() {
                    continue;
                }
            }
            facts.add_key(Key { columns, strict, because });
        }
    }
}

/// An inner join's computed keys are not NULL either.
fn reject_nulls_in_keys(facts: &mut Facts, node: &Join, width: usize) {
    for (key, offset, schema) in node
        .on
        .iter()
        .flat_map(|(l, r)| [(l, 0, node.left.schema()), (r, node.left.schema().fields().len(), node.right.schema())])
    {
        for column in key.column_refs() {
            if let Some(position) = schema.maybe_index_of_column(column)
                && position + offset < width
                && super::rejects_nulls(key, &|other| schema.maybe_index_of_column(other) == Some(position))
            {
                facts.set_not_null(position + offset, Because::new());
            }
        }
    }
}

/// The columns of `partner` follow from what ON reads of `side`, which is preserved and whose rows have one partner at most.
fn determined_by_other_side(
    facts: &mut Facts,
    schema: &DFSchema,
    on: &Condition<'_>,
    side: &Part<'_>,
    partner: &Part<'_>,
    because: &Because,
) {
    let own = side.offset..side.offset + side.facts.columns.len();
    let mut from: ColumnSet =
        on.pairs.iter().map(|(l, r)| if side.offset == 0 { *l } else { side.offset + r }).collect();
    for expr in &on.others {
        if super::super::closure::has_subquery(expr) {
            return;
        }
        for column in expr.column_refs() {
            let Some(position) = schema.maybe_index_of_column(column) else { return };
            if !is_exact(schema.field(position).data_type()) {
                return;
            }
            if own.contains(&position) {
                from.insert(position);
            }
        }
    }
    let to = (partner.offset..partner.offset + partner.facts.columns.len()).collect();
    facts.add_dependency(Dependency { from, to, strict: true, because: because.clone() });
}

fn rows(
    facts: &mut Facts,
    node: &Join,
    [left, right]: [&Part<'_>; 2],
    [left_once, right_once]: [&Option<Because>; 2],
    [left_always, right_always]: [&Option<Because>; 2],
) {
    let (l, r) = (&left.facts.rows, &right.facts.rows);
    let mut at_least = |least: u64, because: Because| {
        if least > facts.rows.least {
            facts.rows.least = least;
            facts.rows.least_because = because;
        }
    };
    if right.filled {
        at_least(l.least, l.least_because.clone());
    } else if let Some(always) = left_always {
        at_least(l.least, both(l.least_because.clone(), always));
    }
    if left.filled {
        at_least(r.least, r.least_because.clone());
    } else if let Some(always) = right_always {
        at_least(r.least, both(r.least_because.clone(), always));
    }
    if node.on.is_empty() && node.filter.is_none() {
        at_least(l.least.saturating_mul(r.least), both(l.least_because.clone(), &r.least_because));
    }
    // Rows without a partner come on top; at most all of them.
    if let (Some(left_most), Some(right_most)) = (l.most, r.most) {
        let because = both(l.most_because.clone(), &r.most_because);
        let matched = left_most.saturating_mul(right_most);
        let most = match node.join_type {
            JoinType::Left => matched.max(left_most),
            JoinType::Right => matched.max(right_most),
            JoinType::Full => matched.max(left_most.saturating_add(right_most)),
            _ => matched,
        };
        facts.at_most(most, because);
    }
    if node.join_type == JoinType::Inner && (l.most == Some(0) || r.most == Some(0)) {
        let because = if l.most == Some(0) { &l.most_because } else { &r.most_because };
        facts.at_most(0, because.clone());
    }
    if let (Some(most), Some(once)) = (l.most, right_once)
        && !left.filled
    {
        facts.at_most(most, both(l.most_because.clone(), once));
    }
    if let (Some(most), Some(once)) = (r.most, left_once)
        && !right.filled
    {
        facts.at_most(most, both(r.most_because.clone(), once));
    }
}

/// The rows of one side that have a partner.
fn semi(node: &Join, kept: &Facts, other: &Facts, on: &Condition<'_>, schema: &DFSchema, side: Side) -> Facts {
    let mut facts = kept.clone();
    match on.always(kept, other, side) {
        Some(because) => facts.rows.least_because = both(facts.rows.least_because, &because),
        None => facts.rows_dropped(),
    }
    if let Some(because) = other.no_rows() {
        facts.at_most(0, because.clone());
    }
    for (l, r) in &on.pairs {
        let (own, partner) = if side == Side::Left { (*l, *r) } else { (*r, *l) };
        if !on.nulls_equal {
            facts.set_not_null(own, Because::new());
        }
        if let Some(constant) = &other.columns[partner].constant
            && facts.columns[own].constant.is_none()
        {
            facts.columns[own].constant = Some(constant.clone());
        }
    }
    for conjunct in node.filter.iter().flat_map(split_conjunction) {
        if conjunct.column_refs().into_iter().all(|column| schema.maybe_index_of_column(column).is_some()) {
            predicate::learn(&mut facts, schema, conjunct);
        }
    }
    facts.finished()
}

/// The rows of one side that have no partner.
fn anti(kept: &Facts) -> Facts {
    let mut facts = kept.clone();
    facts.rows_dropped();
    facts.finished()
}

/// All rows of one side, and whether they have a partner.
fn mark(kept: &Facts) -> Facts {
    let mut facts = kept.clone();
    facts.columns.push(ColumnFacts::default());
    facts
}
