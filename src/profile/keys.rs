//! Keys: which columns, alone or in pairs, have different values in every row.
//!
//! A column is a key by its number of distinct values, which one scan of the table tells. Pairs are many, so they are cut down first:
//! a pair can only differ in every row if there are as many combinations of its values as rows, and a pair that has a key in it tells
//! nothing new. One more scan refutes most of the rest; what survives is proved by a plan of its own.
//!
//! Some keys hold by chance: in a small table every text differs. They are found and told like the others, but marked as weak.

use std::cmp::Reverse;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::Sample;
use super::column::{ColumnFacts, values_type};
use super::names::ColumnName;
use super::pairs::{PairWatcher, Verdict};
use super::proof::has_duplicates;
use super::raw::Raw;
use super::scan::{scan, threads};
use crate::error::Result;
use crate::session::Session;

/// Pairs that are looked at in the scan.
const MOST_PAIRS: usize = 64;
/// Pairs that are proved by plans of their own.
const MOST_PROOFS: usize = 8;
/// In a table with fewer rows, pairs of columns differ by chance.
const FEW_ROWS: u64 = 100;
/// A text that may be longer, and is not always as long, was written by people for people.
const FREE_TEXT: usize = 48;

/// A key that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Places of its columns in the table.
    pub(super) columns: Vec<usize>,
    /// Whether no column has a NULL.
    pub(super) is_not_null: bool,
    /// Why it may hold by chance.
    pub(super) weak: Option<&'static str>,
}

/// A table's columns as the search for keys needs them.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) rows: u64,
    pub(super) facts: &'a [ColumnFacts],
    pub(super) names: &'a [ColumnName],
}

/// All keys of one column, and of two where none of them is a key by itself; the likeliest first.
pub(super) async fn find(
    session: &Session,
    table: &Arc<Raw>,
    columns: Columns<'_>,
    sample: Option<Sample>,
) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for (column, facts) in columns.facts.iter().enumerate() {
        if !can_be_key(&facts.data_type) {
            continue;
        }
        let is_unique = match facts.is_unique(columns.rows) {
            Some(known) => known,
            // Of a sample, an estimate is all there is.
            None => sample.is_none() && !has_duplicates(session, table, &[column]).await?,
        };
        if is_unique {
            keys.push(key(columns, vec![column]));
        }
    }
    let candidates = pair_candidates(columns, &keys);
    // A small table with a key has pairs that differ, whatever they mean.
    let is_small = columns.rows < FEW_ROWS && has_own_key(columns, &keys);
    for (one, other) in unique_pairs(session, table, candidates, sample).await? {
        let mut pair = key(columns, vec![one, other]);
        if is_small {
            pair.weak = pair.weak.or(Some("few values"));
        }
        keys.push(pair);
    }
    keys.sort_by_key(|key| Reverse(rank(columns, key)));
    Ok(keys)
}

/// The pairs among `candidates` that differ in every row.
async fn unique_pairs(
    session: &Session,
    table: &Arc<Raw>,
    candidates: Vec<(usize, usize)>,
    sample: Option<Sample>,
) -> Result<Vec<(usize, usize)>> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let mut scanned: Vec<usize> = candidates.iter().flat_map(|(one, other)| [*one, *other]).collect();
    scanned.sort_unstable();
    scanned.dedup();
    let place = |column: usize| scanned.binary_search(&column).unwrap_or_default();
    let count = threads(session, candidates.len());
    let watchers = (0..count).map(|thread| {
        let own = candidates.iter().skip(thread).step_by(count);
        PairWatcher::new(own.map(|(one, other)| (place(*one), place(*other))))
    });
    let (_, watchers) = scan(session, table, &scanned, sample, watchers.collect()).await?;
    let verdict_of = |pair: (usize, usize)| {
        let wanted = (place(pair.0), place(pair.1));
        let mut verdicts = watchers.iter().flat_map(PairWatcher::verdicts);
        verdicts.find(|(pair, _)| *pair == wanted).map_or(Verdict::Duplicates, |(_, verdict)| verdict)
    };
    let mut unique = Vec::new();
    let mut proofs = 0;
    for pair in candidates {
        let holds = match verdict_of(pair) {
            Verdict::Duplicates => false,
            Verdict::Unique => true,
            // A larger sample is not proved; it is none of the evidence anyway.
            Verdict::Open if sample.is_some() => true,
            Verdict::Open => {
                proofs += 1;
                proofs <= MOST_PROOFS && !has_duplicates(session, table, &[pair.0, pair.1]).await?
            }
        };
        if holds {
            unique.push(pair);
        }
    }
    Ok(unique)
}

