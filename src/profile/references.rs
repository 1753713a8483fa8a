//! Foreign keys: columns whose values are all among those of another table's key.
//!
//! Inclusion is proved on all values, but most candidates never get that far: the types must belong together, the range of the values
//! must lie in the range of the key, and there cannot be more values than the key has. Of a table that is not looked at itself, only
//! the columns that are left after this are read.
//!
//! Numbers that count from 1 are included in any longer count, so inclusion alone says little about them. Names tell which ones are
//! meant; the others are told as weak, one for a column, and only where no better one was found.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::Sample;
use super::budget::Budget;
use super::collect::collect;
use super::column::{ColumnFacts, Kept, values_type};
use super::footers::{Bounds, Footers};
use super::keys::{self, Columns, Key, can_be_key, is_dense, is_fraction, is_free_text};
use super::names::{ColumnName, SIMILAR};
use super::proof::{begins_with_duplicates, has_duplicates, has_orphans, includes};
use super::raw::Raw;
use crate::catalog::model::TableName;
use crate::error::{Error, Result};
use crate::session::Session;

/// Few values are included in anything.
const FEW: u64 = 10;
/// Rows at the beginning of a table that show most columns to be no key.
const FIRST_ROWS: u64 = 1 << 16;
/// Weak candidates that are tried for a column.
const MOST_WEAK: usize = 3;
/// Pairs of a table's columns that are tried as keys because their names are those of a child's columns.
const MOST_PAIRS: usize = 4;

/// A foreign key that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    pub(super) columns: Vec<usize>,
    pub(super) parent: TableName,
    pub(super) parent_columns: Vec<String>,
    pub(super) weak: Option<&'static str>,
    /// The parent's key, where it is neither declared nor a key of a table that was looked at itself.
    pub(super) needs: Option<NeededKey>,
    sure: f64,
}

/// A key that a parent has and that is not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NeededKey {
    Primary,
    Unique,
}

/// The table that may refer to others.
pub(super) struct Child<'a> {
    pub(super) name: &'a TableName,
    pub(super) table: &'a Arc<Raw>,
    pub(super) columns: Columns<'a>,
    pub(super) keys: &'a [Key],
    pub(super) sample: Option<Sample>,
}

/// A table that may be referred to.
pub(super) struct Parent {
    pub(super) name: TableName,
    pub(super) table: Arc<Raw>,
    pub(super) names: Vec<ColumnName>,
    pub(super) footers: Footers,
    /// Keys that are declared.
    pub(super) declared: Vec<Vec<usize>>,
    pub(super) has_primary_key: bool,
    pub(super) keys: Vec<ParentKey>,
    /// Columns that were looked at, and are keys or not.
    pub(super) known: BTreeSet<Vec<usize>>,
}

/// A key of a parent.
pub(super) struct ParentKey {
    pub(super) columns: Vec<usize>,
    bounds: Vec<Bounds>,
    /// At most so many different values.
    most: Option<u64>,
    is_dense: bool,
    /// All of them, where they are kept.
    values: Option<Arc<Kept>>,
    needs: Option<NeededKey>,
}

impl ParentKey {
    /// A key of a table that was looked at itself.
    pub(super) fn of(columns: Columns<'_>, key: &[usize]) -> Self {
        let facts = || key.iter().map(|column| &columns.facts[*column]);
        let single = match key {
            [column] => Some(&columns.facts[*column]),
            _ => None,
        };
        ParentKey {
            columns: key.to_vec(),
            bounds: facts().map(Bounds::of).collect(),
            most: Some(columns.rows),
            is_dense: single.is_some_and(|facts| is_dense(facts, columns.rows.saturating_sub(facts.nulls))),
            values: single.and_then(|facts| facts.values.clone()),
            needs: None,
        }
    }

