//! `max` and `min` of structs, arrays and maps: by the order in which ORDER BY has them
//!
//! DataFusion compares structs and lists with what a NULL in them makes NULL, so that `max(named_struct('v', v, 'k', k))`, which asks for the
//! row with the greatest `v`, gives a row that depends on the order in which they come. Here values are compared by their bytes in
//! arrow's row format, which has one order for all of them. A NULL within a value is the greatest in ansi, as for ORDER BY and for DuckDB,
//! and the least in hive, as for Spark and for Hive's own comparisons. NULL itself does not count.
//!
//! All other types keep DataFusion's functions, which are faster: types are known when those of a plan are settled, and these take their place
//! then.

use std::collections::VecDeque;
use std::mem::size_of_val;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::{SortOptions, cast, nullif};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::arrow::row::{RowConverter, RowParser, SortField};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use crate::sql::dialect::Dialect;

type Function = LazyLock<Arc<AggregateUDF>>;

static GREATEST_NULLS_GREATEST: Function = LazyLock::new(|| function(Extreme::Greatest, NullsInside::Greatest));
static LEAST_NULLS_GREATEST: Function = LazyLock::new(|| function(Extreme::Least, NullsInside::Greatest));
static GREATEST_NULLS_LEAST: Function = LazyLock::new(|| function(Extreme::Greatest, NullsInside::Least));
static LEAST_NULLS_LEAST: Function = LazyLock::new(|| function(Extreme::Least, NullsInside::Least));

fn function(extreme: Extreme, nulls: NullsInside) -> Arc<AggregateUDF> {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(AggregateUDF::from(NestedExtreme { extreme, nulls, signature }))
}

/// The function to be taken for DataFusion's, if the values have others inside.
pub(super) fn instead_of(function: &AggregateUDF, argument: &DataType, dialect: Dialect) -> Option<Arc<AggregateUDF>> {
    let is_max = function.inner().downcast_ref::<Max>().is_some();
    if !is_ordered(argument) || !(is_max || function.inner().downcast_ref::<Min>().is_some()) {
        return None;
    }
    let ours = match (is_max, dialect) {
        (true, Dialect::Ansi) => &GREATEST_NULLS_GREATEST,
        (false, Dialect::Ansi) => &LEAST_NULLS_GREATEST,
        (true, Dialect::Hive) => &GREATEST_NULLS_LEAST,
        (false, Dialect::Hive) => &LEAST_NULLS_LEAST,
    };
    Some(Arc::clone(ours))
}