/// The pairs that may be keys, the likeliest first.
pub(super) fn pair_candidates(columns: Columns<'_>, keys: &[Key]) -> Vec<(usize, usize)> {
    let has_own_key = has_own_key(columns, keys);
    let usable = |column: usize| {
        let facts = &columns.facts[column];
        can_be_key(&facts.data_type)
            && !keys.iter().any(|key| key.columns == [column])
            && !is_free_text(facts)
            && facts.distinct.is_some_and(|distinct| distinct.count > 1)
            // With a key of its own, a table has others only by intent, and those have names.
            && (!has_own_key || weakness_in_pair(columns, column).is_none())
    };
    let usable: Vec<usize> = (0..columns.facts.len()).filter(|column| usable(*column)).collect();
    let mut pairs = Vec::new();
    for (index, one) in usable.iter().enumerate() {
        for other in usable.iter().skip(index + 1) {
            if has_room(columns, *one, *other) {
                pairs.push((*one, *other));
            }
        }
    }
    pairs.sort_by_key(|(one, other)| Reverse(rank(columns, &key(columns, vec![*one, *other]))));
    pairs.truncate(MOST_PAIRS);
    pairs
}

/// Whether a key is there that is called one.
fn has_own_key(columns: Columns<'_>, keys: &[Key]) -> bool {
    let is_named = |column: &usize| columns.names.get(*column).is_some_and(ColumnName::is_key);
    keys.iter().any(|key| key.weak.is_none() && key.columns.iter().all(is_named))
}

/// Whether there are as many combinations of values as rows that have both.
fn has_room(columns: Columns<'_>, one: usize, other: usize) -> bool {
    let (one, other) = (&columns.facts[one], &columns.facts[other]);
    // An estimate may be too small.
    let most = |facts: &ColumnFacts| match facts.distinct {
        Some(distinct) if distinct.exact => distinct.count as f64,
        Some(distinct) => distinct.count as f64 * 1.05,
        None => 0.0,
    };
    let rows = columns.rows.saturating_sub(one.nulls.saturating_add(other.nulls));
    rows > 0 && most(one) * most(other) >= rows as f64
}

fn key(columns: Columns<'_>, members: Vec<usize>) -> Key {
    let weak = match members.as_slice() {
        [column] => weakness(columns.rows, &columns.facts[*column], &columns.names[*column]),
        _ => members.iter().find_map(|column| weakness_in_pair(columns, *column)),
    };
    let is_not_null = members.iter().all(|column| columns.facts[*column].nulls == 0);
    Key { columns: members, is_not_null, weak }
}

/// Why a column may differ in every row by chance.
pub(super) fn weakness(rows: u64, facts: &ColumnFacts, name: &ColumnName) -> Option<&'static str> {
    let values = rows.saturating_sub(facts.nulls);
    if name.is_key() {
        return None;
    }
    if values < 3 {
        return Some("few values");
    }
    if is_free_text(facts) {
        return Some("free text");
    }
    match values_type(&facts.data_type) {
        other if is_fraction(other) => Some("a measure"),
        other if other.is_temporal() && !name.is_key_part() => Some("a time"),
        other if (other.is_integer() || other.is_decimal()) && !is_dense(facts, values) => Some("not named like a key"),
        _ => None,
    }
}