    fn declared(footers: &Footers, key: &[usize]) -> Self {
        ParentKey {
            columns: key.to_vec(),
            bounds: key.iter().map(|column| footers.bounds[*column].clone()).collect(),
            most: footers.rows,
            // Taken for the usual case: then it is names that count.
            is_dense: true,
            values: None,
            needs: None,
        }
    }
}

/// Looks for the keys of `parent` that columns of `children` may refer to.
pub(super) async fn find_keys(
    session: &Session,
    parent: &mut Parent,
    children: &[Child<'_>],
    budget: &Arc<Budget>,
) -> Result<()> {
    for key in std::mem::take(&mut parent.declared) {
        if parent.known.insert(key.clone()) {
            parent.keys.push(ParentKey::declared(&parent.footers, &key));
        }
    }
    let schema = parent.table.schema();
    let before: &Parent = parent;
    let wanted: Vec<usize> = (0..schema.fields().len())
        .filter(|column| !before.known.contains([*column].as_slice()) && may_be_referred_to(before, *column, children))
        .collect();
    let wanted = without_early_duplicates(session, parent, wanted, budget).await?;
    if !wanted.is_empty() {
        let facts = collect(session, &parent.table, &wanted, None, budget).await?;
        for (column, of_column) in wanted.iter().zip(&facts.columns) {
            parent.known.insert(vec![*column]);
            let is_unique = match of_column.is_unique(facts.rows) {
                Some(known) => known,
                None => !has_duplicates(session, &parent.table, &[*column]).await?,
            };
            if is_unique && keys::weakness(facts.rows, of_column, &parent.names[*column]).is_none() {
                let names = std::slice::from_ref(&parent.names[*column]);
                let alone = Columns { rows: facts.rows, facts: std::slice::from_ref(of_column), names };
                let is_primary =
                    !parent.has_primary_key && of_column.nulls == 0 && names.iter().all(ColumnName::is_own_key);
                let needs = Some(if is_primary { NeededKey::Primary } else { NeededKey::Unique });
                parent.keys.push(ParentKey { columns: vec![*column], needs, ..ParentKey::of(alone, &[0]) });
            }
        }
    }
    find_pairs(session, parent, children, budget).await
}

/// The columns that do not repeat a value in the table's first rows.
async fn without_early_duplicates(
    session: &Session,
    parent: &Parent,
    columns: Vec<usize>,
    budget: &Arc<Budget>,
) -> Result<Vec<usize>> {
    if columns.is_empty() || parent.footers.rows.is_some_and(|rows| rows <= FIRST_ROWS * 2) {
        return Ok(columns);
    }
    let facts = collect(session, &parent.table, &columns, Some(Sample::Rows(FIRST_ROWS)), budget).await?;
    let unique =
        |of_column: &ColumnFacts| of_column.is_unique(facts.rows) != Some(false) || of_column.nulls == facts.rows;
    Ok(columns.iter().zip(&facts.columns).filter(|(_, facts)| unique(facts)).map(|(column, _)| *column).collect())
}

/// Pairs of columns that two columns of one child are named after.
async fn find_pairs(
    session: &Session,
    parent: &mut Parent,
    children: &[Child<'_>],
    budget: &Arc<Budget>,
) -> Result<()> {
    for pair in named_pairs(parent, children).into_iter().take(MOST_PAIRS) {
        parent.known.insert(pair.clone());
        let first = usize::try_from(FIRST_ROWS).unwrap_or(usize::MAX);
        if !begins_with_duplicates(session, &parent.table, &pair, first).await?
            && !has_duplicates(session, &parent.table, &pair).await?
        {
            let facts = collect(session, &parent.table, &pair, None, budget).await?;
            let has_nulls = facts.columns.iter().any(|column| column.nulls > 0);
            let needs = Some(if parent.has_primary_key || has_nulls { NeededKey::Unique } else { NeededKey::Primary });
            parent.keys.push(ParentKey { is_dense: false, needs, ..ParentKey::declared(&parent.footers, &pair) });
        }
    }
    Ok(())
}

/// The pairs of columns that are still to be looked at.
fn named_pairs(parent: &Parent, children: &[Child<'_>]) -> BTreeSet<Vec<usize>> {
    let is_key = |column: usize| parent.keys.iter().any(|key| key.columns == [column]);
    let mut pairs: BTreeSet<Vec<usize>> = BTreeSet::new();
    for child in children.iter().filter(|child| *child.name != parent.name && child.sample.is_none()) {
        let named: Vec<usize> = (0..parent.names.len())
            .filter(|column| !is_key(*column) && named_after(parent, *column, child).is_some())
            .collect();
        for (index, one) in named.iter().enumerate() {
            pairs.extend(named.iter().skip(index + 1).map(|other| vec![*one, *other]));
        }
    }
    pairs.retain(|pair| !parent.known.contains(pair));
    pairs
}

/// The column of the child that most surely refers to this column by name, if its values may be among those of the column.
fn named_after(parent: &Parent, column: usize, child: &Child<'_>) -> Option<(usize, f64)> {
    let sure = |candidate: usize| child.columns.names[candidate].refers_to(&parent.names[column], false);
    (0..child.columns.facts.len())
        .filter(|candidate| {
            let facts = &child.columns.facts[*candidate];
            can_refer(child.columns, *candidate)
                && may_include(&parent.table, column, &parent.footers.bounds[column], facts).is_some()
        })
        .map(|candidate| (candidate, sure(candidate)))
        .filter(|(_, sure)| *sure >= SIMILAR)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn may_be_referred_to(parent: &Parent, column: usize, children: &[Child<'_>]) -> bool {
    let data_type = parent.table.schema().field(column).data_type().clone();
    can_be_key(&data_type)
        && !is_fraction(&data_type)
        && children.iter().any(|child| {
            let is_own = |candidate: usize| *child.name == parent.name && candidate == column;
            (0..child.columns.facts.len()).any(|candidate| {
                let facts = &child.columns.facts[candidate];
                can_refer(child.columns, candidate)
                    && !is_own(candidate)
                    && is_few_enough(facts, parent.footers.rows)
                    && may_include(&parent.table, column, &parent.footers.bounds[column], facts).is_some()
            })
        })
}

/// Whether a column's values may be names of something else.
fn can_refer(columns: Columns<'_>, column: usize) -> bool {
    let facts = &columns.facts[column];
    can_be_key(&facts.data_type) && !is_fraction(&facts.data_type) && !is_free_text(facts) && facts.nulls < columns.rows
}

/// Whether there can be a row of the parent for each value.
fn is_few_enough(facts: &ColumnFacts, rows: Option<u64>) -> bool {
    match (facts.distinct, rows) {
        (Some(distinct), Some(rows)) if distinct.exact => distinct.count <= rows,
        (Some(distinct), Some(rows)) => distinct.count as f64 * 0.95 <= rows as f64,
        _ => true,
    }
}

/// The type in which values of the child are looked up among those of a parent's column; `None` if some cannot be there.
fn may_include(parent: &Arc<Raw>, column: usize, bounds: &Bounds, child: &ColumnFacts) -> Option<DataType> {
    let common = common_type(parent.schema().field(column).data_type(), &child.data_type)?;
    let is_before = |one: &Option<ScalarValue>, other: &Option<ScalarValue>| match (one, other) {
        (Some(one), Some(other)) => match (one.cast_to(&common), other.cast_to(&common)) {
            (Ok(one), Ok(other)) => one < other,
            _ => false,
        },
        _ => false,
    };
    (!is_before(&child.min, &bounds.min) && !is_before(&bounds.max, &child.max)).then_some(common)
}

/// The type in which values of both types can be compared, if they can be names of the same things.
pub(super) fn common_type(one: &DataType, other: &DataType) -> Option<DataType> {
    let (one, other) = (values_type(one), values_type(other));
    if one == other {
        return Some(one.clone());
    }
    let whole = |data_type: &DataType| data_type.is_integer() || (data_type.is_decimal() && !is_fraction(data_type));
    let date = |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Date64);
    let belong = (whole(one) && whole(other)) || (one.is_string() && other.is_string()) || (date(one) && date(other));
    if belong { comparison_coercion(one, other).map(|common| values_type(&common).clone()) } else { None }
}

/// A foreign key that is still to be proved.
struct Candidate<'a> {
    columns: Vec<usize>,
    parent: &'a Parent,
    key: &'a ParentKey,
    types: Vec<DataType>,
    sure: f64,
    weak: Option<&'static str>,
}

/// The foreign keys of a table, the likeliest first.
pub(super) async fn find(session: &Session, child: &Child<'_>, parents: &[Parent]) -> Result<Vec<Reference>> {
    let mut found: Vec<Reference> = Vec::new();
    let mut tried: Vec<(usize, usize)> = Vec::new();
    for candidate in candidates(child, parents) {
        if candidate.weak.is_some()
            && let [column] = candidate.columns.as_slice()
        {
            let count = tried.iter().filter(|(tried, _)| tried == column).count();
            if count >= MOST_WEAK || found.iter().any(|reference| reference.columns.contains(column)) {
                continue;
            }
            tried.push((*column, count));
        }
        if holds(session, child, &candidate).await? {
            let schema = candidate.parent.table.schema();
            let names = candidate.key.columns.iter().map(|column| schema.field(*column).name().clone());
            found.push(Reference {
                columns: candidate.columns,
                parent: candidate.parent.name.clone(),
                parent_columns: names.collect(),
                weak: candidate.weak,
                needs: candidate.key.needs,
                sure: candidate.sure,
            });
        }
    }
    // In the order of the table's columns, for whoever reads it.
    found.sort_by(|one, other| {
        let order =
            |reference: &Reference| (reference.weak.is_some(), reference.columns.len(), reference.columns.clone());
        order(one).cmp(&order(other)).then(other.sure.total_cmp(&one.sure))
    });
    Ok(found)
}

/// What may be a foreign key, in the order in which it is tried.
fn candidates<'a>(child: &Child<'_>, parents: &'a [Parent]) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for parent in parents {
        // What a sample has is no more than a sample of the table's own keys.
        if *child.name == parent.name && child.sample.is_some() {
            continue;
        }
        for key in &parent.keys {
            match key.columns.as_slice() {
                [column] => candidates.extend(single_candidates(child, parent, key, *column)),
                _ => candidates.extend(wide_candidate(child, parent, key)),
            }
        }
    }
    candidates.sort_by_key(|candidate| (candidate.weak.is_some(), Reverse((candidate.sure * 1000.0) as u64)));
    candidates
}

fn single_candidates<'a>(
    child: &Child<'_>,
    parent: &'a Parent,
    key: &'a ParentKey,
    key_column: usize,
) -> Vec<Candidate<'a>> {
    let itself = *child.name == parent.name;
    let is_own_key =
        |column: usize| child.keys.first().is_some_and(|key| key.columns == [column] && key.weak.is_none());
    let mut candidates = Vec::new();
    for (column, facts) in child.columns.facts.iter().enumerate() {
        if !can_refer(child.columns, column) || (itself && column == key_column) || !is_few_enough(facts, key.most) {
            continue;
        }
        let Some(common) = key.bounds.first().and_then(|bounds| may_include(&parent.table, key_column, bounds, facts))
        else {
            continue;
        };
        let sure = child.columns.names[column].refers_to(&parent.names[key_column], itself);
        let weak = weakness(facts, key, sure);
        // A table's own key that happens to lie within another one's is no reference.
        if weak.is_some() && is_own_key(column) {
            continue;
        }
        candidates.push(Candidate { columns: vec![column], parent, key, types: vec![common], sure, weak });
    }
    candidates
}