/// Whether these are values with others inside that can be compared.
fn is_ordered(data_type: &DataType) -> bool {
    data_type.is_nested() && RowConverter::supports_fields(&[SortField::new(data_type.clone())])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Extreme {
    Greatest,
    Least,
}

/// What a NULL within a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NullsInside {
    Greatest,
    Least,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NestedExtreme {
    extreme: Extreme,
    nulls: NullsInside,
    signature: Signature,
}

impl AggregateUDFImpl for NestedExtreme {
    /// Not DataFusion's name, by which it takes a function for its own and filters rows by what it has found so far.
    fn name(&self) -> &str {
        match self.extreme {
            Extreme::Greatest => "max_nested",
            Extreme::Least => "min_nested",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [argument] => Ok(argument.clone()),
            _ => internal_err!("{} takes one value", self.name()),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = args.return_field.as_ref().clone();
        Ok(vec![Arc::new(field.with_name(format!("{}[{}]", args.name, self.name())).with_nullable(true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Values { encoded: self.encoded(args.return_field.data_type())?, best: None }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Window {
            encoded: self.encoded(args.return_field.data_type())?,
            candidates: VecDeque::new(),
            came: 0,
            gone: 0,
        }))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { encoded: self.encoded(args.return_field.data_type())?, best: Vec::new(), bytes: 0 }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

impl NestedExtreme {
    fn encoded(&self, data_type: &DataType) -> Result<Encoded> {
        let options = SortOptions { descending: false, nulls_first: self.nulls == NullsInside::Least };
        let converter = RowConverter::new(vec![SortField::new_with_options(data_type.clone(), options)])?;
        Ok(Encoded { extreme: self.extreme, parser: converter.parser(), converter, data_type: data_type.clone() })
    }
}

/// A value as bytes that have its order.
type Bytes = Box<[u8]>;

/// How values become bytes and come back.
#[derive(Debug)]
struct Encoded {
    extreme: Extreme,
    converter: RowConverter,
    parser: RowParser,
    data_type: DataType,
}

impl Encoded {
    fn is_better(&self, bytes: &[u8], than: &[u8]) -> bool {
        match self.extreme {
            Extreme::Greatest => bytes > than,
            Extreme::Least => bytes < than,
        }
    }

    /// Does `step` with each value that is not NULL, and its place.
    fn each(&self, arrays: &[ArrayRef], mut step: impl FnMut(usize, &[u8])) -> Result<()> {
        let [array] = arrays else { return internal_err!("an extreme is one of one value") };
        let rows = self.converter.convert_columns(std::slice::from_ref(array))?;
        let nulls = array.logical_nulls();
        for (place, row) in rows.iter().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(place)) {
                step(place, row.data());
            }
        }
        Ok(())
    }

    /// The values of these bytes; NULL where there are none.
    fn values<'a>(&self, values: impl Iterator<Item = Option<&'a Bytes>>) -> Result<ArrayRef> {
        let null = self.converter.convert_columns(&[ScalarValue::try_from(&self.data_type)?.to_array()?])?;
        let null = null.row(0);
        let rows = values.map(|bytes| self.parser.parse(bytes.map_or(null.data(), |bytes| bytes)));
        match self.converter.convert_rows(rows)?.into_iter().next() {
            // What was stored as a dictionary comes back without.
            Some(values) if *values.data_type() != self.data_type => Ok(cast(&values, &self.data_type)?),
            Some(values) => Ok(values),
            None => internal_err!("one column of rows gives none"),
        }
    }

    fn value(&self, bytes: Option<&Bytes>) -> Result<ScalarValue> {
        match bytes {
            Some(bytes) => ScalarValue::try_from_array(&self.values(std::iter::once(Some(bytes)))?, 0),
            None => ScalarValue::try_from(&self.data_type),
        }
    }
}

/// The extreme of all values.
#[derive(Debug)]
struct Values {
    encoded: Encoded,
    best: Option<Bytes>,
}

impl Accumulator for Values {
    fn update_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let Values { encoded, best } = self;
        encoded.each(arrays, |_, bytes| {
            if best.as_ref().is_none_or(|best| encoded.is_better(bytes, best)) {
                *best = Some(bytes.into());
            }
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.encoded.value(self.best.as_ref())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.encoded.converter.size() + self.best.as_ref().map_or(0, |best| best.len())
    }
}

/// The extreme of a window whose first rows go as others come.
#[derive(Debug)]
struct Window {
    encoded: Encoded,
    /// Values behind which no better one has come, each with its number: the first is the extreme, and each is when those before it
    /// have gone.
    candidates: VecDeque<(usize, Bytes)>,
    /// How many values have come and gone.
    came: usize,
    gone: usize,
}

impl Accumulator for Window {
    fn update_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let Window { encoded, candidates, came, .. } = self;
        encoded.each(arrays, |_, bytes| {
            while candidates.back().is_some_and(|(_, last)| !encoded.is_better(last, bytes)) {
                candidates.pop_back();
            }
            candidates.push_back((*came, bytes.into()));
            *came += 1;
        })
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("a window is not made of parts")
    }

    fn retract_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let [array] = arrays else { return internal_err!("an extreme is one of one value") };
        self.gone += array.len() - array.logical_null_count();
        while self.candidates.front().is_some_and(|(number, _)| *number < self.gone) {
            self.candidates.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.encoded.value(self.candidates.front().map(|(_, bytes)| bytes))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        let candidates = self.candidates.iter().map(|(number, bytes)| size_of_val(number) + bytes.len());
        size_of_val(self) + self.encoded.converter.size() + candidates.sum::<usize>()
    }
}

/// The extremes of many groups.
struct Groups {
    encoded: Encoded,
    best: Vec<Option<Bytes>>,
    /// How many bytes these are.
    bytes: usize,
}

impl Groups {
    fn take(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let best = emit_to.take_needed(&mut self.best);
        self.bytes -= best.iter().flatten().map(|bytes| bytes.len()).sum::<usize>();
        self.encoded.values(best.iter().map(Option::as_ref))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        arrays: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        let Groups { encoded, best, bytes: size } = self;
        best.resize(total_groups, None);
        encoded.each(arrays, |place, bytes| {
            let counts = filter.is_none_or(|filter| filter.is_valid(place) && filter.value(place));
            let Some(best) = groups.get(place).filter(|_| counts).and_then(|group| best.get_mut(*group)) else {
                return;
            };
            if best.as_ref().is_none_or(|best| encoded.is_better(bytes, best)) {
                *size += bytes.len();
                *size -= best.replace(bytes.into()).map_or(0, |worse| worse.len());
            }
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.update_batch(states, groups, None, total_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.take(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)?])
    }

    fn convert_to_state(&self, arrays: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let [array] = arrays else { return internal_err!("an extreme is one of one value") };
        let Some(filter) = filter else { return Ok(vec![Arc::clone(array)]) };
        let left_out: BooleanArray = filter.iter().map(|counts| Some(counts != Some(true))).collect();
        Ok(vec![nullif(array, &left_out)?])
    }

    fn size(&self) -> usize {
        self.best.capacity() * size_of::<Option<Bytes>>() + self.bytes + self.encoded.converter.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int64Array, StructArray};
    use datafusion::arrow::datatypes::{Field, Fields, Int64Type};
    use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};

    use super::*;

    type Pair = Option<(Option<i64>, i64)>;

    /// Structs of a value that may be NULL and one that may not.
    fn structs(pairs: &[Pair]) -> Vec<ArrayRef> {
        let fields =
            Fields::from(vec![Field::new("v", DataType::Int64, true), Field::new("k", DataType::Int64, false)]);
        let first: Int64Array = pairs.iter().map(|pair| pair.and_then(|(v, _)| v)).collect();
        let second: Int64Array = pairs.iter().map(|pair| Some(pair.map_or(0, |(_, k)| k))).collect();
        let nulls = pairs.iter().map(Option::is_some).collect::<Vec<bool>>();
        let columns: Vec<ArrayRef> = vec![Arc::new(first), Arc::new(second)];
        vec![Arc::new(StructArray::new(fields, columns, Some(nulls.into())))]
    }

    fn pair(value: &ScalarValue) -> Pair {
        pairs(&value.to_array().unwrap())[0]
    }

    fn pairs(array: &ArrayRef) -> Vec<Pair> {
        let structs = array.as_struct();
        let column = |index: usize| structs.column(index).as_primitive::<Int64Type>().clone();
        let (v, k) = (column(0), column(1));
        let pair = |row: usize| structs.is_valid(row).then(|| (v.is_valid(row).then(|| v.value(row)), k.value(row)));
        (0..structs.len()).map(pair).collect()
    }

    fn encoded(extreme: Extreme, nulls: NullsInside) -> Encoded {
        let function = NestedExtreme { extreme, nulls, signature: Signature::any(1, Volatility::Immutable) };
        function.encoded(structs(&[])[0].data_type()).unwrap()
    }

    #[test]
    fn a_null_inside_is_the_greatest_or_the_least() {
        let rows = [None, Some((Some(1), 9)), Some((None, 2)), Some((Some(1), 8)), Some((None, 1))];
        for (extreme, nulls, found) in [
            (Extreme::Greatest, NullsInside::Greatest, (None, 2)),
            (Extreme::Least, NullsInside::Greatest, (Some(1), 8)),
            (Extreme::Greatest, NullsInside::Least, (Some(1), 9)),
            (Extreme::Least, NullsInside::Least, (None, 1)),
        ] {
            let mut values = Values { encoded: encoded(extreme, nulls), best: None };
            assert_eq!(pair(&values.evaluate().unwrap()), None);
            values.update_batch(&structs(&rows)).unwrap();
            assert_eq!(pair(&values.evaluate().unwrap()), Some(found), "{extreme:?} {nulls:?}");
            values.merge_batch(&structs(&rows[..1])).unwrap();
            assert_eq!(pair(&values.evaluate().unwrap()), Some(found), "{extreme:?} {nulls:?}");
        }
    }

    #[test]
    fn groups_are_told_from_each_other_and_filtered() {
        let mut groups =
            Groups { encoded: encoded(Extreme::Greatest, NullsInside::Greatest), best: Vec::new(), bytes: 0 };
        let rows = structs(&[Some((Some(1), 1)), Some((Some(5), 2)), None, Some((Some(9), 4)), Some((None, 5))]);
        let filter = BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(false), None]);
        groups.update_batch(&rows, &[0, 1, 2, 0, 1], Some(&filter), 3).unwrap();
        assert_eq!(pairs(&groups.evaluate(EmitTo::First(1)).unwrap()), [Some((Some(1), 1))]);
        groups.update_batch(&structs(&[Some((None, 7))]), &[1], None, 2).unwrap();
        assert_eq!(pairs(&groups.evaluate(EmitTo::All).unwrap()), [Some((Some(5), 2)), Some((None, 7))]);
        assert_eq!(groups.bytes, 0);
        let states =
            groups.convert_to_state(&structs(&[Some((None, 7)), Some((None, 8))]), Some(&filter.slice(2, 2))).unwrap();
        assert_eq!(pairs(&states[0]), [Some((None, 7)), None]);
    }

    #[test]
    fn rows_leave_a_window_in_their_order() {
        let mut window = Window {
            encoded: encoded(Extreme::Greatest, NullsInside::Least),
            candidates: VecDeque::new(),
            came: 0,
            gone: 0,
        };
        let rows = [Some((Some(7), 1)), None, Some((Some(5), 2)), Some((None, 3)), Some((Some(4), 4))];
        let mut found = Vec::new();
        window.update_batch(&structs(&rows)).unwrap();
        for row in rows {
            found.push(pair(&window.evaluate().unwrap()).and_then(|(v, _)| v));
            window.retract_batch(&structs(&[row])).unwrap();
        }
        assert_eq!(found, [Some(7), Some(5), Some(5), Some(4), Some(4)]);
        assert_eq!(pair(&window.evaluate().unwrap()), None);
    }

    #[test]
    fn values_without_others_inside_keep_the_function() {
        let list = DataType::new_list(DataType::Int64, true);
        for dialect in [Dialect::Ansi, Dialect::Hive] {
            assert!(instead_of(&max_udaf(), &DataType::Int64, dialect).is_none());
            assert!(instead_of(&min_udaf(), &DataType::Utf8View, dialect).is_none());
            assert_eq!(instead_of(&max_udaf(), &list, dialect).unwrap().name(), "max_nested");
            assert_eq!(instead_of(&min_udaf(), &list, dialect).unwrap().name(), "min_nested");
        }
    }
}