/// Why a column may be a part of a key by chance.
fn weakness_in_pair(columns: Columns<'_>, column: usize) -> Option<&'static str> {
    let (facts, name) = (&columns.facts[column], &columns.names[column]);
    let is_code = || facts.distinct.is_some_and(|distinct| distinct.count.saturating_mul(10) <= columns.rows);
    match values_type(&facts.data_type) {
        _ if name.is_key_part() && !is_fraction(&facts.data_type) => None,
        DataType::Date32 | DataType::Date64 => None,
        other if other.is_string() && is_code() => None,
        _ => Some("not named like a key"),
    }
}

/// What the order of keys depends on, the more important first.
fn rank(columns: Columns<'_>, key: &Key) -> (bool, bool, bool, bool, Reverse<usize>, u8, Reverse<usize>) {
    let members = || key.columns.iter().filter_map(|column| columns.names.get(*column));
    let types = key.columns.iter().map(|column| type_rank(&columns.facts[*column].data_type));
    (
        key.weak.is_none(),
        key.is_not_null,
        members().all(ColumnName::is_key_part) && members().any(ColumnName::is_key),
        members().any(ColumnName::is_own_key),
        Reverse(key.columns.len()),
        types.min().unwrap_or_default(),
        Reverse(key.columns.iter().sum()),
    )
}

fn type_rank(data_type: &DataType) -> u8 {
    match values_type(data_type) {
        other if other.is_integer() => 3,
        other if other.is_decimal() && !is_fraction(other) => 3,
        other if other.is_string() => 2,
        other if other.is_temporal() => 1,
        _ => 0,
    }
}

/// Whether a key may have values of this type. Floats are measured, and what is measured is no name for anything.
pub(super) fn can_be_key(data_type: &DataType) -> bool {
    let data_type = values_type(data_type);
    !data_type.is_floating()
        && !data_type.is_nested()
        && !matches!(data_type, DataType::Null | DataType::Boolean | DataType::Interval(_) | DataType::Duration(_))
}

pub(super) fn is_fraction(data_type: &DataType) -> bool {
    match values_type(data_type) {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale > 0,
        _ => false,
    }
}

pub(super) fn is_free_text(facts: &ColumnFacts) -> bool {
    facts.lengths.is_some_and(|(shortest, longest)| longest > FREE_TEXT && shortest * 4 < longest * 3)
}

/// Whether the values are numbers in a row, nearly without gaps.
pub(super) fn is_dense(facts: &ColumnFacts, values: u64) -> bool {
    match (facts.min.as_ref().and_then(as_integer), facts.max.as_ref().and_then(as_integer)) {
        (Some(min), Some(max)) => max.saturating_sub(min) < i128::from(values) * 2,
        _ => false,
    }
}

fn as_integer(value: &ScalarValue) -> Option<i128> {
    let data_type = value.data_type();
    if !data_type.is_integer() && !data_type.is_decimal() {
        return None;
    }
    match value.cast_to(&DataType::Decimal128(38, 0)).ok()? {
        ScalarValue::Decimal128(value, ..) => value,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::Distinct;
    use super::super::column::testing::{numbers, texts};
    use super::super::names::column_names;
    use super::*;

    /// The pairs that are left of a table, by their names.
    fn pairs(rows: u64, facts: &[ColumnFacts], keys: &[usize]) -> Vec<String> {
        let names = column_names("t", facts.iter().map(|facts| facts.name.as_str()));
        let columns = Columns { rows, facts, names: &names };
        let keys: Vec<Key> = keys.iter().map(|column| key(columns, vec![*column])).collect();
        let name = |column: usize| facts[column].name.as_str();
        pair_candidates(columns, &keys)
            .into_iter()
            .map(|(one, other)| format!("{} {}", name(one), name(other)))
            .collect()
    }

    #[test]
    fn a_pair_needs_as_many_combinations_as_rows() {
        let facts = [numbers("a_id", 10), numbers("b_id", 9), numbers("c_id", 50)];
        assert_eq!(pairs(100, &facts, &[]), ["a_id c_id", "b_id c_id"]);
        assert_eq!(pairs(90, &facts, &[]), ["a_id b_id", "a_id c_id", "b_id c_id"]);
        assert!(pairs(501, &facts, &[]).is_empty());
    }

    #[test]
    fn rows_with_a_null_need_no_combination() {
        let with_nulls = ColumnFacts { nulls: 20, ..numbers("b_id", 9) };
        assert_eq!(pairs(100, &[numbers("a_id", 10), with_nulls], &[]), ["a_id b_id"]);
    }

    #[test]
    fn an_estimate_may_be_too_small() {
        let about = ColumnFacts { distinct: Some(Distinct { count: 97, exact: false }), ..numbers("a_id", 97) };
        assert_eq!(pairs(1000, &[about, numbers("b_id", 10)], &[]), ["a_id b_id"]);
        assert!(pairs(1000, &[numbers("a_id", 97), numbers("b_id", 10)], &[]).is_empty());
    }

    #[test]
    fn a_pair_with_a_key_in_it_tells_nothing_new() {
        let facts = [numbers("id", 100), numbers("a_id", 50), numbers("b_id", 50)];
        assert_eq!(pairs(100, &facts, &[0]), ["a_id b_id"]);
    }

    #[test]
    fn what_is_measured_or_written_is_no_part_of_a_key() {
        let float = ColumnFacts { data_type: DataType::Float64, ..numbers("b_id", 90) };
        assert!(pairs(100, &[numbers("a_id", 50), float], &[]).is_empty());
        assert!(pairs(100, &[numbers("a_id", 50), texts("b_id", 90, (3, 200))], &[]).is_empty());
        assert_eq!(pairs(100, &[numbers("a_id", 50), texts("b_id", 90, (3, 20))], &[]), ["a_id b_id"]);
        assert!(pairs(100, &[numbers("a_id", 100), numbers("b_id", 1)], &[]).is_empty(), "one value is no help");
    }

    #[test]
    fn beside_a_key_only_names_of_keys_are_tried() {
        let facts = [numbers("id", 100), numbers("a_id", 50), numbers("amount", 90), numbers("line_no", 40)];
        assert_eq!(pairs(100, &facts, &[0]), ["a_id line_no"]);
        assert!(pairs(100, &facts[1..], &[]).contains(&"a_id amount".to_string()));
    }

    #[test]
    fn the_likeliest_pairs_are_tried_first_and_not_all() {
        let mut facts: Vec<ColumnFacts> = (0..40).map(|number| numbers(&format!("measure{number}x"), 90)).collect();
        facts.push(numbers("order_id", 50));
        facts.push(numbers("line_no", 7));
        let pairs = pairs(100, &facts, &[]);
        assert_eq!(pairs[0], "order_id line_no");
        assert_eq!(pairs.len(), MOST_PAIRS);
    }

    #[test]
    fn keys_that_may_be_chance_are_weak() {
        let weak = |rows: u64, facts: ColumnFacts| {
            let names = column_names("t", [facts.name.as_str()]);
            weakness(rows, &facts, &names[0])
        };
        assert_eq!(weak(100, numbers("order_id", 100)), None);
        assert_eq!(weak(100, texts("email", 100, (9, 40))), None);
        assert_eq!(weak(100, texts("comment", 100, (9, 200))), Some("free text"));
        assert_eq!(weak(100, texts("checksum", 100, (64, 64))), None);
        let price = ColumnFacts { data_type: DataType::Decimal128(15, 2), ..numbers("price", 100) };
        assert_eq!(weak(100, price), Some("a measure"));
        let sparse = ColumnFacts { max: Some(ScalarValue::Int64(Some(1_000_000))), ..numbers("population", 100) };
        assert_eq!(weak(100, sparse), Some("not named like a key"));
        assert_eq!(weak(2, texts("name", 2, (1, 9))), Some("few values"));
    }

    #[test]
    fn numbers_without_gaps_are_dense() {
        assert!(is_dense(&numbers("a", 100), 100));
        assert!(!is_dense(&numbers("a", 1_000), 100));
        assert!(!is_dense(&texts("a", 100, (1, 2)), 100));
    }
}