/// Why values may be among those of a key by chance.
fn weakness(facts: &ColumnFacts, key: &ParentKey, sure: f64) -> Option<&'static str> {
    let is_few = facts.distinct.is_some_and(|distinct| distinct.count <= FEW);
    match sure >= SIMILAR {
        true => None,
        false if is_few => Some("few values"),
        false if key.is_dense || values_type(&facts.data_type).is_temporal() => Some("only the ranges agree"),
        false => None,
    }
}

/// Columns of the child that are named after all columns of a key.
fn wide_candidate<'a>(child: &Child<'_>, parent: &'a Parent, key: &'a ParentKey) -> Option<Candidate<'a>> {
    if child.sample.is_some() {
        return None;
    }
    let (mut columns, mut types, mut sure) = (Vec::new(), Vec::new(), 1.0_f64);
    for (key_column, bounds) in key.columns.iter().zip(&key.bounds) {
        let (column, sure_of_it) = named_after(parent, *key_column, child)?;
        if columns.contains(&column) {
            return None;
        }
        types.push(may_include(&parent.table, *key_column, bounds, &child.columns.facts[column])?);
        columns.push(column);
        sure = sure.min(sure_of_it);
    }
    let is_itself = *child.name == parent.name && columns == key.columns;
    (!is_itself).then_some(Candidate { columns, parent, key, types, sure, weak: None })
}

/// Looks at all values.
async fn holds(session: &Session, child: &Child<'_>, candidate: &Candidate<'_>) -> Result<bool> {
    if let ([column], [common]) = (candidate.columns.as_slice(), candidate.types.as_slice())
        && let Some(kept) = &child.columns.facts[*column].values
    {
        if let Some(values) = &candidate.key.values {
            let (parent, child, common) = (Arc::clone(values), Arc::clone(kept), common.clone());
            let included = tokio::task::spawn_blocking(move || includes(&parent.array, &child.array, &common)).await;
            let included = included.map_err(|error| Error::statement(format!("looking at values stopped: {error}")))?;
            return Ok(included?.unwrap_or(false));
        }
        if child.sample.is_some() {
            let sample = super::raw::Raw::of_values(&child.columns.facts[*column].name, &kept.array)?;
            let parent = (&candidate.parent.table, candidate.key.columns.as_slice());
            return Ok(!has_orphans(session, (&sample, &[0]), parent, &candidate.types).await?);
        }
    }
    if child.sample.is_some() {
        return Ok(false);
    }
    let parent = (&candidate.parent.table, candidate.key.columns.as_slice());
    Ok(!has_orphans(session, (child.table, &candidate.columns), parent, &candidate.types).await?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::new_empty_array;

    use super::super::column::Distinct;
    use super::super::column::testing::{numbers, texts};
    use super::super::names::column_names;
    use super::*;

    /// A table `customers` with a key `id` from 1 to `most`.
    fn customers(data_type: &DataType, most: u64) -> Parent {
        let table = Raw::of_values("id", &new_empty_array(data_type)).unwrap();
        let facts = numbers("id", most);
        let names = column_names("customers", ["id"]);
        let columns = Columns { rows: most, facts: std::slice::from_ref(&facts), names: &names };
        let keys = vec![ParentKey::of(columns, &[0])];
        Parent {
            name: TableName::new("default", "customers"),
            table,
            names,
            footers: Footers { rows: Some(most), bounds: vec![Bounds::of(&facts)] },
            declared: Vec::new(),
            has_primary_key: false,
            keys,
            known: BTreeSet::new(),
        }
    }

    /// What is left to be proved of a column, and how weak it is.
    fn left(facts: &ColumnFacts, parent: Parent) -> Option<Option<&'static str>> {
        let table = Raw::of_values("x", &new_empty_array(&facts.data_type)).unwrap();
        let all = [facts_of(facts), numbers("other", 5)];
        let names = column_names("orders", all.iter().map(|facts| facts.name.as_str()));
        let columns = Columns { rows: 1_000, facts: &all, names: &names };
        let name = TableName::new("default", "orders");
        let child = Child { name: &name, table: &table, columns, keys: &[], sample: None };
        let parents = [parent];
        let of_first = candidates(&child, &parents).into_iter().find(|candidate| candidate.columns == [0]);
        of_first.map(|candidate| candidate.weak)
    }

    fn facts_of(facts: &ColumnFacts) -> ColumnFacts {
        ColumnFacts {
            name: facts.name.clone(),
            data_type: facts.data_type.clone(),
            min: facts.min.clone(),
            max: facts.max.clone(),
            top: Vec::new(),
            values: None,
            ..*facts
        }
    }

    fn whole(most: u64) -> Parent {
        customers(&DataType::Int64, most)
    }

    #[test]
    fn the_range_has_to_lie_in_the_key() {
        assert_eq!(left(&numbers("customer_id", 100), whole(100)), Some(None));
        assert_eq!(left(&numbers("customer_id", 101), whole(100)), None);
        let below = ColumnFacts { min: Some(ScalarValue::Int64(Some(0))), ..numbers("customer_id", 50) };
        assert_eq!(left(&below, whole(100)), None);
    }

    #[test]
    fn there_cannot_be_more_values_than_rows() {
        let many = ColumnFacts { max: Some(ScalarValue::Int64(Some(9))), ..numbers("customer_id", 11) };
        assert_eq!(left(&many, whole(10)), None);
        let about = ColumnFacts {
            distinct: Some(Distinct { count: 101, exact: false }),
            ..facts_of(&numbers("customer_id", 100))
        };
        assert_eq!(left(&about, whole(100)), Some(None), "an estimate may be too large");
    }

    #[test]
    fn types_have_to_belong_together() {
        let id = || numbers("customer_id", 50);
        assert_eq!(left(&id(), customers(&DataType::Int32, 100)), Some(None));
        assert_eq!(left(&id(), customers(&DataType::Decimal128(10, 0), 100)), Some(None));
        assert_eq!(left(&id(), customers(&DataType::Utf8View, 100)), None);
        assert_eq!(left(&texts("customer_id", 50, (1, 9)), whole(100)), None);
        let float = ColumnFacts { data_type: DataType::Float64, ..id() };
        assert_eq!(left(&float, whole(100)), None);
    }

    #[test]
    fn what_may_be_chance_is_weak() {
        assert_eq!(left(&numbers("status", 2), whole(100)), Some(Some("few values")));
        assert_eq!(left(&numbers("quantity", 50), whole(100)), Some(Some("only the ranges agree")));
        assert_eq!(left(&numbers("customer_id", 2), whole(100)), Some(None), "the name says that it is meant");
    }

    #[test]
    fn nulls_alone_refer_to_nothing() {
        let nulls = ColumnFacts { nulls: 1_000, min: None, max: None, ..numbers("customer_id", 0) };
        assert_eq!(left(&nulls, whole(100)), None);
    }

    #[test]
    fn only_columns_that_may_be_meant_are_read() {
        let wanted = |facts: ColumnFacts, parent: Parent| {
            let table = Raw::of_values("x", &new_empty_array(&facts.data_type)).unwrap();
            let names = column_names("orders", [facts.name.as_str()]);
            let columns = Columns { rows: 1_000, facts: std::slice::from_ref(&facts), names: &names };
            let name = TableName::new("default", "orders");
            let child = Child { name: &name, table: &table, columns, keys: &[], sample: None };
            may_be_referred_to(&parent, 0, &[child])
        };
        assert!(wanted(numbers("x", 50), whole(100)));
        assert!(!wanted(numbers("x", 150), whole(100)), "out of the range that the footers tell");
        assert!(!wanted(texts("x", 50, (1, 9)), whole(100)));
    }
}
